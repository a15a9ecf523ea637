"""Asks the faults how to treat an event that the agent is about to append, or a snapshot about to be sent."""

from __future__ import annotations

from collections.abc import Callable

from gapless.simserver.conversation.archive import DURABLE, EventTreatment
from gapless.simserver.conversation.event_bodies import EventBody
from gapless.simserver.faults.match import Facts
from gapless.simserver.faults.verdicts import (
    ChangeKind,
    Corrupt,
    Flood,
    PersistLate,
    PersistNever,
    Stale,
    StampLate,
    UpdateLater,
)
from gapless.simserver.link import Link
from gapless.simserver.network.socket_name import SocketName


class EventFaults:
    """Turns the faults' verdicts into an `EventTreatment`.

    The disk keeps the order of the log, so an event behind a late one is persisted no earlier than that one.
    """

    def __init__(self, link: Link, now_s: Callable[[], float]) -> None:
        self._link = link
        self._now_s = now_s
        self._behind_until_s = 0.0

    def __repr__(self) -> str:
        return f"EventFaults(log behind until {self._behind_until_s:g} s)"

    def of(self, event: EventBody) -> EventTreatment:
        """How the faults treat an event."""
        if not self._behind_until_s and not self._link.watches("append"):
            return DURABLE
        now_s = self._now_s()
        lag_s, persisted, readable = max(0.0, self._behind_until_s - now_s), True, True
        flood: Flood | None = None
        update_s: float | None = None
        unstamped, until_restart, kind = False, False, None
        if self._link.watches("append"):
            for verdict in self._link.consult(_facts(event)):
                match verdict:
                    case PersistLate():
                        lag_s = max(lag_s, verdict.lag_s)
                    case PersistNever():
                        persisted = False
                    case Corrupt():
                        readable, until_restart = False, verdict.until_restart
                    case Flood():
                        flood = verdict
                    case UpdateLater():
                        update_s = verdict.after_s
                    case StampLate():
                        unstamped = True
                    case ChangeKind():
                        kind = verdict.kind
                    case _:
                        raise AssertionError(f"{verdict} is not about an append")
        if persisted:
            self._behind_until_s = max(self._behind_until_s, now_s + lag_s)
        treatment = EventTreatment(persisted, lag_s, readable, flood, until_restart, update_s, unstamped, kind)
        return DURABLE if treatment == DURABLE else treatment

    def stale_s(self, status: str, socket: SocketName | None) -> float:
        """How old the state in a snapshot is, in seconds; 0 when no fault acts.

        socket: the one that the snapshot greets, None for the final snapshot of a run.
        """
        if socket is None:
            facts = Facts("snapshot", "final snapshot", status=status)
        else:
            target = f"snapshot for {socket}"
            facts = Facts("snapshot", target, connection=socket.nth, client=socket.client, status=status)
        verdicts = self._link.consult(facts)
        return max((verdict.stale_s for verdict in verdicts if isinstance(verdict, Stale)), default=0.0)

    def caught_up(self) -> None:
        """Everything has been persisted, so later events no longer wait for earlier ones."""
        self._behind_until_s = 0.0


def _facts(event: EventBody) -> Facts:
    key = event.get("key")
    status = event["value"] if key == "execution_status" else None
    tool = event.get("tool_name")
    return Facts("append", str(event["id"]), kind=event["kind"], key=key, status=status, tool=tool)
