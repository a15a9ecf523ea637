"""Reports about many runs, one format in each file. All take records or results and return text.

In reading order:

- ``table.py``       the table of verdicts, 80 columns, and its line of totals
- ``comparison.py``  clients side by side: 80 columns, Markdown, JSON
- ``diff.py``        two sets of records compared: 100 columns, Markdown, JSON, an exit code
- ``coverage.py``    which kinds of fault struck a campaign, and in which state of the client
- ``markdown.py``    the parts that the next two share
- ``comment.py``     a comment on a pull request
- ``summary.py``     the summary of a CI job
- ``junit.py``       JUnit XML for CI systems
- ``badge.py``       a badge: JSON for badge services, and an SVG image
"""
