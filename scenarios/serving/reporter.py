"""Writes a client's reports into the journal, as the same entries that the script player writes in virtual time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gapless.scenarios.judging.content import content_digest
from gapless.scenarios.serving.step_protocol import Answer, Cannot, Done, Failed, Reached, Report
from gapless.simserver.journal import Journal


class Reporter:
    """Records the reports of one client. ``reports``: how many there have been."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._delivered: dict[str, None] = {}
        self._last_held: list[str] | None = None
        self._new_contents: dict[str, str] = {}
        self._contents: dict[str, str] = {}
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
                self._journal.record("client", "delivered", id=report.id, repaired=report.repaired)
            case Done():
                self.note(report)
                self._journal.record("client", f"{report.done}-returned", **self._claims(report))
            case Failed():
                self.ended_badly(report.failed, "failed", "Failed", report.error)
            case Cannot():
                self._journal.record("client", "cannot", step=report.cannot)

    def note(self, report: Answer) -> None:
        """Remember ``held`` of a report that ends no step."""
        if isinstance(report, Done) and report.held is not None:
            self._last_held = self._ids(report.held)

    def _ids(self, events: Sequence[str | dict[str, Any]]) -> list[str]:
        """The ids of events, which may be ids. Digests of whole events are kept for the next entry with contents."""
        ids: list[str] = []
        for one in events:
            if isinstance(one, str):
                ids.append(one)
                continue
            ids.append(str(one["id"]))
            digest = content_digest(one)
            if digest is not None and self._contents.get(ids[-1]) != digest:
                self._new_contents[ids[-1]] = self._contents[ids[-1]] = digest
        return ids

    def _take_contents(self) -> list[list[str]]:
        taken = [[event_id, digest] for event_id, digest in self._new_contents.items()]
        self._new_contents = {}
        return taken

    def ended_badly(self, step: str, outcome: str, error: str, message: str) -> None:
        """A step failed, crashed or hung."""
        message = " ".join(message.split())[:300]
        self._journal.record("client", "error", step=step, outcome=outcome, error=error, message=message)

    def exited(self, outcome: str, error: str, message: str) -> None:
        """A client that drives itself has exited, or has passed its deadline. An empty message means success."""
        self._journal.record("client", "exited", outcome=outcome, error=error, message=message)

    def closed(self) -> None:
        """The client is gone. The entry has the ids that it held at the end."""
        self._journal.record("client", "closed", held=self.held, contents=self._take_contents())

    def _claims(self, report: Done) -> dict[str, object]:
        """What a report claims, as fields of the journal. An attach without any event says nothing of what is held."""
        if report.done == "history":
            return {} if report.read is None else {"read": self._ids(report.read), "contents": self._take_contents()}
        gaps = None if report.gaps is None else [list(gap) for gap in report.gaps]
        if report.done == "attach":
            says = report.held is not None or gaps is not None or self.held
            return {"gaps": gaps, "held": self.held, "contents": self._take_contents()} if says else {}
        if report.done != "run":
            return {}
        optional = {"error": report.error, "statistics": report.statistics, "calls": report.calls}
        return {
            "status": report.status,
            "complete": report.complete,
            "covers": report.covers,
            "proof": report.proof,
            "notes": [],
            **{name: value for name, value in optional.items() if value is not None},
            "gaps": gaps,
            "held": self.held,
            "contents": self._take_contents(),
        }
