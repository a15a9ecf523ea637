"""The commands of ``gapless``, one file each.

- ``list.py``      ``list`` and ``show``: the scenarios of the catalogue
- ``run.py``       run scenarios and judge the client
- ``replay.py``    run one run again; print and draw it
- ``report.py``    write the files of a report again
- ``diff.py``      what changed between two records
- ``compare.py``   several clients side by side
- ``explore.py``   drawn worlds; failures are shrunk
- ``prove.py``     every schedule within a bound
- ``mutants.py``   planted bugs, and the scenarios that catch them
- ``serve.py``     a scenario on a real port
- ``proxy.py``     faults in front of a real server
- ``check.py``     a client as a command, put through scenarios on a real port
- ``examples.py``  example clients
"""
