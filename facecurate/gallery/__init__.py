"""``synth --gallery``: what the renderer draws, on one page to look at: faces, labels, mesh."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from facecurate import storage
from facecurate.gallery.labels import landmarks, mesh
from facecurate.gallery.sheets import FACE, cell_of, drawn, identities, picture
from facecurate.report.page import Section, Table, figure, render_page
from facecurate.stats import Stats
from facecurate.synth.affect import EXPRESSIONS, PROTOTYPES, valence_arousal
from facecurate.synth.facs import ACTION_UNITS, NAMES, REST, strengths
from facecurate.synth.measures import DEFINING, MEASURES, chart
from facecurate.synth.person import person
from facecurate.synth.spec import OCCLUDERS, STYLES, FaceSpec, Light, random_face
from facecurate.workers import Progress, silent

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


def gallery(url: str, *, seed: int = 0, progress: Progress = silent) -> Stats:
    """Writes the page to ``url``; ``seed`` chooses who is shown."""
    sections = []
    for done, part in enumerate(_SECTIONS):
        progress(done, len(_SECTIONS))
        sections.append(part(seed))
    progress(len(_SECTIONS), len(_SECTIONS))
    page = render_page(
        "Rendered faces",
        lead="What the renderer draws and what it says about it. Nobody on this page exists.",
        sections=sections,
        banner="Rendered faces. Nothing here says anything about people or about real pictures.",
        footer=f"facecurate synth --gallery --seed {seed}",
    )
    storage.write_atomic(url, page)
    return Stats.of("sheets", [None] * len(sections)).noted(f"page in {url}")


def _people(seed: int) -> Section:
    who = identities(seed, 30)
    cells = [drawn(cell_of(FaceSpec(identity=i, yaw=8.0))) for i in who]
    again = [
        drawn(cell_of(random_face(
            np.random.default_rng([seed, i, k]), range(i, i + 1), max_yaw=25, max_pitch=10,
            size_px=FACE, centre=(0.0, 0.0),
        ), seed=k))
        for i in who[:3]
        for k in range(10)
    ]  # fmt: skip
    return Section(
        "People",
        ["Thirty identities at rest, then three of them ten times each under other light, pose, "
         "expression and background: the same person should be known again."],
        sheets=[picture(cells, 10, "thirty identities"),
                picture(again, 10, "three identities, ten pictures each")],
    )  # fmt: skip


def _tones(seed: int) -> Section:
    everyone = sorted(
        range(seed * 200, seed * 200 + 200), key=lambda i: -float(person(i).skin.sum())
    )
    chosen = [everyone[k] for k in np.linspace(2, 197, 20).astype(int)]
    cells = [drawn(cell_of(FaceSpec(identity=i))) for i in chosen]
    return Section(
        "Skin", ["Twenty of two hundred identities, from the lightest skin to the darkest."],
        sheets=[picture(cells, 10, "light to dark")],
    )  # fmt: skip


def _poses(seed: int) -> Section:
    (one,) = identities(seed + 1, 1)
    turns = [FaceSpec(identity=one, yaw=float(a)) for a in range(-90, 91, 20)]
    nods = [FaceSpec(identity=one, pitch=float(a)) for a in np.linspace(-40, 40, 5)]
    leans = [FaceSpec(identity=one, roll=float(a)) for a in np.linspace(-40, 40, 5)]
    cells = [drawn(cell_of(face)) for face in (*turns, *nods, *leans)]
    return Section(
        "Pose", ["Yaw from -90 to 90 degrees, then pitch and roll from -40 to 40."],
        sheets=[picture(cells, 10, "yaw; pitch, roll")],
    )  # fmt: skip


def _lights(seed: int) -> Section:
    who = identities(seed + 2, 3)
    cells = [
        drawn(cell_of(FaceSpec(identity=i, yaw=10.0, light=light)))
        for i in who
        for _, light in _LIGHTS
    ]
    names = ", ".join(name for name, _ in _LIGHTS)
    return Section("Light", [f"From left to right: {names}."], sheets=[picture(cells, 8, names)])


def _units(seed: int) -> Section:
    who = _bare_faces(seed + 3, 2)
    sheets = []
    for number in ACTION_UNITS:
        cells = [
            drawn(cell_of(FaceSpec(identity=i, units=strengths(**{f"au{number}": float(k)}),
                                  steady=True, yaw=10.0)))
            for i in who
            for k in (0, 2.5, 5)
        ]  # fmt: skip
        sheets.append(picture(cells, 6, f"{number} {NAMES[number]}: 0, 2.5 and 5"))
    return Section("Action units", ["Two people, each unit alone and growing."], sheets=sheets)


def _bare_faces(seed: int, count: int) -> list[int]:
    """Identities without a beard, a fringe or glasses, so that all of the face is seen."""
    everyone = (i for i in identities(seed, 400) if person(i).style in ("bald", "short", "tied"))
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
    who = identities(seed + 4, 3)
    cells, rows = [], []
    for name in EXPRESSIONS:
        units = REST if name == "neutral" else PROTOTYPES[name][0]
        cells += [drawn(cell_of(FaceSpec(identity=i, units=units, lopsided=0.2))) for i in who]
        valence, arousal = np.mean([valence_arousal(units, i, 0) for i in range(200)], axis=0)
        rows.append([name, f"{valence:+.2f}", f"{arousal:+.2f}"])
    order = [cells[k * 3 + p] for p in range(3) for k in range(len(EXPRESSIONS))]
    return Section(
        "Expressions",
        ["The first variant of each class, three people: " + ", ".join(EXPRESSIONS) + "."],
        sheets=[picture(order, 8, ", ".join(EXPRESSIONS))],
        table=Table(["class", "valence (mean of 200 people)", "arousal"], rows),
    )


def _in_the_way(seed: int) -> Section:
    who = identities(seed + 5, 5)
    cells = [
        drawn(cell_of(FaceSpec(identity=i, seed=k, occluder=kind)))
        for k, i in enumerate(who)
        for kind in OCCLUDERS
    ]
    worn = [i for i in range(400) if person(i).glasses is not None][:6]
    cells += [drawn(cell_of(FaceSpec(identity=i, yaw=12.0))) for i in worn]
    return Section(
        "Things in the way",
        ["Each column: " + ", ".join(OCCLUDERS) + ". The last row: six people with glasses."],
        sheets=[picture(cells, 6, ", ".join(OCCLUDERS))],
    )


def _cameras(seed: int) -> Section:
    (one,) = identities(seed + 6, 1)
    face = FaceSpec(identity=one, yaw=12.0)
    settings: list[tuple[str, dict[str, Any]]] = [
        ("blur 1.5 px", {"blur": 1.5}),
        ("motion 8 px", {"motion": (8.0, 2.0)}),
        ("noise 12", {"noise": 12.0}),
        ("JPEG quality 12", {"quality": 12}),
    ]
    cells = [drawn(cell_of(face, style=style)) for style in STYLES]
    cells += [drawn(cell_of(face, **kind)) for _, kind in settings]
    cells += [drawn(cell_of(replace(face, distance=d))) for d in (6.0, 60.0)]
    names = ", ".join([*(f"style {s}" for s in STYLES), *(n for n, _ in settings), "near", "far"])
    return Section("Camera and style", [names + "."], sheets=[picture(cells, 8, names)])


def _random(seed: int) -> Section:
    sheets = []
    for style in STYLES:
        cells = []
        for k in range(40):
            rng = np.random.default_rng([0xD1CE, seed, k])
            face = random_face(
                rng, range(10_000_000), max_yaw=30, max_pitch=13, size_px=1, centre=(0, 0)
            )
            cells.append(drawn(cell_of(face, seed=k, style=style, noise=3.0)))
        sheets.append(picture(cells, 10, f"style {style}"))
    return Section("At random", ["Forty faces as corpora draw them, in each style."], sheets=sheets)


_SECTIONS: tuple[Callable[[int], Section], ...] = (
    _people, _tones, _poses, _lights, _units, _unit_chart, _expressions, _in_the_way, _cameras,
    landmarks, mesh, _random,
)  # fmt: skip
