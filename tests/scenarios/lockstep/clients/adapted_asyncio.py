"""The same client on asyncio, behind its adapter. Its calls are made in threads."""

import asyncio
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import adapted_blocking  # it puts the folder of the adapters on the path
import adapter_asyncio


class Client(adapted_blocking.Client):
    async def attach(self) -> None:
        await asyncio.to_thread(super().attach)

    async def send(self, text: str) -> None:
        await asyncio.to_thread(super().send, text)

    async def run(self) -> dict:
        return await asyncio.to_thread(super().run)

    async def close(self) -> None:
        await asyncio.to_thread(super().close)


if __name__ == "__main__":
    adapter_asyncio.main(Client)
