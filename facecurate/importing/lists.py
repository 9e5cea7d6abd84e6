"""Lists of addresses, as img2dataset takes them: CSV, TSV or Parquet with a column of URLs.

A list is read from its beginning each time and never held: a row costs some 60 bytes while repeats
are looked for, and one afterwards.
"""

from __future__ import annotations

import array
import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import IO, Any, cast

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from facecurate import storage
from facecurate.errors import DamagedError, FacecurateError, UsageError
from facecurate.importing.earlier import Numbers
from facecurate.importing.ids import number_of, photo_id
from facecurate.text import printable, storable

SUFFIXES = (".csv", ".tsv", ".parquet")
CARRIED = ("license", "author", "owner", "title", "page_url")  # columns of ``photos/`` that are set
OTHER_NAMES: Mapping[str, Sequence[str]] = {
    "title": ("caption", "text"),
    "author": ("creator",),
}  # where ours is missing
_LONGEST = 2000  # characters of a text that are kept
_LONGEST_URL = 4096  # as ``fetch`` asks no longer one
_BATCH = 1000


@dataclass(frozen=True, slots=True)
class Line:
    """One row of a list: an address, and what is said of the picture there."""

    url: str
    license: str | None = None
    author: str | None = None
    owner: str | None = None
    title: str | None = None
    page_url: str | None = None

    @property
    def number(self) -> int:
        """The hash in the photo's id."""
        return number_of(photo_id("", self.url))


@dataclass(frozen=True, slots=True)
class Survey:
    """What a look through a whole list found. ``new``: (rows,) bool, the rows that are taken."""

    new: NDArray[np.bool_]
    blank: int  # rows without an address
    repeated: int  # rows whose address stands further up
    known: int  # addresses that are here already

    @property
    def wanted(self) -> int:
        """Addresses that are taken."""
        return int(self.new.sum())


@dataclass(frozen=True, slots=True)
class AddressList:
    """A file with a column of addresses; ``columns``: the file's names of ours."""

    source: str
    columns: Mapping[str, str] = field(default_factory=dict)

    def lines(self) -> Iterator[Line]:
        """Every row in order, those without an address too.

        Raises UsageError for a column that is not there, DamagedError for a file that cannot be
        read to its end.
        """
        reading = _parquet_rows if self.source.endswith(".parquet") else _text_rows
        for row in reading(self.source, self._find):
            yield _line(row)

    def survey(self, known: Numbers) -> Survey:
        """Which rows are taken: the first of each address that is not among the ``known`` ids.

        Raises as ``lines`` does, FacecurateError for a list without any address.
        """
        numbers, real = array.array("Q"), array.array("B")
        for line in self.lines():
            real.append(bool(line.url))
            numbers.append(line.number if line.url else 0)
        places = np.flatnonzero(np.array(real, bool))
        if not len(places):
            raise FacecurateError(
                f"{printable(self.source)} holds no address: give a list with one in each row"
            )
        different, first = np.unique(np.array(numbers, np.uint64)[places], return_index=True)
        fresh = ~np.isin(different, known)
        new = np.zeros(len(real), bool)
        new[places[first[fresh]]] = True
        return Survey(
            new,
            blank=len(real) - len(places),
            repeated=len(places) - len(different),
            known=int((~fresh).sum()),
        )

    def _find(self, names: Sequence[str]) -> dict[str, int]:
        """Our columns' places among the file's. Raises UsageError."""
        places = {name.strip().lower(): at for at, name in reversed(list(enumerate(names)))}
        found = {}
        for ours in ("url", *CARRIED):
            asked = self.columns.get(ours)
            tried = [asked] if asked else [ours, *OTHER_NAMES.get(ours, ())]
            at = next((places[t.lower()] for t in tried if t.lower() in places), None)
            if at is not None:
                found[ours] = at
            elif asked or ours == "url":
                raise UsageError(self._missing(ours, asked, names))
        return found

    def _missing(self, ours: str, asked: str | None, names: Sequence[str]) -> str:
        if not names:
            return f"{printable(self.source)} is empty: its first line must name its columns"
        option = "--url-column NAME" if ours == "url" else f"--column {ours}=NAME"
        there = ", ".join(printable(name, 40) for name in names[:20])
        return (
            f"{printable(self.source)} has no column {printable(asked or ours, 40)}: its columns "
            f"are {there}; name the right one with {option}"
        )


def columns(url: str | None, others: Sequence[str]) -> dict[str, str]:
    """What ``--url-column`` and ``--column OURS=THEIRS`` say. Raises UsageError."""
    found = {"url": url} if url else {}
    for text in others:
        ours, equals, theirs = text.partition("=")
        if not equals or not theirs or ours not in CARRIED:
            raise UsageError(
                f"--column {printable(text, 60)}: write OURS=THEIRS, OURS one of "
                f"{', '.join(CARRIED)}"
            )
        found[ours] = theirs
    return found


Row = Mapping[str, Any]


def _line(row: Row) -> Line:
    url = cell(row.get("url"), 1 << 20)
    return Line(url or "", **{name: cell(row.get(name)) for name in CARRIED})


def cell(value: Any, longest: int = _LONGEST) -> str | None:
    """A value from outside as text without blanks around it; None for none and for no text."""
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    if value is None or not isinstance(value, str | int | float):
        return None
    return storable(str(value).strip()[:longest]) or None


def shown_url(url: str) -> str:
    """An address as it stands in a row; what is longer is never asked."""
    return url[:_LONGEST_URL]


def _text_rows(source: str, find: Any) -> Iterator[Row]:
    """CSV, or TSV by the file's name; the first line names the columns."""
    delimiter = "\t" if source.endswith(".tsv") else ","
    with (
        storage.reading(source) as file,
        io.TextIOWrapper(cast(IO[bytes], file), "utf-8-sig", "replace", newline="") as text,
    ):
        reader = csv.reader(text, delimiter=delimiter)
        try:
            places = find(next(reader, []))
            for row in reader:
                if row:  # an empty line is none
                    yield {ours: row[at] for ours, at in places.items() if at < len(row)}
        except csv.Error as error:
            raise DamagedError(
                f"{printable(source)}, line {reader.line_num}: {printable(error)}: write the list "
                "anew, with quotation marks around fields that hold any"
            ) from error


def _parquet_rows(source: str, find: Any) -> Iterator[Row]:
    try:
        with storage.reading(source) as file:
            table = pq.ParquetFile(file)
            places = find(table.schema_arrow.names)
            names = {ours: table.schema_arrow.names[at] for ours, at in places.items()}
            for batch in table.iter_batches(_BATCH, columns=sorted(set(names.values()))):
                held = {ours: batch.column(name).to_pylist() for ours, name in names.items()}
                for values in zip(*held.values(), strict=True):
                    yield dict(zip(held, values, strict=True))
    except (pa.ArrowException, OSError) as error:
        if isinstance(error, FileNotFoundError):
            raise
        raise DamagedError(
            f"{printable(source)} is no whole Parquet file: {printable(error)}"
        ) from error
