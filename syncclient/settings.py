"""Every bound, wait and size of the client, with its unit. Values are validated.

Environment variables override settings for a deployment: `GAPLESS_` and the name in capitals, for example
`GAPLESS_SILENCE_S=30`. Only `Settings.from_environment` reads the environment; importing does not.
"""

from __future__ import annotations

import dataclasses
import difflib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from gapless.syncclient.errors import SettingsError

Certainty = Literal["branch", "log"]
"""What must be proven complete: `branch` is messages, actions and observations; `log` includes state updates."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Bounds, waits and sizes. Names end in their unit: `_s` is seconds, `_bytes` bytes, `_events` events.

    Raises `SettingsError` for a value that cannot work.
    """

    certainty: Certainty = "branch"
    settle_s: float = 0.25
    """How late a frame may be before it counts as missing."""
    ready_wait_s: float = 1.0
    """How long to wait for the snapshot that the server pushes on subscribe. The server may drop it (R02)."""
    snapshot_wait_s: float = 1.0
    """How late the snapshot at the end of a run may be before a new subscription asks for it (R17)."""
    veto_wait_s: float = 5.0
    """How long a status `finished` must last before it is believed without that snapshot. A stop hook may still veto
    it (R13, R14), and while a hook is working, it looks the same as if the snapshot had been lost."""
    trusts_count: bool = False
    """Whether the server is known to persist events before it publishes them. Then one count of events proves the whole
    log of a long run. Otherwise pages are read: in a count, a lost event and one that is not persisted yet could cancel
    out (R54)."""
    silence_s: float = 10.0
    """Silence during a run after which the subscription is renewed. Doubles each time, up to `silence_s_max` (R35)."""
    silence_s_max: float = 60.0
    poll_after_s: float = 3.0
    """How long the socket may be down during a run before the status is asked for by REST."""
    poll_interval_s: float = 2.0
    request_timeout_s: float = 10.0
    """How long nothing of an answer may come. One that goes on coming may take three times as long."""
    handshake_timeout_s: float = 10.0
    ping_interval_s: float = 20.0
    """How often an open socket is pinged. Without an answer within `ping_timeout_s` it counts as lost (R35)."""
    ping_timeout_s: float = 10.0
    backoff_s_min: float = 0.1
    backoff_s_max: float = 10.0
    attach_deadline_s: float = 30.0
    """Time for the first sync with its retries. After it, `ServerUnreachable` is raised."""
    repair_deadline_s: float = 30.0
    """Time for one repair with its retries. After it, the report says what is missing."""
    hidden_s_max: float = 60.0
    """How long a conversation that was known may be unknown to the server, before `ConversationNotFound` is raised. The
    lease of a process that has died hides it for 45 s (R33)."""
    run_timeout_s: float = 3600.0
    page_size_events: int = 100
    end_events: int = 10
    """How many events at each end of the log an attach reads at least, if pages are smaller than what was asked for."""
    pages_max: int = 1000
    """How many pages one repair may read. The rest becomes an explicit gap."""
    replays_max: int = 2
    """How often the same missing events are asked for by socket replay before REST is asked (session generation)."""
    frame_size_bytes_max: int = 8 * 1024 * 1024
    body_size_bytes_max: int = 64 * 1024 * 1024
    """The largest body of an answer, after decoding. A larger one is given up while it comes, like a broken request."""
    window_bytes_max: int = 32 * 1024 * 1024
    """Payloads kept in memory, in bytes of JSON text. Beyond it, the oldest are dropped first, and those of the log's
    head last of all. A page and a frame that are being read come on top."""

    def __post_init__(self) -> None:
        if self.certainty not in ("branch", "log"):
            raise SettingsError(f"certainty is {self.certainty!r}; choose 'branch' or 'log'")
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if field.name == "certainty":
                continue
            if field.name == "trusts_count":
                if not isinstance(value, bool):
                    raise SettingsError(f"trusts_count is {value!r}; give True or False")
                continue
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise SettingsError(f"{field.name} is {value!r}; give a number")
            if not math.isfinite(value) or value <= 0:
                raise SettingsError(f"{field.name} is {value!r}; give a finite number greater than zero")
        if self.page_size_events > 100:
            raise SettingsError(f"page_size_events is {self.page_size_events}; the server allows 1 to 100")
        if self.page_size_events < 3:
            raise SettingsError(
                f"page_size_events is {self.page_size_events}; give at least 3, two of a page are its anchor"
            )
        for low, high in (("backoff_s_min", "backoff_s_max"), ("silence_s", "silence_s_max")):
            if getattr(self, low) > getattr(self, high):
                raise SettingsError(f"{low} is {getattr(self, low)!r}, more than {high} {getattr(self, high)!r}")

    @classmethod
    def from_environment(cls, environment: Mapping[str, str], **overrides: object) -> Settings:
        """Settings from `GAPLESS_<NAME>` variables. `overrides` have priority. Raises `SettingsError`."""
        values: dict[str, object] = {}
        for field in dataclasses.fields(cls):
            variable = f"GAPLESS_{field.name.upper()}"
            text = environment.get(variable)
            if text is None:
                continue
            try:
                values[field.name] = _parse(text, getattr(cls(), field.name))
            except ValueError:
                wanted = "true or false" if field.name == "trusts_count" else "a number"
                raise SettingsError(f"the environment variable {variable} is {text!r}; give {wanted}") from None
        return cls(**(values | overrides))  # type: ignore[arg-type]  # __post_init__ checks each value

    def overridden(self, overrides: Mapping[str, object]) -> Settings:
        """These settings with some changed for one call. Raises `SettingsError`, also for unknown names.

        `certainty` cannot change within a conversation: what is proven for the branch may have gaps in the log.
        """
        names = [field.name for field in dataclasses.fields(self)]
        for name in overrides:
            if name not in names:
                near = difflib.get_close_matches(name, names, n=1)
                raise SettingsError(f"{name} is no setting" + (f"; did you mean {near[0]}?" if near else ""))
        if "certainty" in overrides:
            raise SettingsError("certainty cannot change from call to call; give it when the conversation is opened")
        return dataclasses.replace(self, **overrides)  # type: ignore[arg-type]  # __post_init__ checks each value


_TRUTHS = {"true": True, "1": True, "false": False, "0": False}


def _parse(text: str, default: object) -> object:
    if isinstance(default, bool):
        if text.lower() not in _TRUTHS:
            raise ValueError(text)
        return _TRUTHS[text.lower()]
    if isinstance(default, str):
        return text
    return int(text) if isinstance(default, int) else float(text)
