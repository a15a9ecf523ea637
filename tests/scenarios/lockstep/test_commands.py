"""A run request that names a command: what is judged, kept, refused, and what the result has beside the journal."""

from __future__ import annotations

import pickle
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from gapless.reports.records.journals import Journals, deflated, unzip_journals, zip_journals
from gapless.reports.records.record import Verdict
from gapless.scenarios.capsules import capsule
from gapless.scenarios.errors import CapsuleError, UsageError
from gapless.scenarios.judging.choosing import chosen_oracles
from gapless.scenarios.lockstep import process, program_stacks
from gapless.scenarios.lockstep.command import PRINTED_MAX, RanOn, has_shim, printed_lines, with_printed
from gapless.scenarios.lockstep.process import ProgramProcess, check_exists
from gapless.scenarios.running.runner import RunResult, perform
from gapless.scenarios.running.suite import Unit, run_unit
from tests.scenarios.lockstep.programs import ANSWERS, EXAMPLES, WEBSOCKETS, program, request

NOISY = ANSWERS.format(
    body="print('asked', step, file=sys.stderr, flush=True); time.sleep(1.5); print('by the way')\n"
    "    if step == 'run': raise ValueError('no idea')"
)


def by_oracle(result: RunResult) -> dict[str, str]:
    return {one.oracle: one.message for one in result.record.violations}


def test_a_command_is_judged_in_virtual_time_and_is_the_same_run_every_time() -> None:
    asked = request(WEBSOCKETS, "r10-late-tail", "session")
    first, second = perform(asked), perform(pickle.loads(pickle.dumps(asked)))
    assert first.record.verdict is Verdict.UNSAFE
    assert "returned without 2 events" in by_oracle(first)["no-tail-loss"]
    assert (first.record.clock, first.record.client) == ("virtual", "python_websockets.py")
    assert first.record.digest == second.record.digest


def test_a_command_is_the_same_run_in_a_second_process() -> None:
    outcome = run_unit(Unit(request(WEBSOCKETS, "clean-run", "session"), twice=True))
    assert outcome.record.verdict is Verdict.HOLDS


def test_what_reaches_the_application_is_judged_when_the_program_says_it() -> None:
    result = perform(request(WEBSOCKETS, "clean-run", "session"))
    judged = {one.oracle: one.count for one in result.record.judged}
    assert result.record.verdict is Verdict.HOLDS
    assert judged["delivered-once"] > 5
    assert result.says_deliveries


def test_a_program_that_never_says_an_id_is_not_judged_by_deliveries(tmp_path: Path) -> None:
    said = Path(WEBSOCKETS[1]).read_text(encoding="utf-8")
    silent = "".join(line for line in said.splitlines(keepends=True) if '{"id"' not in line)
    assert silent != said
    result = perform(request(program(tmp_path, silent), "clean-run", "session"))
    assert (result.record.verdict, by_oracle(result)) == (Verdict.HOLDS, {})
    assert not result.says_deliveries


def test_what_a_program_prints_is_kept_with_its_virtual_time_and_is_no_part_of_the_journal(tmp_path: Path) -> None:
    result = perform(request(program(tmp_path, NOISY)))
    assert [(one.t_s, one.stream, one.text) for one in result.printed[:3]] == [
        (0.0, "stderr", "asked attach"),
        (1.5, "stdout", "by the way"),
        (6.5, "stderr", "asked send"),
    ]
    assert not any("by the way" in line or "asked" in line for line in result.lines)
    assert by_oracle(result)["no-hang"] == "run() crashed: Exit: exit code 1; ValueError: no idea"
    assert perform(request(program(tmp_path, NOISY))).record.digest == result.record.digest


def test_a_failed_run_shows_what_the_program_printed_and_of_much_the_end(tmp_path: Path) -> None:
    code = ANSWERS.format(body="for n in range(5000): print('line', n)\n    if step == 'send': sys.exit(3)")
    outcome = run_unit(Unit(request(program(tmp_path, code))))
    assert len(outcome.printed) == PRINTED_MAX + 1
    shown = list(printed_lines(outcome.printed))
    assert shown[0] == f"  printed by the client (its last 40 lines of {PRINTED_MAX + 1})"
    assert len(shown) == 41
    assert shown[-1].endswith("s  line 4999")


def test_printed_lines_lie_in_the_journal_for_drawings_and_its_digest_stays(tmp_path: Path) -> None:
    result = perform(request(program(tmp_path, NOISY)))
    lines = with_printed(result.lines, result.printed)
    assert [line for line in lines if line in result.lines] == list(result.lines)
    assert '{"place":"client","t_s":1.5,"text":"by the way","what":"stdout"}' in lines
    digest = result.record.digest
    kept = unzip_journals(zip_journals(Journals({digest: deflated(lines)})))
    assert list(kept[digest]) == list(lines)


def test_the_result_says_what_the_program_runs_on() -> None:
    ran_on = perform(request(WEBSOCKETS, "clean-run", "session")).ran_on
    assert ran_on is not None
    assert ran_on.runtime == f"CPython {sys.version.split()[0]}"
    assert "websockets" in ran_on.packages


def test_versions_that_differ_are_named() -> None:
    before = RanOn("CPython 3.11.7", {"httpx": "0.27.0", "websockets": "13.0"})
    now = RanOn("CPython 3.12.1", {"httpx": "0.28.1", "websockets": "13.0", "new": "1"})
    assert list(before.differences(now)) == ["CPython 3.11.7 → CPython 3.12.1", "httpx 0.27.0 → 0.28.1", "new none → 1"]


# --- what cannot be -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("import subprocess; subprocess.run(['true'])", "child process"),
        ("import ssl; ssl.create_default_context().wrap_socket(__import__('socket').socket())", "TLS"),
    ],
)
def test_what_cannot_be_virtual_ends_in_a_sentence(tmp_path: Path, body: str, says: str) -> None:
    with pytest.raises(UsageError, match=rf"cannot be in virtual time: .*{says}"):
        perform(request(program(tmp_path, ANSWERS.format(body=body))))


def test_a_program_that_computes_without_end_is_stuck_with_the_stacks_of_its_threads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ProgramProcess.receive, "__defaults__", (1.0,))  # seconds of real time
    command = program(tmp_path, ANSWERS.format(body="\n    while True: pass"))
    result = perform(request(command))
    assert result.record.verdict is Verdict.STUCK
    assert "did not come to rest" in by_oracle(result)["no-hang"]
    assert any('program.py", line 5' in one.text for one in result.printed)


def test_a_program_that_spins_before_its_first_step_is_stuck_and_its_place_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "PROBED_AFTER_S", 0.1)
    monkeypatch.setattr(process, "SPIN_S_MAX", 0.2)
    spinning = request(program(tmp_path, "import sys\nwhile True: sum(range(100))"))
    result = perform(replace(spinning, judge=("no-tail-loss",)))
    assert result.record.verdict is Verdict.STUCK
    assert "reads no step: 0.2 s of processor time in program.py, line 2;" in by_oracle(result)["no-hang"]
    assert any('program.py", line 2' in one.text for one in result.printed)


def test_a_program_that_reads_files_before_its_first_step_is_not_asked_where_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A signal may crash an interpreter that imports. What an import does from outside is to compute and to read."""
    asked: list[object] = []

    def stacks(program: ProgramProcess) -> str:
        asked.append(program)
        return ""

    monkeypatch.setattr(process, "PROBED_AFTER_S", 0.1)
    monkeypatch.setattr(ProgramProcess, "_stacks", stacks)
    reads = "for _ in range(40_000): open(__file__).read(); sum(range(1_000))\nraise SystemExit(3)"
    result = perform(request(program(tmp_path, reads)))
    assert "exit code 3" in by_oracle(result)["no-hang"]
    assert asked == []


@pytest.mark.parametrize(
    ("stacks", "outermost"),
    [
        ("", None),
        ('Current thread 0x1 (most recent call first):\n  File "a.py", line 3 in f\n  ...\n', None),
        ('Thread 0x1 (most recent call first):\n  File "<frozen importlib._bootstrap>", line 1 in _load\n', None),
        (
            'T:\n  File "w.py", line 1 in w\n\nT:\n  File "<frozen runpy>", line 1 in _run\n',
            ('File "w.py", line 1 in w',),
        ),
    ],
)
def test_a_program_that_imports_or_does_not_say_where_it_is_is_not_accused(
    stacks: str, outermost: tuple[str, ...] | None
) -> None:
    assert program_stacks.outermost(stacks) == outermost


@pytest.mark.parametrize("judge", [("no-tail-loss",), ("safety",)])
def test_a_client_that_dies_is_stuck_and_not_vacuous_whatever_it_is_judged_by(
    tmp_path: Path, judge: tuple[str, ...]
) -> None:
    dying = request(program(tmp_path, "raise SystemExit(3)"))
    result = perform(replace(dying, judge=chosen_oracles(judge)))
    assert result.record.verdict is Verdict.STUCK
    assert "exit code 3" in by_oracle(result)["no-hang"]


def test_a_program_that_polls_without_end_is_stuck(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gapless.scenarios.lockstep.client.BUSY_MAX", 50)
    command = program(tmp_path, ANSWERS.format(body="\n    while True: time.monotonic()"))
    result = perform(request(command))
    assert result.record.verdict is Verdict.STUCK
    assert "spun" in by_oracle(result)["no-hang"]


def test_a_program_that_ends_before_it_reads_a_step_is_stuck_and_its_last_words_are_told(tmp_path: Path) -> None:
    result = perform(request(program(tmp_path, "import nonesuch_at_all")))
    assert result.record.verdict is Verdict.STUCK
    assert "No module named 'nonesuch_at_all'" in by_oracle(result)["no-hang"]
    assert any("Traceback" in one.text for one in result.printed)


def test_whether_a_command_has_a_shim_is_known_before_anything_is_run(tmp_path: Path) -> None:
    assert has_shim(WEBSOCKETS)
    assert not has_shim((sys.executable, "-I", "-c", "pass"))
    assert not has_shim(("true",))


def test_a_command_that_does_not_exist_is_a_sentence() -> None:
    with pytest.raises(UsageError, match=r"'nonesuch' cannot be started .* check its name"):
        check_exists("nonesuch")
    with pytest.raises(UsageError, match="'nonesuch' cannot be started"):
        perform(request(("nonesuch", "client.py")))


# --- capsules -------------------------------------------------------------------------------------------------------


def kept(directory: Path, command: tuple[str, ...]) -> Path:
    result = perform(request(command))
    return capsule.write(
        request(command), result.record, result.tape, directory, ranges=result.ranges, ran_on=result.ran_on
    )


def test_a_capsule_has_the_command_and_what_it_ran_on_and_replays(tmp_path: Path) -> None:
    command = program(tmp_path, NOISY)
    path = kept(tmp_path, command)
    loaded = capsule.load(path)
    assert loaded.request.command == command
    assert loaded.command_files == command
    capsule.check_command(loaded, path)
    again = perform(loaded.request)
    assert again.record.digest == loaded.digest
    assert loaded.ran_on is not None
    assert again.ran_on is not None
    assert list(loaded.ran_on.differences(again.ran_on)) == []


def test_a_capsule_whose_command_is_elsewhere_says_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    program(tmp_path, NOISY, "mine.py")
    path = kept(tmp_path, (sys.executable, "mine.py"))
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    with pytest.raises(CapsuleError, match=r"there is no mine.py in .*elsewhere; replay it in the directory"):
        capsule.check_command(capsule.load(path), path)


def test_a_capsule_whose_program_is_gone_says_so(tmp_path: Path) -> None:
    loaded = capsule.load(kept(tmp_path, program(tmp_path, NOISY)))
    gone = replace(loaded, request=replace(loaded.request, command=("gone-for-good",)), command_files=())
    with pytest.raises(CapsuleError, match="there is no program gone-for-good here"):
        capsule.check_command(gone, Path("a.json"))


def test_two_clients_are_two_processes_in_one_virtual_time() -> None:
    two = request((sys.executable, str(EXAMPLES / "gapless_trio.py")), "r79-two-devices-one-listens")
    first, again = perform(two), perform(two)
    assert [(one.client, one.verdict) for one in first.record.clients] == [(1, Verdict.HOLDS), (2, Verdict.HOLDS)]
    assert first.record.verdict is Verdict.HOLDS
    assert first.lines == again.lines
