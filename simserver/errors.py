"""The errors of this package. Each class says whether the caller, the tape, the run or the simulator is at fault."""

from __future__ import annotations


class SimServerError(Exception):
    """Root of the errors that this package raises on purpose."""


class ConfigError(SimServerError, ValueError):
    """The caller passed a setting, workload or fault that is not valid. The message says which, and the cure."""


class TapeError(SimServerError):
    """A replayed tape does not fit the run: it ended early, has values left, or a choice was asked from another range.

    stream: its name; index: of the choice within the stream, from 0 (the message counts from 1).
    """

    def __init__(self, stream: str, index: int, problem: str) -> None:
        super().__init__(f"choice {index + 1} of stream {stream!r}: {problem}")
        self.stream = stream
        self.index = index


class JournalFull(SimServerError):
    """The journal reached its bound. Usually something in the run is in a busy loop."""

    def __init__(self, entries_max: int) -> None:
        super().__init__(f"the journal is full: {entries_max} entries; is the client in a busy loop?")
        self.entries_max = entries_max


class IllegalTransition(SimServerError):
    """The agent's status does not allow what was asked of it. Its state has not changed.

    asked: a verb; status: the execution status.
    """

    def __init__(self, asked: str, status: str) -> None:
        super().__init__(f"cannot {asked} while the conversation is {status}")
        self.asked = asked
        self.status = status


class ServerCrashed(SimServerError):
    """The fake server itself raised. This is a bug of the simulator, not of the client under test."""
