# mypy: ignore-errors

import os
import sys
import uuid

os.urandom(8)
sys.stdin.readline()
print("bytes", os.urandom(8).hex())
print("uuid", uuid.uuid4())
