"""The errors of the client.

`SyncError` is the root. Below it are the caller's mistakes (`SettingsError`, `WrongLoop`, `ConversationClosed`), the
server's fault (`AuthenticationFailed`, `ConversationNotFound`, `ServerUnreachable`, `RequestRefused`,
`ProtocolViolation`), an answer that was lost (`SendUnconfirmed`), a subscriber that raised (`SubscriberFailed`), a
store that cannot be used (`StoreError`), and a deadline (`RunTimedOut`). A bug of the client is an `AssertionError`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gapless.syncclient.report import SyncReport


class SyncError(Exception):
    """The root of all errors that the client raises on purpose."""


class SettingsError(SyncError):
    """A setting has a value that cannot work. The message has the setting, the value and what is allowed."""


class WrongLoop(SyncError, RuntimeError):
    """The client was called where it cannot run. The message has the cure.

    For example without an event loop, on one that is neither asyncio nor trio, with a `dial` that is made for another
    loop, or blocking inside a running event loop.
    """


class ConversationClosed(SyncError):
    """The conversation was closed: its `with` block has ended, or `close()` was called."""


class AuthenticationFailed(SyncError):
    """The server does not accept the API key (REST 401 or 403, socket close 4001)."""


class ConversationNotFound(SyncError):
    """The server has no such conversation (REST 404, socket close 4004)."""


class RequestRefused(SyncError):
    """The server refused a request, and trying again would not help.

    Fields: `status` (HTTP status), `body` (the first characters of the answer).
    """

    def __init__(self, message: str, *, status: int, body: str) -> None:
        super().__init__(message)
        self.status = status
        self.body = body


class ServerUnreachable(SyncError):
    """The server gave no usable answer before the deadline, in spite of retries. The message has the last reason."""


class ProtocolViolation(SyncError):
    """The server sent something that the wire contract does not allow: a malformed frame, page or answer."""


class SendUnconfirmed(SyncError):
    """A message was posted, and the answer was lost. The server may or may not have the message.

    The client does not send it again, since the agent could then act twice. Look at `conversation.events`.
    """


class SubscriberFailed(SyncError):
    """A subscriber raised an error, which is the `__cause__`. The client stops: it cannot know what was taken.

    The event at which it happened counts as delivered. What was not delivered is delivered by the next client.
    """


class StoreError(SyncError):
    """The store cannot be used: corrupt, another program's file, of another conversation, in use, or the disk failed.

    Nothing in it is overwritten. If it happens while a conversation is followed, the client stops.
    """


class RunTimedOut(SyncError):
    """`run()` reached its deadline before the end of the run was proven.

    Fields: `report` (`SyncReport`), what is known.
    """

    def __init__(self, message: str, *, report: SyncReport) -> None:
        super().__init__(message)
        self.report = report
