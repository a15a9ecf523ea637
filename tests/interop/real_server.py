"""The published agent server as a peer: a process of its own, on loopback, with everything on disk in one directory."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import trio

from tests.interop import environments
from tests.interop.model_endpoint import MODEL

START_S_MAX = 180.0
STOP_S_MAX = 20.0


class ServerDidNotStart(Exception):
    """The agent server said nothing, or ended."""


class RealServer:
    """One agent server with its directory; it can be killed and started again on the same port."""

    def __init__(self, release: str, directory: Path, model_url: str, api_key: str | None = None) -> None:
        self._keys = {} if api_key is None else {"OH_SESSION_API_KEYS_0": api_key}
        self.release = release
        self.directory = directory
        self.model_url = model_url
        self.port = _free_port()
        self._process: trio.Process | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        """Start it, and wait until it is ready. Raises ServerDidNotStart."""
        for name in ("conversations", "workspace", "tmux", "home"):
            (self.directory / name).mkdir(parents=True, exist_ok=True)
        with (self.directory / "server.log").open("ab") as log:
            self._process = await trio.lowlevel.open_process(
                [environments.executable(self.release), "-m", "openhands.agent_server", "--port", str(self.port)],
                stdout=log,
                stderr=subprocess.STDOUT,
                env=environments.variables(
                    HOME=str(self.directory / "home"),
                    TMUX_TMPDIR=str(self.directory / "tmux"),
                    OH_CONVERSATIONS_PATH=str(self.directory / "conversations"),
                    OH_WORKSPACE_PATH=str(self.directory / "workspace"),
                    OH_BASH_EVENTS_DIR=str(self.directory / "bash_events"),
                    OH_ENABLE_VSCODE="false",
                    OH_ENABLE_BROWSER="false",
                    OH_PRELOAD_TOOLS="false",
                    OH_SECRET_KEY="interop",
                    OH_TELEMETRY_CONSENT="false",
                    **self._keys,
                ),
                cwd=self.directory,
            )
        with trio.move_on_after(START_S_MAX):
            async with httpx.AsyncClient(base_url=self.url) as http:
                while self._process.poll() is None:
                    try:
                        if (await http.get("/ready")).status_code == 200:
                            return
                    except httpx.TransportError:
                        pass
                    await trio.sleep(0.1)
        raise ServerDidNotStart(f"the agent server did not get ready; see {self.directory / 'server.log'}")

    async def kill(self, how: signal.Signals = signal.SIGKILL) -> None:
        """End it, without a chance to tidy up unless another signal is given."""
        if self._process is not None:
            if self._process.poll() is None:
                self._process.send_signal(how)
            with trio.CancelScope(shield=True), trio.move_on_after(STOP_S_MAX) as waited:
                await self._process.wait()
            if waited.cancelled_caught:
                self._process.kill()
            self._process = None

    def set_leaf_back(self, conversation_id: str) -> None:
        """While it is down: let the saved leaf be the one before the last action, as after a kill in mid-step."""
        saved = self.directory / "conversations" / conversation_id.replace("-", "") / "base_state.json"
        events = [json.loads(path.read_text()) for path in sorted((saved.parent / "events").glob("event-*.json"))]
        action = next(event for event in reversed(events) if event["kind"] == "ActionEvent")
        state = json.loads(saved.read_text())
        saved.write_text(json.dumps(state | {"leaf_event_id": action["parent_id"]}))

    async def create(self, http: httpx.AsyncClient) -> Mapping[str, Any]:
        """A new conversation, with an agent that asks the scripted model."""
        answer = await http.post("/api/conversations", json=self.creation())
        answer.raise_for_status()
        created: Mapping[str, Any] = answer.json()
        return created

    def creation(self) -> dict[str, Any]:
        """The body of that request."""
        llm = {"model": MODEL, "base_url": self.model_url, "api_key": "none", "usage_id": "agent"}
        return {
            "agent": {"kind": "Agent", "llm": llm, "tools": []},
            "workspace": {"kind": "LocalWorkspace", "working_dir": str(self.directory / "workspace")},
        }


@asynccontextmanager
async def running(
    release: str, directory: Path, model_url: str, *, api_key: str | None = None
) -> AsyncIterator[RealServer]:
    """A server that runs for the length of the block; it wants a key if one is given."""
    server = RealServer(release, directory, model_url, api_key)
    try:
        await server.start()
        yield server
    finally:
        await server.kill(signal.SIGTERM)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
