"""Clients known to be broken, one historic strategy a file. A suite that does not fail them proves nothing.

- ``socket_only.py``       one sync at attach, then the socket
- ``poll_then_return.py``  the SDK before #1832: returns when REST says "finished"
- ``tail_cursor.py``       the design of #1865: reconciles from the last cached event
- ``full_rescan.py``       the SDK today: rereads everything
- ``follower.py``          what they share: cache, listener, reconnect
- ``wire.py``              httpx and trio-websocket over the simulated network

Each does what the real client did, as far as the wire contract shows. No bug is exaggerated.
"""
