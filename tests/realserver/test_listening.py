"""A program that is a server: it listens, the harness connects, and it finds no other programs on its machine."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from gapless.scenarios.lockstep.process import NeverWaited, ProgramProcess
from gapless.scenarios.lockstep.protocol import (
    Accepted,
    Blocked,
    CloseConnection,
    Data,
    Ended,
    Eof,
    InputLine,
    Listen,
    ResetConnection,
    Resumed,
    StartRun,
)

VARIABLES = {"GAPLESS_LOCKSTEP_ROLE": "server"}

ECHO = """
import asyncio
async def answer(reader, writer):
    host, port = writer.get_extra_info("peername")
    writer.write(f"{host} {port} {writer.get_extra_info('sockname')[1]} ".encode() + await reader.readline())
    await asyncio.sleep(1.5)
    writer.write(b"bye")
    writer.close()
async def main():
    server = await asyncio.start_server(answer, "127.0.0.1", 8000)
    async with server:
        await server.serve_forever()
asyncio.run(main())
"""
BLOCKING = """
import socket, subprocess
listener = socket.create_server(("127.0.0.1", 0))
for _ in range(2):
    connection, address = listener.accept()
    connection.sendall(str(address).encode())
    connection.close()
listener.close()
try:
    subprocess.run(["git", "init"])
except FileNotFoundError as error:
    print(error.errno, error.filename)
"""


@contextmanager
def _started(source: str, variables: dict[str, str] = VARIABLES) -> Iterator[tuple[ProgramProcess, list[bytes]]]:
    process = ProgramProcess([sys.executable, "-c", textwrap.dedent(source)], variables)
    printed: list[bytes] = []
    process.said = lambda stream, data: printed.append(data)
    try:
        process.greet()
        process.send(StartRun(0, 0.0, variables))
        yield process, printed
    finally:
        process.kill()


def _blocked(process: ProgramProcess) -> Blocked:
    message = process.receive()
    assert isinstance(message, Blocked), message
    return message


def test_a_server_on_asyncio_answers_whom_the_harness_connects() -> None:
    with _started(ECHO) as (process, _):
        assert _blocked(process).outputs == (Listen(1, "127.0.0.1", 8000),)
        process.send(Resumed(1.0, (Accepted(1, 1_000, "10.0.0.2", 40_001), Data(1_000, b"hello\n"))))
        blocked = _blocked(process)
        assert blocked.outputs == (Data(1_000, b"10.0.0.2 40001 8000 hello\n"),)
        assert blocked.wake_at_s == 2.5
        process.send(Resumed(2.5))
        assert _blocked(process).outputs == (Data(1_000, b"bye"), CloseConnection(1_000))


def test_a_blocking_server_gets_a_free_port_and_has_no_child_processes() -> None:
    with _started(BLOCKING) as (process, printed):
        (listen,) = _blocked(process).outputs
        assert isinstance(listen, Listen)
        assert listen.port > 0
        two = (Accepted(1, 1_000, "10.0.0.2", 7), Accepted(1, 1_001, "10.0.0.2", 8))
        process.send(Resumed(0.0, two))
        ended = [process.receive(), process.receive()]
        assert isinstance(ended[-1], Ended)
        outputs = [output for message in ended for output in getattr(message, "outputs", ())]
        assert Data(1_001, b"('10.0.0.2', 8)") in outputs
        assert b"".join(printed).decode().split() == ["2", "git"]


def test_a_connection_to_a_listener_that_is_gone_is_reset() -> None:
    with _started("import socket, time\nwith socket.create_server(('127.0.0.1', 5)): pass\ntime.sleep(9)") as (
        process,
        _,
    ):
        _blocked(process)
        process.send(Resumed(0.0, (Accepted(1, 1_000, "10.0.0.2", 7), Eof(1_000))))
        assert _blocked(process).outputs == (ResetConnection(1_000),)


def test_each_stamp_of_a_server_is_later_than_the_one_before() -> None:
    source = """
        import socket, time
        from datetime import datetime, timezone
        began = datetime.now()
        listener = socket.create_server(("127.0.0.1", 5))
        listener.accept()
        print([datetime.now().timestamp() for _ in range(3)], datetime.now(timezone.utc).microsecond, time.time())
        time.sleep(2)
        print(datetime.now().timestamp())
    """
    with _started(source) as (process, printed):
        _blocked(process)
        process.send(Resumed(1.0, (Accepted(1, 1_000, "10.0.0.2", 7),)))
        _blocked(process)
        process.send(Resumed(3.0))
        assert isinstance(process.receive(), Ended)
    assert b"".join(printed).decode().splitlines() == ["[1.0, 1.000001, 1.000002] 3 1.0", "3.0"]


def test_a_client_that_listens_is_refused() -> None:
    process = ProgramProcess([sys.executable, "-c", "import socket\nsocket.create_server(('127.0.0.1', 5))"], {})
    try:
        with pytest.raises(NeverWaited, match="let it only connect"):
            process.greet()
    finally:
        process.kill()


TWICE = """
import socket, sys
sockets = [socket.socket(), socket.socket()]
sys.stdin.readline()
for one in sockets:
    one.bind(("", 7))
    one.listen()
"""


def test_a_port_is_taken_once() -> None:
    with _started(TWICE) as (process, printed):
        _blocked(process)
        process.send(Resumed(0.0, (InputLine("go"),)))
        ended = [process.receive(), process.receive()][-1]
        assert isinstance(ended, Ended)
        assert ended.code == 1
        assert b"Address already in use" in b"".join(printed)
