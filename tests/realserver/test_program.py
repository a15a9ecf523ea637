"""A server program from the harness's side: connections to it and from it, and its end."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio

from gapless.scenarios.lockstep.process import ProgramProcess
from gapless.scenarios.lockstep.protocol import StartRun
from gapless.scenarios.realserver.http1 import BrokenOff, ClientSide, RelayedRequest, ServerSide, plain
from gapless.scenarios.realserver.program import ProgramStream, ServerProgram
from gapless.simserver.determinism import run_deterministic

VARIABLES = {"GAPLESS_LOCKSTEP_ROLE": "server"}
SERVER = """
import asyncio, urllib.request
async def answer(reader, writer):
    head = await reader.readuntil(b"\\r\\n\\r\\n")
    path = head.split()[1].decode()
    if path == "/slow":
        await asyncio.sleep(2.5)
    if path == "/leave":
        writer.transport.abort()
        return
    if path == "/model":
        loop = asyncio.get_running_loop()
        url = urllib.request.urlopen
        body = await loop.run_in_executor(None, lambda: url("http://model.test/v1").read())
    else:
        body = path.encode()
    writer.write(b"HTTP/1.1 200 OK\\r\\nContent-Length: %d\\r\\n\\r\\n" % len(body) + body)
async def main():
    async with await asyncio.start_server(answer, "127.0.0.1", 80) as server:
        await server.serve_forever()
asyncio.run(main())
"""


async def _model(stream: ProgramStream) -> None:
    side = ServerSide(stream)
    while (request := await side.read()) is not None:
        await trio.sleep(1.5)
        await side.answer(plain(200, f"model {request.target}"))


@asynccontextmanager
async def _running(process: ProgramProcess, rests: list[float]) -> AsyncIterator[ServerProgram]:
    async with trio.open_nursery() as nursery:
        process.send(StartRun(0, 0.0, VARIABLES))
        outgoing = {"model.test": _model}
        program = ServerProgram(process, nursery, outgoing, lambda: None, lambda: rests.append(trio.current_time()))
        nursery.start_soon(program.exchange)
        await program.listening.wait()
        yield program
        program.kill()
        nursery.cancel_scope.cancel()


async def _get(program: ServerProgram, path: str) -> str:
    stream = program.dial()
    answer = await ClientSide(stream).ask(RelayedRequest("GET", path, [(b"Host", b"agent.test")]))
    stream.close()
    return answer.body.decode()


def test_a_server_is_dialled_dials_and_is_killed_in_virtual_time_and_again_in_another_run() -> None:
    process = ProgramProcess([sys.executable, "-c", SERVER], VARIABLES)
    rests: list[float] = []

    async def once() -> list[object]:
        async with _running(process, rests) as program:
            said: list[object] = [await _get(program, "/now"), trio.current_time()]
            said += [await _get(program, "/slow"), trio.current_time()]
            said += [await _get(program, "/model"), trio.current_time()]
            with pytest.raises(BrokenOff):
                await _get(program, "/leave")
            open_stream = program.dial()
        with pytest.raises(trio.BrokenResourceError):
            await open_stream.receive_some()
        with pytest.raises(ConnectionRefusedError):
            program.dial()
        assert program.is_sound
        return said

    try:
        process.greet()
        first = run_deterministic(once, seed=0)
        assert first == ["/now", 0.0, "/slow", 2.5, "model /v1", 4.0]
        assert rests[:2] == [0.0, 0.0]
        assert process.hello is not None
        if process.hello.forks:
            assert run_deterministic(once, seed=0) == first
    finally:
        process.kill()


def test_a_server_that_ends_by_itself_is_told() -> None:
    source = "import socket\ns = socket.create_server(('127.0.0.1', 80))\nc, _ = s.accept()\nraise SystemExit(3)"
    process = ProgramProcess([sys.executable, "-c", source], VARIABLES)

    async def once() -> str:
        async with _running(process, []) as program:
            program.dial()
            while not program.has_ended:
                await trio.sleep(0.1)
            return str(program.failure)

    try:
        process.greet()
        assert "ended by itself, with exit code 3" in run_deterministic(once, seed=0)
    finally:
        process.kill()
