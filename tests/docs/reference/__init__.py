"""The reference pages in ``docs/reference/``, made from the code that they tell of.

- ``commands.py``  the command line, from its click commands
- ``schemas.py``   JSON schemas as tables: scenario files, faults, records
- ``client.py``    the sync client's settings, from their dataclass
- ``catalogue.py`` scenarios by race; what they kill and by which oracle
- ``making.py``    every page, from these and the templates

``python -m tests.docs reference`` writes them; ``test_reference.py`` fails where one is stale.
"""
