"""A language model that does as it is told: an OpenAI-compatible endpoint on loopback, with no model behind it.

The last user message says what to do: `think 3 pace 0.1` makes the agent think three times, waiting so many seconds
before each answer, and then finish. What has been done already is read from the request, so the endpoint remembers
nothing and any number of conversations may use it.
"""

from __future__ import annotations

import json
import re
from typing import Any

import trio
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from gapless.simserver.network.hosting import serve_stream

MODEL = "openai/scripted"
_ORDER = re.compile(r"think (\d+)(?: pace ([\d.]+))?(?: size (\d+))?")


def order(thoughts: int, *, pace_s: float = 0.0, size_bytes: int = 0) -> str:
    """The user message that makes the agent think so often, so slowly, and at such length."""
    return f"think {thoughts} pace {pace_s:g} size {size_bytes}"


async def serve(*, task_status: trio.TaskStatus[str] = trio.TASK_STATUS_IGNORED) -> None:
    """Serve until cancelled; reports the base URL."""
    app = Starlette(routes=[Route("/v1/chat/completions", _complete, methods=["POST"])])
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")

    async def handle(stream: trio.SocketStream) -> None:
        await serve_stream(app, stream)

    async with trio.open_nursery() as nursery:
        await nursery.start(trio.serve_listeners, handle, listeners)
        task_status.started(f"http://127.0.0.1:{listeners[0].socket.getsockname()[1]}/v1")


async def _complete(request: Request) -> JSONResponse:
    asked = await request.json()
    thoughts, pace_s, size, done = _situation(asked["messages"])
    await trio.sleep(pace_s)
    if done < thoughts:
        call = ("think", {"thought": f"thought {done + 1} of {thoughts} {'x' * size}".rstrip()})
    else:
        call = ("finish", {"message": f"finished after {thoughts} thoughts"})
    return JSONResponse(_completion(asked["model"], len(asked["messages"]), *call))


def _situation(messages: list[dict[str, Any]]) -> tuple[int, float, int, int]:
    """What the last order was, and how many calls were answered since."""
    done = 0
    for message in reversed(messages):
        if message["role"] == "tool":
            done += 1
        elif message["role"] == "user" and (found := _ORDER.search(_text(message["content"]))):
            return int(found[1]), float(found[2] or 0), int(found[3] or 0), done
    return 0, 0.0, 0, done


def _text(content: Any) -> str:
    return content if isinstance(content, str) else "".join(part.get("text", "") for part in content)


def _completion(model: str, turn: int, tool: str, arguments: dict[str, str]) -> dict[str, Any]:
    call = {"id": f"call-{turn}", "type": "function", "function": {"name": tool, "arguments": json.dumps(arguments)}}
    message = {"role": "assistant", "content": None, "tool_calls": [call]}
    return {
        "id": f"completion-{turn}",
        "object": "chat.completion",
        "created": 0,
        "model": model,
        "choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
    }
