"""Peer: whoever is asked for the steps of a script and answers: a command in a process, or an object in this one."""

from __future__ import annotations

from typing import Protocol

import trio


class Peer(Protocol):
    """What the driver needs. ``ended``: it will answer no more, and ``failure`` says in words how it ended badly."""

    @property
    def ended(self) -> trio.Event: ...
    @property
    def failure(self) -> str: ...
    @property
    def kind_of_end(self) -> str:
        """What its end is called in the journal: ``Exit``, or the name of an exception."""
        ...

    async def say(self, line: str) -> None:
        """Ask: a line of the protocol. One that does not listen is not an error."""
        ...

    async def hang_up(self) -> None:
        """Nothing more will be asked."""
        ...
