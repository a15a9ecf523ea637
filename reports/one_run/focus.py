"""Focus: of a journal, the lines that tell how a run failed, as many as a person reads; and how many are left out.

First comes what speaks of the events in question and what the client was asked and answered, then faults and the ends
of runs, then sockets, then whatever is nearest to the moment in which the client answered last.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby

from gapless.reports.one_run.trace import parse_entry, render_trace

ENTRIES_MAX = 40
IDS_MAX = 4  # of very many events the first tell the same as all
_MARGIN = " " * 11
_CONNECTIONS = frozenset({"opened", "closed", "refused"})


def render_focus(lines: Sequence[str], event_ids: Sequence[str], *, entries_max: int = ENTRIES_MAX) -> str:
    """At most ``entries_max`` entries of a journal, told as ``render_trace`` tells them.

    Raises ValueError when a line is not a journal line.
    """
    entries = [parse_entry(line) for line in lines]
    wanted = frozenset(event_ids[:IDS_MAX])
    last_said = max((index for index, entry in enumerate(entries) if _says(entry)), default=len(entries) - 1)
    order = sorted(
        range(len(entries)), key=lambda index: (_rank(entries[index], wanted), abs(index - last_said), index)
    )
    chosen = frozenset(order[:entries_max])
    return "\n".join(_told(lines, chosen))


def _told(lines: Sequence[str], chosen: frozenset[int]) -> Iterator[str]:
    for is_chosen, group in groupby(range(len(lines)), key=lambda index: index in chosen):
        indices = list(group)
        if is_chosen:
            yield render_trace([lines[index] for index in indices])
        else:
            yield f"{_MARGIN}… {len(indices)} more"


def _rank(entry: Mapping[str, object], wanted: frozenset[str]) -> int:
    place, what = entry["place"], str(entry["what"])
    if any(value in wanted for value in entry.values() if isinstance(value, str)):
        return 0
    if place == "client" and what != "delivered":
        return 0
    if place == "fault" or (place == "agent" and what.startswith("run-")):
        return 1
    return 2 if place == "socket" and what in _CONNECTIONS else 3


def _says(entry: Mapping[str, object]) -> bool:
    """The client's answer to a step, which is what it is judged by."""
    return entry["place"] == "client" and (str(entry["what"]).endswith("-returned") or entry["what"] == "error")
