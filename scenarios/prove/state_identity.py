"""The canonical form of a client: equal forms, equal futures. This is what the reduction of a search rests on.

The form is the whole object graph, written out: types, fields, and which parts are one and the same object. Nothing is
rounded, and nothing left out but what a client says of itself and never reads (`_REPORTED_ONLY`). One thing is renamed:
*steps*, counters that are only ever compared with one another. They are replaced by their ranks, which compare alike;
every later step is greater than all of them.

What is compared and kept is a digest of 128 bits of what was written: a search meets a million clients, each of some
kilobytes. That two of them, which differ, have one digest is as likely as 10⁻²⁷.
"""

from __future__ import annotations

import hashlib
import io
import marshal
import operator
import pickle
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import lru_cache
from types import BuiltinFunctionType, FunctionType
from typing import Any

from gapless.scenarios.machines.shared_events import Shared

_REPORTED_ONLY = frozenset({"_notes", "_spent"})
_STEP = "step"
_ATOMS = frozenset({str, int, float, bool, type(None)})
_NAMES = (Enum, FunctionType, BuiltinFunctionType, frozenset, type)  # compared as they are, and copied by name
_DIGEST_BYTES = 16
_MARSHAL_VERSION = 2  # the last that writes what is equal alike: later ones say what was written before as a reference

# Immutable values that can be compared: one number for all that are equal, as long as the process lives.
_VALUES: list[Any] = []
_NUMBERS: dict[Any, int] = {}
_NUMBERS_BY_ID: dict[int, int] = {}  # of those in _VALUES, which live as long

# What stands before a part of a form, and says of what kind it is. No atom looks like it: each is a tuple.
_TUPLE, _SAME, _VALUE, _DICT, _LIST, _OBJECT, _SHARED = ((number,) for number in range(7))

Form = bytes


def canonical(root: object) -> Form:
    """The form, to be compared and hashed; in this process only."""
    form: list[Any] = []
    steps: list[tuple[int, int]] = []
    _write((root,), form, steps, {})
    ranks = {step: number for number, step in enumerate(sorted({step for _, step in steps}))}
    for place, step in steps:
        form[place] = ranks[step]
    return hashlib.blake2b(marshal.dumps(form, _MARSHAL_VERSION), digest_size=_DIGEST_BYTES).digest()


def frozen(root: object) -> bytes:
    """A copy to keep; `pickle.loads` thaws it, in this process only: values are kept by their numbers."""
    buffer = io.BytesIO()
    _Pickler(buffer, pickle.HIGHEST_PROTOCOL).dump(root)
    return buffer.getvalue()


class _Pickler(pickle.Pickler):
    def reducer_override(self, value: Any) -> Any:
        number = _number(value)
        return NotImplemented if number is None else (_by_number, (number,))


def _by_number(number: int) -> Any:
    return _VALUES[number]


def _number(value: Any) -> int | None:
    """The number of an immutable value; None for what may change, or holds what may."""
    number = _NUMBERS_BY_ID.get(id(value))
    kind: Any = type(value)
    if number is None and _is_frozen(kind):
        try:
            return _numbered(value)
        except TypeError:
            return None
    return number


def _numbered(value: Any) -> int:
    number = _NUMBERS.get(value)
    if number is None:
        number = _NUMBERS[value] = _NUMBERS_BY_ID[id(value)] = len(_VALUES)
        _VALUES.append(value)
    return number


@lru_cache(maxsize=1024)
def _is_frozen(kind: Any) -> bool:
    if not is_dataclass(kind) or not fields(kind):
        return False
    parameters: Any = kind.__dataclass_params__  # type: ignore[union-attr]  # every dataclass has them
    return bool(parameters.frozen)


def _write(values: Any, form: list[Any], steps: list[tuple[int, int]], known: dict[int, int]) -> None:
    """Write down some values, one after the other."""
    for value in values:
        kind: Any = type(value)
        if kind in _ATOMS:
            form.append(value)
        elif kind is Shared:
            form += (_SHARED, value.number)
        elif kind is tuple:
            form += (_TUPLE, len(value))
            _write(value, form, steps, known)
        elif (place := known.get(id(value))) is not None:
            form += (_SAME, place)
        elif (number := _number(value)) is not None:
            form += (_VALUE, number)
        elif isinstance(value, _NAMES):
            form += (_VALUE, _numbered(value))
        else:
            known[id(value)] = len(known)
            if kind is dict:
                form += (_DICT, len(value))
                _write(value, form, steps, known)
                _write(value.values(), form, steps, known)
            elif kind is list:
                form += (_LIST, len(value))
                _write(value, form, steps, known)
            else:
                get, get_steps = _getters(kind, tuple(getattr(value, "__dict__", ())))
                form += (_OBJECT, _numbered(kind))
                for step in get_steps(value):
                    if type(step) is int:
                        steps.append((len(form), step))
                    form.append(step)
                _write(get(value), form, steps, known)


@lru_cache(maxsize=1024)
def _getters(kind: Any, own: tuple[str, ...]) -> tuple[Callable[[Any], Any], Callable[[Any], Any]]:
    """What gets the fields of an object, and what gets those of them that are steps."""
    slots = [name for base in kind.__mro__ for name in _slots(base)]
    names = [name for name in dict.fromkeys((*slots, *own)) if name not in _REPORTED_ONLY]
    assert names or kind.__reduce_ex__ is object.__reduce_ex__, f"{kind.__name__} hides what it holds"
    is_step = [name == _STEP or name.endswith("_" + _STEP) for name in names]
    return (
        _getter([name for name, step in zip(names, is_step, strict=True) if not step]),
        _getter([name for name, step in zip(names, is_step, strict=True) if step]),
    )


def _slots(kind: type) -> tuple[str, ...]:
    slots = kind.__dict__.get("__slots__", ())
    return (slots,) if isinstance(slots, str) else tuple(slots)


def _getter(names: list[str]) -> Callable[[Any], Any]:
    if not names:
        return lambda value: ()
    if len(names) == 1:
        one = operator.attrgetter(names[0])
        return lambda value: (one(value),)
    return operator.attrgetter(*names)
