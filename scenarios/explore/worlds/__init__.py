"""Drawing: a whole world from a source of choices, so that any generator can try worlds that nobody thought of.

In reading order:

- ``swarm.py``      ``plan``: one run to try; which families of faults are on in it, and which faults
- ``course.py``     what happens when nothing breaks: history, runs, what others do, the script
- ``aim.py``        at what a fault is aimed, so that it strikes
- ``publisher.py``, ``line.py``, ``rest.py``, ``server.py``   the faults, by family
- ``sources.py``    where choices come from: a list of numbers, Hypothesis

Only integers are drawn, one after the other and the plainest first, so that what was drawn is a list of numbers which
Hypothesis can shrink. Every drawn world can be survived: outages end, refusals and failed calls are few, so a client
has no excuse. At the end the world heals, and most scripts then ask for one more run.
"""

from gapless.scenarios.explore.worlds.choice_sources import HypothesisSource, ListSource
from gapless.scenarios.explore.worlds.swarm import FAMILIES, KINDS, plan, plans

__all__ = ["FAMILIES", "KINDS", "HypothesisSource", "ListSource", "plan", "plans"]
