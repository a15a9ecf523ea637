"""Which server this is: generation, cursor discipline, keys."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from gapless.simserver.errors import ConfigError

ServerGeneration = Literal["legacy", "tree", "session"]
CursorMode = Literal["inclusive", "exclusive"]
UnknownCursor = Literal["natural", "not-found", "bad-request"]

VERSIONS: dict[ServerGeneration, str] = {"legacy": "1.11.0", "tree": "1.43.1", "session": "1.57.0"}


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """What distinguishes one server from another, seen from outside.

    generation: ``legacy`` has no parent ids, ``tree`` (1.31) has parent_id and leaf_event_id, ``session``
    (1.45) adds the session socket. cursor: is ``next_page_id`` the first event of the next page, or the last
    of this one? unknown_cursor: what an unknown ``page_id`` gets: the natural start (200, R51), 404 or 400.
    api_key: None lets everybody in. Raises ConfigError on an unknown word.
    """

    generation: ServerGeneration = "session"
    cursor: CursorMode = "inclusive"
    unknown_cursor: UnknownCursor = "natural"
    api_key: str | None = None

    def __post_init__(self) -> None:
        for field, allowed in (
            ("generation", get_args(ServerGeneration)),
            ("cursor", get_args(CursorMode)),
            ("unknown_cursor", get_args(UnknownCursor)),
        ):
            value = getattr(self, field)
            if value not in allowed:
                raise ConfigError(f"server settings: {field} is {value!r}, not one of {', '.join(allowed)}")

    @property
    def version(self) -> str:
        """What ``/server_info`` says."""
        return VERSIONS[self.generation]

    @property
    def has_tree(self) -> bool:
        """Do events carry parent ids, and snapshots the leaf?"""
        return self.generation != "legacy"

    @property
    def has_session_socket(self) -> bool:
        """Is there a ``/sockets/session/{id}``?"""
        return self.generation == "session"
