from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from facecurate import storage
from facecurate.datasets import DATASETS
from facecurate.datasets.lfw import (
    ENLARGED,
    FOLDERS,
    LFW,
    LISTS,
    ReaderLFW,
    detector_box,
    write_picture,
)
from facecurate.datasets.lfw_lists import (
    Pair,
    Person,
    read_pairs,
    read_people,
    write_pairs,
    write_people,
)
from facecurate.errors import DamagedError

PEOPLE = [
    Person("Jane_Render", 4, 0), Person("Max_Mesh", 1, 0),
    Person("Al_B_Voxel", 2, 1), Person("Zoe-Ann_O'Texel", 12, 1),
]  # fmt: skip
PAIRS = [
    Pair(("Jane_Render", 1), ("Jane_Render", 4), 0),
    Pair(("Jane_Render", 2), ("Max_Mesh", 1), 0),
    Pair(("Zoe-Ann_O'Texel", 3), ("Zoe-Ann_O'Texel", 12), 1),
    Pair(("Al_B_Voxel", 2), ("Zoe-Ann_O'Texel", 10), 1),
]
TRAIN = [Person("Kim_Quad", 2, 0), Person("Lee_Lumen", 1, 0)]
TRAIN_PAIRS = [
    Pair(("Kim_Quad", 1), ("Kim_Quad", 2), 0),
    Pair(("Kim_Quad", 2), ("Lee_Lumen", 1), 0),
]
GREY = np.full((250, 250, 3), 90, np.uint8)


def write(root: str, folder: str = "lfw") -> None:
    for person in (*PEOPLE, *TRAIN):
        for number in range(1, person.count + 1):
            write_picture(root, (person.name, number), GREY, folder)
    write_pairs(storage.join(root, "pairs.txt"), PAIRS, folded=True)
    write_people(storage.join(root, "people.txt"), PEOPLE, folded=True)
    for name, end in (("Train", TRAIN), ("Test", TRAIN)):
        write_pairs(storage.join(root, f"pairsDev{name}.txt"), TRAIN_PAIRS, folded=False)
        write_people(storage.join(root, f"peopleDev{name}.txt"), end, folded=False)


@pytest.fixture
def root(tmp_path: Path) -> str:
    write(str(tmp_path))
    return str(tmp_path)


def test_every_label_comes_back(root: str) -> None:
    photos = list(LFW.annotations(root))
    known = sorted((*PEOPLE, *TRAIN), key=lambda p: p.name.encode())
    expected = [(p.name, k) for p in known for k in range(1, p.count + 1)]
    assert [photo.source for photo in photos] == [
        f"lfw/{name}/{name}_{k:04d}.jpg" for name, k in expected
    ]
    assert [photo.faces[0].label_identity for photo in photos] == [name for name, _ in expected]
    assert [photo.subject for photo in photos] == [name for name, _ in expected]
    splits = {photo.subject: photo.split for photo in photos}
    assert splits == {p.name: "view2" for p in PEOPLE} | {p.name: "dev-train" for p in TRAIN}
    assert LFW.pairs(root) == PAIRS and LFW.people(root) == PEOPLE
    assert LFW.pairs(root, "dev-train") == TRAIN_PAIRS and LFW.people(root, "dev-test") == TRAIN


def test_the_protocol_has_the_pairs_in_their_folds(root: str) -> None:
    asked = LFW.protocol(root)
    sources = [asked.faces.sources[i] for i in asked.first]
    assert sources[3] == "lfw/Al_B_Voxel/Al_B_Voxel_0002.jpg"
    assert asked.faces.sources[asked.second[2]].endswith("_0012.jpg")
    assert asked.same.tolist() == [True, False, True, False]
    assert asked.fold is not None and asked.fold.tolist() == [0, 0, 1, 1]
    assert len(set(asked.faces.sources)) == len(asked.faces.sources) == 8
    assert asked.faces.template.tolist() == asked.faces.medium.tolist() == list(range(8))
    whose = asked.faces.subject
    assert (whose[asked.first] == whose[asked.second]).tolist() == asked.same.tolist()
    assert sorted(set(whose.tolist())) == [0, 1, 2, 3]
    assert LFW.protocol(root, "dev-test").fold is None


def test_the_box_is_the_detector_s_in_the_middle_of_every_picture(root: str) -> None:
    x0, y0, x1, y1 = detector_box()
    assert (x0 + x1) / 2 == (y0 + y1) / 2 == 124.5  # from 0, at the pixels' centres
    assert (x1 - x0) * ENLARGED == pytest.approx(250) and y1 - y0 == x1 - x0
    assert {tuple(photo.faces[0].box or ()) for photo in LFW.annotations(root)} == {
        tuple(detector_box())
    }


def test_the_lists_bytes_are_the_owners(root: str) -> None:
    assert (Path(root) / "pairs.txt").read_bytes() == (
        b"2\t1\nJane_Render\t1\t4\nJane_Render\t2\tMax_Mesh\t1\n"
        b"Zoe-Ann_O'Texel\t3\t12\nAl_B_Voxel\t2\tZoe-Ann_O'Texel\t10\n"
    )
    assert (Path(root) / "people.txt").read_bytes() == (
        b"2\n2\nJane_Render\t4\nMax_Mesh\t1\n2\nAl_B_Voxel\t2\nZoe-Ann_O'Texel\t12\n"
    )
    dev = (Path(root) / "pairsDevTrain.txt").read_bytes()
    assert dev == b"1\nKim_Quad\t1\t2\nKim_Quad\t2\tLee_Lumen\t1\n"
    assert (Path(root) / "peopleDevTest.txt").read_bytes() == b"2\nKim_Quad\t2\nLee_Lumen\t1\n"


@pytest.mark.parametrize("folder", FOLDERS)
def test_the_three_folders_are_found_and_one_can_be_chosen(tmp_path: Path, folder: str) -> None:
    write(str(tmp_path), folder)
    assert next(LFW.annotations(str(tmp_path))).source.split("/")[0] == folder
    write_picture(str(tmp_path), ("Jane_Render", 1), GREY, "lfw")
    assert next(LFW.annotations(str(tmp_path))).source.split("/")[0] == "lfw"
    chosen = ReaderLFW(folder=folder)
    assert chosen.protocol(str(tmp_path)).faces.sources[0].split("/")[0] == folder
    with pytest.raises(DamagedError, match="no folder lfw-other: give the folder"):
        next(ReaderLFW(folder="lfw-other").annotations(str(tmp_path)))


@pytest.mark.parametrize("place", ["view2", "lfw"])
def test_lists_are_found_where_other_copies_have_them(root: str, place: str) -> None:
    target = Path(root) / place
    target.mkdir(exist_ok=True)
    (Path(root) / "pairs.txt").rename(target / "pairs.txt")
    assert LFW.pairs(root) == PAIRS
    (target / "pairs.txt").write_bytes(b"2\t1\n")
    with pytest.raises(DamagedError, match=rf"^{place}/pairs\.txt:1: 0 pairs instead of 2 x 2 x 1"):
        LFW.protocol(root)


def test_without_lists_of_people_everybody_is_in_view2(root: str) -> None:
    for path in Path(root).glob("people*.txt"):
        path.unlink()
    assert {photo.split for photo in LFW.annotations(root)} == {"view2"}


def test_people_of_both_views_are_in_view2(root: str) -> None:
    write_people(storage.join(root, "people.txt"), [*PEOPLE, *TRAIN], folded=True)
    assert {photo.split for photo in LFW.annotations(root)} == {"view2"}


def test_a_copy_in_memory_reads_like_one_on_disk(root: str) -> None:
    url = "memory://copy-of-lfw"
    try:
        write(url)
        assert list(LFW.annotations(url)) == list(LFW.annotations(root))
        assert LFW.protocol(url).faces.sources == LFW.protocol(root).faces.sources
        assert LFW.check(url, rendered=True) == []
    finally:
        storage.delete(url)


def other_ways(data: bytes) -> dict[str, bytes]:
    return {
        "windows line ends": data.replace(b"\n", b"\r\n"),
        "byte order mark": b"\xef\xbb\xbf" + data,
        "no final line end": data[:-1],
        "blanks at the ends": data.replace(b"\n", b" \n"),
        "empty lines at the end": data + b"\n\n",
    }


@pytest.mark.parametrize("way", other_ways(b""))
def test_other_tools_ways_of_writing_the_lists_are_read(root: str, way: str) -> None:
    for path in Path(root).glob("p*.txt"):
        path.write_bytes(other_ways(path.read_bytes())[way])
    assert LFW.pairs(root) == PAIRS and LFW.people(root) == PEOPLE
    assert LFW.check(root, rendered=True) == []


Change = Callable[[list[str]], list[str]]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda k: k[:-1], r"pairs\.txt:4: 3 pairs instead of 2 x 2 x 1"),
        (lambda k: ["10 300", *k[1:]], r"pairs\.txt:1: '10 300' is not 2 whole numbers"),
        (lambda k: ["3\t1", *k[1:]], r"pairs\.txt:5: 4 pairs instead of 3 x 2 x 1"),
        (lambda k: [*k[:2], k[1], *k[3:]], r"pairs\.txt:3: .* is not a mismatched pair"),
        (lambda k: [k[0], k[2], *k[2:]], r"pairs\.txt:2: .* is not a matched pair"),
        (lambda k: [k[0], "Jane_Render\t0\t4", *k[2:]], r":2: '0.4' is not 2 whole numbers from 1"),
        (lambda k: [k[0], "Jane_Render\t1\tx", *k[2:]], r":2: '1.x' is not 2 whole numbers"),
        (lambda k: [k[0], "../Jane\t1\t2", *k[2:]], r":2: '\.\./Jane' is no name of a person"),
        (lambda k: [*k[:2], "A\t1\tA\t2", *k[3:]], r":3: A twice in a mismatched pair"),
        (lambda k: [*k[:2], "", *k[3:]], r"pairs\.txt:3: '' is not a mismatched pair"),
        (lambda k: [], r"pairs\.txt:1: '' is not 2 whole numbers"),
    ],
)
def test_a_damaged_line_of_pairs_is_told(tmp_path: Path, change: Change, message: str) -> None:
    path = tmp_path / "pairs.txt"
    write_pairs(str(path), PAIRS, folded=True)
    path.write_text("\n".join(change(path.read_text().splitlines())))
    with pytest.raises(DamagedError, match=message) as told:
        read_pairs(str(path), "pairs.txt", folded=True)
    assert "\n" not in str(told.value) and "\t" not in str(told.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda k: k[:-1], r"people\.txt:6: ends after 1 of 2 people"),
        (lambda k: k[:4], r"people\.txt:4: 1 folds instead of 2"),
        (lambda k: [*k, "A\t1"], r"people\.txt:8: more lines than 2 folds hold"),
        (lambda k: [*k[:2], "Jane_Render 4", *k[3:]], r":3: 'Jane_Render 4' is not a name and"),
        (lambda k: [*k[:2], "a b\t4", *k[3:]], r":3: 'a b' is no name of a person"),
    ],
)
def test_a_damaged_line_of_people_is_told(tmp_path: Path, change: Change, message: str) -> None:
    path = tmp_path / "people.txt"
    write_people(str(path), PEOPLE, folded=True)
    path.write_text("\n".join(change(path.read_text().splitlines())))
    with pytest.raises(DamagedError, match=message):
        read_people(str(path), "people.txt", folded=True)


def test_check_finds_everything_at_once(root: str) -> None:
    assert LFW.check(root, rendered=True) == []
    person = Path(root) / "lfw/Zoe-Ann_O'Texel"
    (person / "Zoe-Ann_O'Texel_0012.jpg").rename(person / "Zoe-Ann_O'Texel_12.jpg")
    (person / ".DS_Store").write_bytes(b"")
    (Path(root) / "pairsDevTest.txt").unlink()
    (Path(root) / "peopleDevTrain.txt").write_bytes(b"x\n")
    assert LFW.check(root, rendered=True) == [
        "pairs.txt:4: no picture Zoe-Ann_O'Texel_0012.jpg",
        "people.txt: Zoe-Ann_O'Texel has 11 pictures, listed with 12",
        "peopleDevTrain.txt:1: 'x' is not 1 whole numbers from 1 on",
        "warning: pairsDevTest.txt is missing",
        "lfw/Zoe-Ann_O'Texel/Zoe-Ann_O'Texel_12.jpg: not a picture's name",
    ]
    (Path(root) / "pairs.txt").unlink()
    assert LFW.check(root, rendered=True)[0] == "pairs.txt is missing"


def test_check_counts_real_copies_alone_and_warns_of_smaller_ones(root: str) -> None:
    assert LFW.check(root, rendered=False) == [
        "warning: pairs.txt: 4 pairs, not 6,000",
        "warning: pairsDevTrain.txt: 2 pairs, not 2,200",
        "warning: pairsDevTest.txt: 2 pairs, not 1,000",
        "warning: lfw: 22 pictures instead of 13,233",
        "warning: lfw: 6 people instead of 5,749",
    ]


def test_folds_of_different_sizes_are_not_written(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="folds of different sizes"):
        write_pairs(str(tmp_path / "pairs.txt"), PAIRS[:3], folded=True)


def test_the_adapter_is_found_by_its_name_and_its_splits_are_the_manifest_s() -> None:
    from facecurate.datasets.manifest import load

    module, attribute = DATASETS["lfw"].split(":")
    assert getattr(__import__(module, fromlist=[attribute]), attribute) is LFW
    expected = {s: folds * 2 * size for s, (_, _, folds, size) in LISTS.items()}
    assert {split.name: split.count for split in load("lfw").splits} == expected


def test_a_person_whose_name_is_no_utf8_is_read(root: str) -> None:
    name = os.fsdecode(b"J\xf8rn_Mesh")  # as Latin-1 has it
    write_picture(root, (name, 1), GREY)
    assert f"lfw/{name}/{name}_0001.jpg" in {photo.source for photo in LFW.annotations(root)}
