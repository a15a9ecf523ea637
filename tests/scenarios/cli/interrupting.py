"""A run of the suite that somebody interrupts, as a real process."""

from __future__ import annotations

import signal
import subprocess
import time

from tests.forked import command


def interrupted_run(*arguments: str, timeout_s: float) -> str:
    """What ``gapless run`` printed that was interrupted after its first rows; it ended in time, and as it should."""
    with subprocess.Popen(
        [*command(), "run", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as running:
        assert running.stdout is not None
        for _ in range(3):
            running.stdout.readline()
        time.sleep(0.2)  # so that a row is under way, and not just done
        running.send_signal(signal.SIGINT)
        output, errors = running.communicate(timeout=timeout_s)
    assert running.returncode == 130, errors
    assert "Traceback" not in errors
    return output
