"""Everything that does I/O: the driver around the core, and the network below it.

In reading order:

- `driver.py`              performs the core's actions on trio and feeds events back
- `transport.py`           the interface of a network, as the driver needs it
- `http_and_websocket.py`  this interface over httpx and trio-websocket
- `handshake.py`           notices a connection that ends during the WebSocket handshake
- `plain_nursery.py`       a nursery that does not wrap the error of its block in an exception group
"""
