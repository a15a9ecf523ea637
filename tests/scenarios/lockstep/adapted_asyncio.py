"""The same client on asyncio, behind its adapter. Its calls are made in threads."""

import asyncio
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import adapted_blocking  # noqa: E402  # it puts the folder of the adapters on the path
import adapter_asyncio  # type: ignore[import-not-found]  # noqa: E402


class Client(adapted_blocking.Client):
    async def attach(self) -> None:  # type: ignore[override]
        await asyncio.to_thread(super().attach)

    async def send(self, text: str) -> None:  # type: ignore[override]
        await asyncio.to_thread(super().send, text)

    async def run(self) -> dict:  # type: ignore[override]
        return await asyncio.to_thread(super().run)

    async def close(self) -> None:  # type: ignore[override]
        await asyncio.to_thread(super().close)


if __name__ == "__main__":
    adapter_asyncio.main(Client)
