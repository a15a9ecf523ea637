"""The shim for Python. This folder is put on PYTHONPATH of a client's process; the harness never imports it."""
