# mypy: ignore-errors

import sys

sys.stdin.readline()
sys.exit(7)
