"""Smoke runs: our sync client against the published agent server, over TCP and in real time.

Everything else that the two do together is measured in virtual time: see `both_ends` of `subjects.py`, and
`tests.likeness`. What is left here is a clean run, and what only a real disk can show.
"""

from __future__ import annotations

import signal
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import httpx
import trio

from gapless import syncclient
from gapless.scenarios.running.script_player import leaves
from gapless.syncclient import Conversation, LogEvent, Settings, SyncReport, open_conversation
from tests.interop import model_endpoint, real_server
from tests.interop.model_endpoint import order
from tests.interop.proxy import Proxy
from tests.interop.real_server import RealServer

Generation = Literal["tree", "session"]
GENERATIONS: tuple[Generation, ...] = ("tree", "session")
PART_S_MAX = 240.0
RUN_S_MAX = 90.0
STATE_UPDATE = "ConversationStateUpdateEvent"
PAGE_EVENTS_MAX = 100


@dataclass(frozen=True, slots=True)
class ServerRow:
    """What came of one part. events: in the log at its end; attach_calls, run_calls: reads of the log, as the proxy saw
    them pass; polls: calls that ask for the status, of the attach and all runs; wrong: what was not as it should be.
    """

    generation: str
    part: str
    events: int
    attach_calls: int
    run_calls: tuple[int, ...]
    polls: int
    expected: str
    wrong: tuple[str, ...]


class Rendezvous:
    """Where both generations wait for each other, so that one kill of the server serves both."""

    def __init__(self, parties: int) -> None:
        self._missing = parties
        self._over = trio.Event()

    async def meet(self, act: Callable[[], Awaitable[object]]) -> None:
        """Come; the last to come acts for all."""
        self._missing -= 1
        if not self._missing:
            await act()
            self._over.set()
        await self._over.wait()


@dataclass
class Part:
    """One part in progress: a conversation of the real server, our client, a proxy between them."""

    server: RealServer
    direct: httpx.AsyncClient
    proxy: Proxy
    conversation_id: str
    generation: Generation
    rendezvous: Rendezvous
    started: Rendezvous
    attach_calls: int = 0
    run_calls: list[int] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    delivered: list[str] = field(default_factory=list)

    def open(self) -> AbstractAsyncContextManager[Conversation]:
        """Our client, through the proxy."""
        return open_conversation(
            self.proxy.url,
            self.conversation_id,
            generation=self.generation,
            settings=Settings(certainty="log" if self.generation == "session" else "branch"),
            subscriber=self._delivered,
        )

    def _delivered(self, event: LogEvent, origin: syncclient.Origin) -> None:
        self.delivered.append(event["id"])

    async def run(self, client: Conversation, text: str, status: str = "finished") -> SyncReport:
        """One run: what it cost, whether the report claims completeness, and whether that is true."""
        before = len(self.proxy.requests)
        await client.send(text)
        report = await client.run(run_timeout_s=RUN_S_MAX)
        self.run_calls.append(len(self.proxy.reads(before)))
        self.check(report.status == status, f"the run ended as {report.status}, not {status}")
        self.check(report.complete, f"the report is not complete: {report.notes}")
        await self._compare(client, report)
        return report

    async def _compare(self, client: Conversation, report: SyncReport) -> None:
        """What is held beside the server's log, read page by page; what our client does not claim is left out."""
        log = await self.log()
        gaps = {gap.after_id: gap.before_id for gap in report.gaps}
        wanted, hidden_until = [], None
        for event in log:
            if hidden_until is not None and event["id"] != hidden_until:
                continue
            hidden_until = gaps.get(event["id"])
            wanted.append(event)
        branch = self.generation == "tree"
        held = [event["id"] for event in client.events if not (branch and event["kind"] == STATE_UPDATE)]
        expected = [event["id"] for event in wanted if not (branch and event["kind"] == STATE_UPDATE)]
        missing, strangers = set(expected) - set(held), set(held) - {event["id"] for event in log}
        self.check(not missing, f"{len(missing)} events of the log are not held")
        self.check(not strangers, f"{len(strangers)} events are held that are in no log")
        self.check(bool(missing or strangers) or held == expected, "what is held is not in the order of the log")
        self.check(len(set(self.delivered)) == len(self.delivered), "an event was delivered twice")

    async def log(self) -> list[dict[str, str]]:
        """The server's whole log, asked for directly."""
        events: list[dict[str, str]] = []
        page_id = None
        while True:
            query = {"limit": str(PAGE_EVENTS_MAX)} | ({"page_id": page_id} if page_id else {})
            answer = await self.direct.get(f"/api/conversations/{self.conversation_id}/events/search", params=query)
            page = answer.json()
            events += page["items"]
            page_id = page["next_page_id"]
            if page_id is None:
                return events

    def check(self, holds: bool, problem: str) -> None:
        if not holds:
            self.wrong.append(problem)

    async def until_events_came(self, client: Conversation, number: int) -> None:
        """Wait until the client holds so many more than now."""
        wanted = len(client.events) + number
        while len(client.events) < wanted:
            await trio.sleep(0.02)

    def expect_run_calls(self, *most: int) -> None:
        """The least that are to be had, where nothing was lost; upper bounds where something was."""
        for number, (spent, bound) in enumerate(zip(self.run_calls, most, strict=True), 1):
            self.check(spent <= bound, f"run {number} cost {spent} calls, {bound} expected")

    def expect_no_polls(self) -> None:
        """A socket that stands tells the status."""
        self.check(self.proxy.polls() == 0, f"the status was asked for {self.proxy.polls()} times")


async def clean_runs(part: Part) -> str:
    """Three runs, nothing in the way."""
    async with part.open() as client:
        part.attach_calls = len(part.proxy.reads())
        for _ in range(3):
            await part.run(client, order(3))
    part.expect_run_calls(0, 0, 0)
    part.expect_no_polls()
    return "0 calls a run"


async def killed(part: Part) -> str:
    """The server is killed while the model thinks, and started again on the same directory; then another run."""
    return await _killed(part, leaf_lags=False)


async def killed_in_mid_step(part: Part) -> str:
    """The same, with the leaf on disk that a kill in mid-step leaves there: the one before the last action.

    The server saves it when a step of its agent is over. To hit the milliseconds before that is luck, so it is written.
    """
    return await _killed(part, leaf_lags=True)


async def _killed(part: Part, *, leaf_lags: bool) -> str:
    async def kill() -> None:
        await part.server.kill(signal.SIGKILL)

    async def disturb(client: Conversation) -> None:
        await part.until_events_came(client, 6)
        await trio.sleep(0.2)  # the model takes longer: the step with the last of them is over, and saved
        await part.rendezvous.meet(kill)
        if leaf_lags:
            part.server.set_leaf_back(part.conversation_id)
        await part.started.meet(part.server.start)

    async with part.open() as client:
        part.attach_calls = len(part.proxy.reads())
        await part.run(client, order(1))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(disturb, client)
            await part.run(client, order(30, pace_s=0.5), status="error")
        await part.run(client, order(3))
    # What is held off the branch is in the log or in none, which a page says: at the end of the run, and of the next.
    part.expect_run_calls(0, 1, int(leaf_lags and part.generation == "tree"))
    return "the run ends as an error, for a page at most; the next is complete again"


PARTS: dict[str, Callable[[Part], Awaitable[str]]] = {
    "clean runs": clean_runs,
    "kill and restart in mid-run": killed,
    "kill in mid-step, and restart": killed_in_mid_step,
}


async def measure(release: str, directory: Path, progress: Callable[[str], object]) -> list[ServerRow]:
    """All parts, one after the other, each in both socket generations at once."""
    rows: dict[tuple[str, str], ServerRow] = {}
    async with trio.open_nursery() as nursery:
        model: str = await nursery.start(model_endpoint.serve)
        async with real_server.running(release, directory, model) as server:
            for name, play in PARTS.items():
                for row in await _both(server, name, play):
                    rows[row.generation, name] = row
                    progress(f"server {release}, {row.generation}, {name}: {'; '.join(row.wrong) or 'as expected'}")
        nursery.cancel_scope.cancel()
    return [rows[generation, name] for generation in GENERATIONS for name in PARTS]


async def _both(server: RealServer, name: str, play: Callable[[Part], Awaitable[str]]) -> list[ServerRow]:
    """One part in both socket generations at once."""
    rows: list[ServerRow] = []
    meetings = Rendezvous(len(GENERATIONS)), Rendezvous(len(GENERATIONS))

    async def one(generation: Generation) -> None:
        rows.append(await _one(server, generation, name, play, *meetings))

    async with trio.open_nursery() as nursery:
        for generation in GENERATIONS:
            nursery.start_soon(one, generation)
    return rows


async def _one(
    server: RealServer,
    generation: Generation,
    name: str,
    play: Callable[[Part], Awaitable[str]],
    rendezvous: Rendezvous,
    started: Rendezvous,
) -> ServerRow:
    proxy = Proxy(server.port)
    async with httpx.AsyncClient(base_url=server.url, timeout=30) as direct, trio.open_nursery() as nursery:
        await nursery.start(proxy.serve)
        created = await server.create(direct)
        part = Part(server, direct, proxy, str(created["id"]), generation, rendezvous, started)
        expected = ""
        try:
            with trio.fail_after(PART_S_MAX):
                expected = await play(part)
        except* (syncclient.SyncError, trio.TooSlowError) as group:
            part.wrong += [f"{type(error).__name__}: {error}" for error in leaves(group)]
        events = 0
        try:
            events = len(await part.log())
        except httpx.TransportError as error:
            part.wrong.append(f"the server's log cannot be read: {type(error).__name__}: {error}")
        nursery.cancel_scope.cancel()
    run_calls, wrong = tuple(part.run_calls), tuple(part.wrong)
    return ServerRow(generation, name, events, part.attach_calls, run_calls, proxy.polls(), expected, wrong)
