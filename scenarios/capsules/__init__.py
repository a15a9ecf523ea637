"""Failed runs in files, to be replayed.

- ``capsule.py``       writes a run into a file, and reads it back
- ``versions.py``      reads capsules of older versions
- ``nearest_pass.py``  the smallest change that makes a failed run pass
"""
