"""Reads a TOML file into a `Scenario`. An invalid file raises one sentence: the place, the problem and the cure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from gapless.scenarios.definition.known_keys import keys_at, nearby
from gapless.scenarios.definition.scenario import Scenario
from gapless.scenarios.definition.toml_documents import NotToml, parse_toml
from gapless.scenarios.definition.toml_lines import line_of
from gapless.scenarios.errors import Misfit, ScenarioError, did_you_mean

FILE_BYTES_MAX: Final = 8 * 1024 * 1024


def load_file(path: Path) -> Scenario:
    """The scenario in one file.

    Raises ScenarioError when the file cannot be read, is not TOML, or is not a scenario.
    """
    try:
        if path.stat().st_size > FILE_BYTES_MAX:
            problem = f"has more than {FILE_BYTES_MAX >> 20} MB"
            raise ScenarioError(str(path), None, "", problem, "give the path of a TOML scenario file")
        text = path.read_text(encoding="utf-8")
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
        return Scenario.model_validate(data)
    except ValidationError as error:
        raise _first_problem(error, text, file, data) from None


def _first_problem(error: ValidationError, text: str, file: str, data: Mapping[str, object]) -> ScenarioError:
    problems = error.errors(include_url=False)
    # A misspelled key often shows as a missing key too. The misspelling is the cause, so it is reported first.
    first = next((one for one in problems if one["type"] == "extra_forbidden"), problems[0])
    cause = first.get("ctx", {}).get("error")
    path = (*_real_path(first["loc"], data), *(cause.place if isinstance(cause, Misfit) else ()))
    key = ".".join(str(part) for part in path)
    if first["type"] == "extra_forbidden":
        problem, cure = _unknown(first["loc"])
    elif isinstance(cause, Misfit):
        problem, cure = cause.problem, cause.cure
    else:
        problem, cure = _sentence(first["type"], first["msg"], first.get("ctx", {}), path, first.get("input"))
    return ScenarioError(file, line_of(text, path), key, problem, cure)


def _real_path(loc: Sequence[str | int], data: object) -> Iterator[str | int]:
    """``loc`` without the names of union branches, which pydantic puts between real keys."""
    here = data
    for position, part in enumerate(loc):
        last = position == len(loc) - 1
        if isinstance(here, Mapping) and isinstance(part, str) and (part in here or last):
            here = here.get(part)
            yield part
        elif isinstance(here, list) and isinstance(part, int) and part < len(here):
            here = here[part]
            yield part


def _unknown(loc: Sequence[str | int]) -> tuple[str, str]:
    """The problem and the cure for a key that is not allowed at ``loc``."""
    key, known, table = str(loc[-1]), keys_at(loc), nearby(loc)
    if key in known:
        return "cannot stand beside the others", f"keep one of {', '.join(known)}"
    if table is not None:
        return "is no known key here", f"it belongs to {table}"
    return "is no known key", did_you_mean(key, known, f"the keys are {', '.join(known)}")


def _split(message: str) -> tuple[str, str]:
    """A validator's message as problem and cure. Most have the cure as their last part."""
    for between in ("; ", ": "):
        problem, found, cure = message.rpartition(between)
        if found:
            return problem, cure
    return message, "correct it there"


def _sentence(
    kind: str, message: str, context: Mapping[str, object], path: Sequence[str | int], given: object
) -> tuple[str, str]:
    key = str(path[-1]) if path else ""
    if kind == "missing":
        return "is missing", f"add `{key} = …`"
    if kind == "union_tag_invalid":
        known = re.findall(r"'([^']+)'", str(context.get("expected_tags", "")))
        tag = str(context.get("tag", ""))
        return f"{tag!r} is no kind of fault", did_you_mean(tag, known, f"the kinds are {', '.join(known)}")
    if kind == "literal_error":
        known = [one.strip("'") for one in re.findall(r"'[^']+'|\d+", str(context.get("expected", "")))]
        return f"{given!r} is not allowed here", did_you_mean(str(given), known, f"use {' or '.join(known)}")
    if kind == "value_error":
        return _split(message.removeprefix("Value error, "))
    return f"{given!r} is wrong: {message[0].lower()}{message[1:]}", "change the value"
