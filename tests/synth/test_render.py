import itertools
from dataclasses import replace

import numpy as np
import pytest

from facecurate.synth import canvas, scene
from facecurate.synth import template as head
from facecurate.synth.corpora import rescaled
from facecurate.synth.person import person
from facecurate.synth.render import (
    Look,
    draw,
    look_of,
    mirrored,
    render_face,
    render_photo,
    ten,
    window,
)
from facecurate.synth.spec import IDENTITIES, FaceSpec, Light, PhotoSpec, random_spec

SIZE = 192


def spec_of(**changes: object) -> FaceSpec:
    plain = FaceSpec(identity=5, size_px=110.0, centre=(95.5, 90.5))
    return replace(plain, **changes)  # type: ignore[arg-type]


def marked(spec: FaceSpec, index: int, size: int) -> tuple[np.ndarray, scene.Scene]:
    """Where a dot painted at one point's place on the head's map is drawn: (H, W) brightness."""
    who = person(spec.identity)
    built = scene.build(who, spec)
    texture = np.zeros_like(look_of(who, spec).texture)
    around = head.POINTS[index] + 0.01 * np.array([[0, 0], [-1, 0], [1, 0], [0, -1], [0, 1]])
    (x, y), left, right, above, below = canvas.to_texels(around)
    per_x, per_y = (right[0] - left[0]) / 0.02, (below[1] - above[1]) / 0.02
    columns, rows = np.meshgrid(np.arange(canvas.SIDE), np.arange(canvas.SIDE))
    radius = np.hypot((columns - x) / per_x, (rows - y) / per_y) / 0.016
    texture[: canvas.SIDE, :, :3] = np.rint(255 * np.clip(1 - radius, 0, 1))[:, :, None]
    flat = Look(
        texture=texture,
        tints=np.ones((4, 3), np.float32),
        gloss=np.zeros(4, np.float32),
        lights=np.zeros((1, 6), np.float32),
        sky=np.ones((2, 3), np.float32),
        iris=np.array([0, 0, 0, 0.08, 0.03], np.float32),
    )
    where = window(built, size, size)
    layer, _ = draw(built, where, flat)
    picture = np.zeros((size, size))
    picture[where] = layer[:, :, 0]
    return picture, built


@pytest.mark.parametrize("yaw", [-20.0, 0.0, 25.0])
@pytest.mark.parametrize("jaw", [0.0, 1.0])
def test_a_dot_painted_at_a_point_is_drawn_where_the_label_says(yaw: float, jaw: float) -> None:
    spec = spec_of(
        yaw=yaw, pitch=6.0, roll=-8.0, jaw_open=jaw, smile=0.5, size_px=200.0, centre=(140.5, 140.5)
    )
    errors = []
    for index in [3, 13, 19, 24, 27, 29, 30, 36, 39, 42, 45, 48, 51, 54, 57]:
        picture, built = marked(spec, index, 280)
        if built.towards[index] < 0.5:
            continue  # too slanted for a dot to have its middle where it is
        rows, columns = np.indices(picture.shape)
        centre = np.array([(columns * picture).sum(), (rows * picture).sum()]) / picture.sum()
        errors.append(float(np.linalg.norm(centre - built.points[index, :2])))
    assert len(errors) >= 10
    assert max(errors) < 0.3 and np.mean(errors) < 0.15, errors


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
        ("smile", (48, 54), True),
        ("jaw_open", (62, 66), True),
        ("brow_raise", (19, 37), True),
        ("blink", (37, 41), False),
    ]:
        steps = [
            span(render_face(spec_of(**{name: s}), SIZE).labels.points68, a, b) for s in (0.5, 1.0)
        ]
        values = [span(plain, a, b), *steps]
        assert values == sorted(values, reverse=not grows) and len(set(values)) == 3, name
    shut = render_face(spec_of(blink=1.0), SIZE).labels.points68
    assert span(shut, 37, 41) < 0.2 * span(plain, 37, 41)
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
    front = FaceSpec(identity=2, size_px=90, centre=(95, 90))
    _, labels = render_photo(PhotoSpec(SIZE, SIZE, 1, (front, behind)))
    assert labels[0].identity == 2 and labels[0].visible.all()
    assert not labels[1].visible.any()
    _, alone = render_photo(PhotoSpec(SIZE, SIZE, 1, (behind,)))
    assert alone[0].visible.all()


def test_points_outside_the_picture_or_behind_the_head_are_not_visible() -> None:
    cut = render_face(spec_of(centre=(20.0, 90.0)), SIZE).labels
    assert (cut.visible == (cut.points68[:, 0] >= -0.5)).mean() > 0.95
    turned = render_face(spec_of(yaw=60.0), SIZE).labels
    assert not turned.visible[[14, 15, 16]].any() and turned.visible[[0, 1, 2, 36, 30]].all()


def test_labels_follow_the_picture_through_a_mirror_and_a_resize() -> None:
    labels = render_face(spec_of(yaw=15.0), SIZE).labels
    there = mirrored(labels, SIZE, head.MIRROR.tolist())
    assert there.points68[36] == pytest.approx(
        [SIZE - 1 - labels.points68[45, 0], labels.points68[45, 1]]
    )
    assert there.landmarks == pytest.approx(ten(there.points68))
    back = mirrored(there, SIZE, head.MIRROR.tolist())
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
