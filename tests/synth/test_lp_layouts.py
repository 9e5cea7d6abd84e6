from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.io import loadmat

from facecurate import images, storage
from facecurate.datasets import aflw2000 as aflw
from facecurate.datasets import w300lp as lp
from facecurate.datasets.aflw2000 import AFLW2000, ReaderAFLW2000, aflw_points
from facecurate.datasets.annotated import Annotated
from facecurate.datasets.matfiles import Values, parse_mat
from facecurate.datasets.morphable import (
    beyond,
    fit_pose,
    in_picture,
    label_pose,
    owners_rotation,
    read_model,
)
from facecurate.datasets.points import POINT_SETS, permutation
from facecurate.datasets.w300lp import FLIP, SETS, W300LP
from facecurate.errors import FacecurateError
from facecurate.synth.render import render_photo
from facecurate.synth.spec import IDENTITIES
from facecurate.synthesise import aflw2000, parameters, w300lp

SEED = 3
SWAP = permutation(POINT_SETS["68"])
Rows = dict[str, dict[str, Any]]


def made(module: Any, count: int, root: str) -> Rows:
    rows = [row for item in module.items(count, SEED) for row in module.render(root, item)]
    module.complete(root, rows)
    return {row["file"]: row for row in rows}


@pytest.fixture(scope="module")
def large_poses(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Rows]:
    """16 pictures: of each set an original, a view and their mirrored copies."""
    root = str(tmp_path_factory.mktemp("300w-lp"))
    return root, made(w300lp, 16, root)


@pytest.fixture(scope="module")
def all_poses(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Rows]:
    root = str(tmp_path_factory.mktemp("aflw2000"))
    return root, made(aflw2000, 10, root)


def read(root: str, source: str, keys: Any) -> Values:
    return parse_mat(storage.read(storage.join(root, f"{source[:-4]}.mat")), keys, source)


def points_of(photo: Annotated) -> np.ndarray:
    return np.reshape(photo.faces[0].points or (), (68, 2))


# -- 300W-LP -----------------------------------------------------------------------------------


def test_300w_lp_is_whole_and_its_labels_are_the_truth(large_poses: tuple[str, Rows]) -> None:
    root, rows = large_poses
    assert W300LP.check(root, rendered=True) == []
    photos = {photo.source: photo for photo in W300LP.annotations(root)}
    assert sorted(photos) == sorted(rows) and len(rows) == 16
    for source, photo in photos.items():
        row = rows[source]
        assert points_of(photo).ravel() == pytest.approx(row["points"][0], abs=1e-6)
        assert photo.faces[0].label_pose == pytest.approx(row["pose"][0], abs=1.5)
        assert (photo.split, photo.sequence) == (row["split"], row["sequence"])


def test_300w_lp_pictures_are_squares_of_450_pixels(large_poses: tuple[str, Rows]) -> None:
    root, rows = large_poses
    for source in rows:
        header = images.inspect(storage.read(storage.join(root, source)))
        assert (header.width, header.height, header.format) == (450, 450, "JPEG")


def test_vertices_from_the_parameters_agree_with_the_points(
    large_poses: tuple[str, Rows], all_poses: tuple[str, Rows]
) -> None:
    for (root, rows), keys, folder, points in (
        (large_poses, lp.KEYS, "300W_LP", "pt2d"),
        (all_poses, aflw.KEYS, "AFLW2000", "pt3d_68"),
    ):
        model = read_model(storage.join(root, folder, "Code", "rendered_model.npz"))
        for source in rows:
            values = read(root, source, keys)
            if beyond(values["Pose_Para"], 99.0):
                continue  # the fit that is wrong on purpose
            at = in_picture(model.vertices(values))[model.keypoints]
            truth = values[points].T
            assert np.abs(at[:, : truth.shape[1]] - truth).max() < 0.5, source


def test_the_whole_face_agrees_with_the_renderer_s_mesh() -> None:
    item = aflw2000.items(8, SEED)[1]
    spec = aflw2000.photo(item)
    _, (labels,) = render_photo(spec)
    model, values = parameters.linear_model(), parameters.parameters(spec.faces[0], labels)
    at = in_picture(model.vertices(values))[: len(labels.vertices)]
    assert np.abs(at - labels.vertices).max() < 1.0
    again = fit_pose(model.head(values)[: len(labels.vertices)], labels.vertices)
    assert owners_rotation(*again[:3]) == pytest.approx(
        owners_rotation(*values["Pose_Para"][:3]), abs=3e-3
    )


def test_views_turn_further_and_show_the_same_head(large_poses: tuple[str, Rows]) -> None:
    root, rows = large_poses
    for set_ in SETS:
        first, view = (s for s in rows if s.startswith(f"300W_LP/{set_}/"))
        one, two = read(root, first, lp.KEYS), read(root, view, lp.KEYS)
        assert first.endswith("_0.jpg") and view.endswith("_1.jpg")
        assert (one["Shape_Para"] == two["Shape_Para"]).all()
        assert (one["Exp_Para"] == two["Exp_Para"]).all()
        assert (one["roi"] == two["roi"]).all()
        yaws = [rows[s]["pose"][0][0] for s in (first, view)]
        assert abs(yaws[1]) > abs(yaws[0]) and yaws[0] * yaws[1] > 0
        assert rows[first]["identity"] == rows[view]["identity"]


def test_mirrored_copies_mirror_picture_points_and_pose(large_poses: tuple[str, Rows]) -> None:
    root, rows = large_poses
    for source, row in rows.items():
        if row["kind"] != "mirrored":
            continue
        there = row["copy_of"]
        assert source == there.replace("/", FLIP + "/", 2).replace(f"300W_LP{FLIP}", "300W_LP")
        one, two = read(root, there, lp.KEYS), read(root, source, lp.KEYS)
        mirrored = one["pt2d"][:, SWAP] * [[-1.0], [1.0]] + [[449.0], [0.0]]
        assert two["pt2d"] == pytest.approx(mirrored, abs=1e-5)
        yaw, pitch, roll = label_pose(one["Pose_Para"])
        assert label_pose(two["Pose_Para"]) == pytest.approx([-yaw, pitch, -roll], abs=0.5)
        left, right = (
            images.decode(storage.read(storage.join(root, s))).pixels for s in (there, source)
        )
        assert np.abs(left[:, ::-1].astype(int) - right).mean() < 4


def test_landmark_files_have_the_jaws_seen_and_on_the_surface(
    large_poses: tuple[str, Rows],
) -> None:
    root, rows = large_poses
    turned = [s for s in rows if FLIP not in s and abs(rows[s]["pose"][0][0]) > 45]
    assert turned
    for source in turned:
        stem = source.rpartition("/")[2][:-4]
        folder = stem.partition("_")[0]
        found = loadmat(Path(root) / f"300W_LP/landmarks/{folder}/{stem}_pts.mat")
        surface, outline = found["pts_3d"], found["pts_2d"]
        assert (surface == read(root, source, lp.KEYS)["pt2d"].T).all()
        assert (surface[17:] == outline[17:]).all()
        assert np.abs(surface[:17] - outline[:17]).max() > 2


def test_yaw_reaches_profile_and_people_are_those_of_training() -> None:
    plan = w300lp.items(400, SEED)
    faces = [photo.faces[0] for item in plan for photo in w300lp.photos(item)]
    assert 80 < max(abs(face.yaw) for face in faces) < 90
    assert all(face.identity in IDENTITIES["train"] for face in faces)
    originals = [w300lp.photos(item)[0].faces[0].yaw for item in plan]
    assert max(map(abs, originals)) <= 40 and min(originals) < 0 < max(originals)
    rooms = [w300lp.photos(item)[0].seed for item in plan]
    assert len(set(rooms)) == len(rooms)


@pytest.mark.parametrize("count", [16, 18, 40, 400])
def test_the_count_is_of_all_pictures(count: int) -> None:
    plan = w300lp.items(count, SEED)
    assert sum(2 * item.views for item in plan) == count
    assert all(item.views >= 2 for item in plan)
    names = [item.name for item in plan]
    assert len(set(names)) == len(names)
    shares = Counter(item.folder for item in plan)
    assert set(shares) == set(SETS) and max(shares.values()) == shares["HELEN"]


def test_too_few_or_odd_counts_are_refused_with_what_would_do() -> None:
    with pytest.raises(FacecurateError, match="at least 16"):
        w300lp.items(15, SEED)
    with pytest.raises(FacecurateError, match="ask for 20 or 22"):
        w300lp.items(21, SEED)
    with pytest.raises(FacecurateError, match="at least 8"):
        aflw2000.items(7, SEED)


# -- AFLW2000-3D -------------------------------------------------------------------------------


def test_aflw2000_is_whole_and_its_labels_are_the_truth(all_poses: tuple[str, Rows]) -> None:
    root, rows = all_poses
    assert AFLW2000.check(root, rendered=True) == []
    photos = list(AFLW2000.annotations(root))
    assert [photo.source for photo in photos] == list(rows) and len(rows) == 10
    for photo in photos:
        row = rows[photo.source]
        assert points_of(photo).ravel() == pytest.approx(row["points"][0], abs=1e-4)
        assert photo.split == row["split"] == "test"


def test_one_fit_is_wrong_and_the_rule_drops_it(all_poses: tuple[str, Rows]) -> None:
    root, rows = all_poses
    kept = {p.source: p for p in ReaderAFLW2000(drop_beyond=99.0).annotations(root)}
    (wrong,) = set(rows) - set(kept)
    found = read(root, wrong, aflw.KEYS)["Pose_Para"]
    assert abs(np.rad2deg(found[0, 1])) > 99 and abs(rows[wrong]["pose"][0][0]) < 90
    for source, photo in kept.items():
        assert photo.faces[0].label_pose == pytest.approx(rows[source]["pose"][0], abs=1.5)


def test_numbers_have_gaps_and_a_square_begins_outside_its_picture(
    all_poses: tuple[str, Rows],
) -> None:
    root, rows = all_poses
    numbers = [int(source[14:-4]) for source in rows]
    assert next(iter(rows)) == "AFLW2000/image00002.jpg"
    assert max(np.diff(numbers)) > 1 and min(np.diff(numbers)) >= 1
    corners = np.concatenate([read(root, source, aflw.KEYS)["roi"] for source in rows])
    assert corners.dtype == np.int16 and corners[0, 0] < 0
    assert corners[:, 2] - corners[:, 0] == pytest.approx(corners[:, 3] - corners[:, 1], abs=1)


def test_hidden_points_of_aflw_s_21_are_minus_one(all_poses: tuple[str, Rows]) -> None:
    root, rows = all_poses
    for source, row in rows.items():
        points, seen = aflw_points(read(root, source, aflw.KEYS))
        yaw = row["pose"][0][0]
        assert (points[~seen] == -1).all()
        assert bool(seen[12]) == (yaw > -5) and bool(seen[16]) == (yaw < 5)  # the ears
        if abs(yaw) > 60:  # of the far half most is hidden
            far = [3, 4, 5, 9, 10, 11, 16] if yaw > 0 else [0, 1, 2, 6, 7, 8, 12]
            assert not seen[far].all()
        truth = np.reshape(row["points"][0], (68, 2))
        if seen[20]:
            assert points[20] == pytest.approx(truth[8], abs=1e-4)  # the chin
    hidden = [not aflw_points(read(root, s, aflw.KEYS))[1].all() for s in rows]
    assert any(hidden)


def test_yaw_has_the_owners_three_bins_and_people_are_those_of_the_test() -> None:
    faces = [aflw2000.photo(item).faces[0] for item in aflw2000.items(600, SEED)]
    bins = Counter(int(np.digitize(abs(face.yaw), [30.0, 60.0])) for face in faces)
    shares = [bins[k] / 600 for k in range(3)]
    assert shares == pytest.approx([0.656, 0.1915, 0.1525], abs=0.05)
    assert all(face.identity in IDENTITIES["test"] for face in faces)
    first = [aflw2000.photo(item).faces[0].yaw for item in aflw2000.items(8, SEED)[:3]]
    assert [int(np.digitize(abs(yaw), [30.0, 60.0])) for yaw in first] == [0, 1, 2]


# -- both --------------------------------------------------------------------------------------


def test_an_item_alone_has_the_same_bytes(
    large_poses: tuple[str, Rows], all_poses: tuple[str, Rows], tmp_path: Path
) -> None:
    list(w300lp.render(str(tmp_path), w300lp.items(16, SEED)[2]))
    list(aflw2000.render(str(tmp_path), aflw2000.items(10, SEED)[3]))
    files = list(storage.walk(str(tmp_path)))
    assert len(files) == 2 * 2 * 2 + 2 + 2
    for file in files:
        root = (all_poses if file.startswith("AFLW2000") else large_poses)[0]
        assert storage.read(f"{tmp_path}/{file}") == storage.read(f"{root}/{file}"), file


def test_the_model_is_ours_in_the_owners_form(large_poses: tuple[str, Rows]) -> None:
    root, _ = large_poses
    file = Path(root) / "300W_LP/Code/rendered_model.npz"
    before, model = file.read_bytes(), read_model(str(file))
    count = len(model.mean)
    assert model.shape.shape == (count, 3, 199) and model.exp.shape == (count, 3, 29)
    assert model.keypoints.tolist() == list(range(count - 68, count))
    lengths = np.linalg.norm(model.shape, axis=(0, 1))
    assert set(np.round(lengths, 4).tolist()) == {0.0, 1.0}  # directions that are used, the rest
    nose, chin = model.mean[model.keypoints[30]], model.mean[model.keypoints[8]]
    assert nose[1] > chin[1] and nose[2] > 50_000  # y up, z forward, thousandths of a millimetre
    w300lp.complete(root, [])
    assert file.read_bytes() == before
