"""The published agent server at the other end of the link, in lockstep and so in the same virtual time.

In reading order:

- ``world.py``           a world that a script is played in, with the real server in place of the fake one
- ``playable.py``        what of a scenario a real server can play, and why not the rest
- ``environment.py``     an environment for each version, built and kept
- ``warm_up.py``         what is found out about a version once: the shape of its store, and what it imports late
- ``kept_servers.py``    processes that are kept between runs, and forked for each
- ``program.py``         one life of such a process, and the connections to and from it
- ``store.py``           the conversation's directory: written before a run, read while it goes on
- ``scripted_model.py``  the language model, which says what the workload says
- ``relay.py``           between clients and the server, with ``rest_relay.py`` and ``socket_relay.py``
- ``relayed_world.py``   what the relay uses of a world
- ``frames.py``          WebSocket frames, as the journal and the faults see them
- ``http1.py``           HTTP/1.1 messages, whole
- ``tools/``             imported by the server: a tool that takes time
- ``pins/``              what is installed for each version
"""
