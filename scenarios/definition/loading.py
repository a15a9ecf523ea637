"""Reads a TOML file into a `Scenario`. An invalid file raises one sentence: the place, the problem and the cure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from gapless.scenarios.definition.known_keys import holds_tables, keys_at, nearby
from gapless.scenarios.definition.scenario import Scenario
from gapless.scenarios.definition.toml_documents import NotToml, parse_toml
from gapless.scenarios.definition.toml_lines import line_of
from gapless.scenarios.errors import ScenarioError, did_you_mean
from gapless.scenarios.given_files import given_text
from gapless.scenarios.wrong_values import WrongValue, validated

FILE_BYTES_MAX: Final = 8 * 1024 * 1024
# Types of error of pydantic about a value that is no list, and about one that is no table.
LISTS: Final = ("tuple_type", "list_type")
TABLES: Final = ("model_type", "dict_type", "model_attributes_type")


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
        elif error.kind in LISTS and isinstance(error.given, Mapping):
            problem, cure = _table_for_list(error)
        elif error.kind in TABLES and isinstance(error.given, list):
            problem, cure = "is a list, and one table belongs here", _one_table(error)
        raise ScenarioError(file, line_of(text, error.path), error.key, problem, cure) from None


def _table_for_list(error: WrongValue) -> tuple[str, str]:
    """The problem and the cure for a table where a list belongs, as with one bracket instead of two."""
    name, is_in_a_list = ".".join(map(str, error.path)), any(isinstance(one, int) for one in error.path)
    if not holds_tables(error.location):
        return "is a table, and a list belongs here", f"write `{error.path[-1]} = [ … ]`"
    cure = f"write `{error.path[-1]} = [{{ … }}]`" if is_in_a_list else f"write `[[{name}]]`"
    return "is one table, and a list of tables belongs here", cure


def _one_table(error: WrongValue) -> str:
    """The cure for a list where one table belongs, as with two brackets instead of one."""
    if any(isinstance(one, int) for one in error.path):
        return f"write `{error.path[-1]} = {{ … }}`"
    return f"write `[{'.'.join(map(str, error.path))}]`"


def _unknown(loc: Sequence[str | int]) -> tuple[str, str]:
    """The problem and the cure for a key that is not allowed at ``loc``."""
    key, known, table = str(loc[-1]), keys_at(loc), nearby(loc)
    if key in known:
        return "cannot stand beside the others", f"keep one of {', '.join(known)}"
    if table is not None:
        return "is no known key here", f"it belongs to {table}"
    return "is no known key", did_you_mean(key, known, f"the keys are {', '.join(known)}")
