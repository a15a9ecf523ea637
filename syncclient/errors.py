"""The errors a caller of this package can meet: one small tree.

`SyncError` is the root. Below it: the caller's mistake (`SettingsError`), the other side's fault
(`AuthenticationFailed`, `ConversationNotFound`, `ServerUnreachable`, `RequestRefused`, `ProtocolViolation`), a store
that cannot be used (`StoreError`), and time running out (`RunTimedOut`). A bug of ours is an `AssertionError`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gapless.syncclient.report import SyncReport


class SyncError(Exception):
    """Root of every error that this package raises on purpose."""


class SettingsError(SyncError):
    """A setting has a value that cannot work; the message names the setting, the value and what is allowed."""


class AuthenticationFailed(SyncError):
    """The server does not accept the API key (REST 401 or 403, socket close 4001)."""


class ConversationNotFound(SyncError):
    """The server knows no such conversation (REST 404, socket close 4004)."""


class RequestRefused(SyncError):
    """The server refused a request for good.

    Fields: `status` (HTTP status), `body` (the first characters of what it answered).
    """

    def __init__(self, message: str, *, status: int, body: str) -> None:
        super().__init__(message)
        self.status = status
        self.body = body


class ServerUnreachable(SyncError):
    """Retries came to their deadline and the server never gave a usable answer; the message says the last reason."""


class ProtocolViolation(SyncError):
    """The other side sent something that the wire contract does not allow: a malformed frame, page or answer."""


class SendUnconfirmed(SyncError):
    """A message was posted, and the answer was lost: the server may or may not have it.

    It is not sent again by itself, since that could make the agent act twice. Look at `conversation.events`.
    """


class StoreError(SyncError):
    """The store cannot be used: corrupt, somebody else's file, in use, of another conversation, or the disk failed.

    Nothing in it is overwritten. A client that meets this in the middle of its work stops there.
    """


class RunTimedOut(SyncError):
    """`run()` came to its deadline before the run's end was proven; `report` says what is known.

    Fields: `report` (`SyncReport`).
    """

    def __init__(self, message: str, *, report: SyncReport) -> None:
        super().__init__(message)
        self.report = report
