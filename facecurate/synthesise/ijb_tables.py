"""The lists of the rendered layout ``ijb``: the packaging's, and NIST's in both arrangements.

Every 45th face is one that the detector missed: score near 0.1, points elsewhere, kept in the lists
as IJB's are. The other points are exact, the score falls with the pose. The pictures that NIST's
tables name are not rendered: their boxes are those of the loose crops. What nobody said of a person
(age, skin tone, sex) are empty cells.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facecurate.datasets import ijb_lists, ijb_nist
from facecurate.datasets.ijb import IJB_C
from facecurate.datasets.ijb_lists import ListedFace
from facecurate.datasets.ijb_nist import NistRow

WHERE = ijb_lists.paths(IJB_C.folder, IJB_C.code)
IMPOSTORS = 800  # pairs a probe at most, as IJB-C has them
_NIST = "IJB-C/protocols"


@dataclass(frozen=True, slots=True)
class _Known:
    """A row of the truth with its numbers read."""

    number: int
    template: int
    medium: int
    subject: int
    row: Mapping[str, Any]


def complete(files: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Writes the packaging's lists and NIST's tables in both arrangements."""
    known = sorted(map(_known, rows), key=lambda k: k.number)
    ijb_lists.write_faces(files, WHERE, [_listed(k) for k in known])
    gallery = _galleries(known)
    first, second, same = _pairs(known, gallery)
    ijb_lists.write_pairs(files, WHERE, first, second, same)
    enrolled = set(gallery.values())
    nist = [_nist_row(k) for k in known]
    parts = {
        g: [r for r in nist if r.template in enrolled and r.subject % 2 == i]
        for i, g in enumerate(IJB_C.galleries)
    }
    probes = [r for r in nist if r.template not in enrolled]
    for folder in (_NIST, f"{IJB_C.folder}/meta"):
        found, _ = ijb_nist.arrangements(folder, IJB_C.code, IJB_C.galleries)
        for g, path in found.galleries.items():
            ijb_nist.write_table(files, path, parts[g])
        ijb_nist.write_table(files, found.probes, probes)
    _write_nist(files, nist, parts, probes, first, second)


def _known(row: Mapping[str, Any]) -> _Known:
    number = int(row["file"].rpartition("/")[2].removesuffix(".jpg"))
    template, medium = map(int, row["sequence"].split("-"))
    return _Known(number, template, medium, int(row["subject"]), row)


def _listed(known: _Known) -> ListedFace:
    """The exact points; of every 45th face points that a detector might have left."""
    points = np.asarray(known.row["landmarks"][0], np.float64).reshape(5, 2)
    yaw = float(known.row["pose"][0][0])
    score = max(0.72, 0.999 - 0.0018 * abs(yaw) - 0.0005 * (known.number % 5))
    if known.number % 45 == 11:
        x0, y0, x1, y1 = known.row["boxes"][0]
        points = points.mean(axis=0) + 0.6 * (points - points.mean(axis=0))
        points += np.array([0.35 * (x1 - x0), -0.3 * (y1 - y0)])
        score = 0.1 + 0.001 * (known.number % 7)
    name = f"{known.number}.jpg"
    return ListedFace(name, known.template, known.medium, points.ravel().tolist(), score)


def _galleries(known: Sequence[_Known]) -> dict[int, int]:
    """Subject -> the template that is enrolled: the smallest of the subject's numbers."""
    out: dict[int, int] = {}
    for k in known:
        out[k.subject] = min(k.template, out.get(k.subject, k.template))
    return out


Pairs = tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.bool_]]


def _pairs(known: Sequence[_Known], gallery: Mapping[int, int]) -> Pairs:
    """Each probe with its own gallery template and with others', at most ``IMPOSTORS`` of them."""
    enrolled = set(gallery.values())
    probes = sorted({(k.template, k.subject) for k in known if k.template not in enrolled})
    people = np.array(sorted(gallery))
    order = {int(subject): i for i, subject in enumerate(people)}
    others = len(people) - 1
    steps = np.arange(min(others, IMPOSTORS))
    rows = []
    for at, (template, subject) in enumerate(probes):
        shifts = 1 + (steps + at * IMPOSTORS) % others  # never 0: nobody is their own impostor
        chosen = people[(order[subject] + np.append(0, shifts)) % len(people)]
        rows.append(np.stack([chosen, np.full(len(chosen), template), chosen == subject], axis=1))
    pairs = np.concatenate(rows)
    first = np.array([gallery[s] for s in pairs[:, 0].tolist()], np.int32)
    turn = np.lexsort((pairs[:, 1], first))
    return first[turn], pairs[turn, 1].astype(np.int32), pairs[turn, 2].astype(np.bool_)


def _nist_row(known: _Known) -> NistRow:
    frame = known.row["frame"]
    still = frame is None
    x0, y0, x1, y1 = (round(float(v)) for v in known.row["boxes"][0])
    yaw, _, roll = (round(float(v)) for v in known.row["pose"][0])
    file = f"img/{90_000 + known.number}.jpg" if still else f"frames/{known.medium}_{frame:02d}.png"
    return NistRow(
        known.template, known.subject, file, known.medium, (x0, y0, x1 - x0, y1 - y0),
        frame=None if still else int(frame), yaw=yaw, roll=roll,
    )  # fmt: skip


def _write_nist(
    files: str,
    nist: Sequence[NistRow],
    parts: Mapping[str, Sequence[NistRow]],
    probes: Sequence[NistRow],
    first: NDArray[np.int32],
    second: NDArray[np.int32],
) -> None:
    one, two = ijb_nist.arrangements(_NIST, IJB_C.code, IJB_C.galleries)
    stills = [r for r in probes if r.frame is None]
    frames = [r for r in probes if r.frame is not None]
    ijb_nist.write_table(files, f"{_NIST}/{IJB_C.code}_1N_probe_img.csv", stills)
    ijb_nist.write_table(files, f"{_NIST}/{IJB_C.code}_1N_probe_video.csv", frames)
    ijb_nist.write_table(files, one.metadata, nist, ijb_nist.COLUMNS[1:])
    for g, path in two.galleries.items():
        ijb_nist.write_table(files, path, parts[g], ijb_nist.SEVEN)
    enrolled = [r for part in parts.values() for r in part]
    ijb_nist.write_table(files, two.enrolled[0], enrolled, ijb_nist.SEVEN)
    for path in (two.probes, two.searched):
        ijb_nist.write_table(files, path, probes, ijb_nist.SEVEN)
    for found in (one, two):
        ijb_nist.write_matches(files, found.matches, first, second)
