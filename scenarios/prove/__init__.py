"""Exhaustive search: run a client through every schedule of a small world, within bounds on events and faults.

Files in reading order:

- ``small_server.py``      the server: every sequence of actions that it can take in one small conversation
- ``moves.py``             the world: its states, and every move from a state
- ``interned_clients.py``  the client as numbered states; what each input does to a state is computed once
- ``state_identity.py``    decides when two client states are equal
- ``verdict.py``           applies the oracles to a finished schedule, and computes its budget of calls
- ``search.py``            the search: counts all schedules, or finds the smallest counterexample
- ``jobs.py``              runs several searches in processes
- ``report_text.py``       the results as text
"""
