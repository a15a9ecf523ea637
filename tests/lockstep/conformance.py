"""The conformance suite of shims: each check drives one program through a scripted exchange, and knows no language.

`programs/README.md` says what the programs do. A test of a shim calls each check of `CHECKS` with a `Shim`.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NoReturn

import pytest

from gapless.scenarios.lockstep.process import NeverWaited, NotAtRest, ProgramProcess, environment
from gapless.scenarios.lockstep.protocol import (
    Blocked,
    CloseConnection,
    Connect,
    Connected,
    Data,
    End,
    Ended,
    EndOfInput,
    Eof,
    Hello,
    Input,
    InputLine,
    LastOutputs,
    Output,
    Refused,
    RefusedConnection,
    ResetConnection,
    Resumed,
    Stalled,
    StartRun,
)

EPOCH_S = 1_767_268_800.0
VARIABLES = {"GAPLESS_URL": "http://agent.test"}
HOST = InputLine("agent.test 80")
STUCK_S = 1.0  # of real time
ALONE_S_MAX = 60.0  # of real time, for a program whose harness has gone
THREAD_POINTS_MAX = 150


@dataclass(frozen=True)
class Shim:
    """A shim under test. command: how one of the suite's programs is started; has_threads: does its language have them;
    tells_stacks: does it write where each thread is when it is asked to."""

    name: str
    command: Callable[[str], Sequence[str]]
    has_threads: bool
    tells_stacks: bool


class Run:
    """One run of a program, from its start to its end. printed: on standard output; errors: on standard error."""

    def __init__(self, process: ProgramProcess) -> None:
        self.process = process
        self.printed = b""
        self.errors = b""
        self.late: tuple[Output, ...] = ()  # what it sent before it left
        self.refused: str | None = None
        process.said = self._said

    def _said(self, stream: str, data: bytes) -> None:
        if stream == "stdout":
            self.printed += data
        else:
            self.errors += data

    @property
    def lines(self) -> list[str]:
        return self.printed.decode().splitlines()

    def start(
        self, *, seed: int = 0, variables: Mapping[str, str] = VARIABLES, switches: Sequence[tuple[int, int]] = ()
    ) -> Blocked:
        """Begin; what the program waits for first."""
        self.process.send(StartRun(seed, EPOCH_S, variables, switches))
        return self.blocked()

    def resume(self, now_s: float, *inputs: Input) -> Blocked:
        """Let it go on; it must wait again."""
        self.process.send(Resumed(now_s, inputs))
        return self.blocked()

    def blocked(self) -> Blocked:
        """It must wait now."""
        message = self.process.receive()
        assert isinstance(message, Blocked), (message, self.errors.decode())
        return message

    def rest_for_good(self) -> NoReturn:
        """It must never come to rest. On a busy machine the shim says first what it waits for. Raises NotAtRest."""
        while True:
            message = self.process.receive(STUCK_S)
            assert isinstance(message, Stalled), message

    def finish(self, now_s: float, *inputs: Input) -> int:
        """Let it go on; it must end. Its exit code."""
        self.process.send(Resumed(now_s, inputs))
        return self.ended()

    def ended(self) -> int:
        """It must end now. Its exit code."""
        while True:
            match self.process.receive():
                case Ended(code, outputs):
                    self.late += outputs
                    found = self.process.exit_code if code is None else code
                    assert found is not None
                    return found
                case LastOutputs(outputs):
                    self.late += outputs
                case Refused(why):
                    self.refused = why
                case other:
                    raise AssertionError(f"the program goes on: {other}, {self.errors.decode()}")


@contextmanager
def greeted(
    shim: Shim, program: str, variables: Mapping[str, str] = VARIABLES
) -> Iterator[tuple[ProgramProcess, Hello]]:
    """A program that waits for its first line."""
    process = ProgramProcess(shim.command(program), variables)
    try:
        yield process, process.greet()
    finally:
        process.kill()


@contextmanager
def running(shim: Shim, program: str, *, seed: int = 0, switches: Sequence[tuple[int, int]] = ()) -> Iterator[Run]:
    """A run that waits for its first line, and for nothing else."""
    with greeted(shim, program) as (process, _):
        run = Run(process)
        blocked = run.start(seed=seed, switches=switches)
        assert (blocked.wake_at_s, blocked.outputs) == (None, ())
        yield run


def check_it_says_who_it_is(shim: Shim) -> None:
    with greeted(shim, "lines") as (_, hello):
        assert hello.shim == shim.name
        assert hello.runtime
        assert hello.shim_version


def check_time_passes_only_when_the_harness_says_so(shim: Shim) -> None:
    with running(shim, "clock") as run:
        blocked = run.resume(100.0, InputLine("go"))
        assert blocked.wake_at_s == pytest.approx(101.5, abs=1e-6)
        assert run.lines == [f"wall {int(EPOCH_S) + 100}"]
        assert run.resume(101.0).wake_at_s == blocked.wake_at_s
        assert run.finish(101.5) == 0
        assert run.lines[1:] == ["slept 1.500", f"wall {int(EPOCH_S) + 101}"]


def check_timers_fire_in_their_order(shim: Shim) -> None:
    with running(shim, "timers") as run:
        now_s = 1.0
        blocked = run.resume(now_s, InputLine("go"))
        for expected, delay_s in enumerate((0.1, 0.2, 0.3)):
            assert len(run.lines) == expected
            assert blocked.wake_at_s == pytest.approx(now_s + delay_s, abs=0.0011)
            assert blocked.wake_at_s is not None
            if expected < 2:
                blocked = run.resume(blocked.wake_at_s)
        assert run.finish(now_s + 0.3011) == 0
        assert run.lines == ["fired 0.1", "fired 0.2", "fired 0.3"]


def check_a_late_wake_fires_all_that_is_due(shim: Shim) -> None:
    with running(shim, "timers") as run:
        run.resume(1.0, InputLine("go"))
        assert run.finish(9.0) == 0
        assert sorted(run.lines) == ["fired 0.1", "fired 0.2", "fired 0.3"]


def check_lines_arrive_one_by_one_and_end(shim: Shim) -> None:
    with running(shim, "lines") as run:
        assert run.resume(0.5, InputLine("one")).wake_at_s is None
        assert run.lines == ["got one"]
        run.resume(1.0, InputLine("two ü"), InputLine("three"))
        assert run.lines[1:] == ["got two ü", "got three"]
        assert run.finish(2.0, EndOfInput()) == 0
        assert run.lines[-1] == "end"


def check_a_connection_is_made_read_and_closed(shim: Shim) -> None:
    with running(shim, "connect") as run:
        blocked = run.resume(0.0, HOST)
        assert blocked.outputs == (Connect(1, "agent.test", 80),)
        blocked = run.resume(0.1, Connected(1))
        assert run.lines == ["connected"]
        assert blocked.outputs == (Data(1, b"ping\n"),)
        assert run.resume(0.2, Data(1, b"po")).outputs == ()
        run.process.send(Resumed(0.3, (Data(1, b"ng"), Eof(1))))
        assert run.ended() == 0
        assert run.lines == ["connected", "read pong", "closed"]
        assert [one for one in run.late if isinstance(one, CloseConnection)] == [CloseConnection(1)]


def check_a_refused_connection_is_an_error(shim: Shim) -> None:
    with running(shim, "refused") as run:
        assert run.resume(0.0, HOST).outputs == (Connect(1, "agent.test", 80),)
        assert run.finish(0.1, RefusedConnection(1)) == 0
        assert run.lines == ["refused"]


def check_a_broken_connection_is_an_error(shim: Shim) -> None:
    with running(shim, "reset") as run:
        run.resume(0.0, HOST)
        run.resume(0.1, Connected(1))
        assert run.finish(0.2, ResetConnection(1)) == 0
        assert run.lines == ["connected", "reset"]


def check_one_direction_can_end_before_the_other(shim: Shim) -> None:
    with running(shim, "half_close") as run:
        run.resume(0.0, HOST)
        assert run.resume(0.1, Connected(1)).outputs == (Data(1, b"bye"), Eof(1))
        assert run.finish(0.2, Data(1, b"so long"), Eof(1)) == 0
        assert run.lines == ["read so long"]


def check_the_exit_code_is_told(shim: Shim) -> None:
    with running(shim, "exit_code") as run:
        assert run.finish(0.0, InputLine("go")) == 7


def check_a_crash_leaves_its_message_and_exit_code(shim: Shim) -> None:
    with running(shim, "crash") as run:
        assert run.finish(0.0, InputLine("go")) == 1
        assert b"boom" in run.errors


def check_a_busy_loop_is_seen_and_comes_to_an_end(shim: Shim) -> None:
    with running(shim, "busy") as run:
        run.process.send(Resumed(5.0, (InputLine("go"),)))
        exchanges = 0
        while isinstance(message := run.process.receive(), Blocked):
            assert message.is_busy
            assert message.wake_at_s is not None
            exchanges += 1
            run.process.send(Resumed(message.wake_at_s))
        assert isinstance(message, Ended | LastOutputs)
        assert 15 <= exchanges <= 25
        assert run.lines == ["busy for 0.02"]


def check_entropy_comes_from_the_seed(shim: Shim) -> None:
    drawn = []
    for seed in (1, 1, 2):
        with running(shim, "entropy", seed=seed) as run:
            assert run.finish(0.0, InputLine("go")) == 0
            drawn.append(run.lines)
    assert drawn[0] == drawn[1]
    assert not set(drawn[1]) & set(drawn[2])


def check_the_environment_is_that_of_the_run(shim: Shim) -> None:
    with greeted(shim, "environment", {"GAPLESS_URL": "http://first.test", "GAPLESS_OLD": "yes"}) as (process, hello):
        assert hello.variables_read == ()
        run = Run(process)
        run.start(variables={"GAPLESS_URL": "http://second.test"})
        assert run.finish(0.0, InputLine("go")) == 0
        assert run.lines == ["url http://second.test", "old none"]


def check_a_flood_of_output_blocks_nobody(shim: Shim) -> None:
    with running(shim, "flood") as run:
        assert run.finish(0.0, InputLine("go")) == 0
        assert run.lines == ["x" * 99] * 2000


def check_a_program_that_ends_early_is_seen(shim: Shim) -> None:
    process = ProgramProcess(shim.command("early"), VARIABLES)
    said = b""

    def heard(stream: str, data: bytes) -> None:
        nonlocal said
        said += data

    process.said = heard
    try:
        with pytest.raises(NeverWaited) as caught:
            process.greet()
    finally:
        process.kill()
    assert caught.value.code == 3
    assert said == b"early\n"


def check_a_program_that_waits_for_something_real_is_ended(shim: Shim) -> None:
    with running(shim, "stuck") as run:
        run.process.send(Resumed(0.0, (InputLine("go"),)))
        with pytest.raises(NotAtRest, match="did not come to rest"):
            run.rest_for_good()
        if shim.tells_stacks:
            assert b"stuck" in run.errors


def check_a_child_process_is_refused(shim: Shim) -> None:
    with running(shim, "child") as run:
        assert run.finish(0.0, InputLine("go")) == 98
        assert run.refused is not None
        assert "child process" in run.refused


def check_the_harness_can_end_a_run(shim: Shim) -> None:
    with running(shim, "lines") as run:
        run.process.send(End())
        assert run.ended() == 0
        assert run.lines == []


def check_it_ends_when_the_harness_goes_before_it_is_met(shim: Shim) -> None:
    """A harness may be killed while the program is imported. Then nobody has the other ends of the channel."""
    with tempfile.TemporaryDirectory() as directory:
        for name in ("to-client", "to-harness"):
            os.mkfifo(os.path.join(directory, name))
        around = environment(os.environ, VARIABLES, directory)
        done = subprocess.run(
            shim.command("lines"),
            env=around,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            timeout=ALONE_S_MAX,
            check=False,
        )
        assert os.path.exists(os.path.join(directory, "taken"))
        assert done.stdout == b""


def check_a_second_run_is_as_the_first(shim: Shim) -> None:
    """Where the process can be run again, and where it is started anew."""
    found = []
    with greeted(shim, "entropy") as (process, hello):
        for _ in range(3 if hello.forks else 1):
            run = Run(process)
            begun = run.start(seed=7)
            assert run.finish(0.0, InputLine("go")) == 0
            found.append((begun, run.lines))
    with running(shim, "entropy", seed=7) as run:
        run.finish(0.0, InputLine("go"))
        found.append((found[0][0], run.lines))
    assert all(one == found[0] for one in found)


def check_the_schedule_of_threads_is_chosen(shim: Shim) -> None:
    if not shim.has_threads:
        return
    assert _order(shim, []) == ["a", "b"]
    with greeted(shim, "threads") as (process, hello):
        for point in range(1, THREAD_POINTS_MAX):
            order = _order(shim, [(point, 0)], process if hello.forks else None)
            if order == ["b", "a"]:
                return
            assert order == ["a", "b"]
    raise AssertionError(f"no switch at one of the first {THREAD_POINTS_MAX} points lets b go first")


def _order(shim: Shim, switches: Sequence[tuple[int, int]], process: ProgramProcess | None = None) -> list[str]:
    """In which order the threads speak."""
    if process is None:
        with greeted(shim, "threads") as (fresh, _):
            return _order(shim, switches, fresh)
    run = Run(process)
    run.start(switches=switches)
    assert run.finish(0.0, InputLine("go")) == 0
    return run.lines


CHECKS: tuple[Callable[[Shim], None], ...] = (
    check_it_says_who_it_is,
    check_time_passes_only_when_the_harness_says_so,
    check_timers_fire_in_their_order,
    check_a_late_wake_fires_all_that_is_due,
    check_lines_arrive_one_by_one_and_end,
    check_a_connection_is_made_read_and_closed,
    check_a_refused_connection_is_an_error,
    check_a_broken_connection_is_an_error,
    check_one_direction_can_end_before_the_other,
    check_the_exit_code_is_told,
    check_a_crash_leaves_its_message_and_exit_code,
    check_a_busy_loop_is_seen_and_comes_to_an_end,
    check_entropy_comes_from_the_seed,
    check_the_environment_is_that_of_the_run,
    check_a_flood_of_output_blocks_nobody,
    check_a_program_that_ends_early_is_seen,
    check_a_program_that_waits_for_something_real_is_ended,
    check_a_child_process_is_refused,
    check_the_harness_can_end_a_run,
    check_it_ends_when_the_harness_goes_before_it_is_met,
    check_a_second_run_is_as_the_first,
    check_the_schedule_of_threads_is_chosen,
)
