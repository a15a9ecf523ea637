"""The faults as data, one kind a file.

A fault only decides. `gapless.simserver.link` asks it, counts how often it fires, and journals that.

Its files, in reading order:

- `match.py`     when a fault acts: a rule over facts
- `verdicts.py`  what a fault can ask for
- `base.py`      the base classes: a kind, a name, a rule, one decision
- `event_*.py`   frames that carry an event: delay, drop, duplicate, reorder; events that are stamped late, updated, or
  of an unknown kind
- `publish_*.py`, `corrupt_record.py`, `delta_flood.py`   how an event is persisted and published
- `stop_hook_veto.py`, `late_tail.py`, `snapshot_stale.py`   the end of a run, and snapshots
- `link_*.py`    connections: latency, bandwidth, stall, half_open, reset, cut, close, refuse,
  handshake_hang, quiet
- `queue_overflow.py`, `subscription_lost.py`   the server's side of a socket
- `rest_*.py`    REST calls: status, timeout, reset, malformed, unknown_cursor, stale, page_cap,
  cursor_loop, empty_page, proxy_answer, undecodable_item, idle_close
- `server_restart.py`, `runtime_asleep.py`, `log_*.py`, `clock_*.py`   the server itself, at a set time
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from gapless.simserver.errors import ConfigError
from gapless.simserver.faults.base import BaseFault
from gapless.simserver.faults.clock_step import ClockStep
from gapless.simserver.faults.clock_ties import ClockTies
from gapless.simserver.faults.corrupt_record import CorruptRecord
from gapless.simserver.faults.delta_flood import DeltaFlood
from gapless.simserver.faults.event_delay import EventDelay
from gapless.simserver.faults.event_drop import EventDrop
from gapless.simserver.faults.event_duplicate import EventDuplicate
from gapless.simserver.faults.event_reorder import EventReorder
from gapless.simserver.faults.event_stamped_late import EventStampedLate
from gapless.simserver.faults.event_unknown_kind import EventUnknownKind
from gapless.simserver.faults.event_updated import EventUpdated
from gapless.simserver.faults.late_tail import LateTail
from gapless.simserver.faults.link_bandwidth import LinkBandwidth
from gapless.simserver.faults.link_close import LinkClose
from gapless.simserver.faults.link_cut import LinkCut
from gapless.simserver.faults.link_half_open import LinkHalfOpen
from gapless.simserver.faults.link_handshake_hang import LinkHandshakeHang
from gapless.simserver.faults.link_latency import LinkLatency
from gapless.simserver.faults.link_quiet import LinkQuiet
from gapless.simserver.faults.link_refuse import LinkRefuse
from gapless.simserver.faults.link_reset import LinkReset
from gapless.simserver.faults.link_stall import LinkStall
from gapless.simserver.faults.log_insert import LogInsert
from gapless.simserver.faults.log_truncate import LogTruncate
from gapless.simserver.faults.match import Match
from gapless.simserver.faults.publish_before_persist import PublishBeforePersist
from gapless.simserver.faults.publish_never_persist import PublishNeverPersist
from gapless.simserver.faults.queue_overflow import QueueOverflow
from gapless.simserver.faults.rest_cursor_loop import RestCursorLoop
from gapless.simserver.faults.rest_empty_page import RestEmptyPage
from gapless.simserver.faults.rest_idle_close import RestIdleClose
from gapless.simserver.faults.rest_malformed import RestMalformed
from gapless.simserver.faults.rest_page_cap import RestPageCap
from gapless.simserver.faults.rest_proxy_answer import RestProxyAnswer
from gapless.simserver.faults.rest_reset import RestReset
from gapless.simserver.faults.rest_stale import RestStale
from gapless.simserver.faults.rest_status import RestStatus
from gapless.simserver.faults.rest_timeout import RestTimeout
from gapless.simserver.faults.rest_undecodable_item import RestUndecodableItem
from gapless.simserver.faults.rest_unknown_cursor import RestUnknownCursor
from gapless.simserver.faults.runtime_asleep import RuntimeAsleep
from gapless.simserver.faults.server_restart import ServerRestart
from gapless.simserver.faults.snapshot_stale import SnapshotStale
from gapless.simserver.faults.stop_hook_veto import StopHookVeto
from gapless.simserver.faults.subscription_lost import SubscriptionLost

# A fault of any kind, discriminated by `kind`. It can be the type of a field in any pydantic model.
Fault = Annotated[
    EventDelay
    | EventDrop
    | EventDuplicate
    | EventReorder
    | LinkLatency
    | LinkStall
    | LinkReset
    | LinkClose
    | LinkRefuse
    | RestStatus
    | RestTimeout
    | RestMalformed
    | RestUnknownCursor
    | CorruptRecord
    | DeltaFlood
    | LateTail
    | PublishBeforePersist
    | PublishNeverPersist
    | SnapshotStale
    | StopHookVeto
    | LinkBandwidth
    | LinkHalfOpen
    | SubscriptionLost
    | LinkCut
    | LinkHandshakeHang
    | QueueOverflow
    | ServerRestart
    | LogTruncate
    | ClockStep
    | ClockTies
    | RestReset
    | RestStale
    | RestPageCap
    | RestCursorLoop
    | RestEmptyPage
    | EventStampedLate
    | EventUnknownKind
    | EventUpdated
    | LinkQuiet
    | LogInsert
    | RestProxyAnswer
    | RestUndecodableItem
    | RuntimeAsleep
    | RestIdleClose,
    Field(discriminator="kind"),
]

KINDS: tuple[type[BaseFault], ...] = (
    EventDelay,
    EventDrop,
    EventDuplicate,
    EventReorder,
    LinkLatency,
    LinkStall,
    LinkReset,
    LinkClose,
    LinkRefuse,
    RestStatus,
    RestTimeout,
    RestMalformed,
    RestUnknownCursor,
    CorruptRecord,
    DeltaFlood,
    LateTail,
    PublishBeforePersist,
    PublishNeverPersist,
    SnapshotStale,
    StopHookVeto,
    LinkBandwidth,
    LinkHalfOpen,
    SubscriptionLost,
    LinkCut,
    LinkHandshakeHang,
    QueueOverflow,
    ServerRestart,
    LogTruncate,
    ClockStep,
    ClockTies,
    RestReset,
    RestStale,
    RestPageCap,
    RestCursorLoop,
    RestEmptyPage,
    EventStampedLate,
    EventUnknownKind,
    EventUpdated,
    LinkQuiet,
    LogInsert,
    RestProxyAnswer,
    RestUndecodableItem,
    RuntimeAsleep,
    RestIdleClose,
)

FAULT: TypeAdapter[BaseFault] = TypeAdapter(Fault, config=ConfigDict(defer_build=True))


def parse_fault(data: Mapping[str, Any]) -> BaseFault:
    """A fault from its data, as in TOML. Raises ConfigError, whose message says which key is wrong and why."""
    try:
        return FAULT.validate_python(dict(data))
    except ValidationError as error:
        first = error.errors()[0]
        if first["type"].startswith("union_tag"):
            kinds = ", ".join(str(kind.model_fields["kind"].default) for kind in KINDS)
            raise ConfigError(f"fault: `kind` is {data.get('kind')!r}, not one of {kinds}") from error
        where = ".".join(str(part) for part in first["loc"] if part != data.get("kind"))
        message = first["msg"].removeprefix("Value error, ")
        raise ConfigError(f"fault {data['kind']!r}: {where + ': ' if where else ''}{message}") from error


__all__ = [
    "FAULT",
    "KINDS",
    "BaseFault",
    "ClockStep",
    "ClockTies",
    "CorruptRecord",
    "DeltaFlood",
    "EventDelay",
    "EventDrop",
    "EventDuplicate",
    "EventReorder",
    "EventStampedLate",
    "EventUnknownKind",
    "EventUpdated",
    "Fault",
    "LateTail",
    "LinkBandwidth",
    "LinkClose",
    "LinkCut",
    "LinkHalfOpen",
    "LinkHandshakeHang",
    "LinkLatency",
    "LinkQuiet",
    "LinkRefuse",
    "LinkReset",
    "LinkStall",
    "LogInsert",
    "LogTruncate",
    "Match",
    "PublishBeforePersist",
    "PublishNeverPersist",
    "QueueOverflow",
    "RestCursorLoop",
    "RestEmptyPage",
    "RestIdleClose",
    "RestMalformed",
    "RestPageCap",
    "RestProxyAnswer",
    "RestReset",
    "RestStale",
    "RestStatus",
    "RestTimeout",
    "RestUndecodableItem",
    "RestUnknownCursor",
    "RuntimeAsleep",
    "ServerRestart",
    "SnapshotStale",
    "StopHookVeto",
    "SubscriptionLost",
    "parse_fault",
]
