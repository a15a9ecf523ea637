"""anyio on asyncio with httpx: a poller whose steps are read by anyio, and whose calls run in its tasks."""

# mypy: ignore-errors

import json
import sys

import anyio
import anyio.to_thread
import httpx

from steps import BASE, KEY, message, say


async def main():
    events = []
    async with httpx.AsyncClient(base_url=BASE, headers=KEY, timeout=10) as http:

        async def read_all():
            found, page = [], None
            while True:
                answer = await http.get("/events/search", params={"limit": 100} | ({"page_id": page} if page else {}))
                found += answer.json()["items"]
                page = answer.json()["next_page_id"]
                if not page:
                    break
            events[:] = found

        while line := await anyio.to_thread.run_sync(sys.stdin.readline):
            asked = json.loads(line)
            async with anyio.create_task_group() as group:
                if asked["step"] == "attach":
                    group.start_soon(read_all)
                elif asked["step"] == "send":
                    group.start_soon(lambda text=asked["text"]: http.post("/events", json=message(text)))
                elif asked["step"] == "run":
                    await http.post("/run")
                    while True:
                        await anyio.sleep(0.5)
                        if (await http.get(BASE)).json()["execution_status"] != "running":
                            break
                    group.start_soon(read_all)
            say(asked["step"], [event["id"] for event in events])


anyio.run(main)
