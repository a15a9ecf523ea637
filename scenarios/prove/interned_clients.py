"""Clients as values: each state of a client once, and what each input makes of it, computed once.

A client is deterministic, so *state and input give state and effects* is a function, and a function can be remembered.
A search takes millions of steps, of which few are new to the client: what the server and the network do in between
makes schedules many, and clients few.
"""

from __future__ import annotations

import pickle
from collections.abc import Hashable
from dataclasses import dataclass

from gapless.scenarios.clients.contract import Claim, GapIds
from gapless.scenarios.machines import machine as model
from gapless.scenarios.prove.state_identity import Form, canonical, frozen

SCRIPT: tuple[model.AttachStep | model.SendStep | model.RunStep, ...] = (
    model.AttachStep(),
    model.SendStep("Do the task"),
    model.RunStep(),
)


@dataclass(frozen=True, slots=True)
class Returned:
    """How the script ended: ``run()`` returned with a claim, or a step failed (``error``); and what was held then."""

    claim: Claim | None
    error: str | None
    held: tuple[str, ...]
    gaps: tuple[GapIds, ...]
    deliveries: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Reaction:
    """What an input made of a client: its next state, and what it wants done of the world.

    is_attached: whether the attach returned in this step; returned: how the script ended, if it did.
    """

    client: int
    wake_at_s: float
    effects: tuple[model.DialSocket | model.DropSocket | model.RestCall, ...]
    is_attached: bool
    returned: Returned | None


class _Life:
    """A client in the middle of the script."""

    __slots__ = ("deliveries", "machine", "stage")

    def __init__(self, machine: model.Machine) -> None:
        self.machine = machine
        self.stage = 0
        self.deliveries: list[str] = []


class Clients:
    """All states of one client that were met; a number stands for each. State 0 has been asked for nothing yet."""

    def __init__(self, machine: model.Machine) -> None:
        self._numbers: dict[Form, int] = {}
        self._frozen: list[bytes] = []
        self._outcomes: dict[tuple[int, float, Hashable], Reaction] = {}
        self._keep(_Life(machine))

    def __len__(self) -> int:
        return len(self._frozen)

    def __repr__(self) -> str:
        return f"<Clients {len(self._frozen)} states, {len(self._outcomes)} steps>"

    @property
    def steps(self) -> int:
        """How many steps were computed, and not looked up."""
        return len(self._outcomes)

    def begin(self, now_s: float) -> Reaction:
        """Begin the script."""
        return self.step(0, SCRIPT[0], now_s)

    def step(self, client: int, told: model.Input, now_s: float) -> Reaction:
        """What an input makes of a client."""
        key = (client, now_s, told)
        outcome = self._outcomes.get(key)
        if outcome is None:
            outcome = self._outcomes[key] = self._compute(client, told, now_s)
        return outcome

    def _compute(self, client: int, told: model.Input, now_s: float) -> Reaction:
        incarnation: _Life = pickle.loads(self._frozen[client])
        asked: list[model.DialSocket | model.DropSocket | model.RestCall] = []
        is_attached, returned = False, None
        pending = incarnation.machine.handle(told, now_s)
        while pending:
            effect = pending.pop(0)
            match effect:
                case model.DeliverEvent(event_id):
                    incarnation.deliveries.append(event_id)
                case model.StepDone(claim):
                    is_attached = is_attached or incarnation.stage == 0
                    incarnation.stage += 1
                    if incarnation.stage < len(SCRIPT):
                        pending += incarnation.machine.handle(SCRIPT[incarnation.stage], now_s)
                    else:
                        returned = _returned(incarnation, claim, None)
                case model.StepError(error, message):
                    returned = _returned(incarnation, None, f"{error}: {message}")
                case _:
                    asked.append(effect)
        return Reaction(self._keep(incarnation), incarnation.machine.wake_at_s, tuple(asked), is_attached, returned)

    def _keep(self, incarnation: _Life) -> int:
        form = canonical(incarnation)
        number = self._numbers.get(form)
        if number is None:
            number = self._numbers[form] = len(self._frozen)
            self._frozen.append(frozen(incarnation))
        return number


def _returned(incarnation: _Life, claim: Claim | None, error: str | None) -> Returned:
    machine = incarnation.machine
    return Returned(claim, error, tuple(machine.held()), tuple(machine.gaps()), tuple(incarnation.deliveries))
