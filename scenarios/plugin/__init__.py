"""Plugin: the rooms behind ``pytest_plugin.py``, none of them entered before a test asks for a fixture of ours.

- ``wanted.py``   from a marker and options to the variants that a test is run for
- ``virtual.py``  gapless_run: a client on trio, in virtual time
- ``real.py``     gapless_server: any client, over TCP, in real time; ``threads.py`` is where its server lives
- ``use.py``      what the two have in common: used at all? and where files and commands belong
- ``naming.py``   what a client's factory is called
- ``witness.py``  keeps the traceback of a client that crashes
- ``failure.py``  what a failed test prints
"""
