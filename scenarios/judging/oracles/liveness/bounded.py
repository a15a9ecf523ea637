"""What a client makes is bounded: requests and sockets by a rate, and the sockets that are open at once. When it is
closed, none of its connections is left, if it says so (``closes_all``).

The rate is over a sliding window, so a client that waits long for a slow tool may try as often as it needs to. Where
nothing new reaches the client, there is a bound on the sum too. ``Expectation.calls_max`` and ``sockets_max`` are the
most in one window.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import Final

from gapless.reports.records.record import Verdict, Violation
from gapless.scenarios.judging.oracles.case import Case, OracleFinding, count

NAME = "bounded"
WINDOW_S: Final = 60.0
WINDOWS_WITHOUT_NEWS: Final = 20
"""The sum while nothing new came may be this many times the bound of one window."""
OPEN_SOCKETS_MAX: Final = 6


def bounded(case: Case) -> OracleFinding:
    """Judge when requests were made and sockets opened."""
    evidence, expect = case.evidence, case.expect
    requests = [one.t_s for one in evidence.exchanges]
    sockets = evidence.socket_times_s
    found = [
        *_busy("requests were made", requests, expect.calls_max, evidence.news_times_s),
        *_busy("sockets were opened", sockets, expect.sockets_max, evidence.news_times_s),
    ]
    if evidence.open_sockets_max > OPEN_SOCKETS_MAX:
        message = f"{evidence.open_sockets_max} sockets were open at once; at most {OPEN_SOCKETS_MAX} are needed"
        found.append(Violation(NAME, message, breaks=Verdict.STUCK))
    if evidence.left_open:
        message = f"{count(evidence.left_open, 'connection')} of the client were left open when it was closed"
        found.append(Violation(NAME, message, breaks=Verdict.STUCK))
    return OracleFinding(1 + len(requests) + len(sockets), tuple(found))


def _busy(what: str, times_s: Sequence[float], bound: int, news_s: Sequence[float]) -> Iterator[Violation]:
    most, at_s = _most_in_window(times_s)
    if most > bound:
        message = f"{most} {what} within {WINDOW_S:g} s from {at_s:.3f} s on; more than {bound} is a busy loop"
        yield Violation(NAME, message, breaks=Verdict.STUCK)
        return
    most, at_s = _most_without_news(times_s, news_s)
    if most > WINDOWS_WITHOUT_NEWS * bound:
        message = (
            f"{most} {what} from {at_s:.3f} s on while nothing new came; "
            f"more than {WINDOWS_WITHOUT_NEWS * bound} is a busy loop"
        )
        yield Violation(NAME, message, breaks=Verdict.STUCK)


def _most_in_window(times_s: Sequence[float]) -> tuple[int, float]:
    """The most within a window, and when that window began. ``times_s`` is ascending."""
    most, at_s, first = 0, 0.0, 0
    for last, t_s in enumerate(times_s):
        while times_s[first] <= t_s - WINDOW_S:
            first += 1
        if last - first + 1 > most:
            most, at_s = last - first + 1, times_s[first]
    return most, at_s


def _most_without_news(times_s: Sequence[float], news_s: Sequence[float]) -> tuple[int, float]:
    """The most between two pieces of news, and when they began. Both are ascending."""
    most, at_s = 0, 0.0
    for begin_s, end_s in zip((0.0, *news_s), (*news_s, float("inf")), strict=True):
        first, end = bisect_left(times_s, begin_s), bisect_left(times_s, end_s)
        if end - first > most:
            most, at_s = end - first, times_s[first]
    return most, at_s
