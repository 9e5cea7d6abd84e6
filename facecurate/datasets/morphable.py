"""Faces as parameters of a linear 3D model: the ``.mat`` files of 300W-LP and AFLW2000-3D.

A file holds one face of a 450x450 picture. With S and E the bases of a model's shape and
expression, its vertices (x to the image's right, **y up**, z towards the camera, pixels) are

    V = scale * R * (mean + S * Shape_Para + E * Exp_Para) + t,    projected along z.

``Shape_Para`` (199) and ``Exp_Para`` (29) multiply the bases as they are, without eigenvalues.
``Pose_Para`` (7) is pitch, yaw, roll in radians, tx, ty, tz in pixels and the scale; R is
``owners_rotation``. In the picture, whose rows point down, x = V_x and y = H + 1 - V_y: that is
MATLAB's count from 1, and the points in the files agree with it. Python code that draws V uses
y = H - 1 - V_y, two pixels higher; ``in_picture`` has both.

The owners' bases are the Basel Face Model 2009 (personal licence) and 3DDFA's expressions (Zhu et
al., "Face alignment across large poses", 2016): neither is here. ``LinearModel`` also holds the
small model that rendered copies bring in ``Code/rendered_model.npz``: it is made from our own
renderer's head and is **not** the Basel Face Model, only of its form.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from facecurate import storage
from facecurate.datasets.matfiles import Key
from facecurate.errors import DamagedError
from facecurate.text import printable

SIDE = 450  # pixels of the square pictures
MODEL_FILE = "rendered_model.npz"

Floats = NDArray[np.float64]


PARAMETERS = {
    "Pose_Para": Key((1, 7), "single"),
    "Shape_Para": Key((199, 1), "double"),
    "Exp_Para": Key((29, 1), "double"),
    "Tex_Para": Key((199, 1), "double"),
    "Illum_Para": Key((1, 10), "double"),
    "Color_Para": Key((1, 7), "single"),
    "roi": Key((1, 4), "int16"),  # x1 y1 x2 y2 in the picture that the 450 pixels were cut from
}


# -- pose ------------------------------------------------------------------------------------

_DOWN = np.diag([1.0, -1.0, 1.0])  # between y up, the owners', and y down, ours


def owners_rotation(pitch: float, yaw: float, roll: float) -> Floats:
    """(3, 3) R of the owners' angles in radians: it leans first, then turns, then nods.

    Frame: x to the image's right, y up, z towards the camera. The sines' signs are opposite to
    those of the usual right-handed matrices; yaw > 0 turns the nose to the image's left.
    """
    (a, b, c), (p, q, r) = np.cos([pitch, yaw, roll]), np.sin([pitch, yaw, roll])
    nod = np.array([[1, 0, 0], [0, a, p], [0, -p, a]])
    turn = np.array([[b, 0, -q], [0, 1, 0], [q, 0, b]])
    lean = np.array([[c, r, 0], [-r, c, 0], [0, 0, 1]])
    return np.asarray(nod @ turn @ lean)


def owners_angles(turn: ArrayLike) -> Floats:
    """(3,) pitch, yaw, roll in radians whose ``owners_rotation`` is ``turn``; |yaw| <= 90 deg."""
    m = np.asarray(turn, np.float64)
    pitch, roll = np.arctan2(m[1, 2], m[2, 2]), np.arctan2(m[0, 1], m[0, 0])
    return np.array([pitch, -np.arcsin(np.clip(m[0, 2], -1.0, 1.0)), roll])


def label_pose(pose_para: ArrayLike) -> list[float]:
    """Our yaw, pitch, roll in degrees of a ``Pose_Para``, by way of its rotation matrix.

    Ours: yaw > 0 turns the nose to the image's right, pitch > 0 lifts it, roll > 0 turns the head
    clockwise; the head nods first, then turns, then leans. So more than the signs differ as soon
    as two angles are large, and published head-pose errors, which compare the owners' angles,
    need ``owners_pose`` of a prediction.
    """
    m = _DOWN @ owners_rotation(*np.asarray(pose_para, np.float64).ravel()[:3].tolist()) @ _DOWN
    yaw = -np.arcsin(np.clip(m[2, 0], -1.0, 1.0))
    pitch, roll = np.arctan2(m[2, 1], m[2, 2]), np.arctan2(m[1, 0], m[0, 0])
    return [float(v) for v in np.rad2deg([yaw, pitch, roll])]


def owners_pose(yaw: float, pitch: float, roll: float) -> Floats:
    """(3,) the owners' pitch, yaw, roll in radians of our angles in degrees."""
    (a, b, c), (p, q, r) = (f(np.deg2rad([yaw, pitch, roll])) for f in (np.cos, np.sin))
    nod = np.array([[1, 0, 0], [0, b, -q], [0, q, b]])
    turn = np.array([[a, 0, p], [0, 1, 0], [-p, 0, a]])
    lean = np.array([[c, -r, 0], [r, c, 0], [0, 0, 1]])
    return owners_angles(_DOWN @ lean @ turn @ nod @ _DOWN)


def beyond(pose_para: ArrayLike, limit: float) -> bool:
    """Whether an angle of ``Pose_Para``, as it stands there, is more than ``limit`` degrees."""
    angles = np.rad2deg(np.asarray(pose_para, np.float64).ravel()[:3])
    return bool((np.abs(angles) > limit).any())


# -- model -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class LinearModel:
    """A mean head and its bases, y up, z towards the camera, in the model's own unit.

    ``mean``: (V, 3); ``shape``: (V, 3, 199); ``exp``: (V, 3, 29); ``keypoints``: (68,) vertices
    that are iBUG's points and ``tri``: (T, 3) triangles, both counted from 0.
    """

    mean: NDArray[np.float32]
    shape: NDArray[np.float32]
    exp: NDArray[np.float32]
    keypoints: NDArray[np.int32]
    tri: NDArray[np.int32]

    def head(self, values: Mapping[str, ArrayLike]) -> Floats:
        """(V, 3) the upright head of ``Shape_Para`` and ``Exp_Para``."""
        shape, exp = (np.asarray(values[k], np.float64).ravel() for k in ("Shape_Para", "Exp_Para"))
        return np.asarray(self.mean + self.shape @ shape + self.exp @ exp)

    def vertices(self, values: Mapping[str, ArrayLike]) -> Floats:
        """(V, 3) the posed head V of a file's parameters, y up; see ``in_picture``."""
        pose = np.asarray(values["Pose_Para"], np.float64).ravel()
        turn = owners_rotation(*pose[:3].tolist())
        return np.asarray(pose[6] * self.head(values) @ turn.T + pose[3:6])


_MODEL = ("mean", "shape", "exp", "keypoints", "tri")


def in_picture(
    vertices: ArrayLike, height: int = SIDE, rows: Literal["from 1", "from 0"] = "from 1"
) -> Floats:
    """(V, 3) x, y down, z of posed vertices: y = H + 1 - V_y, or H - 1 - V_y for rows from 0."""
    v = np.asarray(vertices, np.float64)
    edge = height + 1.0 if rows == "from 1" else height - 1.0
    return v * [1.0, -1.0, 1.0] + [0.0, edge, 0.0]


def fit_pose(head: ArrayLike, picture: ArrayLike, height: int = SIDE) -> Floats:
    """(7,) the ``Pose_Para`` that best moves a head (N, 3) onto points (N, 3) of a picture.

    Least squares in x, y (down, as in the files) and z over rotation, scale and shift (Umeyama,
    1991).
    """
    source, target = np.asarray(head, np.float64), in_picture(picture, height)  # its own inverse
    a, b = source - source.mean(axis=0), target - target.mean(axis=0)
    u, sizes, v = np.linalg.svd(b.T @ a)
    signs = np.array([1.0, 1.0, np.sign(np.linalg.det(u @ v))])
    turn = (u * signs) @ v
    scale = float(sizes @ signs / (a * a).sum())
    shift = target.mean(axis=0) - scale * turn @ source.mean(axis=0)
    return np.array([*owners_angles(turn), *shift, scale])


def write_model(url: str, model: LinearModel) -> None:
    """Writes a model as a compressed ``.npz`` of its fields."""
    file = storage.buffer()
    np.savez_compressed(file, **{name: getattr(model, name) for name in _MODEL})
    storage.write_atomic(url, file.getvalue())


def read_model(url: str) -> LinearModel:
    """Reads what :func:`write_model` wrote. Raises DamagedError naming the file."""
    try:
        with np.load(storage.buffer(storage.read(url)), allow_pickle=False) as found:
            parts = [found[name] for name in _MODEL]
    except FileNotFoundError as error:
        raise DamagedError(f"{url} is missing: only rendered copies have one") from error
    except Exception as error:  # NumPy and zipfile raise what they like on bad bytes
        raise DamagedError(f"{url} is no model: {printable(error, 80)}") from error
    count = len(parts[0])
    if not _fits([part.shape for part in parts], count):
        raise DamagedError(f"{url} is no model: its arrays do not fit each other")
    if any(ids.min(initial=0) < 0 or ids.max(initial=0) >= count for ids in parts[3:]):
        raise DamagedError(f"{url} is no model: it names vertices that it does not have")
    return LinearModel(*parts)


def _fits(shapes: Sequence[tuple[int, ...]], count: int) -> bool:
    wanted = [(count, 3), (count, 3, 199), (count, 3, 29), (68,)]
    return list(shapes[:4]) == wanted and shapes[4][1:] == (3,)
