"""What is measured: a published client, unmodified, as a command."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from gapless import scenarios
from gapless.scenarios.definition.catalogue import catalogue
from gapless.scenarios.definition.scenario import Scenario
from tests.interop import environments
from tests.interop.environments import TYPESCRIPT, EnvironmentMissing, numbers

EXAMPLES = Path(scenarios.__file__).parent / "examples"
WAITS = ("idle", "snapshot")
LEFT_OUT = ("cost-", "counted-")
ALL = ("legacy", "tree", "session")

Package = Literal["sdk", "typescript"]


@dataclass(frozen=True, slots=True)
class Subject:
    """One release of one package. wait: how a program waits for a run's end, where the package leaves it to the
    program."""

    package: Package
    release: str
    wait: str = ""

    @property
    def name(self) -> str:
        """As tables have it."""
        return " ".join(filter(None, [self.package, self.version, self.wait]))

    @property
    def version(self) -> str:
        return self.release.removeprefix(TYPESCRIPT)

    @property
    def release_class(self) -> str:
        """Releases of one class are expected to do the same."""
        if self.package == "typescript":
            return f"typescript-{self.wait}"
        number = numbers(self.release)
        return next(name for name, since in _SDK_CLASSES if number >= since)

    @property
    def generations(self) -> tuple[str, ...]:
        """The generations of servers that it understands."""
        return ALL if self.package == "typescript" or numbers(self.release) >= _TREE_SINCE else ("legacy",)

    @property
    def command(self) -> tuple[str, ...]:
        """How it is started. Raises EnvironmentMissing."""
        if self.package == "sdk":
            return environments.executable(self.release), str(EXAMPLES / "openhands_sdk.py")
        node = shutil.which("node")
        if node is None:
            raise EnvironmentMissing(f"{self.name} cannot be measured: there is no node on the path")
        folder = str(environments.directory(self.release))
        return node, str(EXAMPLES / "openhands_typescript.mjs"), folder, self.wait


# A run's end brings what the log has since 1.25.0. Connecting anew, and events with a parent, came by 1.36.0.
_TREE_SINCE = (1, 31)
_SDK_CLASSES = (("sdk-from-1.36", (1, 36)), ("sdk-from-1.25", (1, 25)), ("sdk-before-1.25", (0,)))


def subjects(release: str) -> tuple[Subject, ...]:
    """A release as it is measured: the TypeScript client once for each way to wait."""
    if release.startswith(TYPESCRIPT):
        return tuple(Subject("typescript", release, wait) for wait in WAITS)
    return (Subject("sdk", release),)


def measured_scenarios() -> tuple[Scenario, ...]:
    """The catalog without what only counts calls."""
    return tuple(one for one in catalogue() if not one.name.startswith(LEFT_OUT))


def cursor_of(scenario: Scenario, generation: str) -> str | None:
    """How cursors work there: as on the published server, if the scenario can happen so. None where it cannot at
    all."""
    cursors = [cursor for one, cursor in scenario.variants() if one == generation]
    return ("inclusive" if "inclusive" in cursors else cursors[0]) if cursors else None
