from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.io import loadmat, savemat

from facecurate import images, storage
from facecurate.datasets import DATASETS
from facecurate.datasets.manifest import load
from facecurate.datasets.matfiles import parse_mat
from facecurate.datasets.w300lp import (
    FLIP,
    KEYS,
    SETS,
    W300LP,
    Reader300WLP,
    Sample300WLP,
    original_of,
)
from facecurate.errors import DamagedError, UsageError

POSE = [0.10, -0.35, 0.05, 231.0, 205.5, -98.0, 0.00135]
STEMS = {
    "AFW": ("AFW_134212_1_0", "AFW_134212_1_1"),
    "HELEN": ("HELEN_100032540_1_0",),
    "IBUG": ("IBUG_image_008_1_0", "IBUG_image_008_1_12"),
    "LFPW": ("LFPW_image_test_0001_0",),
}


def values(seed: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {
        "pt2d": rng.uniform(-5, 440, (2, 68)),
        "Pose_Para": np.array([POSE], np.float32),
        "Shape_Para": rng.normal(0, 1e5, (199, 1)),
        "Exp_Para": rng.normal(0, 1, (29, 1)),
        "Tex_Para": rng.normal(0, 1e3, (199, 1)),
        "Illum_Para": rng.uniform(0, 20, (1, 10)),
        "Color_Para": rng.uniform(0, 1, (1, 7)).astype(np.float32),
        "roi": np.array([[-12, 40, 388, 440]], np.int16),
    }


def samples() -> list[Sample300WLP]:
    out = []
    for k, (folder, stem) in enumerate((f, stem) for f, stems in STEMS.items() for stem in stems):
        image = np.full((20, 20, 3), 9 * k, np.uint8)
        flat = np.random.default_rng(100 + k).uniform(0, 450, (2, 68, 2))
        out.append(Sample300WLP(folder, stem, image, values(k), flat[0], flat[1]))
        out.append(Sample300WLP(folder + FLIP, stem, image[:, ::-1], values(50 + k)))
    return out


@pytest.fixture
def root(tmp_path: Path) -> str:
    W300LP.write(str(tmp_path), samples())
    return str(tmp_path)


def path_of(sample: Sample300WLP, ending: str = "jpg") -> str:
    return f"300W_LP/{sample.folder}/{sample.stem}.{ending}"


def test_every_label_comes_back_exactly(root: str) -> None:
    read = {photo.source: photo for photo in W300LP.annotations(root)}
    assert sorted(read) == sorted(path_of(sample) for sample in samples())
    for sample in samples():
        photo, points = read[path_of(sample)], np.asarray(sample.values["pt2d"]).T
        (face,) = photo.faces
        assert face.points == points.ravel().tolist()
        assert face.box == [*points.min(axis=0), *points.max(axis=0)]
        left, right = points[36:42].mean(axis=0), points[42:48].mean(axis=0)
        five = np.concatenate([left, right, points[30], points[48], points[54]])
        assert face.landmarks == pytest.approx(five)
        assert face.label_identity is None and photo.split == "train"


def test_every_variable_is_written_in_the_owners_type(root: str) -> None:
    for sample in samples():
        data = (Path(root) / path_of(sample, "mat")).read_bytes()
        found = parse_mat(data, KEYS, "x")
        for name, value in sample.values.items():
            assert (found[name] == value).all()
            assert found[name].dtype == np.asarray(value).dtype


def test_yaw_is_positive_to_the_image_s_right_where_the_owners_is_negative(root: str) -> None:
    yaw, pitch, roll = next(W300LP.annotations(root)).faces[0].label_pose or ()
    assert yaw == pytest.approx(np.rad2deg(0.35), abs=1.0) and pitch > 4 and 0 < roll < 6


def test_views_and_mirrored_copies_name_one_original(root: str) -> None:
    afw = {p.sequence for p in W300LP.annotations(root) if "/AFW" in p.source}
    assert afw == {"AFW_134212_1"}
    sequences = [photo.sequence for photo in W300LP.annotations(root)]
    assert len(sequences) == 12 and len(set(sequences)) == 4
    assert all(photo.frame is None for photo in W300LP.annotations(root))


@pytest.mark.parametrize(
    ("stem", "original"),
    [
        ("IBUG_image_008_1_0", "IBUG_image_008_1"),
        ("IBUG_image_008_1_12", "IBUG_image_008_1"),
        ("LFPW_image_test_0001_0", "LFPW_image_test_0001"),
        ("renamed", "renamed"),
        ("a_b", "a_b"),
    ],
)
def test_an_original_is_the_name_without_the_view(stem: str, original: str) -> None:
    assert original_of(stem) == original


def test_mirrored_copies_can_be_left_out(root: str) -> None:
    alone = list(Reader300WLP(include_flips=False).annotations(root))
    assert len(alone) == 6 and not any(FLIP in photo.source for photo in alone)


def test_the_landmark_files_are_a_choice_without_mirrored_copies(root: str) -> None:
    for name, which in (("pts_2d", "outline"), ("pts_3d", "surface")):
        reader = Reader300WLP(points=name, include_flips=False)  # type: ignore[arg-type]
        read = {p.source: p.faces[0].points for p in reader.annotations(root)}
        for sample in samples()[::2]:
            assert read[path_of(sample)] == getattr(sample, which).ravel().tolist()
    with pytest.raises(UsageError, match="include_flips=False"):
        list(Reader300WLP(points="pts_2d").annotations(root))
    gone = Path(root) / "300W_LP/landmarks/IBUG/IBUG_image_008_1_12_pts.mat"
    gone.unlink()
    with pytest.raises(DamagedError, match=r"IBUG_image_008_1_12_pts\.mat is missing"):
        list(Reader300WLP(points="pts_2d", include_flips=False).annotations(root))
    (told,) = W300LP.check(root, rendered=True)
    assert told.startswith(
        "warning: 300W_LP/landmarks/IBUG: 1 file missing, first IBUG_image_008_1_12"
    )


def test_landmark_files_have_rows_of_x_and_y(root: str) -> None:
    file = Path(root) / "300W_LP/landmarks/AFW/AFW_134212_1_0_pts.mat"
    assert loadmat(file)["pts_2d"].shape == loadmat(file)["pts_3d"].shape == (68, 2)
    assert not (Path(root) / "300W_LP/landmarks/AFW_Flip").exists()


def test_the_origin_is_a_setting_and_nothing_is_taken_off_by_default(root: str) -> None:
    plain, shifted = (next(r.annotations(root)).faces[0] for r in (W300LP, Reader300WLP(origin=1)))
    assert np.subtract(plain.points, shifted.points) == pytest.approx(np.ones(136))
    assert np.subtract(plain.box, shifted.box) == pytest.approx(np.ones(4))


@pytest.mark.parametrize("place", ["300W-LP", "."])
def test_a_copy_is_found_under_its_other_name_and_as_the_root_itself(
    root: str, place: str, tmp_path: Path
) -> None:
    if place != ".":
        (tmp_path / "300W_LP").rename(tmp_path / place)
        assert next(W300LP.annotations(root)).source == "300W-LP/AFW/AFW_134212_1_0.jpg"
        return
    inner = str(tmp_path / "300W_LP")
    assert next(W300LP.annotations(inner)).source == "AFW/AFW_134212_1_0.jpg"
    assert W300LP.check(inner, rendered=True) == []


def test_a_copy_in_memory_reads_like_one_on_disk(root: str, memory: str) -> None:
    W300LP.write(memory, samples())
    assert list(W300LP.annotations(memory)) == list(W300LP.annotations(root))
    assert W300LP.check(memory, rendered=True) == []


def test_annotations_name_the_damaged_file(root: str) -> None:
    (Path(root) / "300W_LP/IBUG/IBUG_image_008_1_0.mat").write_bytes(b"no")
    with pytest.raises(DamagedError, match=r"300W_LP/IBUG/IBUG_image_008_1_0\.mat: damaged or no"):
        list(W300LP.annotations(root))


def test_a_picture_that_is_missing_is_told(root: str) -> None:
    (Path(root) / "300W_LP/AFW_Flip/AFW_134212_1_1.jpg").unlink()
    with pytest.raises(DamagedError, match=r"AFW_Flip/AFW_134212_1_1\.mat: no picture"):
        list(W300LP.annotations(root))


def test_check_finds_everything_at_once(root: str) -> None:
    assert W300LP.check(root, rendered=True) == []
    base = Path(root) / "300W_LP"
    (base / "AFW/AFW_134212_1_0.jpg").unlink()
    (base / "IBUG/IBUG_image_008_1_0.mat").write_bytes(b"")
    (base / "LFPW/LFPW_image_test_0009_0.jpg").write_bytes(b"")
    (base / "LFPW/._LFPW_image_test_0009_0.mat").write_bytes(b"\0")  # a stub is no annotation
    (base / "landmarks/AFW/AFW_134212_1_1_pts.mat").write_bytes(b"")
    savemat(base / "HELEN/HELEN_100032540_1_0.mat", values(2) | {"roi": np.zeros((1, 4), np.int32)})
    (base / "AFW_Flip/AFW_134212_1_1.mat").unlink()
    (base / "AFW_Flip/AFW_134212_1_1.jpg").unlink()
    findings = W300LP.check(root, rendered=True)
    told = "\n".join(findings)
    assert len(findings) == 6
    assert "300W_LP/AFW/AFW_134212_1_0.mat: no picture of that name" in told
    assert "300W_LP/IBUG/IBUG_image_008_1_0.mat: damaged or no MATLAB v5 file" in told
    assert "300W_LP/LFPW/LFPW_image_test_0009_0.jpg: no .mat file beside it" in told
    assert "warning: 300W_LP/HELEN: roi is int32, not int16 in 1 file" in told
    assert "warning: 300W_LP/AFW: 1 without a mirrored twin, first AFW_134212_1_1.mat" in told
    assert "300W_LP/landmarks/AFW/AFW_134212_1_1_pts.mat: damaged or no MATLAB" in told


def test_check_counts_real_copies_alone_and_warns_of_smaller_ones(root: str) -> None:
    findings = W300LP.check(root, rendered=False)
    assert len(findings) == 8 and all(f.startswith("warning: ") for f in findings)
    assert "warning: HELEN: 1 picture instead of 37,676" in findings
    assert "warning: AFW_Flip: 2 pictures instead of 5,207" in findings
    storage.delete(storage.join(root, "300W_LP", "LFPW_Flip"))
    assert W300LP.check(root, rendered=True) == ["warning: 300W_LP/LFPW_Flip: not in this copy"]


def test_the_counts_are_the_manifest_s() -> None:
    assert sum(SETS.values()) == load("300w-lp").split("train").count == 61_225


def test_a_folder_that_is_no_300w_lp_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DamagedError, match=r"none of 300W-LP's folders \(AFW, HELEN"):
        list(W300LP.annotations(str(tmp_path)))
    assert len(W300LP.check(str(tmp_path), rendered=False)) == 1


def test_pictures_are_jpegs_and_the_same_samples_give_the_same_bytes(
    root: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = str(tmp_path_factory.mktemp("other"))
    W300LP.write(other, [replace(sample) for sample in reversed(samples())])
    for path in storage.walk(root):
        assert storage.read(f"{root}/{path}") == storage.read(f"{other}/{path}")
    data = storage.read(storage.join(root, path_of(samples()[0])))
    assert images.decode(data).header.format == "JPEG"


def test_the_adapter_is_found_by_its_name() -> None:
    module, attribute = DATASETS["300w-lp"].split(":")
    assert getattr(__import__(module, fromlist=[attribute]), attribute) is W300LP
    assert W300LP.name == "300w-lp"
