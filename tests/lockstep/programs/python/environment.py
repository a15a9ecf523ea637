# mypy: ignore-errors

import os
import sys

sys.stdin.readline()
print("url", os.environ.get("GAPLESS_URL", "none"))
print("old", os.environ.get("GAPLESS_OLD", "none"))
