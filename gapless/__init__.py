"""gapless: a sync client that loses no event, and the deterministic harness that shows it.

This package and `gapless.testing` are what users import:

- `gapless` is the client: `open_conversation`, `open_conversation_blocking`, `Settings`, `SyncReport`, the errors and
  the stores.
- `gapless.testing` puts clients of your own to the test: what a client is given and gives, scenarios as data, one run
  as a function, the types of the pytest fixtures.

Everything else may move between releases. In the repository, the four packages below this one are links to the folders
beside it.

Names are loaded when they are first used, so ``import gapless`` loads nothing of them.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gapless.syncclient import (
        AuthenticationFailed,
        BlockingConversation,
        Certainty,
        Conversation,
        ConversationClosed,
        ConversationNotFound,
        Gap,
        Generation,
        LogEvent,
        MemoryStore,
        Origin,
        Proof,
        ProtocolViolation,
        Range,
        RequestRefused,
        RunTimedOut,
        SendUnconfirmed,
        ServerUnreachable,
        Settings,
        SettingsError,
        Spent,
        SqliteStore,
        Store,
        StoreError,
        SubscriberFailed,
        SyncError,
        SyncReport,
        Unloaded,
        WrongLoop,
        open_conversation,
        open_conversation_blocking,
    )

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


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module 'gapless' has no attribute {name!r}")
    value: object = getattr(import_module("gapless.syncclient"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
