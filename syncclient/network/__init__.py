"""Everything that does I/O: the driver around the core, and the network below it. One driver serves asyncio and trio.

In reading order:

- `driver.py`                performs the core's actions and feeds events back
- `transport.py`             the interface of a network, as the driver needs it
- `http_and_websocket.py`    this interface: REST by httpx, and WebSockets by one of the next two
- `websocket_on_asyncio.py`  a WebSocket by websockets, over a stream of anyio
- `websocket_on_trio.py`     a WebSocket by trio-websocket
- `handshake_on_trio.py`     notices a connection that ends during the handshake of trio-websocket
- `pinged_socket.py`         pings a WebSocket, and notices a server that is gone
- `event_loop.py`            which loop runs here, and what to say where the client cannot run
- `client_thread.py`         a thread with an event loop, for the blocking client
- `plain_task_group.py`      a task group that does not wrap the error of its block in an exception group
"""
