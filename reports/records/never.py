"""What never happened in all runs of a campaign. That no violation was found proves nothing about it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

MEANING = {
    "fault": "kind of fault never acted",
    "oracle": "oracle never judged anything",
    "path": "path of the client was never taken",
}


@dataclass(frozen=True, slots=True)
class Never:
    """One thing that never happened.

    ``what`` is ``fault``, ``oracle`` or ``path``. ``place`` is the line of source code where a path is marked.
    """

    what: str
    name: str
    place: str = ""


def render_never(nevers: Sequence[Never], runs: int) -> Iterator[str]:
    """A line with their number, then one line for each. No lines if everything happened in some run."""
    if nevers:
        yield f"vacuous: in {_count(runs, 'run')}, {_count(len(nevers), 'thing')} never happened"
    for one in nevers:
        yield f"  {MEANING[one.what]}: {one.name}" + (f" ({one.place})" if one.place else "")


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' * (number != 1)}"
