"""The language model of the published server: it says what the scenario's workload says, when it says so.

Each action of a run is one answer: a call of the tool ``think``, which takes as long as the time between the action and
its observation. The last action of a run that finishes is a call of ``finish``, for the server ends a run by nothing
else; its observation follows at once.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

import h11
import trio

from gapless.scenarios.definition.scenario import Run
from gapless.scenarios.realserver.http1 import HttpAnswer, ServerSide, plain
from gapless.scenarios.realserver.program import ProgramStream

HOST: Final = "model.test"
NAME: Final = "openai/scripted"
STUCK_AFTER: Final = 4  # equal actions in a row

# What another party does to the conversation while the model's answer is carried out.
Aside = Literal["pause"]


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer.

    ``delay_s``: how long the model takes; ``tool``: None for an error of the provider; ``aside``: what is asked of the
    server as soon as the answer is given.
    """

    delay_s: float
    tool: str | None
    arguments: Mapping[str, object]
    aside: Aside | None = None


_FINISH: Final = Reply(0.0, "finish", {"message": "finished"})


def replies(run: Run, label: str, payload_bytes: int) -> tuple[Reply, ...]:
    """What the model says in one run."""
    size = payload_bytes if run.payload_bytes is None else run.payload_bytes
    filler = " " + "x" * size if size else ""
    said = [_timed(run, f"{label} {number}{filler}", number == 1) for number in range(1, run.actions + 1)]
    first_s = 0.0 if said else run.init_s
    match run.end_status:
        case "finished":
            # As long as a step and its observation take, so that the run ends when it ends on the fake server.
            tool_s = run.step_s if run.tool_s is None else run.tool_s
            delay_s = said.pop().delay_s + tool_s if said else first_s
            said.append(Reply(delay_s, "finish", {"message": f"{label} finished{filler}"}))
        case "error":
            said.append(Reply(first_s, None, {}))
        case "paused":
            said[-1] = _with_aside(said[-1], "pause")
        case "waiting_for_confirmation":
            raise ValueError("a real server asks for no confirmation of thoughts")  # refused before: see `playable`
        case "none":
            raise ValueError("a run of a real server ends with a status")  # refused before
        case "stuck":
            same = _timed(run, f"{label} again", False)
            said = [same] * run.actions + [_timed(run, f"{label} again", False, delay_s=0.0)] * STUCK_AFTER
    return tuple(said)


def _timed(run: Run, text: str, is_first: bool, *, delay_s: float | None = None) -> Reply:
    tool_s = run.step_s if run.tool_s is None else run.tool_s
    wait_s = tool_s if delay_s is None else 0.0
    delay_s = run.step_s if delay_s is None else delay_s
    if is_first:
        delay_s += run.init_s
    return Reply(delay_s, "think", {"thought": f"{text} (takes {wait_s:g} s)"})


def _with_aside(reply: Reply, aside: Aside) -> Reply:
    return Reply(reply.delay_s, reply.tool, reply.arguments, aside)


class ScriptedModel:
    """The model's side of the conversation. ``asides``: performs what another party does meanwhile."""

    def __init__(self, asides: Callable[[Aside], Awaitable[None]]) -> None:
        self._asides = asides
        self._replies: deque[Reply] = deque()
        self._calls = 0

    def begin(self, said: tuple[Reply, ...]) -> None:
        """A run begins, in which this is said. What an earlier run has left unsaid is forgotten."""
        self._replies = deque(said)

    async def serve(self, stream: ProgramStream) -> None:
        """Answer the calls that come over one connection."""
        side = ServerSide(stream)
        try:
            async with trio.open_nursery() as nursery:
                while (request := await side.read()) is not None:
                    reply = self._replies.popleft() if self._replies else _FINISH
                    await trio.sleep(reply.delay_s)
                    await side.answer(self._answer(json.loads(request.body), reply))
                    if reply.aside is not None:
                        nursery.start_soon(self._asides, reply.aside)
        except* (trio.BrokenResourceError, trio.ClosedResourceError, h11.RemoteProtocolError):
            pass
        finally:
            stream.close()

    def _answer(self, asked: Mapping[str, Any], reply: Reply) -> HttpAnswer:
        self._calls += 1
        if reply.tool is None:
            error = {
                "message": "the simulated provider fails as planned",
                "type": "invalid_request_error",
                "code": None,
            }
            return plain(400, json.dumps({"error": error}), b"Bad Request")
        call = {
            "id": f"call-{self._calls}",
            "type": "function",
            "function": {"name": reply.tool, "arguments": json.dumps(reply.arguments)},
        }
        choice = {
            "index": 0,
            "message": {"role": "assistant", "content": None, "tool_calls": [call]},
            "finish_reason": "tool_calls",
        }
        return plain(
            200,
            json.dumps(
                {
                    "id": f"completion-{self._calls}",
                    "object": "chat.completion",
                    "created": 0,
                    "model": asked["model"],
                    "choices": [choice],
                    "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
                }
            ),
            b"OK",
        )
