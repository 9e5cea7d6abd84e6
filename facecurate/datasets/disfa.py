"""DISFA: videos of 27 people, 12 action units coded 0 to 5 in every frame, 66 tracked points.

A frame of a video is a picture; its source names the video and the frame from 0, its column
``frame`` has the owners' number, from 1. The label files serve both cameras; the landmarks, as far
as is known, were tracked in the left camera's videos and are given for these alone. The files
of code beside the manifest ``disfa.toml``: what is in single files stands in ``disfa_files.py``.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from facecurate import storage, videos
from facecurate.datasets import disfa_damage as damage
from facecurate.datasets import disfa_files as files
from facecurate.datasets.annotated import Annotated, GivenFace
from facecurate.datasets.disfa_files import LABELS, LANDMARKS, POINTS, SUBJECTS, Codes, Floats
from facecurate.datasets.points import landmarks, tight_box
from facecurate.errors import DamagedError
from facecurate.images import JPEG_QUALITY, Pixels
from facecurate.records import AU_NUMBERS

LINES, SHORT = 4845, {"SN010": 4844}  # label lines a subject, and who has fewer
FPS = 20.0

Camera = Literal["left", "right"]


@dataclass(frozen=True, slots=True)
class Recording:
    """Where a copy has one subject's files: paths relative to the root.

    ``labels``: by action unit; ``video``: None if there is none; ``points``: the landmarks' folder.
    """

    subject: str
    labels: Mapping[int, str]
    video: str | None
    points: str | None


def recordings(root: str, camera: Camera) -> list[Recording]:
    """Every subject that has a folder of labels, in order. Raises DamagedError if nobody has."""
    held = {
        match[0].upper(): path
        for folder in files.matching(root, "", LABELS)
        for path, match in files.matching(root, folder, r"SN\d{3}").items()
    }
    if not held:
        raise DamagedError(f"{root} holds no subjects' folders in {LABELS}")
    points = {
        match[0].upper(): path
        for folder in files.matching(root, "", LANDMARKS)
        for path, match in files.matching(root, folder, r"SN\d{3}").items()
    }
    seen = _videos(root, camera)
    return [
        Recording(
            subject,
            {
                int(match[1]): path
                for path, match in files.matching(
                    root, held[subject], r"SN\d+_au(\d+)\.txt"
                ).items()
            },
            seen.get(subject),
            points.get(subject) if camera == "left" else None,
        )
        for subject in sorted(held)
    ]


def _videos(root: str, camera: Camera) -> dict[str, str]:
    pattern = rf"{camera}video(SN\d{{3}})(?:_?comp)?\.avi"
    return {
        match[1].upper(): path
        for folder in files.matching(root, "", rf"videos?_{camera}camera")
        for path, match in files.matching(root, folder, pattern).items()
    }


@dataclass(frozen=True, slots=True)
class ReaderDISFA:
    """Reads a copy of DISFA; what is not certain of the layout is a setting.

    ``bad_frames``: ``drop`` leaves out the frames of ``disfa_files.BAD_FRAMES``, a list that is not
    the owners'. ``base``: the landmark files' coordinate of the first pixel's centre (0 or 1).
    ``extra_landmarks``: which file belongs to no frame where there is one more than label lines.
    """

    camera: Camera = "left"
    bad_frames: Literal["keep", "drop"] = "keep"
    base: float = 0.0
    extra_landmarks: Literal["first", "last"] = "first"
    name: str = "disfa"

    def annotations(self, root: str) -> Iterator[Annotated]:
        """Every coded frame, by subject and in time; frames beyond the label lines are left out.

        The box is the tight one of the 66 points. A frame whose landmark file alone is missing has
        the box and the five landmarks of the frame before, so that its codes are kept, and no
        points; longer gaps have no box. Raises DamagedError, before the first frame, with all
        that is wrong with label files and videos.
        """
        held = recordings(root, self.camera)
        damage.refuse(
            root,
            [
                line
                for one in held
                for line in damage.stops(root, one.subject, one.labels, one.video, self.camera)
            ],
        )
        for one in held:
            codes = files.read_labels(root, dict(one.labels))
            assert one.video is not None
            for frame, face in enumerate(self._faces(root, one, codes), start=1):
                if self.bad_frames == "drop" and files.is_bad(one.subject, frame):
                    continue
                yield Annotated(
                    source=videos.frame_name(one.video, frame - 1),
                    split="all",
                    subject=one.subject,
                    sequence=one.subject,
                    frame=frame,
                    faces=(face,),
                )

    def _faces(self, root: str, one: Recording, codes: Codes) -> Iterator[GivenFace]:
        """The face of each label line."""
        held = self._landmark_files(root, one, len(codes))
        before: Floats | None = None
        for frame, intensities in enumerate(codes, start=1):
            points = None
            if frame in held:
                points = files.read_points(root, held[frame]) - self.base
            yield _face(points, before if points is None else points, intensities)
            before = points

    def _landmark_files(self, root: str, one: Recording, lines: int) -> dict[int, str]:
        if one.points is None:
            return {}
        first = self.extra_landmarks == "first"
        return files.landmark_files(root, one.points, lines, drop_first=first)

    def check(self, root: str, rendered: bool) -> list[str]:
        """What is wrong with a copy, a line each; what is merely smaller starts with 'warning:'.

        ``rendered``: any number of subjects and frames is right, and so is a frame without points.
        Videos are decoded to count their frames.
        """
        try:
            held = recordings(root, self.camera)
        except DamagedError as error:
            return [str(error)]
        known = {one.subject for one in held}
        findings = [
            f"{LABELS}/{s}: no subject of DISFA" for s in sorted(known.difference(SUBJECTS))
        ]
        if not rendered:
            findings += [f"warning: {s}: not in this copy" for s in SUBJECTS if s not in known]
        if self.camera == "left" and all(one.points is None for one in held):
            findings.append(f"warning: {LANDMARKS}: not in this copy, so no frame has a box")
        for one in held:
            findings += self._check_recording(root, one, rendered)
        return findings

    def _check_recording(self, root: str, one: Recording, rendered: bool) -> Iterator[str]:
        try:
            lines = len(files.read_labels(root, dict(one.labels)))
        except DamagedError as error:
            yield str(error)
            return
        full = SHORT.get(one.subject, LINES)
        if not rendered and lines != full:
            smaller = "warning: " if lines < full else ""
            yield f"{smaller}{LABELS}/{one.subject}: {lines:,} frames instead of {full:,}"
        if one.video is None:
            yield f"{one.subject}: no video of the {self.camera} camera"
        else:
            yield from damage.of_video(root, one.video, lines, rendered)
        if one.points is not None:
            yield from self._check_points(root, one, lines, rendered)

    def _check_points(self, root: str, one: Recording, lines: int, rendered: bool) -> Iterator[str]:
        held = self._landmark_files(root, one, lines)
        beyond = len([frame for frame in held if not 1 <= frame <= lines])
        if beyond:
            yield f"warning: {one.points}: {beyond:,} landmark files beyond the label lines"
        upside_down = 0
        for path in held.values():
            try:
                upside_down += not files.is_a_face(files.read_points(root, path) - self.base)
            except DamagedError as error:
                yield str(error)
        if upside_down > len(held) / 2:
            yield f"{one.points}: most files are no upright face of {POINTS.count} points in order"
        if not rendered:
            for frame in (frame for frame in range(1, lines + 1) if frame not in held):
                yield f"warning: {one.points}: no landmark file of frame {frame}"


def _face(points: Floats | None, near: Floats | None, intensities: Codes) -> GivenFace:
    """A face of its (66, 2) points, or of those of the frame before without being points of it."""
    return GivenFace(
        box=None if near is None else _packed(tight_box(near)),
        landmarks=None if near is None else _packed(landmarks(near, POINTS)),
        points=None if points is None else _packed(points.ravel()),
        label_au=_packed(intensities),
    )


def _packed(values: Iterable[float]) -> Sequence[float]:
    """130,000 frames are held at once: as objects their numbers would need ten times the memory."""
    return array("f", values)


# -- writing ---------------------------------------------------------------------------------------


def video_name(subject: str, camera: Camera = "left") -> str:
    """A subject's video relative to the root; the owners' spelling differs between cameras."""
    if camera == "left":
        return f"Videos_LeftCamera/LeftVideo{subject}_comp.avi"
    return f"Video_RightCamera/RightVideo{subject}_Comp.avi"


def write_video(
    root: str,
    subject: str,
    pictures: Iterable[Pixels],
    camera: Camera = "left",
    quality: Callable[[int], int] = lambda k: JPEG_QUALITY,
) -> str:
    """Writes (h, w, 3) uint8 RGB pictures as Motion JPEG; the video's path, a POSIX path.

    ``quality``: the JPEG quality of each frame, from 0.
    """
    name = video_name(subject, camera)
    videos.write_avi(storage.join(root, *name.split("/")), pictures, FPS, quality)
    return name


def write_labels(root: str, subject: str, codes: ArrayLike) -> None:
    """Writes the twelve label files of (n, 12) integers 0..5 in the order of ``AU_NUMBERS``."""
    table = np.asarray(codes)
    if table.ndim != 2 or table.shape[1] != len(AU_NUMBERS):
        raise ValueError(f"codes are (n, {len(AU_NUMBERS)}), not {table.shape}")
    if not np.isin(table, range(files.STRONGEST + 1)).all():
        raise ValueError(f"codes are whole numbers from 0 to {files.STRONGEST}")
    for column, unit in enumerate(AU_NUMBERS):
        url = storage.join(root, *files.label_name(subject, unit).split("/"))
        storage.write_atomic(url, files.to_labels(table[:, column].tolist()))


def write_points(
    root: str, subject: str, points: Iterable[ArrayLike | None], *, from_one: bool = False
) -> None:
    """Writes a landmark file for each frame: (66, 2) points, pixels from 0; None: no file.

    ``from_one``: in the naming of some subjects, ``l00001_lm.mat`` and on. Raises MissingExtraError
    without SciPy.
    """
    for frame, table in enumerate(points, start=1):
        if table is not None:
            name = files.landmark_name(subject, frame, from_one)
            storage.write_atomic(storage.join(root, *name.split("/")), files.to_mat(table))


DISFA = ReaderDISFA()
