# mypy: ignore-errors

import sys
import time

sys.stdin.readline()
print("wall", int(time.time()))
begun = time.monotonic()
time.sleep(1.5)
print(f"slept {time.monotonic() - begun:.3f}")
print("wall", int(time.time()))
