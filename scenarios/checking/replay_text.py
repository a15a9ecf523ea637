"""What ``gapless replay`` prints of a run in real time: the trace, and the verdict, judged again."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path

from gapless.reports.one_run.trace import render_trace
from gapless.reports.records.record import Verdict
from gapless.scenarios.checking.recording import Recording, load
from gapless.scenarios.definition.catalogue import catalogue


def retell(path: Path, *, trace: bool) -> tuple[Verdict, str]:
    """The verdict and the text. Raises CapsuleError when the file cannot be used."""
    kept = load(path)
    return kept.judged().verdict, "\n".join(_text_lines(kept, trace=trace))


def _text_lines(kept: Recording, *, trace: bool) -> Iterator[str]:
    record = kept.judged()
    if trace:
        yield render_trace(kept.lines())
        yield ""
    rest = record.rest
    variant = f"generation {record.generation}, cursor {record.cursor}"
    yield f"{record.verdict}: {record.scenario}, {variant}, client {record.client}"
    for violation in record.violations:
        yield f"  {violation.oracle}: {violation.message}"
    spent = f"{rest.calls} calls (optimum {rest.optimum_calls}), {rest.bytes} bytes"
    yield f"  REST {spent}; {kept.ended_s:.1f} s in real time"
    for fault in kept.faults:
        yield f"  fault {fault.name} fired {fault.fired}×"
    yield "  a record of a run in real time: it is told and judged again, for it cannot happen again as it did"
    if kept.command:
        yield f"  to try anew: {_check_command(kept)} -- {shlex.join(kept.command)}"
    else:
        yield "  to try anew: run the test that kept it"
    if not kept.is_whole:
        yield "  its journal is not the one that was written: its digest differs"
    if record.verdict is not kept.verdict:
        yield f"  its verdict was {kept.verdict} when it was kept; oracles have changed since"


def _check_command(kept: Recording) -> str:
    """The command that makes the same check again, with the client as it is then."""
    request = kept.request
    is_known = request.scenario.name in (one.name for one in catalogue())
    words = ["gapless", "check", request.scenario.name if is_known else f"the-file-of-{request.scenario.name}.toml"]
    words += ["--clock", "real", "--generation", request.generation, "--cursor", request.cursor]
    return shlex.join([*words, "--seed", str(request.seed)] if request.seed else words)
