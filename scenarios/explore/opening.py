"""Open a database for one campaign, even while another one is at work in it.

The first campaign holds the lock of the directory. A second one draws worlds of a seed of its own and keeps them in a
directory within. It is merged at its end, or else by the first at its end, or by the next that opens the database.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from gapless.scenarios.errors import UsageError
from gapless.scenarios.explore.campaign import Campaign
from gapless.scenarios.explore.database import Database, fresh_seed
from gapless.scenarios.explore.file_lock import FileLock


@dataclass(slots=True)
class Opened:
    """A campaign at work.

    ``is_other_code``: whether the code has changed since the campaign was stored
    ``host``: the database that is shared, when another campaign is at work in it
    ``merged``: how many campaigns that had shared the database were merged
    """

    database: Database
    campaign: Campaign
    is_other_code: bool = False
    host: Database | None = None
    merged: int = 0

    def settle(self) -> bool:
        """At the end of a campaign: merge those that shared its database, or merge it into the one that it shared.

        False when the shared database is still at work: then it is merged later. Call it once, after the last save.
        """
        if self.host is None:
            self.merged += _merge_guests(self.database, self.campaign)
            return True
        lock = self.host.lock()
        if not _take(lock, self.host):
            return False
        try:
            campaign, _ = self.host.load()
            self.host.merge(campaign, self.database)
            self.database.remove()
        finally:
            lock.release()
        self.database, self.campaign, self.host = self.host, campaign, None
        return True


@contextmanager
def opened(database: Database, seed: int | None) -> Iterator[Opened]:
    """Open a database. Its seed is stored before the block is entered.

    Raises UsageError when it cannot be read or written, and when ``seed`` is not the one that it goes on with.
    """
    lock = database.lock()
    if _take(lock, database):
        try:
            campaign, is_other_code = database.load(seed)
            database.save(campaign, list(database.examples()), database.origins())
            yield Opened(database, campaign, is_other_code, merged=_merge_guests(database, campaign))
        finally:
            lock.release()
        return
    own = fresh_seed() if seed is None else seed
    guest = database.guest(own)
    guest_lock = guest.lock()
    is_the_first = database.exists() and database.load()[0].seed == own
    if is_the_first or not _take(guest_lock, guest):
        raise UsageError(
            f"--seed {own}: a campaign with this seed is at work in {database.directory}; leave --seed out, or give "
            "--database another directory"
        )
    try:
        campaign, is_other_code = guest.load(own)
        guest.save(campaign, list(guest.examples()), guest.origins())
        yield Opened(guest, campaign, is_other_code, database)
    finally:
        guest_lock.release()


def _merge_guests(database: Database, campaign: Campaign) -> int:
    """Merge the campaigns that shared this database and have ended. Returns how many there were."""
    merged = 0
    for guest in database.guests():
        lock = guest.lock()
        if not _take(lock, guest):
            continue
        try:
            if guest.exists():
                database.merge(campaign, guest)
                merged += 1
            guest.remove()
        finally:
            lock.release()
    return merged


def _take(lock: FileLock, database: Database) -> bool:
    try:
        return lock.take()
    except OSError as error:
        raise UsageError(
            f"{database.directory}: cannot be written ({error.strerror}); give --database another directory"
        ) from error
