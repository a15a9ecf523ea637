"""A thread with an event loop of asyncio in it, which stays in the block of one conversation until it is closed."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future, wait
from contextlib import AbstractAsyncContextManager, suppress
from typing import Any, Final, Generic, TypeVar

from gapless.syncclient.errors import ConversationClosed, WrongLoop
from gapless.syncclient.network.event_loop import refuse_to_block

_Block = TypeVar("_Block")
_Result = TypeVar("_Result")
_THREAD_NAME: Final = "gapless"
_CLOSED: Final = "the conversation is closed; open it again"


class ClientThread(Generic[_Block]):
    """A thread with an event loop, which stays in the block of one conversation until it is closed.

    The lock makes a call either begin before the end of the block or be refused. It is never held while something is
    waited for, so the loop may take it too.
    """

    def __init__(self, block: AbstractAsyncContextManager[_Block]) -> None:
        self._block = block
        self._lock = threading.Lock()
        self._is_closed = False
        self._loop: asyncio.AbstractEventLoop
        self._task: asyncio.Task[None]
        self._ending: asyncio.Event
        self._calls: set[asyncio.Task[Any]] = set()
        self._started = threading.Event()
        self._opened: Future[_Block] = Future()
        self._ended: Future[None] = Future()
        self._thread = threading.Thread(target=self._run, name=_THREAD_NAME, daemon=True)
        self._thread.start()

    def opened(self) -> _Block:
        """Wait until the conversation is attached to. Raises what `open_conversation` does."""
        try:
            return self._opened.result()
        except BaseException:  # of the attach, or an interrupt here
            self._give_up()
            raise

    def call(self, function: Callable[[], Coroutine[Any, Any, _Result]]) -> _Result:
        """Await a function in the thread. An interrupt here cancels it there, and waits until it has ended."""
        if self.is_current():
            raise WrongLoop(
                "a subscriber cannot call the conversation, for it runs in the client's own thread; "
                "hand the work to another thread, for example by a queue.Queue"
            )
        refuse_to_block("a call of a blocking conversation")
        called: Future[_Result] = Future()
        tasks: list[asyncio.Task[_Result]] = []

        def start() -> None:
            task = self._loop.create_task(function())
            tasks.append(task)
            self._calls.add(task)
            task.add_done_callback(finish)

        def finish(task: asyncio.Task[_Result]) -> None:
            self._calls.discard(task)
            if task.cancelled():
                called.set_exception(ConversationClosed(_CLOSED))
            elif (error := task.exception()) is not None:
                called.set_exception(error)
            else:
                called.set_result(task.result())

        with self._lock:
            if self._is_closed:
                raise ConversationClosed(_CLOSED)
            self._loop.call_soon_threadsafe(start)
        try:
            return called.result()
        except BaseException:
            if not called.done():  # an interrupt here
                with suppress(RuntimeError):  # the loop is closed already
                    self._loop.call_soon_threadsafe(lambda: tasks[0].cancel())
                wait([called])
            raise

    def read(self, function: Callable[[], _Result]) -> _Result:
        """Call a function that waits for nothing: in the thread, or here when the thread has ended."""
        if self.is_current():
            return function()
        answered: Future[_Result] = Future()

        def answer() -> None:
            try:
                answered.set_result(function())
            except BaseException as error:  # it is raised where it was asked for
                answered.set_exception(error)

        with self._lock:
            is_open = not self._is_closed
            if is_open:
                self._loop.call_soon_threadsafe(answer)
        if is_open:
            return answered.result()
        self._thread.join()
        return function()

    def close(self) -> None:
        """Leave the block, and wait for the end of the thread. Raises what leaving it raises."""
        if self.is_current():
            raise WrongLoop("a subscriber cannot close the conversation; let another thread do it")
        is_first = self.leave()
        try:
            if is_first:
                self._ended.result()
        except BaseException:
            self._give_up()
            raise
        self._thread.join()

    def leave(self) -> bool:
        """Let the thread leave the block, without waiting for it. False if it was told so before."""
        with self._lock:
            was_closed, self._is_closed = self._is_closed, True
            if not was_closed:
                self._loop.call_soon_threadsafe(self._ending.set)
        return not was_closed

    def is_current(self) -> bool:
        """Whether this is the thread."""
        return threading.current_thread() is self._thread

    def _give_up(self) -> None:
        """Cancel whatever the thread does, without waiting for an answer of the server, and wait for its end."""
        self._started.wait()
        with suppress(RuntimeError):  # the loop is closed already
            self._loop.call_soon_threadsafe(self._task.cancel)
        self._thread.join()

    def _run(self) -> None:
        try:
            asyncio.run(self._main())
        except BaseException as error:
            if not self._opened.done():
                self._opened.set_exception(error)
            self._ended.set_exception(error)
        else:
            self._ended.set_result(None)

    async def _main(self) -> None:
        self._loop, self._ending = asyncio.get_running_loop(), asyncio.Event()
        task = asyncio.current_task()
        assert task is not None, "a coroutine of asyncio runs in a task"
        self._task = task
        self._started.set()
        try:
            async with self._block as conversation:
                self._opened.set_result(conversation)
                await self._ending.wait()
        finally:
            with self._lock:
                self._is_closed = True
            await asyncio.sleep(0)  # a call that was accepted just now begins
            while self._calls:  # the block has ended, so each of them ends at once
                await asyncio.wait(self._calls)
