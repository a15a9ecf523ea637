"""The published SDK as a client under test: a process of its own, told what to do line by line."""

from __future__ import annotations

import json
import subprocess
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal

import trio

from gapless import scenarios
from gapless.scenarios.clients.contract import Claim, ClientContext, Event, Factory, GapIds
from gapless.simserver import World, serve_tcp
from tests.interop import environments

PROGRAM = Path(scenarios.__file__).parent / "examples" / "openhands_sdk.py"
IMPORT_S_MAX = 180.0
OWN_ERRORS = ("ConversationRunError", "WebSocketConnectionError")

Answer = Mapping[str, Any]
Coming = Literal["new", "existing", "existing, twice"]


class SdkFailed(Exception):
    """The SDK gave up, by one of the errors that it declares."""


class SdkCrashed(Exception):
    """The SDK raised something else, or its process ended."""


class SdkProcess:
    """One process with the SDK imported. `step` asks for one thing; ids of events come to `on_event` meanwhile.

    version: of the SDK, as it says itself; held: the ids that it held at its last answer.
    """

    def __init__(self, process: trio.Process) -> None:
        self.version = ""
        self.held: Sequence[str] = ()
        self.on_event: Callable[[str], object] = lambda _: None
        self._attach = 0
        self._process = process
        self._answered, self._answers = trio.open_memory_channel[Answer](1)

    async def step(self, step: str, **fields: object) -> None:
        """One step, to its end. Raises SdkFailed and SdkCrashed."""
        assert self._process.stdin is not None
        self._attach += step == "attach"
        await self._process.stdin.send_all(json.dumps({"step": step, **fields}).encode() + b"\n")
        answer = await self._answer()
        self.held = answer["held"]
        error = answer.get("error")
        if error is not None:
            raise SdkFailed(error) if error.startswith(OWN_ERRORS) else SdkCrashed(error)

    async def import_factory(self) -> None:
        """Wait until the SDK is imported."""
        with trio.fail_after(IMPORT_S_MAX):
            self.version = str((await self._answer())["imported"])

    async def _answer(self) -> Answer:
        try:
            return await self._answers.receive()
        except trio.EndOfChannel:
            raise SdkCrashed("the process with the SDK has ended") from None

    async def listen(self) -> None:
        """Take what the process says, until it ends."""
        assert self._process.stdout is not None
        unread = b""
        async with self._answered:
            async for chunk in self._process.stdout:
                *lines, unread = (unread + chunk).split(b"\n")
                for line in lines:
                    said: Answer = json.loads(line)
                    if "id" not in said:
                        await self._answered.send(said)
                    elif said["attach"] == self._attach:  # not what a conversation that was closed still hears
                        self.on_event(said["id"])


@asynccontextmanager
async def sdk_process(release: str, log: Path) -> AsyncIterator[SdkProcess]:
    """A process with that release imported; what it prints goes to `log`."""
    with log.open("ab") as printed:
        process = await trio.lowlevel.open_process(
            [environments.executable(release), str(PROGRAM)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=printed,
            env=environments.variables(),
            cwd=log.parent,
        )
        try:
            sdk = SdkProcess(process)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(sdk.listen)
                await sdk.import_factory()
                yield sdk
                nursery.cancel_scope.cancel()
        finally:
            process.kill()
            with trio.CancelScope(shield=True):
                await process.wait()


class SdkClient:
    """What `gapless.scenarios.running.script_player` asks of a client, by way of a process."""

    errors: tuple[type[Exception], ...] = (SdkFailed,)

    def __init__(self, sdk: SdkProcess, context: ClientContext, url: str, coming: Coming) -> None:
        self._sdk = sdk
        self._context = context
        self._url = url
        self._coming = coming
        sdk.on_event = lambda event_id: context.on_event({"id": event_id}, False)

    async def attach(self) -> None:
        if self._coming == "new":
            await self._sdk.step("attach", url=self._url, conversation_id=None)
            return
        if self._coming == "existing, twice":
            await self._connect()
            await self._sdk.step("close")
        await self._connect()

    async def _connect(self) -> None:
        await self._sdk.step("attach", url=self._url, conversation_id=self._context.conversation_id, keep=True)

    async def send(self, text: str) -> None:
        await self._sdk.step("send", text=text)

    async def run(self) -> Claim:
        await self._sdk.step("run")
        return Claim()

    async def close(self) -> None:
        await self._sdk.step("close")

    def held(self) -> Sequence[Event]:
        return [{"id": event_id} for event_id in self._sdk.held]

    def gaps(self) -> Sequence[GapIds]:
        return ()


def factory(world: World, sdk: SdkProcess, coming: Coming) -> Factory:
    """The SDK in that process as a client of a world, over a real port."""

    @asynccontextmanager
    async def client(context: ClientContext) -> AsyncIterator[SdkClient]:
        async with trio.open_nursery() as nursery:
            number: int = await nursery.start(serve_tcp, world, 0)
            yield SdkClient(sdk, context, f"http://127.0.0.1:{number}", coming)
            nursery.cancel_scope.cancel()

    return client
