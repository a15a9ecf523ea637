"""The result as a badge: JSON for a badge service (the endpoint schema of shields.io), and an SVG image."""

from __future__ import annotations

import json
from dataclasses import dataclass
from xml.sax.saxutils import escape

from gapless.reports.records.failures import how_many_fail
from gapless.reports.records.record import RunRecord, Verdict, gravest
from gapless.reports.records.results import Results

LABEL = "gapless"
CLEAN_RUN = "clean-run"
# The color's name at shields.io, and its value for the SVG image.
_COLORS = {
    Verdict.HOLDS: ("brightgreen", "#44cc11"),
    Verdict.UNSAFE: ("red", "#e05d44"),
    Verdict.STUCK: ("red", "#e05d44"),
    Verdict.OVER_BUDGET: ("orange", "#fe7d37"),
    Verdict.VACUOUS: ("yellow", "#dfb317"),
    Verdict.UNSTEADY: ("yellow", "#dfb317"),
}
_UNKNOWN = ("lightgrey", "#9f9f9f")
_PADDING_PX = 6
_CHARACTER_PX = dict.fromkeys("ijl", 3.0) | dict.fromkeys(" .,:-frt", 4.2) | dict.fromkeys("mw×", 9.6)


@dataclass(frozen=True, slots=True)
class Badge:
    """A badge's message, and its color by name and by value."""

    message: str
    color: str
    color_value: str


def badge(results: Results) -> Badge:
    """If all runs hold: how many scenarios and generations, and the mean calls of a clean run. Else: how many fail."""
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
    made = badge(results)
    document: dict[str, object] = {
        "schemaVersion": 1,
        "label": LABEL,
        "message": made.message,
        "color": made.color,
    }
    if made.color == "red":
        document["isError"] = True
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def render_badge_svg(results: Results) -> str:
    """The badge as an image of 20 pixels height: the label on gray, beside it the message on its color."""
    made = badge(results)
    left_px, right_px = _width_px(LABEL), _width_px(made.message)
    words = escape(f"{LABEL}: {made.message}", {'"': "&quot;"})
    return f"""\
<svg xmlns="http://www.w3.org/2000/svg" width="{left_px + right_px}" height="20" role="img" aria-label="{words}">
  <title>{words}</title>
  <rect width="{left_px + right_px}" height="20" rx="3" fill="{made.color_value}"/>
  <path d="M{left_px} 0H3A3 3 0 0 0 0 3V17A3 3 0 0 0 3 20H{left_px}Z" fill="#555"/>
  <g font-family="Verdana,DejaVu Sans,Geneva,sans-serif" font-size="11" text-anchor="middle">
{_text(LABEL, 0, left_px)}
{_text(made.message, left_px, right_px)}
  </g>
</svg>
"""


def _text(words: str, x_px: int, width_px: int) -> str:
    """White words with a dark shadow, readable on every color. The viewer stretches them to the width computed here."""
    at = f'x="{x_px + width_px / 2:g}" textLength="{width_px - 2 * _PADDING_PX}"'
    shadow = f'    <text {at} y="15" fill="#010101" fill-opacity=".3">{escape(words)}</text>'
    return f'{shadow}\n    <text {at} y="14" fill="#fff">{escape(words)}</text>'


def _width_px(words: str) -> int:
    """The width of the words in Verdana of 11 pixels, estimated, with the padding on both sides."""
    return round(sum(_CHARACTER_PX.get(one, 6.8) for one in words)) + 2 * _PADDING_PX


def _holds(records: tuple[RunRecord, ...]) -> list[str]:
    scenarios = len({record.scenario for record in records})
    generations = len({record.generation for record in records})
    parts = [f"{_count(scenarios, 'scenario')} × {_count(generations, 'generation')} hold"]
    clean = [record.rest.calls - record.rest.attach_calls for record in records if record.scenario == CLEAN_RUN]
    if clean:
        parts.append(f"{_mean(clean)} per clean run")
    return parts


def _mean(calls: list[int]) -> str:
    mean = sum(calls) / len(calls)
    return _count(int(mean), "call") if mean == int(mean) else f"{mean:.1f} calls"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' * (number != 1)}"
