"""Judging a run: from its journal to violations, and to the least REST cost that was possible.

- ``evidence.py``     what is judged, as frozen values
- ``journal_reader.py``  reads it from a journal, once
- ``oracles/``        one property a file
- ``optimum.py``      the fewest REST calls with which any client could have done it
- ``judge.py``        all oracles, and the check that each had something to judge
- ``run_outcome.py``  the numbers by which clients are compared
- ``coverage.py``     what never happened in a campaign of many runs
"""
