"""What is to be drawn: faces and photos as plain numbers."""

from dataclasses import dataclass, field

import numpy as np

from facecurate.synth.affect import random_expression
from facecurate.synth.facs import REST, Strengths, checked

OCCLUDERS = ("none", "hand", "mask", "cup", "phone", "scarf")
STYLES = ("plain", "second")

# Whoever is drawn for one purpose is never drawn for another.
IDENTITIES: dict[str, range] = {
    "photos": range(0, 10_000_000),
    "train": range(10_000_000, 20_000_000),
    "val": range(20_000_000, 30_000_000),
    "test": range(30_000_000, 40_000_000),
}


@dataclass(frozen=True, slots=True)
class Light:
    """A key light, a weaker one from the other side, one from behind, and the sky.

    Azimuth: degrees, positive = from the image's right; elevation: degrees, positive = from above.
    """

    azimuth: float = 25.0
    elevation: float = 30.0
    key: float = 0.75  # strength of the key light
    fill: float = 0.45  # of the light from everywhere
    warmth: float = 0.0  # -1 bluish key, 1 orange key
    hardness: float = 0.0  # 0 a cloudy sky, 1 a bare bulb: edges and shadows
    rim: float = 0.0  # strength of the light from behind, opposite to the key
    tint: float = 0.0  # -1 green, 1 magenta counter light


@dataclass(frozen=True, slots=True)
class FaceSpec:
    """One face.

    ``identity`` alone decides shape, skin, hair and glasses; ``seed`` names the session: clothes,
    the offset of valence and arousal and, in ``render_face``, background and noise. Angles in
    degrees: yaw > 0 turns the nose to the image's right, pitch > 0 lifts it, roll > 0 turns the
    head clockwise; the head nods first, then turns, then leans. ``units``: intensities 0..5 of
    ``facs.ACTION_UNITS``; ``lopsided`` (-1..1) weakens them on the image's left (> 0) or right. The
    face's box has its centre at ``centre`` (x, y: pixels, a pixel's centre at its integer
    coordinates) and its longer side is ``size_px``. ``occluder``: one of ``OCCLUDERS``, what is
    held before the face, placed by ``seed``.
    """

    identity: int
    seed: int = 0
    yaw: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0
    units: Strengths = REST
    lopsided: float = 0.0
    gaze: tuple[float, float] = (0.0, 0.0)  # degrees: to the image's right, up
    size_px: float = 128.0
    centre: tuple[float, float] = (127.5, 127.5)
    light: Light = field(default_factory=Light)
    distance: float = 16.0  # of the camera, in half face widths (about 7 cm)
    glasses: bool = True  # False takes them off those who wear some
    occluder: str = "none"
    steady: bool = False  # size and centre are those of the face at rest, seen from the front

    def __post_init__(self) -> None:
        if self.size_px <= 0:
            raise ValueError(f"size_px ({self.size_px}) must be positive")
        if self.distance < 5:
            raise ValueError(f"distance ({self.distance}) must be at least 5")
        if self.occluder not in OCCLUDERS:
            raise ValueError(f"no occluder '{self.occluder}': {', '.join(OCCLUDERS)}")
        checked(self.units)


@dataclass(frozen=True, slots=True)
class PhotoSpec:
    """A photo of ``faces`` (drawn smallest first) before a background that ``seed`` decides.

    ``style``: one of ``STYLES``; the second one has other shading, colours, backgrounds and noise.
    """

    width: int
    height: int
    seed: int = 0
    faces: tuple[FaceSpec, ...] = ()
    noise: float = 2.0  # standard deviation of the sensor's noise, grey levels
    blur: float = 0.0  # standard deviation of the lens's blur, pixels
    motion: tuple[float, float] = (0.0, 0.0)  # the camera's way while the shutter is open, pixels
    quality: int | None = None  # of a JPEG that the picture went through before it is ours
    style: str = "plain"

    def __post_init__(self) -> None:
        if self.style not in STYLES:
            raise ValueError(f"no style '{self.style}': {', '.join(STYLES)}")


def random_light(rng: np.random.Generator) -> Light:
    """A light as rooms and streets have it: mostly from above and one side."""
    return Light(
        azimuth=float(rng.uniform(-70, 70)),
        elevation=float(rng.uniform(0, 60)),
        key=float(rng.uniform(0.4, 0.9)),
        fill=float(rng.uniform(0.35, 0.6)),
        warmth=float(rng.uniform(-0.5, 0.7)),
        hardness=float(rng.beta(1.0, 2.0)),
        rim=float(max(0.0, rng.normal(-0.1, 0.35))),
        tint=float(np.clip(rng.normal(0, 0.35), -1, 1)),
    )


def random_spec(
    seed: int,
    identities: range = IDENTITIES["photos"],
    *,
    max_yaw: float = 30.0,
    max_pitch: float = 15.0,
    size_px: float = 128.0,
    centre: tuple[float, float] = (127.5, 127.5),
) -> FaceSpec:
    """A face drawn at random by ``seed`` alone; ``max_yaw`` and ``max_pitch`` in degrees."""
    rng = np.random.default_rng([0xFACE, seed])
    return random_face(
        rng, identities, max_yaw=max_yaw, max_pitch=max_pitch, size_px=size_px, centre=centre
    )


def random_face(
    rng: np.random.Generator,
    identities: range,
    *,
    max_yaw: float,
    max_pitch: float,
    size_px: float,
    centre: tuple[float, float],
    light: Light | None = None,
) -> FaceSpec:
    """A face drawn from ``rng``; ``light`` fixes the light of a room that others stand in too."""
    drawn = random_light(rng)
    return FaceSpec(
        identity=identities[int(rng.integers(len(identities)))],
        seed=int(rng.integers(2**31)),
        yaw=float(rng.uniform(-max_yaw, max_yaw)),
        pitch=float(rng.uniform(-max_pitch, max_pitch)),
        roll=float(np.clip(rng.normal(0, 7), -20, 20)),
        units=random_expression(rng),
        lopsided=float(np.clip(rng.normal(0, 0.2), -0.6, 0.6)),
        gaze=(float(np.clip(rng.normal(0, 9), -25, 25)), float(np.clip(rng.normal(0, 5), -15, 15))),
        size_px=size_px,
        centre=centre,
        light=light or drawn,
        distance=float(rng.uniform(9, 28)),
        glasses=bool(rng.uniform() < 0.8),
    )
