"""A session server on a real port in this process, and quick scenarios for it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import trio

from gapless.scenarios.definition.scenario import Scenario
from gapless.scenarios.running.runner import RunRequest
from gapless.scenarios.serving.scenario_choice import request_for
from gapless.scenarios.serving.session_server import SessionServer

LIMIT_S = 20.0
JSON = {"content-type": "application/json"}  # without it, the control takes no request that changes something


def quick(**changed: Any) -> Scenario:
    """A scenario that is over in a tenth of a second; a client without a socket may spend calls in it."""
    data: dict[str, Any] = {
        "name": "quick",
        "title": "A run that is over in no time",
        "origin": "tests",
        "workload": {"history_events": 3, "runs": [{"init_s": 0.01, "actions": 2, "step_s": 0.01}] * 3},
        "expect": {"run_bound_s": 0.5, "step_deadline_s": 5, "certainty": "branch"},
        "budget": {"allowances": [{"calls": 500, "because": "a client without a socket asks again and again"}]},
    }
    return Scenario.model_validate(data | changed)


def quick_request(generation: str = "tree", *, stepwise: bool = False, **changed: Any) -> RunRequest:
    return request_for(quick(**changed), generation, None)


@asynccontextmanager
async def served(
    request: RunRequest | None = None, **options: Any
) -> AsyncIterator[tuple[SessionServer, httpx.AsyncClient]]:
    """A session server that listens, and an HTTP client at its address."""
    session_server = SessionServer(request or quick_request(), **options)
    with trio.fail_after(LIMIT_S):
        async with trio.open_nursery() as nursery:
            await nursery.start(_serving, session_server)
            async with httpx.AsyncClient(base_url=session_server.url, timeout=LIMIT_S, headers=JSON) as http:
                yield session_server, http
            nursery.cancel_scope.cancel()


async def _serving(session_server: SessionServer, *, task_status: trio.TaskStatus[None]) -> None:
    await session_server.serve(0, task_status=task_status)


def port_of(session_server: SessionServer) -> int:
    return int(session_server.url.rpartition(":")[2])


def calls(session_server: SessionServer) -> str:
    """Where the world's REST calls are."""
    return f"/api/conversations/{session_server.session.world.conversation_id}"
