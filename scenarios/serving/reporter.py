"""Reporter: what a foreign client says of itself, into the journal, as the stage does for a client of ours."""

from __future__ import annotations

from gapless.scenarios.serving.step_protocol import Done, Failed, Reached, Report
from gapless.simserver.journal import Journal


class Reporter:
    """Keeps what one client has reported. ``reports``: how many lines; ``held``: the ids it holds, as told last."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._reached: dict[str, None] = {}
        self._told: list[str] | None = None
        self.reports = 0

    @property
    def held(self) -> list[str]:
        """What it told of what it holds, last of all; else what has reached it, first come first."""
        return list(self._reached) if self._told is None else self._told

    def called(self, step: str) -> None:
        """The harness has asked for a step."""
        self._journal.record("client", f"{step}-called")

    def take(self, report: Report) -> None:
        """Write a report down."""
        self.reports += 1
        match report:
            case Reached():
                self._reached[report.id] = None
                self._journal.record("client", "delivered", id=report.id, repaired=False)
            case Done():
                self.note(report)
                self._journal.record("client", f"{report.done}-returned", **self._claims(report))
            case Failed():
                self.ended_badly(report.failed, "failed", "Failed", report.error)

    def note(self, report: Done | Failed) -> None:
        """Remember what it holds by now; no step ended."""
        if isinstance(report, Done) and report.held is not None:
            self._told = report.held

    def ended_badly(self, step: str, outcome: str, error: str, message: str) -> None:
        """A step ended otherwise: failed, crashed or hung."""
        message = " ".join(message.split())[:300]
        self._journal.record("client", "error", step=step, outcome=outcome, error=error, message=message)

    def exited(self, outcome: str, error: str, message: str) -> None:
        """A client that drives itself has ended, well when there is no message; or it did not, in its time."""
        self._journal.record("client", "exited", outcome=outcome, error=error, message=message)

    def closed(self) -> None:
        """The client is gone; what it holds now is what it held to the end."""
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
