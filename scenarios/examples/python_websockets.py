"""A client of thirty lines on websockets and httpx, for servers with the session socket, which numbers its events.

gapless run R34 --generation session -- python python_websockets.py

It takes a run for over when the snapshot says so. R10 catches that: there, the last events come after the snapshot.
"""

import asyncio
import json
import os
import sys

import httpx
import websockets

URL, ID = os.environ["GAPLESS_URL"], os.environ["GAPLESS_CONVERSATION_ID"]
KEY = {"X-Session-API-Key": os.environ["GAPLESS_API_KEY"]} if "GAPLESS_API_KEY" in os.environ else {}
log, snapshot, news = {}, {}, asyncio.Event()  # log: events by number; snapshot: the newest full_state


async def listen():
    while True:  # after a break, resume after the last event before which none is missing
        whole = next(number for number in range(-1, len(log)) if number + 1 not in log)
        url = f"{URL.replace('http', 'ws', 1)}/sockets/session/{ID}?after_seq={whole}"
        try:
            async with websockets.connect(url, additional_headers=KEY, open_timeout=5) as socket:
                async for text in socket:
                    take(json.loads(text))
                    news.set()
        except (OSError, TimeoutError, websockets.WebSocketException):
            await asyncio.sleep(0.2)


def take(frame):
    event = frame.get("event", {})
    if frame["type"] == "durable" and frame["seq"] not in log:
        log[frame["seq"]] = event
        print(json.dumps({"id": event["id"]}), flush=True)  # it has reached the application
    if event.get("value") == "running":
        snapshot.clear()  # it is older than this run
    elif event.get("key") == "full_state":
        snapshot.update(event["value"])


async def until(is_so):
    while not is_so():
        news.clear()
        await news.wait()


def is_over(begun):
    """The log has the status "running" since ``begun``, and the newest snapshot has another status."""
    ran = any(log[at].get("value") == "running" for at in log if at >= begun)
    return ran and snapshot.get("execution_status", "running") != "running"


async def main():
    listening = asyncio.create_task(listen())
    async with httpx.AsyncClient(base_url=f"{URL}/api/conversations/{ID}", headers=KEY) as http:
        while line := await asyncio.to_thread(sys.stdin.readline):
            asked, begun = json.loads(line), len(log)
            if asked["step"] == "attach":
                await until(lambda: snapshot)
            elif asked["step"] == "send":
                text = {"type": "text", "text": asked["text"]}
                (await http.post("/events", json={"role": "user", "content": [text]})).raise_for_status()
            elif asked["step"] == "run":
                await http.post("/run")  # a 409 means that it runs already
                await until(lambda begun=begun: is_over(begun))
            print(json.dumps({"done": asked["step"], "held": [log[at]["id"] for at in sorted(log)]}), flush=True)
    listening.cancel()


asyncio.run(main())
