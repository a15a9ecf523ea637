"""Mutation testing of the suite: clients with planted bugs, and a check that the scenarios fail each of them.

Files in reading order:

- ``mutants/``          the mutants, each our client with one bug
- ``planting.py``       what a mutant is; plants its bug for one run and removes it again
- ``kill_check.py``     checks that a mutant fails in the scenario and by the oracle that it names
- ``kill_register.py``  for each scenario, the clients that it kills; stored in ``kill_register.json``
- ``simplicity.py``     decides which of two scenarios is simpler
"""
