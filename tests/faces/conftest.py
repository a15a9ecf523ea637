"""For tests of the faces in real time."""

from __future__ import annotations

import pytest


@pytest.fixture
def settles_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """The client waits less in real time. By default it takes 3 s to believe the end of a run that is over at once."""
    monkeypatch.setenv("GAPLESS_SETTLE_S", "0.05")
