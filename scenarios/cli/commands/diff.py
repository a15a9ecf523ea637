"""``gapless diff``: what changed between two records documents: lost events, calls, bytes."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from gapless.reports.many_runs.diff import Diff, Tolerance, diff, render_diff, render_diff_json, render_diff_markdown
from gapless.scenarios.cli.options import Finite, check_writable, plain_errors
from gapless.scenarios.cli.report_files import read_records
from gapless.scenarios.errors import UsageError

_STANDARD_OUTPUT = Path("-")
_file = click.Path(dir_okay=False, allow_dash=True, path_type=Path)


@click.command("diff")
@click.argument("old", type=click.Path(path_type=Path))
@click.argument("new", type=click.Path(path_type=Path))
@click.option(
    "--calls-tolerance",
    type=Finite(min=0),
    default=0.0,
    show_default=True,
    metavar="PERCENT",
    help="So many more REST calls in a run are not worse.",
)
@click.option(
    "--bytes-tolerance",
    type=Finite(min=0),
    default=5.0,
    show_default=True,
    metavar="PERCENT",
    help="So many more bytes in a run are not worse.",
)
@click.option("--json", "json_file", type=_file, metavar="FILE", help="Write every change; - for standard output.")
@click.option(
    "--markdown",
    "markdown_file",
    type=_file,
    metavar="FILE",
    help="Write it for a pull request; - for standard output.",
)
@plain_errors
def diff_command(
    old: Path,
    new: Path,
    calls_tolerance: float,
    bytes_tolerance: float,
    json_file: Path | None,
    markdown_file: Path | None,
) -> None:
    """Say what changed from OLD to NEW: lost events, verdicts, REST calls, bytes, run by run.

    Both are records as `gapless run` and `gapless check` write them with --json FILE, or directories of --out DIR. A
    run is the same run in both when its scenario, generation, cursor, client and seed are; what is only in one of them
    is said, and not judged, but for a new run that does not hold. A run that comes to hold, or loses less, is better,
    whatever it costs.

    Exit codes: 0 nothing is worse, 1 more lost events or a verdict turned unsafe, 2 unreadable or nothing in common, 3
    a run got stuck, 4 more calls or bytes, beyond what is tolerated, 5 a run became vacuous, 6 one is not deterministic
    any more. The gravest decides.
    """
    for option, path in (("--json", json_file), ("--markdown", markdown_file)):
        check_writable(option, None if path == _STANDARD_OUTPUT else path)
    found = diff(read_records(old), read_records(new), Tolerance(calls_tolerance, bytes_tolerance))
    if not found.common:
        raise UsageError(
            f"{old} and {new} have no run in common: not one scenario, generation, cursor, client and seed is in both; "
            "compare records of the same runs"
        )
    _print_and_write(found, (str(old), str(new)), json_file, markdown_file)
    sys.exit(found.exit_code)


def _print_and_write(found: Diff, names: tuple[str, str], json_file: Path | None, markdown_file: Path | None) -> None:
    if _STANDARD_OUTPUT not in (json_file, markdown_file):
        click.echo(render_diff(found, names=names), nl=False)
    if json_file is not None:
        _write(json_file, render_diff_json(found))
    if markdown_file is not None:
        _write(markdown_file, render_diff_markdown(found, names=names))


def _write(path: Path, text: str) -> None:
    if path == _STANDARD_OUTPUT:
        click.echo(text, nl=False)
        return
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{path}: cannot be written ({error.strerror}); give another file") from error
