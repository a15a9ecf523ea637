"""The model level: clients and server joined by messages instead of bytes, without trio.

A client is a *machine* here: it does no I/O, takes inputs and returns effects. Files in reading order:

- ``machine.py``          the interface of a machine: inputs and effects
- ``ours.py``             our client as a machine: `SyncCore`, and the work of `gapless.syncclient.network.driver`
- ``baselines.py``        the baseline clients as machines
- ``registry.py``         all machines by name
- ``shared_events.py``    events as shared objects, for searches that keep many copies of a client

For a scenario run with ``perform(request, level="model")``:

- ``event_loop.py``       an event loop with virtual time, which offers what `gapless.simserver.loop` requires
- ``message_carrier.py``  connects the server's own app to a client by messages
- ``shell.py``            runs a machine in a world: sockets, calls, timeouts, pings

`gapless.scenarios.prove` searches every schedule of a machine in a small world.
"""
