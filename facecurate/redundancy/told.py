"""What a user says of the pictures of a folder: people, sequences, splits, labels, in a table.

A CSV, TSV or Parquet file with a column ``source``, the pictures' paths in the folder (a frame of a
video is ``clip.mp4#0000016``), and any of ``subject``, ``session``, ``sequence``, ``split``,
``frame``, ``AU1`` ... and ``valence``, ``arousal``. Empty cells are unknown.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pyarrow import csv

from facecurate import storage
from facecurate.errors import DamagedError, FacecurateError
from facecurate.records import AU_NUMBERS
from facecurate.text import printable

WORDS = ("subject", "session", "sequence", "split")
AFFECT = ("valence", "arousal")
UNITS = tuple(f"AU{number}" for number in AU_NUMBERS)
_HIGHEST = 5


@dataclass(frozen=True, slots=True)
class Told:
    """The table, a row a picture, with the columns that there are; digest: of the file."""

    table: pa.Table
    digest: str

    def rows(self, source: pa.Array) -> pa.Array:
        """The row of each picture, null for pictures that the table does not name."""
        return pc.index_in(source, value_set=self.table["source"].combine_chunks())

    def words(self, name: str, rows: pa.Array) -> pa.Array | None:
        """One of ``WORDS`` for each picture; None where the table lacks the column."""
        if name not in self.table.column_names:
            return None
        return self.table[name].take(rows).combine_chunks()

    def numbers(self, names: tuple[str, ...], rows: pa.Array) -> NDArray[np.float32] | None:
        """(n, len(names)) float32, NaN where unknown; None where the table has none of them."""
        here = [name for name in names if name in self.table.column_names]
        if not here:
            return None
        out = np.full((len(rows), len(names)), np.nan, np.float32)
        for name in here:
            column = self.table[name].take(rows).combine_chunks().cast(pa.float32(), safe=False)
            known = column.fill_null(np.nan).to_numpy(zero_copy_only=False)
            out[:, names.index(name)] = known
        return out


def read_told(url: str) -> Told:
    """Reads the table. Raises FacecurateError for one that is none, naming column and value."""
    if not storage.is_file(url):
        raise FacecurateError(f"{printable(url)} is no file: give a table of labels")
    try:
        table = _table(url)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise DamagedError(f"{printable(url)} is no table: {printable(error)}") from error
    if "source" not in table.column_names:
        held = ", ".join(printable(name, 40) for name in table.column_names[:12])
        raise FacecurateError(f"{printable(url)} has no column source; it has {held}")
    kinds = {"source": pa.string(), **dict.fromkeys(WORDS, pa.string()), "frame": pa.int64()}
    kinds |= dict.fromkeys((*UNITS, *AFFECT), pa.float32())
    known = [name for name in table.column_names if name in kinds]
    typed = pa.table({name: _typed(table[name], kinds[name], name, url) for name in known})
    _check(typed, url)
    return Told(typed, storage.digest(url))


def _table(url: str) -> pa.Table:
    if url.lower().endswith(".parquet"):
        import pyarrow.parquet as pq

        with storage.reading(url) as file:
            return pq.read_table(file)
    parse = csv.ParseOptions(delimiter="\t" if url.lower().endswith(".tsv") else ",")
    with storage.reading(url) as file:
        head = csv.read_csv(file, parse_options=parse)
    text = dict.fromkeys(("source", *WORDS), pa.string())  # 007 is a name
    convert = csv.ConvertOptions(
        column_types={name: kind for name, kind in text.items() if name in head.column_names},
        strings_can_be_null=True,
    )
    with storage.reading(url) as file:
        return csv.read_csv(file, parse_options=parse, convert_options=convert)


def _typed(column: Any, kind: pa.DataType, name: str, url: str) -> Any:
    try:
        return column.cast(kind)
    except (pa.ArrowException, ValueError) as error:
        raise DamagedError(f"{printable(url)}: {name}: {printable(error)}") from error


def _check(table: pa.Table, url: str) -> None:
    if table["source"].null_count or len(pc.unique(table["source"])) < len(table):
        raise DamagedError(f"{printable(url)}: source is empty or comes twice: a row a picture")
    for name in UNITS:
        if name in table.column_names:
            ends = pc.min_max(table[name])
            low, high = ends["min"].as_py(), ends["max"].as_py()
            if low is not None and not 0 <= low <= high <= _HIGHEST:
                raise DamagedError(
                    f"{printable(url)}: {name} goes from {low:g} to {high:g}: levels are 0 to 5, "
                    "and an empty cell is unknown"
                )
