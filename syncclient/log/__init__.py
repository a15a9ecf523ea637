"""The client's copy of the log: what is held, in which order, and by which proof. No I/O, no clock.

In reading order:

- `ledger.py`    changes what is held: events come in, evidence gives them a place
- `held.py`      answers questions about what is held, and defines the terms
- `proof.py`     certificates of completeness
- `cursor.py`    whether a page is the one that was asked for
- `walk.py`      paging through the log
- `payloads.py`  which events have their payload in memory
- `stub.py`      what is kept of an event without its payload
- `changes.py`   the changes for the next batch to a store
"""
