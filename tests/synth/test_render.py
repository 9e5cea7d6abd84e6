import itertools
from dataclasses import replace

import numpy as np
import pytest

from facecurate.synth import canvas, points, scene
from facecurate.synth.corpora import rescaled
from facecurate.synth.facs import ACTION_UNITS, strengths
from facecurate.synth.labels import mirrored
from facecurate.synth.light import Lamps
from facecurate.synth.look import Look, draw
from facecurate.synth.modes import IDENTITY_MODES, identity_basis
from facecurate.synth.motion import motion_basis
from facecurate.synth.person import Person, person
from facecurate.synth.render import look_of, render_face, render_photo, window
from facecurate.synth.spec import IDENTITIES, FaceSpec, Light, PhotoSpec, random_spec

SIZE = 192


# Somebody whose face nothing covers.
PLAIN = next(
    i
    for i in range(1000)
    if person(i).style in ("bald", "receding", "short")
    and person(i).glasses is None
    and person(i).beard == person(i).fringe == 0
)


def spec_of(**changes: object) -> FaceSpec:
    plain = FaceSpec(identity=PLAIN, size_px=110.0, centre=(95.5, 90.5))
    return replace(plain, **changes)  # type: ignore[arg-type]


def marked(spec: FaceSpec, places: np.ndarray, size: int) -> tuple[np.ndarray, scene.Scene]:
    """Where dots painted at up to three places on the head's map are drawn: (H, W, 3)."""
    who = person(spec.identity)
    built = scene.build(who, spec)
    texture = np.zeros_like(look_of(who, spec).texture)
    columns, rows = np.meshgrid(np.arange(canvas.SIDE), np.arange(canvas.SIDE))
    for channel, place in enumerate(places):
        around = place + 0.01 * np.array([[0, 0], [-1, 0], [1, 0], [0, -1], [0, 1]])
        (x, y), left, right, above, below = canvas.to_texels(around)
        per_x, per_y = (right[0] - left[0]) / 0.02, (below[1] - above[1]) / 0.02
        radius = np.hypot((columns - x) / per_x, (rows - y) / per_y) / 0.016
        texture[: canvas.SIDE, :, channel] = np.rint(255 * np.clip(1 - radius, 0, 1))
    where = window(built, size, size)
    layer, _ = draw(built, where, flat_look(who, spec, texture))
    picture = np.zeros((size, size, 3))
    picture[where] = layer[:, :, :3]
    return picture, built


def flat_look(who: Person, spec: FaceSpec, texture: np.ndarray) -> Look:
    """The texture alone: light from everywhere, no shine, no iris."""
    look = look_of(who, spec)
    surfaces = look.surfaces.copy()
    surfaces[:, :5] = [1, 1, 1, 0, 0]
    everywhere = Lamps(np.zeros((1, 11), np.float32), np.ones((2, 3), np.float32), 0.0, 0.0)
    return replace(
        look,
        texture=texture,
        surfaces=surfaces,
        lamps=everywhere,
        iris=np.array([0, 0, 0, 0.0, 0.0], np.float32),
    )


def offsets() -> dict[str, int]:
    return dict(zip(points.SETS, [0, *points.ENDS[:-1]], strict=True))


@pytest.mark.parametrize(
    ("yaw", "units"),
    [(-20.0, {"au12": 2.5}), (3.0, {"au26": 4.0, "au1": 3.0}), (25.0, {"au4": 4.0, "au20": 5.0})],
)
@pytest.mark.parametrize("name", ["68-3d", "98", "106", "29", "19"])
def test_a_dot_painted_at_a_point_is_drawn_where_the_label_says(
    yaw: float, units: dict[str, float], name: str
) -> None:
    spec = spec_of(
        yaw=yaw,
        pitch=6.0,
        roll=-8.0,
        units=strengths(**units),
        size_px=200.0,
        centre=(140.5, 140.5),
    )
    on_mesh = [i for i in range(len(points.SETS[name])) if i not in points.PUPILS.get(name, ())]
    on_mesh = on_mesh[points.OUTLINES.get(name, 0) :]
    # Where the lips meet, the skin's map is stretched or folded and a dot is torn.
    on_mesh = [i for i in on_mesh if not 0.935 < points.SETS[name][i, 1] < 0.975]
    errors = []
    for three in zip(*[iter(on_mesh)] * 3, strict=False):
        picture, built = marked(spec, points.SETS[name][list(three)], 280)
        for channel, index in enumerate(three):
            at = offsets()[name] + index
            seen = picture[:, :, channel]
            if built.towards[at] < 0.5 or seen.sum() == 0:
                continue  # too slanted for a dot to have its middle where it is
            rows, columns = np.indices(seen.shape)
            centre = np.array([(columns * seen).sum(), (rows * seen).sum()]) / seen.sum()
            errors.append(float(np.linalg.norm(centre - built.points[at, :2])))
    assert len(errors) >= len(on_mesh) // 3
    assert max(errors) < 0.5 and np.mean(errors) < 0.15, errors


def test_the_outline_of_a_turned_face_is_where_the_picture_ends() -> None:
    """No vertex of the cheek's rows lies further out than the outline's points do."""
    for yaw in (-60.0, -30.0, 30.0, 60.0):
        labels = render_face(spec_of(identity=6, yaw=yaw, roll=4.0, size_px=150.0), 192).labels
        side = slice(0, 7) if yaw < 0 else slice(10, 17)
        mine, surface = labels.points["68"][side, :2], labels.points["68-3d"][side, :2]
        out = -1.0 if yaw < 0 else 1.0
        assert (out * (mine[:, 0] - surface[:, 0]) > -0.5).all()
        assert np.abs(mine - surface).max() > 2.0  # it did move
        other = slice(10, 17) if yaw < 0 else slice(0, 7)
        assert np.array_equal(labels.points["68"][other], labels.points["68-3d"][other])


def test_no_one_s_face_is_folded_over_itself() -> None:
    """Every inner point of a bare frontal face looks towards the camera."""
    at = offsets()["68-3d"]
    for identity in range(400):
        spec = FaceSpec(identity=identity, glasses=False)
        towards = scene.build(person(identity), spec).towards[at + 17 : at + 68]
        assert towards.min() > -0.3, (identity, 17 + int(towards.argmin()))


def test_the_outline_s_points_do_not_flicker_while_the_head_turns() -> None:
    bare = [i for i in range(300) if person(i).style == "short" and person(i).glasses is None][:6]
    seen = np.array(
        [
            [render_face(spec_of(identity=i, yaw=y), SIZE).labels.visible[:17] for y in turns]
            for i in bare
            for turns in [np.arange(14.0, 18.0, 0.5).tolist()]
        ]
    )
    assert (seen[:, 1:] != seen[:, :-1]).mean() < 0.03
    assert seen.mean() > 0.95


def test_pupils_follow_the_gaze_and_hide_behind_closed_lids() -> None:
    straight = render_face(spec_of(), SIZE).labels
    aside = render_face(spec_of(gaze=(20.0, 0.0)), SIZE).labels
    up = render_face(spec_of(gaze=(0.0, 12.0)), SIZE).labels
    shut = render_face(spec_of(units=strengths(au43=5.0)), SIZE).labels
    for name, pair in points.PUPILS.items():
        for at in pair:
            assert aside.points[name][at, 0] > straight.points[name][at, 0] + 2
            assert up.points[name][at, 1] < straight.points[name][at, 1] - 1
            assert straight.seen[name][at] and not shut.seen[name][at]
        rest = [i for i in range(len(straight.points[name])) if i not in pair]
        assert np.array_equal(aside.points[name][rest], straight.points[name][rest])


def test_every_unit_is_a_linear_function_of_the_vertices() -> None:
    """A ridge probe on the unposed heads of new people finds each unit; neighbours do not leak."""
    rng = np.random.default_rng(0)
    count, train = 900, 700
    basis = np.concatenate([motion_basis().reshape(len(ACTION_UNITS), -1)])
    axes = np.linalg.qr(
        np.concatenate([basis, identity_basis().reshape(len(basis_names()), -1)]).T
    )[0]
    units = rng.uniform(0, 5, (count, len(ACTION_UNITS)))
    heads = np.stack(
        [
            scene.shape_of(
                person(10_000_000 + i),
                spec_of(identity=10_000_000 + i, units=tuple(u), lopsided=lopsided),
            ).ravel()
            @ axes
            for i, (u, lopsided) in enumerate(zip(units, rng.normal(0, 0.2, count), strict=True))
        ]
    )
    x = np.column_stack([heads, np.ones(count)])
    weights = np.linalg.lstsq(x[:train], units[:train], rcond=None)[0]
    left = ((x[train:] @ weights - units[train:]) ** 2).mean(axis=0)
    r2 = 1 - left / units[train:].var(axis=0)
    assert (r2 > 0.98).all(), dict(zip(ACTION_UNITS, r2.round(4), strict=True))


def basis_names() -> list[str]:
    return list(IDENTITY_MODES)


def test_the_same_spec_gives_the_same_bytes_whatever_was_drawn_before() -> None:
    first = render_face(random_spec(3), SIZE)
    for other in range(20, 32):  # more identities than the texture cache holds
        render_face(random_spec(other), 96)
    again = render_face(random_spec(3), SIZE)
    assert first.image.tobytes() == again.image.tobytes()
    assert first.labels.points68.tobytes() == again.labels.points68.tobytes()


def test_the_box_has_the_size_and_the_centre_of_the_spec() -> None:
    for seed in range(8):
        spec = random_spec(seed, max_yaw=45, size_px=90 + seed, centre=(80.0 + seed, 77.25))
        x0, y0, x1, y1 = render_face(spec, SIZE).labels.box
        assert max(x1 - x0, y1 - y0) == pytest.approx(90 + seed)
        assert ((x0 + x1) / 2, (y0 + y1) / 2) == pytest.approx((80.0 + seed, 77.25))


def test_the_frontal_face_has_all_points_in_its_box_and_in_order() -> None:
    labels = render_face(spec_of(), SIZE).labels
    x0, y0, x1, y1 = labels.box
    p = labels.points68
    assert ((p >= [x0 - 1, y0 - 1]) & (p <= [x1 + 1, y1 + 1])).all()
    assert labels.visible.all()
    assert (np.diff(p[2:15, 0]) > 0).all()  # the jaw from image-left to image-right
    assert p[8, 1] == p[:, 1].max()  # the chin
    assert p[36, 0] < p[39, 0] < p[42, 0] < p[45, 0]
    assert p[37, 1] < p[41, 1] and p[51, 1] < p[62, 1] < p[66, 1] < p[57, 1]
    eyes = [p[36:42].mean(axis=0), p[42:48].mean(axis=0)]
    assert labels.landmarks == pytest.approx(np.concatenate([*eyes, p[30], p[48], p[54]]))


def test_angles_turn_the_head_the_way_they_say() -> None:
    plain = render_face(spec_of(), SIZE).labels.points68
    right = render_face(spec_of(yaw=20.0), SIZE).labels.points68
    up = render_face(spec_of(pitch=15.0), SIZE).labels.points68
    lean = render_face(spec_of(roll=10.0), SIZE).labels.points68

    def nose(p: np.ndarray) -> np.ndarray:
        return p[30] - p[[36, 45]].mean(axis=0)

    assert nose(right)[0] > nose(plain)[0] + 5
    assert nose(up)[1] < nose(plain)[1] - 3
    slope = np.rad2deg(np.arctan2(*(lean[45] - lean[36])[::-1]))
    tilt = np.rad2deg(np.arctan2(*(plain[45] - plain[36])[::-1]))
    assert slope - tilt == pytest.approx(10.0, abs=0.3)


def test_expressions_move_what_they_name_and_leave_the_brows_or_the_mouth_alone() -> None:
    def span(p: np.ndarray, a: int, b: int) -> float:
        return float(np.linalg.norm(p[a] - p[b]) / np.linalg.norm(p[36] - p[45]))

    plain = render_face(spec_of(), SIZE).labels.points68
    for name, (a, b), grows in [
        ("au12", (48, 54), True),
        ("au26", (62, 66), True),
        ("au2", (19, 37), True),
        ("au43", (37, 41), False),
    ]:
        steps = [
            span(render_face(spec_of(units=strengths(**{name: s})), SIZE).labels.points68, a, b)
            for s in (2.5, 5.0)
        ]
        values = [span(plain, a, b), *steps]
        assert values == sorted(values, reverse=not grows) and len(set(values)) == 3, name
    shut = render_face(spec_of(units=strengths(au43=5)), SIZE).labels.points68
    assert span(shut, 37, 41) < 0.3 * span(plain, 37, 41)
    assert span(shut, 48, 54) == pytest.approx(span(plain, 48, 54), rel=1e-3)


def test_the_identity_is_the_same_under_every_light_and_the_seed_does_not_change_it() -> None:
    one = render_face(spec_of(), SIZE)
    lit = render_face(spec_of(seed=9, light=Light(azimuth=-60, key=0.9)), SIZE)
    assert one.labels.points68.tobytes() == lit.labels.points68.tobytes()
    assert (one.image != lit.image).mean() > 0.5
    other = render_face(spec_of(identity=6), SIZE)
    assert np.abs(one.labels.points68 - other.labels.points68).max() > 2


def test_the_background_depends_on_the_seed_and_not_on_the_identity() -> None:
    corner = [render_face(spec_of(identity=i), SIZE).image[:8, :8] for i in (1, 2)]
    assert corner[0].tobytes() == corner[1].tobytes()
    other = render_face(spec_of(identity=1, seed=1), SIZE).image[:8, :8]
    assert corner[0].tobytes() != other.tobytes()


def test_the_identities_of_different_purposes_are_disjoint() -> None:
    ranges = sorted(IDENTITIES.values(), key=lambda r: r.start)
    assert all(a.stop <= b.start for a, b in itertools.pairwise(ranges))
    assert set(IDENTITIES) == {"photos", "train", "val", "test"}


def test_skins_cover_the_range_from_very_light_to_very_dark() -> None:
    tones = np.array([person(i).skin.mean() for i in range(300)])
    assert tones.min() < 70 and tones.max() > 215
    assert np.histogram(tones, bins=[0, 90, 140, 190, 256])[0].min() > 30


def test_left_and_right_of_a_frontal_face_differ() -> None:
    image = render_face(spec_of(light=Light(azimuth=0.0)), SIZE).image.astype(int)
    about = image[40:140, 46:146]
    assert np.abs(about - about[:, ::-1]).mean() > 4


def test_a_face_in_front_hides_points_behind_it() -> None:
    behind = FaceSpec(identity=1, size_px=70, centre=(80, 80))
    front = FaceSpec(identity=2, size_px=90, centre=(90, 90))
    _, labels = render_photo(PhotoSpec(SIZE, SIZE, 1, (front, behind)))
    assert labels[0].identity == 2 and labels[0].visible.all()
    hidden = ~labels[1].visible
    covered = (labels[1].points68[:, 0] > 62) & (labels[1].points68[:, 1] > 60)
    assert covered.sum() > 40 and hidden[covered].all()
    _, alone = render_photo(PhotoSpec(SIZE, SIZE, 1, (behind,)))
    assert alone[0].visible.all()


def test_points_outside_the_picture_or_behind_the_head_are_not_visible() -> None:
    cut = render_face(spec_of(centre=(20.0, 90.0)), SIZE).labels
    assert (cut.visible == (cut.points68[:, 0] >= -0.5)).mean() > 0.95
    turned = render_face(spec_of(yaw=60.0), SIZE).labels
    surface = turned.seen["68-3d"]
    assert not surface[[14, 15, 16]].any() and surface[[0, 1, 2, 36, 30]].all()


def test_labels_follow_the_picture_through_a_mirror_and_a_resize() -> None:
    labels = render_face(spec_of(yaw=15.0), SIZE).labels
    there = mirrored(labels, SIZE)
    assert there.points68[36] == pytest.approx(
        [SIZE - 1 - labels.points68[45, 0], labels.points68[45, 1]]
    )
    assert there.landmarks == pytest.approx(there.points["5"][:, :2].ravel())
    nearest = np.abs(there.vertices[:, None, :2] - there.points["68-3d"][None, [30], :2]).sum(
        axis=2
    )
    before = np.abs(labels.vertices[:, None, :2] - labels.points["68-3d"][None, [30], :2]).sum(
        axis=2
    )
    assert nearest.argmin() == before.argmin()  # the tip of the nose is the same vertex
    back = mirrored(there, SIZE)
    assert back.vertices == pytest.approx(labels.vertices)
    assert back.points68 == pytest.approx(labels.points68) and back.box == pytest.approx(labels.box)
    half = rescaled(labels, np.array([0.5, 0.25]))
    assert half.points68 == pytest.approx((labels.points68 + 0.5) * [0.5, 0.25] - 0.5)


def test_the_edge_of_the_picture_of_half_the_size_lies_where_the_rule_says() -> None:
    spec = spec_of(yaw=10.0)
    scaled = replace(
        spec, size_px=spec.size_px / 2, centre=tuple((c + 0.5) / 2 - 0.5 for c in spec.centre)
    )
    large, small = render_face(spec, SIZE).labels, render_face(scaled, SIZE // 2).labels
    assert small.points68 == pytest.approx((large.points68 + 0.5) / 2 - 0.5, abs=1e-9)


def test_a_face_out_of_sight_leaves_the_background() -> None:
    away = render_face(spec_of(centre=(-4000.0, 90.0)), SIZE)
    empty, labels = render_photo(PhotoSpec(SIZE, SIZE, 0))
    assert away.image.tobytes() == empty.tobytes() and labels == []
    assert not away.labels.visible.any()


@pytest.mark.parametrize("wrong", [{"size_px": 0.0}, {"distance": 1.0}])
def test_impossible_specs_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="must be"):
        spec_of(**wrong)


def test_dlib_finds_near_frontal_faces_and_no_second_one() -> None:
    dlib = pytest.importorskip("dlib", reason="not installed: run 'make test'")
    detector, found, second = dlib.get_frontal_face_detector(), 0, 0
    for seed in range(30):
        face = render_face(random_spec(seed, size_px=110 + seed), 256)
        boxes = detector(face.image, 0)
        x0, y0, x1, y1 = face.labels.box
        middles = [((b.left() + b.right()) / 2, (b.top() + b.bottom()) / 2) for b in boxes]
        found += sum(x0 < x < x1 and y0 < y < y1 for x, y in middles) == 1
        second += len(boxes) > 1
    assert found >= 27 and second == 0
