"""What came nearest to a fault that never fired, and why it did not match.

A fault has one such record until it fires.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gapless.simserver.cause import ordinal
from gapless.simserver.faults.match import CAUSES, COUNTS, WINDOW, Facts, FaultPlace, Match
from gapless.simserver.progress import Progress

_COUNTED = COUNTS | {"probability"}
# What a fault that acts at a place is asked about.
_ASKED_ABOUT: dict[FaultPlace, str] = {
    "frame": "frame",
    "call": "call",
    "handshake": "handshake",
    "connection": "connection",
    "append": "event",
    "ending": "end of a run",
    "snapshot": "snapshot",
    "server": "moment",
}


@dataclass(frozen=True, slots=True)
class NearMiss:
    """Something that a fault could have acted on, and the conditions that did not hold, each with the reason."""

    what: str
    at_s: float
    reasons: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.what} at {self.at_s:.2f} s, which matches all but {'; and '.join(self.reasons)}"


def missed(match: Match, facts: Facts, progress: Progress, now_s: float) -> list[str]:
    """The conditions that do not hold, apart from the counts and the probability."""
    run = _run(facts, progress)
    held = {
        "connection": _among(facts.connection, match.connection),
        "client": facts.client == match.client,
        "kind": _among(facts.kind, match.kind),
        "key": _among(facts.key, match.key),
        "status": _among(facts.status, match.status),
        "tool": _among(facts.tool, match.tool),
        "durable": facts.durable == match.durable,
        "snapshot": facts.snapshot == match.snapshot,
        "call": _among(facts.call, match.call),
        "run": _among(run, match.run),
        "between_runs": (run is None) == match.between_runs,
        "after_s": match.after_s <= now_s,
        "before_s": match.before_s is None or now_s < match.before_s,
    }
    failed = [name for name in match.model_fields_set if held.get(name) is False]
    # Each of these by a rule of its own. `after_fault` is looked at without `for_s`, which has a reason of its own.
    for name in match.model_fields_set & {"step", "after_fault", "until"}:
        alone = Match.model_construct(_fields_set={name}, **{name: getattr(match, name)})
        if not alone.is_caused(facts, progress, now_s):
            failed.append(name)
    if "for_s" in match.model_fields_set and "after_fault" not in failed:
        struck_s = progress.struck_s(str(match.after_fault))
        if struck_s is not None and match.for_s is not None and now_s >= struck_s + match.for_s:
            failed.append("for_s")
    return sorted(failed)


def distance_of(failed: list[str]) -> int:
    """How far a miss is. A wrong ordinal is nearest, and the wrong sort of thing is farther than the wrong time."""
    return sum(0 if name in _COUNTED else 1 if name in CAUSES | WINDOW else 2 for name in failed)


def near_miss(match: Match, facts: Facts, progress: Progress, now_s: float, seen: int, failed: list[str]) -> NearMiss:
    """The record of a miss. ``failed``: the conditions that did not hold; ``seen``: which of the matching it was."""
    reasons = tuple(_reason(name, match, facts, progress, seen) for name in failed)
    return NearMiss(_what(facts, progress), now_s, reasons)


def nothing_near(place: FaultPlace) -> str:
    """The sentence for a fault that was never asked."""
    return f"nothing: no {_ASKED_ABOUT[place]} that it could act on came"


def _reason(name: str, match: Match, facts: Facts, progress: Progress, seen: int) -> str:
    wanted: Any = getattr(match, name)
    match name:
        case "nth":
            return f"nth (it was the {ordinal(seen)}; the fault wants the {_ordinals(wanted)})"
        case "first":
            return f"first (it was the {ordinal(seen)}; the fault wants the first {wanted})"
        case "probability":
            return f"probability (it was not drawn; the fault acts with {wanted:g})"
        case "run":
            return f"run (it was {_words(_run(facts, progress), 'in no run')}; the fault wants {_any_of(wanted)})"
        case "between_runs":
            return (
                f"between_runs (run {_run(facts, progress)} was in progress)" if wanted else "between_runs (no run was)"
            )
        case "step":
            current = progress.step_of(wanted.client)
            step = "none" if current is None else f"{current[0]} (nth = {current[1]})"
            return f"step (the client was in {step}; the fault wants {wanted})"
        case "after_fault":
            return f"after_fault (the fault {wanted!r} had not struck)"
        case "until":
            return f"until ({wanted} had come)"
        case "for_s":
            return f"for_s (the fault {match.after_fault!r} had struck longer ago than {wanted:g} s)"
        case "after_s" | "before_s":
            return f"{name} (the fault wants {wanted:g})"
        case _:
            return f"{name} (it was {_words(getattr(facts, name), 'nothing')}; the fault wants {_any_of(wanted)})"


def _what(facts: Facts, progress: Progress) -> str:
    run = _run(facts, progress)
    of_run = "" if run is None else f" of run {run}"
    match facts.place:
        case "frame" | "append":
            named = "a snapshot" if facts.snapshot else _with_article(facts.kind or "event")
            return f"{named}{of_run}"
        case "call":
            return f"a call {facts.call!r}"
        case "ending":
            return f"the end of run {run}"
        case _:
            return facts.target


def _run(facts: Facts, progress: Progress) -> int | None:
    return progress.run if facts.run == "now" else facts.run


def _among(value: object, wanted: Any) -> bool:
    return wanted is None or value in wanted


def _with_article(word: str) -> str:
    return f"{'an' if word[0] in 'AEIOU' else 'a'} {word}"


def _words(value: object, otherwise: str) -> str:
    return otherwise if value is None else str(value)


def _any_of(wanted: Any) -> str:
    return " or ".join(map(str, wanted)) if isinstance(wanted, tuple) else str(wanted).lower()


def _ordinals(wanted: tuple[int, ...]) -> str:
    if len(wanted) > 3:
        return f"{ordinal(wanted[0])} to {ordinal(wanted[-1])}"
    return " or ".join(map(ordinal, wanted))
