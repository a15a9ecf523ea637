"""Failed runs in files, to be replayed.

- ``capsule.py``       writes a run into a file, and reads it back
- ``versions.py``      reads capsules of older versions
- ``trust.py``         whether a replay runs code that a capsule names, and that nobody has installed
- ``nearest_pass.py``  the smallest change that makes a failed run pass
"""
