"""Real clients in real processes over real TCP, killed at random points; the next one goes on.

- `server.py`      the fake server's process, and what it answers about itself
- `client.py`      a client's process
- `test_kills.py`  the kills, and what must hold after them
"""
