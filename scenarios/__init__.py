"""Scenarios: races as data, clients to put through them, oracles to judge, and the ``gapless`` command.

In reading order:

- ``scenario.py``     Scenario: one race as validated data; ``loading.py`` and ``toml_lines.py`` read it from TOML,
  ``library.py`` finds it in ``catalogue/``, ``schema.py`` writes the JSON schema that editors use
- ``client.py``       what is asked of a client; ``clients/`` the registry and our own, ``baselines/`` the broken ones
- ``conditions.py``   from a scenario's words to the simulator's
- ``stage.py``        one client, one script, a living world; ``spinning.py`` stops a client that spins
- ``evidence.py``     what a journal says, for those who judge
- ``oracles/``        one property a file; ``optimum.py`` the fewest calls that any client could have spent
- ``bruteforce.py``   every cheaper way, tried and refuted on small logs: what makes the optimum a lower bound
- ``judge.py``        all oracles, and the check that silence means something
- ``runner.py``       one run as a pure function of data; ``suite.py`` many of them, with kill checks, in processes
- ``capsule.py``      a failed run in a file
- ``drawing.py``      a whole world from a source of choices; ``properties.py`` holds the oracles to drawn worlds and
  shrinks what fails, ``volume.py`` does so by the thousand
- ``costs.py``        the cost table, as measured
- ``aftermath.py``    what a run came to, in numbers; ``comparing.py`` the same for several clients
- ``cli.py``          the command; ``cli_run.py``, ``cli_replay.py``, ``cli_compare.py``, ``cli_options.py``,
  ``screen.py``, ``stopping.py``
- ``errors.py``       what can go wrong, by whose fault
"""
