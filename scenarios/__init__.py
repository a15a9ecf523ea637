"""The harness: races as scenario files, clients to run through them, oracles that judge the runs, and the command.

Sub-packages, in reading order:

- ``definition/``  a scenario as validated data, read from TOML and written as TOML
- ``catalogue/``   the scenario files that ship
- ``clients/``     what a client under test has to offer; our client, the broken baselines, any other client by name
- ``running/``     one run as a pure function of data; many runs in several processes
- ``judging/``     from the journal of a run to violations; the least possible REST cost
- ``capsules/``    a failed run in a file, to be replayed
- ``machines/``    clients as state machines without I/O, for searches
- ``explore/``     random worlds: drawn, tried, and shrunk where they fail
- ``prove/``       every schedule of a small world, within a bound
- ``mutation/``    our client with planted bugs, to check that the suite fails each of them
- ``serving/``     a scenario on a real port, in real time
- ``checking/``    a command in any language, run through a scenario on a real port
- ``lockstep/``    an unmodified client program, run in virtual time by a shim in its process
- ``cli/``         the ``gapless`` command
- ``plugin/``      the pytest plugin
- ``examples/``    complete clients to check and to copy from

Files:

- ``errors.py``     the errors of this package, by whose fault they are
- ``given_files.py``  files that somebody names, read to a bound
- ``interrupt.py``  Ctrl-C: the run under way is finished, and no other is started
- ``wrong_values.py``  what is wrong with a value in a file, a request or a report, in plain words
- ``written_files.py``  files in a folder that somebody else may have prepared
"""

if __name__ == "scenarios":  # the folder of a checkout, imported by its bare name
    raise ImportError(
        "import gapless.scenarios; the folder scenarios/ is a part of the package gapless, and has no other name"
    )
