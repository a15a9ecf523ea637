"""Clients known to be broken, one historic strategy a file: what the suite must catch, or it proves nothing.

- ``socket_only.py``       one sync at attach, then the socket
- ``poll_then_return.py``  the SDK before #1832: returns when REST says "finished"
- ``tail_cursor.py``       the design of #1865: reconciles from the last cached event
- ``full_rescan.py``       the SDK today: rereads everything
- ``follower.py``          the skeleton that they share: cache, listener, reconnect
- ``wire.py``              httpx and trio-websocket over the simulated network

They are honest models, not straw men: each does what the real one did, as far as the wire contract can tell.
"""
