"""The model level: clients and server joined without trio, in two ways.

What both need:

- ``client.py``        what is asked of a client here: a machine without I/O; inputs and effects
- ``gapless.py``       our client as a machine: `SyncCore`, and what `gapless.syncclient.network.driver` does around it
- ``baselines.py``     the broken ones
- ``clients.py``       all of them by name

A scenario at the model, for ``perform(request, level="model")``:

- ``loop.py``          a small event loop, with what the server asks of one (`gapless.simserver.loop`)
- ``messages.py``      the server's own app and connections, with messages in place of bytes
- ``shell.py``         a machine in that world: calls, sockets, time-outs, pings
- ``parity.py``        whether the two levels come to the same

Every schedule of a small world, for ``scenarios/prove/search.py``:

- ``script.py``        a small server: all that it may do, as `gapless.simserver.conversation.agent` does it
- ``shared.py``        events that many copies of a client hold
- ``canonical.py``     when two states of a client are the same
- ``interned.py``      clients as values; what each input makes of them, computed once
- ``interleaving.py``  the moves: what can happen next, and what becomes of it
- ``verdict.py``       the oracles on what a schedule came to; what it may cost
"""
