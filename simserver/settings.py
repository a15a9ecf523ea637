"""The settings of a fake server: generation, cursor mode, API key."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from gapless.simserver.errors import ConfigError

ServerGeneration = Literal["legacy", "tree", "session"]
CursorMode = Literal["inclusive", "exclusive"]
UnknownCursor = Literal["natural", "not-found", "bad-request"]
Release = Literal["1.58.2"]

VERSIONS: dict[ServerGeneration, str] = {"legacy": "1.11.0", "tree": "1.43.1", "session": "1.57.0"}


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """The differences between servers that a client can see.

    generation: ``legacy`` has no parent ids; ``tree`` (1.31 and later) has ``parent_id`` and ``leaf_event_id``;
    ``session`` (1.45 and later) adds the session socket. cursor: ``next_page_id`` is the first event of the next page
    (``inclusive``) or the last event of this one (``exclusive``), R50. unknown_cursor: an unknown ``page_id`` gets the
    natural beginning with 200 (``natural``, R51), 404 or 400. api_key: None admits every client. release: the release
    that the server behaves as, None for the generation's own (`VERSIONS`). replay_events_max: how many events a socket
    replays at most (R75); None for all. epochs: whether sequence numbers begin anew after each restart (R75).

    Raises ConfigError when a value is not one of those allowed.
    """

    generation: ServerGeneration = "session"
    cursor: CursorMode = "inclusive"
    unknown_cursor: UnknownCursor = "natural"
    api_key: str | None = None
    release: Release | None = None
    replay_events_max: int | None = None
    epochs: bool = False

    def __post_init__(self) -> None:
        for field, allowed in (
            ("generation", get_args(ServerGeneration)),
            ("cursor", get_args(CursorMode)),
            ("unknown_cursor", get_args(UnknownCursor)),
            ("release", (None, *get_args(Release))),
        ):
            value = getattr(self, field)
            if value not in allowed:
                raise ConfigError(f"server settings: {field} is {value!r}, not one of {', '.join(map(str, allowed))}")

    @property
    def version(self) -> str:
        """The version that ``/server_info`` reports: the release's, and in an older generation that one's own."""
        newest = self.release if self.generation == "session" else None
        return newest or VERSIONS[self.generation]

    @property
    def is_newest(self) -> bool:
        """Whether the server behaves as 1.58.2 does."""
        return self.release == "1.58.2"

    @property
    def has_tree(self) -> bool:
        """Whether events carry parent ids and snapshots the leaf."""
        return self.generation != "legacy"

    @property
    def has_session_socket(self) -> bool:
        """Whether the server has ``/sockets/session/{id}``."""
        return self.generation == "session"
