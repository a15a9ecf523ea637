"""Judge a changed client by the catalog: ``python -m tests.mutation.judge FILE``, in a checkout with one change.

FILE is what `tests.mutation.paths` wrote of the client without the change. Only runs that take the changed statement
can differ, so only these are made, the cheapest first, and judging ends with the first that fails. Nothing else judges:
a change that only a unit test would notice is one that the scenarios do not.

Bounds are in processor time, because a machine may be busy. A run that takes many times what it took without the change
does not end: the change is killed. A change that is not judged within `TOTAL_S_MAX` is undecided.

It prints one line: what killed the change, or ``undecided``, or how many runs it survived. It exits with 1 unless the
change survived.
"""

from __future__ import annotations

import ast
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import FrameType
from typing import Final, NoReturn

from gapless.reports.records.record import Verdict
from gapless.scenarios.running.runner import perform
from tests.mutation.paths import TracedRun, all_runs, key_of, read

CLIENT: Final = "syncclient"
TOTAL_S_MAX: Final = 900.0
RUN_S_MIN: Final = 20.0
RUN_TIMES_MAX: Final = 20.0
UNDECIDED: Final = "undecided"
_HUNK: Final = re.compile(r"^@@ -(\d+)(?:,(\d+))? ")


def changed_lines(diff: str) -> Iterator[tuple[str, int, int]]:
    """The ranges of lines that a diff without context changes, by file below the client, numbered as they were."""
    file = ""
    for line in diff.splitlines():
        if line.startswith("--- a/"):
            file = line.removeprefix("--- a/").removeprefix(f"{CLIENT}/")
        elif hunk := _HUNK.match(line):
            first, count = int(hunk[1]), int(hunk[2] or 1)
            yield file, first, first + max(count, 1) - 1


def statement_around(source: str, line: int) -> tuple[int, int] | None:
    """The lines of the innermost statement that has a line; of one with a body, its head alone.

    None where it is run when the module is imported: then every run takes it.
    """
    found: ast.stmt | None = None
    is_in_function = False
    for node in ast.walk(ast.parse(source)):  # breadth first: what is inside comes later
        if not isinstance(node, ast.stmt) or not node.lineno <= line <= (node.end_lineno or node.lineno):
            continue
        found = node
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.body[0].lineno <= line:
            is_in_function = True
    if found is None or not is_in_function or isinstance(found, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return None
    body: Sequence[ast.AST] = getattr(found, "body", ()) or getattr(found, "cases", ())
    first_inside = min((getattr(one, "lineno", found.lineno) for one in body), default=0)
    last = found.end_lineno or found.lineno
    if first_inside and line < first_inside:
        last = first_inside - 1
    return found.lineno, last


def runs_to_make(runs: Sequence[TracedRun], changes: Sequence[tuple[str, int, int]], root: Path) -> list[TracedRun]:
    """The runs that can differ, the cheapest first. ``root``: the client without the change."""
    wanted: dict[str, TracedRun] = {}
    for file, first, last in changes:
        source = (root / file).read_text(encoding="utf-8")
        for line in range(first, last + 1):
            around = statement_around(source, line)
            taking = runs if around is None else [run for run in runs if run.takes(file, *around)]
            wanted |= {run.key: run for run in taking}
    return sorted(wanted.values(), key=lambda run: (run.cost_s, run.key))


def bounded(seconds: float, told: str) -> None:
    """End the process with a line when it has used so much more processor time. It ends even an endless loop."""

    def end(number: int, frame: FrameType | None) -> NoReturn:
        os.write(1, f"{told}\n".encode())
        os._exit(1)

    signal.signal(signal.SIGPROF, end)
    signal.setitimer(signal.ITIMER_PROF, seconds)


def judged(runs: Sequence[TracedRun]) -> str:
    """What kills the change in these runs; empty when nothing does."""
    requests = {key_of(request): request for request in all_runs()}
    for run in runs:
        left_s = TOTAL_S_MAX - time.process_time()
        own_s = RUN_S_MIN + RUN_TIMES_MAX * run.cost_s
        if own_s < left_s:
            bounded(own_s, f"endless: {run.key}")
        else:
            bounded(max(left_s, 0.001), f"{UNDECIDED}: {TOTAL_S_MAX:g} s of processor time were not enough")
        try:
            record = perform(requests[run.key]).record
        except Exception as error:  # the change broke the client so that the simulation ends
            return f"broken: {run.key}: {type(error).__name__}"
        if record.verdict is not Verdict.HOLDS:
            return f"{record.verdict}: {run.key} by {record.violations[0].oracle}"
    signal.setitimer(signal.ITIMER_PROF, 0)
    return ""


def main(file: str) -> int:
    """Judge; return the exit code."""
    diff = subprocess.run(["git", "diff", "-U0", "HEAD", "--", CLIENT], check=True, capture_output=True, text=True)
    changes = list(changed_lines(diff.stdout))
    before = Path(file).parent / "before" / CLIENT
    runs = runs_to_make(read(Path(file)), changes, before)
    killed = judged(runs)
    sys.stdout.write(f"{killed or f'survived {len(runs)} runs'}\n")
    return 1 if killed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
