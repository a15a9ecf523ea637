"""Drawings of one run, written to files: a page, a sequence diagram, an HTTP archive, a trace."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from gapless.reports.html import render_html
from gapless.reports.one_run.har import render_har
from gapless.reports.one_run.lane_picture import render_lane_picture
from gapless.reports.one_run.mermaid import render_mermaid
from gapless.reports.one_run.perfetto import render_perfetto
from gapless.reports.records.reading import reread
from gapless.reports.records.record import RunRecord
from gapless.reports.records.results import Results
from gapless.scenarios.capsules import capsule
from gapless.scenarios.cli.options import check_writable
from gapless.scenarios.errors import UsageError

STANDARD_OUTPUT = Path("-")


@dataclass(frozen=True, slots=True)
class Drawings:
    """The drawings that the user wants: a path each, or None. ``mermaid`` may be standard output."""

    html: Path | None = None
    mermaid: Path | None = None
    har: Path | None = None
    perfetto: Path | None = None
    svg: Path | None = None

    @property
    def takes_standard_output(self) -> bool:
        """Whether standard output is for a drawing alone."""
        return self.mermaid == STANDARD_OUTPUT

    def check(self) -> None:
        """Raise UsageError when the directory of a file does not exist. Called before anything is run."""
        for name, path in self._wanted():
            check_writable(f"--{name}", path)

    def draw(self, record: RunRecord, lines: Sequence[str]) -> Iterator[tuple[Path, str]]:
        """Each drawing that is wanted: its path and its text."""
        title = f"{record.scenario}, {record.variant}, {record.client}: {record.verdict}"
        versions = capsule.versions()
        if self.html is not None:
            results = Results((record,), versions, journals={record.digest: lines})
            yield self.html, render_html(reread(results), title=title)
        if self.mermaid is not None:
            yield self.mermaid, render_mermaid(lines, record)
        if self.har is not None:
            yield self.har, render_har(lines, record, version=versions.get("gapless", ""))
        if self.perfetto is not None:
            yield self.perfetto, render_perfetto(lines, record)
        if self.svg is not None:
            yield self.svg, render_lane_picture(lines, record)

    def write(self, record: RunRecord, lines: Sequence[str]) -> tuple[str, ...]:
        """Write the files. Returns the texts for standard output. Raises UsageError when a file cannot be written."""
        printed: list[str] = []
        for path, text in self.draw(record, lines):
            if path == STANDARD_OUTPUT:
                printed.append(text)
                continue
            try:
                path.write_text(text, encoding="utf-8")
            except OSError as error:
                raise UsageError(f"{path}: cannot be written ({error.strerror}); give another file") from error
        return tuple(printed)

    def _wanted(self) -> Iterator[tuple[str, Path]]:
        for name, path in (("html", self.html), ("mermaid", self.mermaid), ("har", self.har)):
            if path is not None and path != STANDARD_OUTPUT:
                yield name, path
        for name, path in (("perfetto", self.perfetto), ("svg", self.svg)):
            if path is not None:
                yield name, path
