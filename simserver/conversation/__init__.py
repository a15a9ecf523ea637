"""The conversation on the server: the agent, its log, its runs, and what is published.

Its files, in reading order:

- `workload.py`      what the agent and other parties will do, as data; made up or recorded
- `event_bodies.py`  the bodies of events, as the real server writes them
- `ids.py`           event ids: deterministic and invertible
- `past_events.py`   a made-up history, computed on demand
- `event_log.py`     the log of the conversation
- `agent.py`         the fake agent: a pure model, which owns the log
- `archive.py`       the part of the log that is on disk, and since when
- `event_faults.py`  asks the faults how to treat an event or a snapshot
- `publisher.py`     persists events and sends them to the sockets
- `runs.py`          the agent's runs, from start to end
"""
