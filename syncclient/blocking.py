"""The client for programs without an event loop: blocking calls, from any thread.

It is `open_conversation` in a thread of its own, with an event loop of asyncio in it. Every call is handed to that
thread and waited for. So there is one core and one driver, and no second implementation.
"""

from __future__ import annotations

import random
import threading
import warnings
import weakref
from collections.abc import Callable, Iterator
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Self

from gapless.syncclient.conversation import Conversation, OpenConversation, Subscriber, open_conversation
from gapless.syncclient.network.event_loop import refuse_to_block
from gapless.syncclient.network.transport import Dial
from gapless.syncclient.report import SyncReport
from gapless.syncclient.settings import Settings
from gapless.syncclient.stores.store import Store
from gapless.syncclient.wire import Generation, LogEvent

if TYPE_CHECKING:
    import httpx

    from gapless.syncclient.network.client_thread import ClientThread


def open_conversation_blocking(
    base_url: str,
    conversation_id: str,
    *,
    api_key: str | None = None,
    settings: Settings | None = None,
    generation: Generation | None = None,
    subscriber: Subscriber | None = None,
    store: Store | None = None,
    transport: httpx.AsyncBaseTransport | None = None,
    dial: Dial | None = None,
    draw: Callable[[], float] = random.random,
) -> BlockingConversation:
    """Open a conversation and follow it, until it is closed. The head and the tail of the log are held.

        with gapless.open_conversation_blocking(base_url, conversation_id) as conversation:
            conversation.send("Complete the task")
            report = conversation.run()

    The arguments are those of `open_conversation`. `subscriber`, `store`, `transport`, `dial` and `draw` are called in
    the client's own thread.

    Raises `SyncError`s, among them `WrongLoop` where an event loop runs in this thread, which the call would block.
    """
    refuse_to_block("open_conversation_blocking()")
    block = open_conversation(
        base_url,
        conversation_id,
        api_key=api_key,
        settings=settings,
        generation=generation,
        subscriber=subscriber,
        store=store,
        transport=transport,
        dial=dial,
        draw=draw,
    )
    return BlockingConversation(block)


class BlockingConversation:
    """A conversation that is being followed in a thread of the client's own. `open_conversation_blocking` makes it.

    All methods may be called from any thread, several at once, but from no subscriber: a subscriber runs in the
    client's thread, and a call that waits for that thread would wait for ever. That is refused with `WrongLoop`.

    An interrupt (Ctrl-C) ends the call that it hits, as if it had been given up. The conversation goes on; the end of
    the `with` block closes it.
    """

    def __init__(self, block: OpenConversation) -> None:
        from gapless.syncclient.network.client_thread import ClientThread  # loads asyncio

        self._thread = ClientThread(block)
        self._conversation = self._thread.opened()
        # Without it, a conversation that nobody closes would go on for as long as the process.
        self._forgotten = weakref.finalize(self, _close_forgotten, self._thread)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def send(self, text: str) -> None:
        """Send a user message. This starts no run.

        Raises `SendUnconfirmed` if the answer was lost, and other `SyncError`s.
        """
        self._thread.call(partial(self._conversation.send, text))

    def run(self, **overrides: float) -> SyncReport:
        """Let the agent run. Return when the run is over and its events are proven held, as `Conversation.run`.

        Raises `RunTimedOut` at `run_timeout_s`, `SettingsError`, and other `SyncError`s. `ConversationClosed` if
        another thread closes the conversation meanwhile.
        """
        return self._thread.call(partial(self._conversation.run, **overrides))

    @property
    def events(self) -> list[LogEvent]:
        """Every event whose payload is in memory, in the order of the log, each once. See `Conversation.events`."""
        return self._thread.read(lambda: self._conversation.events)

    def history(self) -> Iterator[LogEvent]:
        """Iterate over the whole log in order from its head, each event once. Gaps are read page by page on the way.

            for event in conversation.history(): ...

        You may stop at any event: nothing is read ahead. Raises `SyncError`s while it is iterated.
        """
        return _BlockingHistory(self._conversation, self._thread)

    def report(self) -> SyncReport:
        """What is known at this moment. Only the report that `run()` returns can claim completeness."""
        return self._thread.read(self._conversation.report)

    def subscribe(self, subscriber: Subscriber) -> None:
        """Call `subscriber` with each event from now on, exactly once, in the client's thread.

        The reader waits for it, so hand long work to another thread, for example by a `queue.Queue`. If it raises, the
        client stops, and its calls raise `SubscriberFailed`.
        """
        self._thread.read(partial(self._conversation.subscribe, subscriber))

    def close(self) -> None:
        """Close the conversation, and end its thread. Calls that wait in other threads raise `ConversationClosed`.

        What was held can be read afterwards: `events` and `report()`. Closing twice changes nothing.
        """
        self._forgotten.detach()
        self._thread.close()


def _close_forgotten(thread: ClientThread[Conversation]) -> None:
    """Close a conversation that was collected, or is open when the interpreter ends."""
    warnings.warn("a blocking conversation was never closed; use it in a `with` block", ResourceWarning, stacklevel=2)
    if thread.is_current():  # it was collected there
        thread.leave()
    else:
        thread.close()


class _BlockingHistory(Iterator[LogEvent]):
    """One iteration. Threads that share it get different events."""

    def __init__(self, conversation: Conversation, thread: ClientThread[Conversation]) -> None:
        self._events = conversation.history()
        self._thread = thread
        self._lock = threading.Lock()

    def __next__(self) -> LogEvent:
        with self._lock:
            event = self._thread.call(self._next)
        if event is None:
            raise StopIteration
        return event

    async def _next(self) -> LogEvent | None:
        return await anext(self._events, None)
