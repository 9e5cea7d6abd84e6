"""Specs to pictures with exact labels."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facecurate.synth import figure, folds, glasses, occluders, paint, points, raster, scene
from facecurate.synth.background import background
from facecurate.synth.develop import develop, expose, over
from facecurate.synth.labels import FaceLabels, covered, labels_of
from facecurate.synth.light import lights_of
from facecurate.synth.look import Layer, Look, Window, draw, surface
from facecurate.synth.person import Person, person
from facecurate.synth.scene import Scene
from facecurate.synth.spec import FaceSpec, PhotoSpec
from facecurate.synth.style import PLAIN, STYLES, Style
from facecurate.synth.template import Floats

Image = NDArray[np.uint8]
_ALL = slice(None)
_BESIDE = ((-1.5, 0.0), (1.5, 0.0), (0.0, -1.5), (0.0, 1.5))  # pixels
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
    style = STYLES[photo.style]
    canvas = expose(background(photo.width, photo.height, photo.seed, style=style.background))
    labels: dict[int, FaceLabels] = {}
    for index in sorted(range(len(photo.faces)), key=lambda i: photo.faces[i].size_px):
        spec = photo.faces[index]
        layer, where, mine = _figure(spec, style, photo.width, photo.height)
        labels = _lay(canvas, labels, layer, where)
        labels[index] = mine
        if spec.occluder != "none":
            labels = _lay(canvas, labels, *_held(spec, style, mine, photo.width, photo.height))
    return develop(canvas, photo), [labels[index] for index in range(len(photo.faces))]


def _lay(
    canvas: Layer, labels: dict[int, FaceLabels], layer: Layer, where: Window
) -> dict[int, FaceLabels]:
    """Lays a layer over the canvas, in place; the labels of the faces it may cover."""
    lay: Any = over
    lay(canvas, layer, where[0].start, where[1].start)
    return {index: _behind(known, layer, where) for index, known in labels.items()}


def _figure(
    spec: FaceSpec, style: Style, width: int, height: int
) -> tuple[Layer, Window, FaceLabels]:
    """The lit figure, its window of the picture and its labels."""
    who = person(spec.identity)
    built = scene.build(who, spec)
    where = window(built, width, height)
    layer, seen = draw(built, where, look_of(who, spec, style))
    if built.lenses is not None:
        rng = np.random.default_rng([0x61A5, spec.seed])
        rims = built.lenses - [where[1].start, where[0].start]
        glasses.glare(layer, rims, float(rng.uniform() ** 2), float(rng.uniform(-1, 1)))
    return layer, where, _labels(built, seen, where, spec, width, height)


def _held(
    spec: FaceSpec, style: Style, labels: FaceLabels, width: int, height: int
) -> tuple[Layer, Window]:
    """What is held before the face, in the same light."""
    who = person(spec.identity)
    lamps = look_of(who, spec, style).lamps
    return occluders.draw(
        spec.occluder, labels.box, spec.seed, who.skin, (width, height),
        labels.points["68-3d"][:, :2], lamps.rows.astype(np.float64), lamps.sky.astype(np.float64),
    )  # fmt: skip


def window(built: Scene, width: int, height: int) -> Window:
    """The part of a (height, width) picture that the figure can touch."""
    low = np.floor(built.screen[:, :2].min(axis=0)).astype(int)
    high = np.ceil(built.screen[:, :2].max(axis=0)).astype(int) + 1
    x0, y0 = (int(v) for v in np.clip(low, 0, [width, height]))
    x1, y1 = (int(v) for v in np.clip(high, [x0, y0], [width, height]))
    return slice(y0, y1), slice(x0, x1)


def look_of(who: Person, spec: FaceSpec, style: Style = PLAIN) -> Look:
    """Skin, clothes and light of one face; the camera meters the face."""
    luma = float((who.skin / 255.0) ** 2 @ [0.30, 0.59, 0.11])
    frame, lens = _eyewear(who)
    rng = np.random.default_rng([0xC107, spec.seed])
    cloth = np.clip(rng.uniform(0.02, 0.9) * (1 + rng.normal(0, 0.5, 3)), 0.01, 1.2)
    skin = surface(gloss=0.07 * style.shine, skin=True)
    hair, shirt = surface(gloss=0.08 * style.shine, leaf=True), surface(cloth.tolist(), leaf=True)
    return Look(
        texture=folds.fold(paint.atlas(spec.identity), who, spec.units, spec.lopsided),
        surfaces=np.array([skin, skin, hair, shirt, frame, lens], np.float32),  # figure's materials
        casts=np.array([True, True, True, False, True, True]),
        lamps=lights_of(spec.light, style).dimmed((0.35 / luma) ** 0.45),
        iris=np.array([*((who.iris / 255.0) ** 2), 0.082, 0.034], np.float32),
        style=style,
    )


def _eyewear(who: Person) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """The surfaces of frames and of dark lenses; they share the tile of clothes."""
    tile = (200.0 / 255.0) ** 2
    if who.glasses is None:
        return surface(), surface()
    colour = who.glasses.colour
    frame, lens = (
        tuple(float(c) for c in (shade / 255.0) ** 2 / tile)
        for shade in (colour, np.minimum(0.35 * colour + 12, 60))
    )
    return surface(frame[:3], 0.3, leaf=True), surface(lens[:3], 0.12, leaf=True)  # type: ignore[arg-type]


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
    """(P,) points that nothing of the same figure covers by more than ``_HIDDEN``.

    A point on the outline is seen edge-on: what lies beside it counts as much as what lies on it.
    """
    nearest, behind_glass = _depths(built, seen, where)
    own = 1.0 / built.points[:, 2]
    edge = np.flatnonzero(built.towards == 0.0)
    for dx, dy in _BESIDE:
        there, _ = _depths(built, seen, where, edge, (dx, dy))
        nearest[edge] = np.maximum(nearest[edge], there)
    clear = own - nearest <= _HIDDEN
    return np.asarray(clear & ~behind_glass & (built.towards > -0.35))


def _depths(
    built: Scene,
    seen: NDArray[np.int32],
    where: Window,
    which: NDArray[np.intp] | slice = _ALL,
    aside: tuple[float, float] = (0.0, 0.0),
) -> tuple[Floats, NDArray[np.bool_]]:
    """Depth of the triangle seen at each point, and whether it is part of a dark lens.

    ``which``: only these points; ``aside``: as many pixels beside them.
    """
    origin = np.array([where[1].start, where[0].start]) - aside
    cell = np.rint((built.points[which, :2] + 0.5 - origin) * raster.SAMPLES - 0.5).astype(int)
    height, width = seen.shape
    held = ((cell >= 0) & (cell < [width, height])).all(axis=1)
    out, glass = np.full(len(cell), np.inf), np.zeros(len(cell), bool)
    if seen.size:
        at = seen[cell[held, 1], cell[held, 0]]
        depth = 1.0 / built.screen[built.faces[np.maximum(at, 0)], 2]
        out[held] = np.where(at >= 0, depth.mean(axis=1), np.inf)
        glass[held] = (at >= 0) & (built.materials[np.maximum(at, 0)] == figure.LENS)
    return out, glass


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
