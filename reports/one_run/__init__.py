"""Reports about one run, made from its journal. All take a journal's lines and return text.

In reading order:

- ``trace.py``       every entry, 100 columns
- ``focus.py``       the entries that explain a failure, and how many are left out
- ``divergence.py``  two journals side by side, from where they begin to differ
- ``messages.py``    headers and bodies that come with a journal
- ``timeline.py``    a journal as spans: calls, connections, steps. The next four draw it.
- ``mermaid.py``     a sequence diagram for an issue or a pull request
- ``lane_picture.py``  an SVG of lanes, for a README or an issue
- ``har.py``         an HTTP archive for a browser's developer tools
- ``perfetto.py``    a trace for ui.perfetto.dev
"""
