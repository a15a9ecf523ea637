"""What can go wrong in the simulated world, by whose fault it is."""

from __future__ import annotations


class SimServerError(Exception):
    """Root of the errors that this package raises on purpose."""


class ConfigError(SimServerError, ValueError):
    """The caller's mistake: a setting, workload or fault that makes no sense. The text says which, and the cure."""


class TapeError(SimServerError):
    """A replayed tape does not fit the run: exhausted, not used up, or a choice asked from another range.

    Fields: stream (name), index (of the choice within the stream, from 0; the message counts from 1).
    """

    def __init__(self, stream: str, index: int, problem: str) -> None:
        super().__init__(f"choice {index + 1} of stream {stream!r}: {problem}")
        self.stream = stream
        self.index = index


class JournalFull(SimServerError):
    """The journal reached its bound, which usually means that something in the run is spinning."""

    def __init__(self, entries_max: int) -> None:
        super().__init__(f"the journal is full: {entries_max} entries; is the client in a busy loop?")
        self.entries_max = entries_max


class IllegalTransition(SimServerError):
    """The agent was asked for something that its status does not allow; its state is as it was.

    Fields: asked (verb), status (execution status).
    """

    def __init__(self, asked: str, status: str) -> None:
        super().__init__(f"cannot {asked} while the conversation is {status}")
        self.asked = asked
        self.status = status


class ServerCrashed(SimServerError):
    """The fake server itself raised; our bug, and never a property of the client under test."""
