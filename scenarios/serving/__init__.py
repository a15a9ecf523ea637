"""Serving: a scenario on a real port, in real time, for clients in any language.

- ``choosing.py``   which scenario, in which variant
- ``session.py``    one served scenario: its world, from the first client on; ``stepper.py`` is its agent's pace
- ``hub.py``        the port, and whichever session is served on it
- ``protocol.py``   what a client is asked and answers, a line each; ``reporting.py`` writes it into the journal
- ``account.py``    the steps of a client that was not asked for any; ``reach.py`` what it was ever sent
- ``sofar.py``      the verdict while a session goes on
- ``control.py``    the routes under ``/sim/``; ``asking.py`` and ``telling.py`` are their data, ``openapi.py`` tells of
  them
- ``page/``         the page at ``/sim/``
"""
