"""Interop: the published packages at both ends, where everything else here is our own.

`make interop` runs it, and writes `docs/interop.md` and `docs/fidelity.md`. In reading order:

- `environments.py`    one for each release, built from the pins beside it
- `sdk_peer.py`        the published SDK as a client under test: `openhands_sdk.py` of `scenarios/examples/` runs there
- `scenarios/`         races in real seconds, matched by ordinals rather than by time
- `expectations.py`    what each release is expected to come to in each scenario, and why
- `sdk_table.py`       what it came to
- `model_endpoint.py`  a language model that does as it is told, for the published agent server
- `real_server.py`     that server, in a process of its own, to be killed and started again
- `proxy.py`           between it and our client: counts calls, cuts sockets
- `server_table.py`    our sync client against it, and what a run costs
- `script.py`          requests and socket sessions as data; `playing.py` plays them to a server
- `fidelity.py`        one script, the published server and the simulated one, field by field
- `documents.py`       all that as Markdown
- `__main__.py`        the command
"""
