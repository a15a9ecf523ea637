"""docs/sdk-findings.md says what it says of each release: its scenarios are run, on the releases that are installed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from gapless.scenarios.definition.loading import load_file
from gapless.scenarios.explore.symptom import symptoms_in
from gapless.scenarios.lockstep.client import factory
from gapless.scenarios.running.runner import RunRequest, perform
from tests.interop import environments
from tests.interop.environments import TYPESCRIPT
from tests.interop.subjects import subjects

DOCS = Path(__file__).parents[2] / "docs"
SCENARIOS = DOCS / "sdk-findings"
FAULTS_MAX = 2
_ROW = re.compile(
    r"^\| \[(?P<name>[a-z0-9-]+)\]\(sdk-findings/(?P=name)\.toml\) \| `(?P<says>[^`]+)` \| (?P<where>.+) \|$"
)
RELEASES = tuple(one for one in environments.releases() if not one.startswith(TYPESCRIPT))


@dataclass(frozen=True, slots=True)
class Finding:
    """A row of the page's table. says: how a violation's message begins; releases: those that it was seen in."""

    name: str
    says: str
    releases: tuple[str, ...]


def findings() -> tuple[Finding, ...]:
    """The table of the page."""
    rows = map(_ROW.match, (DOCS / "sdk-findings.md").read_text(encoding="utf-8").splitlines())
    return tuple(Finding(row["name"], row["says"], tuple(row["where"].split(", "))) for row in rows if row)


def test_each_scenario_is_a_row_of_the_page_and_small() -> None:
    assert {one.name for one in findings()} == {path.stem for path in SCENARIOS.glob("*.toml")}
    for finding in findings():
        assert set(finding.releases) <= set(RELEASES), finding
        scenario = load_file(SCENARIOS / f"{finding.name}.toml")
        assert scenario.name == finding.name
        assert scenario.workload.history_events == 0
        assert len(scenario.faults) <= FAULTS_MAX


@pytest.mark.slow
@pytest.mark.parametrize("release", RELEASES)
def test_each_release_does_what_the_page_says(release: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if not environments.is_ready(release):
        pytest.skip(f"the environment of {release} has not been built: make interop does")
    for name, value in environments.QUIET.items():
        monkeypatch.setenv(name, value)
    client = factory(subjects(release)[0].command)
    for finding in findings():
        scenario = load_file(SCENARIOS / f"{finding.name}.toml")
        result = perform(RunRequest(scenario, "legacy", "inclusive", "sdk"), factory=client)
        says = [violation.message for violation in symptoms_in(result).values()]
        assert any(one.startswith(finding.says) for one in says) == (release in finding.releases), (finding, says)
