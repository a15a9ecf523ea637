"""Where the client cannot run, one sentence says so, with the cure."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Awaitable, Callable, Coroutine, Generator
from contextlib import AbstractAsyncContextManager
from types import ModuleType
from typing import Any

import anyio
import httpx
import pytest
import trio

import gapless
from gapless import simserver
from gapless.syncclient.network import event_loop

NOWHERE = ("http://127.0.0.1:9", "none")


def opening(**options: Any) -> Coroutine[Any, Any, None]:
    """A coroutine that opens a conversation where there is none."""

    async def opened() -> None:
        async with gapless.open_conversation(*NOWHERE, **options):
            pytest.fail("it was opened")

    return opened()


def sentence(error: BaseException) -> str:
    """Its text, which is one sentence on one line."""
    text = str(error)
    assert "\n" not in text
    assert not text.endswith(".")
    return text


def test_without_a_loop_the_loops_and_the_blocking_call_are_named() -> None:
    with pytest.raises(gapless.WrongLoop) as caught:
        opening().send(None)
    assert "asyncio.run() or trio.run()" in sentence(caught.value)
    assert "open_conversation_blocking" in str(caught.value)
    assert isinstance(caught.value, gapless.SyncError | RuntimeError)


def test_a_loop_that_is_neither_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    sniffio = ModuleType("sniffio")
    sniffio.current_async_library = lambda: "curio"  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "sniffio", sniffio)
    with pytest.raises(gapless.WrongLoop, match="runs on asyncio and trio, and not on curio"):
        opening().send(None)


def test_on_trio_a_missing_library_is_named_with_the_line_that_brings_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_loop, "find_spec", lambda name: None)
    with pytest.raises(gapless.WrongLoop, match=r"trio-websocket.*pip install 'gapless\[trio\]'"):
        trio.run(opening)


@pytest.mark.parametrize("method", ["__enter__", "__await__"])
def test_a_conversation_that_is_opened_without_async_with_names_the_cure(method: str) -> None:
    misused = getattr(gapless.open_conversation(*NOWHERE), method)
    with pytest.raises(TypeError, match=r"async with.*open_conversation_blocking"):
        misused()


@pytest.mark.parametrize("run", [asyncio.run, lambda main: trio.run(lambda: main)], ids=["asyncio", "trio"])
def test_blocking_inside_a_running_loop_is_refused(run: Callable[[Coroutine[Any, Any, None]], None]) -> None:
    async def main() -> None:
        with pytest.raises(gapless.WrongLoop) as caught:
            gapless.open_conversation_blocking(*NOWHERE)
        assert "async with" in sentence(caught.value)
        assert "asyncio.to_thread()" in str(caught.value)

    run(main())


Dial = Callable[[str, int], Awaitable[object]]


async def in_memory(host: str, port: int) -> object:
    """A stream of trio that needs no loop."""
    return trio.testing.memory_stream_pair()[0]


async def no_stream(host: str, port: int) -> object:
    """Nothing that could be read."""
    return (host, port)


def failing(**options: Any) -> Callable[[], Coroutine[Any, Any, float]]:
    """How long an open takes that ends in WrongLoop."""

    async def opened() -> float:
        began_s = anyio.current_time()
        with pytest.raises(gapless.WrongLoop) as caught:
            async with gapless.open_conversation(*NOWHERE, **options):
                pytest.fail("it was opened")
        texts.append(sentence(caught.value))
        return anyio.current_time() - began_s

    texts: list[str] = []
    opened.texts = texts  # type: ignore[attr-defined]
    return opened


@pytest.mark.parametrize("dial", [trio.open_tcp_stream, in_memory, no_stream])
def test_a_dial_of_trio_under_asyncio_is_told_at_once(dial: Dial) -> None:
    opened = failing(dial=dial)
    assert asyncio.run(opened()) < 5
    assert "on asyncio it must return an anyio.abc.ByteStream" in opened.texts[0]  # type: ignore[attr-defined]


async def of_asyncio(host: str, port: int) -> object:
    """A stream that only asyncio can open."""
    asyncio.get_running_loop()
    return None


class OfAnotherLoop:
    """What yields something to its loop that no other one understands, as a future of asyncio does."""

    def __await__(self) -> Generator[object, object, object]:
        return (yield self)


async def waits_for_another_loop(host: str, port: int) -> object:
    """A stream that only another loop can open."""
    return await OfAnotherLoop()


@pytest.mark.parametrize("dial", [of_asyncio, no_stream, waits_for_another_loop])
def test_a_dial_of_asyncio_under_trio_is_told_at_once(dial: Dial) -> None:
    opened = failing(dial=dial)
    assert trio.run(opened) < 5
    assert "on trio it must return a trio.abc.Stream" in opened.texts[0]  # type: ignore[attr-defined]


class OfTrio(httpx.AsyncBaseTransport):
    """A transport that only works on trio."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await trio.sleep(0)
        raise AssertionError


def test_a_transport_of_another_loop_is_told_at_once() -> None:
    opened = failing(transport=OfTrio())
    assert asyncio.run(opened()) < 5
    assert "transport is made for another event loop than asyncio" in opened.texts[0]  # type: ignore[attr-defined]


def test_the_in_memory_network_of_the_simulated_world_is_for_trio() -> None:
    world = simserver.World(simserver.ServerSettings(), simserver.AgentWorkload())
    with pytest.raises(gapless.WrongLoop):
        asyncio.run(opening(dial=world.connections.dial))


def test_a_conversation_is_an_async_context_manager() -> None:
    assert isinstance(gapless.open_conversation(*NOWHERE), AbstractAsyncContextManager)


LOADED = """
import sys
import gapless.syncclient
print(*sorted({name.partition(".")[0] for name in sys.modules} & set(sys.argv[1:])))
"""


def test_importing_the_client_loads_no_loop_and_no_library_of_one() -> None:
    """Each is loaded when it is used. They would take most of the time of the import."""
    libraries = ("asyncio", "httpx", "ssl", "trio", "trio_websocket", "websockets")
    done = subprocess.run([sys.executable, "-c", LOADED, *libraries], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
