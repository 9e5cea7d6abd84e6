import os
import sys
from pathlib import Path

import numpy as np
import pytest

from facecurate import images, storage
from facecurate.datasets import DATASETS
from facecurate.datasets.ibug300w import (
    FOLDERS,
    IBUG300W,
    Reader300W,
    Sample,
    parse_pts,
    to_pts,
    write_boxes,
    write_sample,
)
from facecurate.errors import DamagedError, MissingExtraError

SPACED = "image_092 _01.jpg"
NAMES = {
    "afw": "134212_1.jpg",
    "helen/trainset": "232194_1.jpg",
    "lfpw/trainset": "image_0001.png",
    "helen/testset": "296814969_3.jpg",
    "lfpw/testset": "image_0225.png",
    "ibug": SPACED,
    "300W/01_Indoor": "indoor_001.png",
    "300W/02_Outdoor": "outdoor_001.png",
}


def points_of(seed: int) -> np.ndarray:
    points = np.random.default_rng(seed).uniform(2, 60, (68, 2))
    points[0, 0] = -3.25  # outside the picture: below 1 in the file
    return points


def samples(folders: dict[str, str] = NAMES) -> list[Sample]:
    rng = np.random.default_rng(1)
    out: list[Sample] = []
    for k, (folder, name) in enumerate(folders.items()):
        image = rng.integers(0, 255, (48, 64, 3), dtype=np.uint8)
        out.append((folder, name, image, points_of(k), (1.0 + k, 2.5, 40.0, 45.0)))
    return out


@pytest.fixture
def root(tmp_path: Path) -> str:
    IBUG300W.write(str(tmp_path), samples())
    return str(tmp_path)


def test_every_label_comes_back_within_the_text_s_precision(root: str) -> None:
    read = {photo.source: photo for photo in IBUG300W.annotations(root)}
    assert list(read) == [f"{folder}/{name}" for folder, name in NAMES.items()]
    for folder, name, _, points, _ in samples():
        face = read[f"{folder}/{name}"].faces[0]
        assert face.points == pytest.approx(points.ravel(), abs=5.1e-7)
        assert face.box == pytest.approx([*points.min(axis=0), *points.max(axis=0)], abs=5.1e-7)
        left, right = points[36:42].mean(axis=0), points[42:48].mean(axis=0)
        five = np.concatenate([left, right, points[30], points[48], points[54]])
        assert face.landmarks == pytest.approx(five, abs=1e-6)


def test_a_copy_in_memory_reads_like_one_on_disk(root: str) -> None:
    url = "memory://copy-of-300w"
    IBUG300W.write(url, samples())
    try:
        assert list(IBUG300W.annotations(url)) == list(IBUG300W.annotations(root))
        assert IBUG300W.check(url, rendered=True) == []
    finally:
        storage.delete(url)


def test_splits_are_the_owners_folders(root: str) -> None:
    splits = {photo.source.rpartition("/")[0]: photo.split for photo in IBUG300W.annotations(root)}
    assert [folder for folder, split in splits.items() if split == "train"] == [
        "afw", "helen/trainset", "lfpw/trainset",
    ]  # fmt: skip
    assert splits["helen/testset"] == splits["lfpw/testset"] == "common"
    assert splits["ibug"] == "challenge" and splits["300W/02_Outdoor"] == "test"
    counts = {s: sum(f.count for f in FOLDERS if f.split == s) for s in set(splits.values())}
    assert counts == {"train": 3148, "common": 554, "challenge": 135, "test": 600}


def test_pictures_are_written_in_the_folder_s_format(root: str) -> None:
    written = {name: image for _, name, image, _, _ in samples()}
    png = images.decode((Path(root) / "lfpw/trainset/image_0001.png").read_bytes())
    assert png.header.format == "PNG" and (png.pixels == written["image_0001.png"]).all()
    assert images.decode((Path(root) / "ibug" / SPACED).read_bytes()).header.format == "JPEG"


def test_pts_bytes_are_the_owners(root: str) -> None:
    data = (Path(root) / "ibug" / "image_092 _01.pts").read_bytes()
    lines = data.split(b"\n")
    assert lines[:3] == [b"version: 1", b"n_points:  68", b"{"]
    assert lines[3].startswith(b"-2.250000 ") and lines[-1] == b"}" and len(lines) == 72
    points = np.full((68, 2), 40.25) - 1
    assert to_pts(points).split(b"\n")[3] == b"40.250000 40.250000"


def variants() -> dict[str, bytes]:
    plain = to_pts(points_of(3))
    return {
        "windows line ends": plain.replace(b"\n", b"\r\n"),
        "byte order mark": b"\xef\xbb\xbf" + plain,
        "a final line end": plain + b"\n",
        "blanks at the ends": plain.replace(b"\n", b" \n") + b"  ",
        "version 1.0, one blank": plain.replace(b": 1", b": 1.0").replace(b":  68", b": 68"),
        "three decimals": b"\n".join(
            line[:-3] if line[-1:].isdigit() and b" " in line and b":" not in line else line
            for line in plain.split(b"\n")
        ),
        "tabs": plain.replace(b" ", b"\t").replace(b"version:\t1", b"version: 1"),
    }


@pytest.mark.parametrize("variant", variants())
def test_other_tools_ways_of_writing_pts_are_read(variant: str) -> None:
    points = parse_pts(variants()[variant], "x.pts")
    assert points == pytest.approx(points_of(3), abs=1.1e-3 if "three" in variant else 5.1e-7)


def lines_of(points: np.ndarray) -> list[bytes]:
    return to_pts(points).split(b"\n")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda k: k[:50], r"x\.pts:50: ends without a closing brace"),
        (lambda k: k[:30] + k[31:], r"x\.pts:71: 67 points instead of 68"),
        (lambda k: [*k[:10], b"1.0 nan", *k[11:]], r"x\.pts:11: '1\.0 nan' is not two numbers"),
        (lambda k: [*k[:10], b"1,0 2,0", *k[11:]], r"x\.pts:11: '1,0 2,0' is not two"),
        (lambda k: [*k[:10], b"1.0", *k[11:]], r"x\.pts:11: '1\.0' is not two numbers"),
        (lambda k: [k[0], b"n_points: 29", *k[2:]], r"x\.pts:2: n_points is 29, not 68"),
        (lambda k: [k[0], *k[2:]], r"x\.pts:1: no line 'n_points"),
        (lambda k: k[:2], r"x\.pts:2: no line with an opening brace"),
        (lambda k: [], r"x\.pts:1: no line with an opening brace"),
        (lambda k: [b"\x00\xff\xfe"], r"x\.pts:1: no line with"),
    ],
)
def test_a_damaged_pts_is_told_with_its_line(change, message: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(DamagedError, match=message):
        parse_pts(b"\n".join(change(lines_of(points_of(0)))), "x.pts")


def test_annotations_name_the_damaged_file(root: str) -> None:
    (Path(root) / "helen/testset/296814969_3.pts").write_bytes(b"version: 1\n")
    with pytest.raises(DamagedError, match=r"helen/testset/296814969_3\.pts:2:"):
        list(IBUG300W.annotations(root))


def test_a_picture_that_is_missing_is_told(root: str) -> None:
    (Path(root) / "ibug" / SPACED).unlink()
    with pytest.raises(DamagedError, match=r"ibug/image_092 _01\.pts: no picture"):
        list(IBUG300W.annotations(root))


def test_check_finds_everything_at_once(root: str) -> None:
    assert IBUG300W.check(root, rendered=True) == []
    (Path(root) / "afw/134212_1.jpg").unlink()
    (Path(root) / "ibug/image_003_1.jpg").write_bytes(b"")
    (Path(root) / "ibug/._image_003_1.pts").write_bytes(b"\x00")  # a stub is no annotation
    short = Path(root) / "lfpw/trainset/image_0001.pts"
    short.write_bytes(short.read_bytes()[:200])
    findings = IBUG300W.check(root, rendered=True)
    assert len(findings) == 3
    assert "afw/134212_1.pts: no picture" in findings[0]
    assert findings[1].startswith("lfpw/trainset/image_0001.pts:")
    assert findings[2] == "ibug/image_003_1.jpg: no .pts file beside it"


def test_check_counts_real_copies_alone_and_warns_of_smaller_ones(root: str) -> None:
    findings = IBUG300W.check(root, rendered=False)
    assert len(findings) == len(FOLDERS) and all(f.startswith("warning: ") for f in findings)
    assert "warning: helen/trainset: 1 faces instead of 2,000" in findings
    storage.delete(storage.join(root, "300W"))
    assert "warning: 300W/01_Indoor: not in this copy (test)" in IBUG300W.check(root, rendered=True)


def test_a_folder_that_is_no_300w_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DamagedError, match=r"none of 300W's folders \(afw, helen/trainset"):
        list(IBUG300W.annotations(str(tmp_path)))
    assert len(IBUG300W.check(str(tmp_path), rendered=False)) == 1


@pytest.mark.parametrize("place", ["Test/01_Indoor", "01_Indoor"])
def test_the_test_set_is_found_where_other_copies_have_it(root: str, place: str) -> None:
    target = Path(root) / place
    target.parent.mkdir(parents=True, exist_ok=True)
    (Path(root) / "300W/01_Indoor").rename(target)
    (photo,) = [p for p in IBUG300W.annotations(root) if "indoor" in p.source]
    assert photo.source == f"{place}/indoor_001.png" and photo.split == "test"


def test_names_come_in_the_order_of_their_bytes(tmp_path: Path) -> None:
    names = ["image_10.jpg", "image_092 _01.jpg", "image_09.jpg", "Image_1.jpg", "image_092_02.jpg"]
    for name in names:
        write_sample(
            str(tmp_path), ("ibug", name, np.zeros((8, 8, 3), np.uint8), points_of(1), (0, 0, 1, 1))
        )
    stems = [p.source[5:-4] for p in IBUG300W.annotations(str(tmp_path))]
    assert stems == ["Image_1", "image_09", "image_092 _01", "image_092_02", "image_10"]


def test_the_detector_s_boxes_are_those_of_the_box_files(root: str) -> None:
    reader = Reader300W(box="detector")
    boxes = {photo.source: photo.faces[0].box for photo in reader.annotations(root)}
    tight = {photo.source: photo.faces[0].box for photo in IBUG300W.annotations(root)}
    for folder, name, _, _, box in samples():
        source = f"{folder}/{name}"
        assert boxes[source] == pytest.approx(tight[source] if folder[:4] == "300W" else box)


def test_the_box_files_read_as_the_published_parsers_read_them(root: str) -> None:
    from scipy.io import loadmat

    cells = loadmat(Path(root) / "Bounding Boxes/bounding_boxes_ibug.mat")["bounding_boxes"][0]
    record = cells[0][0, 0]
    assert record["imgName"][0] == SPACED
    assert record["bb_detector"][0] == pytest.approx([7.0, 3.5, 41.0, 46.0])  # 1-based
    tight = points_of(5)
    truth = [*tight.min(axis=0) + 1, *tight.max(axis=0) + 1]
    assert record["bb_ground_truth"][0] == pytest.approx(truth, abs=1e-6)


def test_box_files_do_not_depend_on_the_clock_and_can_be_written_last(
    root: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = str(tmp_path_factory.mktemp("other"))
    written = {write_sample(other, sample): sample[4] for sample in reversed(samples())}
    write_boxes(other, written)
    for path in sorted(Path(root).rglob("*")):
        if path.is_file():
            assert path.read_bytes() == (Path(other) / path.relative_to(root)).read_bytes()
    data = (Path(root) / "Bounding Boxes/bounding_boxes_afw.mat").read_bytes()
    assert data.startswith(b"MATLAB 5.0 MAT-file") and b"Created" not in data[:128]


def test_missing_or_damaged_box_files_are_told_and_not_needed_by_default(root: str) -> None:
    file = Path(root) / "Bounding Boxes/bounding_boxes_afw.mat"
    file.write_bytes(file.read_bytes()[:300])
    with pytest.raises(DamagedError, match=r"bounding_boxes_afw\.mat is damaged"):
        list(Reader300W(box="detector").annotations(root))
    file.unlink()
    with pytest.raises(DamagedError, match="unpack"):
        list(Reader300W(box="detector").annotations(root))
    assert len(list(IBUG300W.annotations(root))) == len(NAMES)


def test_without_scipy_the_boxes_name_the_extra(root: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "scipy.io", None)
    with pytest.raises(MissingExtraError, match=r"facecurate\[datasets\]"):
        list(Reader300W(box="detector").annotations(root))
    assert len(list(IBUG300W.annotations(root))) == len(NAMES)


def test_the_adapter_is_found_by_its_name() -> None:
    module, attribute = DATASETS["300w"].split(":")
    assert getattr(__import__(module, fromlist=[attribute]), attribute) is IBUG300W
    assert IBUG300W.name == "300w"


def test_a_picture_whose_name_is_no_utf8_is_read(root: str) -> None:
    name = os.fsdecode(b"f\xfcnf.jpg")  # as Latin-1 has it
    write_sample(root, ("ibug", name, *samples()[0][2:]))
    assert f"ibug/{name}" in {photo.source for photo in IBUG300W.annotations(root)}
