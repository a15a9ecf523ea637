"""What is wrong with a value that pydantic refuses, in plain words: the place, the problem and the cure.

Each type of error of pydantic that a file, a request or a report can cause has its words in ``EXPECTED``. They say what
belongs in the place. Where a value may be one of several things, all of them are named.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from gapless.scenarios.errors import GaplessError, Misfit, did_you_mean

M = TypeVar("M", bound=BaseModel)
T = TypeVar("T")
_Keys = tuple[str | int, ...]
_Branch = tuple[_Keys, str | int]  # the place of a union, and one of its branches

SHOWN_CHARACTERS_MAX: Final = 60
OTHERWISE: Final = "what docs/reference/scenario-files.md says of it"

# By type of error. The braces are keys of the error's context.
EXPECTED: Final[Mapping[str, str]] = {
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_parsing_size": "a whole number of fewer digits",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a finite number",
    "greater_than": "a number above {gt}",
    "greater_than_equal": "a number of at least {ge}",
    "less_than": "a number below {lt}",
    "less_than_equal": "a number of at most {le}",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "string_type": "a text in quotes",
    "string_unicode": "a text without half of a surrogate pair",
    "string_too_short": "a text of at least {min_length} characters",
    "string_too_long": "a text of at most {max_length} characters",
    "string_pattern_mismatch": "{words}",
    "none_required": "nothing",
    "list_type": "a list",
    "tuple_type": "a list",
    "iterable_type": "a list",
    "too_short": "a list of at least {min_length}",
    "too_long": "a list of at most {max_length}",
    "dict_type": "a table of keys and values",
    "mapping_type": "a table of keys and values",
    "model_type": "a table of keys and values",
    "model_attributes_type": "a table of keys and values",
    "dataclass_type": "a table of keys and values",
    "recursion_loop": "a value that does not contain itself",
}
# Types of error whose sentence is made from more than the words of its type.
SENTENCES: Final = (
    "literal_error",
    "enum",
    "missing",
    "missing_argument",
    "extra_forbidden",
    "unexpected_keyword_argument",
    "invalid_key",
    "union_tag_invalid",
    "union_tag_not_found",
    "value_error",
    "assertion_error",
)
PATTERNS: Final[Mapping[str, str]] = {
    r"^[a-z0-9]+(-[a-z0-9]+)*$": "lower-case letters and digits, with single hyphens between them",
    r"^[a-z0-9][a-z0-9-]*$": "lower-case letters, digits and hyphens, of which the first is no hyphen",
    r"^R\d\d$": "R and two digits, as in R10",
}
_LITERALS: Final = {"True": "true", "False": "false", "None": "null"}
_CHOICES: Final = ("literal_error", "enum")
_UNKNOWN: Final = ("extra_forbidden", "unexpected_keyword_argument")


class WrongValue(GaplessError):
    """The first problem of a document. The message is one sentence with the place, the problem and the cure.

    ``kind``: pydantic's type of error; ``path``: the keys down to the value; ``location``: the same with the names of
    union branches, as pydantic has it; ``given``: the value.
    """

    def __init__(
        self,
        kind: str,
        path: Sequence[str | int],
        location: Sequence[str | int],
        problem: str,
        cure: str,
        given: object = None,
    ) -> None:
        self.kind, self.path, self.location, self.given = kind, tuple(path), tuple(location), given
        self.problem, self.cure = problem, cure
        place = f"{self.key}: " if self.path else ""
        super().__init__(f"{place}{problem}; {cure}")

    @property
    def key(self) -> str:
        """The path as one word; empty when the problem is the whole document's."""
        return ".".join(map(str, self.path))


def validated(form: type[M], data: object, *above: str) -> M:
    """``data`` as a value of a model. above: the keys under which it is found in its document. Raises WrongValue."""
    try:
        return form.model_validate(data)
    except ValidationError as error:
        raise _first_problem(error, data, above) from None


def validated_by(adapter: TypeAdapter[T], data: object) -> T:
    """``data`` as a value of a type that is no model. Raises WrongValue."""
    try:
        return adapter.validate_python(data)
    except ValidationError as error:
        raise _first_problem(error, data) from None


def validated_line(form: type[M], said: Mapping[str, Any]) -> M:
    """What a client reports in a line of JSON. Raises WrongValue."""
    try:
        return form.model_validate_json(json.dumps(said))
    except ValidationError as error:
        raise _first_problem(error, said) from None


def _first_problem(error: ValidationError, data: object, above: Sequence[str] = ()) -> WrongValue:
    """A misspelled key often shows as a missing key too. The misspelling comes first."""
    problems = _of_fitting_branches(error.errors(include_url=False), data)
    first = next((one for one in problems if one["type"] in _UNKNOWN), problems[0])
    context = first.get("ctx", {})
    cause = context.get("error")
    below = cause.place if isinstance(cause, Misfit) else ()
    path = (*_path(first, data), *below)
    problem, cure = _sentence(first, [one for one in problems if _path(one, data) == _path(first, data)], path)
    return WrongValue(first["type"], (*above, *path), first["loc"], problem, cure, first["input"])


def shown(value: object) -> str:
    """A value as a file has it, cut to one short line."""
    try:
        text = repr(value) if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    except RecursionError:
        text = "something nested too deeply"
    except ValueError:
        text = "a number with thousands of digits"
    return text if len(text) <= SHOWN_CHARACTERS_MAX else text[: SHOWN_CHARACTERS_MAX - 1] + "…"


def _of_fitting_branches(problems: Sequence[ErrorDetails], data: object) -> Sequence[ErrorDetails]:
    """The problems without those of union branches that fit the value worse than another branch does.

    A branch fits best if its keys are right, and worst if it is for a value of another type.
    """
    branches = [_branch(one, data) for one in problems]
    fits: dict[_Branch, int] = {}
    best: dict[_Keys, int] = {}
    for one, branch in zip(problems, branches, strict=True):
        if branch is not None:
            rank = 2 if len(_path(one, data)) == len(branch[0]) else int(one["type"] in (*_UNKNOWN, "missing"))
            fits[branch] = max(rank, fits.get(branch, 0))
    for branch, rank in fits.items():
        best[branch[0]] = min(rank, best.get(branch[0], rank))
    return [
        one for one, branch in zip(problems, branches, strict=True) if branch is None or fits[branch] == best[branch[0]]
    ]


def _branch(problem: ErrorDetails, data: object) -> _Branch | None:
    """The first union on the way to a problem, and the branch of it; None when there is no union."""
    above: list[str | int] = []
    for part, is_key in _steps(problem, data):
        if not is_key:
            return tuple(above), part
        above.append(part)
    return None


def _path(problem: ErrorDetails, data: object) -> tuple[str | int, ...]:
    """The place of a problem without the names of union branches."""
    return tuple(part for part, is_key in _steps(problem, data) if is_key)


def _steps(problem: ErrorDetails, data: object) -> Iterator[tuple[str | int, bool]]:
    """The parts of a problem's place, and whether each is a key: pydantic puts the names of union branches between."""
    here, loc = data, problem["loc"]
    for position, part in enumerate(loc):
        absent = position == len(loc) - 1 and problem["type"].startswith("missing")
        if isinstance(here, Mapping) and (part in here or absent):
            here = here.get(part)
            yield part, True
        elif isinstance(here, list | tuple) and isinstance(part, int) and part < len(here):
            here = here[part]
            yield part, True
        else:
            yield part, False


def _sentence(first: ErrorDetails, alternatives: Sequence[ErrorDetails], path: Sequence[str | int]) -> tuple[str, str]:
    """The problem and the cure. alternatives: the errors about the same value, one for each thing that it may be."""
    kind, context = first["type"], first.get("ctx", {})
    cause = context.get("error")
    if isinstance(cause, Misfit):
        return cause.problem, cause.cure
    match kind:
        case "missing" | "missing_argument":
            return "is missing", f"add `{path[-1]}`" if path else "add it"
        case "extra_forbidden" | "unexpected_keyword_argument":
            return "is no known key", "drop it"
        case "invalid_key":
            return "is no key that a table can have", "write it as a text"
        case "union_tag_invalid" | "union_tag_not_found":
            return _tag(kind, context, first["input"])
        case "value_error" | "assertion_error":
            return _split(first["msg"].removeprefix("Value error, ").removeprefix("Assertion failed, "))
    words = [word for one in alternatives if one["type"] in _CHOICES for word in _words(one)]
    others = (_expected(one) for one in alternatives if one["type"] not in SENTENCES)
    cure = f"give {_either([*words, *dict.fromkeys(others)])}"
    if isinstance(first["input"], str) and words:
        cure = did_you_mean(first["input"], [word.strip("'") for word in words], cure)
    return f"{shown(first['input'])} is not allowed here", cure


def _expected(problem: ErrorDetails) -> str:
    """What belongs there, by one error."""
    context = {
        name: f"{value:g}" if isinstance(value, float) else value for name, value in problem.get("ctx", {}).items()
    }
    if problem["type"] == "string_pattern_mismatch":
        pattern = str(context["pattern"])
        context["words"] = PATTERNS.get(pattern, f"a text that matches {pattern}")
    return EXPECTED.get(problem["type"], OTHERWISE).format(**context)


def _words(problem: ErrorDetails) -> list[str]:
    """The words and numbers that a literal error allows, as a file has them."""
    allowed = re.findall(r"'[^']*'|[\w.-]+", str(problem.get("ctx", {}).get("expected", "")))
    return [_LITERALS.get(one, one) for one in allowed if one != "or"]


def _either(choices: Sequence[str]) -> str:
    *most, last = choices
    return f"{', '.join(most)} or {last}" if most else last


def _tag(kind: str, context: Mapping[str, Any], given: object) -> tuple[str, str]:
    name = str(context.get("discriminator", "")).strip("'")
    if kind == "union_tag_not_found":
        return f"has no {name}", f"add `{name}`"
    known = re.findall(r"'([^']+)'", str(context.get("expected_tags", "")))
    tag = given.get(name) if isinstance(given, Mapping) else given
    return f"{shown(tag)} is no kind of fault", did_you_mean(str(tag), known, f"the kinds are {', '.join(known)}")


def _split(message: str) -> tuple[str, str]:
    """A validator's message as problem and cure: the cure is its last part."""
    for between in ("; ", ": "):
        problem, found, cure = message.rpartition(between)
        if found:
            return problem, cure
    return message, "correct it there"
