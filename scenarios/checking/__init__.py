"""Checking: a command in any language, put through a scenario on a real port, and judged.

- ``peer.py``     what is asked for steps, whatever it is made of
- ``command.py``  a process: its lines in and out, its end; ``inside.py`` an object in this process
- ``driver.py``   one script, one peer; ``environment.py`` is what a command is given
- ``hurrying.py`` how long a step may take in real time
- ``one.py``      one check: server, command, verdict
- ``kept.py``     a run in real time, kept in a file, and judged again from it; ``retold.py`` says so
"""
