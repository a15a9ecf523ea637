"""Exploration: run a client in random worlds, group the failures by cause, and shrink one world for each cause.

Files in reading order:

- ``worlds/``            draws a world: workload, script and faults
- ``trial.py``           runs drawn worlds in blocks; returns counts and failures
- ``symptom.py``         reduces a violation to a form that is equal for all worlds that fail in the same way
- ``client_state.py``    derives from a journal what the client was doing when a fault fired
- ``shrink.py``          shrinks a failing world with Hypothesis, some runs at a time
- ``campaign.py``        the counts, failures and causes of an exploration
- ``finding_files.py``   writes a shrunk world as a scenario file and a capsule
- ``database.py``        stores a campaign in a directory, so that it can be resumed
- ``explorer.py``        the loop: submits work to an executor and records the results
"""
