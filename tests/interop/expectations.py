"""What each release of the SDK is expected to come to in each scenario, and the reason, read in its code.

The SDK reads the whole log page by page, 100 events each: twice at an attach, and from 1.25.0 (#1832) on at each run's
end. So the reads are whole numbers that follow from the lengths of the logs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Return = Literal["in time", "early", "after 30 s"]

IN_TIME_S_MAX = 5.0
STALL_S = (29.0, 35.0)


@dataclass(frozen=True, slots=True)
class Expected:
    """One release in one scenario. lost: events that ``run()`` returned without; reads: pages of events asked for;
    returns: how the return of ``run()`` lies to the end of the run.
    """

    scenario: str
    lost: int
    reads: int
    returns: Return
    because: str
    generation: str | None = None


EXPECTED: dict[str, tuple[Expected, ...]] = {
    "1.11.0": (
        Expected(
            "construct", 0, 2, "in time", "an attach reads the empty log twice; the poll comes after the last frame"
        ),
        Expected("several-runs", 0, 2, "in time", "nothing is read at a run's end"),
        Expected("reattach", 0, 12, "in time", "⌈250/100⌉ pages, twice in each of two attaches"),
        Expected("long-history", 0, 20, "in time", "⌈1000/100⌉ pages, twice"),
        Expected("late-tail", 2, 6, "in time", "R10: REST says finished, so it returns, and reads nothing more"),
        Expected("stop-hook-veto", 5, 2, "early", "R13: the first poll that says finished is believed"),
        Expected("idle-while-initialising", 6, 2, "early", "R15: idle is not running, so the first poll ends the wait"),
        Expected("lost-final-snapshot", 0, 2, "in time", "it does not wait for the snapshot: it polls"),
        Expected("lost-frame", 1, 6, "in time", "R30: what the socket did not bring is never asked for"),
        Expected("disconnect-in-mid-run", 59, 6, "in time", "R33: the reader ends with the first connection"),
        Expected(
            "construct",
            7,
            2,
            "in time",
            "it refuses every event with a `parent_id`, which is all but the first",
            "tree",
        ),
    ),
    "1.57.0": (
        Expected("construct", 0, 3, "in time", "⌈11/100⌉ pages at the run's end"),
        Expected("several-runs", 0, 5, "in time", "one page at each of three ends"),
        Expected("reattach", 0, 15, "in time", "⌈250/100⌉ pages four times, and ⌈261/100⌉ at the run's end"),
        Expected("long-history", 0, 31, "in time", "R04: ⌈1000/100⌉ pages twice, and ⌈1011/100⌉ at the run's end"),
        Expected(
            "late-tail",
            0,
            10,
            "in time",
            "R10 mended by #1832, in releases from 1.25.0 on: ⌈311/100⌉ pages at the run's end bring the tail",
        ),
        Expected("stop-hook-veto", 0, 3, "in time", "R13 mended: only the snapshot after the run counts"),
        Expected(
            "idle-while-initialising",
            6,
            4,
            "early",
            "R15: the snapshot that greets the new subscription says idle, and is taken for the end",
        ),
        Expected("lost-final-snapshot", 0, 3, "after 30 s", "R17: it waits 30 s before it believes REST"),
        Expected("lost-frame", 0, 10, "in time", "R30 mended at the run's end: ⌈311/100⌉ pages"),
        Expected(
            "disconnect-in-mid-run",
            0,
            14,
            "in time",
            "R33 mended by #3987: it connects anew, reads ⌈330/100⌉ pages, and ⌈365/100⌉ at the run's end",
        ),
    ),
}

UNDERSTOOD = {"1.11.0": ("legacy",), "1.57.0": ("legacy", "tree", "session")}
