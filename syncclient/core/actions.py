"""What the core asks a driver to do. It never waits for an answer here: answers come back as events."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from gapless.syncclient.errors import SyncError
from gapless.syncclient.report import SyncReport
from gapless.syncclient.stores.saved import Batch
from gapless.syncclient.wire import Generation, LogEvent

Origin = Literal["history", "live", "repair", "resumed", "update"]
"""Where a delivered event came from.

`history` was read at attach or to fill a gap, `live` came by the socket, `repair` was missed and read later. `resumed`
may have been delivered before, by a client that has ended: it was saved and its delivery was not noted any more, or it
was dropped with a log that was replaced and is met again. `update` is a newer version of an event that was delivered.
Only such events may reach an application twice.
"""


@dataclass(frozen=True, slots=True)
class OpenSocket:
    """Open connection number `connection`; `after_seq` asks a session socket to replay what follows that log index."""

    connection: int
    generation: Generation
    after_seq: int | None


@dataclass(frozen=True, slots=True)
class CloseSocket:
    """Close connection `connection`; nothing more is wanted from it."""

    connection: int


@dataclass(frozen=True, slots=True)
class FetchPage:
    """`GET events/search`; `page_id` None means the natural start (the head, or the tail when `descending`)."""

    request: int
    page_id: str | None
    limit: int
    descending: bool


@dataclass(frozen=True, slots=True)
class FetchInfo:
    """`GET conversation`."""

    request: int


@dataclass(frozen=True, slots=True)
class FetchCount:
    """`GET events/count`, unfiltered: it reads no event."""

    request: int


@dataclass(frozen=True, slots=True)
class FetchServerInfo:
    """`GET /server_info`: which generation the server speaks."""

    request: int


@dataclass(frozen=True, slots=True)
class PostMessage:
    """`POST events`: a user message."""

    request: int
    text: str


@dataclass(frozen=True, slots=True)
class PostRun:
    """`POST run`."""

    request: int


@dataclass(frozen=True, slots=True)
class Save:
    """Keep a batch of changes, before anything that follows is done."""

    batch: Batch


@dataclass(frozen=True, slots=True)
class HistoryRead:
    """The page of history that was asked for, in the order of the log; the ledger shows what it made of the gaps."""

    events: tuple[LogEvent, ...]


@dataclass(frozen=True, slots=True)
class HistoryFailed:
    """The page of history cannot be had now; `error` is for whoever asked for it, and for nobody else."""

    error: SyncError


@dataclass(frozen=True, slots=True)
class Deliver:
    """Hand one event to the application. Each event is delivered exactly once."""

    event: LogEvent
    origin: Origin


@dataclass(frozen=True, slots=True)
class FinishAttach:
    """The first sync is done: head and tail are held, the middle is held or an explicit gap."""


@dataclass(frozen=True, slots=True)
class FinishSend:
    """The message with that ticket was taken, or not; then `error` is for its caller."""

    ticket: int
    error: SyncError | None = None


@dataclass(frozen=True, slots=True)
class FailRun:
    """The run cannot be started; `error` is for its caller, and for nobody else."""

    error: SyncError


@dataclass(frozen=True, slots=True)
class FinishRun:
    """The run is over, or its deadline has come (`timed_out`); `report` says what is known and by which proof."""

    report: SyncReport
    timed_out: bool = False


@dataclass(frozen=True, slots=True)
class Fail:
    """Nothing more can be done; `error` is what the caller gets to see."""

    error: SyncError


Ask = FetchPage | FetchInfo | FetchCount | FetchServerInfo | PostMessage | PostRun
"""A REST request; its number comes back with the answer."""

Action = (
    OpenSocket
    | CloseSocket
    | Ask
    | Save
    | Deliver
    | HistoryRead
    | HistoryFailed
    | FinishAttach
    | FinishSend
    | FailRun
    | FinishRun
    | Fail
)
