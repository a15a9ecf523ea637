"""A harness for one program, without a world: every connection is an echo, time goes to the next timer, input ends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gapless.scenarios.lockstep.process import NeverWaited, ProgramProcess
from gapless.scenarios.lockstep.protocol import (
    Blocked,
    CloseConnection,
    Connect,
    Connected,
    Data,
    Ended,
    EndOfInput,
    Eof,
    Input,
    InputLine,
    LastOutputs,
    Listen,
    Output,
    Refused,
    RefusedConnection,
    ResetConnection,
    Resumed,
    StartRun,
)

EXCHANGES_MAX = 5_000


@dataclass
class Flight:
    """What a program did. forks: could it have been run again; t_s: virtual time at its end."""

    code: int = -1000
    out: str = ""
    err: str = ""
    refused: str | None = None
    stalled: str | None = None
    forks: bool | None = None
    t_s: float = 0.0
    exchanges: int = 0


def fly(
    command: Sequence[str], lines: Sequence[str] = (), *, seed: int = 0, switches: Sequence[tuple[int, int]] = ()
) -> Flight:
    """Run a program to its end. A connection to port 1 is refused, any other answers what it is sent."""
    flight = Flight()
    process = ProgramProcess(command, {"GAPLESS_URL": "http://agent.test"})

    def said(stream: str, data: bytes) -> None:
        if stream == "stdout":
            flight.out += data.decode()
        else:
            flight.err += data.decode()

    process.said = said
    try:
        try:
            flight.forks = process.greet().forks
        except NeverWaited as error:
            flight.code, flight.refused = -1 if error.code is None else error.code, error.refused
            return flight
        process.send(StartRun(seed, 1_767_268_800.0, {"GAPLESS_URL": "http://agent.test"}, switches))
        inputs: list[Input] = [InputLine(line) for line in lines]
        inputs.append(EndOfInput())
        while flight.exchanges < EXCHANGES_MAX:
            match process.receive(10.0):
                case Blocked() as blocked:
                    flight.exchanges += 1
                    answers = [answer for output in blocked.outputs for answer in _answers(output)]
                    now, inputs = [*inputs, *answers], []
                    if not now:
                        assert blocked.wake_at_s is not None, f"it waits for ever: {flight.out}{flight.err}"
                        flight.t_s = max(flight.t_s, blocked.wake_at_s)
                    process.send(Resumed(flight.t_s, now))
                case Ended(code, _):
                    found = process.exit_code if code is None else code
                    flight.code = -1000 if found is None else found
                    return flight
                case Refused(why):
                    flight.refused = why
                case LastOutputs():
                    pass
                case other:
                    flight.stalled = getattr(other, "what", str(other))
        raise AssertionError(f"no end after {EXCHANGES_MAX} exchanges: {flight.out}{flight.err}")
    finally:
        process.kill()


def _answers(output: Output) -> list[Input]:
    match output:
        case Connect(number, _, port):
            return [RefusedConnection(number) if port == 1 else Connected(number)]
        case Data():
            return [output]
        case Eof():
            return [output]
        case CloseConnection() | ResetConnection() | Listen():
            return []
