"""A store in an SQLite file, for one conversation, used by one client at a time.

Each batch is one transaction in write-ahead mode. A client that is killed loses nothing that was saved. After a power
failure the last batches may be missing; their events are read from the server again. Calls are made without a thread: a
transaction takes some hundred microseconds, since it does not wait for the disk.

The file is locked while a client uses it. A file of another program is not changed in any way. Its header is checked
before SQLite opens it.
"""

from __future__ import annotations

import json
import sqlite3
import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from gapless.syncclient.errors import StoreError
from gapless.syncclient.log.stub import Stub
from gapless.syncclient.settings import Certainty
from gapless.syncclient.stores.saved import Batch, Edge, Saved, SavedEvent, chain_up
from gapless.syncclient.wire import LogEvent

APPLICATION_ID: Final = 0x67_61_70_6C  # "gapl", at offset 68 of the file (SQLite file format, 1.3)
SCHEMA_VERSION: Final = 1
_READ_IDS_MAX: Final = 500
_MAGIC: Final = b"SQLite format 3\0"

# `place` is 'first' in its segment, 'behind' `after_id`, or 'loose' (unplaced). `is_home` marks the main segment.
# `arrival` counts from 1, in the order of delivery.
_SCHEMA: Final = f"""
    BEGIN;
    PRAGMA application_id = {APPLICATION_ID};
    PRAGMA user_version = {SCHEMA_VERSION};
    CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE event (
        arrival INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, kind TEXT NOT NULL, parent_id TEXT, source TEXT,
        timestamp TEXT NOT NULL, status TEXT, size_bytes INTEGER NOT NULL,
        seq INTEGER, place TEXT NOT NULL DEFAULT 'loose', after_id TEXT
    );
    CREATE TABLE payload (arrival INTEGER PRIMARY KEY, text TEXT NOT NULL);
    CREATE TABLE edge (number INTEGER PRIMARY KEY, first_id TEXT, next_seq INTEGER, is_home INTEGER NOT NULL);
    COMMIT;
"""


class SqliteStore:
    """Stores one conversation in the file `path`, which is created if it does not exist.

    `open` raises `StoreError` if the file is corrupt, no store, of another version, of another conversation, or in use.
    Each method raises it if the disk fails.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._database: sqlite3.Connection | None = None
        self._edges: tuple[Edge, ...] | None = None

    def __repr__(self) -> str:
        return f"<SqliteStore {self.path}{'' if self._database is None else ', open'}>"

    def open(self, conversation_id: str) -> Saved | None:
        """Lock the file and read everything but the payloads. Raises `StoreError`."""
        if self._database is not None:
            raise StoreError(f"the store {self.path} is in use by another client")
        self._check_header()
        with self._errors("opened"):
            self._database = sqlite3.connect(self.path, timeout=0, isolation_level=None)
        try:
            with self._errors("opened"):
                return self._load(self._database, conversation_id)
        except StoreError:
            self.close()
            raise

    def save(self, batch: Batch) -> None:
        """Save a batch in one transaction. Raises `StoreError`."""
        database = self._opened()
        with self._errors("written"):
            database.execute("BEGIN")
            try:
                self._write(database, batch)
            except BaseException:
                database.execute("ROLLBACK")
                raise
            database.execute("COMMIT")
            self._edges = batch.edges

    def read(self, event_ids: Sequence[str]) -> dict[str, LogEvent]:
        """Those of the events that are stored, by id. Raises `StoreError`."""
        database, found = self._opened(), {}
        with self._errors("read"):
            for start in range(0, len(event_ids), _READ_IDS_MAX):
                some = event_ids[start : start + _READ_IDS_MAX]
                marks = ",".join("?" * len(some))
                rows = database.execute(
                    f"SELECT id, text FROM event JOIN payload USING (arrival) WHERE id IN ({marks})", some
                )
                found.update({event_id: json.loads(text) for event_id, text in rows})
        return found

    def close(self) -> None:
        """Close the file, which releases its lock."""
        database, self._database = self._database, None
        if database is not None:
            database.close()

    # -- inside -------------------------------------------------------------------------------------------------------

    def _opened(self) -> sqlite3.Connection:
        if self._database is None:
            raise StoreError(f"the store {self.path} is not open")
        return self._database

    @contextmanager
    def _errors(self, done: str) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, ValueError) as error:
            if isinstance(error, sqlite3.OperationalError) and "locked" in str(error):
                raise StoreError(f"the store {self.path} is in use by another client") from error
            raise StoreError(f"the store {self.path} cannot be {done}: {error}") from error

    def _check_header(self) -> None:
        """Check the header before SQLite opens the file, which could change a file of another program."""
        try:
            with self.path.open("rb") as file:
                header = file.read(100)
        except FileNotFoundError:
            return
        except OSError as error:
            raise StoreError(f"the store {self.path} cannot be opened: {error}") from error
        if not header:
            return  # the client that created it was killed before it wrote anything
        if len(header) < 100 or not header.startswith(_MAGIC):
            raise StoreError(f"{self.path} is corrupt, or no store of this library; it is left as it is")
        version, application_id = struct.unpack(">I", header[60:64])[0], struct.unpack(">I", header[68:72])[0]
        if application_id != APPLICATION_ID:
            raise StoreError(f"{self.path} is another program's database; it is left as it is")
        if version != SCHEMA_VERSION:
            raise StoreError(f"the store {self.path} has version {version}; this library reads {SCHEMA_VERSION}")

    def _load(self, database: sqlite3.Connection, conversation_id: str) -> Saved | None:
        database.execute("PRAGMA locking_mode = EXCLUSIVE")  # before the first access, to keep others out
        if database.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0:
            database.executescript(_SCHEMA)
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = NORMAL")
        database.execute("BEGIN IMMEDIATE")  # take the lock now, not at the first write
        database.execute("COMMIT")
        meta = dict(database.execute("SELECT name, value FROM meta"))
        kept_id = meta.get("conversation_id")
        if kept_id is None:
            database.execute("INSERT INTO meta VALUES ('conversation_id', ?)", (conversation_id,))
            return None
        if kept_id != conversation_id:
            raise StoreError(f"the store {self.path} keeps conversation {kept_id}, not {conversation_id}")
        return self._saved(database, meta) if "delivered" in meta else None

    def _saved(self, database: sqlite3.Connection, meta: dict[str, str]) -> Saved:
        events: list[SavedEvent] = []
        places: dict[str, str | None] = {}
        for event_id, kind, parent_id, source, timestamp, status, size_bytes, seq, place, after_id in database.execute(
            "SELECT id, kind, parent_id, source, timestamp, status, size_bytes, seq, place, after_id FROM event"
            " ORDER BY arrival"
        ):
            stub = Stub(event_id, kind, parent_id=parent_id, source=source, timestamp=timestamp, status=status)
            events.append(SavedEvent(stub, size_bytes, seq))
            if place != "loose":
                places[event_id] = after_id
        self._edges = tuple(
            Edge(first_id, next_seq, bool(is_main))
            for first_id, next_seq, is_main in database.execute(
                "SELECT first_id, next_seq, is_home FROM edge ORDER BY number"
            )
        )
        segments = chain_up(self._edges, places)
        if segments is None:
            raise StoreError(f"the store {self.path} is corrupt: its order does not add up; it is left as it is")
        certainty: Certainty = "log" if meta["certainty"] == "log" else "branch"
        return Saved(tuple(events), segments, meta["head_known"] == "1", int(meta["delivered"]), certainty)

    def _write(self, database: sqlite3.Connection, batch: Batch) -> None:
        if batch.reset:
            for table in ("event", "payload", "edge"):
                database.execute(f"DELETE FROM {table}")
        for held in batch.new:
            self._insert(database, held.event, held.size_bytes)
        for held in batch.renewed:
            text = json.dumps(dict(held.event), separators=(",", ":"))
            database.execute(
                "UPDATE payload SET text = ? WHERE arrival = (SELECT arrival FROM event WHERE id = ?)",
                (text, held.event["id"]),
            )
            database.execute("UPDATE event SET size_bytes = ? WHERE id = ?", (held.size_bytes, held.event["id"]))
        database.executemany(
            "UPDATE event SET place = ?, after_id = ? WHERE id = ?",
            [(_place(place.is_unplaced, place.after_id), place.after_id, place.event_id) for place in batch.places],
        )
        database.executemany("UPDATE event SET seq = ? WHERE id = ?", [(seq, id_) for id_, seq in batch.seqs])
        for event_id in batch.dropped:
            database.execute(
                "DELETE FROM payload WHERE arrival = (SELECT arrival FROM event WHERE id = ?)", (event_id,)
            )
            database.execute("DELETE FROM event WHERE id = ?", (event_id,))
        if batch.reset or batch.edges != self._edges:
            database.execute("DELETE FROM edge")
            database.executemany(
                "INSERT INTO edge VALUES (?, ?, ?, ?)",
                [(n, edge.first_id, edge.next_seq, edge.is_main) for n, edge in enumerate(batch.edges)],
            )
        meta = {"head_known": int(batch.head_known), "delivered": batch.delivered, "certainty": batch.certainty}
        database.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", [(n, str(v)) for n, v in meta.items()])

    def _insert(self, database: sqlite3.Connection, event: LogEvent, size_bytes: int) -> None:
        stub = Stub.of(event)
        columns: tuple[Any, ...] = (stub.event_id, stub.kind, stub.parent_id, stub.source, stub.timestamp, stub.status)
        cursor = database.execute(
            "INSERT INTO event (id, kind, parent_id, source, timestamp, status, size_bytes)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            (*columns, size_bytes),
        )
        text = json.dumps(dict(event), separators=(",", ":"))  # ASCII: a lone surrogate is legal JSON
        database.execute("INSERT INTO payload VALUES (?, ?)", (cursor.lastrowid, text))


def _place(is_unplaced: bool, after_id: str | None) -> str:
    return "loose" if is_unplaced else "first" if after_id is None else "behind"
