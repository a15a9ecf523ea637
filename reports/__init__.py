"""What a run left behind, and how it reads. Pure: a record in, text out; no files, no clock.

In reading order:

- ``record.py``  RunRecord and its parts: frozen values, the verdicts and their exit codes
- ``results.py``  many records and the journals behind them: what a report is made of
- ``never.py``   what never happened in a whole campaign of runs
- ``json.py``    records as one JSON object, schema ``gapless/records/1``
- ``table.py``   the verdict table, 80 columns, and its last line with totals
- ``comparison.py``  clients side by side: 80 columns, Markdown, JSON
- ``trace.py``   a journal as an event-by-event story, 100 columns; ``divergence.py`` two of them, side by side

This package imports nothing of the others: a record can be read, stored and drawn where no simulator
is installed.
"""
