"""``server-restart``: the process ends and comes back, with the log that it had (close 1012)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from gapless.simserver.faults.base import ServerFault
from gapless.simserver.faults.match import Facts
from gapless.simserver.faults.verdicts import RestartServer


class ServerRestart(ServerFault):
    """down_s: virtual seconds for which nothing can be dialled. Sockets are closed with 1012, calls under way are
    reset. A run in progress does not survive: as in the real server, it has ended in ``error`` when the process is
    back. leaf_lags: the process died in mid-step, before it had saved its leaf, which then still names what was before
    the last action; what came after is in the log, off the branch."""

    kind: Literal["server-restart"] = "server-restart"
    down_s: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1.0
    leaf_lags: bool = False

    def decide(self, facts: Facts, now_s: float) -> RestartServer:
        return RestartServer(self.down_s, self.leaf_lags)
