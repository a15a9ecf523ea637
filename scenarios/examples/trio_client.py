"""A client on trio, with httpx and trio-websocket: of gapless it uses only the context that it is given.

    gapless run R10 r30-lost-frame --client trio_client:factory --generation tree

It reads the log over REST whenever the socket brings a snapshot. So its run() returns without a lost event in all races
of the catalogue but R60: there the server truncates the log, and the client keeps the removed events. Its other faults:

- It waits for ever where the last snapshot never comes (R15, R17, R19, R22, R35, R41, R56) or the log lags behind it
  (R52).
- It gives up where REST fails once (R33, R55, R56, R63) or does not know a cursor (R51).
- It crashes on a malformed page (R56), and loops where cursors go in circles (R57).
- It costs too much: it reads the middle of a long log, which is not needed (R10), and pages that the session socket
  makes needless.
"""

import json
from contextlib import asynccontextmanager

import httpx
import trio
from trio_websocket import ConnectionClosed, HandshakeError, wrap_client_stream

from gapless.scenarios.clients.contract import Claim

BROKEN = (OSError, ValueError, trio.BrokenResourceError, ConnectionClosed, HandshakeError)


class Client:
    errors = (httpx.HTTPError,)  # with these it gives up a step; any other is a crash

    def __init__(self, context, http):
        self.context, self.http = context, http
        self.log = {}  # events that REST has returned, by id, in the log's order
        self.status, self.news = None, trio.Event()  # status of the newest snapshot

    async def listen(self):
        path, port = f"/sockets/events/{self.context.conversation_id}", httpx.URL(self.context.base_url).port or 80
        key = [(b"X-Session-API-Key", self.context.api_key.encode())] if self.context.api_key else []
        while True:
            try:
                async with trio.open_nursery() as nursery:
                    stream = await self.context.dial(httpx.URL(self.context.base_url).host, port)
                    socket = await wrap_client_stream(nursery, stream, "agent", path, extra_headers=key)
                    while True:
                        event = json.loads(await socket.get_message())
                        if event.get("key") == "full_state":
                            self.status = event["value"]["execution_status"]
                            self.news.set()
            except* BROKEN:
                await trio.sleep(0.5)

    async def read_on(self):
        cursor, more = next(reversed(self.log), None), True
        while more:
            query = {"limit": 100} | ({"page_id": cursor} if cursor else {})
            page = (await self.http.get("/events/search", params=query)).raise_for_status().json()
            for event in page["items"]:
                if event["id"] not in self.log:
                    self.log[event["id"]] = event
                    self.context.on_event(event, True)  # read from a page, and not live
            cursor = more = page["next_page_id"]

    async def attach(self):
        await self.read_on()

    async def send(self, text):
        body = {"role": "user", "content": [{"type": "text", "text": text}]}
        (await self.http.post("/events", json=body)).raise_for_status()

    async def run(self):
        words, begun, self.status, self.news = [], len(self.log), None, trio.Event()
        await self.http.post("/run")  # a 409 means that it runs already
        while "running" not in words or words[-1] == "running":
            await self.news.wait()
            self.news = trio.Event()
            if self.status != "running":
                await self.read_on()
            words = [event["value"] for event in [*self.log.values()][begun:] if event.get("key") == "execution_status"]
        return Claim(status=words[-1])

    async def close(self):
        pass

    def held(self):
        return list(self.log.values())

    def gaps(self):
        return []


@asynccontextmanager
async def factory(context):
    headers = {"X-Session-API-Key": context.api_key} if context.api_key else {}
    base = f"{context.base_url}/api/conversations/{context.conversation_id}"
    async with (
        httpx.AsyncClient(transport=context.http_transport(), base_url=base, headers=headers) as http,
        trio.open_nursery() as nursery,
    ):
        client = Client(context, http)
        nursery.start_soon(client.listen)
        yield client
        nursery.cancel_scope.cancel()
