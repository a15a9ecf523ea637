"""The lives of clients that share a store: how one dies, what each delivered, what the store holds in the end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from gapless.syncclient.core.actions import Origin
from gapless.syncclient.stores.saved import Batch, Saved
from gapless.syncclient.stores.store import Store
from gapless.syncclient.wire import LogEvent


class Crash(Exception):
    """The client's process is gone."""


@dataclass
class CrashingStore:
    """A store whose client dies at operation number `at` (0: never): before it is done, or after it was done and before
    anybody knows."""

    inner: Store
    at: int = 0
    before: bool = False
    operations: int = 0

    def open(self, conversation_id: str) -> Saved | None:
        """See `Store`."""
        self._begin()
        saved = self.inner.open(conversation_id)
        self._end()
        return saved

    def save(self, batch: Batch) -> None:
        """See `Store`."""
        self._begin()
        self.inner.save(batch)
        self._end()

    def read(self, event_ids: Sequence[str]) -> dict[str, LogEvent]:
        """See `Store`."""
        self._begin()
        found = self.inner.read(event_ids)
        self._end()
        return found

    def close(self) -> None:
        """The end of a process closes its files, dead or not."""
        self.inner.close()

    def _begin(self) -> None:
        self.operations += 1
        if self.at and (self.operations > self.at or (self.before and self.operations == self.at)):
            raise Crash

    def _end(self) -> None:
        if self.operations == self.at:
            raise Crash


@dataclass
class Life:
    """What one client delivered."""

    delivered: list[tuple[str, str]] = field(default_factory=list)
    attach_calls: int = 0
    """GETs spent until the attach was done."""

    def subscriber(self, event: LogEvent, origin: Origin) -> None:
        """Take note of one event."""
        self.delivered.append((event["id"], origin))

    @property
    def ids(self) -> list[str]:
        """The ids, in the order of delivery."""
        return [event_id for event_id, _ in self.delivered]


def kept_ids(store: Store, conversation_id: str) -> list[str]:
    """The ids in the store, in the order of the log. Unplaced ones come last, with a mark."""
    saved = store.open(conversation_id)
    store.close()
    if saved is None:
        return []
    placed = [event_id for segment in saved.segments for event_id in segment.ids]
    ids = [event.stub.event_id for event in saved.events]
    return placed + [f"unplaced:{event_id}" for event_id in ids if event_id not in placed]


def is_crash(error: BaseException) -> bool:
    """Whether an error is a crash and nothing else, however it was wrapped."""
    if isinstance(error, ExceptionGroup):
        return all(is_crash(inner) for inner in error.exceptions)
    return isinstance(error, Crash)


def assert_delivered_once(lives: Sequence[Life], log_ids: Sequence[str]) -> None:
    """Each event of the log came to some application, and twice only where it was said so."""
    seen: dict[str, None] = {}
    for life in lives:
        assert len(set(life.ids)) == len(life.ids)
        again = [(event_id, origin) for event_id, origin in life.delivered if event_id in seen]
        assert all(origin == "resumed" for _, origin in again), again
        seen.update(dict.fromkeys(life.ids))
    missing = [event_id for event_id in log_ids if event_id not in seen]
    assert not missing
