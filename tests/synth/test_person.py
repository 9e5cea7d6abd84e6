import itertools
from dataclasses import replace

import cv2
import numpy as np
import pytest

from facecurate.synth import modes, paint, skin
from facecurate.synth import template as head
from facecurate.synth.person import BEARDS, STYLES, Person, person
from facecurate.synth.render import render_face
from facecurate.synth.spec import FaceSpec, Light

PEOPLE = [person(i) for i in range(1000)]
COLUMNS = len(head.COLUMNS)


def mirror(field: np.ndarray) -> np.ndarray:
    """A field (N, 3) of displacements as the mirror image of the head has it."""
    grid = field.reshape(-1, COLUMNS, 3)[:, ::-1] * [-1.0, 1.0, 1.0]
    return grid.reshape(-1, 3)


def bare(who: Person) -> np.ndarray:
    return head.template().mean + np.tensordot(who.shape, modes.identity_basis(), 1)


def test_a_person_is_drawn_from_the_identity_alone() -> None:
    first = person(77)
    person.cache_clear()
    again = person(77)
    assert first.shape.tobytes() == again.shape.tobytes() and first.texture == again.texture
    assert (first.style, first.beard_style, first.age) == (
        again.style,
        again.beard_style,
        again.age,
    )


def test_an_atlas_is_painted_the_same_again() -> None:
    first = paint.atlas(5).tobytes()
    paint.atlas.cache_clear()
    assert paint.atlas(5).tobytes() == first


@pytest.mark.parametrize("name", list(modes.IDENTITY_MODES))
def test_only_uneven_and_crooked_modes_make_left_and_right_differ(name: str) -> None:
    field = modes.identity_basis()[list(modes.IDENTITY_MODES).index(name)]
    skewed = np.abs(field - mirror(field)).max()
    assert (skewed > 1e-3) == (name.split()[0] in ("uneven", "crooked"))
    assert np.abs(field).max() > 5e-3


def test_no_mode_is_a_mixture_of_the_others() -> None:
    flat = modes.identity_basis().reshape(len(modes.IDENTITY_MODES), -1)
    values = np.linalg.svd(flat / np.linalg.norm(flat, axis=1, keepdims=True), compute_uv=False)
    assert len(values) >= 50 and values.min() > 0.05


def test_every_face_is_a_little_lopsided() -> None:
    for who in PEOPLE[:30]:
        shape = bare(who)
        assert 0.01 < np.abs(shape - mirror(shape)).max() < 0.3


def test_skins_of_one_brightness_differ_in_undertone() -> None:
    skins = np.array([who.skin for who in PEOPLE])
    alike = skins[np.abs(skins.mean(axis=1) - 150) < 10]
    ratio = alike[:, 2] / alike[:, 0]
    assert len(alike) > 20 and np.percentile(ratio, 90) - np.percentile(ratio, 10) > 0.08
    assert skins.mean(axis=1).min() < 70 and skins.mean(axis=1).max() > 215


def test_a_fifth_wears_glasses_and_a_fiftieth_dark_ones() -> None:
    worn = [who.glasses for who in PEOPLE if who.glasses]
    assert 170 <= len([w for w in worn if not w.dark]) <= 235
    assert 8 <= len([w for w in worn if w.dark]) <= 35
    assert len({w.shape for w in worn}) == 6


def test_presentation_shifts_shape_hair_and_beards_and_decides_none() -> None:
    names = list(modes.IDENTITY_MODES)
    looks = np.array([who.presentation for who in PEOPLE])
    shapes = np.array([who.shape for who in PEOPLE])
    for name, sign in (("brow ridge", 1), ("jaw width", 1), ("lip fullness", -1)):
        values = sign * shapes[:, names.index(name)]
        gap = values[looks > 0.3].mean() - values[looks < -0.3].mean()
        assert 0.4 < gap < 2.5, name
    bearded = np.array([who.beard > 0 for who in PEOPLE])
    assert not bearded[looks < -0.3].any() and 0.3 < bearded[looks > 0.3].mean() < 0.8
    long = np.array([who.style == "long" for who in PEOPLE])
    assert long[looks < -0.3].mean() > 4 * long[looks > 0.3].mean() > 0


def test_age_thins_the_lips_and_deepens_the_lines() -> None:
    at = list(modes.IDENTITY_MODES).index("lip fullness")
    old = [who for who in PEOPLE if who.age > 0.75]
    young = [who for who in PEOPLE if who.age < 0.25]
    lips = [np.mean([who.shape[at] for who in group]) for group in (old, young)]
    lines = [np.mean([who.lines.mean() for who in group]) for group in (old, young)]
    assert lips[0] < lips[1] - 0.4 and lines[0] > lines[1] + 0.2


def test_every_style_and_beard_is_worn_and_folding_stays_in_its_range() -> None:
    assert {who.style for who in PEOPLE} == set(STYLES)
    assert {who.beard_style for who in PEOPLE} == set(BEARDS)
    assert all((who.beard > 0) == (who.beard_style != "none") for who in PEOPLE)
    folding = np.array([who.folding for who in PEOPLE])
    assert folding.min() >= 0.4 and folding.max() <= 1.6 and folding.std() > 0.2


def outline(who: Person) -> np.ndarray:
    """(40, 40) which cells of the frontal plane the head with its hair covers, coarsely."""
    parts = [paint.grown(bare(who), who), *(g.reshape(-1, 3) for g in paint.hanging(who))]
    picture = np.zeros((40, 40), np.uint8)
    for grid in (parts[0].reshape(-1, COLUMNS, 3), *paint.hanging(who)):
        flat = np.rint((grid[:, :, :2] + [2.0, 2.1]) * 10 * 4).astype(np.int32)
        for row, below in itertools.pairwise(flat):
            cv2.fillConvexPoly(picture, cv2.convexHull(np.concatenate([row, below])), 1, 8, 2)
    return picture > 0


def test_styles_of_hair_have_silhouettes_of_their_own() -> None:
    plain = replace(PEOPLE[0], hair_depth=0.14, fringe=0.0, parting=0.8, texture=4)
    hanging = {"medium": 1.0, "long": 2.0}
    shapes = {
        style: outline(replace(plain, style=style, length=hanging.get(style, 0.0)))
        for style in ("bald", "short", "parted", "medium", "long", "curly")
    }
    sizes = {style: int(shape.sum()) for style, shape in shapes.items()}
    assert sizes["bald"] < sizes["short"] < sizes["parted"] < sizes["medium"] < sizes["long"]
    assert sizes["curly"] > sizes["short"] + 20
    knot = replace(plain, style="tied", length=0.0, texture=3)  # on the crown
    assert outline(knot)[:5].sum() > shapes["short"][:5].sum()


def test_receding_hair_starts_higher_and_a_fringe_lower_but_above_the_brows() -> None:
    azimuth = np.linspace(-0.9, 0.9, 19)
    plain = replace(PEOPLE[0], hairline=0.0, fringe=0.0, style="short")
    usual = paint.hairline(plain, azimuth)
    assert (paint.hairline(replace(plain, style="receding"), azimuth) < usual - 0.05).all()
    low = paint.hairline(replace(plain, style="long", fringe=1.0), azimuth)
    assert (low > usual).all() and low.max() < -0.4


def test_beards_grow_where_their_names_say_and_not_on_the_brow() -> None:
    front = np.flatnonzero(np.abs(skin.axes()[0]) < 1.3)  # behind it the same x comes again
    x, y = (a[skin.BEARDED][:, front] for a in skin.plane())
    maps = {name: cover[:, front] for name, cover in skin.beards().items()}
    chin, lip = (np.abs(x) < 0.15) & (np.abs(y - 1.3) < 0.05), (y > 0.8) & (y < 0.85)
    lip &= (np.abs(x) > 0.08) & (np.abs(x) < 0.25)
    jaw = (np.abs(x) > 0.6) & (np.abs(x) < 0.7) & (np.abs(y - 1.0) < 0.05)
    assert maps["full"][chin].min() > 0.5 and maps["full"][jaw].min() > 0.5
    assert maps["goatee"][chin].min() > 0.5 and maps["goatee"][jaw].max() < 0.05
    assert maps["moustache"][lip].min() > 0.5 and maps["moustache"][chin].max() < 0.05


def test_caches_are_bounded() -> None:
    for cache in (person, paint.atlas, skin.skin, skin.strands, paint.hanging):
        assert cache.cache_info().maxsize is not None  # type: ignore[attr-defined]


def signature(identity: int, seed: int) -> np.ndarray:
    """A small picture of the face without its mean brightness."""
    rng = np.random.default_rng([seed, identity])
    spec = FaceSpec(
        identity=identity,
        seed=seed * 1000 + identity,
        yaw=float(rng.uniform(-8, 8)),
        pitch=float(rng.uniform(-4, 4)),
        size_px=96.0,
        centre=(63.5, 63.5),
        light=Light(azimuth=float(rng.uniform(-40, 40)), elevation=float(rng.uniform(10, 50))),
    )
    small = cv2.resize(render_face(spec, 128).image[16:112, 20:108], (22, 24), 0, 0, 0, 3)
    flat = small.astype(float).ravel()
    flat -= flat.mean()
    return np.asarray(flat / np.linalg.norm(flat))


def test_an_identity_looks_more_like_itself_than_others_under_other_light_and_pose() -> None:
    ids = range(200, 240)
    first, second = (np.stack([signature(i, seed) for i in ids]) for seed in (1, 2))
    alike = first @ second.T
    same, other = np.diag(alike), alike[~np.eye(len(ids), dtype=bool)]
    # Raw pixels see light before they see people: 0.87 over 120 identities, 0.5 by chance.
    assert (same[:, None] > other[None]).mean() > 0.8
