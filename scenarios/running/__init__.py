"""Performing runs: one run as a pure function of data, and many runs in several processes.

- ``world_setup.py``         a scenario's server and workload as settings of the simulator
- ``script_player.py``       one client, one script, one running world
- ``spin_watch.py``          stops a client that never lets time pass
- ``runner.py``              `RunRequest` and `perform`: one run, from its data to its record
- ``journal_difference.py``  where two journals differ
- ``second_process.py``      a run performed again in a second process, to check that it is the same
- ``executors.py``           this process or several worker processes
- ``suite.py``               many runs, with kill checks and second runs
- ``client_comparison.py``   the runs for a comparison of several clients
- ``cost_table.py``          the cost table as measured
"""
