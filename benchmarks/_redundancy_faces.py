"""Rendered face video with coded action units, as vectors: what DISFA would look like here.

The plan of ``synth --layout disfa`` (one person a video, coders who are late and not quite right),
drawn straight to features. A frame is in if its box touches the picture, as in the layout.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from facecurate import images
from facecurate.encoders import DctEncoder
from facecurate.faces import align, quality
from facecurate.records import AU_NUMBERS
from facecurate.synth.facs import ACTION_UNITS
from facecurate.synth.render import Image
from facecurate.synth.sequences import plan
from facecurate.synth.spec import IDENTITIES
from facecurate.workers import Task, map_tasks

WIDTH, HEIGHT = 240, 192  # pixels of a picture; a face is about half as high
SIDE, CELL, TURNS = 64, 8, 9  # the aligned crop, cells of its gradients, orientations
OFF = 0.02  # standard deviation of the five points' errors, of the distance from eyes to mouth
UNITS = tuple(ACTION_UNITS.index(number) for number in AU_NUMBERS)


@dataclass(frozen=True, slots=True, eq=False)
class Frames:
    """N frames, person after person and in the order of time.

    dct (N, 128), hog (N, 576); labels (N, 12) the first coder's levels of DISFA's units, other
    (N, 12) the second coder's; person, frame (N,) from 0; sharp (N,) percent.
    """

    dct: NDArray[np.float32]
    hog: NDArray[np.float32]
    labels: NDArray[np.float32]
    other: NDArray[np.float32]
    person: NDArray[np.int64]
    frame: NDArray[np.int64]
    sharp: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.person)

    @property
    def keys(self) -> list[str]:
        """(N,) names of the frames."""
        pairs = zip(self.person.tolist(), self.frame.tolist(), strict=True)
        return [f"p{who:03d}_{at:06d}" for who, at in pairs]


def gradients(grey: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(64, 64) luma -> (576,) histograms of oriented gradients in 8 x 8 cells.

    After Dalal and Triggs (CVPR 2005), each cell divided by the length of its neighbourhood.
    """
    smooth = cv2.GaussianBlur(grey.astype(np.float32), (0, 0), 0.7)
    across, down = cv2.Sobel(smooth, cv2.CV_32F, 1, 0), cv2.Sobel(smooth, cv2.CV_32F, 0, 1)
    strength = np.sqrt(across**2 + down**2)
    turn = (np.arctan2(down, across) % np.pi) * (TURNS / np.pi)
    low = np.floor(turn)
    share = turn - low
    planes = np.zeros((SIDE, SIDE, TURNS), np.float32)
    rows, columns = np.indices(grey.shape)
    planes[rows, columns, low.astype(int) % TURNS] += strength * (1 - share)
    planes[rows, columns, (low.astype(int) + 1) % TURNS] += strength * share
    cells = cv2.blur(planes, (CELL, CELL))[CELL // 2 :: CELL, CELL // 2 :: CELL]
    energy = cv2.blur((cells**2).sum(axis=2), (3, 3))
    hog: NDArray[np.float32] = np.minimum(cells / np.sqrt(energy + 1.0)[..., None], 0.4).ravel()
    return hog


def _laid(image: Image, landmarks: NDArray[np.float64], rng: np.random.Generator) -> Image:
    """The face laid on the template by its five points, as inexact as a detector's."""
    points = landmarks.reshape(5, 2)
    height = np.linalg.norm(points[3:].mean(axis=0) - points[:2].mean(axis=0))
    points = points + rng.normal(0, OFF * float(height), (5, 2))
    target = ((align.ARCFACE - [56, 72]) * 1.15 + [56, 62] + 0.5) * SIDE / 112 - 0.5
    matrix = align.similarity(points, target).reshape(2, 3)
    return np.asarray(cv2.warpAffine(image, matrix, (SIDE, SIDE)), np.uint8)


@dataclass(frozen=True, slots=True)
class _Person(Task):
    folder: str
    seed: int
    who: int
    identity: int
    room: int
    frames: int
    fps: float


def _draw(task: _Person, tick: Any) -> None:
    path = Path(task.folder, task.name)
    if path.exists():
        tick(task.frames)
        return
    film = plan(
        task.identity, task.room, task.frames, task.fps,
        width=WIDTH, height=HEIGHT, panel=task.seed,
    )  # fmt: skip
    encoder, rng = DctEncoder(), np.random.default_rng([0x11D, task.seed, task.who])
    coded = film.coded[:, :, UNITS]
    rows: list[tuple[Any, ...]] = []
    for k in range(task.frames):
        image, known = film.draw(k)
        tick(1)
        if not known:
            continue
        image = images.decode(images.encode_jpeg(image, film.quality(k))).pixels
        placed = align.box_matrix(known[0].box, 96)
        square = align.crop(image, *placed)
        grey = images.luma(_laid(image, known[0].landmarks, rng))
        sharp = quality.looks(image, known[0].box).sharpness
        row = encoder.encode([square])[0], gradients(grey), coded[0, k], coded[1, k]
        rows.append((*row, task.who, k, sharp))
    kinds = (*[np.float32] * 4, np.int64, np.int64, np.float32)
    columns = zip(zip(*rows, strict=True), kinds, strict=True)
    names = [field.name for field in fields(Frames)]
    arrays = dict(zip(names, (np.array(v, kind) for v, kind in columns), strict=True))
    partial = path.with_suffix(".partial.npz")
    np.savez(partial, **arrays)
    partial.rename(path)


def draw(
    folder: str, *, people: int, frames: int, fps: float, seed: int, workers: int = 0
) -> Frames:
    """``people`` videos; what ``folder`` holds of them is not drawn again."""
    Path(folder).mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng([0xD15FA, seed])
    everyone = rng.choice(IDENTITIES["train"], people, replace=False)
    rooms = rng.choice(2**31, people, replace=False)
    tasks = [
        _Person(
            f"{seed}-{fps:g}-{frames}-{who:03d}.npz", folder, seed, who,
            int(everyone[who]), int(rooms[who]), frames, fps,
        )
        for who in range(people)
    ]  # fmt: skip
    map_tasks(_draw, tasks, workers=workers, total=people * frames)
    parts = [np.load(Path(folder, task.name), allow_pickle=False) for task in tasks]
    names = [field.name for field in fields(Frames)]
    return Frames(*(np.concatenate([part[name] for part in parts]) for name in names))
