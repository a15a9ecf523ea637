"""Reads a records document back into the values that it was made from.

Reading is strict. An unknown key, a number in quotes or another version of the schema is an error that says where it
is. A key that an earlier gapless did not write yet gets the default of its field, if the field has one.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from gapless.reports.errors import UnreadableRecords
from gapless.reports.records.documents import parse_json
from gapless.reports.records.json import SCHEMA, render_results
from gapless.reports.records.never import MEANING, Never
from gapless.reports.records.record import RunRecord
from gapless.reports.records.results import Results

_CURE = "write it anew with `gapless run` or `check`, and --json FILE or --out DIR"
_OTHER = "give it records, as `gapless run` and `check` write them with --json FILE or --out DIR"
_PLAINLY = {
    "unexpected_keyword_argument": "is no key of this schema",
    "extra_forbidden": "is no key of this schema",
    "missing": "is missing",
    "missing_argument": "is missing",
}
# What belongs in a place, by pydantic's type of error.
_EXPECTED = {
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "string_type": "a text",
    "tuple_type": "a list",
    "dict_type": "an object",
    "model_type": "an object",
    "dataclass_type": "an object",
    "literal_error": "{expected}",
    "enum": "{expected}",
}
_SHOWN_CHARACTERS = 40


class RecordsDocument(BaseModel):
    """A records document as it is on disk, without ``schema`` and without the derived ratio of each run."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)

    versions: dict[str, str] = Field(default={}, description="Versions of Python, gapless and its libraries, by name.")
    made: dict[str, str] = Field(default={}, description="The command, the date and the commit of the runs.")
    complete: bool = Field(default=True, description="False when the runs were interrupted before the last.")
    never: tuple[Never, ...] = Field(default=(), description="What happened in no run, though it should have.")
    records: tuple[RunRecord, ...] = Field(description="One for each run.")
    sweep: tuple[RunRecord, ...] = Field(
        default=(), description="One clean run at growing lengths of the history; no part of the verdicts."
    )


def read_results(text: str) -> Results:
    """The results in a records document, without journals, which are stored apart. Raises UnreadableRecords."""
    try:
        document = parse_json(text)
    except ValueError as error:
        raise UnreadableRecords("", f"is not JSON ({error})", _CURE) from error
    if not isinstance(document, dict) or "schema" not in document:
        raise UnreadableRecords("", f'is no records document, for it does not say "schema": "{SCHEMA}"', _OTHER)
    if document["schema"] != SCHEMA:
        raise UnreadableRecords("schema", f"is {document['schema']!r}, and this gapless reads {SCHEMA!r}", _OTHER)
    for name in ("records", "sweep"):
        _check_ratios(name, document.get(name))
    try:
        read = RecordsDocument.model_validate_json(json.dumps(_underived(document)))
    except ValidationError as error:
        raise _unreadable(error) from None
    for index, one in enumerate(read.never):
        if one.what not in MEANING:
            problem = f"is {_shown(one.what)}, and can be {', '.join(MEANING)}"
            raise UnreadableRecords(f"never[{index}].what", problem, _CURE)
    return Results(read.records, read.versions, read.complete, read.never, read.sweep, made=read.made)


def reread(results: Results) -> Results:
    """The results after they were written and read again.

    Reports made from these are the same as reports made later from the stored records. No text in them has a character
    that cannot be written.
    """
    text = render_results(results)
    return dataclasses.replace(read_results(text), journals=results.journals)


def _check_ratios(name: str, records: object) -> None:
    """Raise if a ratio is no number: it is derived, and not read, but a wrong one shows that the file was edited."""
    for index, rest in _rests(records):
        ratio = rest.get("ratio")
        if ratio is not None and (isinstance(ratio, bool) or not isinstance(ratio, int | float)):
            raise UnreadableRecords(f"{name}[{index}].rest.ratio", f"is {_shown(ratio)}, and is a number", _CURE)


def _rests(records: object) -> Iterator[tuple[int, Mapping[str, Any]]]:
    for index, record in enumerate(records if isinstance(records, list) else ()):
        rest = record.get("rest") if isinstance(record, dict) else None
        if isinstance(rest, dict):
            yield index, rest


def _underived(document: Mapping[str, Any]) -> dict[str, Any]:
    """The document without the ratios, which are derived, and without the schema, which was read before."""
    plain = {name: value for name, value in document.items() if name != "schema"}
    for name in ("records", "sweep"):
        if isinstance(plain.get(name), list):
            plain[name] = [_without_ratio(record) for record in plain[name]]
    return plain


def _without_ratio(record: object) -> object:
    if not isinstance(record, dict) or not isinstance(record.get("rest"), dict):
        return record
    return record | {"rest": {name: value for name, value in record["rest"].items() if name != "ratio"}}


def _unreadable(error: ValidationError) -> UnreadableRecords:
    first = error.errors(include_url=False)[0]
    problem = _PLAINLY.get(first["type"])
    if problem is None:
        expected = _EXPECTED.get(first["type"], "what records.schema.json says").format(**first.get("ctx", {}))
        problem = f"is {_shown(first['input'])}, and should be {expected}"
    return UnreadableRecords(_place(first["loc"]), problem, _CURE)


def _place(parts: tuple[str | int, ...]) -> str:
    """A place in the document, such as ``records[3].rest.calls``."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in parts)
    return text.removeprefix(".")


def _shown(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _SHOWN_CHARACTERS else text[: _SHOWN_CHARACTERS - 1] + "…"
