"""Reads JSON that anybody may have written. Whatever is wrong with it is one kind of error."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, Final

DEPTH_MAX: Final = 100  # of lists and objects within each other
_SURROGATE: Final = re.compile(r"\\u[dD][89a-fA-F]")


class NotADocument(ValueError):
    """A text that cannot be used as JSON. The message says why, without a place."""


def parse_json(text: str) -> Any:
    """The value in a text.

    Raises NotADocument for what is not JSON, and for what Python cannot hold or write again: a nesting that is too
    deep, a number with thousands of digits, and half of a surrogate pair.
    """
    try:
        value = json.loads(text)
    except RecursionError as error:
        raise NotADocument("it is nested too deeply") from error
    except json.JSONDecodeError as error:
        raise NotADocument(str(error)) from error
    except ValueError as error:
        raise NotADocument("it has a number with thousands of digits") from error
    check_depth(value)
    if _SURROGATE.search(text):
        try:
            json.dumps(value, ensure_ascii=False).encode()
        except UnicodeEncodeError as error:
            raise NotADocument("it has half of a surrogate pair, which is no character") from error
    return value


def check_depth(value: object) -> None:
    """Raises NotADocument for a value that no function of ours, or of a library, should have to recurse into."""
    if any(depth > DEPTH_MAX for _, depth in nested(value)):
        raise NotADocument("it is nested too deeply")


def nested(value: object) -> Iterator[tuple[object, int]]:
    """All values within a value, itself included, and how deep each is. It does not recurse."""
    waiting: list[tuple[object, int]] = [(value, 0)]
    while waiting:
        one, depth = waiting.pop()
        yield one, depth
        if isinstance(one, dict | list):
            waiting.extend((below, depth + 1) for below in (one.values() if isinstance(one, dict) else one))
