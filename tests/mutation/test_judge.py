"""Which runs a change can alter, and what becomes of one that does not end."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from gapless.scenarios.definition.catalogue import find_one
from gapless.scenarios.running.runner import RunRequest
from tests.mutation import judge, paths
from tests.mutation.__main__ import _outcome
from tests.mutation.judge import changed_lines, runs_to_make, statement_around
from tests.mutation.paths import TracedRun, traced

SOURCE = '''"""A module."""

LIMIT = 3


@decision("it")
def choose(
    one: int,
    other: int = 2,
) -> int:
    """Choose."""
    if (
        one > other
        and other
    ):
        return max(
            one,
            LIMIT,
        )
    return other
'''


@pytest.mark.parametrize(
    ("line", "around"),
    [
        (3, None),  # of the module
        (6, None),  # a decorator
        (9, None),  # a default
        (13, (12, 15)),  # the head of the if, without its body
        (17, (16, 19)),
        (20, (20, 20)),
    ],
)
def test_a_change_is_in_the_innermost_statement(line: int, around: tuple[int, int] | None) -> None:
    assert statement_around(SOURCE, line) == around


def test_only_runs_that_take_the_statement_are_made_and_the_cheapest_first(tmp_path: Path) -> None:
    (tmp_path / "log").mkdir()
    (tmp_path / "log" / "walk.py").write_text(SOURCE, encoding="utf-8")
    runs = [
        TracedRun("dear", 2.0, {"log/walk.py": frozenset({12, 16})}),
        TracedRun("cheap", 1.0, {"log/walk.py": frozenset({12, 20})}),
        TracedRun("elsewhere", 0.1, {"core/core.py": frozenset({12})}),
    ]

    def keys(line: int) -> list[str]:
        return [run.key for run in runs_to_make(runs, [("log/walk.py", line, line)], tmp_path)]

    assert keys(14) == ["cheap", "dear"]
    assert keys(18) == ["dear"]
    assert keys(3) == ["elsewhere", "cheap", "dear"]


def test_a_diff_names_the_lines_as_they_were() -> None:
    diff = (
        "diff --git a/syncclient/log/walk.py b/syncclient/log/walk.py\n"
        "--- a/syncclient/log/walk.py\n+++ b/syncclient/log/walk.py\n"
        "@@ -12 +12 @@ def take\n-    a\n+    b\n@@ -20,2 +20,2 @@\n"
    )
    assert list(changed_lines(diff)) == [("log/walk.py", 12, 12), ("log/walk.py", 20, 21)]


def test_the_lines_that_a_run_takes_are_those_of_the_core() -> None:
    run = traced(RunRequest(find_one("clean-run"), "tree", "inclusive", "gapless"))
    assert run.key == "clean-run tree/inclusive"
    assert run.cost_s > 0
    assert {name.partition("/")[0] for name in run.lines} == set(paths.MODULES)
    assert len(run.lines["core/situation.py"]) > 50


def test_an_endless_loop_is_ended_by_processor_time() -> None:
    code = f"from {judge.__name__} import bounded\nbounded(0.2, 'endless: a run')\nwhile True: pass"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=300)
    assert (ended.returncode, ended.stdout) == (1, "endless: a run\n")


@pytest.mark.parametrize(
    ("test", "worker", "output", "outcome"),
    [
        ("survived", "normal", "survived 12 runs\n", "survived"),
        ("killed", "normal", "unsafe: r30-lost-frame tree/inclusive by no-holes\n", "killed"),
        ("killed", "normal", "endless: r30-lost-frame tree/inclusive\n", "killed"),
        ("killed", "normal", "undecided: 900 s of processor time were not enough\n", "undecided"),
        ("incompetent", "abnormal", "", "undecided"),
    ],
)
def test_what_is_not_decided_is_counted_apart(test: str, worker: str, output: str, outcome: str) -> None:
    assert _outcome({"test_outcome": test, "worker_outcome": worker, "output": output}) == outcome
