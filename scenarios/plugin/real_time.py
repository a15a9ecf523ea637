"""``gapless_server``: a client over TCP in real time, from a test on any event loop or on none."""

from __future__ import annotations

import dataclasses
import inspect
import json
import uuid
from collections.abc import Awaitable, Iterable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, Final, Protocol

import anyio
import anyio.to_thread
import trio

from gapless.reports.records.record import RunRecord, Verdict
from gapless.scenarios.checking import recording
from gapless.scenarios.checking.check import Checked
from gapless.scenarios.checking.deadlines import with_real_time_deadline
from gapless.scenarios.clients.contract import Claim, errors_of, gaps_of
from gapless.scenarios.plugin.failure_text import failed, told
from gapless.scenarios.plugin.fixture_use import CapsulePlace, in_trio
from gapless.scenarios.plugin.server_thread import Hand, ServerThread
from gapless.scenarios.plugin.traceback_keeper import TracebackKeeper
from gapless.scenarios.plugin.variants import Variant
from gapless.scenarios.serving.step_protocol import Cannot, Done, Failed, Reached
from gapless.scenarios.wrong_values import WrongValue, validated
from gapless.simserver.journal import canonical

GRACE_S: Final = 0.5  # beyond the deadline: the server judges that a step hangs, then the client is cancelled
CLOSE_S_MAX: Final = 5.0
_STEPS: Final = ("attach", "send", "run", "close", "held")


class ClientOverTcp(Protocol):
    """What ``drive`` needs of a client. ``drive_sync`` needs the same methods without async.

    A client may have ``errors``, a tuple of the exceptions with which it gives up; any other is a crash. ``run`` may
    return a ``gapless.testing.Claim``. A client may have ``gaps()``, with the gaps that it declares as pairs of ids,
    and ``history()``, which iterates over the whole log.
    """

    async def attach(self) -> object:
        """Read the conversation's log, and follow it from then on."""
        ...

    async def send(self, text: str) -> object:
        """Send a user message, without starting a run."""
        ...

    async def run(self) -> object:
        """Start a run, and return when it has ended."""
        ...

    async def close(self) -> object:
        """Close all connections."""
        ...

    def held(self) -> Sequence[Any]:
        """The events of the log that the client holds, in its order: ids, or events as mappings with an ``id``."""
        ...


class GaplessServer:
    """A scenario on a real port.

    ``url``, ``conversation_id``, ``api_key`` (or None): what a client needs to connect.
    ``variant``: the scenario, generation, cursor mode and seed.
    """

    def __init__(self, variant: Variant, place: CapsulePlace) -> None:
        self.variant = variant = dataclasses.replace(variant, scenario=with_real_time_deadline(variant.scenario))
        self._place = place
        self._thread = ServerThread(variant.request("over-tcp"))
        self._traceback_keeper = TracebackKeeper()
        self._driven = False

    def __enter__(self) -> GaplessServer:
        self._thread.start()
        world = self._thread.session.world
        self.url, self.conversation_id, self.api_key = self._thread.url, world.conversation_id, world.api_key
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._thread.stop()

    def on_event(self, event_id: str, repaired: bool | None = None) -> None:
        """Report that an event has reached the application. May be called from any thread.

        ``repaired``: whether a repair brought it; None does not say. When this is never called, deliveries are not
        judged.
        """
        self._thread.take(Reached(str(event_id), repaired))

    async def drive(self, client: ClientOverTcp | _SyncClientAdapter) -> RunRecord:
        """Put a client through the scenario's script, on asyncio or trio. Returns the record of the run.

        Fails the test when the verdict is not ``holds``.
        """
        __tracebackhide__ = True
        self._begin(client)
        closed = False
        try:
            while order := await anyio.to_thread.run_sync(self._thread.next_order, abandon_on_cancel=True):
                asked = json.loads(order)
                closed = closed or asked["step"] == "close"
                if not await self._step(client, **asked):
                    break
        finally:
            self._thread.end()
        if not closed:
            await self._close(client)
        return self._record(await anyio.to_thread.run_sync(self._thread.checked, abandon_on_cancel=True), client)

    def drive_sync(self, client: Any) -> RunRecord:
        """Put a client without async through the script. One other thread calls its methods, one at a time."""
        __tracebackhide__ = True
        if in_trio():
            raise failed(
                "drive_sync in an async test would stop its event loop; `await gapless_server.drive(client)` there"
            )
        _check_form(client)
        waiting = [name for name in _STEPS if inspect.iscoroutinefunction(getattr(client, name))]
        if waiting:
            raise failed(f"{type(client).__name__}.{waiting[0]}() is async; `await gapless_server.drive(client)`")
        hand = Hand()
        try:
            return trio.run(self.drive, _SyncClientAdapter(client, hand))
        finally:
            hand.rest()

    def check_used(self) -> None:
        """Fail the test when no client was driven."""
        if not self._driven:
            raise failed(
                "the test drove no client, so it proves nothing; `await gapless_server.drive(client)`, "
                "or gapless_server.drive_sync(client) for one without async"
            )

    def _begin(self, client: object) -> None:
        if self._driven:
            raise failed("a scenario is there for one client and one drive; use the marker, or parametrize, for more")
        _check_form(client)
        self._driven = True
        self._thread.begin()

    async def _step(self, client: Any, step: str, text: str | None = None) -> bool:
        """Ask the client for a step and report the result. Returns whether the script can go on."""
        with anyio.move_on_after(self.variant.scenario.expect.step_deadline_s + GRACE_S):
            try:
                if step == "history":
                    self._thread.take(await _history(client))
                    return True
                held = _events(client) if step == "close" else None
                answer = await _awaitable(client.send(text) if step == "send" else getattr(client, step)(), step)
                self._thread.take(_done(step, _events(client) if held is None else held, answer, client))
            except errors_of(client) as error:
                self._thread.take(Failed.model_validate({"failed": step, "error": _error_text(error)}))
            except Exception as error:
                self._traceback_keeper.saw(error)
                self._thread.end(type(error).__name__, str(error) or "no reason given")
                return False
        return True

    async def _close(self, client: Any) -> None:
        with anyio.move_on_after(CLOSE_S_MAX):
            try:
                await client.close()
            except Exception as error:
                self._traceback_keeper.saw(error)

    def _record(self, checked: Checked, client: object) -> RunRecord:
        __tracebackhide__ = True
        checked = checked.of(_client_name(client))
        record = checked.record
        if record.verdict is Verdict.HOLDS:
            return record
        lines = list(canonical(checked.entries))
        see = self._write_recording(checked)
        raise failed(told(record, lines, self._place, testimony=self._traceback_keeper.testimony(), see=see))

    def _write_recording(self, checked: Checked) -> Iterator[str]:
        shown = self._place.shown(recording.write(checked, self._place.capsules))
        yield f"capsule  {shown}"
        yield f"story    gapless replay {shown} --trace"


class _SyncClientAdapter:
    """Makes a client without async look like one with async. A thread makes the calls."""

    def __init__(self, client: Any, hand: Hand) -> None:
        self.client = client
        self.errors = errors_of(client)
        self.attach, self.send = hand.doing(client.attach), hand.doing(client.send)
        self.run, self.close = hand.doing(client.run), hand.doing(client.close)
        if callable(getattr(client, "gaps", None)):
            self.gaps = client.gaps
        if callable(getattr(client, "history", None)):
            self.history = hand.doing(lambda: list(client.history()))

    def held(self) -> Sequence[Any]:
        """What the client holds. Called between two steps, when the client's thread is idle."""
        found: Sequence[Any] = self.client.held()
        return found


def _check_form(client: Any) -> None:
    missing = [name for name in _STEPS if not callable(getattr(client, name, None))]
    if missing:
        raise failed(f"{type(client).__name__} has no {'(), '.join(missing)}(); a client needs {'(), '.join(_STEPS)}()")
    try:
        errors_of(client)
    except TypeError as error:
        raise failed(f"{type(client).__name__}: {error}") from None


def _client_name(client: object) -> str:
    return type(client.client if isinstance(client, _SyncClientAdapter) else client).__name__


def _awaitable(answer: object, step: str) -> Awaitable[object]:
    if not inspect.isawaitable(answer):
        raise TypeError(f"{step}() is not async; gapless_server.drive_sync(client) is for clients without")
    return answer


def _events(client: Any) -> list[str | dict[str, Any]]:
    """The events that the client holds, or their ids. Raises TypeError when ``held()`` returns something else."""
    held: object = client.held()
    if isinstance(held, str | bytes) or not isinstance(held, Iterable):
        raise TypeError(f"held() answered {type(held).__name__}, and not the events that it holds, or their ids")
    return [_event(one, f"held()[{number}]") for number, one in enumerate(held)]


def _event(one: object, where: str) -> str | dict[str, Any]:
    """An event as a report has it: whole, when it is more than an id. Raises TypeError when it has no id."""
    event_id = one.get("id") if isinstance(one, Mapping) else one
    if not isinstance(event_id, str | uuid.UUID):
        raise TypeError(f"{where} is neither an id nor an event with one")
    return {**one, "id": str(event_id)} if isinstance(one, Mapping) else str(event_id)


async def _history(client: Any) -> Done | Cannot:
    """What the client reads of the whole log."""
    if not callable(getattr(client, "history", None)):
        return Cannot(cannot="history")
    found: Any = client.history()
    events = [one async for one in found] if hasattr(found, "__aiter__") else await _awaitable(found, "history")
    if not isinstance(events, Iterable):
        raise TypeError(f"history() answered {type(events).__name__}, and not events")
    return Done(done="history", read=[_event(one, f"history()[{number}]") for number, one in enumerate(events)])


def _done(step: str, held: list[str | dict[str, Any]], answer: object, client: Any) -> Done:
    """The report of a step. Raises ValueError when a claim is invalid; that counts as a crash of the client."""
    said: dict[str, object] = {"done": step, "held": held, "gaps": gaps_of(client)}
    if isinstance(answer, Claim):
        said |= {name: value for name, value in dataclasses.asdict(answer).items() if name != "notes"}
    try:
        return validated(Done, said)
    except WrongValue as error:
        raise ValueError(str(error)) from None


def _error_text(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:10_000]
