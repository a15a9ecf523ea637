"""The queue of one subscriber: which frames are still to be sent, and when. This is the pure part of a socket.

Frames leave in order of their due time. Frames due at the same time leave in the order in which they were put in. The
faults' verdicts change due times, add and remove frames, and put acts (reset, close, stall) between them.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from math import inf
from typing import NamedTuple

from gapless.simserver.faults.verdicts import (
    Close,
    Cut,
    Delay,
    Drop,
    Duplicate,
    FaultVerdict,
    HalfOpen,
    Hold,
    Reset,
    Stall,
    Unsubscribe,
)
from gapless.simserver.journal import Fields


class OutgoingFrame(NamedTuple):
    """One message to write. A tuple, because each frame makes one, and a frozen dataclass takes longer to make.

    text: its JSON; fields: how the journal describes it; torn: whether the connection breaks in the middle of it.
    """

    text: str
    fields: Fields
    torn: bool = False


ConnectionAct = Stall | Reset | Close | HalfOpen | Unsubscribe
Item = OutgoingFrame | ConnectionAct


@dataclass(slots=True)
class _Held:
    remaining: int
    order: int
    frame: OutgoingFrame


@dataclass(slots=True)
class _Waiting:
    """A frame that waits for the cause that a fault names, and ``gap_s`` longer."""

    fault: str
    gap_s: float
    frame: OutgoingFrame


class Outbox:
    """Frames and acts, ordered by due time."""

    __slots__ = ("_cancelled", "_heap", "_held", "_order", "_waiting")

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Item]] = []
        self._held: list[_Held] = []
        self._cancelled: set[int] = set()
        self._waiting: list[_Waiting] = []
        self._order = 0

    def __len__(self) -> int:
        return len(self._heap) - len(self._cancelled) + len(self._waiting)

    def offer(self, frame: OutgoingFrame, verdicts: list[FaultVerdict], now_s: float) -> None:
        """Put in a frame, as the verdicts say."""
        if not verdicts:
            self._order += 1
            heapq.heappush(self._heap, (now_s, self._order, frame))
        else:
            self._offer_faulty(frame, verdicts, now_s)
        if self._held:
            self._count_down(now_s)

    def offer_act(self, act: ConnectionAct, now_s: float) -> None:
        """Put in an act on the connection, due now."""
        self._push(now_s, act)

    def _offer_faulty(self, frame: OutgoingFrame, verdicts: list[FaultVerdict], now_s: float) -> None:
        delay_s, dropped = 0.0, False
        # Each copy: how much later it comes, and the fault whose cause it waits for.
        copies: list[tuple[float, str | None]] = [(0.0, None)]
        hold: Hold | None = None
        after: list[ConnectionAct] = []
        for verdict in verdicts:
            match verdict:
                case Drop("half"):
                    frame = _unreadable(frame)
                case Drop():
                    dropped = True
                case Delay():
                    delay_s += verdict.delay_s
                    copies[0] = (0.0, verdict.until or copies[0][1])
                case Duplicate():
                    first = 1 if verdict.until is None else 0
                    gaps_s = [verdict.gap_s * (number + first) for number in range(verdict.copies)]
                    copies += [(gap_s, verdict.until) for gap_s in gaps_s]
                case Hold():
                    hold = verdict
                case Cut():
                    frame = frame._replace(torn=True)
                case Stall() | HalfOpen() | Unsubscribe():
                    self._push(now_s, verdict)
                case Reset() | Close():
                    if verdict.when == "before":
                        self._push(now_s, verdict)
                    else:
                        after.append(verdict)
                case _:
                    raise AssertionError(f"{verdict} is not about a frame")
        if not dropped:
            for gap_s, fault in copies:
                if fault is not None:
                    self._waiting.append(_Waiting(fault, gap_s, frame))
                    continue
                due_s = now_s + delay_s + gap_s + (hold.hold_s if hold else 0.0)
                self._push(due_s, frame)
                if hold is not None:
                    # Plus one: this frame's own `offer` counts down too.
                    self._held.append(_Held(hold.after + 1, self._order, frame))
        for act in after:
            self._push(now_s + delay_s, act)

    def _push(self, due_s: float, item: Item) -> None:
        self._order += 1
        heapq.heappush(self._heap, (due_s, self._order, item))

    def _count_down(self, now_s: float) -> None:
        waiting = []
        for held in self._held:
            held.remaining -= 1
            if held.remaining:
                waiting.append(held)
            else:
                self._cancelled.add(held.order)
                self._push(now_s, held.frame)
        self._held = waiting

    def due(self, fault: str, now_s: float) -> None:
        """Make the frames due that wait for the cause which this fault names."""
        for one in self._waiting:
            if one.fault == fault:
                self._push(now_s + one.gap_s, one.frame)
        self._waiting = [one for one in self._waiting if one.fault != fault]

    def next_due_s(self) -> float:
        """When the next item is due. Infinity when there is none."""
        if self._cancelled:
            self._discard_cancelled()
        return self._heap[0][0] if self._heap else inf

    def pop(self, now_s: float) -> Item | None:
        """Take out the next item that is due. None when none is."""
        if self._cancelled:
            self._discard_cancelled()
        if not self._heap or self._heap[0][0] > now_s:
            return None
        _, order, item = heapq.heappop(self._heap)
        if self._held:
            self._held = [held for held in self._held if held.order != order]
        return item

    def _discard_cancelled(self) -> None:
        while self._heap and self._heap[0][1] in self._cancelled:
            self._cancelled.discard(heapq.heappop(self._heap)[1])

    def release(self, now_s: float) -> None:
        """Make every item due now, because the world has healed."""
        self._discard_cancelled()
        items = sorted(entry for entry in self._heap if entry[1] not in self._cancelled)
        self._heap, self._held, self._cancelled = [], [], set()
        for due_s, _, item in items:
            self._push(min(due_s, now_s), item)
        for one in self._waiting:
            self._push(now_s, one.frame)
        self._waiting = []


def _unreadable(frame: OutgoingFrame) -> OutgoingFrame:
    """The frame with the first half of its text. The journal says that it carries no event."""
    half = frame.text[: len(frame.text) // 2]
    return frame._replace(text=half, fields={**frame.fields, "id": None, "unreadable": True})
