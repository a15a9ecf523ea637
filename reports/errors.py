"""What can go wrong in reading a stored report. Rendering cannot fail: what is rendered has been read, or made here."""

from __future__ import annotations


class UnreadableRecords(ValueError):
    """A records document that cannot be used: ``place`` in it (empty: the whole), ``problem``, ``cure``."""

    def __init__(self, place: str, problem: str, cure: str) -> None:
        self.place, self.problem, self.cure = place, problem, cure
        at_place = f"{place}: " if place else ""
        super().__init__(f"{at_place}{problem}; {cure}")
