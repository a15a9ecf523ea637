"""Which oracles judge: groups of them and single ones, chosen by a user.

A client that is safe and dear can be judged by ``safety`` and ``liveness`` alone. Whether a planned fault fired is
checked in any case: without it a run proves nothing by any oracle.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from gapless.scenarios.errors import UsageError, did_you_mean
from gapless.scenarios.judging.oracles import ORACLES

NAMES: Final = tuple(name for name, _ in ORACLES)
GROUPS: Final[Mapping[str, tuple[str, ...]]] = {
    "safety": (
        "no-tail-loss",
        "no-holes",
        "held-at-attach",
        "content",
        "delivered-once",
        "delivered-in-order",
        "honest",
        "state",
        "says-what-it-did",
        "sent-once",
        "history",
        "ends-first",
        "returns-in-time",
    ),
    "liveness": ("returns-in-time", "no-hang", "delivered-in-time", "bounded", "jitter"),
    "budget": ("budget",),
}
"""``returns-in-time`` is in two groups: an early return loses events, and a late one is only late."""


def chosen_oracles(judge: Iterable[str] = (), no_judge: Iterable[str] = ()) -> tuple[str, ...]:
    """The names of the oracles that judge, in the order of ``ORACLES``; empty when all of them do.

    ``judge``, ``no_judge``: groups and single oracles; nothing in ``judge`` means all. Raises UsageError for a name
    that is neither, and when nothing is left.
    """
    wanted = _expanded(judge) or frozenset(NAMES)
    left_out = _expanded(no_judge)
    found = tuple(name for name in NAMES if name in wanted and name not in left_out)
    if not found:
        raise UsageError("no oracle is left to judge by; leave out less with --no-judge, or choose more with --judge")
    return () if found == NAMES else found


def words(text: str | Iterable[str]) -> tuple[str, ...]:
    """The words of texts that are separated by commas."""
    texts = [text] if isinstance(text, str) else list(text)
    return tuple(word.strip() for one in texts for word in one.split(",") if word.strip())


def _expanded(names: Iterable[str]) -> frozenset[str]:
    found: set[str] = set()
    for name in names:
        if name in GROUPS:
            found.update(GROUPS[name])
        elif name in NAMES:
            found.add(name)
        else:
            known = (*GROUPS, *NAMES)
            cure = did_you_mean(name, known, f"there are the groups {', '.join(GROUPS)}, and {', '.join(NAMES)}")
            raise UsageError(f"no oracle or group of them is called {name!r}; {cure}")
    return frozenset(found)
