"""Rendered layout ``video``: sequences as folders of numbered JPEGs, with planted redundancy.

``SUBJECT/SESSION/000001.jpg``, counted from 1. The JPEG's quality goes up and down as a codec's
does in a group of ``sequences.GROUP`` pictures. In the truth, ``state`` numbers what a sequence
shows (frames of one state differ by noise and compression alone), ``copy_of`` names the first frame
of a repeated state, whose ``kind`` is ``repeat``, and ``kind`` is ``lost`` where a hand is held
before the face or its centre has left the picture.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from facecurate import images, storage
from facecurate.errors import FacecurateError
from facecurate.synth.sequences import SequencePlan, plan
from facecurate.synth.spec import IDENTITIES
from facecurate.synthesise import rows as table

DATASET: str | None = None
PART_SIZE = 1  # a sequence
_SPLIT = "train"
_LEAST = 10  # frames of a sequence


@dataclass(frozen=True, slots=True)
class Video:
    """What is filmed: ``subjects`` people in ``sessions`` rooms each, one sequence a session.

    ``fps``: frames a second; ``speed``: 2 shows the same path twice as fast; ``repeats``: how many
    frames show each state.
    """

    subjects: int
    sessions: int = 2
    fps: float = 20.0
    speed: float = 1.0
    repeats: int = 1

    @classmethod
    def of(cls, count: int) -> Video:
        """What ``count`` frames are enough for: about 200 frames a person, as many as DISFA's."""
        return cls(subjects=max(2, min(27, count // 200)))


def _video(count: int, options: Mapping[str, float]) -> Video:
    whole = {n: int(v) for n, v in options.items() if n in ("subjects", "sessions", "repeats")}
    rest = {n: float(v) for n, v in options.items() if n not in whole}
    return replace(Video.of(count), **{**whole, **rest})  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class Clip:
    """One sequence and the folder it is written to."""

    subject: str
    session: str
    plan: SequencePlan

    def file(self, k: int) -> str:
        """POSIX path of frame ``k`` (from 0) relative to files/."""
        return f"{self.subject}/{self.session}/{k + 1:06d}.jpg"


def items(count: int, seed: int, video: Video | None = None, **options: float) -> Sequence[Clip]:
    """The sequences of ``count`` frames in all; the first ones have one more if need be.

    ``options``: fields of :class:`Video` to be other than it would have them. Raises
    FacecurateError if there are too few frames for as many sequences.
    """
    video = video or _video(count, options)
    total = video.subjects * video.sessions
    least = total * _LEAST * video.repeats
    if count < least:
        raise FacecurateError(
            f"{count} frames are too few for {video.subjects} people in {video.sessions} sessions: "
            f"take at least {least}"
        )
    rng = np.random.default_rng([0x71DE0, seed])
    everyone = IDENTITIES[_SPLIT]
    people = rng.choice(len(everyone), video.subjects, replace=False)
    rooms = rng.choice(2**31, total, replace=False)
    return [
        Clip(
            subject=f"S{at // video.sessions + 1:03d}",
            session=f"{at % video.sessions + 1:02d}",
            plan=plan(
                everyone[int(people[at // video.sessions])],
                int(rooms[at]),
                count // total + (at < count % total),
                video.fps,
                video.speed,
                video.repeats,
                panel=seed,
            ),
        )
        for at in range(total)
    ]


def render(files: str, item: Clip) -> Iterator[dict[str, Any]]:
    """Writes the frames of one sequence; the truth of each."""
    lost, states = item.plan.lost, item.plan.states
    for k in range(item.plan.frames):
        image, labels = item.plan.draw(k)
        _, coded = item.plan.frame(k)
        data = images.encode_jpeg(image, item.plan.quality(k))
        storage.write_atomic(storage.join(files, *item.file(k).split("/")), data)
        again = k % item.plan.repeats > 0
        yield table.row(
            item.file(k),
            labels,
            kind="lost" if lost[k] else "repeat" if again else "render",
            copy_of=item.file(k - k % item.plan.repeats) if again else None,
            coded=[coded] * len(labels),
            split=_SPLIT,
            subject=item.subject,
            session=item.session,
            sequence=f"{item.subject}/{item.session}",
            frame=k + 1,
            state=int(states[k]),
        )


def complete(files: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """A video needs no lists."""
