"""Videos of one person with exact truth, and labels as two coders write them.

A sequence samples motion in continuous time (``dynamics``) at ``fps`` frames a second: another
``fps`` sees the same motion at other instants, ``speed=2`` the same path twice as fast, and
``repeats`` shows each state so many times, apart only by noise and compression, ``distinct`` shows
so many states again and again, and ``unsteady`` moves and lights every frame a little differently.
Room, light and camera are drawn from the seed alone and tell nothing about the identity.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from facecurate.synth import dynamics
from facecurate.synth.coders import Codes, code
from facecurate.synth.labels import FaceLabels
from facecurate.synth.render import Image, render_photo
from facecurate.synth.sessions import Session, session
from facecurate.synth.spec import FaceSpec, PhotoSpec

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

GROUP = 12  # frames from one whole picture of the codec to the next
_GROUP_QUALITY = (6, -9, -9, -3, -9, -9, -3, -9, -9, -3, -9, -9)  # I B B P B B P B B P B B
_FIXED = 0.3  # share of the noise's standard deviation that is the sensor's own pattern
_TRAIL = 0.5  # how much of a frame's noise the next one still has: neighbours correlate by 0.4
_FIGURE = 1.6  # face sizes from the face's centre to where the shoulders end
_WAVER = 0.03  # share by which the light changes for a pixel of unsteadiness
_INSTANT = 0.005  # seconds over which speeds are measured
_LIMITS = np.array([25.0, 15.0])  # of the gaze in the head, degrees


@dataclass(frozen=True, slots=True)
class _Course:
    """A sequence's states, M of them; see ``SequencePlan`` for the rest."""

    units: Floats  # (M, 18)
    lopsided: Floats  # (M,)
    pose: Floats  # (M, 3) degrees
    gaze: Floats  # (M, 2) degrees, in the head
    place: Floats  # (M, 2) of the face's centre, pixels
    size: Floats  # (M,) pixels
    smear: Floats  # (M, 2) pixels while the shutter is open
    hand: Flags  # (M,)
    lost: Flags  # (M,)
    gain: Floats  # (M,) factor of the grey levels


@dataclass(frozen=True, slots=True)
class SequencePlan:
    """A video that is not drawn yet; a frame costs nothing until it is asked for.

    ``frames`` T in all, ``repeats`` of each state; ``fps`` frames a second; ``speed``: how many
    seconds of the motion pass in a second; pictures of ``width`` x ``height`` pixels. ``panel``
    names the pair of coders. ``distinct``: how many states there are, which then come again from
    the first on (0: none comes again). ``unsteady``: pixels by which the same state lies elsewhere
    in another frame at most, across and down, in light that differs by up to 3 % a pixel. Frames
    count from 0.
    """

    identity: int
    seed: int
    frames: int
    fps: float = 20.0
    speed: float = 1.0
    repeats: int = 1
    width: int = 256
    height: int = 256
    panel: int = 0
    distinct: int = 0
    unsteady: float = 0.0

    def __post_init__(self) -> None:
        if min(self.frames, self.repeats) < 1:
            raise ValueError(f"frames ({self.frames}) and repeats ({self.repeats}) start from 1")
        if min(self.fps, self.speed) <= 0:
            raise ValueError(f"fps ({self.fps}) and speed ({self.speed}) must be positive")
        if min(self.distinct, self.unsteady) < 0:
            raise ValueError(
                f"distinct ({self.distinct}) and unsteady ({self.unsteady}) start from 0"
            )

    @property
    def session(self) -> Session:
        """Room, light and camera."""
        return session(self.seed)

    @property
    def states(self) -> NDArray[np.int64]:
        """(T,) the state that each frame shows, from 0; N_eff can be no more than their number."""
        each = np.arange(self.frames) // self.repeats
        return each % self.distinct if self.distinct else each

    @property
    def times(self) -> Floats:
        """(T,) the instant of the motion that each frame shows, seconds."""
        return np.asarray(self.states * (self.speed / self.fps))

    @property
    def units(self) -> Floats:
        """(T, 18) exact intensities of ``facs.ACTION_UNITS``; blinks count as AU 43."""
        return np.asarray(_course(self).units[self.states])

    @property
    def coded(self) -> Codes:
        """(2, T, 18) what two coders write down, ``session.late`` frames late.

        They code the video as it plays: a state that is repeated is as many frames of it.
        """
        return _coded(self).copy()

    @property
    def lost(self) -> Flags:
        """(T,) a hand is held before the face, or its centre is outside of the picture."""
        return np.asarray(_course(self).lost[self.states])

    def frame(self, k: int) -> tuple[FaceSpec, tuple[int, ...]]:
        """The face of frame ``k`` and the first coder's 18 integers for it."""
        return self._face(k), tuple(_coded(self)[0, k].tolist())

    def photo(self, k: int) -> PhotoSpec:
        """The picture of frame ``k``, with the fixed part of the noise and not yet compressed.

        A figure that is wholly outside is left out.
        """
        course, at, camera = _course(self), self._state(k), self.session
        face = self._face(k)
        middle = np.array([self.width - 1, self.height - 1]) / 2
        beyond = (np.abs(course.place[at] - middle) - middle).max()
        return PhotoSpec(
            width=self.width,
            height=self.height,
            seed=camera.room,
            faces=() if beyond > _FIGURE * face.size_px else (face,),
            noise=_FIXED * camera.noise,
            blur=camera.blur,
            motion=(float(course.smear[at, 0]), float(course.smear[at, 1])),
        )

    def quality(self, k: int) -> int:
        """JPEG quality of frame ``k``: best for the first of each ``GROUP``, then by turns."""
        return self.session.quality + _GROUP_QUALITY[k % GROUP]

    def draw(self, k: int) -> tuple[Image, list[FaceLabels]]:
        """Frame ``k`` with the camera's noise and wavering brightness, and its exact labels.

        The noise goes on from frame to frame: each has a part of its predecessor's. There are no
        labels where the face's box does not touch the picture.
        """
        image, labels = render_photo(self.photo(k))
        labels = [known for known in labels if self._touches(known)]
        gain = _course(self).gain[self._state(k)] * (1 + _WAVER * self._shake(k)[2])
        grey: Any = image.astype(np.float32) * np.float32(gain)
        moving = np.sqrt((1 - _FIXED**2) / (1 + _TRAIL**2)) * self.session.noise
        grey += np.float32(moving) * self._noise(k)
        grey += np.float32(moving * _TRAIL) * self._noise(k - 1)
        return np.asarray(np.clip(np.rint(grey), 0, 255), np.uint8), labels

    def _touches(self, known: FaceLabels) -> bool:
        x0, y0, x1, y1 = known.box
        across = x1 > -0.5 and x0 < self.width - 0.5
        return across and y1 > -0.5 and y0 < self.height - 0.5

    def _noise(self, k: int) -> NDArray[np.float32]:
        rng = np.random.default_rng([0x6A1, self.seed, k + 1])
        fine = rng.standard_normal((self.height, self.width, 3), dtype=np.float32)
        soft: Any = cv2.blur(fine, (2, 2))  # neighbouring pixels share some, as after demosaicing
        return np.asarray((fine + soft) * np.float32(0.756))

    def _state(self, k: int) -> int:
        if not 0 <= k < self.frames:
            raise IndexError(f"frame {k} of {self.frames}")
        at = k // self.repeats
        return at % self.distinct if self.distinct else at

    def _shake(self, k: int) -> tuple[float, float, float]:
        """How far frame ``k`` lies elsewhere, x and y in pixels, and how the light has changed."""
        if not self.unsteady:
            return 0.0, 0.0, 0.0
        rng = np.random.default_rng([0x5A4E, self.seed, k])
        x, y, light = (rng.uniform(-0.5, 0.5, 3) * self.unsteady).tolist()
        return x, y, light

    def _face(self, k: int) -> FaceSpec:
        course, camera, at = _course(self), self.session, self._state(k)
        x, y, _ = self._shake(k)
        yaw, pitch, roll = course.pose[at].tolist()
        return FaceSpec(
            identity=self.identity,
            seed=self.seed,
            yaw=yaw,
            pitch=pitch,
            roll=roll,
            units=tuple(course.units[at].tolist()),
            lopsided=float(course.lopsided[at]),
            gaze=(float(course.gaze[at, 0]), float(course.gaze[at, 1])),
            size_px=float(course.size[at]),
            centre=(float(course.place[at, 0]) + x, float(course.place[at, 1]) + y),
            light=camera.light,
            distance=camera.distance,
            glasses=camera.glasses,
            occluder="hand" if course.hand[at] else "none",
            steady=True,
        )


def plan(
    identity: int,
    seed: int,
    frames: int,
    fps: float = 20.0,
    speed: float = 1.0,
    repeats: int = 1,
    *,
    width: int = 256,
    height: int = 256,
    panel: int = 0,
    distinct: int = 0,
    unsteady: float = 0.0,
) -> SequencePlan:
    """The video of ``identity`` in the session ``seed``; the same arguments, the same bytes.

    Raises ValueError where a number makes no sense; see ``SequencePlan`` for what they mean.
    """
    return SequencePlan(
        identity, seed, frames, fps, speed, repeats, width, height, panel, distinct, unsteady
    )


@lru_cache(maxsize=8)
def _course(sequence: SequencePlan) -> _Course:
    """All that moves."""
    who, seed, camera = sequence.identity, sequence.seed, sequence.session
    times = np.unique(sequence.times)
    drops = dynamics.drop_outs(who, seed, times)
    units, lopsided = dynamics.units_at(who, seed, times)
    head = dynamics.head_at(who, seed, times)
    pose = np.array(camera.pose) + head[:, :3]
    hand = dynamics.away_at(drops, times)[1]
    place = _place(sequence, drops, times)
    edge = np.array([sequence.width, sequence.height]) - 0.5
    outside = ((place < -0.5) | (place > edge)).any(axis=1)
    gaze = dynamics.gaze_at(who, seed, times) - 0.7 * pose[:, :2]
    return _Course(
        units=units,
        lopsided=lopsided,
        pose=pose,
        gaze=np.clip(gaze, -_LIMITS, _LIMITS),
        place=place,
        size=_side(sequence) * (1 + head[:, 5]),
        smear=_smear(sequence, drops, times),
        hand=hand,
        lost=hand | outside,
        gain=1 + 0.012 * dynamics.wander([0xB8EA, seed], times, 1)[:, 0],
    )


def _side(sequence: SequencePlan) -> float:
    """The face's mean size in pixels."""
    return sequence.session.size * min(sequence.width, sequence.height)


def _place(sequence: SequencePlan, drops: list[dynamics.DropOut], times: Floats) -> Floats:
    """(M, 2) the centre of the face at rest, pixels; a face that leaves goes 1.5 pictures away."""
    head = dynamics.head_at(sequence.identity, sequence.seed, times)
    away, _ = dynamics.away_at(drops, times)
    whole = np.array([sequence.width, sequence.height])
    still = np.array(sequence.session.centre) * whole - 0.5
    return np.asarray(still + head[:, 3:5] * _side(sequence) + 1.5 * away * whole)


def _smear(sequence: SequencePlan, drops: list[dynamics.DropOut], times: Floats) -> Floats:
    """(M, 2) pixels that the middle of the face moves while the shutter is open."""
    ends = []
    for instant in (times - _INSTANT, times + _INSTANT):
        turn = np.deg2rad(dynamics.head_at(sequence.identity, sequence.seed, instant)[:, :2])
        nose = 0.45 * _side(sequence) * turn * [1, -1]  # yaw to the right, pitch up
        ends.append(_place(sequence, drops, instant) + nose)
    path = (ends[1] - ends[0]) / (2 * _INSTANT) * sequence.speed * sequence.session.shutter
    length = np.linalg.norm(path, axis=1, keepdims=True)
    return np.asarray(path * np.minimum(1.0, 12.0 / np.maximum(length, 1e-9)))


@lru_cache(maxsize=8)
def _coded(sequence: SequencePlan) -> Codes:
    """(2, T, 18) the codes of the frames: delays and blinks count in the seconds they last."""
    exact, fps, late = sequence.units, sequence.fps, sequence.session.late
    seed = int(np.random.default_rng([0xC0D, sequence.identity, sequence.seed]).integers(2**31))
    rows = [code(exact, fps, seed, coder, panel=sequence.panel) for coder in (0, 1)]
    rows = [np.concatenate([np.repeat(row[:1], late, axis=0), row])[: len(row)] for row in rows]
    return np.stack(rows)
