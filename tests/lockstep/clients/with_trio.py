"""trio with trio-websocket and httpx; steps read on a thread."""

# mypy: ignore-errors

import json
import sys

import httpx
import trio
import trio_websocket

from steps import BASE, KEY, Conversation, message, say


async def main():
    talk, lot = Conversation(), trio.lowlevel.ParkingLot()

    async def listen():
        while True:
            try:
                headers = [(name, value) for name, value in KEY.items()]
                async with trio_websocket.open_websocket_url(talk.socket_url(), extra_headers=headers) as socket:
                    while True:
                        talk.take(await socket.get_message())
                        lot.unpark_all()
            except (OSError, trio_websocket.ConnectionClosed, trio_websocket.HandshakeError):
                await trio.sleep(0.2)

    async def until(is_so):
        while not is_so():
            await lot.park()

    async with httpx.AsyncClient(base_url=BASE, headers=KEY) as http, trio.open_nursery() as nursery:
        nursery.start_soon(listen)
        while line := await trio.to_thread.run_sync(sys.stdin.readline):
            asked, begun = json.loads(line), len(talk.log)
            if asked["step"] == "attach":
                await until(lambda: talk.snapshot)
            elif asked["step"] == "send":
                (await http.post("/events", json=message(asked["text"]))).raise_for_status()
            elif asked["step"] == "run":
                await http.post("/run")
                await until(lambda begun=begun: talk.is_over(begun))
            say(asked["step"], talk.held())
        nursery.cancel_scope.cancel()


trio.run(main)
