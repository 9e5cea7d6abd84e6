"""Specs to pictures with exact labels."""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from facecurate.synth import paint, points, raster, scene
from facecurate.synth.background import background
from facecurate.synth.labels import FaceLabels, covered, labels_of
from facecurate.synth.person import Person, person
from facecurate.synth.scene import Scene
from facecurate.synth.spec import FaceSpec, Light, PhotoSpec
from facecurate.synth.template import Floats

Image = NDArray[np.uint8]
Layer = NDArray[np.float32]
Window = tuple[slice, slice]
_HIDDEN = 0.10  # units of the head by which a point may lie behind what is seen in front of it


@dataclass(frozen=True, slots=True)
class Rendered:
    """A picture (H, W, 3) uint8 RGB and the labels of its one face."""

    image: Image
    labels: FaceLabels


def render_face(spec: FaceSpec, size: int) -> Rendered:
    """One face on a square picture of side ``size``; the same spec gives the same bytes."""
    photo = PhotoSpec(size, size, spec.seed, (spec,))
    image, labels = render_photo(photo)
    return Rendered(image, labels[0])


def render_photo(photo: PhotoSpec) -> tuple[Image, list[FaceLabels]]:
    """A photo and the labels of its faces, in the order of ``photo.faces``.

    Smaller faces stand further back; what a nearer figure covers is labelled as not visible.
    """
    back = background(photo.width, photo.height, photo.seed)
    canvas = (back.astype(np.float32) / 255.0) ** 2
    labels: list[FaceLabels | None] = [None] * len(photo.faces)
    for index in sorted(range(len(photo.faces)), key=lambda i: photo.faces[i].size_px):
        spec = photo.faces[index]
        layer, where, mine = _figure(spec, photo.width, photo.height)
        for other, known in enumerate(labels):
            if known is not None:
                labels[other] = _behind(known, layer, where)
        cover = layer[:, :, 3:]
        window = canvas[where]
        window *= 1 - cover
        window += layer[:, :, :3]
        labels[index] = mine
    return _develop(canvas, photo), [known for known in labels if known is not None]


def _develop(canvas: Layer, photo: PhotoSpec) -> Image:
    """Linear light -> sRGB-like grey levels, with the lens's blur and the sensor's noise."""
    grey: Any = np.sqrt(np.clip(canvas, 0.0, 1.0)) * 255.0
    if photo.blur > 0:
        grey = cv2.GaussianBlur(grey, (0, 0), photo.blur)
    if photo.noise > 0:
        rng = np.random.default_rng([0x0153, photo.seed])
        grey += rng.standard_normal(grey.shape, dtype=np.float32) * np.float32(photo.noise)
    return np.asarray(np.clip(np.rint(grey), 0, 255), np.uint8)


def _figure(spec: FaceSpec, width: int, height: int) -> tuple[Layer, Window, FaceLabels]:
    """The lit figure, its window of the picture and its labels."""
    who = person(spec.identity)
    built = scene.build(who, spec)
    where = window(built, width, height)
    layer, seen = draw(built, where, look_of(who, spec))
    return layer, where, _labels(built, seen, where, spec, width, height)


def window(built: Scene, width: int, height: int) -> Window:
    """The part of a (height, width) picture that the figure can touch."""
    low = np.floor(built.screen[:, :2].min(axis=0)).astype(int)
    high = np.ceil(built.screen[:, :2].max(axis=0)).astype(int) + 1
    x0, y0 = (int(v) for v in np.clip(low, 0, [width, height]))
    x1, y1 = (int(v) for v in np.clip(high, [x0, y0], [width, height]))
    return slice(y0, y1), slice(x0, x1)


def _to_samples(built: Scene, where: Window) -> Layer:
    """(N, 3) the vertices in the frame of the window's sub-pixels."""
    rows, columns = where
    screen = built.screen.copy()
    screen[:, :2] = (screen[:, :2] + 0.5 - [columns.start, rows.start]) * raster.SAMPLES - 0.5
    return np.ascontiguousarray(screen, np.float32)


def lights_of(light: Light) -> tuple[Layer, Layer]:
    """(L, 6) directions and linear colours of the lights, (2, 3) light from above and below."""
    a, e = np.deg2rad([light.azimuth, light.elevation])
    key = np.array([np.sin(a) * np.cos(e), -np.sin(e), np.cos(a) * np.cos(e)])
    warm = np.array([1 + 0.12 * light.warmth, 1.0, 1 - 0.18 * light.warmth])
    counter = np.array([-key[0], -0.2, 0.55])
    counter /= np.linalg.norm(counter)
    rows = [[*key, *(light.key * warm)], [*counter, *(0.18 * light.key / warm)]]
    sky = np.stack([light.fill / warm, 0.45 * light.fill * warm])
    return np.array(rows, np.float32), sky.astype(np.float32)


@dataclass(frozen=True, slots=True)
class Look:
    """How a figure's surface answers light; colours are linear, 0..1.

    ``texture``: the atlas of ``paint``; ``tints``: (4, 3) factors by material; ``gloss``: (4,);
    ``lights`` and ``sky`` as :func:`lights_of` gives them; ``iris``: (5,) colour and two radii.
    """

    texture: Image
    tints: Layer
    gloss: Layer
    lights: Layer
    sky: Layer
    iris: Layer


def look_of(who: Person, spec: FaceSpec) -> Look:
    """Skin, clothes and light of one face; the camera meters the face."""
    lights, sky = lights_of(spec.light)
    luma = float((who.skin / 255.0) ** 2 @ [0.30, 0.59, 0.11])
    exposure = np.float32((0.35 / luma) ** 0.22)
    lights[:, 3:] *= exposure
    shine = 0.08 + 0.4 * max(0.0, 0.3 - luma)
    rng = np.random.default_rng([0xC107, spec.seed])
    cloth = np.clip(rng.uniform(0.02, 0.9) * (1 + rng.normal(0, 0.5, 3)), 0.01, 1.2)
    return Look(
        texture=paint.atlas(spec.identity),
        tints=np.array([[1, 1, 1], [1, 1, 1], [1, 1, 1], cloth], np.float32),
        gloss=np.array([shine, shine, 0.08, 0.0], np.float32),
        lights=lights,
        sky=sky * exposure,
        iris=np.array([*((who.iris / 255.0) ** 2), 0.082, 0.034], np.float32),
    )


def draw(built: Scene, where: Window, look: Look) -> tuple[Layer, NDArray[np.int32]]:
    """The figure in a window of the picture: (h, w, 4) light times coverage and coverage.

    Also the triangle seen at each of the window's sub-pixels, -1 for none.
    """
    screen = _to_samples(built, where)
    rows, columns = where
    height, width = rows.stop - rows.start, columns.stop - columns.start
    samples = raster.SAMPLES
    shader: Any = raster.shade
    seen: Any = raster.visible(screen, built.faces, height * samples, width * samples)
    normals, uv, own, eyes = (
        np.ascontiguousarray(a, np.float32)
        for a in (built.normals, built.uv, built.own, built.eyes)
    )
    layer = shader(
        seen, screen, built.faces, built.materials, normals, uv, own, look.texture, look.tints,
        look.gloss, look.lights, look.sky, eyes, look.iris,
    )  # fmt: skip
    return layer, seen


def _labels(
    built: Scene,
    seen: NDArray[np.int32],
    where: Window,
    spec: FaceSpec,
    width: int,
    height: int,
) -> FaceLabels:
    clear = _unhidden(built, seen, where) & _inside(built.points[:, :2], width, height)
    spots = np.split(scene.in_pixels(built.points, built.scale, built.distance), points.ENDS[:-1])
    shown = dict(zip(points.SETS, np.split(clear, points.ENDS[:-1]), strict=True))
    for name, pair in points.PUPILS.items():
        shown[name][list(pair)] &= built.open_eyes
    marks = dict(zip(points.SETS, spots, strict=True))
    return labels_of(spec, built.box, marks, shown, built.vertices, built.focal)


def _inside(places: Floats, width: int, height: int) -> NDArray[np.bool_]:
    return np.asarray(((places >= -0.5) & (places < [width - 0.5, height - 0.5])).all(axis=1))


def _unhidden(built: Scene, seen: NDArray[np.int32], where: Window) -> NDArray[np.bool_]:
    """(P,) points that nothing of the same figure covers by more than ``_HIDDEN``."""
    nearest = _depths(built, seen, where)
    own = 1.0 / built.points[:, 2]
    clear = own - nearest <= _HIDDEN
    return np.asarray(clear & (built.towards > -0.35))


def _depths(built: Scene, seen: NDArray[np.int32], where: Window) -> Floats:
    """(P,) depth of the vertex nearest to the camera of the triangle seen at each point."""
    origin = np.array([where[1].start, where[0].start])
    cell = np.rint((built.points[:, :2] + 0.5 - origin) * raster.SAMPLES - 0.5).astype(int)
    height, width = seen.shape
    held = ((cell >= 0) & (cell < [width, height])).all(axis=1)
    out = np.full(len(cell), np.inf)
    if seen.size:
        at = seen[cell[held, 1], cell[held, 0]]
        depth = 1.0 / built.screen[built.faces[np.maximum(at, 0)], 2]
        out[held] = np.where(at >= 0, depth.mean(axis=1), np.inf)
    return out


def _behind(labels: FaceLabels, layer: Layer, where: Window) -> FaceLabels:
    """The labels after ``layer`` was drawn in front in a window."""
    height, width = layer.shape[:2]

    def hides(places: Floats) -> NDArray[np.bool_]:
        cell = np.rint(places).astype(int) - [where[1].start, where[0].start]
        held = ((cell >= 0) & (cell < [width, height])).all(axis=1)
        out = np.zeros(len(cell), bool)
        out[held] = layer[cell[held, 1], cell[held, 0], 3] > 0.5
        return out

    return covered(labels, hides)
