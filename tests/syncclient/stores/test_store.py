"""The SQLite store: what it keeps, what it refuses, and that it leaves alone what is not its own."""

from __future__ import annotations

import random
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from gapless.syncclient.errors import StoreError
from gapless.syncclient.log.changes import Changes
from gapless.syncclient.log.ledger import Ledger
from gapless.syncclient.log.stub import Stub
from gapless.syncclient.stores.saved import Batch, Edge, HeldEvent, Place, Saved, SavedEvent, SavedSegment
from gapless.syncclient.stores.sqlite_store import SqliteStore
from gapless.syncclient.stores.store import MemoryStore, Store
from tests.syncclient.script import branch, message, update


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    return MemoryStore() if request.param == "memory" else SqliteStore(tmp_path / "store.db")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.db"


def reopened(store: Store) -> Saved | None:
    """What the next client is told."""
    store.close()
    return store.open("conversation")


def filled(path: Path) -> SqliteStore:
    """A store with one event in it, closed."""
    store = SqliteStore(path)
    store.open("conversation")
    store.save(Batch(new=(HeldEvent(message("a"), 10),), places=(Place("a", None),), edges=(Edge("a", 1, True),)))
    store.close()
    return store


def test_a_new_store_knows_nothing(store: Store) -> None:
    assert store.open("conversation") is None
    assert store.read(["a"]) == {}


def test_what_is_saved_is_there_when_it_is_opened_again(store: Store) -> None:
    store.open("conversation")
    event = update("b", "execution_status", "running", "a") | {"text": 'ü "\ud800" \x00', "n": [1, 2.5, None, True]}
    store.save(
        Batch(
            new=(HeldEvent(message("a"), 10), HeldEvent(event, 20), HeldEvent(message("c", "b"), 30)),
            places=(Place("a", None), Place("b", "a")),
            seqs=(("a", 0), ("b", 1)),
            edges=(Edge("a", 2, True),),
            head_known=True,
            delivered=2,
            certainty="log",
        )
    )
    saved = reopened(store)
    assert saved is not None
    assert [(kept.stub.event_id, kept.size_bytes, kept.seq) for kept in saved.events] == [
        ("a", 10, 0),
        ("b", 20, 1),
        ("c", 30, None),
    ]
    assert dict(saved.events[1].stub) == {
        key: event[key] for key in ("id", "kind", "parent_id", "timestamp", "key", "value")
    }
    assert saved.segments == (SavedSegment(("a", "b"), 2, True),)
    assert (saved.head_known, saved.certainty, saved.undelivered()) == (True, "log", ["c"])
    assert store.read(["c", "b", "nobody"]) == {"b": event, "c": message("c", "b")}


def test_a_reset_drops_what_was_saved_before(store: Store) -> None:
    store.open("conversation")
    store.save(Batch(new=(HeldEvent(message("a"), 1),), places=(Place("a", None),), edges=(Edge("a", None, True),)))
    store.save(
        Batch(new=(HeldEvent(message("b"), 1),), places=(Place("b", None),), edges=(Edge("b", None, True),), reset=True)
    )
    saved = reopened(store)
    assert saved is not None
    assert [kept.stub.event_id for kept in saved.events] == ["b"]
    assert store.read(["a"]) == {}


def test_an_event_may_be_dropped(store: Store) -> None:
    store.open("conversation")
    store.save(Batch(new=(HeldEvent(message("a"), 1), HeldEvent(message("b"), 1)), delivered=2))
    store.save(Batch(dropped=("a",), delivered=1))
    saved = reopened(store)
    assert saved is not None
    assert [kept.stub.event_id for kept in saved.events] == ["b"]
    assert saved.undelivered() == []


def test_a_store_keeps_one_conversation(store: Store) -> None:
    store.open("conversation")
    store.close()
    with pytest.raises(StoreError, match="keeps conversation conversation, not another"):
        store.open("another")


def test_a_store_serves_one_client_at_a_time(store: Store) -> None:
    store.open("conversation")
    with pytest.raises(StoreError, match="in use by another client"):
        store.open("conversation")
    store.close()
    store.open("conversation")


def test_whatever_a_ledger_goes_through_its_store_follows(store: Store) -> None:
    """Pages, frames, chains and joints in any order, saved after each: the store holds the same order."""
    chance = random.Random(3)
    for _ in range(30):
        changes = Changes()
        ledger = Ledger(changes)
        store.close()
        store.open("conversation")
        changes.reset()
        log = [
            event
            for number, event in enumerate(branch(f"e{n:02}" for n in range(40)))
            for event in ([event, update(f"u{number:02}", "stats", 0, event["id"])] if number % 5 == 0 else [event])
        ]
        ledger.merge(log[:5], at_head=True)
        ledger.merge(log[20:25])
        ledger.settle_main()
        for _ in range(25):
            start = chance.randrange(len(log))
            match chance.randrange(4):
                case 0:
                    ledger.add_live(log[start], start if chance.random() < 0.5 else None)
                case 1:
                    ledger.merge(log[start : start + 6])
                case 2:
                    ledger.place_path(ledger.linked_path())
                case _:
                    ledger.merge(log[: start % 8], at_head=True)
            batch = changes.take(ledger.edges(), ledger.head_known, 0, "branch")
            if batch is not None:
                store.save(batch)
        saved = reopened(store)
        assert saved is not None
        restored = Ledger()
        restored.restore(saved, {})
        main = next(i for i, edge in enumerate(ledger.edges()) if edge.is_main)
        assert restored.edges() == ledger.edges()[: main + 1]
        placed = [event_id for segment in saved.segments for event_id in segment.ids]
        assert placed == [event_id for event_id in ledger.ordered_ids() if not ledger.is_unplaced(event_id)]
        assert {kept.stub.event_id: kept.seq for kept in saved.events} == {
            i: ledger.seq_of(i) for i in ledger.ordered_ids()
        }


def test_the_window_of_a_store_is_its_head_and_its_newest() -> None:
    ids = [f"e{number:02}" for number in range(30)]
    events = tuple(SavedEvent(Stub(event_id, "MessageEvent"), 10, None) for event_id in ids)
    saved = Saved(events, (SavedSegment(tuple(ids[:28]), None, True),), True, 30, "log")
    assert saved.window(1000) == ids
    assert saved.window(150) == ids[:10] + ids[-5:]
    assert saved.window(50) == ids[:5]
    assert saved.window(5) == []


# -- files ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("content", [b"not a database", b"SQLite format 3\0cut", bytes(5000)])
def test_a_file_that_is_none_of_ours_is_left_as_it_is(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(StoreError, match="left as it is"):
        SqliteStore(path).open("conversation")
    assert path.read_bytes() == content
    assert [file.name for file in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("mode", ["delete", "wal"])
def test_another_programs_database_is_left_as_it_is(path: Path, mode: str) -> None:
    with sqlite3.connect(path) as database:
        database.execute(f"PRAGMA journal_mode = {mode}")
        database.execute("CREATE TABLE event (id TEXT)")
    database.close()
    content = path.read_bytes()
    with pytest.raises(StoreError, match="another program's database"):
        SqliteStore(path).open("conversation")
    assert path.read_bytes() == content


def test_a_store_of_another_version_is_left_as_it_is(path: Path) -> None:
    filled(path)
    with sqlite3.connect(path) as database:
        database.execute("PRAGMA user_version = 99")
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    database.close()
    with pytest.raises(StoreError, match="version 99; this library reads 1"):
        SqliteStore(path).open("conversation")


def test_an_empty_file_becomes_a_store(path: Path) -> None:
    path.touch()
    assert SqliteStore(path).open("conversation") is None


def test_damage_in_the_middle_is_one_clear_error(path: Path) -> None:
    store = filled(path)
    content = bytearray(path.read_bytes())
    content[4096:] = bytes(len(content) - 4096)
    path.write_bytes(content)
    with pytest.raises(StoreError, match=r"store\.db"):
        store.open("conversation")
    assert path.read_bytes()[4096:] == content[4096:]


def test_an_order_that_does_not_add_up_is_said_so(path: Path) -> None:
    store = filled(path)
    with sqlite3.connect(path) as database:
        database.execute("DELETE FROM edge")
    database.close()
    with pytest.raises(StoreError, match="does not add up"):
        store.open("conversation")


def test_a_directory_that_is_not_there_is_a_store_error(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="cannot be opened"):
        SqliteStore(tmp_path / "nowhere" / "store.db").open("conversation")


def test_a_closed_store_is_not_written(path: Path) -> None:
    store = filled(path)
    with pytest.raises(StoreError, match="not open"):
        store.save(Batch())


def test_a_batch_that_fails_leaves_nothing_behind(path: Path) -> None:
    store = filled(path)
    store.open("conversation")
    with pytest.raises(StoreError):
        store.save(Batch(new=(HeldEvent(message("b"), 1), HeldEvent(message("a"), 1)), edges=(Edge("b", None, True),)))
    saved = reopened(store)
    assert saved is not None
    assert [kept.stub.event_id for kept in saved.events] == ["a"]
    store.close()


def test_another_process_does_not_get_in(path: Path) -> None:
    store = filled(path)
    store.open("conversation")
    script = (
        "import sys; from gapless import SqliteStore, StoreError\n"
        "try:\n    SqliteStore(sys.argv[1]).open('conversation')\n"
        "except StoreError as error:\n    sys.exit(str(error))"
    )
    outcome = subprocess.run([sys.executable, "-c", script, str(path)], capture_output=True, text=True, check=False)
    assert "in use by another client" in outcome.stderr
    store.save(Batch(new=(HeldEvent(message("b"), 1),), edges=(Edge("a", 1, True),), places=()))
    store.close()
    outcome = subprocess.run([sys.executable, "-c", script, str(path)], capture_output=True, text=True, check=False)
    assert (outcome.returncode, outcome.stderr) == (0, "")
