"""Tests of the world with a published server in it. Those that need the server itself are in `test_published.py`."""
