"""All runs as one HTML file, which can be opened from a disk and loads nothing else.

In reading order:

- ``overview.py``         the first screen: totals, what failed, the grid of scenarios and variants
- ``charts.py``           REST calls beside the optimum, and calls as the history grows, as static SVG
- ``packed_journals.py``  journals embedded in the page, and which are left out if it would be too large
- ``assets.py``           the files of ``page/``, joined: the styles, and the scripts as one module
- ``report.html.jinja``   the page; all text from records is escaped there
- ``page/``               scripts and styles. ``journal.js`` reads a journal, ``axis.js`` is the time axis, ``lanes.js``
  draws the lanes, ``sentences.js`` describes entries in sentences, ``report.js`` is the page. The styles are
  ``lanes.css`` and ``report.css``.

``gapless serve`` uses the first four scripts and ``lanes.css`` for its live page too.
"""

from __future__ import annotations

import base64
import hashlib

import jinja2

from gapless.reports.html.assets import script, styles
from gapless.reports.html.charts import Chart, calls_chart, growth_chart
from gapless.reports.html.overview import MARKS, overview, run_data, run_keys
from gapless.reports.html.packed_journals import pack
from gapless.reports.many_runs.unjudged import chosen_line, render_savings, unjudged_lines
from gapless.reports.records.characters import xml_text
from gapless.reports.records.results import Results

SIZE_BYTES_MAX = 10_000_000
FAILURES_SHOWN_MAX = 200


def render_html(results: Results, *, title: str = "gapless report", size_bytes_max: int = SIZE_BYTES_MAX) -> str:
    """The page. If there is only one run, the page opens on its lane diagram.

    Journals are left out if the page would exceed ``size_bytes_max``, the largest of passing runs first. The page says
    how many.
    """
    page = _render(results, title, {})
    if results.journals:
        page = _render(results, title, pack(results, size_bytes_max - len(page.encode())))
    return page


def _calls(results: Results) -> Chart | None:
    """The chart of calls. There is none for a single scenario: one group of bars says no more than the totals."""
    groups = {(one.scenario, one.client) for one in results.records}
    return calls_chart(results.records) if len(groups) > 1 else None


def _made(results: Results) -> dict[str, str]:
    """What the page says about itself: the clients, and the command, the date and the commit if they are known."""
    clients = dict.fromkeys(one.client for one in results.records)
    return {"client": ", ".join(clients), **results.made}


def _render(results: Results, title: str, packed: dict[str, str]) -> str:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("gapless.reports", "html"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    code = script()
    keys = run_keys(results.records)
    page = environment.get_template("report.html.jinja").render(
        title=title,
        overview=overview(results),
        keys=keys,
        marks=MARKS,
        several_clients=len({record.client for record in results.records}) > 1,
        shown_max=FAILURES_SHOWN_MAX,
        runs=[run_data(record, key) for record, key in zip(results.records, keys, strict=True)],
        charts=[chart for chart in (_calls(results), growth_chart(results.sweep)) if chart],
        journals=packed,
        journals_missing=len({one.digest for one in results.records if one.digest in results.journals} - packed.keys()),
        versions=dict(results.versions),
        made=_made(results),
        never=results.never,
        chosen=chosen_line(results.records),
        unjudged=unjudged_lines(results.records),
        under_budget=tuple(render_savings(results.records)),
        complete=results.complete,
        style=styles(),
        script=code,
        script_hash=base64.b64encode(hashlib.sha256(code.encode()).digest()).decode(),
    )
    return xml_text(page)
