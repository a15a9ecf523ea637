"""Reports: records of runs and their journals in, text out. Pure: nothing here reads a file or a clock.

In reading order:

- ``records/``    what is known about runs, as frozen values; how it is stored and read again
- ``many_runs/``  tables, comparisons, Markdown, JUnit XML, a badge: one format in each file
- ``one_run/``    a journal as a trace, as a diagram, and for other tools
- ``html/``       everything as one HTML page
- ``folder.py``   every file of a report's folder, made by the renderers above
- ``errors.py``   the error for records that cannot be read

This package imports nothing from the other packages of gapless. So records can be read and drawn where no simulator
is installed.
"""

if __name__ == "reports":  # the folder of a checkout, found by its bare name
    raise ImportError(
        "import gapless.reports; the folder reports/ is a part of the package gapless, and has no other name"
    )
