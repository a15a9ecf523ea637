"""The server's protocol: REST calls and WebSockets over a world, as the real server speaks them.

Its files, in reading order:

- `served_world.py`  the part of a world that the handlers use
- `validation.py`    the types of request parameters and bodies
- `wire.py`          the codec: envelopes, pages, answers and error details, as text
- `pages.py`         searches of the log: pages, cursors, filters, and their cost
- `rest.py`          what the REST calls answer
- `rest_calls.py`    performs a call: the journal, the faults, the key
- `call_names.py`    what a call is called where no route has named it
- `socket_faults.py` faults on handshakes and frames
- `outbox.py`        the queue of one socket: which frames are still to be sent, and when
- `websocket.py`     the two sockets
- `app.py`           the routes
"""
