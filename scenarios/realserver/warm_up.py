"""What is found out about a server once, when its environment is new: the shape of its store, and what it imports late.

Some modules are imported in a server's first run only. They are listed here, and imported before the process forks: so
no run pays for them, and each run begins from the same state.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import trio

from gapless.scenarios.definition.scenario import Run
from gapless.scenarios.errors import UsageError
from gapless.scenarios.lockstep.protocol import LockstepError
from gapless.scenarios.realserver.environment import NoServer, PublishedServer
from gapless.scenarios.realserver.http1 import BrokenOff, ClientSide, HttpAnswer, RelayedRequest
from gapless.scenarios.realserver.kept_servers import FORMAT, MODULES_FILE, KeptServer, KeptServers
from gapless.scenarios.realserver.program import ServerProgram
from gapless.scenarios.realserver.scripted_model import HOST, NAME, Aside, ScriptedModel, replies
from gapless.scenarios.realserver.store import ConversationStore, Template
from gapless.simserver.conversation.ids import conversation_id_for
from gapless.simserver.determinism import run_deterministic

TEMPLATE_FILE: Final = f"gapless-template-{FORMAT}.json"
_EPOCH_S: Final = 1_767_268_800.0
_RUN_S: Final = 5.0
MODEL_S_MAX: Final = 36_000  # a scenario may have a step that takes an hour


async def ask(
    program: ServerProgram, method: str, path: str, body: Mapping[str, Any] | None = None, key: str | None = None
) -> HttpAnswer:
    """Ask the server directly, past the link. Raises BrokenOff when it leaves, and ConnectionRefusedError."""
    stream = program.dial()
    try:
        content = b"" if body is None else json.dumps(body).encode()
        headers = [(b"Host", b"agent.test"), (b"Content-Length", str(len(content)).encode())]
        headers += [(b"Content-Type", b"application/json")] if content else []
        headers += [] if key is None else [(b"X-Session-API-Key", key.encode())]
        return await ClientSide(stream).ask(RelayedRequest(method, path, headers, content))
    finally:
        stream.close()


def prepare(server: PublishedServer) -> None:
    """See to it that the environment is there and known. Raises NoServer."""
    if not server.is_ready:
        server.build()
    directory = server.directory
    if (directory / TEMPLATE_FILE).exists() and (directory / MODULES_FILE).exists():
        return
    servers = KeptServers()
    try:
        kept = servers.take(server, None)
        template, modules = run_deterministic(lambda: _explore(kept), seed=0)
        servers.give(kept, is_sound=False)
    except (LockstepError, BrokenOff, KeyError) as error:
        raise NoServer(f"{server} cannot be used: {error}") from error
    finally:
        servers.close()
    _write(directory / MODULES_FILE, modules)
    _write(directory / TEMPLATE_FILE, template.text())


def template_of(server: PublishedServer) -> Template:
    """What `prepare` has found."""
    return Template.parse((server.directory / TEMPLATE_FILE).read_text(encoding="utf-8"))


def _write(path: Path, text: str) -> None:
    path.with_suffix(".tmp").write_text(text, encoding="utf-8")
    path.with_suffix(".tmp").replace(path)


def creation(kept: KeptServer, conversation_id: str) -> dict[str, Any]:
    """The body that creates the conversation: an agent that asks the scripted model, and has the timed tool."""
    llm: dict[str, Any] = {"model": NAME, "base_url": f"http://{HOST}/v1", "api_key": "none", "usage_id": "agent"}
    llm |= {"timeout": MODEL_S_MAX, "num_retries": 0}
    # The timed tool is called ``think``, as the one of the default tools whose place it takes.
    tools = {"tools": [{"name": "timed", "params": {}}], "include_default_tools": ["FinishTool"]}
    return {
        "agent": {"kind": "Agent", "llm": llm, **tools},
        "workspace": {"kind": "LocalWorkspace", "working_dir": str(kept.workspace)},
        "conversation_id": conversation_id,
        "autotitle": False,
    }


async def _explore(kept: KeptServer) -> tuple[Template, str]:
    """Let a new server do all that it does in a run."""
    kept.empty()
    conversation_id = conversation_id_for("conversation")
    store = ConversationStore(kept.conversations, conversation_id)
    model = ScriptedModel(_no_aside)
    modules = kept.directory / "modules.txt"
    async with trio.open_nursery() as nursery:
        program = ServerProgram(kept.process, nursery, {HOST: model.serve}, lambda: None, lambda: None)
        kept.start(0, _EPOCH_S)
        nursery.start_soon(program.exchange)
        await program.listening.wait()
        one = f"/api/conversations/{conversation_id}"
        await _ask_well(program, "POST", "/api/conversations", creation(kept, conversation_id))
        new_state = store.state()
        for number in range(2):
            text = {"role": "user", "content": [{"type": "text", "text": "earlier message"}]}
            await _ask_well(program, "POST", f"{one}/events", text)
            model.begin(replies(Run(actions=2), f"modules {modules}" if number else "step", 0))
            await _ask_well(program, "POST", f"{one}/run")
            await trio.sleep(_RUN_S)
            await _ask_well(program, "GET", f"{one}/events/search?limit=10")
            await _ask_well(program, "GET", one)
        program.kill()
        nursery.cancel_scope.cancel()
    events = store.template(new_state)
    return events, modules.read_text(encoding="utf-8")


async def _ask_well(program: ServerProgram, method: str, path: str, body: Mapping[str, Any] | None = None) -> None:
    if program.failure is not None:
        raise program.failure
    answer = await ask(program, method, path, body)
    if answer.status >= 300:
        said = answer.body.decode("utf-8", "replace")[:300]
        raise UsageError(f"the server answers {answer.status} to {method} {path}: {said}")


async def _no_aside(aside: Aside) -> None:
    raise AssertionError(aside)
