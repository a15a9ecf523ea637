"""Use: what becomes of a fixture of ours in one test; and where that test's files and commands belong."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import pytest
import trio

from gapless.scenarios.capsules import capsule


class Use(Protocol):
    """A fixture in one test."""

    def check_used(self) -> None:
        """Fails a test that has proved nothing, for it never put a client through the scenario."""
        ...


@dataclass(frozen=True, slots=True)
class CapsulePlace:
    """``capsules``: where they are kept; ``seen_from``: the directory that a user's next command is given in;
    ``again``: the command that runs the test again; ``whole``: are timelines to be printed whole?
    """

    capsules: Path
    seen_from: Path
    again: str
    whole: bool

    @classmethod
    def of(cls, request: pytest.FixtureRequest) -> CapsulePlace:
        """The place of a test: capsules lie below pytest's root, wherever the test itself may have gone."""
        config = request.config
        words: list[str] = ["pytest", str(config.cwd_relative_nodeid(request.node.nodeid))]
        seed, named = config.getoption("--gapless-seed"), config.getoption("--gapless-scenarios")
        words += ["--gapless-seed", str(seed)] if seed else []
        words += ["--gapless-scenarios", named] if named is not None else []
        return cls(
            capsules=config.rootpath / capsule.DIRECTORY,
            seen_from=config.invocation_params.dir,
            again=shlex.join(words),
            whole=config.get_verbosity() >= 2,
        )

    def shown(self, path: Path) -> str:
        """A path as a user would write it, quoted for a shell."""
        inside = path.is_relative_to(self.seen_from)
        return shlex.quote(str(path.relative_to(self.seen_from) if inside else path))


def in_trio() -> bool:
    """Is this an async test, on trio?"""
    try:
        trio.lowlevel.current_task()
    except RuntimeError:
        return False
    return True
