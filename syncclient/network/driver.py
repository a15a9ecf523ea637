"""Performs the core's actions on asyncio or trio and feeds events back. Makes no decisions.

Everything runs in one task group. There is no checkpoint between handling an event and starting its actions, so the
core never handles an event while actions of an earlier one are still to be started.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import anyio

from gapless.syncclient import answers, wire
from gapless.syncclient.core import actions, events
from gapless.syncclient.core.core import SyncCore
from gapless.syncclient.errors import (
    ConversationClosed,
    ProtocolViolation,
    StoreError,
    SubscriberFailed,
    SyncError,
    WrongLoop,
)
from gapless.syncclient.network.transport import RequestBroken, Socket, SocketLost, Transport
from gapless.syncclient.report import SyncReport
from gapless.syncclient.settings import Settings
from gapless.syncclient.stores.store import Store

if TYPE_CHECKING:
    from anyio.abc import TaskGroup

_logger = logging.getLogger("gapless.syncclient")

DeliverCallback = Callable[[wire.LogEvent, actions.Origin], None]


class Awaited:
    """The result of something that is awaited: a value or an error, set once."""

    def __init__(self) -> None:
        self._event = anyio.Event()
        self._error: SyncError | None = None
        self.finished: actions.FinishRun | None = None

    def succeed(self, finished: actions.FinishRun | None = None) -> None:
        """End the wait."""
        self.finished = finished
        self._event.set()

    def fail(self, error: SyncError) -> None:
        """End the wait with an error."""
        if not self._event.is_set():
            self._error = error
            self._event.set()

    async def wait(self) -> None:
        """Wait for the result. Raises the error that `fail` was given."""
        await self._event.wait()
        if self._error is not None:
            raise self._error


class Driver:
    """Connects a `SyncCore` with a `Transport`, for one conversation."""

    def __init__(
        self,
        core: SyncCore,
        transport: Transport,
        tasks: TaskGroup,
        *,
        conversation_id: str,
        settings: Settings,
        deliver: DeliverCallback,
        store: Store | None = None,
    ) -> None:
        self._core = core
        self._transport = transport
        self._tasks = tasks
        self._conversation_id = conversation_id
        self._settings = settings
        self._deliver = deliver
        self._store = store
        self._reader = anyio.Lock()
        self._page: Awaited | None = None
        self._page_events: tuple[wire.LogEvent, ...] = ()
        self._attached = Awaited()
        self._run: Awaited | None = None
        self._sends: dict[int, Awaited] = {}
        self._tickets = 0
        self._failure: SyncError | None = None
        self._is_closed = False
        self._is_store_open = False
        self._sockets: dict[int, anyio.CancelScope] = {}
        self._rearm = anyio.Event()

    # -- called by the public interface -------------------------------------------------------------------------------

    async def attach(self, generation: wire.Generation | None) -> None:
        """Begin to follow the conversation. `generation` None asks the server. Raises `SyncError`s."""
        self._tasks.start_soon(self._keep_time)
        self._feed(self._request_attach(generation))
        await self._attached.wait()

    async def send(self, text: str) -> None:
        """Post a user message, without starting a run. Raises `SyncError`s."""
        if self._failure is not None:
            raise self._failure
        self._tickets += 1
        ticket, sent = self._tickets, Awaited()
        self._sends[ticket] = sent
        try:
            self._feed(events.SendRequested(ticket, text))
            await sent.wait()
        except anyio.get_cancelled_exc_class():
            self._feed(events.SendAbandoned(ticket))
            raise
        finally:
            del self._sends[ticket]

    async def run(self, settings: Settings | None = None) -> actions.FinishRun:
        """Start a run and wait for its proven end. `settings` are for this run only. Raises `SyncError`s."""
        if self._failure is not None:
            raise self._failure
        self._run = Awaited()
        try:
            self._feed(events.RunRequested(settings))
            await self._run.wait()
            assert self._run.finished is not None, "a run ends by FinishRun or by an error"
            return self._run.finished
        finally:
            if self._run.finished is None:
                self._feed(events.RunAbandoned())
            self._run = None

    async def read_history(self, after_id: str | None) -> tuple[wire.LogEvent, ...]:
        """The page of the log behind a placed event, or at the log's head (None). Raises `SyncError`s.

        Pages are read one at a time; other callers wait.
        """
        async with self._reader:
            if self._failure is not None:
                raise self._failure
            page = self._page = Awaited()
            try:
                self._feed(events.HistoryRequested(after_id))
                await page.wait()
            except anyio.get_cancelled_exc_class():
                self._feed(events.HistoryAbandoned())
                raise
            finally:
                self._page = None
            return self._page_events

    def stored(self, event_ids: Sequence[str]) -> dict[str, wire.LogEvent]:
        """Those of the events that the store has, by id. Raises `StoreError`."""
        return self._store.read(event_ids) if self._store is not None else {}

    @property
    def page_size_events(self) -> int:
        """The largest number of events on a page."""
        return self._settings.page_size_events

    def report(self) -> SyncReport:
        """What is known now."""
        return self._core.report()

    def close(self) -> None:
        """Save how much was delivered, unless the store failed, and close it. No more events are handled."""
        has_failed = self._is_closed
        self._stop(self._failure or ConversationClosed("the conversation is closed; open it again"))
        if self._store is None or not self._is_store_open:
            return
        try:
            batch = None if has_failed else self._core.last_batch()
            if batch is not None:
                self._store.save(batch)
        finally:
            self._is_store_open = False
            self._store.close()

    # -- events and actions -------------------------------------------------------------------------------------------

    def _request_attach(self, generation: wire.Generation | None) -> events.AttachRequested:
        if self._store is None:
            return events.AttachRequested(generation)
        saved = self._store.open(self._conversation_id)
        self._is_store_open = True
        if saved is None:
            return events.AttachRequested(generation)
        wanted = dict.fromkeys([*saved.window(self._settings.window_bytes_max), *saved.undelivered()])
        return events.AttachRequested(generation, saved, self._store.read(list(wanted)))

    def _feed(self, event: events.CoreEvent) -> None:
        if self._is_closed:
            return
        before_s = self._core.wake_at_s
        try:
            for action in self._core.handle(event, anyio.current_time()):
                self._perform(action)
        except (SubscriberFailed, StoreError) as error:
            # The actions after a batch that could not be stored are not performed. The next client goes on from the
            # batch before.
            self._stop(error)
            return
        if self._core.wake_at_s != before_s:
            self._rearm.set()

    def _perform(self, action: actions.Action) -> None:
        match action:
            case actions.OpenSocket():
                self._tasks.start_soon(self._follow, action)
            case actions.CloseSocket(number):
                scope = self._sockets.get(number)
                if scope is not None:
                    scope.cancel()
            case (
                actions.FetchPage()
                | actions.FetchInfo()
                | actions.FetchCount()
                | actions.FetchServerInfo()
                | actions.PostMessage()
                | actions.PostRun()
            ):
                self._tasks.start_soon(self._ask, action)
            case actions.Save(batch):
                assert self._store is not None, "only a core with a store saves"
                self._store.save(batch)
            case actions.HistoryRead(read):
                self._page_events = read
                if self._page is not None:
                    self._page.succeed()
            case actions.HistoryFailed(error):
                if self._page is not None:
                    self._page.fail(error)
            case actions.Deliver(event, origin):
                try:
                    self._deliver(event, origin)
                except Exception as error:  # whatever the application raises
                    raise SubscriberFailed(f"a subscriber raised {type(error).__name__} at {event['id']}") from error
            case actions.FinishAttach():
                self._attached.succeed()
            case actions.FinishSend(ticket, error):
                sent = self._sends.get(ticket)
                if sent is not None and error is None:
                    sent.succeed()
                elif sent is not None and error is not None:
                    sent.fail(error)
            case actions.FailRun(error):
                if self._run is not None:
                    self._run.fail(error)
            case actions.FinishRun():
                _log(action)
                if self._run is not None:
                    self._run.succeed(action)
            case actions.Fail(error):
                self._fail(error)

    def _fail(self, error: SyncError) -> None:
        self._failure = error
        self._attached.fail(error)
        for sent in self._sends.values():
            sent.fail(error)
        if self._run is not None:
            self._run.fail(error)
        if self._page is not None:
            self._page.fail(error)

    def _stop(self, error: SyncError) -> None:
        """Fail whatever waits, and handle no more events."""
        self._is_closed = True
        self._fail(error)

    async def _keep_time(self) -> None:
        while True:
            # The time changes with most events. The scope is moved along, which is cheaper than a new one each time.
            with anyio.CancelScope(deadline=self._core.wake_at_s) as scope:
                while not scope.cancel_called:
                    self._rearm = anyio.Event()
                    await self._rearm.wait()
                    scope.deadline = self._core.wake_at_s
                    if anyio.current_time() >= scope.deadline:
                        break
            if anyio.current_time() >= self._core.wake_at_s:
                self._feed(events.TimerFired())

    # -- the socket ---------------------------------------------------------------------------------------------------

    async def _follow(self, action: actions.OpenSocket) -> None:
        is_session = action.generation == "session"
        path = f"/sockets/{'session' if is_session else 'events'}/{self._conversation_id}"
        query = {} if action.after_seq is None else {"after_seq": str(action.after_seq)}
        with anyio.CancelScope() as scope:
            self._sockets[action.connection] = scope
            try:
                async with self._transport.socket(path, query=query) as socket:
                    self._feed(events.SocketOpened(action.connection))
                    while True:
                        await self._receive(action, socket)
            except SocketLost as lost:
                self._feed(events.SocketClosed(action.connection, lost.code, str(lost)))
            except WrongLoop as error:
                self._stop(error)
            finally:
                del self._sockets[action.connection]

    async def _receive(self, action: actions.OpenSocket, socket: Socket) -> None:
        try:
            text = await socket.receive()
            if action.generation == "session":
                frame = wire.parse_session_frame(text)
            else:
                frame = wire.parse_events_frame(text, knows_leaf=action.generation == "tree")
        except ProtocolViolation as error:
            self._feed(events.FrameRejected(action.connection, str(error)))
        else:
            self._feed(events.FrameReceived(action.connection, frame))

    # -- REST ---------------------------------------------------------------------------------------------------------

    async def _ask(self, action: actions.Ask) -> None:
        request = answers.http(action, self._conversation_id)
        try:
            answer = await self._transport.request(request.method, request.path, query=request.query, body=request.body)
        except RequestBroken as error:
            self._feed(answers.unanswered(action, str(error), was_sent=error.was_sent))
        except WrongLoop as error:
            self._stop(error)
        else:
            self._feed(answers.answered(action, answer.status, answer.body, answer.retry_after_s))


def _log(finished: actions.FinishRun) -> None:
    """Write the notes of an unusual run to Python's log."""
    report = finished.report
    if not report.complete:
        _logger.warning("a run ended %s, not proven complete: %s", report.status, "; ".join(report.notes))
    elif report.notes:
        _logger.info("a run ended %s, complete by %s: %s", report.status, report.proof, "; ".join(report.notes))
