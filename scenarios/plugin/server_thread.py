"""Two threads of a ``gapless_server`` test: one runs the server, one runs a client without async.

The server has trio in a thread of its own, so the test can use any event loop, or none, in its thread.
"""

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
    """One served scenario, from ``start`` to ``stop``. ``url`` and ``session`` are set in between."""

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
        """Start the server. Returns when it listens."""
        self._thread.start()
        self._started.result(START_S_MAX)

    def stop(self) -> None:
        """Stop the server, whatever it is doing."""
        self._soon(self._scope.cancel)
        self._thread.join(STOP_S_MAX)

    def begin(self) -> None:
        """Ask for the first step."""
        self._soon(self._begun.set)

    def next_order(self) -> str | None:
        """Wait for the next step to do: a line of the step protocol. None when there are no more."""
        return self._peer.orders.get()

    def take(self, report: Report) -> None:
        """Take a report of the client. Reports keep the order of the calls."""
        self._soon(lambda: self._driver.take(report))

    def end(self, kind: str = "Exit", failure: str = "") -> None:
        """The client answers no more. A waiting ``next_order`` returns None."""
        self._soon(lambda: self._peer.end(kind, failure))
        self._peer.orders.put(None)

    def checked(self) -> Checked:
        """Wait for the verdict. Raises WorldBroke, or the error that ended the server."""
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
    """A thread for the calls of a client without async: always the same thread, one call at a time.

    It is a daemon thread. A call that never returns does not keep the process from ending.
    """

    def __init__(self) -> None:
        self._asked: SimpleQueue[tuple[Callable[[], Any], Future[Any]] | None] = SimpleQueue()
        threading.Thread(target=self._work, name="gapless-client", daemon=True).start()

    def doing(self, call: Callable[..., Any]) -> Callable[..., Awaitable[Any]]:
        """An async function for trio that makes the call in this thread."""

        async def ask(*arguments: object) -> Any:
            done: Future[Any] = Future()
            self._asked.put((lambda: call(*arguments), done))
            return await trio.to_thread.run_sync(done.result, abandon_on_cancel=True)

        return ask

    def rest(self) -> None:
        """End the thread after the calls that were made."""
        self._asked.put(None)

    def _work(self) -> None:
        while (asked := self._asked.get()) is not None:
            call, done = asked
            try:
                done.set_result(call())
            except BaseException as error:  # it is raised where it is awaited
                done.set_exception(error)
