"""``rest-proxy-answer``: a proxy answers a call itself, with a redirect or an HTML page (R71)."""

from __future__ import annotations

from typing import Literal

from gapless.simserver.faults.base import BaseFault
from gapless.simserver.faults.match import Facts
from gapless.simserver.faults.verdicts import AnswerAsProxy, ProxyAnswer


class RestProxyAnswer(BaseFault):
    """The call does not reach the server.

    answer: ``redirect`` is a 307 to the same address, as by a proxy that sends a client round once; ``html`` is a 200
    with a page of HTML, as of a login form.
    """

    place = "call"

    kind: Literal["rest-proxy-answer"] = "rest-proxy-answer"
    answer: ProxyAnswer = "redirect"

    def decide(self, facts: Facts, now_s: float) -> AnswerAsProxy:
        return AnswerAsProxy(self.answer)
