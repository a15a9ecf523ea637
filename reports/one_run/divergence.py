"""Two journals side by side, from where they begin to differ: the failed run on the left, a passing one on the right.

On top stand the last entries that both have. Two lanes follow. Each shows the first entries after the divergence, and
of the later ones those that explain the loss: entries about a lost event, faults, and the calls and answers of the
client. Entries that differ only in their time stand on one row. At most 100 columns.
"""

from __future__ import annotations

import difflib
import itertools
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence

from gapless.reports.one_run.trace import COLUMNS, parse_entry, render_entry, render_in_lane

CONTEXT_ENTRIES = 4
FIRST_ENTRIES = 8
LATER_ENTRIES_MAX = 40
_GAP = " │ "
_LANE = (COLUMNS - len(_GAP)) // 2
_TIME = ("index", "t_s")
_FAILURES = frozenset({"error", "spinning"})

EntryFields = Mapping[str, object]
Pair = tuple[EntryFields | None, EntryFields | None]


def first_divergence(one: Sequence[str], other: Sequence[str]) -> int | None:
    """The index of the first entry in which the two journals differ; None if they are equal."""
    pairs = enumerate(itertools.zip_longest(one, other))
    return next((index for index, (left, right) in pairs if left != right), None)


def render_divergence(
    failed: Sequence[str], passing: Sequence[str], *, titles: tuple[str, str], lost_ids: Sequence[str] = ()
) -> str:
    """Where two journals begin to differ, and what followed.

    ``titles`` stand above the lanes. ``lost_ids`` are the events whose entries are all shown. Raises ValueError if a
    line is not a journal line.
    """
    index = first_divergence(failed, passing)
    if index is None:
        return f"no difference: all {len(failed)} entries are equal"
    return "\n".join(_rows(failed, passing, index, titles, lost_ids))


def _rows(
    failed: Sequence[str], passing: Sequence[str], index: int, titles: tuple[str, str], lost_ids: Sequence[str]
) -> Iterator[str]:
    yield f"the two runs are the same for {index} entries"
    for line in failed[max(0, index - CONTEXT_ENTRIES) : index]:
        yield from render_entry(parse_entry(line))
    yield ""
    yield _row(*titles)
    yield f"{'─' * _LANE}─┼─{'─' * _LANE}"
    left, right = (_chosen(lines[index:], lost_ids) for lines in (failed, passing))
    pairs = list(_paired(left, right))
    shown = pairs[: FIRST_ENTRIES + LATER_ENTRIES_MAX]
    for pair in shown:
        yield from _lanes(*pair)
    if len(pairs) > len(shown):
        yield f"… and {len(pairs) - len(shown)} rows more; --trace has the whole run"


def _chosen(lines: Sequence[str], lost_ids: Sequence[str]) -> list[EntryFields]:
    """The entries of a lane: the first ones after the divergence, and of the later ones those that explain the loss."""
    later = (parse_entry(line) for line in lines[FIRST_ENTRIES:] if _explains(line, lost_ids))
    return [*(parse_entry(line) for line in lines[:FIRST_ENTRIES]), *later]


def _explains(line: str, lost_ids: Sequence[str]) -> bool:
    entry = parse_entry(line)
    place, what = entry["place"], str(entry["what"])
    if place == "client" and what != "delivered":
        return what in _FAILURES or what.endswith(("-called", "-returned"))
    return place == "fault" or what == "run-ended" or any(event_id in line for event_id in lost_ids)


def _paired(left: Sequence[EntryFields], right: Sequence[EntryFields]) -> Iterator[Pair]:
    """Both lanes as pairs. Entries that only one lane has are paired with None."""
    ours_timeless, theirs_timeless = ([_timeless(entry) for entry in entries] for entries in (left, right))
    matcher = difflib.SequenceMatcher(None, ours_timeless, theirs_timeless, autojunk=False)
    for same, left_from, left_to, right_from, right_to in matcher.get_opcodes():
        ours, theirs = left[left_from:left_to], right[right_from:right_to]
        if same == "equal":
            yield from zip(ours, theirs, strict=True)
        else:
            yield from ((entry, None) for entry in ours)
            yield from ((None, entry) for entry in theirs)


def _timeless(entry: EntryFields) -> str:
    return json.dumps({name: value for name, value in entry.items() if name not in _TIME}, sort_keys=True)


def _lanes(left: EntryFields | None, right: EntryFields | None) -> Iterable[str]:
    rows = [() if entry is None else render_in_lane(entry, _LANE) for entry in (left, right)]
    return (_row(*row) for row in itertools.zip_longest(*rows, fillvalue=""))


def _row(left: str, right: str) -> str:
    cut = left if len(left) <= _LANE else left[: _LANE - 1] + "…"
    return f"{cut:<{_LANE}}{_GAP}{right if len(right) <= _LANE else right[: _LANE - 1] + '…'}".rstrip()
