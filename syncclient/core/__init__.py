"""The decisions of the client, without I/O, clock or randomness: events go in, actions come out.

In reading order:

- `events.py`         what the driver tells the core
- `actions.py`        what the core asks the driver to do
- `core.py`           the core: handles an event and decides what to do next
- `situation.py`      everything that the core knows at one moment, shared by the parts below
- `attach.py`         the first sync
- `resume.py`         the first sync of a client that goes on from a store
- `repairs.py`        what is missing, and how it is asked for
- `runs/`             whether the run in progress is over, and whether all of its events are held
- `gap_reading.py`    reads history that was left unread, for `Conversation.history()`
- `unread.py`         from where on the log may have what nothing tells of
- `authority.py`      which source is believed, where two differ
- `requests.py`       every request, and what its failure means
- `socket_state.py`   the current connection, and when to open the next one
- `missing.py`        what is known to be missing, and since when
- `backoff.py`        how long to wait before the next try
"""
