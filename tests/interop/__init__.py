"""Interop: the published packages at both ends, where everything else here is our own.

`make interop` runs it, and writes `docs/interop.md` and `docs/fidelity.md`. In reading order:

- `environments.py`    one for each release, built from the pins beside it
- `subjects.py`        what is measured: a release as a command, its class, and the server at the other end
- `lockstep_table.py`  each release through the catalog, in virtual time, on either server
- `expectations.py`    what each class of releases is expected to come to; recorded in `expected/`
- `both_clocks.py`     some scenarios of `scenarios/` in virtual and in real time
- `model_endpoint.py`  a language model that does as it is told, for the published agent server
- `real_server.py`     that server, in a process of its own, to be killed and started again
- `proxy.py`           between it and our client: counts calls
- `server_table.py`    smoke runs of our sync client against it in real time, and what a run costs
- `script.py`          requests and socket sessions as data; `playing.py` plays them to a server
- `fidelity.py`        one script, the published server and the simulated one, field by field
- `documents.py`       all that as Markdown, and the table as HTML
- `__main__.py`        the command
"""
