"""Serve a scenario on a real port, in real time, for clients in any language.

- ``scenario_choice.py``   from names and options to the scenario and variant that is served
- ``session.py``           one served scenario and its world; the world's clock starts with the first client
- ``forwarding.py``        a real server behind the faults, in place of the world's
- ``stepper.py``           the agent's pace: its own, or one step at a time
- ``session_server.py``    the port, and the session that is served on it
- ``step_protocol.py``     the lines by which a client is asked for steps and reports
- ``reporter.py``          writes a client's reports into the journal
- ``client_account.py``    infers the steps of a client that was not asked for any
- ``unreached_faults.py``  the events that were never sent to the client
- ``verdict_so_far.py``    the verdict while a session goes on
- ``access.py``            which requests the control accepts
- ``control.py``           the routes under ``/sim/``
- ``requests.py``          the bodies of their requests; ``responses.py`` those of their responses
- ``openapi.py``           the OpenAPI description of the routes
- ``page/``                the page at ``/sim/``
"""
