from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from facecurate import storage
from facecurate.datasets import DATASETS
from facecurate.datasets.aflw2000 import (
    AFLW2000,
    COUNT,
    KEYS,
    LEFT,
    ReaderAFLW2000,
    SampleAFLW2000,
    aflw_points,
)
from facecurate.datasets.manifest import load
from facecurate.datasets.matfiles import parse_mat
from facecurate.errors import DamagedError

# Degrees as in Pose_Para: pitch, yaw, roll.
ANGLES = {
    "image00002": (5.7, -20.0, 2.9),
    "image00004": (0.0, -351.0, 0.0),
    "image00013": (0.0, 60.0, 0.0),
    "image00041": (0.0, 0.0, 140.0),
    "image00100": (98.9, 0.0, 0.0),
}


def values(stem: str) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(int(stem[5:]))
    pt2d = rng.uniform(0, 450, (2, 21))
    pt2d[:, [0, 12]] = -1
    pose = np.concatenate([np.deg2rad(ANGLES[stem]), [231.0, 205.5, -98.0, 0.00135]])
    return {
        "pt2d": pt2d,
        "pt3d_68": rng.uniform(-9, 450, (3, 68)).astype(np.float32),
        "Pose_Para": pose[None].astype(np.float32),
        "Shape_Para": rng.normal(0, 1e5, (199, 1)),
        "Exp_Para": rng.normal(0, 1, (29, 1)),
        "Tex_Para": rng.normal(0, 1e3, (199, 1)),
        "Illum_Para": rng.uniform(0, 20, (1, 10)),
        "Color_Para": rng.uniform(0, 1, (1, 7)).astype(np.float32),
        "roi": np.array([[-12, 40, 388, 440]], np.int16),
    }


@pytest.fixture
def root(tmp_path: Path) -> str:
    image = np.zeros((16, 16, 3), np.uint8)
    AFLW2000.write(str(tmp_path), [SampleAFLW2000(s, image, values(s)) for s in reversed(ANGLES)])
    return str(tmp_path)


def test_every_label_comes_back_exactly(root: str) -> None:
    photos = list(AFLW2000.annotations(root))
    assert [photo.source for photo in photos] == [f"AFLW2000/{stem}.jpg" for stem in ANGLES]
    for photo, stem in zip(photos, ANGLES, strict=True):
        (face,) = photo.faces
        points = values(stem)["pt3d_68"][:2].T.astype(np.float64)
        assert face.points == points.ravel().tolist()
        assert face.box == [*points.min(axis=0), *points.max(axis=0)]
        assert face.landmarks is not None and face.landmarks[4:6] == points[30].tolist()
        assert photo.split == "test"


def test_every_variable_is_written_in_the_owners_type(root: str) -> None:
    for stem in ANGLES:
        data = (Path(root) / f"AFLW2000/{stem}.mat").read_bytes()
        found = parse_mat(data, KEYS, "x")
        for name, value in values(stem).items():
            assert found[name].dtype == value.dtype and found[name].shape == value.shape
            assert (found[name] == value).all()


def test_points_of_aflw_that_are_minus_one_are_not_seen() -> None:
    points, seen = aflw_points(values("image00013"))
    assert points.shape == (21, 2) and np.flatnonzero(~seen).tolist() == [0, 12]


def test_pose_is_ours(root: str) -> None:
    poses = {p.source[9:-4]: p.faces[0].label_pose for p in AFLW2000.annotations(root)}
    assert poses["image00013"] == pytest.approx([-60.0, 0, 0], abs=1e-4)
    assert poses["image00004"] == pytest.approx([-9.0, 0, 0], abs=1e-4)
    assert poses["image00041"] == pytest.approx([0, 0, 140.0], abs=1e-4)


def test_the_rule_of_99_degrees_drops_what_pose_para_says(root: str) -> None:
    kept = [p.source[9:-4] for p in ReaderAFLW2000(drop_beyond=99.0).annotations(root)]
    assert kept == ["image00002", "image00013", "image00100"]
    assert len(list(ReaderAFLW2000(drop_beyond=45.0).annotations(root))) == 1


def test_the_origin_is_a_setting_and_nothing_is_taken_off_by_default(root: str) -> None:
    plain, shifted = (
        next(reader.annotations(root)).faces[0] for reader in (AFLW2000, ReaderAFLW2000(origin=1))
    )
    assert np.subtract(plain.points, shifted.points) == pytest.approx(np.ones(136))
    assert np.subtract(plain.box, shifted.box) == pytest.approx(np.ones(4))


def test_check_counts_pictures_and_wrong_fits_of_real_copies(root: str) -> None:
    assert AFLW2000.check(root, rendered=True) == []
    assert AFLW2000.check(root, rendered=False) == [
        "warning: 5 pictures instead of 2,000",
        "warning: 2 fits beyond 99 degrees: drop_beyond=99 leaves 3",
    ]


def test_check_finds_everything_at_once(root: str) -> None:
    base = Path(root) / "AFLW2000"
    (base / "image00002.jpg").unlink()
    (base / "image00004.mat").write_bytes(b"cut")
    (base / "image00077.jpg").write_bytes(b"")
    odd = values("image00013") | {"pt3d_68": values("image00013")["pt3d_68"].astype(float)}
    savemat(base / "image00013.mat", odd)
    short = {k: v for k, v in values("image00041").items() if k != "pt2d"}
    savemat(base / "image00041.mat", short)
    findings = AFLW2000.check(root, rendered=True)
    assert len(findings) == 5
    assert findings[0] == "AFLW2000/image00002.mat: no picture of that name beside it"
    assert findings[1].startswith("AFLW2000/image00004.mat: damaged or no MATLAB v5 file")
    assert findings[2] == "AFLW2000/image00041.mat: pt2d is missing"
    assert findings[3] == "AFLW2000/image00077.jpg: no .mat file beside it"
    assert findings[4] == "warning: AFLW2000: pt3d_68 is double, not single in 1 file"


def test_annotations_name_the_damaged_file(root: str) -> None:
    savemat(Path(root) / "AFLW2000/image00013.mat", {"pt2d": np.zeros((2, 68))})
    with pytest.raises(DamagedError, match=r"image00013\.mat: pt2d is 2x68 instead of 2x21"):
        list(AFLW2000.annotations(root))


def test_a_copy_is_found_as_the_root_itself_and_in_memory(root: str, memory: str) -> None:
    inner = storage.join(root, "AFLW2000")
    assert next(AFLW2000.annotations(inner)).source == "image00002.jpg"
    assert AFLW2000.check(inner, rendered=True) == []
    for path in storage.walk(root):
        storage.write_atomic(storage.join(memory, path), storage.read(storage.join(root, path)))
    assert list(AFLW2000.annotations(memory)) == list(AFLW2000.annotations(root))


def test_a_folder_that_is_no_aflw2000_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DamagedError, match="holds no folder AFLW2000"):
        list(AFLW2000.annotations(str(tmp_path)))
    assert AFLW2000.check(str(tmp_path), rendered=True) == [f"{tmp_path} holds no folder AFLW2000"]


def test_names_and_counts_are_the_manifest_s() -> None:
    module, attribute = DATASETS["aflw2000"].split(":")
    assert getattr(__import__(module, fromlist=[attribute]), attribute) is AFLW2000
    manifest = load("aflw2000")
    assert manifest.split(manifest.scored_split or "").count == COUNT == 2000
    assert LEFT == 1969 and AFLW2000.name == manifest.id
