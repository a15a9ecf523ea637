"""``runtime-asleep``: the history can be read, but nothing runs behind the sockets and the writes (R67)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from gapless.simserver.faults.base import ServerFault
from gapless.simserver.faults.match import Facts
from gapless.simserver.faults.verdicts import PutToSleep


class RuntimeAsleep(ServerFault):
    """An outer server answers pages, counts and the state from disk. Sockets and writes go to a container that has
    gone. Open sockets break, new ones are refused with 503, and writes are answered 503. ``runtime_info`` says
    ``missing``. A run in progress ends in ``error``, as after a restart.

    asleep_s: virtual seconds until it wakes; None for good; can_resume: what ``runtime_info`` says of it;
    wakes_on_write: the first write wakes it ``asleep_s`` later, and without one it sleeps on.
    """

    kind: Literal["runtime-asleep"] = "runtime-asleep"
    asleep_s: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    can_resume: bool = True
    wakes_on_write: bool = False

    def decide(self, facts: Facts, now_s: float) -> PutToSleep:
        return PutToSleep(self.asleep_s, self.can_resume, self.wakes_on_write)
