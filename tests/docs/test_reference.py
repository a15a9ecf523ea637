"""The reference pages say what the code says."""

from __future__ import annotations

import re
from functools import cache

import click
import pytest

from gapless.scenarios.cli.main import main
from gapless.scenarios.definition.catalogue import catalogue
from gapless.simserver.faults import KINDS
from tests.docs.reference.making import REFERENCE, TEMPLATES, make

NAMES = sorted(path.stem for path in TEMPLATES.glob("*.jinja"))
made = cache(make)


@pytest.mark.parametrize("name", NAMES)
def test_a_reference_page_is_up_to_date(name: str) -> None:
    path = REFERENCE / name
    assert path.exists() and path.read_text(encoding="utf-8") == made()[name], (  # noqa: PT018 - one thing to say of both
        f"docs/reference/{name} is stale: run `python -m tests.docs reference`, and commit what it writes"
    )


def test_there_is_no_page_that_nothing_makes() -> None:
    assert sorted(path.name for path in REFERENCE.iterdir()) == sorted(made())


def test_every_command_and_option_is_told() -> None:
    context = click.Context(main)
    for name in main.list_commands(context):
        command = main.get_command(context, name)
        assert command is not None
        assert f"\n## gapless {name}\n" in made()["cli.md"]
        for parameter in command.params:
            if parameter.param_type_name == "option":
                assert f"`{', '.join(parameter.opts)}`" in made()["cli.md"], (name, parameter)


def test_every_fault_is_told_with_its_fields() -> None:
    for kind in KINDS:
        name = kind.model_fields["kind"].default
        told = made()["faults.md"].partition(f"\n### {name}\n")[2].partition("\n### ")[0]
        for field in set(kind.model_fields) - {"kind", "name", "match"}:
            assert re.search(rf"`{field}`\*{{0,2}} \|", told), (name, field)


def test_every_scenario_is_told() -> None:
    for scenario in catalogue():
        assert f"| `{scenario.name}` |" in made()["catalogue.md"]
