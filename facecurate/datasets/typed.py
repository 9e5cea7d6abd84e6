"""TOML tables into dataclasses: every key and value is checked against the type hints.

A wrong one is a FacecurateError that names where it stands and what may stand there.
"""

import difflib
from collections.abc import Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from decimal import Decimal
from types import UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from facecurate.errors import FacecurateError
from facecurate.text import printable

T = TypeVar("T")


def build(cls: type[T], table: object, where: str) -> T:
    """An instance of the dataclass ``cls`` from a TOML table; ``where`` begins the messages."""
    if not isinstance(table, Mapping):
        raise FacecurateError(f"{where}: expected a table, found {_shown(table)}")
    known: dict[str, Field[Any]] = {field.name: field for field in fields(cls)}  # type: ignore[arg-type]
    for key in table:
        if key not in known:
            raise FacecurateError(f"{where}: unknown key {_shown(key)}{near(key, known)}")
    for name, field in known.items():
        if name not in table and field.default is MISSING and field.default_factory is MISSING:
            raise FacecurateError(f"{where}: the key {name!r} is missing")
    hints = get_type_hints(cls)
    return cls(
        **{key: _value(hints[key], value, f"{where}: {key}") for key, value in table.items()}
    )


def near(word: str, known: Mapping[str, object] | tuple[str, ...]) -> str:
    """``; did you mean a, b?`` for the known words that look like ``word``, else nothing."""
    found = difflib.get_close_matches(word, list(known), n=3, cutoff=0.5)
    return f"; did you mean {', '.join(found)}?" if found else ""


def _value(kind: Any, value: object, where: str) -> Any:
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):  # TOML has no null: only the other half can be written
        return _value(next(one for one in arguments if one is not type(None)), value, where)
    if origin is Literal:
        if not any(value == word and type(value) is type(word) for word in arguments):
            words = ", ".join(map(str, arguments))
            raise FacecurateError(f"{where}: {_shown(value)} is not one of: {words}")
        return value
    if origin is tuple:
        items = _typed(list, value, where)
        return tuple(_value(arguments[0], one, f"{where}[{i}]") for i, one in enumerate(items))
    if origin is dict:
        table = _typed(dict, value, where)
        return {key: _value(arguments[1], one, f"{where}.{key}") for key, one in table.items()}
    if is_dataclass(kind):
        return build(kind, value, where)  # type: ignore[arg-type]
    return _typed(kind, value, where)


def _typed(kind: type[Any], value: object, where: str) -> Any:
    if type(value) is not kind:  # not isinstance: true is no number
        name = {dict: "a table", list: "a list", str: "a text", int: "a whole number"}
        expected = name.get(kind, "a decimal number" if kind is Decimal else f"a {kind.__name__}")
        raise FacecurateError(f"{where}: expected {expected}, found {_shown(value)}")
    return value


def _shown(value: object) -> str:
    return repr(printable(value, 60))
