"""Reads a TOML file into a `Scenario`. An invalid file raises one sentence: the place, the problem and the cure."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from gapless.scenarios.definition.known_keys import keys_at, nearby
from gapless.scenarios.definition.scenario import Scenario
from gapless.scenarios.definition.toml_documents import NotToml, parse_toml
from gapless.scenarios.definition.toml_lines import line_of
from gapless.scenarios.errors import ScenarioError, did_you_mean
from gapless.scenarios.given_files import given_text
from gapless.scenarios.wrong_values import WrongValue, validated

FILE_BYTES_MAX: Final = 8 * 1024 * 1024


def load_file(path: Path) -> Scenario:
    """The scenario in one file.

    Raises ScenarioError when the file cannot be read, is not TOML, or is not a scenario.
    """
    try:
        text = given_text(path, FILE_BYTES_MAX)
    except OSError as error:
        problem = f"cannot be read ({error.strerror})"
        raise ScenarioError(str(path), None, "", problem, "give the path of a TOML scenario file") from error
    except UnicodeDecodeError as error:
        raise ScenarioError(str(path), None, "", "is not UTF-8 text", "save it as UTF-8") from error
    return parse(text, str(path))


def parse(text: str, file: str) -> Scenario:
    """The scenario in ``text``; ``file`` is the name used in errors.

    Raises ScenarioError for the first problem.
    """
    try:
        data = parse_toml(text)
    except NotToml as error:
        raise ScenarioError(file, error.line, "", f"is not valid TOML ({error})", "correct the syntax") from error
    try:
        return validated(Scenario, data)
    except WrongValue as error:
        problem, cure = error.problem, error.cure
        if error.kind == "extra_forbidden":
            problem, cure = _unknown(error.location)
        elif error.kind == "missing" and error.path:
            cure = f"add `{error.path[-1]} = …`"
        raise ScenarioError(file, line_of(text, error.path), error.key, problem, cure) from None


def _unknown(loc: Sequence[str | int]) -> tuple[str, str]:
    """The problem and the cure for a key that is not allowed at ``loc``."""
    key, known, table = str(loc[-1]), keys_at(loc), nearby(loc)
    if key in known:
        return "cannot stand beside the others", f"keep one of {', '.join(known)}"
    if table is not None:
        return "is no known key here", f"it belongs to {table}"
    return "is no known key", did_you_mean(key, known, f"the keys are {', '.join(known)}")
