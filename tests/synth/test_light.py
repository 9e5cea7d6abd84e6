from dataclasses import replace

import numpy as np
import pytest

from facecurate.synth import scene
from facecurate.synth.light import lights_of, no_shadow, shadow_of
from facecurate.synth.person import person
from facecurate.synth.render import render_photo
from facecurate.synth.spec import FaceSpec, Light, PhotoSpec
from facecurate.synth.style import PLAIN, SECOND

SOFT = Light(azimuth=40.0, elevation=20.0)


def picture(light: Light, **changes: object) -> np.ndarray:
    face = FaceSpec(identity=3, size_px=110.0, centre=(79.5, 75.5), light=light)
    face = replace(face, **changes)  # type: ignore[arg-type]
    return render_photo(PhotoSpec(160, 160, 1, (face,), noise=0.0))[0].astype(float)


def in_shadow(solid: np.ndarray, faces: np.ndarray, light: Light) -> np.ndarray:
    """Which vertices something solid hides from the key lamp."""
    every, none = np.ones(len(faces), np.bool_), np.zeros(len(faces), np.bool_)
    shadow = shadow_of(solid, faces, every, none, lights_of(light))
    x, y = np.rint(shadow.places[:, :2]).astype(int).T
    return np.asarray(shadow.reach[y, x] > shadow.places[:, 2] + 0.05)


def test_the_key_lamp_stands_where_its_angles_say() -> None:
    key = lights_of(Light(azimuth=90.0, elevation=0.0)).rows[0, :3]
    assert key == pytest.approx([1, 0, 0], abs=1e-6)  # the image's right
    above = lights_of(Light(azimuth=0.0, elevation=90.0)).rows[0, :3]
    assert above == pytest.approx([0, -1, 0], abs=1e-6)


def test_the_rim_lamp_stands_behind_on_the_other_side_and_the_counter_lamp_in_front() -> None:
    key, counter, rim = lights_of(replace(SOFT, rim=0.5, tint=0.5)).rows
    assert np.linalg.norm([key[:3], counter[:3], rim[:3]], axis=1) == pytest.approx([1, 1, 1])
    assert rim[2] < 0 < counter[2] and rim[0] < 0 < key[0] and counter[0] < 0
    assert rim[4] > 0 and rim[3] > rim[4]  # magenta
    assert lights_of(SOFT).rows[2, 3:6].max() == 0


def test_a_harder_light_wraps_less_and_its_shadow_is_darker_and_sharper() -> None:
    lamps = [lights_of(replace(SOFT, hardness=h)) for h in (0.0, 0.4, 1.0)]
    wraps = [lamp.rows[0, 8] for lamp in lamps]
    assert wraps == sorted(wraps, reverse=True) and wraps[-1] == 0
    assert [lamp.darkness for lamp in lamps] == pytest.approx([0.0, 0.64, 1.0])
    assert [lamp.sharpness for lamp in lamps] == pytest.approx([0.0, 0.4, 1.0])
    assert lamps[0].sky.sum() > lamps[2].sky.sum()


def test_dimming_changes_every_lamp_and_the_sky_by_the_same_factor() -> None:
    lamps = lights_of(replace(SOFT, rim=0.3))
    half = lamps.dimmed(0.5)
    assert half.rows[:, 3:6] == pytest.approx(lamps.rows[:, 3:6] / 2)
    assert half.sky == pytest.approx(lamps.sky / 2)
    assert (half.rows[:, :3] == lamps.rows[:, :3]).all()


def test_red_light_reaches_further_round_the_edge_where_the_style_says_so() -> None:
    assert lights_of(SOFT, PLAIN).rows[0, 6] == lights_of(SOFT, PLAIN).rows[0, 8]
    assert lights_of(SOFT, SECOND).rows[0, 6] > lights_of(SOFT, SECOND).rows[0, 8]


def boxes(*corners: tuple[float, float, float]) -> tuple[np.ndarray, np.ndarray]:
    """Closed unit cubes with their least corners at the given places; outsides clockwise."""
    unit = np.array([[x, y, z] for z in (1.0, 0.0) for y in (0.0, 1.0) for x in (0.0, 1.0)])
    sides = [(0, 1, 3, 2), (5, 4, 6, 7), (4, 5, 1, 0), (2, 3, 7, 6), (4, 0, 2, 6), (1, 5, 7, 3)]
    cuts = np.array([t for a, b, c, d in sides for t in ((a, b, c), (a, c, d))], np.int32)
    points = np.concatenate([unit + corner for corner in corners])
    return points, np.concatenate([cuts + 8 * k for k in range(len(corners))])


def test_a_box_lies_in_the_shadow_of_the_box_between_it_and_the_lamp() -> None:
    solid, faces = boxes((0, 0, 0), (0.05, 0.05, 3.0))
    hidden = in_shadow(solid * 0.98, faces, Light(azimuth=0.0, elevation=0.0, hardness=1.0))
    front = solid[:8, 2] == 1.0
    assert not hidden[8:][solid[8:, 2] == 4.0].any()  # the nearer box's lit side
    assert hidden[:8][front & (solid[:8, 0] > 0) & (solid[:8, 1] > 0)].all()
    beside = in_shadow(solid, faces, Light(azimuth=80.0, elevation=0.0, hardness=1.0))
    assert not beside[[1, 3]].any()  # the lamp looks past the nearer box


def test_no_lit_part_of_a_ball_stands_in_its_own_shadow() -> None:
    lat, lon = np.meshgrid(np.linspace(-1.55, 1.55, 40), np.linspace(-np.pi, np.pi, 60))
    points = np.stack([np.cos(lat) * np.sin(lon), np.sin(lat), np.cos(lat) * np.cos(lon)], axis=2)
    points = points.transpose(1, 0, 2)
    faces = scene.triangles(*points.shape[:2])
    solid = points.reshape(-1, 3)
    for azimuth, elevation in [(0, 0), (50, 30), (-70, 10), (0, 85), (170, 0)]:
        light = Light(azimuth=azimuth, elevation=elevation, hardness=1.0)
        facing = solid @ lights_of(light).rows[0, :3]
        assert not in_shadow(solid, faces, light)[facing > 0.1].any()


def test_a_nose_shades_the_cheek_on_its_far_side_and_the_chin_shades_the_neck() -> None:
    built = scene.build(person(3), FaceSpec(identity=3))
    head = built.materials == 0
    both = np.zeros(len(built.faces), np.bool_)
    lamps = lights_of(Light(azimuth=65.0, elevation=20.0, hardness=1.0))
    shadow = shadow_of(built.solid, built.faces, head, both, lamps)
    x, y = np.clip(np.rint(shadow.places[:, :2]), 0, len(shadow.reach) - 1).astype(int).T
    facing = built.normals @ lamps.rows[0, :3].astype(float)
    hidden = (shadow.reach[y, x] > shadow.places[:, 2] + 0.05) & (facing > 0.1)
    near = (np.abs(built.own[:, 1] - 0.45) < 0.25) & (built.own[:, 2] > 0.5)
    left = near & (built.own[:, 0] < -0.1) & (built.own[:, 0] > -0.5)
    right = near & (built.own[:, 0] > 0.1) & (built.own[:, 0] < 0.5)
    assert hidden[left].sum() >= 5 and hidden[right].sum() == 0
    neck = np.unique(built.faces[built.materials == 1])
    high = lights_of(Light(azimuth=0.0, elevation=50.0, hardness=1.0))
    shadow = shadow_of(built.solid, built.faces, head, both, high)
    x, y = np.clip(np.rint(shadow.places[neck, :2]), 0, len(shadow.reach) - 1).astype(int).T
    under = (built.own[neck, 1] > 1.5) & (built.own[neck, 1] < 1.9) & (built.own[neck, 2] > 0)
    assert (shadow.reach[y, x] > shadow.places[neck, 2])[under].mean() > 0.8


def test_hardness_darkens_the_side_away_from_the_lamp() -> None:
    soft, hard = (picture(replace(SOFT, azimuth=70.0, hardness=h)) for h in (0.0, 1.0))
    cheeks = np.s_[70:95, 40:60], np.s_[70:95, 100:120]
    away, towards = ([p[side].mean() for p in (soft, hard)] for side in cheeks)
    assert away[1] < away[0] - 10 and towards[1] > away[1] + 30
    assert towards[1] - away[1] > towards[0] - away[0] + 8


def test_a_rim_light_brightens_the_figure_s_edge_and_not_its_middle() -> None:
    plain, rimmed = (picture(replace(SOFT, rim=r)) for r in (0.0, 1.0))
    more = (rimmed - plain).mean(axis=2)
    assert more.min() >= -1 and more.max() > 25
    assert more[60:90, 70:90].mean() < 3 and more[40:100, 70:].mean() < 1.5  # the nose
    assert np.nonzero(more > 20)[1].mean() < 79.5  # opposite to the key lamp


def test_no_casters_cast_no_shadow() -> None:
    solid, faces = boxes((0, 0, 0))
    nothing = np.zeros(len(faces), np.bool_)
    shadow = shadow_of(solid, faces, nothing, nothing, lights_of(replace(SOFT, hardness=1.0)))
    assert shadow.reach.max() == 0 and no_shadow().reach.max() == 0
