"""The subscription: which connection is current, which is being replaced, when to try again. Pure state, no decisions
on what to read: that is the core's.

A live connection is replaced make-before-break: the old one is read until the new one is ready, so that renewing a
subscription never makes a hole (R35, R39).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from gapless.syncclient.wire import Snapshot


@dataclass(slots=True)
class Connection:
    """One WebSocket connection; times are the caller's clock, seconds."""

    number: int
    asked_at_s: float
    asked_step: int
    """The core's step at which it was asked for: what it says is no older."""
    after_seq: int | None
    held_seq: int = -1
    """The log index of the last event placed when it was asked for: the log was at least that long (R60)."""
    opened_at_s: float | None = None
    is_ready: bool = False
    """Whether the server is known to publish to it: its first snapshot or sync came, or was waited for in vain."""
    snapshot: Snapshot | None = None
    synced: bool = False
    through_seq: int | None = None
    unseen_messages: int = 0
    """How many messages of ours that the server had taken were not seen in the log, when the sync came."""
    last_frame_at_s: float = 0.0

    @property
    def last_seq(self) -> int:
        """The highest log index when the connection was made; -1 for an empty log, or where no sync came."""
        return -1 if self.through_seq is None else self.through_seq

    def says_empty(self, unseen_messages: int) -> bool:
        """Whether the log was empty when the connection was made, and no message of ours can have come since."""
        return self.synced and self.through_seq is None and unseen_messages <= self.unseen_messages


_REFUSALS_MAX = 2


@dataclass(slots=True)
class Subscription:
    """The current connection, the one it replaces, and the failures since the last ready one."""

    current: Connection | None = None
    replaced: Connection | None = None
    count: int = 0
    failures: int = 0
    """How many were lost or refused since the last progress; a greeting is none."""
    refusals: int = 0
    """How many renewals were refused since the last ready one."""
    retry_at_s: float | None = None
    renew_at_s: float = 0.0
    """When a connection may be opened in place of one that is alive: not at once after that was refused."""
    down_since_s: float | None = field(default=None)
    hidden_since_s: float | None = None
    """Since when connections are closed because the server does not know the conversation."""

    def begin(
        self, now_s: float, step: int, after_seq: int | None, *, held_seq: int
    ) -> tuple[Connection, Connection | None]:
        """A new current connection, and the one to close at once: a replaced one that was still being read."""
        self.count += 1
        superseded = self.replaced
        self.replaced = self.current
        self.current = Connection(self.count, now_s, step, after_seq, held_seq, last_frame_at_s=now_s)
        self.retry_at_s = None
        if self.down_since_s is None:
            self.down_since_s = now_s
        return self.current, superseded

    def find(self, number: int) -> Connection | None:
        """The connection of that number, if it is still read."""
        return next((c for c in (self.current, self.replaced) if c is not None and c.number == number), None)

    def ready(self) -> Connection | None:
        """The current one is ready; returns the replaced one, which is to be closed."""
        assert self.current is not None
        self.current.is_ready = True
        self.refusals, self.down_since_s, self.renew_at_s, self.hidden_since_s = 0, None, 0.0, None
        replaced, self.replaced = self.replaced, None
        return replaced

    def is_refusing(self) -> bool:
        """Whether connections are refused again and again while an old one is alive."""
        return self.refusals >= _REFUSALS_MAX

    def progress(self) -> None:
        """Something was learned on a connection, so the next one need not wait for long."""
        self.failures = 0

    def lose(self, number: int, now_s: float, *, lasting_s: float) -> bool:
        """A connection is gone; true if no connection is left and a new one must be opened.

        If the current one is gone before it was ready, and the one that it was to replace is alive, that one stays. A
        connection that was ready for `lasting_s` was progress.
        """
        if self.replaced is not None and self.replaced.number == number:
            self.replaced = None
            return False
        if self.current is None or self.current.number != number:
            return False
        if self.current.is_ready and now_s - self.current.asked_at_s >= lasting_s:
            self.failures = 0
        self.current, self.replaced = self.replaced, None
        self.failures, self.refusals = self.failures + 1, self.refusals + 1
        if self.current is None:
            if self.down_since_s is None:
                self.down_since_s = now_s
            return True
        self.down_since_s = None
        return False
