"""Writes a client's reports into the journal, as the same entries that the script player writes in virtual time."""

from __future__ import annotations

from gapless.scenarios.serving.step_protocol import Done, Failed, Reached, Report
from gapless.simserver.journal import Journal


class Reporter:
    """Records the reports of one client. ``reports``: how many there have been."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._delivered: dict[str, None] = {}
        self._last_held: list[str] | None = None
        self.reports = 0

    @property
    def held(self) -> list[str]:
        """The ids that the client holds: those of its last ``held``, else those that it reported one by one."""
        return list(self._delivered) if self._last_held is None else self._last_held

    def called(self, step: str) -> None:
        """The harness has asked for a step."""
        self._journal.record("client", f"{step}-called")

    def take(self, report: Report) -> None:
        """Record a report."""
        self.reports += 1
        match report:
            case Reached():
                self._delivered[report.id] = None
                self._journal.record("client", "delivered", id=report.id, repaired=False)
            case Done():
                self.note(report)
                self._journal.record("client", f"{report.done}-returned", **self._claims(report))
            case Failed():
                self.ended_badly(report.failed, "failed", "Failed", report.error)

    def note(self, report: Done | Failed) -> None:
        """Remember ``held`` of a report that ends no step."""
        if isinstance(report, Done) and report.held is not None:
            self._last_held = report.held

    def ended_badly(self, step: str, outcome: str, error: str, message: str) -> None:
        """A step failed, crashed or hung."""
        message = " ".join(message.split())[:300]
        self._journal.record("client", "error", step=step, outcome=outcome, error=error, message=message)

    def exited(self, outcome: str, error: str, message: str) -> None:
        """A client that drives itself has exited, or has passed its deadline. An empty message means success."""
        self._journal.record("client", "exited", outcome=outcome, error=error, message=message)

    def closed(self) -> None:
        """The client is gone. The entry has the ids that it held at the end."""
        self._journal.record("client", "closed", held=self.held)

    def _claims(self, report: Done) -> dict[str, object]:
        if report.done != "run":
            return {}
        return {
            "status": report.status,
            "complete": report.complete,
            "covers": report.covers,
            "proof": report.proof,
            "notes": [],
            "gaps": [list(gap) for gap in report.gaps],
            "held": self.held,
        }
