# mypy: ignore-errors

import sys
import time

sys.stdin.readline()
begun = time.monotonic()
while time.monotonic() - begun < 0.02:
    pass
print(f"busy for {time.monotonic() - begun:.2f}")
