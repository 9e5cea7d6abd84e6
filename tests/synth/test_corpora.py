import json
from collections import Counter

import numpy as np
import pytest

from facecurate import images
from facecurate.errors import FacecurateError
from facecurate.synth.aligned import FOLDERS, faces_300w, plan_300w
from facecurate.synth.corpora import COPIES, PlannedPhoto, Truth, photos_corpus, plan_photo
from facecurate.synth.spec import IDENTITIES

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
    assert min(kinds[k] for k in COPIES) > 70


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
