"""Rendered layout ``video``: sequences as folders of numbered JPEGs, with planted redundancy.

``SUBJECT/SESSION/000001.jpg``, counted from 1. The JPEG's quality goes up and down as a codec's
does in a group of ``sequences.GROUP`` pictures. In the truth, ``state`` numbers what a sequence
shows (frames of one state differ by noise and compression alone), ``copy_of`` names the first frame
of a repeated state, whose ``kind`` is ``repeat``, and ``kind`` is ``lost`` where a hand is held
before the face or its centre has left the picture. A ``leak`` is a frame of a training sequence in
one of the test's, compressed once more: it has no state, and ``copy_of`` names where it is from.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from facecurate import images, storage
from facecurate.errors import FacecurateError
from facecurate.synth.sequences import SequencePlan, plan
from facecurate.synth.spec import IDENTITIES
from facecurate.synthesise import rows as table
from facecurate.synthesise.planted import Leak, leak

DATASET: str | None = None
PART_SIZE = 1  # a sequence
_PEOPLE = "train"  # the range of identities
_LEAST = 10  # frames of a sequence


@dataclass(frozen=True, slots=True)
class Video:
    """What is filmed: ``subjects`` people in ``sessions`` rooms each, one sequence a session.

    ``fps``: frames a second; ``speed``: 2 shows the same path twice as fast; ``repeats``: how many
    frames show each state; ``states``: how many of them a sequence has, which then come again (0:
    as many as it takes); ``unsteady``: pixels by which a state lies elsewhere at most when it comes
    again, in other light (``SequencePlan``). ``test``: how many people are in the split ``test``;
    ``shared``: how many others are in both, with their last session in ``test``; ``leak``: frames
    of each test sequence that are copies from one of ``train``.
    """

    subjects: int
    sessions: int = 2
    fps: float = 20.0
    speed: float = 1.0
    repeats: int = 1
    states: int = 0
    unsteady: float = 0.0
    test: int = 0
    shared: int = 0
    leak: int = 0

    def __post_init__(self) -> None:
        if self.test >= self.subjects or self.test + self.shared > self.subjects:
            raise FacecurateError(
                f"{self.test} people for testing and {self.shared} in both splits are too many of "
                f"{self.subjects}: raise --subjects"
            )
        if self.shared and self.sessions < 2:
            raise FacecurateError("a person in both splits needs two sessions: raise --sessions")
        if self.leak and not self.test + self.shared:
            raise FacecurateError("leaked frames need a split for testing: say --test or --shared")

    def split(self, subject: int, session: int) -> str:
        """Of a sequence, by its numbers from 0: shared people first, those for testing last."""
        both = subject < self.shared and session == self.sessions - 1
        return "test" if both or subject >= self.subjects - self.test else "train"

    @classmethod
    def of(cls, count: int) -> Video:
        """What ``count`` frames are enough for: about 200 frames a person, as many as DISFA's."""
        return cls(subjects=max(2, min(27, count // 200)))


OPTIONS = tuple(field.name for field in fields(Video))


def _video(count: int, options: Mapping[str, float]) -> Video:
    kinds = {"fps": float, "speed": float, "unsteady": float}
    chosen = {name: kinds.get(name, int)(value) for name, value in options.items()}
    return replace(Video.of(count), **chosen)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class Clip:
    """One sequence and the folder it is written to."""

    subject: str
    session: str
    plan: SequencePlan
    split: str = "train"
    leak: Leak | None = None

    def file(self, k: int) -> str:
        """POSIX path of frame ``k`` (from 0) relative to files/."""
        return _file(f"{self.subject}/{self.session}", k)

    def leaked(self, k: int) -> Leak | None:
        """Where frame ``k`` is a copy from, None where it is none."""
        return self.leak if self.leak and self.leak.holds(k) else None


def _file(sequence: str, k: int) -> str:
    return f"{sequence}/{k + 1:06d}.jpg"


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
    everyone = IDENTITIES[_PEOPLE]
    people = rng.choice(len(everyone), video.subjects, replace=False)
    rooms = rng.choice(2**31, total, replace=False)
    clips = [
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
                distinct=video.states,
                unsteady=video.unsteady,
            ),
            split=video.split(*divmod(at, video.sessions)),
        )
        for at in range(total)
    ]
    return list(_leaking(clips, video.leak))


def _leaking(clips: Sequence[Clip], count: int) -> Iterator[Clip]:
    """Sequences for testing have copies from those for training, each from another one."""
    train = [clip for clip in clips if clip.split == "train"]
    others = itertools.cycle(train)
    for clip in clips:
        if clip.split == "train":
            yield clip
            continue
        other = next(others)
        name = f"{other.subject}/{other.session}"
        yield replace(clip, leak=leak(other.plan, name, count, clip.plan.frames))


def render(files: str, item: Clip) -> Iterator[dict[str, Any]]:
    """Writes the frames of one sequence; the truth of each."""
    for k in range(item.plan.frames):
        leaked = item.leaked(k)
        image, labels = leaked.draw(k) if leaked else item.plan.draw(k)
        _, coded = (leaked or item).plan.frame(k)
        data = images.encode_jpeg(image, item.plan.quality(k))
        storage.write_atomic(storage.join(files, *item.file(k).split("/")), data)
        yield table.row(
            item.file(k),
            labels,
            coded=[coded] * len(labels),
            split=item.split,
            subject=item.subject,
            session=item.session,
            sequence=f"{item.subject}/{item.session}",
            frame=k + 1,
            **_truth(item, k),
        )


def _truth(item: Clip, k: int) -> dict[str, Any]:
    """Columns ``kind``, ``copy_of`` and ``state`` of frame ``k``."""
    leaked = item.leaked(k)
    if leaked:
        return {"kind": "leak", "copy_of": _file(leaked.name, k), "state": None}
    state = int(item.plan.states[k])
    first = state * item.plan.repeats
    kind = "lost" if item.plan.lost[k] else "repeat" if first < k else "render"
    return {"kind": kind, "copy_of": item.file(first) if first < k else None, "state": state}


def complete(files: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """A video needs no lists."""
