"""LFW, Labeled Faces in the Wild: a folder a person, 250 x 250 pictures, pairs in ten folds.

``Name_With_Underscores/Name_With_Underscores_0001.jpg``, numbers from 1, in a folder ``lfw``,
``lfw_funneled`` or ``lfw-deepfunneled``. The owners cut each picture 2.2 times as large as the box
of a Viola-Jones detector and scaled it, so that box is known: it stands in the middle. What is
known of the layout, and how surely, is in the manifest ``lfw.toml``.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from facecurate import images, storage
from facecurate.datasets.annotated import Annotated, GivenFace
from facecurate.datasets.lfw_lists import Pair, Person, Picture, read_pairs, read_people
from facecurate.datasets.protocols import Faces, Verification
from facecurate.errors import DamagedError
from facecurate.text import counted, printable

FOLDERS = ("lfw", "lfw_funneled", "lfw-deepfunneled")
SIDE = 250  # pixels
ENLARGED = 2.2  # by which the detector's box was grown before it was cut out
FULL = (13_233, 5_749)  # pictures, people
LISTS = {  # split: list of pairs, list of people, folds, matched pairs a fold
    "view2": ("pairs.txt", "people.txt", 10, 300),
    "dev-train": ("pairsDevTrain.txt", "peopleDevTrain.txt", 1, 1100),
    "dev-test": ("pairsDevTest.txt", "peopleDevTest.txt", 1, 500),
}
_SHOWN = 20  # findings of one kind that are listed one by one


def detector_box() -> list[float]:
    """x0 y0 x1 y1 of the square that the owners' detector found, for every picture."""
    middle, half = (SIDE - 1) / 2, SIDE / ENLARGED / 2
    return [middle - half, middle - half, middle + half, middle + half]


def picture_path(folder: str, picture: Picture) -> str:
    """``lfw``, (``Jane_Render``, 4) -> ``lfw/Jane_Render/Jane_Render_0004.jpg``."""
    name, number = picture
    return f"{folder}/{name}/{name}_{number:04d}.jpg".lstrip("/")


@dataclass(frozen=True, slots=True)
class ReaderLFW:
    """Reads a copy of LFW; ``folder``: one of ``FOLDERS``, None the first that is there."""

    folder: str | None = None
    name: str = "lfw"

    def annotations(self, root: str) -> Iterator[Annotated]:
        """Every picture by name and number: a face with the detector's box and a name.

        Split ``view2``, but for people whom only a list of the development view names. Raises
        DamagedError naming file and line.
        """
        folder = self.pictures_folder(root)
        splits = self._splits(root)
        for name, numbers in _people(root, folder):
            for number in numbers:
                yield Annotated(
                    picture_path(folder, (name, number)),
                    splits.get(name, "view2"),
                    subject=name,
                    faces=(GivenFace(box=detector_box(), label_identity=name),),
                )

    def protocol(self, root: str, split: str = "view2") -> Verification:
        """The pairs of a split of ``LISTS``; a picture is a template of its own.

        Accuracy is the mean over ``fold``, the threshold taken from the others; ``dev-*`` have one
        fold, None. Subjects are numbered in the order of the names' bytes. Raises DamagedError.
        """
        folder, pairs = self.pictures_folder(root), self.pairs(root, split)
        pictures = list(dict.fromkeys(side for pair in pairs for side in (pair.first, pair.second)))
        index = {picture: i for i, picture in enumerate(pictures)}
        people = {name: i for i, name in enumerate(sorted({name for name, _ in pictures}))}
        faces = Faces(
            sources=tuple(picture_path(folder, picture) for picture in pictures),
            template=np.arange(len(pictures), dtype=np.int32),
            medium=np.arange(len(pictures), dtype=np.int64),
            subject=np.array([people[name] for name, _ in pictures], np.int64),
            score=np.full(len(pictures), np.nan, np.float32),
        )
        fold = np.array([pair.fold for pair in pairs], np.int8) if split == "view2" else None
        first = np.array([index[pair.first] for pair in pairs], np.int32)
        second = np.array([index[pair.second] for pair in pairs], np.int32)
        return Verification(faces, first, second, np.array([p.same for p in pairs]), fold)

    def pairs(self, root: str, split: str = "view2") -> list[Pair]:
        """The pairs of a split of ``LISTS`` in file order. Raises DamagedError."""
        name = LISTS[split][0]
        return read_pairs(*self._list(root, name), folded=split == "view2")

    def people(self, root: str, split: str = "view2") -> list[Person]:
        """The people of a split of ``LISTS`` in file order. Raises DamagedError."""
        name = LISTS[split][1]
        return read_people(*self._list(root, name), folded=split == "view2")

    def pictures_folder(self, root: str) -> str:
        """The folder of the people, relative to ``root``. Raises DamagedError without one."""
        for folder in (self.folder,) if self.folder else FOLDERS:
            if storage.is_folder(storage.join(root, folder)):
                return folder
        wanted = self.folder or " or ".join(FOLDERS)
        raise DamagedError(f"{root} has no folder {wanted}: give the folder that holds it")

    def _list(self, root: str, name: str) -> tuple[str, str]:
        """Where a list lies (URL, relative path): at the root, or where some copies have it."""
        for place in ("", "view1/", "view2/", *(f"{folder}/" for folder in FOLDERS)):
            url = storage.join(root, *f"{place}{name}".split("/"))
            if storage.exists(url):
                return url, f"{place}{name}"
        return storage.join(root, name), name

    def _splits(self, root: str) -> dict[str, str]:
        """Name -> split, for those whom a list names; ``view2`` before the others."""
        out: dict[str, str] = {}
        for split in LISTS:
            if storage.exists(self._list(root, LISTS[split][1])[0]):
                for person in self.people(root, split):
                    out.setdefault(person.name, split)
        return out

    # -- findings --------------------------------------------------------------------------

    def check(self, root: str, rendered: bool) -> list[str]:
        """What is wrong with a copy, a line each; what is merely smaller starts with 'warning:'.

        ``rendered``: any number of pictures and pairs is right.
        """
        try:
            folder = self.pictures_folder(root)
        except DamagedError as error:
            return [str(error)]
        there = dict(_people(root, folder))
        findings = [f for split in LISTS for f in self._check_lists(root, split, there, rendered)]
        findings += _odd(root, folder)
        if not rendered:
            found = (sum(map(len, there.values())), len(there))
            findings += [
                f"{_smaller(has, full)}{folder}: {has:,} {what} instead of {full:,}"
                for has, full, what in zip(found, FULL, ("pictures", "people"), strict=True)
                if has != full
            ]
        return findings

    def _check_lists(
        self, root: str, split: str, there: dict[str, list[int]], rendered: bool
    ) -> list[str]:
        """Of the lists only ``pairs.txt`` is needed: others that are not there are a warning."""
        pairs, people, folds, size = LISTS[split]
        findings = []
        try:
            known = self.pairs(root, split)
            findings += _lost(self._list(root, pairs)[1], known, there)
            if not rendered and len(known) != folds * 2 * size:
                few = _smaller(len(known), folds * 2 * size)
                findings.append(f"{few}{pairs}: {len(known):,} pairs, not {folds * 2 * size:,}")
        except DamagedError as error:
            findings.append(_optional(error) if split != "view2" else str(error))
        try:
            findings += _miscounted(self._list(root, people)[1], self.people(root, split), there)
        except DamagedError as error:
            findings.append(_optional(error))
        return findings


def _optional(error: DamagedError) -> str:
    return f"warning: {error}" if str(error).endswith(" is missing") else str(error)


def _lost(path: str, pairs: list[Pair], there: dict[str, list[int]]) -> list[str]:
    lost = [
        f"{path}:{line}: no picture {printable(name, 60)}_{number:04d}.jpg"
        for line, pair in enumerate(pairs, start=2)
        for name, number in dict.fromkeys((pair.first, pair.second))
        if number not in there.get(name, ())
    ]
    more = [f"{path}: {counted(len(lost), 'picture')} missing in all"]
    return lost[:_SHOWN] + (more if len(lost) > _SHOWN else [])


def _people(root: str, folder: str) -> Iterator[tuple[str, list[int]]]:
    """Names and picture numbers, both ascending; what is no person's folder has no numbers."""
    for name in sorted(storage.list(storage.join(root, folder)), key=os.fsencode):
        pattern = re.compile(re.escape(name) + r"_(\d{4})\.jpg")
        files = storage.list(storage.join(root, folder, name))
        if numbers := sorted(int(found[1]) for f in files if (found := pattern.fullmatch(f))):
            yield name, numbers


def _odd(root: str, folder: str) -> Iterator[str]:
    """Files in people's folders that are not pictures of that name."""
    for name in storage.list(storage.join(root, folder)):
        for file in storage.list(storage.join(root, folder, name)):
            if not re.fullmatch(re.escape(name) + r"_\d{4}\.jpg", file) and file[0] != ".":
                yield f"{folder}/{printable(name, 60)}/{printable(file, 60)}: not a picture's name"


def _miscounted(path: str, people: list[Person], there: dict[str, list[int]]) -> list[str]:
    wrong = [
        f"{path}: {printable(p.name, 60)} has {counted(len(there.get(p.name, ())), 'picture')}"
        f", listed with {p.count:,}"
        for p in people
        if len(there.get(p.name, ())) != p.count
    ]
    more = [f"{path}: {len(wrong):,} people in all"] if len(wrong) > _SHOWN else []
    return wrong[:_SHOWN] + more


def _smaller(has: int, full: int) -> str:
    return "warning: " if has < full else ""


# -- writing ---------------------------------------------------------------------------------


def write_picture(root: str, picture: Picture, pixels: images.Pixels, folder: str = "lfw") -> str:
    """Writes one (250, 250, 3) RGB picture; its POSIX path relative to ``root``."""
    assert pixels.shape == (SIDE, SIDE, 3), pixels.shape
    path = picture_path(folder, picture)
    storage.write_atomic(storage.join(root, *path.split("/")), images.encode_jpeg(pixels))
    return path


LFW = ReaderLFW()
