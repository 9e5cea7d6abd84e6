"""VGGFace2: loose crops of faces of 9,131 people, a box and five points each.

Boxes and points are pixel coordinates of the loose crop, which everyone uses unshifted. A box X, Y,
W, H holds the pixels X to X + W - 1: with a pixel's centre at its integer it reaches from X - 0.5
to X + W - 0.5, and it may begin outside the crop. Lists, boxes and points have the same order. What
is known of the layout, and how surely, is said in the manifest ``vggface2.toml``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from facecurate import storage
from facecurate.datasets import vggface2_files as files
from facecurate.datasets.annotated import Annotated, GivenFace
from facecurate.datasets.vggface2_files import PARTS, Found
from facecurate.errors import DamagedError
from facecurate.text import counted

T = TypeVar("T")
_LOST = "no row for {}, or not in the order of the list"
_SHOWN = 20  # findings of one kind that are listed one by one


@dataclass(frozen=True, slots=True)
class ReaderVGGFace2:
    """Reads a copy of VGGFace2, or of one of its parts."""

    name: str = "vggface2"

    def annotations(self, root: str) -> Iterator[Annotated]:
        """Every listed picture, training part first, in the order of the lists.

        A picture is one loose crop with one face; ``subject`` and ``label_identity`` are the
        person's folder. Raises DamagedError naming file and line.
        """
        parts = [found for part in PARTS if (found := files.find(root, part))]
        if not parts:
            raise DamagedError(_nothing(root))
        for found in parts:
            yield from _annotations(root, found)

    def check(self, root: str, rendered: bool) -> list[str]:
        """What is wrong with a copy, a line each; what is merely smaller starts with 'warning:'.

        ``rendered``: any number of people and pictures is right.
        """
        parts = {part: files.find(root, part) for part in PARTS}
        if not any(parts.values()):
            return [_nothing(root)]
        findings, listed = [], Counter[tuple[str, str]]()
        for part, found in parts.items():
            if found is None:
                findings.append(f"warning: {part.split}: not in this copy")
            else:
                findings += _check_part(root, found, listed, rendered)
        return findings + list(_check_people(root, listed))


def _nothing(root: str) -> str:
    return f"{root} holds none of VGGFace2's folders (train, test)"


def _annotations(root: str, found: Found) -> Iterator[Annotated]:
    boxes, marks = files.table(root, found.boxes, 4), files.table(root, found.landmarks, 10)
    seen: set[str] = set()
    for where, line in files.lines(root, found.names):
        name = files.picture_name(line, where)
        if name in seen:
            raise DamagedError(f"{where}: {name} is listed a second time")
        seen.add(name)
        person = name.partition("/")[0]
        x, y, width, height = _take(boxes, name, found.boxes)
        face = GivenFace(
            box=(x - 0.5, y - 0.5, x + width - 0.5, y + height - 0.5),
            landmarks=_take(marks, name, found.landmarks),
            label_identity=person,
        )
        source = f"{found.pictures}/{name}"
        yield Annotated(source, found.part.split, subject=person, faces=(face,))


def _take(rows: Iterator[tuple[str, list[float]]], name: str, file: str) -> list[float]:
    """The numbers of a picture; rows of pictures that the list leaves out are passed over."""
    key = name.removesuffix(".jpg")
    for other, numbers in rows:
        if other == key:
            return numbers
    raise DamagedError(f"{file}: {_LOST.format(key)}")


# -- checking --------------------------------------------------------------------------------


def _sorted_out(
    root: str, file: str, parse: Callable[[str, str], T], header: str = "\0"
) -> tuple[list[T], list[str]]:
    """What ``parse`` makes of each line and place, and what is wrong with the others."""
    good: list[T] = []
    wrong: list[str] = []
    lines = files.lines(root, file)
    while True:
        try:
            where, line = next(lines)
            if not line.startswith(header):
                good.append(parse(line, where))
        except StopIteration:
            return good, wrong
        except DamagedError as error:
            wrong.append(str(error))


def _check_part(
    root: str, found: Found, listed: Counter[tuple[str, str]], rendered: bool
) -> Iterator[str]:
    """Adds to ``listed`` how many pictures of each (split, person) the list has."""
    names, wrong = _sorted_out(root, found.names, files.picture_name)
    yield from _some(wrong)
    for file, count in ((found.boxes, 4), (found.landmarks, 10)):
        parse = partial(_key, count=count)
        keys, wrong = _sorted_out(root, file, parse, files.HEADER)
        yield from _some(wrong)
        if lost := None if wrong else _not_in_order(names, keys):
            yield f"{file}: {_LOST.format(lost)}"
    here = Counter((found.part.split, name.partition("/")[0]) for name in names)
    listed.update(here)
    again = [name for name, count in Counter(names).items() if count > 1]
    yield from _some([f"{found.names}: {name} is listed more than once" for name in again])
    yield from _check_pictures(root, found, names)
    if not rendered:
        yield from _counts(found, len(here), len(names))


def _key(line: str, where: str, count: int) -> str:
    return files.numbers(line, where, count)[0]


def _not_in_order(names: Sequence[str], keys: Iterable[str]) -> str | None:
    """The first name whose key does not follow those before it."""
    following = iter(keys)
    for name in names:
        key = name.removesuffix(".jpg")
        if not any(other == key for other in following):
            return key
    return None


def _check_pictures(root: str, found: Found, names: Sequence[str]) -> Iterator[str]:
    place = storage.join(root, *found.pictures.split("/"))
    there: set[str] = set()
    for person in storage.list(place):
        pictures = storage.list(storage.join(place, person))
        there.update(f"{person}/{name}" for name in pictures if not name.startswith("."))
    missing = [name for name in names if name not in there]
    if missing:
        told = counted(len(missing), "listed picture")
        yield f"{found.pictures}: {told} not there, {missing[0]} among them"
    if left := sorted(there.difference(names)):
        told = counted(len(left), "picture")
        yield f"warning: {found.pictures}: {told} not listed, {left[0]} among them"


def _check_people(root: str, listed: Counter[tuple[str, str]]) -> Iterator[str]:
    """Whether ``identity_meta.csv`` and the lists tell the same people and numbers."""
    if not storage.exists(storage.join(root, *files.META.split("/"))):
        yield f"warning: {files.META}: not in this copy"
        return
    rows, wrong = _sorted_out(root, files.META, files.parse_identity, "Class_ID")
    yield from _some(wrong)
    splits = {part.flag: part.split for part in PARTS}
    known = {row.id: (splits.get(row.flag), row.pictures) for row in rows}
    yield from _some([] if wrong else list(_compare_people(listed, known)))


def _compare_people(
    listed: Counter[tuple[str, str]], known: Mapping[str, tuple[str | None, int]]
) -> Iterator[str]:
    for (split, person), count in listed.items():
        said, pictures = known.get(person, (None, 0))
        if said != split:
            yield f"{files.META}: {person} is not of the {split} part there"
        elif count != pictures:
            smaller = "warning: " if count < pictures else ""
            told = f"{counted(pictures, 'picture')} of {person}, {count:,} are listed"
            yield f"{smaller}{files.META}: {told}"


def _counts(found: Found, people: int, pictures: int) -> Iterator[str]:
    """The number of pictures is only reported, so that more of them is a warning too."""
    part = found.part
    if people != part.people:
        smaller = "warning: " if people < part.people else ""
        told = counted(people, "person", "people")
        yield f"{smaller}{found.names}: {told} instead of {part.people:,}"
    if pictures != part.pictures:
        told = counted(pictures, "picture")
        yield f"warning: {found.names}: {told} instead of {part.pictures:,}"


def _some(findings: Sequence[str]) -> Iterator[str]:
    """The first few, and how many more there are."""
    yield from findings[:_SHOWN]
    if len(findings) > _SHOWN:
        kind = "warning: " if all(f.startswith("warning: ") for f in findings) else ""
        yield f"{kind}and {len(findings) - _SHOWN:,} more like the {_SHOWN} before"


VGGFACE2 = ReaderVGGFace2()
