"""Draw a whole world from a source of choices: the workload, the script and the faults.

Files in reading order:

- ``swarm.py``             ``plan`` draws one run: which families of faults are on, and which faults
- ``expected_course.py``   the course without faults: history, runs, background activity, the script
- ``fault_timing.py``      when a fault strikes, by the clock or by its cause, and which frames, events or calls
- ``publisher_faults.py``, ``link_faults.py``, ``rest_faults.py``, ``server_faults.py``   the faults, by family
- ``choice_sources.py``    sources of choices: a seed, a list of numbers, or an earlier world that is varied

Only integers are drawn, one at a time, and a smaller number is the plainer choice. So a world is a list of numbers,
which Hypothesis can shrink (`gapless.scenarios.explore.strategies`).

A correct client can survive every drawn world: outages end, and refusals and failed calls are few. Most scripts end
with ``heal`` and one more run, in a world without faults.
"""

from gapless.scenarios.explore.worlds.choice_sources import (
    ListSource,
    PartedSource,
    RandomSource,
    VariedSource,
)
from gapless.scenarios.explore.worlds.swarm import FAMILIES, FOCI, KINDS, plan

__all__ = [
    "FAMILIES",
    "FOCI",
    "KINDS",
    "ListSource",
    "PartedSource",
    "RandomSource",
    "VariedSource",
    "plan",
]
