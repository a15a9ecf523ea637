"""Requests: what each is for, how often it was tried, when to try again, and what a failure means. Pure.

Every GET and POST of the client is a `Request`, and every failure is judged by one rule, `judge`. So retries,
deadlines, backoff and Retry-After are the same for all of them. Only one GET is under way at a time, beside the one
that reads history, so a repair never races another.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Literal

from gapless.syncclient.core.events import RequestFailed
from gapless.syncclient.decisions import decision
from gapless.syncclient.log.walk import Walk
from gapless.syncclient.path_marks import sometimes

Purpose = Literal["generation", "attach", "repair", "status", "count", "history", "message", "run"]
_POSTS = frozenset({"message", "run"})
_POST_RETRIED = frozenset({307, 308, 429, 503})
"""Answers to a POST that say that the server has done nothing; a redirect says it of the proxy that sent it (R71)."""
_CONFLICT = 409
_HIDDEN_TRIES, _HIDDEN_TRIES_OF_ATTACH = 2, 6
"""How often a hidden conversation is asked for while it may be hidden. A socket tells when it is shown again, if one is
to be had; an attach cannot wait for that as long as others."""


class FailureVerdict(Enum):
    """What a failed request means."""

    RETRY = "retry"
    """Nothing yet; it is tried again at `Request.retry_at_s`."""
    TOO_LATE = "too late"
    """It would be tried again after its deadline."""
    UNKNOWN_CURSOR = "unknown cursor"
    UNSURE = "unsure"
    """The answer to a POST was lost: the server may have done what it asks for."""
    CONFLICT = "conflict"
    """A run is in progress (409)."""
    KEY_REFUSED = "key refused"
    GONE = "gone"
    """The server knows no such conversation."""
    REFUSED = "refused"


@dataclass(slots=True)
class Request:
    """A GET, a walk of GETs, or a POST; times are the caller's clock, seconds."""

    purpose: Purpose
    begun_step: int
    """The core's step at which it was begun: what it says is no older."""
    deadline_s: float
    walk: Walk | None = None
    """The walk whose pages are fetched; None for anything that is no page."""
    text: str = ""
    """The message to post."""
    ticket: int = 0
    """The caller's number for a message."""
    number: int = 0
    """The number of the latest try; it comes back with the answer."""
    to_tail: bool = True
    """Whether the walk is to come to the log's tail, and so to prove it; else it may stop when nothing is missing."""
    asked_step: int = -1
    """The core's step at which it was last asked: the answer may be older than what was heard since."""
    asked_at_s: float = 0.0
    held_events: int = 0
    """How many events were held when it was last asked: a count is compared with these, not with what came later."""
    unplaced_ids: tuple[str, ...] = ()
    """What was held without a proven place when it was begun: a walk to the tail shows it, or the log has it not."""
    failures: int = 0
    turns: int = 0
    """How often a walk from the tail was begun anew, because its cursor was unknown."""
    rereads: int = 0
    """How often a page was asked for again, because an item of it could not be read."""
    retry_at_s: float | None = None
    reason: str = ""
    """Why the last try failed."""
    unknown_since_s: float | None = None
    """Since when the server has said that it does not know the conversation."""

    @property
    def is_post(self) -> bool:
        """Whether the server does something about it, so that it must not be sent twice."""
        return self.purpose in _POSTS

    def leaves_time(self, now_s: float) -> bool:
        """Whether an answer that takes as long as the last, and another, would come before the deadline."""
        return now_s + 2 * (now_s - self.asked_at_s) <= self.deadline_s

    @property
    def has_cursor(self) -> bool:
        """Whether it names an event of the log, which the server may not know."""
        return self.walk is not None and self.walk.query().page_id is not None


@decision("failed-request")
def judge(
    request: Request, failure: RequestFailed, *, now_s: float, backoff_s: float, hidden_s_max: float
) -> FailureVerdict:
    """What a failure means. It sets `retry_at_s` for another try.

    `hidden_s_max` is how long the conversation may be unknown to the server: zero if it never was known, and otherwise
    as long as a lease may hide it after its process has died (R33).
    """
    status, request.reason = failure.status, failure.reason
    if status in (401, 403):
        return FailureVerdict.KEY_REFUSED
    if status in (400, 404) and request.has_cursor:
        return FailureVerdict.UNKNOWN_CURSOR
    if status == 404:
        request.unknown_since_s = now_s if request.unknown_since_s is None else request.unknown_since_s
        if now_s - request.unknown_since_s >= hidden_s_max:
            return FailureVerdict.GONE
        sometimes("rest: a conversation that was known before was hidden")
    elif request.is_post and status == _CONFLICT:
        return FailureVerdict.CONFLICT
    elif request.is_post and status is None and failure.was_sent:
        return FailureVerdict.UNSURE
    elif not (status is None or status in _POST_RETRIED if request.is_post else failure.transient):
        return FailureVerdict.REFUSED
    request.failures += 1
    hidden_wait_s = hidden_s_max / (_HIDDEN_TRIES_OF_ATTACH if request.purpose == "attach" else _HIDDEN_TRIES)
    wait_s = max(failure.retry_after_s or 0.0, backoff_s, hidden_wait_s if status == 404 else 0.0)
    sometimes("rest: the server said when to try again", wait_s == failure.retry_after_s)
    sometimes("rest: a failed request was tried again")
    request.retry_at_s = now_s + wait_s
    is_hidden = status == 404
    return (
        FailureVerdict.TOO_LATE if request.retry_at_s > request.deadline_s and not is_hidden else FailureVerdict.RETRY
    )
