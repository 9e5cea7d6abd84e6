"""IJB-B and IJB-C in the packaging that nearly all papers use: loose crops and three lists.

``ijb_lists`` reads the lists: a picture a face, with five points and a detector's score; the
picture may be a whole photo, and faces that the detector missed (score near 0.1) are kept. Whose a
template is, only the 1:N tables tell (``*_1N_gallery_*.csv``, ``*_1N_probe_mixed.csv``, beside the
lists or among NIST's own files, which ``ijb_nist`` reads): without them no face has an identity.
The lists have no boxes: ``ijb_lists.box_about`` says what stands in. What is known of the layout,
and how surely, is in the manifests ``ijb-b.toml`` and ``ijb-c.toml``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from facecurate import storage
from facecurate.datasets import ijb_nist
from facecurate.datasets.annotated import Annotated, GivenFace
from facecurate.datasets.ijb_lists import FaceList, Paths, box_about, paths, read_faces, read_pairs
from facecurate.datasets.ijb_lists import url as _url
from facecurate.datasets.ijb_nist import Arrangement
from facecurate.datasets.protocols import (
    UNKNOWN,
    Faces,
    Identification,
    Ids32,
    Ids64,
    Verification,
    look_up,
)
from facecurate.errors import DamagedError
from facecurate.text import counted, printable

SPLIT = "1:1"
_SHOWN = 20  # missing pictures that are listed one by one


@dataclass(frozen=True, slots=True)
class Counts:
    """What a complete copy has; pairs as genuine and impostor ones."""

    faces: int
    templates: int
    subjects: int
    genuine: int
    impostor: int


@dataclass(frozen=True, slots=True)
class IJB:
    """Reads a copy of IJB-B or IJB-C.

    ``code`` begins the files' names; ``folder``: that of the packaging; ``galleries``: their names;
    ``protocols``: where NIST's protocol files may lie. All paths are relative to the root.
    """

    name: str
    code: str
    folder: str
    galleries: tuple[str, str]
    protocols: tuple[str, ...]
    counts: Counts

    def annotations(self, root: str) -> Iterator[Annotated]:
        """Every face picture in the lists' order, a face each: five points, derived box.

        ``label_identity``: the owners' SUBJECT_ID where a 1:N table tells it. Raises DamagedError
        naming file and line.
        """
        where = self.places(root)
        faces = read_faces(root, where)
        subjects = self._subjects(root, faces.template).tolist()
        for name, points, subject in zip(faces.names, faces.points, subjects, strict=True):
            who = None if subject == UNKNOWN else str(subject)
            five = [float(v) for v in points]
            face = GivenFace(box=box_about(points), landmarks=five, label_identity=who)
            yield Annotated(f"{where.pictures}/{name}", SPLIT, subject=who, faces=(face,))

    def protocol(self, root: str) -> Verification:
        """The 1:1 comparisons of the packaging. Raises DamagedError naming file and line."""
        where = self.places(root)
        return self._protocol(root, where, read_faces(root, where))

    def _protocol(self, root: str, where: Paths, listed: FaceList) -> Verification:
        faces = Faces(
            sources=tuple(f"{where.pictures}/{name}" for name in listed.names),
            template=listed.template,
            medium=listed.medium,
            subject=self._subjects(root, listed.template),
            score=listed.score,
        )
        first, second, same = read_pairs(root, where)
        known = np.unique(listed.template)
        unknown = np.flatnonzero(~(np.isin(first, known) & np.isin(second, known)))
        if len(unknown):
            line = int(unknown[0])
            shown = f"template {first[line]} or {second[line]} has no face in {where.faces}"
            raise DamagedError(f"{where.pairs}:{line + 1}: {shown}")
        return Verification(faces, first, second, same)

    def identification(self, root: str) -> Identification:
        """The 1:N galleries and probes, of the packaging or of NIST's files.

        Raises DamagedError if the copy has neither, or naming file and line.
        """
        found = next(self._arrangements(root), None)
        if found is None:
            names = f"{self.code}_1N_gallery_{self.galleries[0]}.csv and its like, or test4/"
            raise DamagedError(f"{root} has no 1:N tables ({names}): they are a part of their own")
        galleries = {g: ijb_nist.enrolled(root, path) for g, path in found.galleries.items()}
        return Identification(galleries, ijb_nist.enrolled(root, found.searched))

    def nist(self, root: str) -> Verification:
        """The 1:1 comparisons of NIST's own files, on whole pictures with boxes.

        Raises DamagedError if the copy has none, or naming file and line.
        """
        for folder in self.protocols:
            for found in ijb_nist.arrangements(folder, self.code, self.galleries):
                if storage.exists(_url(root, found.matches)):
                    return ijb_nist.verification(root, found)
        raise DamagedError(f"{root} has no match file of NIST in {' or '.join(self.protocols)}")

    def places(self, root: str) -> Paths:
        """Where the packaging lies: in its folder, or at the root. Raises DamagedError."""
        for folder in (self.folder, ""):
            where = paths(folder, self.code)
            if storage.exists(_url(root, where.faces)):
                return where
        looked = paths(self.folder, self.code).faces
        raise DamagedError(f"{root} has no {looked}: give the folder that holds {self.folder}")

    def _arrangements(self, root: str) -> Iterator[Arrangement]:
        """Those whose galleries and probes are there; the packaging's own folder first."""
        for folder in (f"{self.folder}/meta", "meta", *self.protocols):
            for found in ijb_nist.arrangements(folder, self.code, self.galleries):
                needed = (*found.galleries.values(), found.searched)
                if all(storage.exists(_url(root, path)) for path in needed):
                    yield found

    def _subjects(self, root: str, template: Ids32) -> Ids64:
        if next(self._arrangements(root), None) is None:
            return np.full(len(template), UNKNOWN, np.int64)
        known = self.identification(root)
        parts = [*known.galleries.values(), known.probes]
        keys, first = np.unique(np.concatenate([p.template for p in parts]), return_index=True)
        return look_up(keys, np.concatenate([p.subject for p in parts])[first], template)

    def check(self, root: str, rendered: bool) -> list[str]:
        """What is wrong with a copy, a line each; what is merely smaller starts with 'warning:'.

        ``rendered``: any number of faces is right.
        """
        try:
            where = self.places(root)
            listed = read_faces(root, where)
            protocol = self._protocol(root, where, listed)
        except DamagedError as error:
            return [str(error)]
        findings = _pictures(root, where, listed) + _contradictions(protocol, where)
        return findings if rendered else findings + self._counted(protocol)

    def _counted(self, protocol: Verification) -> list[str]:
        genuine = int(protocol.same.sum())
        subjects = np.unique(protocol.faces.subject)
        found = {
            "faces": (len(protocol.faces.template), self.counts.faces),
            "templates": (len(np.unique(protocol.faces.template)), self.counts.templates),
            "genuine pairs": (genuine, self.counts.genuine),
            "impostor pairs": (len(protocol.same) - genuine, self.counts.impostor),
        }
        if UNKNOWN not in subjects:
            found["subjects"] = (len(subjects), self.counts.subjects)
        return [
            f"{'warning: ' if has < full else ''}{self.folder}: {has:,} {what} instead of {full:,}"
            for what, (has, full) in found.items()
            if has != full
        ]


def _pictures(root: str, where: Paths, listed: FaceList) -> list[str]:
    there = set(storage.list(_url(root, where.pictures)))
    if not there:
        return [f"{where.pictures}: no pictures"]
    lost = [
        f"{where.faces}:{i}: no picture {where.pictures}/{printable(name, 60)}"
        for i, name in enumerate(listed.names, start=1)
        if name not in there
    ]
    if len(lost) > _SHOWN:
        lost[_SHOWN:] = [f"{where.faces}: {counted(len(lost), 'picture')} missing in all"]
    extra = sorted(n for n in there - set(listed.names) if not n.startswith("."))
    if extra:
        names = printable(", ".join(extra[:3]), 80)
        lost.append(f"{where.pictures}: {counted(len(extra), 'file')} in no list: {names}")
    return lost


def _contradictions(protocol: Verification, where: Paths) -> list[str]:
    """Pairs whose label is not what the 1:N tables' subjects say."""
    keys, first = np.unique(protocol.faces.template, return_index=True)
    who = protocol.faces.subject[first]
    one, two = look_up(keys, who, protocol.first), look_up(keys, who, protocol.second)
    known = (one != UNKNOWN) & (two != UNKNOWN)
    wrong = np.flatnonzero(known & ((one == two) != protocol.same))
    if not len(wrong):
        return []
    shown = f"{counted(len(wrong), 'pair')}, this one first, against the 1:N tables' subjects"
    return [f"{where.pairs}:{wrong[0] + 1}: {shown}"]


IJB_B = IJB(
    "ijb-b",
    "ijbb",
    "IJBB",
    ("S1", "S2"),
    ("IJB-B/protocol", "protocol", "IJB-B/protocols", "protocols"),
    Counts(227_630, 12_115, 1_845, 10_270, 8_000_000),
)
IJB_C = IJB(
    "ijb-c",
    "ijbc",
    "IJBC",
    ("G1", "G2"),
    ("IJB-C/protocols", "protocols", "IJB/IJB-C/protocols"),
    Counts(469_375, 23_124, 3_531, 19_557, 15_638_932),
)
