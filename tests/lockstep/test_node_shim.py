"""The shim for Node keeps to the protocol, on every major version that is found."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.lockstep.conformance import CHECKS, Shim
from tests.lockstep.nodes import EACH_MAJOR, SHIM, nodes

PROGRAMS = Path(__file__).parent / "programs" / "node"


def paths(major: int) -> tuple[str, ...]:
    """Where it is; skips the test where there is none."""
    if major not in nodes():
        pytest.skip(f"no Node {major} was found")
    return nodes()[major]


def shim(path: str) -> Shim:
    return Shim("node", lambda program: [path, str(PROGRAMS / f"{program}.mjs")], has_threads=False, tells_stacks=False)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__.removeprefix("check_"))
@pytest.mark.parametrize("major", EACH_MAJOR)
def test_the_shim_conforms(major: int, check: Callable[[Shim], None]) -> None:
    for path in paths(major):
        check(shim(path))


@pytest.mark.parametrize("major", EACH_MAJOR)
def test_a_version_passes_the_self_test(major: int) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "NODE_OPTIONS"}
    for path in paths(major):
        subprocess.run([path, str(SHIM / "self_test.cjs")], check=True, timeout=60, env=environment)
