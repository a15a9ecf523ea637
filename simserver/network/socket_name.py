"""Which socket it is, and whose. A scenario may have two clients, whose sockets are counted apart."""

from __future__ import annotations

from dataclasses import dataclass

from gapless.simserver.journal import Fields

FIRST_CLIENT = 1


@dataclass(frozen=True, slots=True)
class SocketName:
    """number: its ordinal among all handshakes, from 1, as the journal has it; client: whose it is, 1 or 2; nth: its
    ordinal among the handshakes of that client, as `Match.connection` has it."""

    number: int
    client: int = FIRST_CLIENT
    nth: int = 0

    def __post_init__(self) -> None:
        if not self.nth:
            object.__setattr__(self, "nth", self.number)

    def __str__(self) -> str:
        return f"socket {self.number}"


def owned_by(client: int | None) -> Fields:
    """How the journal says whose something is. It says so only of the second client."""
    return {} if client is None or client == FIRST_CLIENT else {"client": client}
