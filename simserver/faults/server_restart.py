"""``server-restart``: the server process ends, and comes back with the same log."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from gapless.simserver.faults.base import ServerFault
from gapless.simserver.faults.match import Facts
from gapless.simserver.faults.verdicts import RestartServer


class ServerRestart(ServerFault):
    """Sockets are closed with 1012, and calls in progress are reset. As on the real server, a run in progress has ended
    in ``error`` when the process is back.

    down_s: virtual seconds for which all connections are refused; leaf_lags: whether the process dies before it has
    saved its leaf. The leaf is then the parent of the last action. The action and what follows it are in the log, off
    the branch. lease_s: virtual seconds after that in which the lease of the dead process hides the conversation (R64):
    404 on its calls, 4004 on its sockets, 500 on creating it again.
    """

    kind: Literal["server-restart"] = "server-restart"
    down_s: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1.0
    leaf_lags: bool = False
    lease_s: Annotated[float, Field(ge=0, le=3600)] = 0.0

    def decide(self, facts: Facts, now_s: float) -> RestartServer:
        return RestartServer(self.down_s, self.leaf_lags, self.lease_s)
