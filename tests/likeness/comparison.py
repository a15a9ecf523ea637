"""One scenario with one client, on the simulated server and on a published one."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any, Final, get_args

from gapless.scenarios.definition.catalogue import find_one
from gapless.scenarios.definition.scenario import Scenario
from gapless.scenarios.errors import WorldBroke
from gapless.scenarios.realserver.environment import parse_server
from gapless.scenarios.realserver.playable import variant_of
from gapless.scenarios.running.runner import RunRequest, RunResult, perform
from gapless.simserver.settings import Release

# What the published server appends after each call of its model. The simulated agent has no model.
LEFT_OUT: Final = frozenset({"stats"})


@dataclass(frozen=True, slots=True)
class Seen:
    """What a run came to. ``oracles``: those that found something; ``delivered``: kinds and keys of the events of the
    runs that reached the application, in order; ``lost``: how many events were lost."""

    verdict: str
    oracles: tuple[str, ...]
    delivered: tuple[str, ...]
    lost: int
    calls: int
    message: str = ""


@dataclass(frozen=True, slots=True)
class LikenessCell:
    """A scenario with a client on both servers.

    ``broke``: why there is no run on the published one. ``basis``: a digest of what that run depends on; ``commit``:
    at which it was made.
    """

    scenario: str
    client: str
    server: str
    simulated: Seen
    published: Seen | None
    broke: str = ""
    basis: str = ""
    commit: str = ""

    @property
    def key(self) -> tuple[str, str, str]:
        return self.scenario, self.client, self.server

    @property
    def same_verdict(self) -> bool:
        """Do both servers come to the same verdict, by the same oracles?"""
        one, other = self.simulated, self.published
        return other is not None and (one.verdict, one.oracles) == (other.verdict, other.oracles)

    @property
    def same_deliveries(self) -> bool:
        """Was the same delivered, in whatever order?"""
        other = self.published
        return other is not None and sorted(self.simulated.delivered) == sorted(other.delivered)

    @property
    def same_order(self) -> bool:
        """Was it delivered in the same order?"""
        return self.published is not None and self.simulated.delivered == self.published.delivered

    def text(self) -> str:
        """As one line of JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def parse(cls, text: str) -> LikenessCell:
        """From one line of JSON."""
        said: dict[str, Any] = json.loads(text)
        for name in ("simulated", "published"):
            if said[name] is not None:
                seen = said[name]
                said[name] = Seen(**seen | {key: tuple(seen[key]) for key in ("oracles", "delivered")})
        return cls(**said)


def compared(scenario_name: str, client: str, server: str) -> LikenessCell:
    """Run a scenario on both servers."""
    simulated = on_simulated(scenario_name, client, server)
    scenario = find_one(scenario_name)
    try:
        published = seen(perform(RunRequest(scenario, *_variant(scenario, server), client, server=server)))
    except WorldBroke as error:
        return LikenessCell(scenario_name, client, server, simulated, None, str(error))
    return LikenessCell(scenario_name, client, server, simulated, published)


def on_simulated(scenario_name: str, client: str, server: str) -> Seen:
    """Run a scenario on the simulated server. It behaves as the release of the published one does."""
    scenario = find_one(scenario_name)
    release = as_release(scenario, parse_server(server).version)
    return seen(perform(RunRequest(release, *_variant(scenario, server), client)))


def _variant(scenario: Scenario, server: str) -> tuple[str, str]:
    variant = variant_of(scenario, parse_server(server))
    assert variant is not None
    return variant


def as_release(scenario: Scenario, version: str) -> Scenario:
    """The scenario on a simulated server of that release, where it has one; otherwise of its generation's."""
    if version not in get_args(Release):
        return scenario
    return scenario.model_copy(update={"server": scenario.server.model_copy(update={"version": version})})


def seen(result: RunResult) -> Seen:
    """What a run came to."""
    record = result.record
    first = record.violations[0].message if record.violations else ""
    return Seen(
        str(record.verdict),
        tuple(sorted({violation.oracle for violation in record.violations})),
        tuple(_delivered([json.loads(line) for line in result.lines])),
        record.lost_events,
        record.rest.calls,
        first,
    )


def _delivered(entries: Sequence[dict[str, Any]]) -> Iterator[str]:
    names = _names(entries)
    for entry in entries:
        if (entry["place"], entry["what"]) == ("client", "delivered") and entry["id"] in names:
            name = names[entry["id"]]
            if name not in LEFT_OUT:
                yield name


def _names(entries: Sequence[dict[str, Any]]) -> dict[str, str]:
    """The kind of each event that was appended in the run; of a state update, its key and value."""
    keys = {
        entry["id"]: (entry["key"], entry.get("value"))
        for entry in entries
        if entry["place"] in ("socket", "publisher") and entry.get("key")
    }
    # What no socket brought is named by what the journal says with it.
    for entry, following in pairwise(entries):
        if (entry["place"], following["place"], following["what"]) == ("log", "agent", "status"):
            keys.setdefault(entry["id"], ("execution_status", following["status"]))
    appended = [entry for entry in entries if (entry["place"], entry["what"]) == ("log", "append")]
    for before, entry in pairwise(appended):
        if (before["kind"], entry["branch"]) == ("MessageEvent", False):
            keys.setdefault(entry["id"], ("last_user_message_id", None))
    found = {}
    for entry in entries:
        if (entry["place"], entry["what"]) == ("log", "append"):
            key, value = keys.get(entry["id"], ("stats" if "statistics" in entry else None, None))
            name = entry["kind"].removesuffix("Event") if key is None else str(key)
            found[entry["id"]] = f"{value}" if key == "execution_status" else name
    return found
