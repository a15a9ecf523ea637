"""A small world for a program in lockstep: each connection is accepted and echoes after 10 ms; lines come from 10 s on.

A host whose name begins with `refused` refuses, one that begins with `silent` never answers.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count

from gapless.scenarios.lockstep.process import NeverWaited, ProgramProcess
from gapless.scenarios.lockstep.protocol import (
    Blocked,
    Connect,
    Connected,
    Data,
    Ended,
    EndOfInput,
    Eof,
    FromShim,
    Input,
    InputLine,
    LastOutputs,
    Output,
    Refused,
    RefusedConnection,
    Resumed,
    Stalled,
    StartRun,
)

EPOCH_S = 1_767_225_600.0
LINES_FROM_S = 10.0
ECHO_S = 0.01
EXCHANGES_MAX = 2_000


@dataclass
class Story:
    """What a program did. messages: all that its shim said; ended_s: virtual; code: how it exited."""

    messages: list[FromShim] = field(default_factory=list)
    printed: bytes = b""
    errors: bytes = b""
    ended_s: float = 0.0
    code: int | None = None
    refused: str | None = None
    stalled: Stalled | None = None

    @property
    def lines(self) -> list[str]:
        return self.printed.decode().splitlines()

    def hear(self, stream: str, data: bytes) -> None:
        if stream == "stdout":
            self.printed += data
        else:
            self.errors += data


def live(
    command: Sequence[str], *, lines: Sequence[str] = (), seed: int = 0, variables: Mapping[str, str] | None = None
) -> Story:
    """Run a program to its end, or until it says that it is stalled."""
    story = Story()
    process = ProgramProcess(command, variables or {})
    process.said = story.hear
    try:
        process.greet()
        process.send(StartRun(seed, EPOCH_S, variables or {}, ()))
        _exchange(process, story, lines)
    except NeverWaited as error:
        story.code, story.refused = error.code, error.refused
    finally:
        process.kill()
    return story


def _exchange(process: ProgramProcess, story: Story, lines: Sequence[str]) -> None:
    order = count()
    coming: list[tuple[float, int, Input]] = [
        (LINES_FROM_S + at, next(order), InputLine(text)) for at, text in enumerate(lines)
    ]
    coming.append((LINES_FROM_S + len(lines), next(order), EndOfInput()))
    for _ in range(EXCHANGES_MAX):
        message = process.receive()
        story.messages.append(message)
        match message:
            case Blocked():
                for output in message.outputs:
                    for answer in _answer(output):
                        heapq.heappush(coming, (story.ended_s + ECHO_S, next(order), answer))
                wakes = [
                    *([] if message.wake_at_s is None else [message.wake_at_s]),
                    *(at_s for at_s, _, _ in coming[:1]),
                ]
                assert wakes, f"it waits for ever; it has printed {story.lines}"
                story.ended_s = max(story.ended_s, min(wakes))
                inputs = []
                while coming and coming[0][0] <= story.ended_s:
                    inputs.append(heapq.heappop(coming)[2])
                process.send(Resumed(story.ended_s, inputs))
            case LastOutputs():
                pass
            case Refused(why):
                story.refused = why
            case Stalled():
                story.stalled = message
                return
            case Ended(code):
                story.code = process.exit_code if code is None else code
                return
            case other:
                raise AssertionError(f"unexpected: {other}")
    raise AssertionError(f"{EXCHANGES_MAX} exchanges, and no end; it has printed {story.lines}")


def _answer(output: Output) -> Sequence[Input]:
    match output:
        case Connect(number, host):
            if host.startswith("silent"):
                return ()
            return (RefusedConnection(number) if host.startswith("refused") else Connected(number),)
        case Data(number, data):
            return (Data(number, data),)
        case Eof(number):
            return (Eof(number),)
    return ()
