"""Charts as static SVG: what the REST calls of each scenario are beside the optimum, and how calls grow with length.

Colours and fonts are the page's: a chart names its style variables, and the style sheet overrides the library's fonts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from xml.etree import ElementTree

import leather

from gapless.reports.records.record import RestCost, RunRecord

_OVER, _ALLOWED, _OPTIMUM = "var(--fault)", "var(--free)", "var(--log)"
_LINES = ("var(--client)", "var(--log)", "var(--rest)", "var(--agent)", "var(--fault)", "var(--socket)")
_LABEL_CHARACTERS_MAX = 26
_CLIENT_CHARACTERS_MAX = 16
_COLUMNS_MAX = 36
_LEVEL_MAX = 5  # of more columns the names have no room side by side, and are turned
_MARGIN = 0.05  # the library's, of the width: cut off, since the page has its own


@dataclass(frozen=True, slots=True)
class Chart:
    """``svg`` is markup, safe as it is; ``legend`` pairs of colour and words; ``summary`` is read to who cannot see."""

    svg: str
    title: str
    legend: tuple[tuple[str, str], ...]
    summary: str


def calls_chart(records: Sequence[RunRecord]) -> Chart | None:
    """Calls of each scenario, all its variants together: the optimum, what is allowed above it, what went beyond.

    With several clients, a scenario has a column for each; of very many, those farthest above the optimum are shown.
    None where nobody called.
    """
    several = len({one.client for one in records}) > 1
    columns: dict[str, _Column] = {}
    for one in records:
        name = f"{one.scenario} · {one.client}" if several else one.scenario
        columns.setdefault(name, _Column(name)).add(one.rest)
    if not any(column.calls for column in columns.values()):
        return None
    shown, title = list(columns.values()), "REST calls beside the optimum"
    if len(shown) > _COLUMNS_MAX:
        # Equally far ones stay in the order of the records.
        shown.sort(key=lambda column: column.optimum - column.calls)
        shown, others = shown[:_COLUMNS_MAX], shown[_COLUMNS_MAX:]
        calls, least = sum(column.calls for column in others), sum(column.optimum for column in others)
        title += f": the {len(shown)} farthest above it; the {len(others)} others make {calls} calls, {least} at least"
    chart = leather.Chart()
    # Each hides the foot of the one before, so that what shows of it is what it adds.
    for colour, height in ((_OVER, _calls), (_ALLOWED, _allowed), (_OPTIMUM, _optimum)):
        chart.add_columns([(column.name, height(column)) for column in shown], fill_color=colour, name=" ")
    chart.add_x_axis(tick_formatter=lambda value, index, count: _short(str(value)))
    chart.add_y_axis(tick_formatter=lambda value, index, count: f"{value:g}")
    hints = [column.hint() for column in shown]
    return Chart(
        _svg(chart, 960, 330, [hints] * 3, labels_height=128 if len(shown) > _LEVEL_MAX else 1),
        title,
        ((_OPTIMUM, "the least possible"), (_ALLOWED, "allowed above it"), (_OVER, "over budget")),
        "; ".join(hints),
    )


def growth_chart(sweep: Sequence[RunRecord]) -> Chart | None:
    """Calls of one clean run at growing lengths of the history, a line for each client; None without such runs."""
    lines: dict[str, dict[int, list[int]]] = {}
    for one in sweep:
        lines.setdefault(one.client, {}).setdefault(one.history_events, []).append(one.rest.calls)
    if not lines:
        return None
    chart = leather.Chart()
    chart.add_x_scale(0, max(length for line in lines.values() for length in line) or 1)
    chart.add_y_scale(
        0, max(calls for line in lines.values() for all_calls in line.values() for calls in all_calls) or 1
    )
    legend: list[tuple[str, str]] = []
    hints: list[list[str]] = []
    for place, (client, line) in enumerate(lines.items()):
        points = [(length, sum(calls) / len(calls)) for length, calls in sorted(line.items())]
        colour = _LINES[place % len(_LINES)]
        chart.add_line(points, stroke_color=colour, width=2, name=" ")
        chart.add_dots(points, fill_color=colour, radius=4, name=" ")
        hints += [[client], [f"{client}: {calls:g} calls at {length:,} events" for length, calls in points]]
        legend.append((colour, hints[-1][-1]))
    chart.add_x_axis(tick_formatter=lambda value, index, count: f"{value:,.0f}")
    chart.add_y_axis(tick_formatter=lambda value, index, count: f"{value:,.0f}")
    summary = "; ".join(hint for pointed in hints[1::2] for hint in pointed)
    return Chart(_svg(chart, 560, 365, hints), "REST calls as the history grows", tuple(legend), summary)


@dataclass(slots=True)
class _Column:
    name: str
    calls: int = 0
    allowed: int = 0
    optimum: int = 0

    def add(self, rest: RestCost) -> None:
        self.calls += rest.calls
        self.allowed += min(rest.calls, rest.allowed_calls)
        self.optimum += min(rest.calls, rest.optimum_calls)

    def hint(self) -> str:
        return f"{self.name}: {self.calls} calls, {self.optimum} at least"


def _calls(column: _Column) -> int:
    return column.calls


def _allowed(column: _Column) -> int:
    return column.allowed


def _optimum(column: _Column) -> int:
    return column.optimum


def _short(name: str) -> str:
    """A column's name cut to its room: of a client, where one is named, the end stays, which is the factory's name."""
    scenario, dot, client = name.partition(" · ")
    client = client if len(client) <= _CLIENT_CHARACTERS_MAX else "…" + client[1 - _CLIENT_CHARACTERS_MAX :]
    room = max(8, _LABEL_CHARACTERS_MAX - len(dot + client))
    return (scenario if len(scenario) <= room else scenario[: room - 1] + "…") + dot + client


def _svg(chart: leather.Chart, width: int, height: int, hints: Sequence[Sequence[str]], labels_height: int = 0) -> str:
    """The drawing, with room below for labels that the style sheet turns, and what each shape says when pointed at."""
    margin = round(_MARGIN * width)
    left = margin - (30 if labels_height else 4)
    box = (left, margin, width - left - margin + 24, height - 2 * margin + labels_height + 4)
    placed = {"viewBox": " ".join(map(str, box)), "preserveAspectRatio": "xMinYMin", "aria-hidden": "true"}
    if labels_height > 1:
        placed["class"] = "turned"
    root = ElementTree.Element("svg", placed)
    root.append(chart.to_svg_group(width, height))
    drawn = [group for group in root.iter("g") if str(group.get("class", "")).startswith("series")]
    for group, said in zip(drawn, hints, strict=True):
        for shape, hint in zip(group, said, strict=True):
            ElementTree.SubElement(shape, "title").text = hint
    return ElementTree.tostring(root, encoding="unicode")
