"""The properties that are judged, one a file. Each is a pure function ``(case) -> finding``.

``case.py``: what an oracle is given (evidence, variant, expectation, budget) and what it returns.

``safety``: events are neither lost nor made up.

- ``no_tail_loss.py``       when ``run()`` returns, all that was persisted up to the end of that run is held
- ``no_holes.py``           what is held equals the log: same ids, same order, no duplicate, nothing that no log holds
- ``held_at_attach.py``     when ``attach()`` returns, what is held is the log's, with every gap declared
- ``content.py``            each event held is the log's newest version of it, by digest
- ``delivered_once.py``     each event reaches the application exactly once
- ``delivered_in_order.py``  events are delivered in the order in which they became known
- ``honest.py``             what the client claims is true, and no loss is silent
- ``state.py``              the status, the error and the statistics that it reports are those of its run
- ``says_what_it_did.py``   the proof it names, its calls and the origin of its deliveries are as the journal has them
- ``sent_once.py``          each ``send`` makes at most one message, and each ``run()`` at most one run
- ``history.py``            ``history()`` yields the log to its end, or raises a typed error
- ``ends_first.py``         with a degraded network, the ends of the log are right before the middle

``liveness``: everything comes to its end in time.

- ``returns_in_time.py``    ``run()`` returns within a bound of the server's end, never before it
- ``no_hang.py``            each step returns or raises a typed error before its deadline, without spinning
- ``delivered_in_time.py``  an event reaches the application within a bound, where the scenario sets one
- ``bounded.py``            requests, sockets and open sockets stay under their bounds
- ``jitter.py``             after two outages, the tries to connect do not come at the same moments

``budget.py``: REST calls stay within the optimum plus what the scenario allows.

``ORACLES`` begins with safety, so that the first violation of a run is its gravest. An oracle does not judge a client
that cannot say what it asks about; then its finding says so.
"""

from __future__ import annotations

from collections.abc import Callable

from gapless.scenarios.judging.oracles.budget import budget
from gapless.scenarios.judging.oracles.case import Case, OracleFinding
from gapless.scenarios.judging.oracles.liveness.bounded import bounded
from gapless.scenarios.judging.oracles.liveness.delivered_in_time import delivered_in_time
from gapless.scenarios.judging.oracles.liveness.jitter import jitter
from gapless.scenarios.judging.oracles.liveness.no_hang import no_hang
from gapless.scenarios.judging.oracles.liveness.returns_in_time import returns_in_time
from gapless.scenarios.judging.oracles.safety.content import content
from gapless.scenarios.judging.oracles.safety.delivered_in_order import delivered_in_order
from gapless.scenarios.judging.oracles.safety.delivered_once import delivered_once
from gapless.scenarios.judging.oracles.safety.ends_first import ends_first
from gapless.scenarios.judging.oracles.safety.held_at_attach import held_at_attach
from gapless.scenarios.judging.oracles.safety.history import history
from gapless.scenarios.judging.oracles.safety.honest import honest
from gapless.scenarios.judging.oracles.safety.no_holes import no_holes
from gapless.scenarios.judging.oracles.safety.no_tail_loss import no_tail_loss
from gapless.scenarios.judging.oracles.safety.says_what_it_did import says_what_it_did
from gapless.scenarios.judging.oracles.safety.sent_once import sent_once
from gapless.scenarios.judging.oracles.safety.state import state

Oracle = Callable[[Case], OracleFinding]

ORACLES: tuple[tuple[str, Oracle], ...] = (
    ("no-tail-loss", no_tail_loss),
    ("no-holes", no_holes),
    ("held-at-attach", held_at_attach),
    ("content", content),
    ("delivered-once", delivered_once),
    ("delivered-in-order", delivered_in_order),
    ("honest", honest),
    ("state", state),
    ("says-what-it-did", says_what_it_did),
    ("sent-once", sent_once),
    ("history", history),
    ("ends-first", ends_first),
    ("returns-in-time", returns_in_time),
    ("no-hang", no_hang),
    ("delivered-in-time", delivered_in_time),
    ("bounded", bounded),
    ("jitter", jitter),
    ("budget", budget),
)

__all__ = ["ORACLES", "Case", "Oracle", "OracleFinding"]
