"""The shim for Python keeps to the protocol, on every interpreter that is found."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.lockstep.conformance import CHECKS, Shim
from tests.lockstep.interpreters import EACH_VERSION, interpreters

PROGRAMS = Path(__file__).parent / "programs" / "python"


def shim(version: str) -> Shim:
    """The shim on one interpreter; skips the test where there is none."""
    path = interpreters().get(version)
    if path is None:
        pytest.skip(f"no Python {version} was found")
    return Shim("python", lambda program: [path, str(PROGRAMS / f"{program}.py")], has_threads=True, tells_stacks=True)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__.removeprefix("check_"))
@pytest.mark.parametrize("version", EACH_VERSION)
def test_the_shim_conforms(version: str, check: Callable[[Shim], None]) -> None:
    check(shim(version))
