"""What is held or worn before a face: a hand, a mask, a cup, a phone, a scarf; never another face.

Everything is drawn in the picture's plane with normals of its own, so that the face's light falls
on it. Lengths are in the head's unit (about 7 cm) and places follow the face's points.
"""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from facecurate.synth import template as head
from facecurate.synth.canvas import Sheet, Singles, Window, rounded
from facecurate.synth.template import Floats, smooth

Box = tuple[float, float, float, float]

_LAMPS = np.array([[0.35, -0.5, 0.79, 0.75, 0.75, 0.75]], np.float32)
_SKY = np.array([[0.45] * 3, [0.2] * 3], np.float32)
_REACH = 3.2  # units round the face's middle in which something is drawn
_CHEEKS = ((2, 3), (13, 14))  # points at the image's left and right
_WHITE, _BLUE, _BLACK = np.array([[226, 230, 232], [150, 190, 214], [36, 36, 40]]) / 255.0


@dataclass(frozen=True, slots=True)
class Place:
    """The face in the picture.

    ``points``: (68, 2) pixels; ``unit``: pixels of one head's unit; ``right``, ``down``: (2,) the
    directions in the picture that are the face's.
    """

    points: Floats
    unit: float
    right: Floats
    down: Floats

    def at(self, origin: Floats, x: float, y: float) -> Floats:
        """The pixel ``x`` units to the right of and ``y`` below ``origin``, as the face leans."""
        return np.asarray(origin + self.unit * (x * self.right + y * self.down))

    def leaning(self, angle: float) -> tuple[Floats, Floats]:
        """The directions right and down of a thing that leans by ``angle`` (radians)."""
        down = np.cos(angle) * self.down + np.sin(angle) * self.right
        return np.array([down[1], -down[0]]), down


Draw = Callable[[Sheet, Place, np.random.Generator, Floats], None]


def _cloth(rng: np.random.Generator) -> Floats:
    """A linear colour of cloth, china or plastic."""
    return np.clip(rng.uniform(0.03, 0.75) * (1 + rng.normal(0, 0.45, 3)), 0.01, 0.95)


def _off(x: Singles, y: Singles, middle: Floats, way: Floats, unit: float) -> Floats:
    """(h, w) how far pixels lie from ``middle`` along ``way`` (unit vector), in ``unit`` pixels."""
    return np.asarray(((x - middle[0]) * way[0] + (y - middle[1]) * way[1]) / unit)


def _near_side(place: Place, rng: np.random.Generator) -> float:
    """-1 the image's left, 1 its right: either one of a frontal face, else the one that is seen."""
    p = place.points
    left, right = (abs(float((p[30] - p[[a, b]].mean(axis=0)) @ place.right)) for a, b in _CHEEKS)
    drawn = float(rng.choice([-1, 1]))
    return drawn if max(left, right) < 2.2 * min(left, right) else float(np.sign(right - left))


def _turned(way: Floats, angle: float) -> Floats:
    c, s = np.cos(angle), np.sin(angle)
    return np.array([c * way[0] - s * way[1], s * way[0] + c * way[1]])


def _finger(
    sheet: Sheet, knuckle: Floats, way: Floats, bend: float, size: float, skin: Floats
) -> None:
    """A finger of ``size`` pixels from its knuckle along ``way``, bent by ``bend`` radians."""
    radius, at = 0.125 * size, knuckle
    for share, width in ((0.42, 1.0), (0.32, 0.92), (0.26, 0.84)):
        way = _turned(way, bend)
        end = at + share * size * way
        sheet.bar(at, end, (radius * width, radius * width * 0.93), skin)
        at = end
    nail = at - 0.03 * size * way
    sheet.bar(nail, nail + 0.06 * size * way, (0.06 * size, 0.05 * size), skin * 0.85 + 0.06)


def _fingers(
    sheet: Sheet, first: Floats, step: Floats, way: Floats, size: float, skin: Floats,
    rng: np.random.Generator,
) -> None:  # fmt: skip
    """Four fingers beside each other, their knuckles ``step`` pixels apart."""
    lengths, bend = (0.92, 1.06, 1.0, 0.78), float(rng.uniform(-0.2, 0.2))
    for k in (0, 3, 1, 2):
        shade = skin * float(rng.uniform(0.92, 1.04))
        spread = _turned(way, 0.06 * (1.5 - k))
        _finger(sheet, first + k * step, spread, bend, lengths[k] * size, shade)


def _hand(sheet: Sheet, place: Place, rng: np.random.Generator, skin: Floats) -> None:
    """The back of a hand over the mouth or a cheek, the arm from below."""
    p, u, side = place.points, place.unit, _near_side(place, rng)
    over_mouth = rng.uniform() < 0.55
    lean = rng.uniform(0.7, 1.25) if over_mouth else rng.uniform(0.1, 0.5)
    target = p[[48, 54, 51, 57]].mean(axis=0)
    if not over_mouth:
        target = place.at(p[48 if side < 0 else 54], 0.18 * side, -0.3)
    way = -side * np.sin(lean) * place.right - np.cos(lean) * place.down
    across = np.array([-way[1], way[0]])
    knuckles = target - (0.15 if over_mouth else 0.35) * u * way
    wrist, skin = knuckles - 1.15 * u * way, skin * float(rng.uniform(0.85, 1.05))
    elbow = wrist + 2.6 * u * (0.8 * place.down - 0.45 * way)
    sheet.bar(elbow, wrist, (0.5 * u, 0.36 * u), skin * 0.95)
    thumb = wrist + 0.35 * u * (way + side * across)
    _finger(sheet, thumb, way * 0.8 + 0.6 * side * across, -0.3 * side, 0.95 * u, skin * 0.95)
    sheet.bar(wrist, knuckles - 0.1 * u * way, (0.4 * u, 0.52 * u), skin)
    first, step = knuckles - 0.42 * u * across, 0.28 * u * across
    _fingers(sheet, first, step, way, 1.08 * u, skin, rng)
    if rng.uniform() < 0.6:
        sheet.bar(elbow, wrist - 0.35 * u * way, (0.62 * u, 0.5 * u), _cloth(rng))


def _mask(sheet: Sheet, place: Place, rng: np.random.Generator, _: Floats) -> None:
    """A mask from the nose's bridge to under the chin, its bands to the ears."""
    p, u = place.points, place.unit
    top = p[28] + (p[29] - p[28]) * float(rng.uniform(0.0, 0.9))
    chin = place.at(p[8], 0.0, float(rng.uniform(0.03, 0.12)))
    rim = np.concatenate([p[2:8], [chin], p[9:15], [top], p[[30, 31, 35]]])
    middle = p[[33, 51, 57]].mean(axis=0)
    hull = cv2.convexHull((middle + 1.03 * (rim - middle)).astype(np.float32))[:, 0]
    kind = int(rng.choice(4, p=[0.3, 0.3, 0.2, 0.2]))
    colour = (_WHITE**2, _BLUE**2, _BLACK**2, _cloth(rng))[kind]
    for ear, corner in ((0, 3), (16, 13), (1, 4), (15, 12)):
        sheet.bar(p[corner], place.at(p[ear], 0.0, -0.08), (0.018 * u, 0.018 * u), colour)
    where, x, y, cover = sheet.polygon(hull.astype(np.float64))
    if not cover.size:
        return
    across, below = (_off(x, y, middle, way, u) for way in (place.right, place.down))
    seams = np.mod(below * 3.2 + 0.2, 1.0) - 0.5 if kind < 3 else across * 4.0
    dark = 1.0 - 0.2 * np.exp(-(seams**2) / 0.006)
    dark *= 1.0 - 0.2 * (cv2.GaussianBlur(cover, (0, 0), 0.05 * u + 0.5) < 0.75)
    width = max(0.5 * float(np.linalg.norm(p[14] - p[2])) / u, 0.4)
    slopes = np.clip(0.75 * across / width, -0.9, 0.9)[:, :, None] * place.right
    slopes = slopes + np.clip(0.56 * below, -0.6, 0.6)[:, :, None] * place.down
    sheet.lay(where, cover, colour * dark[:, :, None], slopes)


def _cup(sheet: Sheet, place: Place, rng: np.random.Generator, skin: Floats) -> None:
    """A cup or glass at the lips with the fingers that hold it."""
    u, side = place.unit, float(rng.choice([-1, 1]))
    right, down = place.leaning(float(rng.uniform(-0.3, 0.3)))
    tall, wide, narrow = rng.uniform([1.0, 0.42, 0.65], [1.5, 0.58, 1.0])
    rim = place.points[[51, 62]].mean(axis=0) + u * float(rng.uniform(-0.12, 0.06)) * down
    turn = np.linspace(0, np.pi, 13)[:, None]
    lower = narrow * np.cos(turn) * right + 0.16 * np.sin(turn) * down
    upper = -np.cos(turn) * right - 0.14 * np.sin(turn) * down
    outline = np.concatenate([rim + wide * u * upper, rim + tall * u * down + wide * u * lower])
    where, x, y, cover = sheet.polygon(outline)
    way = _off(x, y, rim, down, tall * u)
    out = _off(x, y, rim, right, wide * u) / (1 + (narrow - 1) * np.clip(way, 0, 1))
    out = np.clip(out, -0.97, 0.97)
    low, high = np.sort(rng.uniform(0.15, 0.9, 2))
    striped = smooth(way, low, low + 0.03) * smooth(way, high + 0.03, high)
    colour, other = _cloth(rng), _cloth(rng)
    mixed = colour + (striped * (rng.uniform() < 0.6))[:, :, None] * (other - colour)
    sheet.lay(where, cover, mixed, (out / np.sqrt(1 - out * out))[:, :, None] * right)
    first = rim + u * (0.35 * tall * down + side * (0.72 * wide + 0.1) * right)
    _grip(sheet, first, down, side * right, 0.85 * u, skin, rng)


def _grip(
    sheet: Sheet, first: Floats, down: Floats, out: Floats, size: float, skin: Floats,
    rng: np.random.Generator,
) -> None:  # fmt: skip
    """Four fingers below each other that reach inwards, and the hand and arm they belong to."""
    palm = first + size * (0.45 * down + 0.5 * out)
    sheet.bar(palm + size * (2.2 * down + 0.9 * out), palm, (0.52 * size, 0.46 * size), skin * 0.9)
    _fingers(sheet, first, 0.3 * size * down, -out, size, skin, rng)


def _phone(sheet: Sheet, place: Place, rng: np.random.Generator, skin: Floats) -> None:
    """A phone at the cheek or before half of the face, and the fingers round its edge."""
    p, u, side = place.points, place.unit, _near_side(place, rng)
    if rng.uniform() < 0.45:
        middle, lean = p[30] + 0.2 * side * u * place.right, float(rng.normal(0, 0.12))
    else:
        cheek = p[[2, 3, 4]] if side < 0 else p[[12, 13, 14]]
        middle = place.at(cheek.mean(axis=0), -0.12 * side, 0.0)
        lean = -side * float(rng.uniform(0.15, 0.45))
    middle = place.at(middle, float(rng.normal(0, 0.08)), float(rng.uniform(-0.05, 0.35)))
    right, down = place.leaning(lean)
    half = u * rng.uniform([0.48, 0.98], [0.56, 1.12])
    _slab(sheet, middle, right, down, half, rng)
    eye = middle - 0.72 * half[0] * right * side - 0.8 * half[1] * down
    for k in range(int(rng.integers(1, 4))):
        lens = eye + 0.22 * u * k * down
        sheet.bar(lens, lens, (0.085 * u, 0.085 * u), np.full(3, 0.006))
    first = middle + (half[0] + 0.08 * u) * side * right - 0.15 * half[1] * down
    _grip(sheet, first, down, side * right, 0.78 * u, skin, rng)


def _slab(
    sheet: Sheet, middle: Floats, right: Floats, down: Floats, half: Floats,
    rng: np.random.Generator,
) -> None:  # fmt: skip
    """A flat box of ``half`` (2,) pixels with round corners, a streak of light on it."""
    turn = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    ring = np.stack([np.cos(turn), np.sin(turn)], axis=1)
    corner = 0.3 * half[0]
    flat = np.sign(ring) * (half - corner) + corner * ring
    where, x, y, cover = sheet.polygon(middle + flat[:, :1] * right + flat[:, 1:] * down)
    across, way = _off(x, y, middle, right, half[0]), _off(x, y, middle, down, half[1])
    streak = np.exp(-(((across + 0.7 * way + rng.uniform(-0.8, 0.8)) / 0.3) ** 2))
    colour = _BLACK**2 if rng.uniform() < 0.5 else _cloth(rng)
    edge = np.sign(across) * smooth(np.abs(across), 0.86, 1.0)
    slopes = 0.9 * edge[:, :, None] * right
    sheet.lay(where, cover, colour + 0.08 * streak[:, :, None], slopes)


def _scarf(sheet: Sheet, place: Place, rng: np.random.Generator, _: Floats) -> None:
    """Cloth round the neck, drawn up over the chin and the mouth, its folds along it."""
    p, u = place.points, place.unit
    lift = float(rng.uniform(0.0, 1.0))
    top = p[57] + lift * (p[33] - p[57])
    left, right = (p[a] + 0.3 * lift * (p[b] - p[a]) for a, b in ((3, 1), (13, 15)))
    low = place.at(0.5 * (p[8] + (left + right) / 2), 0.0, float(rng.uniform(1.25, 1.6)))
    share = np.linspace(0, 1, 9)[:, None]
    crest = left * (1 - share) ** 2 + 2 * share * (1 - share) * (2 * top - (left + right) / 2)
    crest = crest + right * share**2 + 0.03 * u * np.sin(9 * share + rng.uniform(0, 6)) * place.down
    sides = [
        [1.12, -1.3],
        [1.25, -0.6],
        [0.95, -0.15],
        [-0.95, -0.15],
        [-1.25, -0.6],
        [-1.12, -1.3],
    ]
    lower = [place.at(low, x, y) for x, y in sides]
    where, x, y, cover = sheet.polygon(rounded(np.concatenate([crest, lower])))
    across, way = (_off(x, y, low, axis, u) for axis in (place.right, place.down))
    hang = way + float(rng.uniform(0.15, 0.4)) * across**2 + float(rng.uniform(-0.3, 0.3)) * across
    phase = 7.5 * hang + 0.7 * np.sin(2.1 * across + rng.uniform(0, 6))
    steep = 0.55 * np.cos(phase + rng.uniform(0, 6)) + 0.25 * np.cos(1.7 * phase)
    colour, other = _cloth(rng), _cloth(rng)
    bands = smooth(np.cos(float(rng.uniform(5, 14)) * (across + 0.3 * hang)), 0.2, 0.4)
    mixed = colour + (bands * (rng.uniform() < 0.45))[:, :, None] * (other - colour)
    round_ = np.clip(across / 1.3, -0.9, 0.9)
    slopes = (round_ / np.sqrt(1 - round_**2))[:, :, None] * place.right
    sheet.lay(where, cover, mixed, slopes + steep[:, :, None] * place.down)


KINDS: dict[str, Draw] = dict(hand=_hand, mask=_mask, cup=_cup, phone=_phone, scarf=_scarf)


def _place(box: Box, points: Floats | None) -> Place:
    x0, y0, x1, y1 = box
    if points is None:
        span = np.array([2.1, 1.5 - head.FACE_TOP])
        points = (head.POINTS - [-1.05, head.FACE_TOP]) / span * [x1 - x0, y1 - y0] + [x0, y0]
    across = points[42:48].mean(axis=0) - points[36:42].mean(axis=0)
    length = float(np.hypot(*across))
    right = across / max(length, 1e-9)
    if length < 0.12 * (x1 - x0) or right[0] < 0.2:  # from the side the eyes do not tell the lean
        right = np.array([1.0, 0.0])
    unit = max(x1 - x0, y1 - y0) / 2.55
    return Place(np.asarray(points, np.float64), unit, right, np.array([-right[1], right[0]]))


def draw(
    kind: str,
    box: Box,
    seed: int,
    skin: Floats,
    size: tuple[int, int],
    points: Floats | None = None,
    lamps: Singles = _LAMPS,
    sky: Singles = _SKY,
) -> tuple[Singles, Window]:
    """What is held before a face: (h, w, 4) linear light times coverage, and its window.

    ``kind``: "none" (an empty layer) or a key of :data:`KINDS`; ``box``: x0 y0 x1 y1 of the bare
    face, pixels; ``skin``: (3,) sRGB of the hands, 0..255; ``size``: width and height of the
    picture; ``points``: (68, 2) the face's points in it, without them an upright frontal face is
    assumed; ``lamps``, ``sky``: see :class:`facecurate.synth.canvas.Sheet`. Coverage below a half
    is a soft shadow. Raises KeyError for another kind. The same arguments give the same bytes.
    """
    if kind == "none":
        return np.zeros((0, 0, 4), np.float32), (slice(0, 0), slice(0, 0))
    paint, place = KINDS[kind], _place(box, points)
    rng = np.random.default_rng([0x0CC1, list(KINDS).index(kind), seed])
    reach = _REACH * place.unit
    low = np.clip(np.floor(place.points[30] - reach).astype(int), 0, size)
    high = np.clip(np.ceil(place.points[30] + reach).astype(int), low, size)
    light = np.zeros((int(high[1] - low[1]), int(high[0] - low[0]), 4), np.float32)
    corner = (int(low[0]), int(low[1]))
    sheet = Sheet(light, corner, np.asarray(lamps, np.float32), np.asarray(sky, np.float32))
    paint(sheet, place, rng, (np.asarray(skin, np.float64) / 255.0) ** 2)
    return sheet.cut(0.05 * place.unit + 0.3)
