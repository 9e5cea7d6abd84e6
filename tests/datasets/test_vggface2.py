from pathlib import Path

import numpy as np
import pytest

from facecurate import images, storage
from facecurate.datasets import DATASETS, manifest
from facecurate.datasets.vggface2 import VGGFACE2
from facecurate.datasets.vggface2_files import (
    Identity,
    identities,
    parse_identity,
    write_identities,
    write_lists,
    write_picture,
)
from facecurate.errors import DamagedError

# picture: box x0 y0 x1 y1
TRAIN = {
    "n900002/0001_01.jpg": (40.5, 37.5, 136.5, 165.5),
    "n900002/0003_02.jpg": (-13.5, 20.5, 60.5, 120.5),  # begins outside the crop
    "n900005/0001_01.jpg": (10.5, 11.5, 40.5, 50.5),
}
TEST = {"n900001/0019_01.jpg": (1.5, 2.5, 30.5, 41.5), "n900001/0020_01.jpg": (0.5, 1.5, 2.5, 3.5)}
PEOPLE = [
    Identity("n900001", "Bob_Render", 2, "0", "m"),
    Identity("n900002", "Ada_Render,_Jr.", 2, "1", "f"),
    Identity("n900005", "Zoë_Render", 1, "1", "f"),
]
SPLITS = {"train": TRAIN, "test": TEST}


def marks_of(name: str) -> list[float]:
    rng = np.random.default_rng(list(name.encode()))
    return [float(v) for v in rng.uniform(-5, 130, 10).round(5)]


def write(root: str) -> None:
    for split, boxes in SPLITS.items():
        for k, name in enumerate(boxes):
            write_picture(root, split, name, np.full((30 + k, 40, 3), 90, np.uint8))
        write_lists(root, split, [(name, box, marks_of(name)) for name, box in boxes.items()])
    write_identities(root, PEOPLE)


@pytest.fixture
def root(tmp_path: Path) -> str:
    write(str(tmp_path))
    return str(tmp_path)


def lines_of(root: str, file: str) -> list[str]:
    return (Path(root) / file).read_text(encoding="utf-8").splitlines()


def put(root: str, file: str, lines: list[str], end: str = "\n") -> None:
    (Path(root) / file).write_bytes(end.join([*lines, ""]).encode())


BOXES = "bb_landmark/loose_bb_train.csv"
MARKS = "bb_landmark/loose_landmark_train.csv"
LIST = "meta/train_list.txt"
META = "meta/identity_meta.csv"


def test_every_label_comes_back(root: str) -> None:
    read = list(VGGFACE2.annotations(root))
    known = [(split, name, box) for split, boxes in SPLITS.items() for name, box in boxes.items()]
    assert [photo.source for photo in read] == [f"{split}/{name}" for split, name, _ in known]
    for photo, (split, name, box) in zip(read, known, strict=True):
        (face,) = photo.faces
        assert photo.split == split and photo.subject == face.label_identity == name[:7]
        assert face.box == box and face.landmarks == marks_of(name)
        assert photo.session is None and face.points is None
        assert (Path(root) / photo.source).is_file()


def test_a_box_is_the_area_of_its_pixels(root: str) -> None:
    """X 41, 96 wide: pixels 41 to 136, whose area begins half a pixel before 41."""
    assert lines_of(root, BOXES)[:2] == ["NAME_ID,X,Y,W,H", '"n900002/0001_01",41,38,96,128']
    assert next(iter(VGGFACE2.annotations(root))).faces[0].box == (40.5, 37.5, 136.5, 165.5)


def test_both_corners_of_a_box_are_rounded(tmp_path: Path) -> None:
    """3.8 x 3.2 between edges that lie nearest to those of pixels 2 to 4 and 2 to 5."""
    write_lists(str(tmp_path), "train", [("n900002/0001_01.jpg", (1.1, 1.9, 4.9, 5.1), [0.0] * 10)])
    assert lines_of(str(tmp_path), BOXES)[1] == '"n900002/0001_01",2,2,3,4'


def test_the_files_are_the_owners(root: str) -> None:
    assert lines_of(root, BOXES)[2] == '"n900002/0003_02",-13,21,74,100'
    marks = lines_of(root, MARKS)
    assert marks[0] == "NAME_ID,P1X,P1Y,P2X,P2Y,P3X,P3Y,P4X,P4Y,P5X,P5Y"
    numbers = ",".join(f"{v:.5f}" for v in marks_of("n900002/0001_01.jpg"))
    assert marks[1] == f'"n900002/0001_01",{numbers}'
    assert lines_of(root, LIST) == list(TRAIN)
    assert lines_of(root, META) == [
        "Class_ID, Name, Sample_Num, Flag, Gender",
        'n900001, "Bob_Render", 2, 0, m,',
        'n900002, "Ada_Render,_Jr.", 2, 1, f',
        'n900005, "Zoë_Render", 1, 1, f,',
    ]
    crop = images.decode((Path(root) / "train/n900002/0003_02.jpg").read_bytes())
    assert crop.header.format == "JPEG" and crop.pixels.shape == (31, 40, 3)


def test_names_with_commas_and_rows_without_a_last_comma_come_back(root: str) -> None:
    assert list(identities(root)) == PEOPLE


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ('n000001, "A_B", 12, 1, f,', "A_B"),
        ('n000001, "A_B", 12, 1, f', "A_B"),
        ('n000001, "A_B,_Jr", 12, 1, f', "A_B,_Jr"),
        ('n000001, "A_B, Jr", 12, 1, f,', "A_B, Jr"),
        ('n000001,"A_B",12,1,f', "A_B"),
        ("n000001, A_B,_Jr, 12, 1, f", "A_B,_Jr"),
        ('n000001,\t"A_B", 12, 1, f,', "A_B"),
    ],
)
def test_a_row_of_people_is_read_in_every_known_form(line: str, name: str) -> None:
    assert parse_identity(line, "x:1") == Identity("n000001", name, 12, "1", "f")


@pytest.mark.parametrize(
    "line",
    {
        "empty": "",
        "a comma": ",",
        "quotes": '""',
        "one field": "n000001",
        "an open quote": 'n000001, "A_B, 12, 1, f,',
        "no name": "n000001, 12, 1, f,",
        "no id": "x, A, 1, 1, f",
        "no number": "n000001, A, many, 1, f",
        "another script's digit": "n000001, A, ²2, 1, f",
        "an endless name": f'n000001, "{"x" * 200_000}", 1, 1, f',
    }.items(),
    ids=lambda item: item[0],
)
def test_a_row_of_people_that_is_none_is_told_with_its_line(line: tuple[str, str]) -> None:
    with pytest.raises(DamagedError, match=r"^meta/x\.csv:7: '.*' is not id, name, number"):
        parse_identity(line[1], "meta/x.csv:7")


def test_splits_are_the_manifest_s(root: str) -> None:
    splits = {photo.split for photo in VGGFACE2.annotations(root)}
    assert splits == {split.name for split in manifest.load("vggface2").splits}


@pytest.mark.parametrize("file", ["meta/train.txt", "data/train_list.txt", "train_list.txt"])
def test_the_list_is_found_by_either_name_and_where_copies_have_it(root: str, file: str) -> None:
    before = list(VGGFACE2.annotations(root))
    (Path(root) / file).parent.mkdir(exist_ok=True)
    (Path(root) / LIST).rename(Path(root) / file)
    assert list(VGGFACE2.annotations(root)) == before
    assert VGGFACE2.check(root, rendered=True) == []


def test_tables_are_found_below_meta_and_pictures_below_data(root: str) -> None:
    (Path(root) / "bb_landmark").rename(Path(root) / "meta" / "bb_landmark")
    (Path(root) / "data").mkdir()
    (Path(root) / "train").rename(Path(root) / "data" / "train")
    photos = list(VGGFACE2.annotations(root))
    assert [p.source for p in photos[:3]] == [f"data/train/{name}" for name in TRAIN]
    assert VGGFACE2.check(root, rendered=True) == []


def test_windows_line_ends_marks_and_blanks_are_read(root: str) -> None:
    before = list(VGGFACE2.annotations(root))
    for file in (LIST, BOXES, MARKS, META):
        lines = lines_of(root, file)
        put(root, file, ["\ufeff" + lines[0] + " ", "", *lines[1:]], end="\r\n")
    assert list(VGGFACE2.annotations(root)) == before
    assert VGGFACE2.check(root, rendered=True) == []


def test_keys_without_quotes_or_with_the_extension_and_float_boxes_are_read(root: str) -> None:
    before = list(VGGFACE2.annotations(root))
    lines = [line.replace('"', "").replace(",41,", ".jpg,41.0,") for line in lines_of(root, BOXES)]
    put(root, BOXES, lines[1:])  # without its header
    assert list(VGGFACE2.annotations(root)) == before


def test_a_shorter_list_takes_its_rows_from_the_whole_tables(root: str) -> None:
    put(root, LIST, [name for name in TRAIN if "0003" not in name])
    sources = [p.source for p in VGGFACE2.annotations(root) if p.split == "train"]
    assert sources == ["train/n900002/0001_01.jpg", "train/n900005/0001_01.jpg"]
    assert VGGFACE2.check(root, rendered=True) == [
        "warning: train: 1 picture not listed, n900002/0003_02.jpg among them",
        "warning: meta/identity_meta.csv: 2 pictures of n900002, 1 are listed",
    ]


@pytest.mark.parametrize(
    ("file", "line", "message"),
    [
        (LIST, "n900002/1_01.jpg", "'n900002/1_01.jpg' is no picture's name"),
        (LIST, "n900002\\0001_01.jpg", "is no picture's name"),
        (LIST, "../../n900002/0001_01.jpg", "is no picture's name"),
        (BOXES, '"n900002/0003_02",1,2,3', "is not a name and 4 numbers"),
        (BOXES, '"n900002/0003_02",1,2,3,x', "is not a name and 4 numbers"),
        (BOXES, '"n900002/0003_02",1,2,3,inf', "is not a name and 4 numbers"),
        (MARKS, '"n900002/0003_02",1,2,3,4', "is not a name and 10 numbers"),
        (MARKS, "\x00\x1b[0m", "'��[0m' is not a name and 10 numbers"),
    ],
)
def test_a_damaged_line_is_told_with_its_file_and_number(
    root: str, file: str, line: str, message: str
) -> None:
    lines = lines_of(root, file)
    at = 1 if file == LIST else 2
    put(root, file, [*lines[:at], line, *lines[at + 1 :]])
    with pytest.raises(DamagedError, match=message.replace("[", r"\[")) as raised:
        list(VGGFACE2.annotations(root))
    assert str(raised.value).startswith(f"{file}:{at + 1}: ")
    assert str(raised.value) in VGGFACE2.check(root, rendered=True)


@pytest.mark.parametrize("file", [BOXES, MARKS])
def test_rows_that_are_missing_or_in_another_order_are_told(root: str, file: str) -> None:
    head, first, second, third = lines_of(root, file)
    for rows, lost in (([first, third], "0003_02"), ([second, first, third], "0003_02")):
        put(root, file, [head, *rows])
        message = f"{file}: no row for n900002/{lost}, or not in the order of the list"
        with pytest.raises(DamagedError, match=message):
            list(VGGFACE2.annotations(root))
        assert VGGFACE2.check(root, rendered=True) == [message]


@pytest.mark.parametrize("file", [LIST, BOXES, MARKS])
def test_a_missing_file_is_told(root: str, file: str) -> None:
    (Path(root) / file).unlink()
    with pytest.raises(DamagedError, match=f"{file} is missing: unpack"):
        list(VGGFACE2.annotations(root))
    assert any(f.startswith(f"{file} is missing") for f in VGGFACE2.check(root, rendered=True))


def test_a_picture_listed_twice_is_told(root: str) -> None:
    for file in (LIST, BOXES, MARKS):
        put(root, file, [*lines_of(root, file), lines_of(root, file)[-1]])
    with pytest.raises(DamagedError, match=r"train_list\.txt:4: n900005/0001_01\.jpg is listed a"):
        list(VGGFACE2.annotations(root))
    assert VGGFACE2.check(root, True)[0] == f"{LIST}: n900005/0001_01.jpg is listed more than once"


def test_check_finds_missing_pictures_and_other_people(root: str) -> None:
    assert VGGFACE2.check(root, rendered=True) == []
    (Path(root) / "train/n900005/0001_01.jpg").unlink()
    lines = lines_of(root, META)
    put(root, META, [lines[0], lines[1].replace(" 0,", " 1,"), lines[2].replace(" 2,", " 1,")])
    assert VGGFACE2.check(root, rendered=True) == [
        "train: 1 listed picture not there, n900005/0001_01.jpg among them",
        f"{META}: 1 picture of n900002, 2 are listed",
        f"{META}: n900005 is not of the train part there",
        f"{META}: n900001 is not of the test part there",
    ]


def test_check_counts_real_copies_alone_and_warns_of_smaller_ones(root: str) -> None:
    assert VGGFACE2.check(root, rendered=False) == [
        f"warning: {LIST}: 2 people instead of 8,631",
        f"warning: {LIST}: 3 pictures instead of 3,141,890",
        "warning: meta/test_list.txt: 1 person instead of 500",
        "warning: meta/test_list.txt: 2 pictures instead of 169,396",
    ]
    storage.delete(f"{root}/test")
    (Path(root) / META).unlink()
    assert VGGFACE2.check(root, rendered=True) == [
        "warning: test: not in this copy",
        f"warning: {META}: not in this copy",
    ]
    assert {photo.split for photo in VGGFACE2.annotations(root)} == {"train"}


def test_many_damaged_lines_are_not_all_told(root: str) -> None:
    put(root, LIST, [*TRAIN, *["x"] * 50])
    findings = VGGFACE2.check(root, rendered=True)
    assert len(findings) == 21 and findings[-1] == "and 30 more like the 20 before"


def test_a_folder_that_is_no_vggface2_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DamagedError, match=r"none of VGGFace2's folders \(train, test\)"):
        list(VGGFACE2.annotations(str(tmp_path)))
    assert len(VGGFACE2.check(str(tmp_path), rendered=False)) == 1


def test_a_copy_in_memory_reads_like_one_on_disk(root: str) -> None:
    url = "memory://copy-of-vggface2"
    write(url)
    try:
        assert list(VGGFACE2.annotations(url)) == list(VGGFACE2.annotations(root))
        assert VGGFACE2.check(url, rendered=True) == []
    finally:
        storage.delete(url)


def test_the_adapter_is_found_by_its_name() -> None:
    module, attribute = DATASETS["vggface2"].split(":")
    assert getattr(__import__(module, fromlist=[attribute]), attribute) is VGGFACE2
    assert VGGFACE2.name == "vggface2"
