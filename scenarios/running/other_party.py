"""What somebody else does to the conversation, over a connection that is not the client's.

A script asks the client for a step that its API has, such as ``pause``. A client without it is put through all the
same: somebody else does it. Nothing of this counts as a call of the client.
"""

from __future__ import annotations

from typing import Final, Literal, Protocol

from gapless.simserver.errors import IllegalTransition
from gapless.simserver.waiting import sleep
from gapless.simserver.world import World

OtherName = Literal["pause", "interrupt", "confirm", "reject", "answer", "navigate", "delete", "fork"]
Target = int | Literal["root"]
POLL_S: Final = 0.1
# A copy and a deletion are made on disk. All else is refused while the runtime is missing, as for a client (R67).
_NEEDS_NO_RUNTIME: Final = frozenset({"fork", "delete"})


class OtherParty(Protocol):
    """Somebody else who uses the conversation of a world."""

    @property
    def sees_a_run(self) -> bool:
        """Whether a run is in progress on the server."""
        ...

    async def act(self, name: OtherName, value: str | Target | None = None) -> None:
        """Do it as soon as the server can be reached. What it refuses is recorded, and changes nothing."""
        ...


class SimulatedOtherParty:
    """Somebody else in a simulated world."""

    def __init__(self, world: World) -> None:
        self._world = world

    @property
    def sees_a_run(self) -> bool:
        return self._world.runs.in_progress

    async def act(self, name: OtherName, value: str | Target | None = None) -> None:
        await act(self._world, name, value)


async def act(world: World, name: OtherName, value: str | Target | None = None) -> None:
    """Do it as soon as the server can be reached. What it refuses is recorded, and changes nothing."""
    await world.until_reachable()
    world.journal.record("other", name, **({} if value is None else {"value": value}))
    if world.runtime != "available" and name not in _NEEDS_NO_RUNTIME:
        world.wake_by_write()
        world.journal.record("other", "refused", asked=name, message="the runtime is not running")
        return
    try:
        _do(world, name, value)
    except IllegalTransition as error:
        world.journal.record("other", "refused", asked=name, message=str(error))


def _do(world: World, name: OtherName, value: str | Target | None) -> None:
    match name:
        case "pause" | "interrupt":
            world.pause()
        case "confirm":
            world.confirm(accept=True)
        case "reject":
            world.confirm(accept=False)
        case "answer":
            world.answer(str(value))
        case "navigate":
            world.navigate(value if isinstance(value, int) else None)
        case "delete":
            world.delete()
        case "fork":
            world.fork()


async def wait_for_end(other: OtherParty, *, at_most_s: float) -> None:
    """Wait until no run is in progress on the server."""
    waited_s = 0.0
    while other.sees_a_run and waited_s < at_most_s:
        await sleep(POLL_S)
        waited_s += POLL_S
