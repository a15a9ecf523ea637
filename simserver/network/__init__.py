"""Connections in memory, in virtual time, with the real HTTP and WebSocket libraries on both ends.

Its files, in reading order:

- `streams.py`      byte streams with latency, stalls, lost bytes, cuts and resets
- `hosting.py`      the server's end: Hypercorn on any trio stream
- `transport.py`    the client's end: an httpx transport over a stream
- `connections.py`  the open connections of a world: dialed, numbered and served
"""
