"""Clients as state machines, for searches that copy a client and go on from any of its states.

A *machine* does no I/O: it takes inputs and returns effects. Files in reading order:

- ``machine.py``          the interface of a machine: inputs and effects
- ``ours.py``             our client as a machine: `SyncCore`, and the work of `gapless.syncclient.network.driver`
- ``baselines.py``        the baseline clients as machines
- ``registry.py``         all machines by name
- ``shared_events.py``    events as shared objects, for searches that keep many copies of a client

`gapless.scenarios.prove` searches every schedule of a machine in a small world. That a machine does what the client of
that name does is tested: it is given what the client received at the wire (``tests/scenarios/machines``).
"""
