"""The sync client's settings, from their dataclass: defaults from its values, meanings from its source."""

from __future__ import annotations

import ast
import dataclasses
import inspect
from collections.abc import Iterator
from dataclasses import dataclass

from gapless.syncclient import Settings
from tests.docs.reference.schemas import plain


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting, its default, what its source says of it, and the environment variable that sets it."""

    name: str
    default: str
    about: str
    variable: str


def settings() -> Iterator[Setting]:
    """Every setting, in the order of the source."""
    defaults = Settings()
    about = _about()
    for field in dataclasses.fields(Settings):
        value = getattr(defaults, field.name)
        yield Setting(field.name, _written(value), about.get(field.name, ""), f"GAPLESS_{field.name.upper()}")


def _written(value: object) -> str:
    if isinstance(value, int) and not isinstance(value, bool) and value >= 1024 * 1024:
        return f"{value // 1024 // 1024} MiB"
    return f"{value:,g}" if isinstance(value, int | float) and not isinstance(value, bool) else str(value)


def _about() -> dict[str, str]:
    """The string below each field: Python does not keep it."""
    body = ast.parse(inspect.getsource(Settings)).body[0]
    assert isinstance(body, ast.ClassDef)
    found: dict[str, str] = {}
    name: str | None = None
    for node in body.body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            name = node.target.id
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and name is not None:
            found[name] = plain(str(node.value.value))
            name = None
    return found
