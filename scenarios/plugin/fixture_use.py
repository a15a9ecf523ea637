"""Whether a test has used its fixture, and where the test's files and commands belong."""

from __future__ import annotations

import hashlib
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import pytest
import trio

from gapless.reports.file_names import safe_name
from gapless.scenarios.capsules import capsule


class Use(Protocol):
    """The use of a fixture in one test."""

    def check_used(self) -> None:
        """Fail the test when it never put a client through the scenario: then it proves nothing."""
        ...


@dataclass(frozen=True, slots=True)
class CapsulePlace:
    """Where the files and commands of a test belong.

    ``capsules``: the directory of capsules.
    ``seen_from``: the directory in which pytest was started, where the user gives the next command.
    ``again``: the command that runs the test again.
    ``whole``: whether timelines are printed in full.
    """

    capsules: Path
    seen_from: Path
    again: str
    whole: bool

    @classmethod
    def of(cls, request: pytest.FixtureRequest) -> CapsulePlace:
        """The place of a test. Each test has a folder of its own, so that no two share a capsule.

        It is below pytest's root, also when the test changes the working directory.
        """
        config = request.config
        words: list[str] = ["pytest", str(config.cwd_relative_nodeid(request.node.nodeid))]
        seed, named = config.getoption("--gapless-seed"), config.getoption("--gapless-scenarios")
        words += ["--gapless-seed", str(seed)] if seed else []
        words += ["--gapless-scenarios", named] if named is not None else []
        return cls(
            capsules=config.rootpath / capsule.DIRECTORY / _folder(request.node),
            seen_from=config.invocation_params.dir,
            again=shlex.join(words),
            whole=config.get_verbosity() >= 2,
        )

    def shown(self, path: Path) -> str:
        """A path as a user would write it, quoted for a shell."""
        inside = path.is_relative_to(self.seen_from)
        return shlex.quote(str(path.relative_to(self.seen_from) if inside else path))


def _folder(node: pytest.Item) -> str:
    """The name of a test's folder: readable, and of this test alone."""
    name = safe_name(getattr(node, "originalname", node.name))
    return f"{node.path.stem}.{name}.{hashlib.sha256(node.nodeid.encode()).hexdigest()[:8]}"


def in_trio() -> bool:
    """Whether this is called in a task of trio, as in an async test."""
    try:
        trio.lowlevel.current_task()
    except RuntimeError:
        return False
    return True
