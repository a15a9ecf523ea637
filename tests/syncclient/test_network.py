"""The network: bodies are bounded while they come, and what a library raises becomes an error of ours."""

from __future__ import annotations

import gzip
from collections.abc import AsyncIterator, Callable

import httpx
import pytest
import trio
import trio.testing

from gapless.syncclient.network.http_and_websocket import Network
from gapless.syncclient.network.transport import RequestBroken, Response
from gapless.syncclient.settings import Settings

Answer = Callable[[httpx.Request], httpx.Response]


def ask(answer: Answer, **settings: int) -> Response:
    """One GET, answered by a function."""
    network = Network("http://server", Settings(**settings), http_transport=httpx.MockTransport(answer))  # type: ignore[arg-type]  # each is a number

    async def asked() -> Response:
        try:
            return await network.request("GET", "/x", query={}, body=None)
        finally:
            await network.aclose()

    return trio.run(asked)


def test_a_body_within_the_bound_is_read_whole() -> None:
    assert ask(lambda request: httpx.Response(200, content=b"x" * 1000), body_size_bytes_max=1000).body == b"x" * 1000


def test_a_body_that_grows_when_decoded_is_given_up_while_it_comes() -> None:
    bomb = gzip.compress(b"0" * 10_000_000)
    assert len(bomb) < 20_000
    with pytest.raises(RequestBroken, match="body_size_bytes_max"):
        ask(
            lambda request: httpx.Response(200, headers={"Content-Encoding": "gzip"}, content=bomb),
            body_size_bytes_max=1_000_000,
        )


def test_whatever_a_transport_raises_is_a_broken_request() -> None:
    def breaks(request: httpx.Request) -> httpx.Response:
        raise RecursionError("too deep")

    with pytest.raises(RequestBroken, match="too deep"):
        ask(breaks)


class Trickle(httpx.AsyncBaseTransport):
    """Answers with a body in four parts, and a pause before each."""

    def __init__(self, pause_s: float) -> None:
        self._pause_s = pause_s

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        async def parts() -> AsyncIterator[bytes]:
            for _ in range(4):
                await trio.sleep(self._pause_s)
                yield b"part "

        return httpx.Response(200, content=parts())


@pytest.mark.parametrize("pause_s", [7.0, 9.0, 11.0])
def test_an_answer_that_goes_on_coming_is_waited_for_but_not_for_ever(pause_s: float) -> None:
    async def ask() -> bytes:
        network = Network("http://server", Settings(), http_transport=Trickle(pause_s))
        return (await network.request("GET", "/", query={}, body=None)).body

    clock = trio.testing.MockClock(autojump_threshold=0)
    if pause_s * 4 < 30:
        assert trio.run(ask, clock=clock) == b"part " * 4
    else:
        with pytest.raises(RequestBroken, match="no answer in 10 s"):
            trio.run(ask, clock=clock)


class Hangs(httpx.AsyncBaseTransport):
    """Answers the first request, and hangs in the second: before it has written anything, or after.

    `tells`: whether it says what it does, as httpcore does.
    """

    def __init__(self, *, tells: bool, after_writing: bool) -> None:
        self._tells, self._after_writing, self._requests = tells, after_writing, 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self._requests += 1
        if self._requests > 1 and not self._after_writing:
            await trio.sleep_forever()
        if self._tells:
            await request.extensions["trace"]("http11.send_request_headers.started", {})
        if self._requests > 1:
            await trio.sleep_forever()
        return httpx.Response(200)


@pytest.mark.parametrize(
    ("tells", "after_writing", "was_sent"), [(True, False, False), (True, True, True), (False, False, True)]
)
def test_a_request_without_an_answer_was_sent_unless_it_is_known_that_nothing_was_written(
    tells: bool, after_writing: bool, was_sent: bool
) -> None:
    """A process that is suspended before it writes has sent nothing: then a POST can be sent again."""
    network = Network("http://server", Settings(), http_transport=Hangs(tells=tells, after_writing=after_writing))

    async def asked() -> None:
        await network.request("GET", "/x", query={}, body=None)
        await network.request("POST", "/x", query={}, body={})

    with pytest.raises(RequestBroken, match="no answer in 10 s") as broken:
        trio.run(asked, clock=trio.testing.MockClock(autojump_threshold=0))
    assert broken.value.was_sent is was_sent
