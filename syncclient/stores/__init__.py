"""Where a conversation is stored, so that a later client can go on with it.

In reading order:

- `store.py`         the interface of a store, and a store in memory
- `saved.py`         what a store is given, and what it returns
- `sqlite_store.py`  a store in an SQLite file
"""
