"""Where a report comes from: the command, the date and the commit. Only reports say it; a run's record never does."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from datetime import UTC, datetime


def origin() -> dict[str, str]:
    """What is known. With SOURCE_DATE_EPOCH, the date is that one, so that a report can be made again byte for byte."""
    epoch = os.environ.get("SOURCE_DATE_EPOCH", "")
    now = datetime.fromtimestamp(int(epoch), UTC) if epoch.isdigit() else datetime.now(UTC)
    command = shlex.join(("gapless", *sys.argv[1:]))
    found = {"command": command, "date": now.strftime("%Y-%m-%d %H:%M UTC"), "commit": _commit()}
    return {name: value for name, value in found.items() if value}


def _commit() -> str:
    """The commit that is checked out here; empty where there is none."""
    try:
        ended = subprocess.run(
            ["git", "describe", "--always", "--dirty"], capture_output=True, text=True, check=False, timeout=5
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return ended.stdout.strip() if ended.returncode == 0 else ""
