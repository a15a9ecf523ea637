"""``gapless report``: write every file of a report again, from the records and journals in it."""

from __future__ import annotations

from pathlib import Path

import click

from gapless.reports.file_names import INDEX, JOURNALS, PAGE
from gapless.scenarios.cli.options import plain_errors
from gapless.scenarios.cli.report_files import check_directory, read_report, write_report


@click.command("report")
@click.argument("directory", metavar="DIR", type=click.Path(path_type=Path))
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Write the files there.  [default: where they were]",
)
@plain_errors
def report(directory: Path, out: Path | None) -> None:
    """Render a report again, with nothing run.

    DIR is what `gapless run --out DIR` wrote, or `gapless check`. Its records.json and journals.zip are read, and every
    file is made from them anew: the same bytes, unless gapless has changed since.

    Exit codes: 0, or 2 when the report cannot be read or written.
    """
    results = read_report(directory)
    place = directory if out is None else out
    check_directory("--out", place)
    written = write_report(place, results)
    undrawn = sum(1 for record in results.records if results.journal_of(record) is None)
    if undrawn:
        click.echo(
            f"{directory}: {JOURNALS} lacks the journals of {undrawn} of {len(results.records)} runs, "
            "so these are not drawn"
            if results.journals
            else f"{directory}: {JOURNALS} is missing or empty, so no run is drawn",
            err=True,
        )
    click.echo(f"report  {place / PAGE} and {len(written) - 1} other files; {place / INDEX} lists them")
