"""Charts as static SVG: the REST calls of each scenario beside the optimum, and calls as the history grows.

The ``<svg>`` element is the plot area. It has no ``viewBox``. Horizontal places are percentages, heights and the
thickness of bars are pixels. So a chart fills the available width, and texts and bars keep their size. Names and ticks
stand outside the plot area, in the margins that ``page/report.css`` leaves around it. Colors are style variables of the
page.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from gapless.reports.records.record import RestCost, RunRecord

_OVER, _WITHIN, _OPTIMUM = "var(--fault)", "var(--free)", "var(--log)"
_LINES = ("var(--client)", "var(--log)", "var(--rest)", "var(--agent)", "var(--fault)", "var(--socket)")
_LABEL_CHARACTERS_MAX = 26
_CLIENT_CHARACTERS_MAX = 16
_GROUPS_MAX = 36
_NUMBERED_GROUPS_MAX, _NUMBERED_CALLS_MAX = 16, 999  # above each bar is its number, where numbers have room
_LEVEL_GROUPS_MAX = 4  # the names of more groups have no room side by side, so they are turned
_GROUPS_WIDTH_PX = 760  # many groups are made to fit into this width, as far as their minimum allows
_GROUP_WIDTH_PX_MIN, _GROUP_WIDTH_PX_MAX = 20, 64
_BAR_WIDTH_PX_MAX = 28
_PLOT_WIDTH_PX_MAX = 220  # for each group, so that few groups stay close together
_CHARACTER_PX = 4.9  # what a character of a turned name adds to its height, on average
_BARS_HEIGHT_PX, _LINES_HEIGHT_PX = 220, 280
_TICKS_MAX = 6
_ZERO_SHARE = 0.12  # of a logarithmic axis, from zero to the first positive tick


@dataclass(frozen=True, slots=True)
class Chart:
    """A drawing and the words around it.

    ``svg`` is markup in which every text is escaped. ``legend`` has pairs of a color and its meaning. ``summary`` says
    in words what the drawing shows, for screen readers.
    """

    svg: str
    title: str
    legend: tuple[tuple[str, str], ...]
    summary: str


def calls_chart(records: Sequence[RunRecord]) -> Chart | None:
    """The calls of each scenario beside the optimum, all its variants added up. None where no call was made.

    With several clients, a scenario has a group of bars for each. Of more than ``_GROUPS_MAX`` groups, those with the
    most calls above the optimum are shown.
    """
    several = len({one.client for one in records}) > 1
    groups: dict[str, _Group] = {}
    for one in records:
        name = f"{one.scenario} · {one.client}" if several else one.scenario
        groups.setdefault(name, _Group(name)).add(one.rest)
    if not any(group.calls for group in groups.values()):
        return None
    shown, title = list(groups.values()), "REST calls beside the optimum"
    if len(shown) > _GROUPS_MAX:
        shown.sort(key=lambda group: -group.excess)  # a stable sort: equal ones stay in the order of the records
        shown, others = shown[:_GROUPS_MAX], shown[_GROUPS_MAX:]
        calls, least = sum(group.calls for group in others), sum(group.optimum for group in others)
        title += f": the {len(shown)} farthest above it; the {len(others)} others make {calls} calls, {least} at least"
    return Chart(
        ElementTree.tostring(_bars(shown), encoding="unicode"),
        title,
        ((_WITHIN, "calls"), (_OVER, "calls over budget"), (_OPTIMUM, "the least possible")),
        "; ".join(group.hint for group in shown),
    )


def growth_chart(sweep: Sequence[RunRecord]) -> Chart | None:
    """Calls of one clean run at growing lengths of the history, a line for each client. None without such runs.

    Both axes are logarithmic. A constant cost is a level line. A cost in proportion to the history is a diagonal.
    """
    found: dict[str, dict[int, list[int]]] = {}
    for one in sweep:
        found.setdefault(one.client, {}).setdefault(one.history_events, []).append(one.rest.calls)
    if not found:
        return None
    lines = {
        client: [(length, sum(calls) / len(calls)) for length, calls in sorted(by_length.items())]
        for client, by_length in found.items()
    }
    hints = {client: [_point_hint(client, *point) for point in points] for client, points in lines.items()}
    return Chart(
        ElementTree.tostring(_lines(lines, hints), encoding="unicode"),
        "REST calls as the history grows",
        tuple((color, said[-1]) for color, said in zip(itertools.cycle(_LINES), hints.values(), strict=False)),
        "; ".join(hint for said in hints.values() for hint in said),
    )


@dataclass(slots=True)
class _Group:
    """The bars of one scenario: REST calls, how many of them were within the budget, how many exceeded the optimum."""

    name: str
    calls: int = 0
    within: int = 0
    optimum: int = 0
    excess: int = 0

    def add(self, rest: RestCost) -> None:
        self.calls += rest.calls
        self.within += min(rest.calls, rest.allowed_calls)
        self.optimum += rest.optimum_calls
        # Counted run by run: a run that spent less than its optimum does not make up for others.
        self.excess += max(0, rest.calls - rest.optimum_calls)

    @property
    def hint(self) -> str:
        return f"{self.name}: {self.calls} calls, {self.optimum} at least"


def _bars(groups: Sequence[_Group]) -> Element:
    top = max(max(group.calls, group.optimum) for group in groups)
    ticks, numbered = _linear_ticks(top), len(groups) <= _NUMBERED_GROUPS_MAX and top <= _NUMBERED_CALLS_MAX
    width_px = max(_GROUP_WIDTH_PX_MIN, min(_GROUP_WIDTH_PX_MAX, _GROUPS_WIDTH_PX // len(groups)))
    labels = [_short(group.name) for group in groups]
    root = Element("svg", {"class": "columns" if len(groups) <= _LEVEL_GROUPS_MAX else "columns turned"})
    names_px = max(len(label) for label in labels) * _CHARACTER_PX
    widths = f"min-width: {width_px * len(groups)}px; max-width: {_PLOT_WIDTH_PX_MAX * len(groups)}px"
    root.set("style", f"--names: {names_px:.0f}px; {widths}")
    root.set("height", str(_BARS_HEIGHT_PX))
    root.set("aria-hidden", "true")
    for tick in ticks:
        _tick_of_y(root, tick / ticks[-1], _number(tick), _BARS_HEIGHT_PX)
    for place, (group, label) in enumerate(zip(groups, labels, strict=True)):
        at = {"class": "group", "x": _percent(place / len(groups)), "width": _percent(1 / len(groups))}
        drawn = SubElement(root, "svg", {**at, "height": str(_BARS_HEIGHT_PX)})
        SubElement(drawn, "title").text = group.hint
        SubElement(drawn, "rect", {"class": "hit", "width": "100%", "height": "100%"})
        thickness_px = min(_BAR_WIDTH_PX_MAX, width_px // 2 - 3)
        for parts, left_px in (
            (((0, group.within, _WITHIN), (group.within, group.calls, _OVER)), -thickness_px - 0.5),
            (((0, group.optimum, _OPTIMUM),), 0.5),
        ):
            bar = SubElement(drawn, "g", {"transform": f"translate({left_px})"})
            _bar(bar, parts, thickness_px, _BARS_HEIGHT_PX / ticks[-1])
            if numbered:
                calls = parts[-1][1]
                y = _BARS_HEIGHT_PX * (1 - calls / ticks[-1]) - 4
                middle = {"transform": f"translate({thickness_px / 2:g})", "text-anchor": "middle"}
                SubElement(bar, "text", {"class": "count", "x": "50%", "y": _pixels(y), **middle}).text = str(calls)
        name = {"class": "label", "x": "50%", "y": str(_BARS_HEIGHT_PX + 16), "text-anchor": "middle"}
        SubElement(drawn, "text", name).text = label
    return root


def _bar(bar: Element, parts: Iterable[tuple[int, int, str]], thickness_px: int, unit_px: float) -> None:
    """One bar, its parts from the axis upward, each with its lower and upper end in calls."""
    for low, high, color in parts:
        if high > low:
            place = {"x": "50%", "y": _pixels(_BARS_HEIGHT_PX - high * unit_px), "width": str(thickness_px)}
            SubElement(bar, "rect", {**place, "height": _pixels((high - low) * unit_px), "fill": color})


def _lines(lines: Mapping[str, Sequence[tuple[int, float]]], hints: Mapping[str, Sequence[str]]) -> Element:
    points = [point for line in lines.values() for point in line]
    along, up = _LogScale.over(length for length, _ in points), _LogScale.over(calls for _, calls in points)
    root = Element("svg", {"class": "lines", "height": str(_LINES_HEIGHT_PX), "aria-hidden": "true"})
    for tick in up.ticks:
        _tick_of_y(root, up.share(tick), _number(tick), _LINES_HEIGHT_PX)
    for tick in along.ticks:
        x = _percent(along.share(tick))
        SubElement(root, "line", {"class": "tick", "x1": x, "x2": x, "y2": "100%"})
        under = {"class": "value", "x": x, "y": str(_LINES_HEIGHT_PX + 16), "text-anchor": "middle"}
        SubElement(root, "text", under).text = _number(tick)
    middle = {"class": "label", "x": "50%", "y": str(_LINES_HEIGHT_PX + 34), "text-anchor": "middle"}
    SubElement(root, "text", middle).text = "events in the history; both axes are logarithmic"
    for color, (client, line) in zip(itertools.cycle(_LINES), lines.items(), strict=False):
        drawn = SubElement(root, "g", {"class": "series", "stroke": color, "fill": color})
        places = [
            (_percent(along.share(length)), _pixels(_LINES_HEIGHT_PX * (1 - up.share(calls)))) for length, calls in line
        ]
        for (x1, y1), (x2, y2) in itertools.pairwise(places):
            SubElement(drawn, "line", {"x1": x1, "y1": y1, "x2": x2, "y2": y2})
        for (x, y), hint in zip(places, hints[client], strict=True):
            dot = SubElement(drawn, "circle", {"cx": x, "cy": y, "r": "4.5"})
            SubElement(dot, "title").text = hint
    return root


def _tick_of_y(root: Element, share: float, words: str, height_px: int) -> None:
    """A line across the plot area, and its value left of it."""
    y = height_px * (1 - share)
    SubElement(root, "line", {"class": "tick", "x2": "100%", "y1": _pixels(y), "y2": _pixels(y)})
    beside = {"class": "value", "x": "-8", "y": _pixels(y + 3.5), "text-anchor": "end"}
    SubElement(root, "text", beside).text = words


def _linear_ticks(top: int) -> tuple[int, ...]:
    """Round numbers from 0 to the first that is not below ``top``."""
    size = 10 ** max(0, len(str(top)) - 2)
    step = next(factor * size for factor in (1, 2, 5, 10, 20, 50) if factor * size * (_TICKS_MAX - 1) >= top)
    return tuple(range(0, top + step, step))


@dataclass(frozen=True, slots=True)
class _LogScale:
    """A logarithmic axis from ``low`` to ``high``, both above 0. If a value is 0, the axis begins with a place for it.

    ``zero`` is the share of the axis before ``low``: 0 if no value is 0, 1 if all values are.
    """

    low: float
    high: float
    ticks: tuple[float, ...]
    zero: float

    @classmethod
    def over(cls, values: Iterable[float]) -> _LogScale:
        found = set(values)
        positive = sorted(found - {0})
        if not positive:
            return cls(1, 10, (0,), 1)
        ticks = _log_ticks(positive[0], positive[-1])
        has_zero = 0 in found
        return cls(ticks[0], ticks[-1], (0, *ticks) if has_zero else ticks, _ZERO_SHARE if has_zero else 0)

    def share(self, value: float) -> float:
        """How far along the axis ``value`` is, from 0 to 1."""
        if value == 0:
            return 0
        return self.zero + (1 - self.zero) * math.log(value / self.low) / math.log(self.high / self.low)


def _log_ticks(low: float, high: float) -> tuple[float, ...]:
    """Round numbers from one that is not above ``low`` to one that is not below ``high``; powers of ten if too many."""
    exponents = range(math.floor(math.log10(low)) - 1, math.ceil(math.log10(high)) + 2)
    for factors in ((1, 2, 5), (1,)):
        ladder = [factor * 10.0**exponent for exponent in exponents for factor in factors]
        first = max(index for index, tick in enumerate(ladder) if tick <= low)
        last = min(index for index, tick in enumerate(ladder) if tick >= high)
        if last - first < 2:  # all values are close together: two ticks, or one, show no scale
            first, last = first - 1, last + 1
        ticks = ladder[first : last + 1]
        if len(ticks) <= _TICKS_MAX:
            break
    every = math.ceil((len(ticks) - 1) / (_TICKS_MAX - 1))
    return (*ticks[:-1:every], ticks[-1])


def _point_hint(client: str, length: int, calls: float) -> str:
    return f"{client}: {calls:g} calls at {length:,} events"


def _short(name: str) -> str:
    """A group's name cut to its room. Of a client's name the end stays, which is the factory's name."""
    scenario, dot, client = name.partition(" · ")
    client = client if len(client) <= _CLIENT_CHARACTERS_MAX else "…" + client[1 - _CLIENT_CHARACTERS_MAX :]
    room = max(8, _LABEL_CHARACTERS_MAX - len(dot + client))
    return (scenario if len(scenario) <= room else scenario[: room - 1] + "…") + dot + client


def _number(value: float) -> str:
    if value >= 1_000_000:
        return f"{value / 1_000_000:,g}M"
    return f"{value:,.0f}" if value >= 1 else f"{value:g}"


def _percent(share: float) -> str:
    return f"{share * 100:.2f}".rstrip("0").rstrip(".") + "%"


def _pixels(length_px: float) -> str:
    return f"{length_px:.1f}".removesuffix(".0")
