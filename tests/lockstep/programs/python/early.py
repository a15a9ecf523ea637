# mypy: ignore-errors

import sys

print("early")
sys.exit(3)
