"""The canonical form of a client. Two clients with equal forms behave equally from then on.

A search visits each state once, which is correct only because of this property.

The form is the whole object graph, written out: types, fields, and which references point to the same object. Nothing
is rounded. Fields that a client only reports and never reads (`_REPORTED_ONLY`) are left out. *Steps* are counters that
are only compared with each other, so each is replaced by its rank. The order of the ranks is the same, and any later
step is greater than all of them.

The written form is a few kilobytes, and a search meets a million clients. So a digest of 128 bits is compared and kept.
The probability that two different clients among them have the same digest is about 10⁻²⁷.
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
_NAMES = (Enum, FunctionType, BuiltinFunctionType, frozenset, type)  # compared with ==, and pickled by name
_DIGEST_BYTES = 16
# Later versions write repeated objects as references, so equal values could be written differently.
_MARSHAL_VERSION = 2

# Hashable immutable values. Equal values have one number, for the lifetime of the process.
_VALUES: list[Any] = []
_NUMBERS: dict[Any, int] = {}
_NUMBERS_BY_ID: dict[int, int] = {}  # by id() of the objects in _VALUES; the list keeps them alive, so ids stay valid

# Markers before each part of a form: they say of what kind the part is. They are tuples, and no atom is a tuple.
_TUPLE, _SAME, _VALUE, _DICT, _LIST, _OBJECT, _SHARED = ((number,) for number in range(7))

Form = bytes


def canonical(root: object) -> Form:
    """The digest of the canonical form. It is valid only in this process, because values are written as numbers."""
    form: list[Any] = []
    steps: list[tuple[int, int]] = []
    _write((root,), form, steps, {})
    ranks = {step: number for number, step in enumerate(sorted({step for _, step in steps}))}
    for place, step in steps:
        form[place] = ranks[step]
    return hashlib.blake2b(marshal.dumps(form, _MARSHAL_VERSION), digest_size=_DIGEST_BYTES).digest()


def frozen(root: object) -> bytes:
    """A pickled copy of a client. `pickle.loads` restores it, only in this process: values are stored as numbers."""
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
    """The number of a frozen dataclass instance. None for anything that is mutable or contains something mutable."""
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
    """Append the canonical form of some values. ``steps`` collects where steps were written; ``known`` maps ids."""
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
    """Two getters for the fields of an object: one for all fields that are not steps, and one for the steps."""
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
