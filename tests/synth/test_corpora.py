import json
from collections import Counter

import numpy as np
import pytest

from facecurate import images
from facecurate.errors import FacecurateError
from facecurate.synth.aligned import FOLDERS, faces_300w, plan_300w
from facecurate.synth.background import background
from facecurate.synth.corpora import (
    COPIES,
    PlannedPhoto,
    Truth,
    cropped,
    overlaid,
    photos_corpus,
    plan_photo,
)
from facecurate.synth.labels import FaceLabels
from facecurate.synth.render import render_face
from facecurate.synth.spec import IDENTITIES, FaceSpec

SEED = 11


@pytest.fixture(scope="module")
def copies() -> list[PlannedPhoto]:
    """One planned copy of every kind."""
    plans = list(photos_corpus(400, SEED))
    return [next(p for p in plans if p.kind == kind) for kind in COPIES]


def both(copy: PlannedPhoto) -> tuple[np.ndarray, Truth, np.ndarray, Truth]:
    """Pixels and truth of a copy and of its original."""
    assert copy.original is not None
    (data, truth), (there, first) = copy.make(), plan_photo(SEED, copy.original).make()
    return images.decode(data).pixels, truth, images.decode(there).pixels, first


def test_the_shares_are_about_a_tenth_of_copies_and_a_twentieth_without_faces() -> None:
    kinds = Counter(p.kind for p in photos_corpus(4000, 2))
    assert sum(kinds[k] for k in COPIES) / 4000 == pytest.approx(0.10, abs=0.015)
    assert kinds["no_face"] / 4000 == pytest.approx(0.05, abs=0.012)
    assert min(kinds[k] for k in COPIES) > 45


def test_copies_are_made_from_renders_before_them() -> None:
    plans = list(photos_corpus(600, SEED))
    for plan in plans:
        if plan.kind in COPIES:
            assert plan.original is not None and plan.original < plan.index
            assert plans[plan.original].kind == "render"
        else:
            assert plan.original is None
    assert plans[0].kind == "render"
    assert len({p.file for p in plans}) == len(plans)


def test_an_item_is_the_same_alone_and_in_any_order_and_any_count() -> None:
    forwards = [p.make()[0] for p in photos_corpus(4, SEED)]
    backwards = [plan_photo(SEED, i).make()[0] for i in (3, 2, 1, 0)]
    assert forwards == backwards[::-1]
    assert forwards[0] != plan_photo(SEED + 1, 0).make()[0]


def test_an_exact_copy_has_the_original_s_bytes(copies: list[PlannedPhoto]) -> None:
    copy = copies[0]
    data, truth = copy.make()
    there, first = plan_photo(SEED, copy.original or 0).make()
    assert data == there
    assert truth.file != first.file and truth.copy_of == first.file


def test_a_rescaled_copy_shows_the_points_where_the_rule_puts_them(
    copies: list[PlannedPhoto],
) -> None:
    pixels, truth, whole, first = both(copies[1])
    factor = np.array(pixels.shape[1::-1]) / whole.shape[1::-1]
    assert (factor > 0.49).all() and (factor < 0.81).all()
    for mine, original in zip(truth.labels, first.labels, strict=True):
        assert mine.points68 == pytest.approx((original.points68 + 0.5) * factor - 0.5)
    shrunk = images.resize(whole, pixels.shape[1], pixels.shape[0])
    assert np.abs(shrunk.astype(int) - pixels).mean() < 4


def test_a_recompressed_copy_differs_by_its_compression_alone(copies: list[PlannedPhoto]) -> None:
    copy = copies[2]
    assert 40 <= copy.quality <= 80
    pixels, truth, whole, first = both(copy)
    assert pixels.shape == whole.shape and (pixels != whole).any()
    assert np.abs(pixels.astype(int) - whole).mean() < 6
    assert truth.labels[0].points68.tobytes() == first.labels[0].points68.tobytes()


def test_a_mirrored_copy_is_the_mirror_image_with_left_and_right_swapped(
    copies: list[PlannedPhoto],
) -> None:
    pixels, truth, whole, first = both(copies[3])
    assert np.abs(pixels[:, ::-1].astype(int) - whole).mean() < 4
    mine, original = truth.labels[0], first.labels[0]
    edge = whole.shape[1] - 1
    assert mine.points68[36] == pytest.approx(
        [edge - original.points68[45, 0], original.points68[45, 1]]
    )
    assert mine.landmarks[0] < mine.landmarks[2]  # the left eye is still the left one
    assert mine.box[0] == pytest.approx(edge - original.box[2])


def test_a_cropped_copy_lacks_a_tenth_or_more_of_each_side_and_shows_the_rest(
    copies: list[PlannedPhoto],
) -> None:
    pixels, truth, whole, first = both(copies[4])
    assert truth.kind == "cropped" and truth.copy_of == first.file
    left = np.array(pixels.shape[:2]) / whole.shape[:2]
    assert (left > 0.845).all() and (left < 0.905).all()
    shift = first.labels[0].points68[0] - truth.labels[0].points68[0]
    x, y = np.rint(shift).astype(int)
    assert shift == pytest.approx([x, y])
    part = whole[y : y + pixels.shape[0], x : x + pixels.shape[1]]
    assert part.shape == pixels.shape and np.abs(part.astype(int) - pixels).mean() < 4
    assert np.subtract(first.labels[0].box, truth.labels[0].box) == pytest.approx([x, y, x, y])


def test_a_cropped_copy_keeps_whole_faces_whole() -> None:
    cut = total = 0
    for plan in photos_corpus(400, SEED):
        if plan.kind == "cropped":
            pixels, truth, _, _ = both(plan)
            for known in truth.labels:
                low, high = np.reshape(known.box, (2, 2))
                cut += bool(
                    (low < -0.5).any() or (high > np.array(pixels.shape[1::-1]) - 0.5).any()
                )
                total += 1
    assert total >= 5 and cut <= total / 10


def large() -> tuple[np.ndarray, list[FaceLabels]]:
    """A face that is as wide as the picture, so that it cannot stay whole."""
    face = render_face(FaceSpec(IDENTITIES["test"][3], 1, size_px=200.0, centre=(99.5, 99.5)), 200)
    return face.image, [face.labels]


def test_points_that_are_cut_off_are_not_seen_and_the_others_are() -> None:
    image, labels = large()
    lost = 0
    for seed in range(12):
        part, (known,) = cropped(image, labels, np.random.default_rng(seed))
        for name, places in known.points.items():
            end = np.array(part.shape[1::-1]) - 0.5
            inside = ((places[:, :2] >= -0.5) & (places[:, :2] < end)).all(axis=1)
            assert (known.seen[name] == (labels[0].seen[name] & inside)).all()
            lost += int((labels[0].seen[name] & ~inside).sum())
    assert lost > 20


def test_points_under_an_overlay_are_not_seen_and_only_the_edge_is_overlaid() -> None:
    image, labels = large()
    drawn, lost = set(), 0
    for seed in range(30):
        out, (known,) = overlaid(image, labels, np.random.default_rng(seed))
        changed = (out != image).any(axis=2)
        assert changed.any() and not changed[21:-21, 21:-21].any()
        drawn.add((bool(changed[100, :12].any()), bool(changed[[2, -3]].mean(axis=1).max() > 0.9)))
        for name, places in known.points.items():
            hidden = labels[0].seen[name] & ~known.seen[name]
            x, y = np.rint(places[hidden, :2]).astype(int).T
            assert changed[y, x].all()
            lost += int(hidden.sum())
        assert known.box == labels[0].box
        again, _ = overlaid(image, labels, np.random.default_rng(seed))
        assert again.tobytes() == out.tobytes()
    assert lost > 20
    assert drawn == {(True, True), (False, True), (False, False)}  # frame, caption, logo


def test_an_overlaid_copy_is_the_original_away_from_its_edge_and_spares_every_face_s_centre(
    copies: list[PlannedPhoto],
) -> None:
    pixels, truth, whole, first = both(copies[5])
    assert truth.kind == "overlaid" and truth.copy_of == first.file
    band = int(0.1 * min(whole.shape[:2])) + 8
    assert np.abs(pixels.astype(int) - whole)[band:-band, band:-band].mean() < 4
    assert np.abs(pixels.astype(int) - whole).max() > 60
    assert truth.labels[0].points68.tobytes() == first.labels[0].points68.tobytes()
    for plan in photos_corpus(1500, SEED):
        if plan.kind == "overlaid":
            spec = plan_photo(SEED, plan.original or 0).photo_spec()
            for face in spec.faces:
                edges = np.array([*face.centre, spec.width - 1, spec.height - 1])
                edges[2:] -= face.centre
                assert edges.min() > 0.1 * min(spec.width, spec.height) + 1


def test_a_photo_without_a_face_is_as_noisy_as_its_camera() -> None:
    plans = [p for p in photos_corpus(400, SEED) if p.kind == "no_face"]
    plan = next(p for p in plans if p.photo_spec().noise > 3 and p.photo_spec().blur == 0)
    spec = plan.photo_spec()
    image, labels = plan._draw()
    assert labels == [] and spec.faces == ()
    room = background(spec.width, spec.height, spec.seed, clutter=24)
    apart = image.astype(float) - room
    inside = (room > 30) & (room < 225)
    assert apart[inside].std() == pytest.approx(spec.noise, rel=0.1)


def test_a_photo_without_a_face_has_none_and_its_truth_says_so() -> None:
    plan = next(p for p in photos_corpus(400, SEED) if p.kind == "no_face")
    data, truth = plan.make()
    row = truth.row()
    assert row["faces"] == 0 and row["boxes"] == [] and row["points"] == []
    assert images.decode(data).pixels.std() > 5


def test_renders_hold_one_to_three_whole_faces_of_at_least_eighty_pixels() -> None:
    counts: Counter[int] = Counter()
    for plan in photos_corpus(300, SEED):
        if plan.kind != "render":
            continue
        spec = plan.photo_spec()
        assert min(spec.width, spec.height) >= 256 and max(spec.width, spec.height) <= 512
        counts[len(spec.faces)] += 1
        for face in spec.faces:
            assert face.size_px >= 80 and face.identity in IDENTITIES["photos"]
            assert face.size_px / 2 <= face.centre[1] + 1
            assert face.centre[1] + face.size_px / 2 <= spec.height
    assert set(counts) == {1, 2, 3} and counts[1] > 4 * counts[2] > 4 * counts[3]


def test_truth_rows_are_plain_json() -> None:
    row = plan_photo(SEED, 0).make()[1].row()
    assert json.loads(json.dumps(row)) == row
    assert set(row) == {"file", "kind", "copy_of", "faces", "boxes", "points"}
    assert len(row["points"][0]) == 136 and len(row["boxes"][0]) == 4


def test_300w_fills_every_folder_in_the_planned_shares() -> None:
    counts = Counter(p.subset for p in plan_300w(1000, 1))
    assert sum(counts.values()) == 1000 and set(counts) == set(FOLDERS)
    train = sum(counts[f] for f in ("afw", "helen/trainset", "lfpw/trainset"))
    assert train == pytest.approx(600, abs=5)
    assert all(n == 1 for n in Counter(p.subset for p in plan_300w(8, 1)).values())
    with pytest.raises(FacecurateError, match="8 folders"):
        plan_300w(7, 1)


def test_300w_draws_nobody_for_both_training_and_test() -> None:
    training = {"afw", "helen/trainset", "lfpw/trainset"}
    assert {who for folder, (_, who, *_) in FOLDERS.items() if folder in training} == {"train"}
    assert {who for folder, (_, who, *_) in FOLDERS.items() if folder not in training} == {"test"}


def test_300w_names_are_unique_and_one_in_ibug_has_its_blank() -> None:
    for count in (8, 300):
        names = [(p.subset, p.name) for p in plan_300w(count, 1)]
        assert len(set(names)) == len(names)
        assert ("ibug", "image_092 _01.jpg") in names
    assert {name.rsplit(".")[-1] for subset, name in names if "lfpw" in subset} == {"png"}
    assert ("300W/01_Indoor", "indoor_001.png") in names


def test_300w_shows_what_its_labels_say_and_one_point_lies_outside() -> None:
    samples = list(faces_300w(8, 5))
    assert [s.name for s in samples] == [p.name for p in plan_300w(8, 5)]
    for sample in samples:
        side = sample.image.shape[0]
        assert sample.image.shape == (side, side, 3) and 200 <= side <= 300
        assert sample.labels.points68.shape == (68, 2)
        extent = max(np.subtract(sample.labels.box[2:], sample.labels.box[:2]))
        assert 100 <= extent <= 200
    spaced = next(s for s in samples if s.name == "image_092 _01.jpg")
    assert spaced.labels.points68[:, 0].min() < 0
    assert [s.labels.points68.tobytes() for s in faces_300w(8, 5)] == [
        s.labels.points68.tobytes() for s in samples
    ]
