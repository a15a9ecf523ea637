"""The ``gapless`` command.

- ``main.py``            the command group; it imports a command when the command is used
- ``commands/``          the commands, one file each
- ``output/``            what they print: ``screen.py`` the rows, progress and failures of ``run`` and ``check``,
  ``explore_screen.py`` those of ``explore``, ``run_drawings.py`` drawings of one run, ``job_summary.py`` the summary of
  a CI job, ``plain_output.py`` standard output and error without characters that steer a terminal
- ``completion.py``      what a shell may complete
- ``options.py``         options that commands share; user errors as one sentence
- ``command_client.py``  a client as a command: ``-- COMMAND...``, ``--label``, ``--clock``
- ``real_server.py``     the published server that ``--server`` names
- ``virtual_runs.py``    performs runs in virtual time, for ``run`` and ``check``
- ``real_checks.py``     puts a command through scenarios on a real port, for both
- ``conclusion.py``      how ``run`` and ``check`` end: totals, files, exit code
- ``watching.py``        the same run again, when a file changes
- ``origin.py``          the command, the date and the commit that a report names
- ``report_files.py``    the files of a report on disk
"""
