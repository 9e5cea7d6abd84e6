import os
import struct
import sys
import tracemalloc
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.io import loadmat, savemat

from facecurate import storage
from facecurate.datasets.matfiles import Key, listing, other_types, parse_mat, to_mat
from facecurate.datasets.morphable import (
    PARAMETERS,
    LinearModel,
    beyond,
    fit_pose,
    in_picture,
    label_pose,
    owners_angles,
    owners_pose,
    owners_rotation,
    read_model,
    write_model,
)
from facecurate.errors import DamagedError, MissingExtraError
from facecurate.synth.scene import rotation

NOSE, RIGHT, UP = np.eye(3)[2], np.eye(3)[0], np.eye(3)[1]  # y up, z towards the camera
QUARTER = np.pi / 2


def values() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(4)
    out: dict[str, np.ndarray] = {}
    for name, key in PARAMETERS.items():
        drawn = rng.normal(0, 1, key.shape)
        kinds = {"double": np.float64, "single": np.float32, "int16": np.int16}
        out[name] = (drawn * (100 if key.type == "int16" else 1)).astype(kinds[key.type])
    return out


# -- pose --------------------------------------------------------------------------------------


def test_positive_angles_look_left_look_up_and_lean_clockwise() -> None:
    assert owners_rotation(0, QUARTER, 0) @ NOSE == pytest.approx([-1, 0, 0])  # the image's left
    assert owners_rotation(QUARTER, 0, 0) @ NOSE == pytest.approx([0, 1, 0])  # up
    assert owners_rotation(0, 0, QUARTER) @ RIGHT == pytest.approx([0, -1, 0])  # right goes down


def test_the_matrix_is_the_owners_product() -> None:
    a, b, c = 0.3, -0.7, 0.2
    nod = np.array([[1, 0, 0], [0, np.cos(a), np.sin(a)], [0, -np.sin(a), np.cos(a)]])
    turn = np.array([[np.cos(b), 0, -np.sin(b)], [0, 1, 0], [np.sin(b), 0, np.cos(b)]])
    lean = np.array([[np.cos(c), np.sin(c), 0], [-np.sin(c), np.cos(c), 0], [0, 0, 1]])
    assert owners_rotation(a, b, c) == pytest.approx(nod @ turn @ lean)


@pytest.mark.parametrize(
    ("pose", "ours"),
    [
        ([0.0, 0.35, 0.0], [-np.rad2deg(0.35), 0, 0]),
        ([0.1, 0.0, 0.0], [0, np.rad2deg(0.1), 0]),
        ([0.0, 0.0, 0.05], [0, 0, np.rad2deg(0.05)]),
        ([0.0, np.deg2rad(-351.0), 0.0], [-9.0, 0, 0]),  # one turn too many shows the same face
    ],
)
def test_single_angles_change_their_signs_as_the_conventions_say(
    pose: list[float], ours: list[float]
) -> None:
    assert label_pose([*pose, 200.0, 200.0, 0.0, 0.001]) == pytest.approx(ours, abs=1e-9)


@pytest.mark.parametrize("yaw", [-85.0, -40.0, 0.0, 25.0, 80.0])
@pytest.mark.parametrize("pitch", [-25.0, 10.0])
@pytest.mark.parametrize("roll", [-30.0, 20.0])
def test_our_pose_turns_a_head_as_the_owners_parameters_do(
    yaw: float, pitch: float, roll: float
) -> None:
    down = np.diag([1.0, -1.0, 1.0])
    theirs = owners_pose(yaw, pitch, roll)
    assert down @ owners_rotation(*theirs) @ down == pytest.approx(rotation(yaw, pitch, roll))
    assert label_pose([*theirs, 0, 0, 0, 1]) == pytest.approx([yaw, pitch, roll])
    assert owners_angles(owners_rotation(*theirs)) == pytest.approx(theirs)


def test_more_than_signs_differ_once_two_angles_are_large() -> None:
    pitch, yaw, roll = np.rad2deg(owners_pose(50.0, 20.0, 15.0))
    assert abs(-yaw - 50.0) > 1 and abs(pitch - 20.0) > 5 and abs(roll - 15.0) > 5


def test_the_limit_reads_the_angles_as_they_stand() -> None:
    def pose(*degrees: float) -> np.ndarray:
        return np.concatenate([np.deg2rad(degrees), [300, 200, 90, 0.001]]).astype(np.float32)

    assert beyond(pose(0, -351, 0), 99.0) and beyond(pose(100, 0, 0), 99.0)
    assert beyond(pose(0, 0, -99.5), 99.0) and not beyond(pose(98.9, -98.9, 98.9), 99.0)


# -- model -------------------------------------------------------------------------------------


def small_model() -> LinearModel:
    rng = np.random.default_rng(2)
    return LinearModel(
        mean=rng.normal(0, 50_000, (80, 3)).astype(np.float32),
        shape=rng.normal(0, 1e-2, (80, 3, 199)).astype(np.float32),
        exp=rng.normal(0, 1000, (80, 3, 29)).astype(np.float32),
        keypoints=np.arange(5, 73, dtype=np.int32),
        tri=np.array([[0, 1, 2], [1, 2, 3]], np.int32),
    )


def small_values() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(3)
    shape, exp = rng.normal(0, 1e5, (199, 1)), rng.normal(0, 1, (29, 1))
    pose = np.array([[0.1, -0.35, 0.05, 231.0, 205.5, -98.0, 0.00135]])
    return {"Shape_Para": shape, "Exp_Para": exp, "Pose_Para": pose}


def test_vertices_are_the_scaled_turned_shifted_sum_of_mean_shape_and_expression() -> None:
    model, given = small_model(), small_values()
    shape, exp = given["Shape_Para"].ravel(), given["Exp_Para"].ravel()
    head = model.mean[7] + model.shape[7] @ shape + model.exp[7] @ exp
    wanted = 0.00135 * owners_rotation(0.1, -0.35, 0.05) @ head + [231.0, 205.5, -98.0]
    assert model.vertices(given)[7] == pytest.approx(wanted)


def test_rows_count_down_from_one_as_in_the_files_or_from_zero() -> None:
    vertices = np.array([[10.0, 450.0, 3.0], [20.0, 1.0, -4.0]])
    assert in_picture(vertices).tolist() == [[10, 1, 3], [20, 450, -4]]
    assert in_picture(vertices, rows="from 0").tolist() == [[10, -1, 3], [20, 448, -4]]
    assert in_picture(vertices, height=100)[1].tolist() == [20, 100, -4]


def test_the_fitted_pose_is_the_one_that_made_the_points() -> None:
    model, given = small_model(), small_values()
    picture = in_picture(model.vertices(given))
    assert fit_pose(model.head(given), picture) == pytest.approx(given["Pose_Para"][0], rel=1e-7)


def test_a_fit_never_turns_a_head_inside_out() -> None:
    model, given = small_model(), small_values()
    mirrored = in_picture(model.vertices(given)) * [-1.0, 1.0, 1.0]
    turn = owners_rotation(*fit_pose(model.head(given), mirrored)[:3])
    assert np.linalg.det(turn) == pytest.approx(1.0)


def test_a_model_comes_back_and_has_always_the_same_bytes(tmp_path: Path) -> None:
    file, other = str(tmp_path / "a.npz"), str(tmp_path / "b.npz")
    write_model(file, small_model())
    write_model(other, small_model())
    found, wanted = read_model(file), small_model()
    for name in ("mean", "shape", "exp", "keypoints", "tri"):
        assert getattr(found, name).dtype == getattr(wanted, name).dtype
        assert (getattr(found, name) == getattr(wanted, name)).all()
    assert Path(file).read_bytes() == Path(other).read_bytes()


def spoilt(**changes: Any) -> dict[str, Any]:
    model = small_model()
    return {name: getattr(model, name) for name in model.__slots__} | changes


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        (spoilt(tri=np.array([[0, 1, 80]], np.int32)), "vertices that it does not have"),
        (spoilt(keypoints=np.full(68, -1, np.int32)), "vertices that it does not have"),
        (spoilt(shape=np.zeros((80, 3, 100), np.float32)), "do not fit each other"),
        (spoilt(mean=np.array([{"a": 1}], dtype=object)), "no model: .*pickle"),
    ],
)
def test_a_damaged_model_is_told(arrays: dict[str, Any], message: str, tmp_path: Path) -> None:
    np.savez(tmp_path / "m.npz", **arrays)
    with pytest.raises(DamagedError, match=message):
        read_model(str(tmp_path / "m.npz"))


def test_a_missing_or_cut_model_is_told(tmp_path: Path) -> None:
    file = tmp_path / "m.npz"
    with pytest.raises(DamagedError, match="only rendered copies have one"):
        read_model(str(file))
    write_model(str(file), small_model())
    file.write_bytes(file.read_bytes()[:1000])
    with pytest.raises(DamagedError, match=r"m\.npz is no model"):
        read_model(str(file))


# -- files -------------------------------------------------------------------------------------


def test_every_variable_comes_back_in_its_own_type() -> None:
    found = parse_mat(to_mat(values(), PARAMETERS), PARAMETERS, "x.mat")
    for name, value in values().items():
        assert found[name].dtype == value.dtype and found[name].shape == PARAMETERS[name].shape
        assert (found[name] == value).all()
    assert other_types(found, PARAMETERS) == []


def test_files_read_as_the_published_parsers_read_them(tmp_path: Path) -> None:
    (tmp_path / "x.mat").write_bytes(to_mat(values(), PARAMETERS))
    found = loadmat(tmp_path / "x.mat")
    classes = {name: str(found[name].dtype) for name in PARAMETERS}
    assert classes == {
        "Pose_Para": "float32", "Shape_Para": "float64", "Exp_Para": "float64",
        "Tex_Para": "float64", "Illum_Para": "float64", "Color_Para": "float32", "roi": "int16",
    }  # fmt: skip
    assert found["Pose_Para"].shape == (1, 7) and found["Shape_Para"].shape == (199, 1)


def test_files_do_not_tell_when_they_were_written() -> None:
    data = to_mat(values(), PARAMETERS)
    assert data.startswith(b"MATLAB 5.0 MAT-file") and b"Created" not in data[:128]
    assert data[124:128] == b"\x00\x01IM"


def packed(name: str, numbers: bytes) -> bytes:
    """A row of doubles that MATLAB stored as bytes, as it does with small whole numbers."""
    label = name.encode()
    flags = struct.pack("<IIII", 6, 8, 6, 0)
    shape = struct.pack("<IIii", 5, 8, 1, len(numbers))
    title = struct.pack("<II", 1, len(label)) + label + b"\0" * (-len(label) % 8)
    data = struct.pack("<II", 2, len(numbers)) + numbers + b"\0" * (-len(numbers) % 8)
    body = flags + shape + title + data
    header = b"MATLAB 5.0 MAT-file".ljust(124) + b"\x00\x01IM"
    return header + struct.pack("<II", 14, len(body)) + body


def test_doubles_that_matlab_packed_as_bytes_are_doubles() -> None:
    keys = {"Illum_Para": PARAMETERS["Illum_Para"]}
    found = parse_mat(packed("Illum_Para", bytes(range(11, 21))), keys, "x.mat")
    assert found["Illum_Para"].dtype == np.float64
    assert found["Illum_Para"].tolist() == [list(range(11, 21))]


def mat(**changes: Any) -> bytes:
    from io import BytesIO

    file = BytesIO()
    savemat(file, {k: v for k, v in (values() | changes).items() if v is not None})
    return file.getvalue()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (mat(roi=None), r"^a/x\.mat: roi is missing$"),
        (mat(Shape_Para=np.zeros((198, 1))), r"Shape_Para is 198x1 instead of 199x1"),
        (mat(Pose_Para=np.zeros((7, 1))), r"Pose_Para is 7x1 instead of 1x7"),
        (mat(Exp_Para=np.full((29, 1), np.nan)), r"Exp_Para has a value that is not finite"),
        (mat(Color_Para="seven"), r"Color_Para holds no numbers"),
        (mat(Tex_Para=np.zeros((199, 1), complex)), r"damaged or no MATLAB v5 file: .*complex"),
        (b"", r"a/x\.mat: damaged or no MATLAB v5 file"),
        (b"\xff\xd8\xff\xe0 a picture", r"a/x\.mat: damaged or no MATLAB v5 file"),
        (b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM", r"MATLAB v7\.3, the owners' files"),
    ],
)
def test_a_damaged_file_is_told_in_one_line(data: bytes, message: str) -> None:
    with pytest.raises(DamagedError, match=message) as told:
        parse_mat(data, PARAMETERS, "a/x.mat")
    assert "\n" not in str(told.value)


def test_a_file_cut_anywhere_is_damaged_and_nothing_else() -> None:
    data = to_mat(values(), PARAMETERS)
    for size in range(0, len(data) - 8, 97):
        with pytest.raises(DamagedError):
            parse_mat(data[:size], PARAMETERS, "x.mat")


def test_other_types_are_told_and_still_read() -> None:
    found = parse_mat(mat(roi=np.array([[-7, 2, 3, 4]], np.int32)), PARAMETERS, "x.mat")
    assert found["roi"].tolist() == [[-7, 2, 3, 4]]
    assert other_types(found, PARAMETERS) == ["roi is int32, not int16"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"roi": [[40_000, 0, 0, 0]]}, "roi does not fit int16"),
        ({"Pose_Para": np.zeros(6)}, "reshape"),
    ],
)
def test_what_does_not_fit_the_owners_type_is_not_written(
    change: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message), np.errstate(invalid="ignore"):
        to_mat(values() | change, PARAMETERS)
    with pytest.raises(ValueError, match="roi is missing"):
        to_mat({k: v for k, v in values().items() if k != "roi"}, PARAMETERS)


def test_a_listing_pairs_pictures_and_skips_stubs(tmp_path: Path) -> None:
    for name in ("b.mat", "a.mat", "a.jpg", "b.JPG", "._a.mat", "c.txt"):
        (tmp_path / name).write_bytes(b"")
    here = listing(str(tmp_path), "")
    assert here.marks == ["a.mat", "b.mat"]
    assert [here.picture(mark) for mark in here.marks] == ["a.jpg", "b.JPG"]


def test_without_scipy_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    data = to_mat({"a": np.zeros((1, 2))}, {"a": Key((1, 2), "double")})
    monkeypatch.setitem(sys.modules, "scipy.io", None)
    with pytest.raises(MissingExtraError, match=r"facecurate\[datasets\]"):
        parse_mat(data, PARAMETERS, "x.mat")


def test_files_whose_names_are_no_utf8_are_listed_in_the_order_of_their_bytes(
    tmp_path: Path,
) -> None:
    names = [os.fsdecode(name) for name in (b"b.mat", b"\xe4.mat", b"\xf0\x9f\x98\x80.mat")]
    for name in names:
        (tmp_path / name).touch()
    assert listing(str(tmp_path), "").marks == names


def element(kind: int, data: bytes) -> bytes:
    return struct.pack("<II", kind, len(data)) + data + bytes(-len(data) % 8)


def bomb(shape: tuple[int, int], zeros: int) -> bytes:
    """A compressed file of doubles: what the header of roi tells, and how long it really is."""
    head = element(6, struct.pack("<II", 6, 0)) + element(5, struct.pack("<ii", *shape))
    body = head + element(1, b"roi") + struct.pack("<II", 9, zeros)
    packer = zlib.compressobj(9)
    data = packer.compress(struct.pack("<II", 14, len(body) + zeros) + body)
    blank = bytes(1 << 20)
    data += b"".join(packer.compress(blank) for _ in range(zeros >> 20)) + packer.flush()
    return mat()[:128] + struct.pack("<II", 15, len(data)) + data


@pytest.mark.parametrize(
    ("shape", "zeros", "message"),
    [
        ((1 << 12, 1 << 10), 32 << 20, "roi is 4096x1024 instead of 1x4"),
        ((1, 4), 80 << 20, "its variables inflate to more than 64 MiB"),
    ],
    ids=["a large table", "a small table before a long stream"],
)
def test_a_small_file_that_inflates_is_refused_before_it_fills_the_memory(
    shape: tuple[int, int], zeros: int, message: str
) -> None:
    data = bomb(shape, zeros)
    assert len(data) < 100_000
    tracemalloc.start()
    try:
        with pytest.raises(DamagedError, match=message):
            parse_mat(data, {"roi": Key((1, 4), "double")}, "x.mat")
        assert tracemalloc.get_traced_memory()[1] < zeros + (64 << 20)
    finally:
        tracemalloc.stop()


def test_the_class_of_a_variable_is_looked_at_before_it_is_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import scipy.io

    file = storage.buffer()
    savemat(file, {"roi": np.full((1, 4), 1.0, object)})
    monkeypatch.setattr(scipy.io, "loadmat", None)  # calling it would be another error
    with pytest.raises(DamagedError, match=r"x\.mat: roi holds no numbers$"):
        parse_mat(file.getvalue(), {"roi": Key((1, 4), "double")}, "x.mat")
