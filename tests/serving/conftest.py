"""What tests of commands on a real port share."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def quick_file(tmp_path: Path) -> Path:
    """The quick scenario as a file."""
    path = tmp_path / "quick.toml"
    path.write_text(
        """
name = "quick"
title = "A run that is over in no time"
origin = "tests"
generations = ["tree", "legacy"]
documentation = true

[[workload.runs]]
init_s = 0.01
actions = 2
step_s = 0.01

[expect]
run_bound_s = 0.5
step_deadline_s = 5

[[budget.allowances]]
calls = 500
because = "a client without a socket asks again and again"
"""
    )
    return path
