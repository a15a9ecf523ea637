"""Checking: a command in any language, put through a scenario on a real port, and judged.

- ``command.py``  the process: its lines in and out, its end
- ``driver.py``   one script, one command; ``environment.py`` is what the command is given
- ``one.py``      one check: server, command, verdict
- ``kept.py``     a run in real time, kept in a file, and judged again from it; ``retold.py`` says so
"""
