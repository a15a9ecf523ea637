"""Bugs with failed calls (R51, R55, R56)."""

from __future__ import annotations

from dataclasses import replace

from gapless.scenarios.mutation.planting import ExpectedKill, Mutant, Original, mutant, with_settings
from gapless.syncclient.core import events
from gapless.syncclient.core.requests import FailureVerdict, Request
from gapless.syncclient.errors import ProtocolViolation
from gapless.syncclient.wire import Page


@mutant("failed-request", races=["R56"], killed=("r56-too-many-for-a-while", "tree/inclusive", "budget"))
def retry_after_ignored(
    original: Original,
    request: Request,
    failure: events.RequestFailed,
    *,
    now_s: float,
    backoff_s: float,
    hidden_s_max: float,
) -> FailureVerdict:
    """Retries after its own backoff and ignores Retry-After."""
    verdict: FailureVerdict = original(
        request, replace(failure, retry_after_s=None), now_s=now_s, backoff_s=backoff_s, hidden_s_max=hidden_s_max
    )
    return verdict


@mutant("failed-request", races=["R56"], killed=("r56-too-many-for-a-while", "tree/inclusive", "budget"))
def retry_without_bound(
    original: Original,
    request: Request,
    failure: events.RequestFailed,
    *,
    now_s: float,
    backoff_s: float,
    hidden_s_max: float,
) -> FailureVerdict:
    """Retries a failed request after 0.01 s, without any limit."""
    request.retry_at_s = now_s + 0.01
    return FailureVerdict.RETRY


@mutant("failed-request", races=["R56"], killed=("r56-message-answer-lost", "tree/inclusive", "sent-once"))
def message_sent_again(
    original: Original,
    request: Request,
    failure: events.RequestFailed,
    *,
    now_s: float,
    backoff_s: float,
    hidden_s_max: float,
) -> FailureVerdict:
    """Sends a message again when the answer to it was lost."""
    verdict: FailureVerdict = original(request, failure, now_s=now_s, backoff_s=backoff_s, hidden_s_max=hidden_s_max)
    if verdict is FailureVerdict.UNSURE and request.purpose == "message":
        request.retry_at_s = now_s + backoff_s
        return FailureVerdict.RETRY
    return verdict


@mutant("failed-request", races=["R51"], killed=("r51-unknown-cursor-404", "legacy/inclusive", "no-hang"))
def unknown_cursor_is_unknown_conversation(
    original: Original,
    request: Request,
    failure: events.RequestFailed,
    *,
    now_s: float,
    backoff_s: float,
    hidden_s_max: float,
) -> FailureVerdict:
    """Treats a 404 for an unknown cursor as a 404 for the conversation."""
    if failure.status == 404:
        return FailureVerdict.GONE
    verdict: FailureVerdict = original(request, failure, now_s=now_s, backoff_s=backoff_s, hidden_s_max=hidden_s_max)
    return verdict


@mutant("failed-request", races=["R51"], killed=("r51-unknown-cursor-for-good", "legacy/inclusive", "budget"))
def bad_request_tried_again(
    original: Original,
    request: Request,
    failure: events.RequestFailed,
    *,
    now_s: float,
    backoff_s: float,
    hidden_s_max: float,
) -> FailureVerdict:
    """Retries a request that the server has answered with 400."""
    is_bad = failure.status == 400
    failure = replace(failure, status=500, transient=True) if is_bad else failure
    verdict: FailureVerdict = original(request, failure, now_s=now_s, backoff_s=backoff_s, hidden_s_max=hidden_s_max)
    return verdict


@mutant("transient-failure", races=["R56"], killed=("r56-unavailable-at-attach", "tree/inclusive", "no-hang"))
def unavailable_is_for_good(original: Original, status: int) -> bool:
    """Gives up at the first 503."""
    return False


@mutant("parse-page", races=["R56"], killed=("r56-malformed-at-attach", "legacy/inclusive", "budget"))
def unreadable_page_is_empty(original: Original, body: bytes) -> Page:
    """Treats a page that it cannot parse as an empty page."""
    try:
        page: Page = original(body)
    except ProtocolViolation:
        page = Page((), None)
    return page


@mutant("parse-page", races=["R56"], killed=("r56-malformed-not-json", "legacy/inclusive", "no-hang"))
def unreadable_page_crashes(original: Original, body: bytes) -> Page:
    """Does not catch the error of its JSON parser."""
    try:
        page: Page = original(body)
    except ProtocolViolation as error:
        raise ValueError(str(error)) from error
    return page


@mutant("parse-page", races=["R56"], killed=("r56-malformed-at-attach", "legacy/inclusive", "budget"))
def missing_items_are_none(original: Original, body: bytes) -> Page:
    """Treats a page without the key "items" as an empty page, as a lookup with a default does."""
    try:
        page: Page = original(body)
    except ProtocolViolation as error:
        if "list of items" not in str(error):
            raise
        page = Page((), None)
    return page


request_without_a_time_out = Mutant(
    "request-without-a-time-out",
    "Waits up to an hour for an answer.",
    ("R56",),
    (with_settings({"request_timeout_s": 3600.0}),),
    ExpectedKill("r56-time-out", "legacy/inclusive", "returns-in-time"),
)


@mutant("failed-request", races=["R56"], killed=("r56-too-many-requests", "tree/inclusive", "honest"))
def retry_after_in_minutes(
    original: Original,
    request: Request,
    failure: events.RequestFailed,
    *,
    now_s: float,
    backoff_s: float,
    hidden_s_max: float,
) -> FailureVerdict:
    """Reads the seconds in Retry-After as minutes."""
    wait_s = None if failure.retry_after_s is None else failure.retry_after_s * 60
    verdict: FailureVerdict = original(
        request, replace(failure, retry_after_s=wait_s), now_s=now_s, backoff_s=backoff_s, hidden_s_max=hidden_s_max
    )
    return verdict


@mutant("failed-request", races=["R56"], killed=("r56-key-revoked", "legacy/inclusive", "no-hang"))
def revoked_key_tried_again(
    original: Original,
    request: Request,
    failure: events.RequestFailed,
    *,
    now_s: float,
    backoff_s: float,
    hidden_s_max: float,
) -> FailureVerdict:
    """Retries with a key that the server has refused."""
    is_refused = failure.status in (401, 403)
    failure = replace(failure, status=500, transient=True) if is_refused else failure
    verdict: FailureVerdict = original(request, failure, now_s=now_s, backoff_s=backoff_s, hidden_s_max=hidden_s_max)
    return verdict


@mutant("failed-request", races=["R56"], killed=("r56-conversation-gone", "legacy/inclusive", "no-hang"))
def gone_conversation_asked_again(
    original: Original,
    request: Request,
    failure: events.RequestFailed,
    *,
    now_s: float,
    backoff_s: float,
    hidden_s_max: float,
) -> FailureVerdict:
    """Keeps asking for a conversation that the server reports as missing."""
    is_gone = failure.status == 404
    failure = replace(failure, status=500, transient=True) if is_gone else failure
    verdict: FailureVerdict = original(request, failure, now_s=now_s, backoff_s=backoff_s, hidden_s_max=hidden_s_max)
    return verdict


MUTANTS = (
    message_sent_again,
    retry_after_ignored,
    retry_without_bound,
    unknown_cursor_is_unknown_conversation,
    bad_request_tried_again,
    unavailable_is_for_good,
    unreadable_page_is_empty,
    unreadable_page_crashes,
    missing_items_are_none,
    request_without_a_time_out,
    retry_after_in_minutes,
    revoked_key_tried_again,
    gone_conversation_asked_again,
)
