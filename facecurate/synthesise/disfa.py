"""Rendered layout ``disfa``: videos of up to 27 people in DISFA's folders, every frame coded.

``count`` is the number of label lines, shared out evenly; with few of them there are fewer people.
The label files have what the first coder wrote down; the exact intensities stand in the truth. As
with the owners, SN010 has one label line fewer than its video has frames, SN031's landmark files
have the other naming and lack one, and a frame that the face has left has none (and no face in the
truth, while the coder's lines go on). There is no right camera's video.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
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

DATASET: str | None = "disfa"
PART_SIZE = 1  # a person
WIDTH, HEIGHT = 320, 256
LEAST = 3  # label lines of a person

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

    @property
    def without_points(self) -> int | None:
        """The frame (from 1) whose landmark file is missing."""
        return max(2, self.lines * 3 // 4) if self.subject == _OTHER_NAMES else None


def items(count: int, seed: int) -> Sequence[Film]:
    """One item a person; ``count`` label lines in all.

    Raises FacecurateError if they are too few for two people.
    """
    if count < 2 * LEAST:
        raise FacecurateError(
            f"{count} frames are too few for two people: take {2 * LEAST} or more"
        )
    subjects = ORDER[: min(len(ORDER), count // LEAST)]
    rng = np.random.default_rng([0xD15FA, seed])
    everyone = IDENTITIES["train"]
    people = rng.choice(len(everyone), len(ORDER), replace=False)
    rooms = rng.choice(2**31, len(ORDER), replace=False)
    frames = _frames(count, subjects)
    return [
        Film(
            subject,
            frames[subject] - (subject == _SHORT),
            plan(
                everyone[int(people[at])],
                int(rooms[at]),
                frames[subject],
                disfa.FPS,
                width=WIDTH,
                height=HEIGHT,
                panel=seed,
            ),
        )
        for at, subject in enumerate(subjects)
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
            image, labels = item.plan.draw(k)
            if k < item.lines:
                rows.append(_row(item, k, labels, lost=bool(lost[k])))
                gone = not labels or k + 1 == item.without_points
                points.append(None if gone else labels[0].points68[list(OF_68)])
            yield image

    disfa.write_video(files, item.subject, pictures(), quality=item.plan.quality)
    units = [ACTION_UNITS.index(number) for number in AU_NUMBERS]
    disfa.write_labels(files, item.subject, item.plan.coded[0][: item.lines, units])
    disfa.write_points(files, item.subject, points, from_one=item.subject == _OTHER_NAMES)
    yield from rows


def _row(item: Film, k: int, labels: Sequence[FaceLabels], *, lost: bool) -> dict[str, Any]:
    _, coded = item.plan.frame(k)
    return table.row(
        videos.frame_name(disfa.video_name(item.subject), k),
        labels,
        kind="lost" if lost else "render",
        coded=[coded] * len(labels),
        split="all",
        subject=item.subject,
        sequence=item.subject,
        frame=k + 1,
        state=k,
    )


def complete(files: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """DISFA has no lists."""
