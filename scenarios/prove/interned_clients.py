"""Clients as values: each distinct state of a client is stored once, and each step from it is computed once.

A client is deterministic: its next state and its effects depend only on its state and the input. So the result of a
step can be cached. A search takes millions of steps, but most of them repeat a state and an input that were seen
before: schedules differ mainly in what the server and the network do.
"""

from __future__ import annotations

import pickle
from collections.abc import Hashable
from dataclasses import dataclass

from gapless.scenarios.clients.contract import Claim, GapIds
from gapless.scenarios.machines import machine as model
from gapless.scenarios.prove.state_identity import Form, canonical, frozen

_ATTACH: tuple[model.AttachStep | model.SendStep | model.RunStep, ...] = (model.AttachStep(),)
_RUN = (model.SendStep("Do the task"), model.RunStep())


@dataclass(frozen=True, slots=True)
class Returned:
    """How a run of the script ended, and what the client held at that moment.

    ``claim``: what ``run()`` returned; None if a step failed
    ``error``: the error of the step that failed; None if none did
    ``held``: ids of the events held, in the client's order
    ``gaps``: the gaps that the client declared
    ``deliveries``: ids of the events delivered to the application, in order
    """

    claim: Claim | None
    error: str | None
    held: tuple[str, ...]
    gaps: tuple[GapIds, ...]
    deliveries: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Reaction:
    """The result of one step of a client.

    ``client``: the number of its next state
    ``wake_at_s``: when it wants its next `Timer`, in seconds
    ``effects``: the sockets and calls that it wants
    ``is_attached``: whether the attach returned in this step
    ``returned``: how a run ended, if one ended in this step, or the script failed
    ``is_over``: whether the script has ended
    """

    client: int
    wake_at_s: float
    effects: tuple[model.DialSocket | model.DropSocket | model.RestCall, ...]
    is_attached: bool
    returned: Returned | None
    is_over: bool


class _ScriptedClient:
    """A client and its progress through the script."""

    __slots__ = ("deliveries", "machine", "stage")

    def __init__(self, machine: model.Machine) -> None:
        self.machine = machine
        self.stage = 0
        self.deliveries: list[str] = []


class Clients:
    """All states of one client that a search has met, numbered. State 0 is the client before its first input.

    ``runs``: how many runs the script has
    """

    def __init__(self, machine: model.Machine, runs: int = 1) -> None:
        self._script = _ATTACH + _RUN * runs
        self._numbers: dict[Form, int] = {}
        self._frozen: list[bytes] = []
        self._reactions: dict[tuple[int, float, Hashable], Reaction] = {}
        self._keep(_ScriptedClient(machine))

    def __len__(self) -> int:
        return len(self._frozen)

    def __repr__(self) -> str:
        return f"<Clients {len(self._frozen)} states, {len(self._reactions)} steps>"

    @property
    def steps(self) -> int:
        """How many steps were computed rather than looked up."""
        return len(self._reactions)

    def begin(self, now_s: float) -> Reaction:
        """The step in which the client begins the script."""
        return self.step(0, self._script[0], now_s)

    def step(self, client: int, told: model.Input, now_s: float) -> Reaction:
        """The result of an input to the client state of this number. It is looked up if it is known."""
        key = (client, now_s, told)
        reaction = self._reactions.get(key)
        if reaction is None:
            reaction = self._reactions[key] = self._compute(client, told, now_s)
        return reaction

    def _compute(self, client: int, told: model.Input, now_s: float) -> Reaction:
        scripted: _ScriptedClient = pickle.loads(self._frozen[client])
        asked: list[model.DialSocket | model.DropSocket | model.RestCall] = []
        is_attached, is_over, returned = False, False, None
        pending = scripted.machine.handle(told, now_s)
        while pending:
            effect = pending.pop(0)
            match effect:
                case model.DeliverEvent(event_id):
                    scripted.deliveries.append(event_id)
                case model.StepDone(claim):
                    is_attached = is_attached or scripted.stage == 0
                    if isinstance(self._script[scripted.stage], model.RunStep):
                        returned = _returned(scripted, claim, None)
                    scripted.stage += 1
                    is_over = scripted.stage == len(self._script)
                    if not is_over:
                        pending += scripted.machine.handle(self._script[scripted.stage], now_s)
                case model.StepError(error, message):
                    returned, is_over = _returned(scripted, None, f"{error}: {message}"), True
                case _:
                    asked.append(effect)
        wake_at_s = scripted.machine.wake_at_s
        return Reaction(self._keep(scripted), wake_at_s, tuple(asked), is_attached, returned, is_over)

    def _keep(self, scripted: _ScriptedClient) -> int:
        form = canonical(scripted)
        number = self._numbers.get(form)
        if number is None:
            number = self._numbers[form] = len(self._frozen)
            self._frozen.append(frozen(scripted))
        return number


def _returned(scripted: _ScriptedClient, claim: Claim | None, error: str | None) -> Returned:
    machine = scripted.machine
    return Returned(claim, error, tuple(machine.held()), tuple(machine.gaps()), tuple(scripted.deliveries))
