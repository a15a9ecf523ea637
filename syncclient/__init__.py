"""A sync client that loses no event, says what it knows and by which proof, and spends the fewest REST calls.

    async with syncclient.open_conversation(base_url, conversation_id, api_key=...) as conversation:
        await conversation.send("Complete the task")
        report = await conversation.run()
        for event in conversation.events: ...

Its files, in reading order:

- `conversation.py`  the face: open, send, run, events, report
- `report.py`        what the client says of itself; `sometimes.py` marks the paths that it seldom takes
- `settings.py`      every bound and wait, named, with its unit
- `errors.py`        what can go wrong, as one tree
- `events.py`, `actions.py`   what the core is told, and what it asks for
- `core.py`          the decisions; no I/O, no clock, no randomness
- `attach.py`, `repairs.py`, `runs.py`   its parts: the first sync, what is missing, is the run over
- `situation.py`     all that they know; `socket_state.py`, `run_state.py`, `exchange.py`, `missing.py` are its pieces
- `held.py`, `ledger.py`      what is held, in which order, and where something is missing; and what changes that
- `proof.py`         certificates of completeness
- `cursor.py`, `walk.py`      the discipline of page cursors, and paging by it
- `backoff.py`       how long to wait before the next try
- `history.py`       the whole log, gaps filled page by page; `reading.py` is its part in the core
- `payloads.py`, `stub.py`    which events are in memory whole, and what is left of the others
- `store.py`, `sqlite_store.py`   where it is kept for the next client; `saved.py`, `changes.py` are what they are told
- `resume.py`        going on from there
- `wire.py`          the codec
- `driver.py`        performs actions on trio, feeds events back
- `transport.py`     what the driver needs of a network
- `network.py`       that, over httpx and trio-websocket; `handshake.py` notices one that breaks off, `plain_nursery.py`
  keeps errors plain
"""

if __name__ == "syncclient":  # the folder of a checkout, found by its bare name
    raise ImportError(
        "import gapless.syncclient; the folder syncclient/ is a part of the package gapless, and has no other name"
    )


from gapless.syncclient.conversation import Conversation, open_conversation
from gapless.syncclient.core.actions import Origin
from gapless.syncclient.errors import (
    AuthenticationFailed,
    ConversationNotFound,
    ProtocolViolation,
    RequestRefused,
    RunTimedOut,
    SendUnconfirmed,
    ServerUnreachable,
    SettingsError,
    StoreError,
    SyncError,
)
from gapless.syncclient.report import Gap, Proof, Range, Spent, SyncReport, Unloaded
from gapless.syncclient.settings import Certainty, Settings
from gapless.syncclient.stores.sqlite_store import SqliteStore
from gapless.syncclient.stores.store import MemoryStore, Store
from gapless.syncclient.wire import Generation, LogEvent

__all__ = [
    "AuthenticationFailed",
    "Certainty",
    "Conversation",
    "ConversationNotFound",
    "Gap",
    "Generation",
    "LogEvent",
    "MemoryStore",
    "Origin",
    "Proof",
    "ProtocolViolation",
    "Range",
    "RequestRefused",
    "RunTimedOut",
    "SendUnconfirmed",
    "ServerUnreachable",
    "Settings",
    "SettingsError",
    "Spent",
    "SqliteStore",
    "Store",
    "StoreError",
    "SyncError",
    "SyncReport",
    "Unloaded",
    "open_conversation",
]
