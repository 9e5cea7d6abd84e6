"""The lists of LFW: pairs and people, read and written. Tab separated, a count on top.

``pairs.txt``: ``10<TAB>300``, then ten folds of 300 matched lines (name, i, j) and 300 mismatched
ones (name, i, other name, j). ``pairsDev*.txt``: one fold, only the number on top. ``people.txt``:
``10``, then for each fold its number of people and a line (name, number of pictures) each.
``peopleDev*.txt``: one fold, without the first line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from facecurate import storage
from facecurate.errors import DamagedError
from facecurate.text import counted, printable

Picture = tuple[str, int]  # name, number from 1


@dataclass(frozen=True, slots=True)
class Pair:
    """Two pictures; of one person if their names are the same."""

    first: Picture
    second: Picture
    fold: int  # from 0

    @property
    def same(self) -> bool:
        """Whether it is a matched pair."""
        return self.first[0] == self.second[0]


@dataclass(frozen=True, slots=True)
class Person:
    """``count`` pictures, numbered from 1."""

    name: str
    count: int
    fold: int  # from 0


Line = tuple[str, list[str]]  # where it stands, its cells


def _lines(url: str, what: str) -> list[Line]:
    if not storage.exists(url):
        raise DamagedError(f"{what} is missing")
    text = storage.read(url).decode("utf-8-sig", "replace").rstrip()
    return [
        (f"{what}:{i}", [cell.strip() for cell in line.strip().split("\t")])
        for i, line in enumerate(text.split("\n"), start=1)
    ]


def _numbers(line: Line, count: int) -> list[int]:
    where, cells = line
    if len(cells) != count or not all(re.fullmatch(r"[1-9]\d{0,6}", cell) for cell in cells):
        shown = printable("\t".join(cells), 40)
        raise DamagedError(f"{where}: '{shown}' is not {count} whole numbers from 1 on")
    return [int(cell) for cell in cells]


def _name(where: str, name: str) -> str:
    if not re.fullmatch(r"[^\s/\\:.][^\s/\\:]*", name):
        raise DamagedError(f"{where}: '{printable(name, 40)}' is no name of a person")
    return name


# -- reading ---------------------------------------------------------------------------------


def read_pairs(url: str, what: str, folded: bool) -> list[Pair]:
    """The pairs in file order; ``folded``: the file's first line also says how many folds.

    Raises DamagedError naming ``what`` and the line.
    """
    lines = _lines(url, what)
    folds, size = _numbers(lines[0], 2) if folded else (1, *_numbers(lines[0], 1))
    if len(lines) != 1 + folds * 2 * size:
        shown = f"{len(lines) - 1:,} pairs instead of {folds} x 2 x {size}"
        raise DamagedError(f"{what}:{len(lines)}: {shown}")
    return [
        _pair(line, matched=i // size % 2 == 0, fold=i // (2 * size))
        for i, line in enumerate(lines[1:])
    ]


def _pair(line: Line, matched: bool, fold: int) -> Pair:
    where, cells = line
    if len(cells) != (3 if matched else 4):
        kind = "a matched pair (name, i, j)" if matched else "a mismatched pair (name, i, name, j)"
        raise DamagedError(f"{where}: '{printable(chr(9).join(cells), 60)}' is not {kind}")
    if matched:
        cells = [cells[0], cells[1], cells[0], cells[2]]
    numbers = _numbers((where, [cells[1], cells[3]]), 2)
    pair = Pair((_name(where, cells[0]), numbers[0]), (_name(where, cells[2]), numbers[1]), fold)
    if pair.same != matched:
        raise DamagedError(f"{where}: {printable(cells[0], 40)} twice in a mismatched pair")
    return pair


def read_people(url: str, what: str, folded: bool) -> list[Person]:
    """The people in file order. Raises DamagedError naming ``what`` and the line."""
    lines = _lines(url, what)
    folds, at = (_numbers(lines[0], 1)[0], 1) if folded else (1, 0)
    out = []
    for fold in range(folds):
        if at >= len(lines):
            raise DamagedError(f"{what}:{len(lines)}: {fold} folds instead of {folds}")
        size = _numbers(lines[at], 1)[0]
        rows = lines[at + 1 : at + 1 + size]
        if len(rows) < size:
            raise DamagedError(f"{what}:{len(lines)}: ends after {len(rows)} of {size} people")
        out += [_person(row, fold) for row in rows]
        at += 1 + size
    if at != len(lines):
        raise DamagedError(f"{what}:{at + 1}: more lines than {counted(folds, 'fold')} hold")
    return out


def _person(line: Line, fold: int) -> Person:
    where, cells = line
    if len(cells) != 2:
        shown = printable("\t".join(cells), 60)
        raise DamagedError(f"{where}: '{shown}' is not a name and a number of pictures")
    return Person(_name(where, cells[0]), _numbers((where, cells[1:]), 1)[0], fold)


# -- writing ---------------------------------------------------------------------------------


def _by_fold(pairs: Sequence[Pair]) -> Iterator[list[Pair]]:
    """Matched before mismatched within a fold."""
    for fold in sorted({pair.fold for pair in pairs}):
        yield sorted((p for p in pairs if p.fold == fold), key=lambda pair: not pair.same)


def write_pairs(url: str, pairs: Sequence[Pair], folded: bool) -> None:
    """Writes ``pairs``, which have as many matched as mismatched ones in every fold."""
    folds = list(_by_fold(pairs))
    sizes = {len(fold) for fold in folds} | {2 * sum(p.same for p in fold) for fold in folds}
    assert len(sizes) == 1, "folds of different sizes"
    size = sizes.pop() // 2
    lines = [f"{len(folds)}\t{size}" if folded else f"{size}"]
    for pair in (pair for fold in folds for pair in fold):
        (name, i), (other, j) = pair.first, pair.second
        lines.append(f"{name}\t{i}\t{j}" if pair.same else f"{name}\t{i}\t{other}\t{j}")
    storage.write_atomic(url, ("\n".join(lines) + "\n").encode())


def write_people(url: str, people: Sequence[Person], folded: bool) -> None:
    """Writes ``people`` by fold, in the order given."""
    folds = sorted({person.fold for person in people})
    lines = [str(len(folds))] if folded else []
    for fold in folds:
        rows = [f"{p.name}\t{p.count}" for p in people if p.fold == fold]
        lines += [str(len(rows)), *rows]
    storage.write_atomic(url, ("\n".join(lines) + "\n").encode())
