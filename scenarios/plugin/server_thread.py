"""Threads: a server that lives in a thread, with trio in it, so that a test may do as it likes in its own; and a hand,
a thread for a client that waits without async."""

from __future__ import annotations

import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from contextlib import suppress
from queue import SimpleQueue
from typing import Any, Final

import trio

from gapless.scenarios.checking.check import Checked, judged, served
from gapless.scenarios.checking.in_process_peer import Inside
from gapless.scenarios.checking.script_driver import ScriptDriver
from gapless.scenarios.running.runner import RunRequest
from gapless.scenarios.serving.session import Session
from gapless.scenarios.serving.step_protocol import Report

START_S_MAX: Final = 30.0
STOP_S_MAX: Final = 10.0


class ServerThread:
    """One served scenario, from ``start`` to ``stop``. ``url`` and ``session`` are there in between."""

    def __init__(self, request: RunRequest) -> None:
        self.url = ""
        self.session: Session
        self._request = request
        self._peer = Inside()
        self._driver: ScriptDriver
        self._begun = trio.Event()
        self._scope = trio.CancelScope()
        self._token: trio.lowlevel.TrioToken
        self._started: Future[None] = Future()
        self._checked: Future[Checked] = Future()
        self._thread = threading.Thread(target=self._live, name="gapless-server", daemon=True)

    def start(self) -> None:
        """Serve; returns when it listens."""
        self._thread.start()
        self._started.result(START_S_MAX)

    def stop(self) -> None:
        """End it, whatever is going on."""
        self._soon(self._scope.cancel)
        self._thread.join(STOP_S_MAX)

    def begin(self) -> None:
        """Ask for the first step."""
        self._soon(self._begun.set)

    def next_order(self) -> str | None:
        """Wait for the next step that is asked for: a line of the protocol. None when there are no more."""
        return self._peer.orders.get()

    def take(self, report: Report) -> None:
        """The client says something; in the order in which it is called."""
        self._soon(lambda: self._driver.take(report))

    def end(self, kind: str = "Exit", failure: str = "") -> None:
        """The client answers no more. Whoever waits for an order gets None."""
        self._soon(lambda: self._peer.end(kind, failure))
        self._peer.orders.put(None)

    def checked(self) -> Checked:
        """Wait for the verdict. Raises WorldBroke, and whatever broke the server."""
        return self._checked.result()

    def _soon(self, call: Callable[[], object]) -> None:
        with suppress(trio.RunFinishedError):
            self._token.run_sync_soon(call)

    def _live(self) -> None:
        try:
            trio.run(self._serve)
        except BaseException as error:
            for future in (self._started, self._checked):
                if not future.done():
                    future.set_exception(error)
        finally:
            self._peer.orders.put(None)
            if not self._checked.done():
                self._checked.cancel()

    async def _serve(self) -> None:
        self._token = trio.lowlevel.current_trio_token()
        with self._scope:
            async with served(self._request) as session_server:
                self.url, self.session = session_server.url, session_server.session
                self._driver = ScriptDriver(session_server.session, self._peer, driven=True)
                self._started.set_result(None)
                await self._begun.wait()
                await self._driver.perform()
                self._peer.orders.put(None)
                await session_server.session.end("the test is over")
            self._checked.set_result(judged(self.session, self._driver, ()))


class Hand:
    """A thread that does one thing at a time, always the same thread, for a client that may wait in it for ever: what
    still waits when the test ends is left behind."""

    def __init__(self) -> None:
        self._asked: SimpleQueue[tuple[Callable[[], Any], Future[Any]] | None] = SimpleQueue()
        threading.Thread(target=self._work, name="gapless-client", daemon=True).start()

    def doing(self, call: Callable[..., Any]) -> Callable[..., Awaitable[Any]]:
        """The call, to be awaited in trio."""

        async def ask(*arguments: object) -> Any:
            done: Future[Any] = Future()
            self._asked.put((lambda: call(*arguments), done))
            return await trio.to_thread.run_sync(done.result, abandon_on_cancel=True)

        return ask

    def rest(self) -> None:
        """Nothing more is asked of it."""
        self._asked.put(None)

    def _work(self) -> None:
        while (asked := self._asked.get()) is not None:
            call, done = asked
            try:
                done.set_result(call())
            except BaseException as error:  # it is raised where it is awaited
                done.set_exception(error)
