"""A client in a process of its own: goes on from its store, runs and runs, until it is killed or has done its part."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import trio

from gapless import syncclient
from gapless.syncclient.wire import LogEvent


@dataclass(frozen=True)
class Part:
    """What a client is to do."""

    base_url: str
    conversation_id: str
    directory: Path
    certainty: syncclient.Certainty
    life: int
    runs: int

    @property
    def store_path(self) -> Path:
        """The file that all lives share."""
        return self.directory / "conversation.db"

    @property
    def delivered_path(self) -> Path:
        """What the application got in this life: a line an event, with its origin."""
        return self.directory / f"delivered-{self.life:04}.txt"


def live(part: Part) -> None:
    """One life; ends by itself after `runs` runs, with the whole history read."""
    trio.run(_live, part)


async def _live(part: Part) -> None:
    file = os.open(part.delivered_path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def deliver(event: LogEvent, origin: syncclient.Origin) -> None:
        os.write(file, f"{event['id']} {origin}\n".encode())  # with the kernel at once: a kill does not take it back

    settings = syncclient.Settings(certainty=part.certainty)
    store = syncclient.SqliteStore(part.store_path)
    async with syncclient.open_conversation(
        part.base_url, part.conversation_id, settings=settings, store=store, subscriber=deliver
    ) as conversation:
        for _ in range(part.runs):
            await conversation.send("Complete the task")
            report = await conversation.run()
            assert report.complete, report
        async for _ in conversation.history():
            pass
    os.close(file)
