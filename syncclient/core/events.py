"""What can happen to the core: everything that a driver tells it. Times come with the call, never from here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from gapless.syncclient.settings import Settings
from gapless.syncclient.stores.saved import Saved
from gapless.syncclient.wire import Frame, Generation, Info, LogEvent, Page


@dataclass(frozen=True, slots=True)
class AttachRequested:
    """The caller wants to follow the conversation, whose server speaks `generation`; None asks the server.

    `saved` is what an earlier client knew of it; `payloads` are the events of that which are to be in memory, or were
    perhaps never delivered.
    """

    generation: Generation | None
    saved: Saved | None = None
    payloads: Mapping[str, LogEvent] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class HistoryRequested:
    """The caller wants the page of the log that follows the placed event `after_id`, or begins the log (None)."""

    after_id: str | None


@dataclass(frozen=True, slots=True)
class HistoryAbandoned:
    """Nobody waits for that page any more."""


@dataclass(frozen=True, slots=True)
class SendRequested:
    """The caller wants a user message to be posted; `ticket` comes back with the result."""

    ticket: int
    text: str


@dataclass(frozen=True, slots=True)
class SendAbandoned:
    """Nobody waits for that message any more."""

    ticket: int


@dataclass(frozen=True, slots=True)
class RunRequested:
    """The caller wants the agent to run, and to know when the run is over and all of it is held."""

    settings: Settings | None = None
    """The settings of this run, where they are not those of the conversation."""


@dataclass(frozen=True, slots=True)
class SocketOpened:
    """The WebSocket handshake of connection number `connection` is done."""

    connection: int


@dataclass(frozen=True, slots=True)
class SocketClosed:
    """Connection `connection` is gone, or never came to be; `code` is the close code, None when there was none."""

    connection: int
    code: int | None
    reason: str


@dataclass(frozen=True, slots=True)
class FrameReceived:
    """A whole frame came on connection `connection`."""

    connection: int
    frame: Frame


@dataclass(frozen=True, slots=True)
class FrameRejected:
    """A frame came that the wire contract does not allow; `reason` says how."""

    connection: int
    reason: str


@dataclass(frozen=True, slots=True)
class PageReceived:
    """`events/search` answered request `request` with a page; `size_bytes` is the size of the body."""

    request: int
    page: Page
    size_bytes: int


@dataclass(frozen=True, slots=True)
class InfoReceived:
    """`GET conversation` answered request `request`."""

    request: int
    info: Info
    size_bytes: int


@dataclass(frozen=True, slots=True)
class CountReceived:
    """`events/count` answered request `request`: so many events are in the log."""

    request: int
    count: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class GenerationReceived:
    """`GET /server_info` answered request `request`."""

    request: int
    generation: Generation


@dataclass(frozen=True, slots=True)
class PostTaken:
    """A POST was answered with success."""

    request: int


@dataclass(frozen=True, slots=True)
class RequestFailed:
    """A request came to nothing usable.

    `status` is the HTTP status if there was one, `transient` whether another try makes sense, `retry_after_s` what the
    server asked for. `was_sent` is false if the server cannot have seen it. `body` is the beginning of the answer.
    """

    request: int
    status: int | None
    transient: bool
    retry_after_s: float | None
    reason: str
    was_sent: bool = True
    body: str = ""


Answer = PageReceived | InfoReceived | CountReceived | GenerationReceived | PostTaken | RequestFailed
"""What a request comes to."""


@dataclass(frozen=True, slots=True)
class RunAbandoned:
    """Nobody waits for the run any more: its caller was cancelled, or its post failed for good."""


@dataclass(frozen=True, slots=True)
class TimerFired:
    """The time that `SyncCore.wake_at_s` named has come."""


CoreEvent = (
    AttachRequested
    | HistoryRequested
    | HistoryAbandoned
    | SendRequested
    | SendAbandoned
    | RunRequested
    | SocketOpened
    | SocketClosed
    | FrameReceived
    | FrameRejected
    | Answer
    | RunAbandoned
    | TimerFired
)
