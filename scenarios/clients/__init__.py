"""The clients that the harness knows by name, and how to name any other.

- ``gapless.py``  our own sync client, through its public face
- the rest are the baselines of ``gapless.scenarios.clients.baselines``
- ``importing.py`` finds any other, by ``package.module:factory``
- ``mutant:NAME`` is a mutant of ``gapless.scenarios.mutation.mutants``
"""
