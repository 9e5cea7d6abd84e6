"""AffectNet: faces with one of eleven classes, valence and arousal, and 68 points each.

Two releases are told apart by what lies in the folder: that of 2017 has comma-separated lists
beside folders of pictures (``affectnet2017.py``), that of 2021 a NumPy file a value
(``affectnet2021.py``). What is known of them, and how surely, is said in ``affectnet.toml``.
"""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from facecurate import storage
from facecurate.datasets import affectnet2017 as older
from facecurate.datasets import affectnet2021 as newer
from facecurate.datasets.affectnet2017 import Found, Listed, Values
from facecurate.datasets.annotated import Annotated, GivenFace
from facecurate.datasets.points import POINT_SETS, landmarks, tight_box
from facecurate.errors import DamagedError
from facecurate.text import counted

POINTS = POINT_SETS["68"]
CODES = range(11)  # neutral happy sad surprise fear disgust anger contempt none uncertain no-face
UNKNOWN = -2.0  # valence and arousal of Uncertain and No-Face
_SHOWN = 20  # findings of one kind that are listed one by one


def _face(said: Values) -> GivenFace:
    """Raises ValueError for a class, a valence or an arousal that is none."""
    if said.expression not in CODES:
        raise ValueError(f"{said.expression:g} is no class from 0 to 10")
    return GivenFace(
        box=said.box or tight_box(said.points),
        landmarks=landmarks(said.points, POINTS),
        points=array("d", said.points.tobytes()),  # a list would take four times the memory
        label_expression=int(said.expression),
        label_valence=_graded(said.valence),
        label_arousal=_graded(said.arousal),
    )


def _graded(value: float) -> float | None:
    if value == UNKNOWN:
        return None
    if not -1 <= value <= 1:
        raise ValueError(f"valence and arousal lie within -1 and 1 or are -2, not {value:g}")
    return value


@dataclass(frozen=True, slots=True)
class ReaderAffectNet:
    """Reads a copy of either release.

    ``automatic``: the automatically annotated list of 2017 too, as the split ``automatic``. The
    boxes of the 2021 release, which has none, are the tight boxes of the 68 points.
    """

    automatic: bool = False
    name: str = "affectnet"

    def annotations(self, root: str) -> Iterator[Annotated]:
        """Every picture, those of the validation part of 2017 first.

        A row of 2017 with a width below 0, with NULL or with a value that cannot be read keeps its
        picture but has no face, and a picture that was listed before is not given again: ``check``
        counts them. Raises DamagedError naming file and line for rows without a path below the
        folder of pictures or with too few columns, and naming the file for whatever is wrong in
        the 2021 release.
        """
        lists, parts = self._lists(root), newer.parts(root)
        if problem := _unclear(root, lists, parts):
            raise DamagedError(problem)
        seen: set[str] = set()
        for found in lists:
            yield from _listed(root, found, seen)
        for part in parts:
            for name in newer.pictures(root, part)[0].values():
                source = f"{part.folder}/images/{name}"
                yield Annotated(source, part.split, faces=(_numbered(root, part, name),))

    def _lists(self, root: str) -> list[Found]:
        wanted = [older.VALIDATION, older.TRAINING, *([older.AUTOMATIC] if self.automatic else [])]
        return [found for of in wanted if (found := older.find(root, of))]

    def check(self, root: str, rendered: bool) -> list[str]:
        """What is wrong with a copy, a line each; what is merely smaller starts with 'warning:'.

        Rows that say that there is no face, and pictures in no list, are warnings too.
        ``rendered``: any number of pictures is right.
        """
        lists, parts = self._lists(root), newer.parts(root)
        if problem := _unclear(root, lists, parts):
            return [problem]
        findings: list[str] = []
        if parts:
            for part in newer.PARTS:
                findings += _check_part(root, part, rendered)
            return findings
        for of in (older.VALIDATION, older.TRAINING):
            if of not in [found.of for found in lists]:
                findings.append(f"warning: {of.name}: not in this copy ({of.split})")
        seen: set[str] = set()
        for found in lists:
            findings += _check_list(root, found, seen, rendered)
        return findings + list(_unlisted(root, lists, seen))


def _unclear(root: str, lists: list[Found], parts: list[newer.Part]) -> str | None:
    """Why nobody can say which release lies in ``root``."""
    if lists and parts:
        return f"{root} holds both releases of AffectNet: link the folder of one"
    if not lists and not parts:
        return (
            f"{root} holds neither release of AffectNet: "
            "Manually_Annotated_file_lists/training.csv (2017) or train_set/images (2021)"
        )
    return None


# -- 2017 ------------------------------------------------------------------------------------


def _listed(root: str, found: Found, seen: set[str]) -> Iterator[Annotated]:
    if found.pictures is None:
        raise DamagedError(_no_pictures(found))
    for row in older.rows(root, found.file):
        source = f"{found.pictures}/{row.picture}"
        if source not in seen:
            seen.add(source)
            yield Annotated(source, found.of.split, faces=_faces(row))


def _no_pictures(found: Found) -> str:
    return f"{found.file}: the folder {found.of.pictures[-1]} with its pictures is missing"


def _faces(row: Listed) -> tuple[GivenFace, ...]:
    try:
        said = older.values(row.words)
        return (_face(said),) if said else ()
    except ValueError:
        return ()


def _check_list(root: str, found: Found, seen: set[str], rendered: bool) -> Iterator[str]:
    """Adds the pictures of the list to ``seen``."""
    told: dict[str, list[str]] = defaultdict(list)
    there: dict[str, frozenset[str]] = {}
    torn: list[str] = []
    count = 0
    try:
        for row in older.rows(root, found.file, torn):
            count += 1
            for kind, line in _check_row(root, found, row, seen, there):
                told[kind].append(line)
    except DamagedError as error:
        torn.append(str(error))
    if found.pictures is None:
        yield _no_pictures(found)
    yield from _some(torn)
    yield from _some(told.pop(_DAMAGED, []))
    for kind, where in told.items():
        yield kind.format(file=found.file, rows=counted(len(where), "row"), where=where[0])
    if not rendered and found.of.count is not None:
        yield from _count(found.file, count + len(torn), found.of.count)


_DAMAGED = "the whole finding"
_MISSING = "{where}: the picture is missing; {rows} of the list without one"
_FACELESS = "warning: {file}: {rows} with a negative width or NULL: no face, first at {where}"
_AGAIN = "warning: {file}: {rows} with a picture listed before: left out, first at {where}"


def _check_row(
    root: str, found: Found, row: Listed, seen: set[str], there: dict[str, frozenset[str]]
) -> Iterator[tuple[str, str]]:
    """What there is to tell of a row, and where; ``there``: the names in each folder so far."""
    source = f"{found.pictures}/{row.picture}"
    try:
        said = older.values(row.words)
        if said is None:
            yield _FACELESS, row.where
        else:
            _face(said)
    except ValueError as error:
        yield _DAMAGED, f"{row.where}: {error}"
    if source in seen:
        yield _AGAIN, row.where
    seen.add(source)
    folder, _, name = source.rpartition("/")
    if folder not in there:
        there[folder] = frozenset(storage.list(storage.join(root, *folder.split("/"))))
    if found.pictures and name not in there[folder]:
        yield _MISSING, row.where


def _unlisted(root: str, lists: Sequence[Found], seen: set[str]) -> Iterator[str]:
    for folder in sorted({found.pictures for found in lists if found.pictures}):
        below = storage.walk(storage.join(root, *folder.split("/")))
        names = (f"{folder}/{name}" for name in below if name.rpartition("/")[2][0] != ".")
        left = [name for name in names if name not in seen]
        if left:
            told = counted(len(left), "picture")
            yield f"warning: {folder}: {told} in no list that is here, {left[0]} among them"


# -- 2021 ------------------------------------------------------------------------------------


def _numbered(root: str, part: newer.Part, name: str) -> GivenFace:
    try:
        return _face(newer.values(root, part, name))
    except ValueError as error:
        raise DamagedError(
            f"{part.folder}/images/{name}: its labels are damaged: {error}"
        ) from error


def _check_part(root: str, part: newer.Part, rendered: bool) -> Iterator[str]:
    if part not in newer.parts(root):
        yield f"warning: {part.folder}: not in this copy ({part.split})"
        return
    pictures, others = newer.pictures(root, part)
    yield from _some([f"{part.folder}/images/{name}: no number as its name" for name in others])
    damaged = []
    for name in pictures.values():
        try:
            _numbered(root, part, name)
        except DamagedError as error:
            damaged.append(str(error))
    yield from _some(damaged)
    stems = {name.rpartition(".")[0] for name in pictures.values()}
    alone = [n for n in newer.label_files(root, part) if n.rpartition("_")[0] not in stems]
    yield from _some([f"{part.folder}/annotations/{n}: no picture of that number" for n in alone])
    if not rendered:
        yield from _count(part.folder, len(pictures), part.count)


# -- both ------------------------------------------------------------------------------------


def _count(what: str, found: int, full: int) -> Iterator[str]:
    if found != full:
        smaller = "warning: " if found < full else ""
        yield f"{smaller}{what}: {found:,} pictures instead of {full:,}"


def _some(findings: Sequence[str]) -> Iterator[str]:
    """The first few, and how many more there are."""
    yield from findings[:_SHOWN]
    if len(findings) > _SHOWN:
        kind = "warning: " if all(f.startswith("warning: ") for f in findings) else ""
        yield f"{kind}and {len(findings) - _SHOWN:,} more like the {_SHOWN} before"


AFFECTNET = ReaderAffectNet()
