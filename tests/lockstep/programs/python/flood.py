# mypy: ignore-errors

import sys

sys.stdin.readline()
for _ in range(2000):
    print("x" * 99)
