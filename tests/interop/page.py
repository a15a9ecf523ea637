"""The table in virtual time as one HTML page, with every number of every cell. Pure: cells in, text out."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from gapless.scenarios.definition.catalogue import find_one
from tests.interop.lockstep_table import HOLDS, Cell

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
    """The page. Each cell has a tooltip with the error and the journal's digest."""
    generations = list(dict.fromkeys(cell.generation for cell in cells))
    tables = "".join(_section(one, [cell for cell in cells if cell.generation == one]) for one in generations)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body><h1>{escape(title)}</h1>"
        "<p>First line: what is lost or undelivered, how <code>run()</code> returned, what it raised. Second line: "
        "calls, the least possible, and the seconds from the run's end to the return.</p>"
        '<p><label><input type="checkbox" id="only"> only scenarios in which releases differ</label></p>'
        f"{tables}<script>{_SCRIPT}</script></body></html>\n"
    )


def _section(generation: str, cells: Sequence[Cell]) -> str:
    names = list(dict.fromkeys(cell.subject for cell in cells))
    by_place = {(cell.scenario, cell.subject): cell for cell in cells}
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in names)
    rows = []
    for scenario in sorted({cell.scenario for cell in cells}):
        here = [by_place.get((scenario, name)) for name in names]
        alike = "yes" if len({cell.outcome for cell in here if cell is not None}) == 1 else "no"
        title = escape(find_one(scenario).title)
        row = "".join(_cell(cell) for cell in here)
        rows.append(f'<tr data-alike="{alike}"><th scope="row" title="{title}">{escape(scenario)}</th>{row}</tr>')
    return (
        f"<h2>Servers of generation {escape(generation)}</h2><table><thead><tr><th>scenario</th>{head}</tr></thead>"
        f"<tbody>{''.join(rows)}</tbody></table>"
    )


def _cell(cell: Cell | None) -> str:
    if cell is None:
        return "<td></td>"
    kind = "holds" if cell.outcome == HOLDS else cell.verdict
    returned = "–" if cell.return_s is None else f"{cell.return_s:.1f} s"
    numbers = f"{cell.calls} calls, at least {cell.optimum}; {returned}"
    told = escape(" ".join(filter(None, [cell.error, cell.problem, cell.digest])), quote=True)
    return f'<td class="{escape(kind)}" title="{told}">{escape(cell.outcome)}<small>{numbers}</small></td>'
