"""The clients under test: what the harness asks of one, our own client, the broken baselines, and lookup by name.

- ``contract.py``  `ClientUnderTest`: what the harness asks of a client, whatever the client is made of
- ``ours.py``      gapless itself, through its public API
- ``baselines/``   clients known to be broken, which the suite must fail
- ``loading.py``   imports the factory of any other client, given as ``package.module:factory``
- ``registry.py``  every client by name; ``mutant:NAME`` is a mutant of `gapless.scenarios.mutation.mutants`
"""
