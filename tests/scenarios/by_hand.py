"""Journals written by hand: the little stories that oracles and the optimum are tested on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gapless.scenarios.definition.scenario import Budget, Expectation
from gapless.scenarios.judging.content import content_digest
from gapless.scenarios.judging.evidence import STATE_UPDATE, Evidence
from gapless.scenarios.judging.journal_reader import read
from gapless.scenarios.judging.oracles import Case


@dataclass(frozen=True, slots=True)
class HandEntry:
    """A journal entry."""

    index: int
    t_s: float
    place: str
    what: str
    fields: dict[str, object]


class Story:
    """Tell what happened, in order; then ``evidence`` or ``case``."""

    def __init__(self, history: int = 0) -> None:
        self._entries: list[HandEntry] = []
        self.log: list[dict[str, object]] = [
            {"id": f"h{n}", "kind": "MessageEvent", "text": f"what h{n} says"} for n in range(history)
        ]
        self.t_s = 0.0
        self._calls = 0

    def tell(self, place: str, what: str, **fields: object) -> Story:
        self._entries.append(HandEntry(len(self._entries), self.t_s, place, what, fields))
        return self

    def wait(self, seconds: float) -> Story:
        self.t_s += seconds
        return self

    def attach(self, *, held: Sequence[str] | None = None, greeted: bool = True, **told: object) -> Story:
        """Attach, holding the whole log. ``greeted``: a socket stood, and its first snapshot came."""
        self.tell("client", "attach-called")
        if greeted:
            self.tell("socket", "opened", connection=1)
            self.snapshot("greeting")
        ids = [str(event["id"]) for event in self.log] if held is None else list(held)
        return self.tell("client", "attach-returned", **({"held": ids, "gaps": []} | told))

    def snapshot(self, event_id: str) -> Story:
        leaf = next((one["id"] for one in reversed(self.log) if one["kind"] != STATE_UPDATE), None)
        return self.tell("socket", "delivered", id=event_id, key="full_state", leaf=leaf)

    def append(
        self,
        event_id: str,
        *,
        kind: str = "ActionEvent",
        brought: bool = True,
        readable: bool = True,
        **facts: object,
    ) -> Story:
        self.log.append({"id": event_id, "kind": kind, "text": f"what {event_id} says"})
        self.tell("log", "append", id=event_id, kind=kind, readable=readable, **facts)
        return self.bring(event_id) if brought else self

    def state(self, event_id: str, *, brought: bool = True) -> Story:
        return self.append(event_id, kind=STATE_UPDATE, brought=brought)

    def truncate(self, length: int) -> Story:
        lost = self.log[length:]
        del self.log[length:]
        ids, kinds = [event["id"] for event in lost], [event["kind"] for event in lost]
        return self.tell("log", "truncate", length=length, ids=ids, kinds=kinds)

    def bring(self, event_id: str) -> Story:
        return self.tell("socket", "delivered", id=event_id)

    def call(
        self,
        path: str = "/search",
        *,
        counted: bool = True,
        size_bytes: int = 10,
        events_read: int = 1,
        status: int = 200,
    ) -> Story:
        self._calls += 1
        self.tell("rest", "request", call=self._calls, path=path, counted=counted)
        answer = {"bytes": size_bytes, "events_read": events_read, "status": status}
        return self.tell("rest", "response", call=self._calls, **answer)

    def deliver(self, *ids: str, repaired: bool | None = False) -> Story:
        for one in ids:
            self.tell("client", "delivered", id=one, repaired=repaired)
        return self

    def contents(self, *ids: str) -> list[list[str]]:
        """The right digests of events of the log, as a client's entries tell them."""
        return [[str(one["id"]), content_digest(one) or ""] for one in self.log if one["id"] in ids]

    def run_called(self, run: int = 0) -> Story:
        return self.tell("client", "run-called").tell("agent", "run-started", run=run, by="client")

    def run_ended(self, run: int = 0, *, status: str = "finished", final: bool = True) -> Story:
        """End the run. ``final``: its final snapshot comes."""
        self.tell("agent", "run-ended", run=run, status=status, log_length=len(self.log), leaf=None)
        return self.snapshot(f"final {run}") if final else self

    def run_returned(
        self, held: Sequence[str] | None = None, *, gaps: Sequence[tuple[str | None, str | None]] = (), **claim: object
    ) -> Story:
        ids = [str(event["id"]) for event in self.log] if held is None else list(held)
        self.tell("client", "run-returned", **({"held": ids, "gaps": [list(gap) for gap in gaps]} | claim))
        return self.tell("client", "closed", held=ids)

    def evidence(self) -> Evidence:
        return read(self._entries, self.log)

    def case(self, generation: str = "tree", budget: Budget | None = None, **expect: object) -> Case:
        return Case(self.evidence(), generation, Expectation.model_validate(expect), budget or Budget())


def clean_story() -> Story:
    """Two history events, a run of two actions and a state update: all brought, all delivered."""
    story = Story(history=2).attach().run_called()
    story.append("a1").append("a2").state("s1").deliver("a1", "a2", "s1").wait(1.0)
    return story.run_ended()
