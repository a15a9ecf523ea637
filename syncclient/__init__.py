"""A sync client that loses no event, reports what it knows and by which proof, and spends the fewest REST calls.

    async with gapless.open_conversation(base_url, conversation_id, api_key=...) as conversation:
        await conversation.send("Complete the task")
        report = await conversation.run()
        for event in conversation.events: ...

It runs on asyncio and on trio. `open_conversation_blocking` is the same for programs without an event loop.

In reading order:

- `conversation.py`  the public interface: open a conversation, send, run, read its events
- `blocking.py`      the same with blocking calls, from any thread
- `report.py`        what the client reports: complete or not, by which proof, what is missing
- `settings.py`      every bound, wait and size, with its unit
- `errors.py`        the tree of errors
- `history.py`       iteration over the whole log, gaps read page by page
- `answers.py`       requests as HTTP, and answers as events of the core
- `wire.py`          the codec: JSON text to frames, pages and answers
- `core/`            the decisions: no I/O, no clock, no randomness
- `log/`             what is held, in which order, and by which proof
- `stores/`          where a conversation is stored for a later client
- `network/`         performs the core's actions, on asyncio or trio
- `path_marks.py`    marks paths that are seldom taken, for test campaigns
- `decisions.py`     names the decisions that tests and mutants replace
"""

if __name__ == "syncclient":  # the folder of a checkout, found by its bare name
    raise ImportError(
        "import gapless.syncclient; the folder syncclient/ is a part of the package gapless, and has no other name"
    )


from gapless.syncclient.blocking import BlockingConversation, open_conversation_blocking
from gapless.syncclient.conversation import Conversation, open_conversation
from gapless.syncclient.core.actions import Origin
from gapless.syncclient.errors import (
    AuthenticationFailed,
    ConversationClosed,
    ConversationNotFound,
    ProtocolViolation,
    RequestRefused,
    RunTimedOut,
    SendUnconfirmed,
    ServerUnreachable,
    SettingsError,
    StoreError,
    SubscriberFailed,
    SyncError,
    WrongLoop,
)
from gapless.syncclient.report import Gap, Proof, Range, Spent, SyncReport, Unloaded
from gapless.syncclient.settings import Certainty, Settings
from gapless.syncclient.stores.sqlite_store import SqliteStore
from gapless.syncclient.stores.store import MemoryStore, Store
from gapless.syncclient.wire import Generation, LogEvent

__all__ = [
    "AuthenticationFailed",
    "BlockingConversation",
    "Certainty",
    "Conversation",
    "ConversationClosed",
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
    "SubscriberFailed",
    "SyncError",
    "SyncReport",
    "Unloaded",
    "WrongLoop",
    "open_conversation",
    "open_conversation_blocking",
]
