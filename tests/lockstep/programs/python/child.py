# mypy: ignore-errors

import subprocess
import sys

sys.stdin.readline()
subprocess.run(["true"], check=True)
