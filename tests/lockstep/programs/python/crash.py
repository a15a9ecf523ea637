# mypy: ignore-errors

import sys

sys.stdin.readline()
raise ValueError("boom")
