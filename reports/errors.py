"""The error for a stored report that cannot be read.

Rendering has no errors: records were checked when they were read, or were made by this program.
"""

from __future__ import annotations


class UnreadableRecords(ValueError):
    """A stored report cannot be used.

    ``place`` is where in it (empty: all of it), ``problem`` what is wrong there, ``cure`` what to do.
    """

    def __init__(self, place: str, problem: str, cure: str) -> None:
        self.place, self.problem, self.cure = place, problem, cure
        at_place = f"{place}: " if place else ""
        super().__init__(f"{at_place}{problem}; {cure}")
