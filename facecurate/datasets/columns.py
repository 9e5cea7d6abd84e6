"""Text tables of millions of lines as NumPy columns; a line that does not fit is named.

Arrow's reader does the work. Where it stumbles, the file is read again line by line: either that
copy was merely written by another tool (blanks at the ends of lines), or the line is found.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import csv

from facecurate import storage
from facecurate.errors import DamagedError
from facecurate.text import printable

# float: finite; float?: NaN where empty; flag: 0 or 1
Kind = Literal["name", "int32", "int64", "float", "float?", "flag"]
Columns = dict[str, NDArray[Any]]

_ARROW = {
    "name": pa.string(),
    "int32": pa.int32(),
    "int64": pa.int64(),
    "float": pa.float64(),
    "float?": pa.float64(),
    "flag": pa.int8(),
}
_EMPTY = ("", "NaN", "nan")
_MARK = "\ufeff"  # of the byte order


def first_line(url: str) -> str:
    """The first line of a text file without its end, blanks and byte order mark."""
    start = storage.read(url, 0, 1 << 16).decode("utf-8", "replace")
    return start.split("\n", 1)[0].strip(_MARK + " \r")


def read(
    url: str,
    what: str,
    wanted: Mapping[str, Kind],
    *,
    names: Sequence[str] | None = None,
    delimiter: str = " ",
    skip: int = 0,
) -> Columns:
    """The ``wanted`` columns of a table whose columns are ``names``; ``name`` columns as objects.

    ``names`` None: the table has the wanted columns and no others. ``skip``: lines at the top that
    are no rows. Row i is line ``skip + i + 1``. Raises DamagedError naming ``what`` and the line.
    """
    names = list(wanted) if names is None else list(names)
    if not storage.exists(url):
        raise DamagedError(f"{what} is missing")
    try:
        return _fast(url, wanted, names, delimiter, skip)
    except (pa.ArrowException, ValueError):
        return _slow(url, what, wanted, names, delimiter, skip)


def _fast(
    url: str, wanted: Mapping[str, Kind], names: list[str], delimiter: str, skip: int
) -> Columns:
    with storage.reading(url) as file:
        table = csv.read_csv(
            file,
            csv.ReadOptions(column_names=names, skip_rows=skip, block_size=8 << 20),
            csv.ParseOptions(delimiter=delimiter, quote_char=False, ignore_empty_lines=False),
            csv.ConvertOptions(
                column_types={name: _ARROW[kind] for name, kind in wanted.items()},
                include_columns=list(wanted),
                null_values=list(_EMPTY),
                strings_can_be_null=False,
            ),
        )
    return {name: _array(table[name], kind) for name, kind in wanted.items()}


def _array(column: Any, kind: Kind) -> NDArray[Any]:
    """Raises ValueError for what Arrow lets pass and the kind does not."""
    if kind == "name":
        return np.array([*column.to_pylist(), None], dtype=object)[:-1]
    if kind == "float?":
        return np.asarray(column.to_numpy(), np.float64)
    if column.null_count:
        raise ValueError("an empty cell")
    values = np.asarray(column.to_numpy())
    if kind == "float" and not np.isfinite(values).all():
        raise ValueError("not finite")
    if kind == "flag":
        if ((values != 0) & (values != 1)).any():
            raise ValueError("neither 0 nor 1")
        return values.astype(np.bool_)
    return values


# -- line by line ------------------------------------------------------------------------------


def _name(cell: str) -> str:
    if not cell:
        raise ValueError(cell)
    return cell


def _whole(bits: int) -> Callable[[str], int]:
    def convert(cell: str) -> int:
        value = int(cell)
        if "_" in cell or not -(2 ** (bits - 1)) <= value < 2 ** (bits - 1):
            raise ValueError(cell)
        return value

    return convert


def _finite(cell: str) -> float:
    value = float(cell)
    if "_" in cell or not math.isfinite(value):
        raise ValueError(cell)
    return value


def _flag(cell: str) -> int:
    if cell not in ("0", "1"):
        raise ValueError(cell)
    return int(cell)


_CONVERT: dict[Kind, tuple[Callable[[str], Any], str, str]] = {
    "name": (_name, "", "a name"),
    "int32": (_whole(32), "i", "a whole number"),
    "int64": (_whole(64), "q", "a whole number"),
    "float": (_finite, "d", "a number"),
    "float?": (lambda cell: math.nan if cell in _EMPTY else _finite(cell), "d", "a number"),
    "flag": (_flag, "b", "0 or 1"),
}


def _slow(
    url: str,
    what: str,
    wanted: Mapping[str, Kind],
    names: list[str],
    delimiter: str,
    skip: int,
) -> Columns:
    places = [(names.index(name), *_CONVERT[kind]) for name, kind in wanted.items()]
    out: list[Any] = [array(code) if code else [] for _, _, code, _ in places]
    blank = 0  # the first of the empty lines that may end the file
    for number, line in enumerate(storage.text_lines(url), start=1):
        line = line.strip(_MARK + " \r\t")
        if number <= skip or not line:
            blank = blank or (number if number > skip else 0)
            continue
        if blank:
            raise DamagedError(f"{what}:{blank}: an empty line")
        cells = line.split() if delimiter == " " else line.split(delimiter)
        if len(cells) != len(names):
            raise DamagedError(f"{what}:{number}: {len(cells)} columns instead of {len(names)}")
        for (place, convert, _, meaning), values in zip(places, out, strict=True):
            try:
                values.append(convert(cells[place]))
            except ValueError:
                shown = f"'{printable(cells[place], 40)}' is not {meaning}"
                raise DamagedError(f"{what}:{number}: {names[place]}: {shown}") from None
    if not len(out[0]):
        raise DamagedError(f"{what}: holds no rows")
    return {name: _typed(out[i], wanted[name]) for i, name in enumerate(wanted)}


def _typed(values: Any, kind: Kind) -> NDArray[Any]:
    if kind == "name":
        return np.array([*values, None], dtype=object)[:-1]
    return np.array(values, np.bool_) if kind == "flag" else np.array(values)
