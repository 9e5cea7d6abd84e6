import io
import pickle
from pathlib import Path

import numpy as np
import pytest

from facecurate import images, storage
from facecurate.datasets import DATASETS, manifest
from facecurate.datasets import affectnet2021 as newer
from facecurate.datasets.affectnet import AFFECTNET, ReaderAffectNet
from facecurate.datasets.affectnet2017 import (
    COLUMNS,
    TRAINING,
    VALIDATION,
    Values,
    write_list,
    write_picture,
)
from facecurate.errors import DamagedError
from facecurate.records import GIVEN_SCHEMA, to_table

LISTS = "Manually_Annotated_file_lists"
PICTURES = "Manually_Annotated_Images"
HEX = "0123456789abcdef" * 3 + "01234567"


def points_of(seed: int) -> np.ndarray:
    """Two decimals, as the lists have them; one point left of the picture."""
    points = np.random.default_rng(seed).uniform(2, 60, (68, 2)).round(2)
    points[0, 0] = -3.25
    return points


def values_of(code: int, box: tuple[float, ...] | None = (29.5, 40.5, 49.5, 60.5)) -> Values:
    graded = (-2.0, -2.0) if code > 8 else (0.71 - code / 10, code / 10 - 0.123456)
    return Values(code, *graded, points_of(code), box)  # type: ignore[arg-type]


def entries(first: int) -> list[tuple[str, Values]]:
    """All eleven codes; the second name has an upper-case extension."""
    names = [f"{first + k}/{k:x}{HEX[:-1]}.{'JPG' if k == 1 else 'jpg'}" for k in range(11)]
    return [(name, values_of(k)) for k, name in enumerate(names)]


def write_2017(root: str) -> None:
    image = np.zeros((48, 64, 3), np.uint8)
    for of, first, header in ((TRAINING, 1, True), (VALIDATION, 20, False)):
        rows = entries(first)
        if of is TRAINING:  # a No-Face whose detection failed
            rows[10] = (rows[10][0], values_of(10, box=None))
        for name, _ in rows:
            write_picture(root, name, image)
        write_list(root, of, rows, header=header, decimals=header)


@pytest.fixture
def root(tmp_path: Path) -> str:
    write_2017(str(tmp_path))
    return str(tmp_path)


def lines_of(root: str, name: str) -> list[str]:
    return (Path(root) / LISTS / name).read_text().splitlines()


def put(root: str, name: str, lines: list[str], end: str = "\n") -> None:
    (Path(root) / LISTS / name).write_bytes(end.join([*lines, ""]).encode())


# -- 2017 ------------------------------------------------------------------------------------


def test_every_label_of_2017_comes_back(root: str) -> None:
    read = {photo.source: photo for photo in AFFECTNET.annotations(root)}
    assert len(read) == 22
    for split, first in (("train", 1), ("validation", 20)):
        for name, said in entries(first):
            photo = read[f"{PICTURES}/{name}"]
            assert photo.split == split and photo.subject is None
            if split == "train" and said.expression == 10:
                assert photo.faces == ()
                continue
            (face,) = photo.faces
            assert face.label_expression == said.expression
            assert face.box == said.box
            assert list(face.points or ()) == said.points.ravel().tolist()
            eyes = [said.points[a:b].mean(axis=0) for a, b in ((36, 42), (42, 48))]
            five = np.concatenate([*eyes, said.points[30], said.points[48], said.points[54]])
            assert face.landmarks == pytest.approx(five)
            graded = (None, None) if said.expression > 8 else (said.valence, said.arousal)
            assert (face.label_valence, face.label_arousal) == pytest.approx(graded)


def test_a_box_is_the_area_of_its_pixels(root: str) -> None:
    """x 30, y 41, 20 wide: pixels 30 to 49, whose area begins half a pixel before 30."""
    line = lines_of(root, "validation.csv")[0].split(",")
    assert line[1:5] == ["30", "41", "20", "20"]
    photo = next(iter(AFFECTNET.annotations(root)))
    assert photo.faces[0].box == (29.5, 40.5, 49.5, 60.5)


def test_the_lists_are_the_owners(root: str) -> None:
    training, validation = lines_of(root, "training.csv"), lines_of(root, "validation.csv")
    assert training[0] == ",".join(COLUMNS) and len(training) == 12
    first = training[1].split(",")
    assert len(first) == 9 and len(first[5].split(";")) == 136
    assert first[1:5] == ["30.0", "41.0", "20.0", "20.0"] and first[6:] == [
        "0",
        "0.71",
        "-0.123456",
    ]
    assert validation[9].split(",")[6:] == ["9", "-2", "-2"]  # no header: nine codes before it
    assert training[11].split(",")[3] == "-1.0"


def test_boxes_are_written_square_around_their_centre(tmp_path: Path) -> None:
    write_list(str(tmp_path), VALIDATION, [("1/a.jpg", values_of(1, (10.2, 19.8, 20.2, 49.8)))])
    assert lines_of(str(tmp_path), "validation.csv")[1].split(",")[1:5] == ["1", "20", "30", "30"]


def test_validation_comes_first_and_splits_are_the_manifest_s(root: str) -> None:
    splits = [photo.split for photo in AFFECTNET.annotations(root)]
    assert splits == ["validation"] * 11 + ["train"] * 11
    assert {s.name for s in manifest.load("affectnet").splits} == set(splits)


@pytest.mark.parametrize("name", ["training.csv", "validation.csv"])
def test_a_list_reads_the_same_with_and_without_a_header(root: str, name: str) -> None:
    before, lines = list(AFFECTNET.annotations(root)), lines_of(root, name)
    header = ",".join(COLUMNS)
    put(root, name, lines[1:] if lines[0] == header else [header, *lines])
    assert list(AFFECTNET.annotations(root)) == before


def test_a_headerless_list_may_begin_with_null(root: str) -> None:
    lines = lines_of(root, "validation.csv")
    words = lines[0].split(",")
    put(root, "validation.csv", [",".join([words[0], "NULL", *words[2:]]), *lines[1:]])
    photos = list(AFFECTNET.annotations(root))
    assert len(photos) == 22 and photos[0].faces == () and len(photos[1].faces) == 1


def test_columns_are_found_by_their_names(root: str) -> None:
    before = list(AFFECTNET.annotations(root))
    turned = [",".join([*line.split(",")[::-1], "more"]) for line in lines_of(root, "training.csv")]
    put(root, "training.csv", turned)
    assert list(AFFECTNET.annotations(root)) == before


def test_windows_line_ends_marks_and_blanks_are_read(root: str) -> None:
    before = list(AFFECTNET.annotations(root))
    for name in ("training.csv", "validation.csv"):
        lines = [line.replace(",", " , ") + " " for line in lines_of(root, name)]
        put(root, name, ["\ufeff" + lines[0], *lines[1:], ""], end="\r\n")
    assert list(AFFECTNET.annotations(root)) == before


@pytest.mark.parametrize(
    "place",
    [
        "Manually_Annotated/Manually_Annotated_Images",
        "Manually_Annotated_Images/Manually_Annotated_Images",
    ],
)
def test_pictures_are_found_one_level_too_deep(root: str, place: str) -> None:
    (Path(root) / PICTURES).rename(Path(root) / "moved")
    (Path(root) / place).parent.mkdir(parents=True)
    (Path(root) / "moved").rename(Path(root) / place)
    assert AFFECTNET.check(root, rendered=True)[1:] == []
    assert all((Path(root) / photo.source).is_file() for photo in AFFECTNET.annotations(root))


def test_rows_without_a_face_keep_their_pictures_and_are_counted(root: str) -> None:
    lines = lines_of(root, "training.csv")
    lines[3] = lines[3].replace(",1,", ",NULL,").rsplit(",", 1)[0] + ",NULL"
    put(root, "training.csv", lines)
    assert len([p for p in AFFECTNET.annotations(root) if not p.faces]) == 2
    (finding,) = AFFECTNET.check(root, rendered=True)
    assert finding == (
        f"warning: {LISTS}/training.csv: 2 rows with a negative width or NULL: no face, "
        f"first at {LISTS}/training.csv:4"
    )


@pytest.mark.parametrize(
    ("column", "word", "message"),
    [
        (1, "left", "'left' is not a number"),
        (3, "", "'' is not a number"),
        (4, "nan", "'nan' is not a number"),
        (5, "1.0;2.0", "2 landmark numbers instead of 136"),
        (5, "a\x1b[31m;", "'a�[31m' is not a number"),
        (6, "11", "11 is no class from 0 to 10"),
        (6, "1.5", "1.5 is no class from 0 to 10"),
        (7, "1.01", "valence and arousal lie within -1 and 1 or are -2, not 1.01"),
        (8, "-3", "valence and arousal lie within -1 and 1 or are -2, not -3"),
    ],
)
def test_a_value_that_is_none_is_told_with_its_line(
    root: str, column: int, word: str, message: str
) -> None:
    lines = lines_of(root, "validation.csv")
    words = lines[6].split(",")
    words[column] = word
    put(root, "validation.csv", [*lines[:6], ",".join(words), *lines[7:]])
    findings = [f for f in AFFECTNET.check(root, True) if not f.startswith("warning: ")]
    assert findings == [f"{LISTS}/validation.csv:7: {message}"]
    photos = list(AFFECTNET.annotations(root))
    assert len(photos) == 22 and photos[6].faces == ()


def test_a_list_that_is_cut_short_is_damaged(root: str) -> None:
    lines = lines_of(root, "training.csv")
    put(root, "training.csv", [*lines[:7], lines[7][:300]])
    with pytest.raises(DamagedError, match=r"training\.csv:8: no path and eight values in 6 col"):
        list(AFFECTNET.annotations(root))
    assert any("training.csv:8:" in finding for finding in AFFECTNET.check(root, True))


@pytest.mark.parametrize(
    "path", ["/etc/a.jpg", "1//a.jpg", "./1/a.jpg", "1/../1/a.jpg", "../a.jpg", "1/", "1\\a.jpg"]
)
def test_a_path_that_is_not_below_the_pictures_is_a_damaged_row(root: str, path: str) -> None:
    lines = lines_of(root, "training.csv")
    words = lines[7].split(",")
    put(root, "training.csv", [*lines[:7], ",".join([path, *words[1:]]), *lines[8:]])
    told = f"{LISTS}/training.csv:8: '{path}' is no path of a picture"
    with pytest.raises(DamagedError) as raised:
        list(AFFECTNET.annotations(root))
    assert str(raised.value) == told and told in AFFECTNET.check(root, rendered=True)


def test_a_header_without_a_column_is_damaged(root: str) -> None:
    lines = lines_of(root, "training.csv")
    put(root, "training.csv", [lines[0].replace("arousal", "x"), *lines[1:]])
    with pytest.raises(DamagedError, match=r"training\.csv:1: no column 'arousal'"):
        list(AFFECTNET.annotations(root))
    assert any("training.csv:1: no column" in f for f in AFFECTNET.check(root, True))


def test_a_picture_listed_again_is_given_once_and_stays_in_validation(root: str) -> None:
    training, validation = lines_of(root, "training.csv"), lines_of(root, "validation.csv")
    put(root, "training.csv", [*training, validation[0], training[1]])
    photos = list(AFFECTNET.annotations(root))
    assert len(photos) == 22 == len({photo.source for photo in photos})
    (again,) = [f for f in AFFECTNET.check(root, True) if "listed before" in f]
    assert again.startswith("warning: ") and "2 rows" in again and "training.csv:13" in again


def test_check_finds_pictures_that_are_missing_or_in_no_list(root: str) -> None:
    name = entries(1)[4][0]
    (Path(root) / PICTURES / name).rename(Path(root) / PICTURES / "extra.png")
    findings = AFFECTNET.check(root, rendered=True)
    assert f"{LISTS}/training.csv:6: the picture is missing; 1 row of the list without one" in (
        findings
    )
    assert findings[-1] == (
        f"warning: {PICTURES}: 1 picture in no list that is here, {PICTURES}/extra.png among them"
    )


def test_many_damaged_rows_are_not_all_told(root: str) -> None:
    put(root, "training.csv", [*lines_of(root, "training.csv"), *["1/a.jpg,2"] * 50])
    findings = [f for f in AFFECTNET.check(root, True) if not f.startswith("warning: ")]
    assert len(findings) == 21 and findings[-1] == "and 30 more like the 20 before"


def test_check_counts_real_copies_alone_and_warns_of_smaller_ones(root: str) -> None:
    findings = AFFECTNET.check(root, rendered=False)
    assert f"warning: {LISTS}/training.csv: 11 pictures instead of 414,799" in findings
    assert f"warning: {LISTS}/validation.csv: 11 pictures instead of 5,500" in findings
    assert all(finding.startswith("warning: ") for finding in findings)
    (Path(root) / LISTS / "validation.csv").unlink()
    told = AFFECTNET.check(root, rendered=True)
    assert told[0] == "warning: validation.csv: not in this copy (validation)"
    assert {photo.split for photo in AFFECTNET.annotations(root)} == {"train"}


def test_lists_without_their_pictures_are_told(root: str) -> None:
    storage.delete(f"{root}/{PICTURES}")
    with pytest.raises(DamagedError, match=r"the folder Manually_Annotated_Images .* is missing"):
        list(AFFECTNET.annotations(root))
    assert "is missing" in AFFECTNET.check(root, True)[0]


def test_the_automatic_list_is_read_only_when_asked_for(root: str) -> None:
    lines = [line.replace(",9,", ",NULL,") for line in lines_of(root, "validation.csv")]
    place = Path(root) / "Automatically_annotated_file_list"
    place.mkdir()
    (place / "automatically_annotated.csv").write_text("\n".join([",".join(COLUMNS), *lines]))
    (Path(root) / "Automatically_Annotated_Images").mkdir()
    plain = list(AFFECTNET.annotations(root))
    assert len(plain) == 22
    photos = list(ReaderAffectNet(automatic=True).annotations(root))
    assert photos[:22] == plain and {p.split for p in photos[22:]} == {"automatic"}
    assert [len(p.faces) for p in photos[22:]] == [1] * 9 + [0, 1]


def test_points_fit_into_the_given_table(root: str) -> None:
    face = next(iter(AFFECTNET.annotations(root))).faces[0]
    table = to_table([{"points": face.points}, {"points": None}], GIVEN_SCHEMA)
    assert table["points"][0].as_py() == pytest.approx(points_of(0).ravel().tolist(), abs=1e-5)
    assert pickle.loads(pickle.dumps(face)) == face


# -- 2021 ------------------------------------------------------------------------------------

SAMPLES = [("train", 42, 0), ("train", 7, 5), ("validation", 42, 1), ("validation", 100, 9)]


def write_2021(root: str, numeric: bool = False) -> None:
    for split, number, code in SAMPLES:
        image = np.full((224, 224, 3), 20 * code, np.uint8)
        newer.write_sample(root, split, number, image, values_of(code), numeric=numeric)  # type: ignore[arg-type]


@pytest.fixture(params=[False, True], ids=["text", "numbers"])
def root21(tmp_path: Path, request: pytest.FixtureRequest) -> str:
    write_2021(str(tmp_path), numeric=request.param)
    return str(tmp_path)


def test_every_label_of_2021_comes_back(root21: str) -> None:
    read = {photo.source: photo for photo in AFFECTNET.annotations(root21)}
    folders = {"train": "train_set", "validation": "val_set"}
    assert list(read)[:2] == ["train_set/images/7.jpg", "train_set/images/42.jpg"]
    for split, number, code in SAMPLES:
        photo, said = read[f"{folders[split]}/images/{number}.jpg"], values_of(code)
        (face,) = photo.faces
        assert photo.split == split and face.label_expression == code
        assert list(face.points or ()) == said.points.ravel().tolist()
        assert face.box == [*said.points.min(axis=0), *said.points.max(axis=0)]
        graded = (None, None) if code > 8 else (said.valence, said.arousal)
        assert (face.label_valence, face.label_arousal) == pytest.approx(graded)


def test_the_same_number_in_both_parts_is_two_pictures(root21: str) -> None:
    same = [p for p in AFFECTNET.annotations(root21) if p.source.endswith("/42.jpg")]
    assert [p.faces[0].label_expression for p in same] == [0, 1]
    pixels = [images.decode((Path(root21) / p.source).read_bytes()).pixels for p in same]
    assert (pixels[0] != pixels[1]).all()


def test_the_arrays_are_without_dimensions_and_by_default_text(tmp_path: Path) -> None:
    write_2021(str(tmp_path))
    folder = tmp_path / "val_set" / "annotations"
    expression = np.load(folder / "42_exp.npy", allow_pickle=False)
    assert expression.shape == () and expression.dtype.kind == "U" and expression.item() == "1"
    assert np.load(folder / "100_val.npy").item() == "-2"
    assert np.load(folder / "42_lnd.npy").shape == (136,)
    assert (folder / "42_aro.npy").read_bytes()[:8] == b"\x93NUMPY\x01\x00"


@pytest.mark.parametrize(
    "array",
    [np.array("1.0"), np.array(b"1"), np.array([1]), np.array(1.0), np.array(1, np.uint8)],
    ids=["text of a float", "bytes", "one dimension", "float", "uint8"],
)
def test_other_ways_of_storing_a_number_are_read(tmp_path: Path, array: np.ndarray) -> None:
    write_2021(str(tmp_path))
    np.save(tmp_path / "train_set" / "annotations" / "42_exp.npy", array)
    assert list(AFFECTNET.annotations(str(tmp_path)))[1].faces[0].label_expression == 1


def test_points_may_be_stored_as_68_rows_of_text(tmp_path: Path) -> None:
    write_2021(str(tmp_path))
    rows = points_of(0).astype(str).reshape(68, 2)
    np.save(tmp_path / "train_set" / "annotations" / "42_lnd.npy", rows)
    face = list(AFFECTNET.annotations(str(tmp_path)))[1].faces[0]
    assert list(face.points or ()) == points_of(0).ravel().tolist()


def saved(array: np.ndarray, **options: bool) -> bytes:
    file = io.BytesIO()
    np.save(file, array, **options)
    return file.getvalue()


@pytest.mark.parametrize(
    ("kind", "data", "message"),
    [
        ("exp", b"", "42_exp.npy: no array that is read without pickling"),
        ("exp", saved(np.array({"a": 1}, object)), "42_exp.npy: no array that is read without"),
        ("exp", saved(np.array("happy")), "42_exp.npy: 'happy' is not a number"),
        ("exp", saved(np.array("12")), "images/42.jpg: its labels are damaged: 12 is no class"),
        ("val", saved(np.array([1.0, 2.0])), "42_val.npy: 2 numbers instead of 1"),
        ("aro", saved(np.array("nan")), "42_aro.npy: 'nan' is not a number"),
        ("aro", saved(np.array(1.5)), "42.jpg: its labels are damaged: valence and arousal lie"),
        ("lnd", saved(np.zeros(136))[:500], "42_lnd.npy: no array"),
        ("lnd", saved(np.zeros(10)), "42_lnd.npy: 10 numbers instead of 136"),
        ("lnd", None, "42_lnd.npy: not there"),
    ],
)
def test_a_damaged_array_is_told_with_its_file(
    tmp_path: Path, kind: str, data: bytes | None, message: str
) -> None:
    write_2021(str(tmp_path))
    file = tmp_path / "train_set" / "annotations" / f"42_{kind}.npy"
    file.unlink()
    if data is not None:
        file.write_bytes(data)
    with pytest.raises(DamagedError, match=message) as raised:
        list(AFFECTNET.annotations(str(tmp_path)))
    assert AFFECTNET.check(str(tmp_path), rendered=True) == [str(raised.value)]
    assert str(raised.value).startswith("train_set/")


def test_check_of_2021_tells_what_does_not_belong(root21: str) -> None:
    assert AFFECTNET.check(root21, rendered=True) == []
    folder = Path(root21) / "train_set"
    (folder / "images" / "cover.jpg").write_bytes(b"")
    (folder / "images" / "._7.jpg").write_bytes(b"")
    (folder / "images" / "7.jpg").unlink()
    findings = AFFECTNET.check(root21, rendered=True)
    assert findings[0] == "train_set/images/cover.jpg: no number as its name"
    assert [f.rpartition("/")[2] for f in findings[1:]] == [
        f"7_{kind}.npy: no picture of that number" for kind in ("aro", "exp", "lnd", "val")
    ]


def test_check_of_2021_counts_and_a_part_may_be_absent(root21: str) -> None:
    assert AFFECTNET.check(root21, rendered=False) == [
        "warning: train_set: 2 pictures instead of 287,651",
        "warning: val_set: 2 pictures instead of 3,999",
    ]
    storage.delete(f"{root21}/train_set")
    assert AFFECTNET.check(root21, True) == ["warning: train_set: not in this copy (train)"]
    assert {p.split for p in AFFECTNET.annotations(root21)} == {"validation"}


# -- both ------------------------------------------------------------------------------------


def test_a_folder_with_neither_or_both_releases_is_refused(root: str, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    for place, words in ((str(empty), "holds neither release"), (root, "holds both releases")):
        if place == root:
            write_2021(root)
        with pytest.raises(DamagedError, match=words):
            list(AFFECTNET.annotations(place))
        (finding,) = AFFECTNET.check(place, rendered=False)
        assert words in finding


@pytest.mark.parametrize("write", [write_2017, write_2021])
def test_a_copy_in_memory_reads_like_one_on_disk(write, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    url = "memory://copy-of-affectnet"
    write(url)
    write(str(tmp_path))
    try:
        assert list(AFFECTNET.annotations(url)) == list(AFFECTNET.annotations(str(tmp_path)))
        assert AFFECTNET.check(url, True) == AFFECTNET.check(str(tmp_path), True)
    finally:
        storage.delete(url)


def test_the_adapter_is_found_by_its_name() -> None:
    module, attribute = DATASETS["affectnet"].split(":")
    assert getattr(__import__(module, fromlist=[attribute]), attribute) is AFFECTNET
    assert AFFECTNET.name == "affectnet"
