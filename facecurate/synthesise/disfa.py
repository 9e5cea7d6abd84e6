"""Rendered layout ``disfa``: videos of up to 27 people in DISFA's folders, every frame coded.

``count`` is the number of label lines, shared out evenly; with few of them there are fewer people,
or as few as ``subjects`` says.
The label files have what the first coder wrote down; the exact intensities stand in the truth. As
with the owners, SN010 has one label line fewer than its video has frames, SN031's landmark files
have the other naming and lack one, and a frame that the face has left has none (and no face in the
truth, while the coder's lines go on). There is no right camera's video.

Planted redundancy is that of layout ``video`` (``states``, ``repeats``, ``speed``, ``unsteady``)
at the owners' 20 frames a second; with ``leak`` every second person's video has so many frames of
the one before (in ``ORDER``), with their labels, whose ``kind`` is ``leak``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facecurate import videos
from facecurate.datasets import disfa
from facecurate.datasets.disfa_files import OF_68
from facecurate.errors import FacecurateError
from facecurate.records import AU_NUMBERS
from facecurate.synth.facs import ACTION_UNITS
from facecurate.synth.labels import FaceLabels
from facecurate.synth.sequences import SequencePlan, plan
from facecurate.synth.spec import IDENTITIES
from facecurate.synthesise import rows as table
from facecurate.synthesise.planted import Leak, leak

DATASET: str | None = "disfa"
PART_SIZE = 1  # a person
WIDTH, HEIGHT = 320, 256
LEAST = 3  # label lines of a person
OPTIONS = ("subjects", "speed", "repeats", "states", "unsteady", "leak")

# Who is there when not all are: the first six give each fold of the manifest's three its people to
# train on, validate and test.
ORDER = (
    "SN001", "SN010", "SN031", "SN006", "SN002", "SN004", "SN007", "SN005", "SN003",
    "SN008", "SN011", "SN013", "SN009", "SN012", "SN018", "SN026", "SN016", "SN023",
    "SN027", "SN017", "SN024", "SN028", "SN021", "SN030", "SN029", "SN025", "SN032",
)  # fmt: skip
_SHORT, _OTHER_NAMES = "SN010", "SN031"


@dataclass(frozen=True, slots=True)
class Film:
    """One person's video; the first ``lines`` of the plan's frames are coded."""

    subject: str
    lines: int
    plan: SequencePlan
    leak: Leak | None = None

    def leaked(self, k: int) -> Leak | None:
        """Where frame ``k`` is a copy from, None where it is none."""
        return self.leak if self.leak and self.leak.holds(k) else None

    @property
    def without_points(self) -> int | None:
        """The frame (from 1) whose landmark file is missing."""
        return max(2, self.lines * 3 // 4) if self.subject == _OTHER_NAMES else None


def items(count: int, seed: int, **options: float) -> Sequence[Film]:
    """One item a person; ``count`` label lines in all.

    ``options``: of ``OPTIONS``. Raises FacecurateError if the lines are too few for two people, or
    for what is leaked.
    """
    if count < 2 * LEAST:
        raise FacecurateError(
            f"{count} frames are too few for two people: take {2 * LEAST} or more"
        )
    most = min(len(ORDER), count // LEAST)
    people = int(options.get("subjects", most))
    if not 2 <= people <= most:
        raise FacecurateError(f"{people} people in {count} frames: take from 2 to {most}")
    subjects = ORDER[:people]
    rng = np.random.default_rng([0xD15FA, seed])
    everyone = IDENTITIES["train"]
    chosen = rng.choice(len(everyone), len(ORDER), replace=False)
    rooms = rng.choice(2**31, len(ORDER), replace=False)
    frames = _frames(count, subjects)
    films = [
        Film(
            subject,
            frames[subject] - (subject == _SHORT),
            plan(
                everyone[int(chosen[at])],
                int(rooms[at]),
                frames[subject],
                disfa.FPS,
                width=WIDTH,
                height=HEIGHT,
                speed=float(options.get("speed", 1.0)),
                repeats=int(options.get("repeats", 1)),
                panel=seed,
                distinct=int(options.get("states", 0)),
                unsteady=float(options.get("unsteady", 0.0)),
            ),
        )
        for at, subject in enumerate(subjects)
    ]
    copied = int(options.get("leak", 0))
    return [
        replace(film, leak=leak(one.plan, one.subject, copied, film.lines)) if at % 2 else film
        for at, (one, film) in enumerate(zip([films[-1], *films], films, strict=False))
    ]


def _frames(count: int, subjects: Sequence[str]) -> dict[str, int]:
    """Frames of each video; that of ``_SHORT`` has one more than label lines."""
    each, rest = divmod(count + 1, len(subjects))
    favoured = sorted(subjects, key=lambda subject: subject != _SHORT)[:rest]
    return {subject: each + (subject in favoured) for subject in subjects}


def render(files: str, item: Film) -> Iterator[dict[str, Any]]:
    """Writes one person's video, labels and landmarks; the truth of each coded frame."""
    rows: list[dict[str, Any]] = []
    points: list[NDArray[np.float64] | None] = []

    lost = item.plan.lost

    def pictures() -> Iterator[NDArray[np.uint8]]:
        for k in range(item.plan.frames):
            leaked = item.leaked(k)
            image, labels = leaked.draw(k) if leaked else item.plan.draw(k)
            if k < item.lines:
                rows.append(_row(item, k, labels, lost=bool(lost[k])))
                gone = not labels or k + 1 == item.without_points
                points.append(None if gone else labels[0].points68[list(OF_68)])
            yield image

    disfa.write_video(files, item.subject, pictures(), quality=item.plan.quality)
    units = [ACTION_UNITS.index(number) for number in AU_NUMBERS]
    disfa.write_labels(files, item.subject, _coded(item)[:, units])
    disfa.write_points(files, item.subject, points, from_one=item.subject == _OTHER_NAMES)
    yield from rows


def _coded(item: Film) -> NDArray[np.int64]:
    """(lines, 18) what the first coder wrote down; for a copy, what stood in the original."""
    shown = [(item.leaked(k) or item).plan for k in range(item.lines)]
    return np.array([plan.frame(k)[1] for k, plan in enumerate(shown)], np.int64)


def _row(item: Film, k: int, labels: Sequence[FaceLabels], *, lost: bool) -> dict[str, Any]:
    leaked = item.leaked(k)
    _, coded = (leaked or item).plan.frame(k)
    state = int(item.plan.states[k])
    first = state * item.plan.repeats
    kind = "leak" if leaked else "lost" if lost else "repeat" if first < k else "render"
    original = (leaked.name, k) if leaked else (item.subject, first) if first < k else None
    return table.row(
        _name(item.subject, k),
        labels,
        kind=kind,
        copy_of=_name(*original) if original else None,
        coded=[coded] * len(labels),
        split="all",
        subject=item.subject,
        sequence=item.subject,
        frame=k + 1,
        state=None if leaked else state,
    )


def _name(subject: str, k: int) -> str:
    return videos.frame_name(disfa.video_name(subject), k)


def complete(files: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """DISFA has no lists."""
