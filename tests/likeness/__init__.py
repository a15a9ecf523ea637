"""Likeness, race by race: each scenario on the simulated server and on the published one, in the same virtual time.

`python -m tests.likeness` runs it, and writes a section of `docs/fidelity.md`. In reading order:

- `comparison.py`  one scenario with one client on both servers: verdict, what was delivered, and in which order
- `basis.py`       what a run on a published server depends on: when a cell has to be measured again
- `reasons.py`     why the two may differ
- `section.py`     what was found, as Markdown
- `__main__.py`    the command
"""
