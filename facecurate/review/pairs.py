"""``PAIRS.tsv``: pairs of pictures that somebody looked at and called the same or different."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from facecurate import storage
from facecurate.errors import FacecurateError
from facecurate.text import counted, printable

SAME = ("same", "duplicate", "near_duplicate", "mirrored_duplicate", "copy", "yes", "true", "1")
DIFFERENT = (
    "different", "different_photo", "same_person_different_photo", "no", "false", "0",
)  # fmt: skip
_LABEL = ("label", "class", "verdict")  # what a header calls the column of the verdict
_ENDS = (("first", "second"), ("first_image", "second_image"), ("a", "b"), ("key", "other_key"))


@dataclass(frozen=True, slots=True)
class Pair:
    """Two names of pictures, as they stand in a line of the file, and the verdict."""

    line: int
    first: str
    second: str
    same: bool


def read_pairs(url: str) -> list[Pair]:
    """The pairs of a file, in its order.

    Columns with tabs between: two pictures and a word of ``SAME`` or ``DIFFERENT``; the first line
    may name the columns, then they may stand anywhere and others beside them. Raises
    FacecurateError, naming the line, for what cannot be read.
    """
    if not storage.is_file(url):
        raise FacecurateError(f"there is no file {printable(url)}: give a list of labelled pairs")
    return list(_pairs(storage.text_lines(url), printable(storage.name(url), 80)))


def _pairs(lines: Iterator[str], file: str) -> Iterator[Pair]:
    columns = None
    for number, line in enumerate(lines, 1):
        cells = [cell.strip() for cell in line.removeprefix("\ufeff").split("\t")]
        if not any(cells):
            continue
        if columns is None:
            columns = _columns(cells)
            if columns is not None:
                continue
            columns = (0, 1, 2)
        yield _pair(file, number, cells, columns)


def _columns(cells: Sequence[str]) -> tuple[int, int, int] | None:
    """Where the two pictures and the verdict stand; None if this is no header."""
    names = [cell.lower() for cell in cells]
    label = next((names.index(name) for name in _LABEL if name in names), None)
    if label is None:
        return None
    for first, second in _ENDS:
        if first in names and second in names:
            return names.index(first), names.index(second), label
    return 0, 1, label


def _pair(file: str, number: int, cells: Sequence[str], columns: tuple[int, int, int]) -> Pair:
    where = f"{file}, line {number}"
    if len(cells) <= max(columns):
        raise FacecurateError(
            f"{where} has {counted(len(cells), 'column')} and {max(columns) + 1} are needed: give "
            "two pictures and 'same' or 'different' with tabs between them"
        )
    first, second, word = (cells[column] for column in columns)
    if not first or not second:
        raise FacecurateError(f"{where} names no picture: give two")
    if word.lower() not in (*SAME, *DIFFERENT):
        raise FacecurateError(
            f"{where} says '{printable(word, 40)}': say 'same' or 'different' (or one of "
            f"{', '.join((*SAME[1:], *DIFFERENT[1:]))})"
        )
    if first == second:
        raise FacecurateError(f"{where} names one picture twice: give two")
    return Pair(number, first, second, word.lower() in SAME)
