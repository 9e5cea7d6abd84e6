"""``synth --gallery``: what the renderer draws, on one page to look at: faces, labels, mesh."""

from __future__ import annotations

import base64
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facecurate import images, storage
from facecurate.report.page import Section, Table, figure, render_page
from facecurate.stats import Stats
from facecurate.synth import template
from facecurate.synth.affect import EXPRESSIONS, PROTOTYPES, valence_arousal
from facecurate.synth.facs import ACTION_UNITS, NAMES, REST, strengths
from facecurate.synth.measures import DEFINING, MEASURES, chart
from facecurate.synth.person import person
from facecurate.synth.points import NAMES as POINT_SETS
from facecurate.synth.render import render_photo
from facecurate.synth.spec import OCCLUDERS, STYLES, FaceSpec, Light, PhotoSpec, random_face
from facecurate.workers import Progress, silent

Image = NDArray[np.uint8]
SIDE = 128  # pixels of a cell
_FACE = 88.0  # of its face
_GAP = 2

_LIGHTS = (
    ("soft, from the front", Light(0, 20, 0.7, 0.5)),
    ("hard, from the right", Light(55, 25, 0.9, 0.35, hardness=1.0)),
    ("hard, from above", Light(5, 65, 0.9, 0.35, hardness=1.0)),
    ("warm", Light(-40, 25, 0.8, 0.4, warmth=1.0)),
    ("cold", Light(-40, 25, 0.8, 0.4, warmth=-1.0)),
    ("coloured counter light", Light(35, 20, 0.8, 0.4, tint=1.0)),
    ("rim", Light(-50, 30, 0.6, 0.35, rim=1.0)),
    ("dim", Light(20, 30, 0.35, 0.25)),
)


@dataclass(frozen=True, slots=True)
class Cell:
    """One picture of a sheet and how it is made."""

    face: FaceSpec
    photo: PhotoSpec


def gallery(url: str, *, seed: int = 0, progress: Progress = silent) -> Stats:
    """Writes the page to ``url``; ``seed`` chooses who is shown."""
    parts: Sequence[Callable[[int], Section]] = (
        _people, _tones, _poses, _lights, _units, _unit_chart, _expressions, _in_the_way,
        _cameras, _landmarks, _mesh, _random,
    )  # fmt: skip
    sections = []
    for done, part in enumerate(parts):
        progress(done, len(parts))
        sections.append(part(seed))
    progress(len(parts), len(parts))
    page = render_page(
        "Rendered faces",
        lead="What the renderer draws and what it says about it. Nobody on this page exists.",
        sections=sections,
        banner="Rendered faces. Nothing here says anything about people or about real pictures.",
        footer=f"facecurate synth --gallery --seed {seed}",
    )
    storage.write_atomic(url, page)
    return Stats.of("sheets", [None] * len(sections)).noted(f"page in {url}")


# -- sheets ------------------------------------------------------------------------------------


def _cell(face: FaceSpec, **photo: Any) -> Cell:
    where = (SIDE - 1) / 2
    placed = replace(face, size_px=_FACE, centre=(where, where + 4))
    settings = {"noise": 1.0, "seed": 3, **photo}
    return Cell(placed, PhotoSpec(SIDE, SIDE, faces=(placed,), **settings))


def _drawn(cell: Cell) -> Image:
    return render_photo(cell.photo)[0]


def sheet(cells: Sequence[Image], columns: int) -> Image:
    """Pictures of one size in rows of ``columns``, white between them."""
    height, width = cells[0].shape[:2]
    rows = -(-len(cells) // columns)
    out = np.full(
        (rows * (height + _GAP) - _GAP, columns * (width + _GAP) - _GAP, 3), 255, np.uint8
    )
    for at, cell in enumerate(cells):
        y, x = at // columns * (height + _GAP), at % columns * (width + _GAP)
        out[y : y + height, x : x + width] = cell
    return out


def _picture(cells: Sequence[Image], columns: int, text: str) -> dict[str, str]:
    data = base64.b64encode(images.encode_jpeg(sheet(cells, columns), 88)).decode()
    return {"src": f"data:image/jpeg;base64,{data}", "text": text}


def _identities(seed: int, count: int) -> list[int]:
    rng = np.random.default_rng([0x6A11, seed])
    return [int(i) for i in rng.integers(0, 10_000_000, count)]


def _people(seed: int) -> Section:
    who = _identities(seed, 30)
    cells = [_drawn(_cell(FaceSpec(identity=i, yaw=8.0))) for i in who]
    again = [
        _drawn(_cell(random_face(
            np.random.default_rng([seed, i, k]), range(i, i + 1), max_yaw=25, max_pitch=10,
            size_px=_FACE, centre=(0.0, 0.0),
        ), seed=k))
        for i in who[:3]
        for k in range(10)
    ]  # fmt: skip
    return Section(
        "People",
        ["Thirty identities at rest, then three of them ten times each under other light, pose, "
         "expression and background: the same person should be known again."],
        sheets=[_picture(cells, 10, "thirty identities"),
                _picture(again, 10, "three identities, ten pictures each")],
    )  # fmt: skip


def _tones(seed: int) -> Section:
    everyone = sorted(
        range(seed * 200, seed * 200 + 200), key=lambda i: -float(person(i).skin.sum())
    )
    chosen = [everyone[k] for k in np.linspace(2, 197, 20).astype(int)]
    cells = [_drawn(_cell(FaceSpec(identity=i))) for i in chosen]
    return Section(
        "Skin", ["Twenty of two hundred identities, from the lightest skin to the darkest."],
        sheets=[_picture(cells, 10, "light to dark")],
    )  # fmt: skip


def _poses(seed: int) -> Section:
    (one,) = _identities(seed + 1, 1)
    turns = [FaceSpec(identity=one, yaw=float(a)) for a in range(-90, 91, 20)]
    nods = [FaceSpec(identity=one, pitch=float(a)) for a in np.linspace(-40, 40, 5)]
    leans = [FaceSpec(identity=one, roll=float(a)) for a in np.linspace(-40, 40, 5)]
    cells = [_drawn(_cell(face)) for face in (*turns, *nods, *leans)]
    return Section(
        "Pose", ["Yaw from -90 to 90 degrees, then pitch and roll from -40 to 40."],
        sheets=[_picture(cells, 10, "yaw; pitch, roll")],
    )  # fmt: skip


def _lights(seed: int) -> Section:
    who = _identities(seed + 2, 3)
    cells = [
        _drawn(_cell(FaceSpec(identity=i, yaw=10.0, light=light)))
        for i in who
        for _, light in _LIGHTS
    ]
    names = ", ".join(name for name, _ in _LIGHTS)
    return Section("Light", [f"From left to right: {names}."], sheets=[_picture(cells, 8, names)])


def _units(seed: int) -> Section:
    who = _bare_faces(seed + 3, 2)
    sheets = []
    for number in ACTION_UNITS:
        cells = [
            _drawn(_cell(FaceSpec(identity=i, units=strengths(**{f"au{number}": float(k)}),
                                  steady=True, yaw=10.0)))
            for i in who
            for k in (0, 2.5, 5)
        ]  # fmt: skip
        sheets.append(_picture(cells, 6, f"{number} {NAMES[number]}: 0, 2.5 and 5"))
    return Section("Action units", ["Two people, each unit alone and growing."], sheets=sheets)


def _bare_faces(seed: int, count: int) -> list[int]:
    """Identities without a beard, a fringe or glasses, so that all of the face is seen."""
    everyone = (i for i in _identities(seed, 400) if person(i).style in ("bald", "short", "tied"))
    shaven = (i for i in everyone if person(i).glasses is None and not person(i).beard)
    return list(itertools.islice(shaven, count))


def _unit_chart(seed: int) -> Section:
    table = chart()
    reach = np.abs(table).max(axis=0)
    with figure(7.0, 4.6) as (axes, out):
        axes.pcolormesh(table / reach, cmap="RdBu_r", vmin=-1, vmax=1, edgecolors="white")
        axes.set_yticks(np.arange(len(ACTION_UNITS)) + 0.5, [f"AU {n}" for n in ACTION_UNITS])
        axes.set_xticks(np.arange(len(MEASURES)) + 0.5, list(MEASURES), rotation=55, ha="right")
        axes.invert_yaxis()
    rows = [
        [f"{n} {NAMES[n]}", DEFINING[n][0] if DEFINING[n][1] > 0 else f"less {DEFINING[n][0]}",
         f"{table[k, list(MEASURES).index(DEFINING[n][0])]:+.1f}"]
        for k, n in enumerate(ACTION_UNITS)
    ]  # fmt: skip
    return Section(
        "What each unit moves",
        ["The strongest unit alone, on the mean head. A column is one length; red grows, blue "
         "shrinks, the largest change of the column is full colour."],
        svg=out[0],
        caption="A unit should be strong in the length that defines it, and beside it only where "
        "the movement itself reaches.",
        table=Table(["unit", "defining length", "change, % of the eyes' distance"], rows),
    )  # fmt: skip


def _expressions(seed: int) -> Section:
    who = _identities(seed + 4, 3)
    cells, rows = [], []
    for name in EXPRESSIONS:
        units = REST if name == "neutral" else PROTOTYPES[name][0]
        cells += [_drawn(_cell(FaceSpec(identity=i, units=units, lopsided=0.2))) for i in who]
        valence, arousal = np.mean([valence_arousal(units, i, 0) for i in range(200)], axis=0)
        rows.append([name, f"{valence:+.2f}", f"{arousal:+.2f}"])
    order = [cells[k * 3 + p] for p in range(3) for k in range(len(EXPRESSIONS))]
    return Section(
        "Expressions",
        ["The first variant of each class, three people: " + ", ".join(EXPRESSIONS) + "."],
        sheets=[_picture(order, 8, ", ".join(EXPRESSIONS))],
        table=Table(["class", "valence (mean of 200 people)", "arousal"], rows),
    )


def _in_the_way(seed: int) -> Section:
    who = _identities(seed + 5, 5)
    cells = [
        _drawn(_cell(FaceSpec(identity=i, seed=k, occluder=kind)))
        for k, i in enumerate(who)
        for kind in OCCLUDERS
    ]
    worn = [i for i in range(400) if person(i).glasses is not None][:6]
    cells += [_drawn(_cell(FaceSpec(identity=i, yaw=12.0))) for i in worn]
    return Section(
        "Things in the way",
        ["Each column: " + ", ".join(OCCLUDERS) + ". The last row: six people with glasses."],
        sheets=[_picture(cells, 6, ", ".join(OCCLUDERS))],
    )


def _cameras(seed: int) -> Section:
    (one,) = _identities(seed + 6, 1)
    face = FaceSpec(identity=one, yaw=12.0)
    settings: list[tuple[str, dict[str, Any]]] = [
        ("blur 1.5 px", {"blur": 1.5}),
        ("motion 8 px", {"motion": (8.0, 2.0)}),
        ("noise 12", {"noise": 12.0}),
        ("JPEG quality 12", {"quality": 12}),
    ]
    cells = [_drawn(_cell(face, style=style)) for style in STYLES]
    cells += [_drawn(_cell(face, **kind)) for _, kind in settings]
    cells += [_drawn(_cell(replace(face, distance=d))) for d in (6.0, 60.0)]
    names = ", ".join([*(f"style {s}" for s in STYLES), *(n for n, _ in settings), "near", "far"])
    return Section("Camera and style", [names + "."], sheets=[_picture(cells, 8, names)])


# -- labels ------------------------------------------------------------------------------------


def _landmarks(seed: int) -> Section:
    who = _identities(seed + 7, 4)
    faces = [
        FaceSpec(identity=i, yaw=yaw, pitch=pitch, units=units, gaze=(12.0, 0.0))
        for i, yaw, pitch, units in zip(
            who, (0, 30, -55, 85), (0, 8, -10, 0),
            (REST, strengths(au12=4, au6=3), strengths(au26=4, au1=4, au2=4), REST), strict=True,
        )
    ]  # fmt: skip
    sheets = []
    for name in POINT_SETS:
        cells = [_overlaid(face, name) for face in faces]
        sheets.append(_picture(cells, 4, f"{name} points; green is seen, red is hidden"))
    return Section(
        "Landmarks",
        ["Every set on four faces. In 68, 98 and 106 the jaws follow the outline that is seen, in "
         "68-3d they stay on the surface."],
        sheets=sheets,
    )  # fmt: skip


def _overlaid(face: FaceSpec, name: str) -> Image:
    import cv2

    cell = _large(face)
    image, (labels,) = render_photo(cell.photo)
    image = image.copy()
    for (x, y, _), seen in zip(labels.points[name], labels.seen[name], strict=True):
        colour = (40, 230, 40) if seen else (240, 40, 40)
        cv2.circle(image, (round(x * 16), round(y * 16)), 28, colour, -1, cv2.LINE_AA, 4)
    return image


def _large(face: FaceSpec) -> Cell:
    side = 2 * SIDE
    placed = replace(face, size_px=2 * _FACE, centre=(side / 2, side / 2 + 8))
    return Cell(placed, PhotoSpec(side, side, 3, (placed,), noise=1.0))


def _mesh(seed: int) -> Section:
    import cv2

    cells = []
    for i, yaw in zip(_identities(seed + 8, 4), (0.0, 35.0, -60.0, 90.0), strict=True):
        cell = _large(FaceSpec(identity=i, yaw=yaw, units=strengths(au12=4.0, au26=2.0)))
        image, (labels,) = render_photo(cell.photo)
        image = (image // 2 + 100).astype(np.uint8)
        for line in _front_lines(labels.vertices):
            cv2.polylines(image, [line], False, (20, 40, 90), 1, cv2.LINE_AA, 4)
        cells.append(image)
    count = len(labels.vertices)
    return Section(
        "Mesh",
        [
            f"The bare head under hair: {count:,} vertices of one fixed topology; every other row and column of its "
            "front side."
        ],
        sheets=[_picture(cells, 4, "the projected mesh")],
    )


def _front_lines(vertices: NDArray[np.float64]) -> list[NDArray[np.int32]]:
    """Every other row and column of the grid where it faces the camera, sixteenths of pixels."""
    rows, columns = len(template.ROWS), len(template.COLUMNS)
    grid = vertices[:, :2].reshape(rows, columns, 2)
    across = np.asarray(np.gradient(grid, axis=1))
    down = np.asarray(np.gradient(grid, axis=0))
    facing = across[:, :, 0] * down[:, :, 1] - across[:, :, 1] * down[:, :, 0] > 0
    fixed = np.rint(grid * 16).astype(np.int32)
    pairs = [(fixed[k], facing[k]) for k in range(0, rows, 2)]
    pairs += [(fixed[:, k], facing[:, k]) for k in range(0, columns, 2)]
    lines = []
    for points, shown in pairs:
        ends = np.flatnonzero(np.diff(np.concatenate([[False], shown, [False]]).astype(int)))
        lines += [points[a:b] for a, b in zip(ends[::2], ends[1::2], strict=True) if b - a > 1]
    return lines


def _random(seed: int) -> Section:
    sheets = []
    for style in STYLES:
        cells = []
        for k in range(40):
            rng = np.random.default_rng([0xD1CE, seed, k])
            face = random_face(
                rng, range(10_000_000), max_yaw=30, max_pitch=13, size_px=1, centre=(0, 0)
            )
            cells.append(_drawn(_cell(face, seed=k, style=style, noise=3.0)))
        sheets.append(_picture(cells, 10, f"style {style}"))
    return Section("At random", ["Forty faces as corpora draw them, in each style."], sheets=sheets)
