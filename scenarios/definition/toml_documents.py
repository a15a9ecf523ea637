"""Reads TOML that anybody may have written. Whatever is wrong with it is one kind of error."""

from __future__ import annotations

import re
import tomllib
from typing import Any, Final

from gapless.reports.records.documents import NotADocument, check_depth, nested
from gapless.scenarios.errors import GaplessError

INTEGER_LIMIT: Final = 1 << 63


class NotToml(GaplessError):
    """A text that cannot be used as TOML. The message says why; ``line`` is None when it is unknown."""

    def __init__(self, problem: str, line: int | None = None) -> None:
        super().__init__(problem)
        self.line = line


def parse_toml(text: str) -> dict[str, Any]:
    """The tables in a text.

    Raises NotToml for what is not TOML, and for what Python cannot hold: a nesting that is too deep, and a number of
    more than 64 bits, which TOML does not have either.
    """
    try:
        tables = tomllib.loads(text)
    except RecursionError as error:
        raise NotToml("it is nested too deeply") from error
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"at line (\d+)", str(error))
        raise NotToml(str(error), int(line.group(1)) if line else None) from error
    except ValueError as error:
        raise NotToml("it has a number or a date that is out of range") from error
    try:
        check_depth(tables)
    except NotADocument as error:
        raise NotToml(str(error)) from error
    if any(isinstance(value, int) and not -INTEGER_LIMIT <= value < INTEGER_LIMIT for value, _ in nested(tables)):
        raise NotToml("it has a number or a date that is out of range")
    return tables
