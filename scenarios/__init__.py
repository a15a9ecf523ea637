"""Scenarios: races as data, clients to put through them, oracles to judge, and the ``gapless`` command.

In reading order:

- ``scenario.py``     Scenario: one race as validated data; ``loading.py``, ``known_keys.py`` and ``toml_lines.py`` read
  it from TOML, ``library.py`` finds it in ``catalogue/``, ``schema.py`` writes the JSON schema that editors use
- ``client.py``       what is asked of a client; ``clients/`` the registry and our own, ``baselines/`` the broken ones
- ``conditions.py``   from a scenario's words to the simulator's
- ``stage.py``        one client, one script, a living world; ``spinning.py`` stops a client that spins
- ``evidence.py``     what a journal says, for those who judge
- ``oracles/``        one property a file; ``optimum.py`` the fewest calls that any client could have spent
- ``bruteforce.py``   every cheaper way, tried and refuted on small logs: what makes the optimum a lower bound
- ``judge.py``        all oracles, and the check that silence means something
- ``vacuity.py``      and the check that a campaign of many runs means something
- ``sameness.py``     where two runs differ; ``nearest.py`` the nearest run that passes;
  ``elsewhere.py`` the same run in a second process
- ``runner.py``       one run as a pure function of data; ``suite.py`` many of them, with kill checks, in processes
- ``capsule.py``      a failed run in a file; ``capsule_versions.py`` reads those of older versions
- ``drawing/``        a whole world from a source of choices
- ``trying.py``       drawn worlds by the block; ``symptoms.py`` what failed in them, ``states.py`` when faults struck;
  ``shrinking.py`` a failing world made plain; ``keeping.py`` and ``toml_text.py`` its files
- ``campaign.py``     what was tried, what failed by which cause, what never happened; ``exploring.py`` drives it
  through an executor (``executors.py``), ``exploredb.py`` keeps it, ``explore_screen.py`` shows it
- ``model/``          clients and a small server without trio; ``exhaustive.py`` tries every schedule within a bound,
  ``exhaustive_jobs.py`` in processes, ``exhaustive_text.py`` says what was covered
- ``costs.py``        the cost table, as measured
- ``aftermath.py``    what a run came to, in numbers; ``comparing.py`` the same for several clients
- ``report_files.py``  the files of a report on disk; ``job_summary.py`` the summary of a CI job; ``drawings.py`` one
  run, drawn in several ways
- ``cli.py``          the command; ``cli_run.py``, ``cli_list.py``, ``cli_replay.py``, ``cli_report.py``,
  ``cli_diff.py``, ``cli_compare.py``, ``cli_prove.py``, ``cli_options.py``, ``screen.py``, ``stopping.py``;
  ``conclusion.py`` is how ``run`` and ``check`` end
- ``serving/``        a scenario on a real port; ``checking/`` puts a command through it; ``examples/`` has some
- ``pytest_plugin.py``  fixtures for tests of your own client; ``plugin/`` is behind it
- ``errors.py``       what can go wrong, by whose fault
"""

if __name__ == "scenarios":  # the folder of a checkout, found by its bare name
    raise ImportError(
        "import gapless.scenarios; the folder scenarios/ is a part of the package gapless, and has no other name"
    )
