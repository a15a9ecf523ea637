"""The CI recipe: its YAML is read, its commands are commands that there are, and its steps are run as CI would."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from gapless.scenarios.cli.main import main
from gapless.scenarios.definition.catalogue import find
from gapless.scenarios.definition.toml_writing import render
from tests.docs.pages import DOCS
from tests.serving.port import quick

RECIPES = sorted((DOCS / "ci").glob("*.yml"))
Step = Mapping[str, Any]
SMALL = {"CLIENT": "gapless", "RACES": "r30-lost-frame", "EXPLORE_S": "0.1"}
CHECKED: list[tuple[str, dict[str, int], str]] = [
    ("", {}, "✓ gapless: the run holds"),
    ("lossy", {"Check": 1}, "✗ gapless: unsafe, the run fails"),
]


def workflow(path: Path) -> dict[str | bool, Any]:
    """The workflow; YAML reads its key ``on`` as a truth."""
    read = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert isinstance(read, dict)
    return read


def steps(path: Path) -> list[Step]:
    (job,) = workflow(path)["jobs"].values()
    return list(job["steps"])


def commands(path: Path) -> Iterator[list[str]]:
    """Every ``gapless …`` of a recipe, as words, its variables in their places."""
    values = workflow(path)["env"]
    for step in steps(path):
        for line in step.get("run", "").splitlines():
            words = shlex.split(re.sub(r"\$(\w+)", lambda found: str(values.get(found[1], found[0])), line))
            if "gapless" in words[:1]:
                yield words[1 : words.index("||")] if "||" in words else words[1:]


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.name)
def test_every_command_of_a_recipe_is_one_that_there_is(path: Path) -> None:
    found = list(commands(path))
    assert found
    parent = click.Context(main, info_name="gapless")
    for name, *words in found:
        command = main.get_command(parent, name)
        assert command is not None, name
        context = command.make_context(name, words, parent=parent)
        for race in context.params.get("names", ()):
            assert find(race)


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.name)
def test_a_recipe_is_a_workflow_whose_every_step_does_something(path: Path) -> None:
    read = workflow(path)
    assert {"name", "permissions", "env", "jobs"} <= set(read)
    assert read[True] == {"pull_request": None, "push": {"branches": ["main"]}}  # its key ``on``
    for step in steps(path):
        assert ("uses" in step) != ("run" in step), step
        assert re.fullmatch(r"[\w-]+/[\w/-]+@v\d+", step.get("uses", "actions/any@v1"))
        assert not re.search(r"\$\{\{", step.get("run", "")), "what others choose belongs into env, never into a script"


@pytest.mark.slow
def test_the_steps_do_what_they_say(tmp_path: Path) -> None:
    """Main's run, which keeps its records; then a change that is as good; then one that spends more than main did."""
    # What explore finds of our client is another test's affair.
    assert set(_follow(tmp_path, but=("Install", "Hold the budgets", "Comment on the pull request"))) <= {
        "Look for races that are not known yet"
    }
    assert (tmp_path / "baseline/records.json").exists()
    assert list((tmp_path / "explore").rglob("campaign.json"))
    assert (tmp_path / "report/comment.md").read_text(encoding="utf-8").startswith("<!-- gapless -->")
    assert "r30-lost-frame" in (tmp_path / "summary.md").read_text(encoding="utf-8")

    assert _follow(tmp_path, only=("Hold the budgets",)) == {}
    summary = (tmp_path / "summary.md").read_text(encoding="utf-8")

    records = json.loads((tmp_path / "baseline/records.json").read_text(encoding="utf-8"))
    for record in records["records"]:
        record["rest"]["calls"] = max(0, record["rest"]["calls"] - 1)
    (tmp_path / "baseline/records.json").write_text(json.dumps(records), encoding="utf-8")
    assert _follow(tmp_path, only=("Hold the budgets",)) == {"Hold the budgets": 4}
    assert len((tmp_path / "summary.md").read_text(encoding="utf-8")) > len(summary)


@pytest.mark.parametrize(("words", "failed", "headline"), CHECKED, ids=["holds", "fails"])
def test_a_check_leaves_what_is_uploaded(tmp_path: Path, words: str, failed: dict[str, int], headline: str) -> None:
    recipe = DOCS / "ci" / "gapless-check.yml"
    client = DOCS.parent / "tests" / "serving" / "plain_client.py"
    values = {"RACES": "quick.toml", "COMMAND": f"{sys.executable} -S -E {client} {words}"}
    (tmp_path / "quick.toml").write_text(render(quick()), encoding="utf-8")
    assert _follow(tmp_path, recipe, values, but=("Install",)) == failed
    assert (tmp_path / "summary.md").read_text(encoding="utf-8").startswith(f"## {headline}\n")
    (uploaded,) = [step["with"]["path"] for step in steps(recipe) if step.get("name") == "Upload the report"]
    assert (tmp_path / uploaded / "report.html").exists()
    assert (tmp_path / uploaded / "junit.xml").exists()
    assert len(list((tmp_path / uploaded).glob("capsules/*.realtime.json"))) == len(failed)


def _follow(
    home: Path,
    recipe: Path = DOCS / "ci" / "gapless.yml",
    others: Mapping[str, str] = SMALL,
    *,
    only: tuple[str, ...] = (),
    but: tuple[str, ...] = (),
) -> dict[str, int]:
    """Run the scripts of a recipe, with other values than are set there; those that failed, with their exit codes."""
    values = workflow(recipe)["env"] | others
    environment = os.environ | {name: str(value) for name, value in values.items()}
    environment |= {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "GITHUB_STEP_SUMMARY": str(home / "summary.md"),
    }
    failed: dict[str, int] = {}
    for step in steps(recipe):
        name = step.get("name", "")
        if "run" not in step or name in but or (only and name not in only):
            continue
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", "-c", step["run"]],
            cwd=home,
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        if done.returncode:
            failed[name] = done.returncode
    return failed
