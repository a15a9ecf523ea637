"""Put a client through a scenario on a real port, in real time, and judge it.

- ``deadlines.py``        how long a step may take in real time
- ``environment.py``      the environment variables and files that a command gets
- ``peer.py``             what the script driver needs of a client
- ``command.py``          the client is a process, in any language; ``in_process_peer.py``: it is in this process
- ``script_driver.py``    puts one client through one script
- ``check.py``            one check: server, command, verdict
- ``recording.py``        the file of a run in real time, from which the run is judged again
- ``replay_text.py``      what ``gapless replay`` says of such a file
"""
