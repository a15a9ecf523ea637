"""What the client was doing when a fault fired, derived from a journal.

- ``attach``        the client has not attached yet
- ``reconnecting``  the server has no open socket of the client
- ``repairing``     the client waits for a page or a count
- ``starting``      the client has asked for a run, and the server has not said since that it runs
- ``run``           the run that the client asked for is in progress
- ``tail``          the run has ended, but ``run()`` has not returned yet
- ``idle``          none of these
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

STATES = ("attach", "idle", "starting", "run", "tail", "reconnecting", "repairing")
_AGENT = ("run-started", "run-ended", "status")
_WHATS = ("run-called", "error", *_AGENT, "opened", "closed", "request", "response", "restarting")
_RETURNS = ("attach-returned", "run-returned")
# The journal lines that can change the state. Only these are parsed: parsing all would be slow.
_CHANGES = re.compile(f'"place":"fault"|"what":"(?:{"|".join((*_WHATS, *_RETURNS))})"')
# These lines are long, for they list what the client holds. Their ends say enough. A line ends with its ``what``.
_ENDS = {f'"what":"{what}"}}': {"place": "client", "what": what} for what in _RETURNS}
_LONG = tuple(_ENDS)


def fired_in(lines: Iterable[str]) -> Counter[tuple[str, str]]:
    """How often each kind of fault fired in each state. ``lines`` are the canonical lines of a journal."""
    now, fired = _StateTracker(), Counter[tuple[str, str]]()
    for line in lines:
        if line.endswith(_LONG):
            now.take(next(entry for end, entry in _ENDS.items() if line.endswith(end)))
        elif _CHANGES.search(line):
            entry = json.loads(line)
            if entry["place"] == "fault":
                fired[entry["kind"], now.state()] += 1
            else:
                now.take(entry)
    return fired


class _StateTracker:
    """The state after the journal entries read so far."""

    def __init__(self) -> None:
        self._attached = self._running = self._called = self._said = False
        self._sockets: set[object] = set()
        self._asked: set[object] = set()

    def state(self) -> str:
        """The first state that applies."""
        if not self._attached:
            return "attach"
        if not self._sockets:
            return "reconnecting"
        if self._asked:
            return "repairing"
        if self._called:
            return ("run" if self._said else "starting") if self._running else "tail"
        return "idle"

    def take(self, entry: Mapping[str, Any]) -> None:
        """Apply one journal entry."""
        match entry["place"], entry["what"]:
            case "client", "attach-returned":
                self._attached = True
            case "client", "run-called":
                self._called = self._running = True
                self._said = False
            case "client", "run-returned" | "error":
                self._called = False
            case "agent", "run-started":
                self._running = True
            case "agent", "status" if entry["status"] == "running":
                self._said = True
            case "agent", "run-ended":
                self._running = False
            case "socket", "opened":
                self._sockets.add(entry["connection"])
            case "socket", "closed":
                self._sockets.discard(entry["connection"])
            case "rest", "request" if entry["counted"] and "events" in entry["path"]:
                self._asked.add(entry["call"])
            case "rest", "response":
                self._asked.discard(entry["call"])
            case "world", "restarting":
                self._asked.clear()
