"""The properties that are judged, one a file. Each is a pure function ``(case) -> finding``.

- ``case.py``             what an oracle is given (evidence, variant, expectation, budget) and what it returns
- ``no_tail_loss.py``     when ``run()`` returns, all that was persisted up to the end of that run is held
- ``no_holes.py``         what is held equals the log: same ids, same order, no duplicate, nothing that no log holds
- ``delivered_once.py``   each event reaches the application exactly once
- ``honest.py``           what the client claims is true, and no loss is silent
- ``returns_in_time.py``  ``run()`` returns within a bound of the server's end, never before it
- ``no_hang.py``          each step returns or raises a typed error before its deadline, without spinning
- ``budget.py``           REST calls stay within the optimum plus what the scenario allows

``ORACLES`` begins with safety, so that the first violation of a run is its gravest.
"""

from __future__ import annotations

from collections.abc import Callable

from gapless.scenarios.judging.oracles.budget import budget
from gapless.scenarios.judging.oracles.case import Case, OracleFinding
from gapless.scenarios.judging.oracles.delivered_once import delivered_once
from gapless.scenarios.judging.oracles.honest import honest
from gapless.scenarios.judging.oracles.no_hang import no_hang
from gapless.scenarios.judging.oracles.no_holes import no_holes
from gapless.scenarios.judging.oracles.no_tail_loss import no_tail_loss
from gapless.scenarios.judging.oracles.returns_in_time import returns_in_time

Oracle = Callable[[Case], OracleFinding]

ORACLES: tuple[tuple[str, Oracle], ...] = (
    ("no-tail-loss", no_tail_loss),
    ("no-holes", no_holes),
    ("delivered-once", delivered_once),
    ("honest", honest),
    ("returns-in-time", returns_in_time),
    ("no-hang", no_hang),
    ("budget", budget),
)

__all__ = ["ORACLES", "Case", "Oracle", "OracleFinding"]
