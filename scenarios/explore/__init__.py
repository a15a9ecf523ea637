"""Exploration: run a client in random worlds, group the failures by cause, and shrink one world for each cause.

Files in reading order:

- ``worlds/``            draws a world: workload, script and faults
- ``trial.py``           runs drawn worlds in blocks; returns counts and failures
- ``symptom.py``         reduces a violation to a form that is equal for all worlds that fail in the same way
- ``client_state.py``    derives from a journal what the client was doing when a fault fired
- ``steering.py``        draws the worlds of a campaign, each from the seed and its number
- ``shrink.py``          shrinks a failing world, some runs at a time
- ``shrink_search.py``   one slice of a shrink, with Hypothesis
- ``strategies.py``      worlds as a Hypothesis strategy: to shrink them, and for property tests
- ``campaign.py``        the counts, failures and causes of an exploration
- ``finding_files.py``   writes a shrunk world as a scenario file and a capsule
- ``database.py``        stores a campaign in a directory, so that it can be resumed
- ``explorer.py``        the loop: submits work to an executor and records the results
"""
