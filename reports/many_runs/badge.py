"""A summary the size of a badge: as JSON for a badge service (shields.io's endpoint schema), and as an SVG image."""

from __future__ import annotations

import json
from dataclasses import dataclass

import anybadge

from gapless.reports.records.failures import how_many_fail
from gapless.reports.records.record import RunRecord, Verdict, gravest
from gapless.reports.records.results import Results

LABEL = "gapless"
CLEAN_RUN = "clean-run"
# By shields.io's names, and as colours where no service draws.
_COLORS = {
    Verdict.HOLDS: ("brightgreen", "#44cc11"),
    Verdict.UNSAFE: ("red", "#e05d44"),
    Verdict.STUCK: ("red", "#e05d44"),
    Verdict.OVER_BUDGET: ("orange", "#fe7d37"),
    Verdict.VACUOUS: ("yellow", "#dfb317"),
    Verdict.UNSTEADY: ("yellow", "#dfb317"),
}
_UNKNOWN = ("lightgrey", "#9f9f9f")


@dataclass(frozen=True, slots=True)
class Badge:
    """What a badge says: its words, and its colour by name and by value."""

    message: str
    color: str
    color_value: str


def badge(results: Results) -> Badge:
    """Scenarios, generations, and the calls of a clean run where one was made; or how many runs fail, and how."""
    records = results.records
    if not records:
        return Badge("nothing ran", *_UNKNOWN)
    failed = [record for record in records if record.verdict is not Verdict.HOLDS]
    verdict = gravest([record.verdict for record in records] + [Verdict.VACUOUS] * bool(results.never))
    if failed:
        message = f"{verdict}: {how_many_fail(len(failed), len(records))}"
    elif results.never:
        message = f"{_count(len(results.never), 'thing')} never happened"
    else:
        message = ", ".join(_holds(records))
    if not results.complete:
        return Badge(f"{message}, interrupted", *(_COLORS[verdict] if failed else _UNKNOWN))
    return Badge(message, *_COLORS[verdict])


def render_badge_json(results: Results) -> str:
    """The badge in shields.io's endpoint schema, version 1."""
    told = badge(results)
    document: dict[str, object] = {
        "schemaVersion": 1,
        "label": LABEL,
        "message": told.message,
        "color": told.color,
    }
    if told.color == "red":
        document["isError"] = True
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def render_badge_svg(results: Results) -> str:
    """The badge as an image."""
    told = badge(results)
    drawn = anybadge.Badge(LABEL, told.message, default_color=told.color_value)
    drawn.mask_str = "rounded"  # the library counts its badges, and the same badge is to be the same text
    return str(drawn.badge_svg_text).rstrip() + "\n"


def _holds(records: tuple[RunRecord, ...]) -> list[str]:
    scenarios = len({record.scenario for record in records})
    generations = len({record.generation for record in records})
    told = [f"{_count(scenarios, 'scenario')} × {_count(generations, 'generation')} hold"]
    clean = [record.rest.calls - record.rest.attach_calls for record in records if record.scenario == CLEAN_RUN]
    if clean:
        told.append(f"{_mean(clean)} per clean run")
    return told


def _mean(calls: list[int]) -> str:
    mean = sum(calls) / len(calls)
    return _count(int(mean), "call") if mean == int(mean) else f"{mean:.1f} calls"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' * (number != 1)}"
