"""asyncio with aiohttp for both, steps read by a transport on standard input."""

# mypy: ignore-errors

import asyncio
import json
import sys

import aiohttp

from steps import BASE, KEY, Conversation, message, say


async def main():
    talk, news = Conversation(), asyncio.Event()

    async def listen(session):
        while True:
            try:
                async with session.ws_connect(talk.socket_url(), headers=KEY) as socket:
                    async for frame in socket:
                        talk.take(frame.data)
                        news.set()
            except (aiohttp.ClientError, OSError):
                pass
            await asyncio.sleep(0.2)

    async def until(is_so):
        while not is_so():
            news.clear()
            await news.wait()

    reader = asyncio.StreamReader(limit=1 << 24)
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    async with aiohttp.ClientSession(headers=KEY) as session:
        listening = asyncio.create_task(listen(session))
        while line := await reader.readline():
            asked, begun = json.loads(line), len(talk.log)
            if asked["step"] == "attach":
                await until(lambda: talk.snapshot)
            elif asked["step"] == "send":
                async with session.post(BASE + "/events", json=message(asked["text"])) as answer:
                    answer.raise_for_status()
            elif asked["step"] == "run":
                async with session.post(BASE + "/run") as answer:
                    await answer.read()
                await until(lambda begun=begun: talk.is_over(begun))
            say(asked["step"], talk.held())
        listening.cancel()


asyncio.run(main())
