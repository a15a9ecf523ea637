"""Charts as static SVG: what the REST calls of each scenario are beside the optimum, and how calls grow with length.

Colours and fonts are the page's: a chart names its style variables, and the style sheet overrides the library's fonts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from xml.etree import ElementTree

import leather

from reports.record import RunRecord

_OVER, _ALLOWED, _OPTIMUM = "var(--fault)", "var(--free)", "var(--log)"
_LINES = ("var(--client)", "var(--log)", "var(--rest)", "var(--agent)", "var(--fault)", "var(--socket)")
_LABEL_CHARACTERS_MAX = 26


@dataclass(frozen=True, slots=True)
class Chart:
    """``svg`` is markup, safe as it is; ``legend`` pairs of colour and words; ``summary`` is for those who do not see."""

    svg: str
    title: str
    legend: tuple[tuple[str, str], ...]
    summary: str


def calls_chart(records: Sequence[RunRecord]) -> Chart | None:
    """Calls of each scenario, all its variants together: the optimum, what is allowed above it, what went beyond.

    With several clients, a scenario has a column for each.
    """
    several = len({one.client for one in records}) > 1
    sums: dict[str, list[int]] = {}
    for one in records:
        name = f"{one.scenario} · {one.client}" if several else one.scenario
        column = sums.setdefault(name, [0, 0, 0])
        column[0] += one.rest.calls
        column[1] += min(one.rest.calls, one.rest.allowed_calls)
        column[2] += min(one.rest.calls, one.rest.optimum_calls)
    if not any(calls for calls, _, _ in sums.values()):
        return None
    chart = leather.Chart()
    # Each hides the foot of the one before, so that what shows of it is what it adds.
    for place, colour in enumerate((_OVER, _ALLOWED, _OPTIMUM)):
        chart.add_columns([(name, column[place]) for name, column in sums.items()], fill_color=colour, name=" ")
    chart.add_x_axis(tick_formatter=lambda value, index, count: _short(str(value)))
    chart.add_y_axis(tick_formatter=lambda value, index, count: f"{value:g}")
    return Chart(
        _svg(chart, max(640, 17 * len(sums) + 120), 330),
        "REST calls beside the optimum",
        ((_OPTIMUM, "the least possible"), (_ALLOWED, "allowed above it"), (_OVER, "over budget")),
        "; ".join(f"{name}: {calls} calls, {least} at least" for name, (calls, _, least) in sums.items()),
    )


def growth_chart(sweep: Sequence[RunRecord]) -> Chart | None:
    """Calls of one clean run at growing lengths of the history, a line for each client; None without such runs."""
    lines: dict[str, dict[int, list[int]]] = {}
    for one in sweep:
        lines.setdefault(one.client, {}).setdefault(one.history_events, []).append(one.rest.calls)
    if not lines:
        return None
    chart = leather.Chart()
    legend: list[tuple[str, str]] = []
    for place, (client, line) in enumerate(lines.items()):
        points = [(length, sum(calls) / len(calls)) for length, calls in sorted(line.items())]
        colour = _LINES[place % len(_LINES)]
        chart.add_line(points, stroke_color=colour, width=2, name=" ")
        chart.add_dots(points, fill_color=colour, radius=3, name=" ")
        legend.append((colour, f"{client}: {points[-1][1]:g} at {points[-1][0]:,}"))
    chart.add_x_axis(tick_formatter=lambda value, index, count: f"{value:,.0f}")
    chart.add_y_axis(tick_formatter=lambda value, index, count: f"{value:,.0f}")
    words = tuple(legend)
    return Chart(_svg(chart, 640, 330), "REST calls as the history grows", words, "; ".join(text for _, text in words))


def _short(name: str) -> str:
    return name if len(name) <= _LABEL_CHARACTERS_MAX else name[: _LABEL_CHARACTERS_MAX - 1] + "…"


def _svg(chart: leather.Chart, width: int, height: int) -> str:
    root = ElementTree.Element("svg", {"viewBox": f"0 0 {width} {height}", "width": str(width), "aria-hidden": "true"})
    root.append(chart.to_svg_group(width, height))
    return ElementTree.tostring(root, encoding="unicode")
