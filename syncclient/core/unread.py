"""From where on the log may have what nothing tells of: state updates that an outage kept away, in the tree. Pure.

A chain of parents proves messages, actions and observations, and a branch is complete without what it does not name. So
these updates are read only when somebody asks for the whole log (`gap_reading.py`), or where a page shows them anyway.
"""

from __future__ import annotations

from collections.abc import Sequence

from gapless.syncclient.decisions import decision


class Unread:
    """The event behind which the log is not known to be whole, on the way to its tail."""

    def __init__(self) -> None:
        self._is_open = False
        self._after_id: str | None = None

    @decision("unread-updates")
    def open(self, after_id: str | None) -> None:
        """Nothing is heard any more behind a placed event, or the log's head (None); what was open before stays so."""
        if not self._is_open:
            self._is_open, self._after_id = True, after_id

    def close(self) -> None:
        """The log is held as it is, or is begun anew."""
        self._is_open = False

    def shown(self, ids: Sequence[str], *, begins_log: bool, is_last: bool) -> None:
        """A page has shown events of the log, in its order; `is_last` if nothing follows that is not known."""
        if self._is_open and ids and (begins_log if self._after_id is None else self._after_id in ids):
            self._is_open, self._after_id = not is_last, ids[-1]

    def follows(self, after_id: str | None) -> bool:
        """Whether what follows an event, or begins the log (None), has to be read."""
        return self._is_open and self._after_id == after_id

    def up_to(self, after_id: str | None, ids: list[str]) -> list[str]:
        """As many of the ids that follow an event as can be told without reading."""
        if not self._is_open:
            return ids
        if self._after_id == after_id:
            return []
        return ids[: ids.index(self._after_id) + 1] if self._after_id in ids else ids
