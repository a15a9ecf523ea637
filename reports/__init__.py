"""What a run left behind, and how it reads. Pure: a record in, text out; no files, no clock.

In reading order:

- ``record.py``  RunRecord and its parts: frozen values, the verdicts and their exit codes
- ``clocks.py``  in which time runs were, and for how long
- ``failures.py``  what failed, runs that failed alike told as one
- ``results.py``  many records and the journals behind them: what a report is made of
- ``journals.py``  journals in little room: deflated, and many in one zip file
- ``never.py``   what never happened in a whole campaign of runs
- ``json.py``    records as one JSON object, schema ``gapless/records/1``; ``json_lines.py`` one a line
- ``reading.py``  the same object back into records, strictly; ``schema.py`` its JSON schema, ``errors.py``
- ``table.py``   the verdict table, 80 columns, and its last line with totals
- ``coverage.py``  which faults of a campaign struck when
- ``comparison.py``  clients side by side: 80 columns, Markdown, JSON
- ``diff.py``    what a change did to losses, calls and bytes: 100 columns, Markdown, JSON, an exit code
- ``junit.py``   for CI systems; ``comment.py`` for a pull request and ``summary.py`` for a job, which share
  ``markdown.py``; ``badge.py`` in a few words
- ``html/``      all of it as one page
- ``trace.py``   a journal as an event-by-event story, 100 columns; ``focus.py`` the part of it that tells a failure,
  ``divergence.py`` two of them, side by side
- ``timeline.py``  a journal as spans: calls, connections, steps; for ``mermaid.py``, a sequence diagram, ``har.py``,
  an archive for a browser's developer tools, and ``perfetto.py``, a trace for ui.perfetto.dev
- ``characters.py``  what a format cannot hold, replaced
- ``folder.py``  every file of a report, from all of these

This package imports nothing of the others: a record can be read, stored and drawn where no simulator
is installed.
"""

if __name__ == "reports":  # the folder of a checkout, found by its bare name
    raise ImportError(
        "import gapless.reports; the folder reports/ is a part of the package gapless, and has no other name"
    )
