"""The pytest plugin.

- ``fixtures.py``          options, marker, hooks, and the fixtures ``gapless_run`` and ``gapless_server``
- ``variants.py``          from a marker and options to the variants that a test is run for
- ``virtual_time.py``      ``gapless_run``: a client on trio, in virtual time
- ``real_time.py``         ``gapless_server``: any client, over TCP, in real time
- ``server_thread.py``     the thread in which the server of ``gapless_server`` runs
- ``fixture_use.py``       whether a test has used its fixture; where its files and commands belong
- ``client_name.py``       the name of a client's factory
- ``traceback_keeper.py``  keeps the traceback of a client that crashes
- ``failure_text.py``      what a failed test prints

pytest loads ``fixtures.py`` in every environment that has gapless. The other modules are imported when a test uses a
fixture of gapless.
"""
