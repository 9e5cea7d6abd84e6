"""The room, the light and the camera of a video, which tell nothing about who is in it."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from facecurate.synth.spec import Light, random_light


@dataclass(frozen=True, slots=True)
class Session:
    """Room, light and camera: what stays while one video is taken, whoever is in it.

    ``pose``: mean yaw, pitch and roll in degrees; ``size`` and ``centre`` of the face as shares of
    the picture; ``shutter``: seconds; ``quality``: of the codec, as a JPEG's; ``late``: frames by
    which the labels lag behind the picture, beyond the coders' own delay; ``glasses``: False takes
    them off those who have some.
    """

    room: int
    light: Light
    distance: float
    size: float
    centre: tuple[float, float]
    pose: tuple[float, float, float]
    noise: float
    blur: float
    shutter: float
    quality: int
    late: int
    glasses: bool


@lru_cache(maxsize=256)
def session(seed: int) -> Session:
    """The session that ``seed`` names."""
    rng = np.random.default_rng([0x5E55, seed])
    pose = np.clip(rng.standard_normal(3) * [6.0, 4.0, 2.5], -12, 12)
    return Session(
        room=int(rng.integers(2**31)),
        light=random_light(rng),
        distance=float(rng.uniform(10, 24)),
        size=float(rng.uniform(0.40, 0.52)),
        centre=(float(rng.uniform(0.45, 0.55)), float(rng.uniform(0.46, 0.54))),
        pose=(float(pose[0]), float(pose[1]), float(pose[2])),
        noise=float(rng.uniform(1.0, 3.5)),
        blur=float(rng.choice([0.0, rng.uniform(0.3, 0.8)])),
        shutter=float(rng.uniform(1 / 120, 1 / 40)),
        quality=int(rng.integers(70, 90)),
        late=int(rng.integers(3)),
        glasses=bool(rng.uniform() < 0.8),
    )
