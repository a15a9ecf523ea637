"""What the script driver needs of a client: a command in a process, or an object in this process."""

from __future__ import annotations

from typing import Protocol

import trio


class Peer(Protocol):
    """A client that is asked for steps.

    ``ended``: set when it answers no more.
    ``failure``: how it failed, in words; empty when it did not fail.
    """

    @property
    def ended(self) -> trio.Event: ...
    @property
    def failure(self) -> str: ...
    @property
    def kind_of_end(self) -> str:
        """The name of its end in the journal: ``Exit``, or the type of an exception."""
        ...

    async def say(self, line: str) -> None:
        """Ask for a step, with a line of the step protocol. It is no error when the client does not listen."""
        ...

    async def hang_up(self) -> None:
        """Nothing more will be asked."""
        ...
