"""What is measured: a published client, unmodified, as a command."""

from __future__ import annotations

import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from gapless import scenarios
from gapless.scenarios.definition.catalogue import catalogue
from gapless.scenarios.definition.scenario import Scenario
from gapless.scenarios.realserver.environment import parse_server
from tests.interop import environments
from tests.interop.environments import TYPESCRIPT, EnvironmentMissing, numbers

EXAMPLES = Path(scenarios.__file__).parent / "examples"
WAITS = ("idle", "snapshot")
LEFT_OUT = ("cost-", "counted-")
ALL = ("legacy", "tree", "session")

SERVER = "openhands-agent-server=="

Package = Literal["sdk", "typescript", "example", "gapless"]


@dataclass(frozen=True, slots=True)
class Subject:
    """One release of one package.

    wait: how a program waits for a run's end, where the package leaves it to the program; server_release: of the
    published server at the other end, empty for the simulated one.
    """

    package: Package
    release: str
    wait: str = ""
    server_release: str = ""

    @property
    def name(self) -> str:
        """As tables have it."""
        on = f"on {self.server_release}" if self.server_release else ""
        return " ".join(filter(None, [self.package, self.version, self.wait, on]))

    @property
    def server(self) -> str:
        """The published server at the other end, as pip names it; empty for the simulated one."""
        return f"{SERVER}{self.server_release}" if self.server_release else ""

    @property
    def version(self) -> str:
        return self.release.removeprefix(TYPESCRIPT)

    @property
    def release_class(self) -> str:
        """Releases of one class are expected to do the same."""
        return f"{self._class}-on-server" if self.server_release else self._class

    @property
    def _class(self) -> str:
        if self.package in ("example", "gapless"):
            return self.package if self.package == "gapless" else self.name
        if self.package == "typescript":
            return f"typescript-{self.wait}"
        number = numbers(self.release)
        return next(name for name, since in _SDK_CLASSES if number >= since)

    @property
    def generations(self) -> tuple[str, ...]:
        """The generations of servers that it understands."""
        if self.package in ("example", "gapless"):
            return ("session",)
        return ALL if self.package == "typescript" or numbers(self.release) >= _TREE_SINCE else ("legacy",)

    @property
    def command(self) -> tuple[str, ...]:
        """How it is started; empty for our own client. Raises EnvironmentMissing."""
        if self.package == "gapless":
            return ()
        if self.package == "example":
            return sys.executable, str(EXAMPLES / "python_websockets.py")
        if self.package == "sdk":
            return self._python, str(EXAMPLES / "openhands_sdk.py")
        node = shutil.which("node")
        if node is None:
            raise EnvironmentMissing(f"{self.name} cannot be measured: there is no node on the path")
        folder = str(environments.directory(self.release))
        return node, str(EXAMPLES / "openhands_typescript.mjs"), folder, self.wait

    @property
    def _python(self) -> str:
        # The SDK of a server's release is in that server's environment.
        if self.release == self.server_release:
            return str(parse_server(self.server).python)
        return environments.executable(self.release)


WEBSOCKETS = Subject("example", "websockets")
# Both ends as they were published: our client, and the SDK of the server's own release.
SERVER_RELEASES = ("1.57.0", "1.58.2")

# How `run()` waits, read in the code. 1.11.0 asks REST until the status is not "running". 1.16.0 listens for a status
# that ends a run, and reads the log only if REST alone knows of it. 1.25.0 reads the log at each run's end. 1.36.0
# connects anew, and takes events with a parent. 1.58.2 finds a page's item invalid that is no object, and 1.57.0 fails
# with another error. What lies between the releases measured was not looked at: 1.12 to 1.15, 1.31 to 1.35, 1.58.0.
_TREE_SINCE = (1, 36)
_SDK_CLASSES = (
    ("sdk-from-1.58", (1, 58)),
    ("sdk-from-1.36", (1, 36)),
    ("sdk-from-1.25", (1, 25)),
    ("sdk-from-1.16", (1, 16)),
    ("sdk-before-1.16", (0,)),
)


def subjects(release: str) -> tuple[Subject, ...]:
    """A release as it is measured: the TypeScript client once for each way to wait."""
    if release.startswith(TYPESCRIPT):
        return tuple(Subject("typescript", release, wait) for wait in WAITS)
    return (Subject("sdk", release),)


def both_ends(release: str) -> tuple[Subject, ...]:
    """What is measured with the published server of a release."""
    return Subject("sdk", release, server_release=release), Subject("gapless", "", server_release=release)


def measured_scenarios() -> tuple[Scenario, ...]:
    """The catalog without what only counts calls."""
    return tuple(one for one in catalogue() if not one.name.startswith(LEFT_OUT))


def cursor_of(scenario: Scenario, generation: str) -> str | None:
    """How cursors work there: as on the published server, if the scenario can happen so. None where it cannot at
    all."""
    cursors = [cursor for one, cursor in scenario.variants() if one == generation]
    return ("inclusive" if "inclusive" in cursors else cursors[0]) if cursors else None
