"""The entries of a journal that explain a failure, few enough to read, and how many are left out between them.

Entries are chosen in this order: those about the events in question and the calls and answers of the client; faults
and the agent's runs; sockets that open or close. Among equals, the nearest to the client's last answer come first.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby

from gapless.reports.one_run.trace import parse_entry, render_trace

ENTRIES_MAX = 40
IDS_MAX = 4  # with more events in question, their entries would use up the room
_MARGIN = " " * 11
_CONNECTIONS = frozenset({"opened", "closed", "refused"})


def render_focus(lines: Sequence[str], event_ids: Sequence[str], *, entries_max: int = ENTRIES_MAX) -> str:
    """At most ``entries_max`` entries of a journal, as ``render_trace`` shows them.

    Raises ValueError if a line is not a journal line.
    """
    entries = [parse_entry(line) for line in lines]
    wanted = frozenset(event_ids[:IDS_MAX])
    last_answer = max((index for index, entry in enumerate(entries) if _is_answer(entry)), default=len(entries) - 1)
    order = sorted(
        range(len(entries)), key=lambda index: (_rank(entries[index], wanted), abs(index - last_answer), index)
    )
    chosen = frozenset(order[:entries_max])
    return "\n".join(_rows(lines, chosen))


def _rows(lines: Sequence[str], chosen: frozenset[int]) -> Iterator[str]:
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


def _is_answer(entry: Mapping[str, object]) -> bool:
    """Whether the entry is the client's answer to a step. Verdicts are about answers."""
    return entry["place"] == "client" and (str(entry["what"]).endswith("-returned") or entry["what"] == "error")
