"""A simulated server on a real port, in a thread of its own, for clients on any event loop or on none."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from gapless.scenarios.plugin.server_thread import ServerThread
from gapless.simserver.world import World
from tests.serving.port import quick_request

LONG_RUN = {"history_events": 3, "runs": [{"init_s": 0.01, "actions": 2, "step_s": 60}, {"init_s": 0.01, "actions": 1}]}
"""A run that does not end while a test waits."""


@dataclass(frozen=True)
class Server:
    """Where it is. ``at``: the arguments of ``open_conversation``."""

    url: str
    world: World

    @property
    def at(self) -> tuple[str, str]:
        return self.url, self.world.conversation_id

    def log(self) -> list[str]:
        """The ids of the log. The server must be at rest."""
        return self.world.agent.log.ids()


@contextmanager
def serving(generation: str = "tree", **scenario: Any) -> Iterator[Server]:
    """A server that listens."""
    thread = ServerThread(quick_request(generation, **scenario))
    thread.start()
    try:
        yield Server(thread.url, thread.session.world)
    finally:
        thread.stop()
