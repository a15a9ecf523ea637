"""What was measured, as Markdown (`docs/interop.md`, `docs/fidelity.md`) and as a page. Pure: records in, text out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise
from statistics import median

from gapless.scenarios.definition.catalogue import find_one
from tests.interop.both_clocks import Pair
from tests.interop.expectations import REASONS, expected
from tests.interop.fidelity import Fidelity
from tests.interop.lockstep_table import HOLDS, Cell
from tests.interop.server_table import ServerRow

COMMAND = "make interop"
TITLE = "# Interop: the published packages at both ends"
SDK = "## The published SDK in virtual time"
TYPESCRIPT_CLIENT = "## The published TypeScript client in virtual time"
BOTH_ENDS = "## Both ends as published"
CLOCKS = "## Both clocks"
SERVER = "## The published server as a peer"
BY_HAND = "## By hand"
MENDED_IN = ("legacy", "tree")
SHORT_S = 0.1


@dataclass(frozen=True, slots=True)
class Circumstances:
    """When and with what. day: ISO date; python: of the published packages; gapless: our own version."""

    day: str
    python: str
    gapless: str

    def sentence(self, what: str) -> str:
        """What was measured, when, and how to measure it again."""
        return (
            f"Measured on {self.day} with gapless {self.gapless} and {what} on Python {self.python}, on loopback. "
            f"`{COMMAND}` measures it again and writes this file. Calls and events are the same each time. Seconds and "
            "status polls depend on the machine."
        )


def interop(sections: Mapping[str, str], kept: str) -> str:
    """The document. sections: by heading, those that were measured now; kept: the document so far, for the others."""
    before = _split(kept)
    parts = [TITLE, _INTRODUCTION]
    for heading in (SDK, TYPESCRIPT_CLIENT, BOTH_ENDS, CLOCKS, SERVER):
        body = sections.get(heading, before.get(heading))
        parts.append(f"{heading}\n\n{body}" if body else f"{heading}\n\nNot measured yet.")
    return "\n\n".join([*parts, f"{BY_HAND}\n\n{_BY_HAND}"]) + "\n"


def _split(text: str) -> dict[str, str]:
    found: dict[str, list[str]] = {}
    lines: list[str] = []
    for line in text.splitlines():
        if line.startswith("## "):
            heading = line if not line.startswith(SERVER) else SERVER
            lines = found.setdefault(heading, [])
        else:
            lines.append(line)
    return {heading: "\n".join(body).strip() for heading, body in found.items()}


def lockstep(day: str, version: str, cells: Sequence[Cell], missing: Sequence[str]) -> str:
    """The section on the releases of one published client in virtual time."""
    names = list(dict.fromkeys(cell.subject for cell in cells))
    generations = list(dict.fromkeys(cell.generation for cell in cells))
    is_sdk = names[0].startswith("sdk ")
    parts = [
        f"Measured on {day} with gapless {version}. Every number is the same each time. `{COMMAND}` measures it again.",
        _LOCKSTEP,
        *((_WORDS, _OF_SDK) if is_sdk else (_OF_TYPESCRIPT,)),
        *[f"Not measured: {sentence}" for sentence in missing],
        "### Totals",
        _table(_TOTALS_HEAD, _totals(cells, names, generations)),
    ]
    for generation in generations:
        here = [cell for cell in cells if cell.generation == generation]
        columns = [name for name in names if any(cell.subject == name for cell in here)]
        parts += [f"### Servers of generation {generation}", _outcomes(here, columns)]
    if is_sdk:
        parts += ["### What a release mended, and what it broke", *_changes(cells, names), "### Why", _why(cells)]
    return "\n\n".join(parts)


def both_ends(day: str, version: str, cells: Sequence[Cell]) -> str:
    """The section on published clients with published servers; beside each, what the simulated server comes to."""
    names = list(dict.fromkeys(cell.subject for cell in cells))
    compared = [(cell, told) for cell in cells if (told := _on_simulated(cell)) is not None]
    others = [(cell, told) for cell, told in compared if told != cell.outcome]
    rows = [(cell.scenario, cell.subject, cell.outcome, told) for cell, told in others]
    return "\n\n".join(
        [
            f"Measured on {day} with gapless {version}. Every number is the same each time. `{COMMAND}` measures it "
            "again.",
            _BOTH_ENDS,
            _table(_TOTALS_HEAD, _totals(cells, names, ("session",))),
            _outcomes(cells, names),
            f"On the simulated server of generation session the SDK comes to the same in {len(compared) - len(others)} "
            f"of {len(compared)} of these runs. The others:",
            _table(("scenario", "client and server", "published server", "simulated server"), rows),
        ]
    )


def _on_simulated(cell: Cell) -> str | None:
    """What the simulated server comes to there, as it was recorded; None where it was not."""
    return expected(cell.release_class.removesuffix("-on-server")).of(cell)


_TOTALS_HEAD = (
    *("client", "server", "runs", "hold", "lose events", "events lost", "leave some undelivered", "return early"),
    *("return late", "never return", "raise", "calls over optimum, median", "most"),
)


def _totals(cells: Sequence[Cell], names: Sequence[str], generations: Sequence[str]) -> Iterable[tuple[str, ...]]:
    for name in names:
        for generation in generations:
            mine = [cell for cell in cells if (cell.subject, cell.generation) == (name, generation)]
            if len(mine) < 2:  # a generation that it does not understand has the clean run alone
                continue
            over = [cell.calls - cell.optimum for cell in mine]
            counts = (
                len(mine),
                sum(cell.outcome == HOLDS for cell in mine),
                sum(cell.lost > 0 for cell in mine),
                sum(cell.lost for cell in mine),
                sum(cell.undelivered > 0 for cell in mine),
                *(sum(cell.returns == word for cell in mine) for word in ("early", "late", "never returns")),
                sum(bool(cell.error) for cell in mine),
                round(median(over)),
                max(over),
            )
            yield (name, generation, *(f"{count:,}" for count in counts))


def _outcomes(cells: Sequence[Cell], columns: Sequence[str]) -> str:
    by_place = {(cell.scenario, cell.subject): cell for cell in cells}
    scenarios = list(dict.fromkeys(cell.scenario for cell in sorted(cells, key=lambda cell: cell.scenario)))
    differ = [one for one in scenarios if any(cell.outcome != HOLDS for cell in cells if cell.scenario == one)]
    rows = [(one, *(_short(by_place.get((one, name))) for name in columns)) for one in differ]
    alike = [one for one in scenarios if one not in differ]
    text = _table(("scenario", *columns), rows)
    return text + (f"\n\nNothing to tell of {len(alike)} others: {', '.join(alike)}." if alike else "")


def _short(cell: Cell | None) -> str:
    if cell is None:
        return ""
    if cell.returns in ("early", "late") and cell.return_s is not None:
        return cell.outcome.replace(cell.returns, f"{_seconds(abs(cell.return_s))} {cell.returns}")
    return cell.outcome


def _seconds(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds >= SHORT_S else f"{1000 * seconds:.0f} ms"


def _changes(cells: Sequence[Cell], names: Sequence[str]) -> Iterable[str]:
    sdks = [name for name in names if name.startswith("sdk ")]
    by_place = {(cell.subject, cell.generation, cell.scenario): cell for cell in cells}
    for earlier, later in pairwise(sdks):
        lines = []
        for generation in MENDED_IN:
            pairs = [
                (one, two)
                for one in cells
                if (one.subject, one.generation) == (earlier, generation)
                and (two := by_place.get((later, generation, one.scenario))) is not None
            ]
            mended = [one.scenario for one, two in pairs if one.outcome != HOLDS and two.outcome == HOLDS]
            broken = [one.scenario for one, two in pairs if one.outcome == HOLDS and two.outcome != HOLDS]
            lines += [f"{what} in {generation}: {', '.join(them)}." for what, them in _both(mended, broken) if them]
        yield f"**{earlier} to {later}.** " + (" ".join(lines) or "No scenario began to hold, and none ceased to.")


def _both(mended: list[str], broken: list[str]) -> tuple[tuple[str, list[str]], tuple[str, list[str]]]:
    return ("Mended", mended), ("Broken", broken)


def _why(cells: Sequence[Cell]) -> str:
    met = {race for cell in cells if cell.outcome != HOLDS for race in find_one(cell.scenario).races}
    return "\n".join(f"- {race}: {why}." for race, why in REASONS.items() if race in met or race == "R62")


def clocks(pairs: Sequence[Pair]) -> str:
    """The section on both clocks."""
    rows = [
        (
            *(pair.client, pair.generation, pair.scenario, pair.virtual.verdict, pair.virtual.outcome),
            *(pair.real.verdict, pair.real.outcome, _agreement(pair)),
        )
        for pair in pairs
    ]
    head = ("client", "server", "scenario", "virtual", "outcome", "real", "outcome", "the same")
    return f"{_CLOCKS}\n\n{_table(head, rows)}"


def _agreement(pair: Pair) -> str:
    if pair.agrees:
        return "yes"
    return pair.reason or ("no" if pair.fired else "no: in real time a fault did not fire")


def server(when: Circumstances, release: str, rows: Sequence[ServerRow]) -> str:
    """The section on the published server."""
    table = _table(_SERVER_HEAD, (_server_cells(row) for row in rows))
    return "\n\n".join([when.sentence(f"openhands-agent-server {release}"), _SERVER, table])


def fidelity(when: Circumstances, measured: Fidelity) -> str:
    """The table of differences, those with one reason together."""
    unexplained = sum(one.reason is None for one in measured.differences)
    parts = [
        "# Fidelity: the simulated server beside the published one",
        when.sentence(f"openhands-agent-server {measured.release}"),
        _FIDELITY,
        f"{measured.steps} steps, {measured.fields:,} values in the real server's answers; {len(measured.differences)} "
        f"places where the simulated server's answer is different, {unexplained} of them without a reason.",
        _table(
            ("places", "for example", "first seen in", "reason"),
            _fidelity_cells(measured),
        ),
    ]
    return "\n\n".join(parts) + "\n"


_SERVER_HEAD = ("socket", "part", "events in the log", "calls to attach", "calls a run", "status polls", "outcome")

_INTRODUCTION = """The published clients run against the simulated server, and the published server against our
client. Nothing in them is changed."""

_LOCKSTEP = """Each client goes through the whole catalog, without what only counts calls, in the generations of
servers that it understands. A generation that it does not understand has the clean run alone. Virtual time is exact,
so a cell is no sample."""

_WORDS = """- *N lost*: events that `run()` returned without. *N undelivered*: events that the client holds, and that
  never reached the application's callback.
- *early*, *late*: `run()` returned before the run's end, or more than 5 s after it. *never returns*: not before the
  scenario's deadline. Who takes the status for it is milliseconds early: a run ends with its last snapshot. A step
  that *raises* names the error. *vacuous*: the fault never met this client.
- A dash: nothing of the kind. Calls do not count for it: the totals have them, and so has the page that `make
  interop` writes."""

_OF_SDK = """A release of the SDK that finds its events again at a run's end (R10) does so from 1.25.0 on. 1.24.0 does
not."""

_OF_TYPESCRIPT = """*idle*, *snapshot*: how the program waits for a run's end with the TypeScript client, whose `run()`
only starts one. The words are those of the section above."""

_BOTH_ENDS = """The published server of each release, in virtual time, with our client and with the SDK of the same
release, in every scenario that the server can play. *gapless on 1.58.2* is our client with server 1.58.2. The words are
those of the first table. What a published server cannot be put through, and where it differs from the simulated one, is
said in [fidelity](fidelity.md)."""

_CLOCKS = """Short scenarios of the same kind, in virtual time and on a real port in real time, one after the other.
The verdict, the events lost and undelivered, and the way in which `run()` returned have to be the same wherever the
fault fired in real time."""

_SERVER = """These are smoke runs in real time: that the published server does on a port what it does in virtual time.
The sync client of gapless connects over TCP, through a proxy that counts what passes. The server uses a scripted
model on loopback. After each run, the events held are compared with the server's log, read page by page: complete, in
order, each event delivered once. In `tree` the client has to prove the branch, in `session` the whole log. Calls are
reads of the log. Status polls are spent only while the server is down."""

_BY_HAND = """    gapless run r10-late-tail -- .venv-interop-1.58.2/bin/python scenarios/examples/openhands_sdk.py

puts one release through a scenario of the catalog, judges it, and keeps a capsule if it fails. `make interop` has
built its environment. `gapless examples` says where an installed gapless keeps that program.

    make interop INTEROP="--release 1.40.0"
    make interop INTEROP="--release typescript-1.38.0"

measures another release. `--part both-ends` measures the published servers alone, with `--release 1.58.2` one of
them. A file `tests/interop/requirements-VERSION.txt`, or `package-VERSION.json` for the TypeScript client, adds it to
the table."""

_FIDELITY = """One script of requests and socket sessions (`tests/interop/script.py`) is played to both servers: the
whole life of a conversation, every way to search and to subscribe, bad input, wrong keys, deletion. The
simulated agent does what the real one did. Then the transcripts are compared field by field, with ids as
ordinals of the log, and without times and free texts. Frames of live sockets are compared by event, not
by their order, because several threads of the real server publish at once. A difference without a reason
fails `make interop`, and so does a reason without a difference."""


def _server_cells(row: ServerRow) -> tuple[str, ...]:
    runs = ", ".join(str(calls) for calls in row.run_calls)
    outcome = "; ".join(row.wrong) if row.wrong else f"as it should be: {row.expected}"
    return (row.generation, row.part, str(row.events), str(row.attach_calls), runs, str(row.polls), outcome)


def _fidelity_cells(measured: Fidelity) -> Iterable[tuple[str, ...]]:
    for reason in dict.fromkeys(one.reason for one in measured.differences):
        alike = [one for one in measured.differences if one.reason is reason]
        example = f"`{alike[0].what[:90]}`"
        yield str(len(alike)), example, alike[0].steps[0], "**none**" if reason is None else reason.why


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


# --- the page ------------------------------------------------------------------------------------------------

_STYLE = """
body { font: 14px/1.4 system-ui, sans-serif; margin: 2rem; color: #1a1a1a; background: #fff; }
table { border-collapse: collapse; }
th, td { border: 1px solid #ccc; padding: .2rem .5rem; text-align: left; vertical-align: top; }
thead th { position: sticky; top: 0; background: #f2f2f2; }
td small { color: #555; white-space: nowrap; display: block; }
.holds { background: #e9f6ea; } .unsafe { background: #fbe3e0; } .stuck { background: #fdf0d4; }
.vacuous { color: #777; }
label { margin-right: 1rem; }
@media (prefers-color-scheme: dark) {
  body { color: #ddd; background: #161616; } thead th { background: #222; } th, td { border-color: #444; }
  td small { color: #aaa; } .holds { background: #16301a; } .unsafe { background: #45201c; } .stuck { background:
  #453610; }
}
"""
_SCRIPT = """
const only = document.getElementById("only");
only.addEventListener("change", () => {
  for (const row of document.querySelectorAll("tr[data-alike]"))
    row.hidden = only.checked && row.dataset.alike === "yes";
});
"""


def page(title: str, cells: Sequence[Cell]) -> str:
    """The table in virtual time as one HTML page, with every number. Each cell has a tooltip with the error and the
    journal's digest."""
    generations = list(dict.fromkeys(cell.generation for cell in cells))
    tables = "".join(_page_table(one, [cell for cell in cells if cell.generation == one]) for one in generations)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body><h1>{escape(title)}</h1>"
        "<p>First line: what is lost or undelivered, how <code>run()</code> returned, what it raised. Second line: "
        "calls, the least possible, and the seconds from the run's end to the return.</p>"
        '<p><label><input type="checkbox" id="only"> only scenarios in which releases differ</label></p>'
        f"{tables}<script>{_SCRIPT}</script></body></html>\n"
    )


def _page_table(generation: str, cells: Sequence[Cell]) -> str:
    names = list(dict.fromkeys(cell.subject for cell in cells))
    by_place = {(cell.scenario, cell.subject): cell for cell in cells}
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in names)
    rows = []
    for scenario in sorted({cell.scenario for cell in cells}):
        here = [by_place.get((scenario, name)) for name in names]
        alike = "yes" if len({cell.outcome for cell in here if cell is not None}) == 1 else "no"
        title = escape(find_one(scenario).title)
        row = "".join(_page_cell(cell) for cell in here)
        rows.append(f'<tr data-alike="{alike}"><th scope="row" title="{title}">{escape(scenario)}</th>{row}</tr>')
    return (
        f"<h2>Servers of generation {escape(generation)}</h2><table><thead><tr><th>scenario</th>{head}</tr></thead>"
        f"<tbody>{''.join(rows)}</tbody></table>"
    )


def _page_cell(cell: Cell | None) -> str:
    if cell is None:
        return "<td></td>"
    kind = "holds" if cell.outcome == HOLDS else cell.verdict
    returned = "–" if cell.return_s is None else f"{cell.return_s:.1f} s"
    numbers = f"{cell.calls} calls, at least {cell.optimum}; {returned}"
    told = escape(" ".join(filter(None, [cell.error, cell.problem, cell.digest])), quote=True)
    return f'<td class="{escape(kind)}" title="{told}">{escape(cell.outcome)}<small>{numbers}</small></td>'
