"""Scenarios as data: a TOML file becomes a validated `Scenario`, and a `Scenario` becomes TOML again.

- ``scenario.py``      `Scenario` and its parts: everything that a scenario file may say
- ``loading.py``       a TOML file to a `Scenario`, or to one sentence with the problem and the cure
- ``toml_lines.py``    the line of a key, for that sentence
- ``known_keys.py``    the keys allowed at a place, for that sentence
- ``catalogue.py``     the scenarios that ship, and lookup by name or race
- ``toml_writing.py``  a `Scenario` to TOML text
- ``json_schema.py``   writes ``scenario.schema.json``, the JSON schema for editors
"""
