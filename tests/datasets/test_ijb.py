from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from facecurate import storage
from facecurate.datasets import DATASETS, columns, ijb_lists, ijb_nist
from facecurate.datasets.ijb import IJB, IJB_B, IJB_C, Counts
from facecurate.datasets.ijb_lists import ListedFace, box_about
from facecurate.datasets.ijb_nist import COLUMNS, SEVEN, NistRow
from facecurate.datasets.protocols import UNKNOWN
from facecurate.errors import DamagedError

# name, template, medium, subject; templates 4 and 9 are enrolled in the first and second gallery
FACES = (
    ("1.jpg", 4, 903, 51),
    ("2.jpg", 70, 12, 51),
    ("3.jpg", 4, 903, 51),  # the second frame of medium 903, not beside the first
    ("4.jpg", 9, 12, 60),  # a medium of another template with the same number
    ("5.jpg", 71, 800, 60),
)
PAIRS = ((4, 70, 1), (4, 71, 0), (9, 70, 0), (9, 71, 1))
SCORES = (0.998, 0.101, 0.75, 1.0, 0.5)
BOXES = ((10, 12, 30, 40), (-3, 2, 20, 25), (11, 12, 30, 40), (0, 0, 50, 60), (7, 8, 9, 10))


def points_of(i: int) -> list[float]:
    base = [51.2, 70.4, 93.6, 69.8, 72.5, 88.0, 57.3, 108.1, 90.9, 107.5]
    return [round(v + i / 8, 3) for v in base]


def nist_rows() -> list[NistRow]:
    return [
        NistRow(template, subject, f"img/{i}.jpg", medium, BOXES[i], yaw=i - 2)
        for i, (_, template, medium, subject) in enumerate(FACES)
    ]


def write_packaging(root: str, reader: IJB) -> None:
    where = ijb_lists.paths(reader.folder, reader.code)
    faces = [
        ListedFace(name, template, medium, points_of(i), SCORES[i])
        for i, (name, template, medium, _) in enumerate(FACES)
    ]
    for i, face in enumerate(faces):
        size = (3000, 20, 3) if i == 4 else (24, 20, 3)  # a whole picture among the crops
        ijb_lists.write_picture(root, where, face.name, np.zeros(size, np.uint8))
    ijb_lists.write_faces(root, where, faces)
    first, second, same = np.array(PAIRS).T
    ijb_lists.write_pairs(root, where, first, second, same)


def write_tables(root: str, reader: IJB, folder: str, columns: tuple[str, ...] = COLUMNS) -> None:
    rows = nist_rows()
    files, _ = ijb_nist.arrangements(folder, reader.code, reader.galleries)
    one, two = files.galleries.values()
    ijb_nist.write_table(root, one, [r for r in rows if r.template == 4], columns)
    ijb_nist.write_table(root, two, [r for r in rows if r.template == 9], columns)
    ijb_nist.write_table(root, files.probes, [r for r in rows if r.template > 9], columns)
    first, second, _ = np.array(PAIRS).T
    ijb_nist.write_matches(root, files.matches, first, second)


def write_tests(root: str) -> None:
    """The arrangement of test1/ and test4/ of IJB-C."""
    rows, at = nist_rows(), "IJB-C/protocols"
    for gallery, template in (("G1", 4), ("G2", 9)):
        mine = [r for r in rows if r.template == template]
        ijb_nist.write_table(root, f"{at}/test4/gallery_{gallery}.csv", mine, SEVEN)
    for name in ("test4/probes", "test1/verif_templates"):
        probes = [r for r in rows if r.template > 9]
        ijb_nist.write_table(root, f"{at}/{name}.csv", probes, SEVEN)
    enrolled = [r for r in rows if r.template <= 9]
    ijb_nist.write_table(root, f"{at}/test1/enroll_templates.csv", enrolled, SEVEN)
    ijb_nist.write_table(root, f"{at}/ijbc_metadata.csv", rows, COLUMNS[1:])
    first, second, _ = np.array(PAIRS).T
    ijb_nist.write_matches(root, f"{at}/test1/match.csv", first, second)


@pytest.fixture
def root(tmp_path: Path) -> str:
    write_packaging(str(tmp_path), IJB_C)
    return str(tmp_path)


# -- the packaging -----------------------------------------------------------------------------


@pytest.mark.parametrize("reader", [IJB_B, IJB_C], ids=lambda r: r.name)
def test_every_label_comes_back(tmp_path: Path, reader: IJB) -> None:
    write_packaging(str(tmp_path), reader)
    photos = list(reader.annotations(str(tmp_path)))
    sources = [f"{reader.folder}/loose_crop/{name}" for name, *_ in FACES]
    assert [photo.source for photo in photos] == sources
    for i, photo in enumerate(photos):
        (face,) = photo.faces
        assert face.landmarks == points_of(i) and photo.split == "1:1"  # unshifted: from 0
        assert face.box == box_about(points_of(i))
        assert face.label_identity is None and photo.subject is None  # nothing here tells it
    asked = reader.protocol(str(tmp_path))
    assert asked.faces.sources == tuple(sources) and asked.fold is None
    assert asked.faces.template.tolist() == [face[1] for face in FACES]
    assert asked.faces.medium.tolist() == [face[2] for face in FACES]
    assert asked.faces.score == pytest.approx(SCORES)
    assert set(asked.faces.subject.tolist()) == {UNKNOWN}
    pairs = zip(asked.first.tolist(), asked.second.tolist(), asked.same.tolist(), strict=True)
    assert [(a, b, int(c)) for a, b, c in pairs] == list(PAIRS)
    assert (asked.first.dtype, asked.same.dtype) == (np.int32, np.bool_)


def test_the_lists_bytes_are_those_of_the_packaging(root: str) -> None:
    meta = Path(root) / "IJBC/meta"
    assert (meta / "ijbc_face_tid_mid.txt").read_bytes().startswith(b"1.jpg 4 903\n2.jpg 70 12\n")
    assert (
        (meta / "ijbc_name_5pts_score.txt")
        .read_bytes()
        .startswith(
            b"1.jpg 51.200 70.400 93.600 69.800 72.500 88.000 57.300 108.100 90.900 107.500 0.998\n"
        )
    )
    pairs = (meta / "ijbc_template_pair_label.txt").read_bytes()
    assert pairs == b"4 70 1\n4 71 0\n9 70 0\n9 71 1\n"


def test_a_copy_in_memory_reads_like_one_on_disk(root: str) -> None:
    url = "memory://copy-of-ijb"
    try:
        write_packaging(url, IJB_C)
        assert list(IJB_C.annotations(url)) == list(IJB_C.annotations(root))
        assert IJB_C.protocol(url).same.tolist() == [True, False, False, True]
        assert IJB_C.check(url, rendered=True) == []
    finally:
        storage.delete(url)


def test_the_root_may_be_the_packaging_s_own_folder(root: str) -> None:
    sources = [photo.source for photo in IJB_C.annotations(f"{root}/IJBC")]
    assert sources[0] == "loose_crop/1.jpg"
    assert IJB_C.check(f"{root}/IJBC", rendered=True) == []


def test_the_box_follows_the_points_and_leans_with_them() -> None:
    upright = [-2, -2, 2, -2, 0, 0, -2, 2, 2, 2]  # r = sqrt(4 * 8 / 5), about 0, 0
    r = np.sqrt(6.4)
    expected = np.array([-2.2, -2.8, 2.2, 1.6]) * r
    assert box_about(upright) == pytest.approx(expected)
    lying = np.array(upright).reshape(5, 2) @ [[0, 1], [-1, 0]]  # the head to the image's right
    assert box_about(lying + np.array([100, 50])) == pytest.approx(
        np.array([-1.6, -2.2, 2.8, 2.2]) * r + [100, 50, 100, 50]
    )
    assert box_about([7.0] * 10) == [7.0] * 4  # a detector's failure: no area, and no error


META = "IJBC/meta/ijbc_"
Change = Callable[[list[bytes]], list[bytes]]
DAMAGES: list[tuple[str, Change, str]] = [
    (
        "face_tid_mid",
        lambda k: [k[0], k[1][:-3], *k[2:]],
        r"tid_mid\.txt:2: 2 columns instead of 3",
    ),
    ("face_tid_mid", lambda k: [*k[:3], b"4.jpg x 12", k[4]], r":4: template: 'x' is not a whole"),
    ("face_tid_mid", lambda k: [k[1], k[0], *k[2:]], r"5pts_score\.txt:1: '1\.jpg', but '2\.jpg'"),
    ("face_tid_mid", lambda k: k[:4], r"5pts_score\.txt:5: 5 lines, but 4"),
    ("face_tid_mid", lambda k: [*k[:2], b"", *k[2:]], r"tid_mid\.txt:3: an empty line"),
    ("face_tid_mid", lambda k: [], r"tid_mid\.txt: holds no rows"),
    ("name_5pts_score", lambda k: [k[0], k[1] + b" 1", *k[2:]], r"score\.txt:2: 13 columns inst"),
    ("name_5pts_score", lambda k: [k[0].replace(b"70.4", b"nan,"), *k[1:]], r":1: y0: 'nan,00'"),
    ("name_5pts_score", lambda k: [k[0].replace(b"0.998", b"inf"), *k[1:]], r":1: score: 'inf'"),
    ("template_pair_label", lambda k: [*k[:2], b"9 70 2", k[3]], r":3: same: '2' is not 0 or 1"),
    ("template_pair_label", lambda k: [*k[:3], b"9 7"], r"pair_label\.txt:4: 2 columns"),
    ("template_pair_label", lambda k: [*k[:3], b"9 72 0"], r"pair_label\.txt:4: template 9 or 72"),
    ("template_pair_label", lambda k: [b"9999999999 4 0", *k], r":1: first: '9999999999' is not"),
]


@pytest.mark.parametrize(("file", "change", "message"), DAMAGES)
def test_a_damaged_line_is_told_with_file_and_line(
    root: str, file: str, change: Change, message: str
) -> None:
    path = Path(root) / f"{META}{file}.txt"
    path.write_bytes(b"\n".join(change(path.read_bytes().splitlines())))
    with pytest.raises(DamagedError, match=message) as told:
        IJB_C.protocol(root)
    assert "\n" not in str(told.value)
    assert IJB_C.check(root, rendered=True) == [str(told.value)]


@pytest.mark.parametrize("name", ["../1.jpg", "a/1.jpg", "", ".", "1.jpg"])
def test_a_name_that_leaves_the_folder_or_comes_twice_is_refused(root: str, name: str) -> None:
    for file in ("face_tid_mid", "name_5pts_score"):
        path = Path(root) / f"{META}{file}.txt"
        path.write_bytes(path.read_bytes().replace(b"3.jpg", name.encode()))
    with pytest.raises(DamagedError, match=r"tid_mid\.txt:3: "):
        IJB_C.protocol(root)


@pytest.mark.parametrize("file", ["face_tid_mid", "name_5pts_score", "template_pair_label"])
def test_a_missing_list_is_told(root: str, file: str) -> None:
    (Path(root) / f"{META}{file}.txt").unlink()
    with pytest.raises(DamagedError, match=rf"IJBC/meta/ijbc_{file}\.txt"):
        IJB_C.protocol(root)


def other_ways(data: bytes) -> dict[str, bytes]:
    return {
        "windows line ends": data.replace(b"\n", b"\r\n"),
        "byte order mark": b"\xef\xbb\xbf" + data,
        "no final line end": data[:-1],
        "blanks at the ends": data.replace(b"\n", b" \n"),
        "two blanks": data.replace(b" ", b"  "),
        "empty lines at the end": data + b"\n\n",
    }


@pytest.mark.parametrize("way", other_ways(b""))
def test_other_tools_ways_of_writing_the_lists_are_read(root: str, way: str) -> None:
    before = IJB_C.protocol(root)
    for path in (Path(root) / "IJBC/meta").iterdir():
        path.write_bytes(other_ways(path.read_bytes())[way])
    after = IJB_C.protocol(root)
    assert after.faces.sources == before.faces.sources
    assert after.faces.template.tolist() == before.faces.template.tolist()
    assert after.faces.template.dtype == np.int32
    assert after.same.tolist() == before.same.tolist() and after.same.dtype == np.bool_


def test_half_a_million_pairs_are_read_by_columns_not_by_lines(tmp_path: Path) -> None:
    url = str(tmp_path / "pairs.txt")
    Path(url).write_bytes(b"17 23051 0\n4 70 1\n" * 250_000)
    start = time.process_time()
    rows = columns.read(url, "pairs.txt", {"a": "int32", "b": "int32", "same": "flag"})
    assert time.process_time() - start < 0.5  # a loop over lines takes 1.3 s where this takes 0.05
    assert rows["same"].sum() == 250_000 and rows["b"][:3].tolist() == [23051, 70, 23051]


# -- counts, pictures, contradictions ------------------------------------------------------------


def test_check_counts_real_copies_alone_and_warns_of_smaller_ones(root: str) -> None:
    assert IJB_C.check(root, rendered=True) == []
    findings = IJB_C.check(root, rendered=False)
    assert "warning: IJBC: 5 faces instead of 469,375" in findings
    assert "warning: IJBC: 2 genuine pairs instead of 19,557" in findings
    assert len(findings) == 4 and all(f.startswith("warning: ") for f in findings)
    larger = replace(IJB_C, counts=Counts(4, 4, 2, 2, 2))
    assert larger.check(root, rendered=False) == ["IJBC: 5 faces instead of 4"]


def test_known_counts_are_the_published_ones() -> None:
    assert IJB_B.counts.genuine + IJB_B.counts.impostor == 8_010_270
    assert IJB_C.counts.genuine + IJB_C.counts.impostor == 15_658_489
    assert IJB_C.counts.templates == 3_531 + 19_593 and IJB_B.counts.templates == 1_845 + 10_270


def test_check_names_pictures_that_are_missing_or_in_no_list(root: str) -> None:
    folder = Path(root) / "IJBC/loose_crop"
    (folder / "2.jpg").rename(folder / "6.jpg")
    (folder / ".hidden").write_bytes(b"")
    assert IJB_C.check(root, rendered=True) == [
        "IJBC/meta/ijbc_face_tid_mid.txt:2: no picture IJBC/loose_crop/2.jpg",
        "IJBC/loose_crop: 1 file in no list: 6.jpg",
    ]
    storage.delete(str(folder))
    assert IJB_C.check(root, rendered=True) == ["IJBC/loose_crop: no pictures"]


def test_check_finds_pairs_that_contradict_the_tables(root: str) -> None:
    write_tables(root, IJB_C, "IJBC/meta")
    assert IJB_C.check(root, rendered=True) == []
    path = Path(root) / f"{META}template_pair_label.txt"
    path.write_bytes(b"4 70 1\n4 71 1\n9 70 0\n9 71 0\n")
    (finding,) = IJB_C.check(root, rendered=True)
    assert finding.startswith("IJBC/meta/ijbc_template_pair_label.txt:2: 2 pairs, this one first")


def test_a_folder_that_is_no_ijb_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DamagedError, match=r"no IJBB/meta/ijbb_face_tid_mid\.txt: give the folder"):
        list(IJB_B.annotations(str(tmp_path)))
    assert len(IJB_B.check(str(tmp_path), rendered=False)) == 1


# -- whose templates they are --------------------------------------------------------------------


@pytest.mark.parametrize("folder", ["IJBC/meta", "IJB-C/protocols", "protocols", "test4"])
def test_identities_are_those_of_the_1n_tables_wherever_they_lie(root: str, folder: str) -> None:
    if folder == "test4":
        write_tests(root)
    else:
        write_tables(root, IJB_C, folder)
    photos = list(IJB_C.annotations(root))
    expected = [str(subject) for *_, subject in FACES]
    assert [photo.faces[0].label_identity for photo in photos] == expected
    assert [photo.subject for photo in photos] == expected
    assert IJB_C.protocol(root).faces.subject.tolist() == [subject for *_, subject in FACES]
    asked = IJB_C.identification(root)
    galleries = {g: (e.template.tolist(), e.subject.tolist()) for g, e in asked.galleries.items()}
    assert galleries == {"G1": ([4], [51]), "G2": ([9], [60])}
    assert asked.probes.template.tolist() == [70, 71]
    assert asked.probes.subject.tolist() == [51, 60]


def test_tables_with_other_column_names_are_read_by_position(root: str) -> None:
    meta = Path(root) / "IJBC/meta"
    (meta / "ijbc_1N_gallery_G1.csv").write_bytes(b"tid,sid\n4,51\n4,51\n")
    (meta / "ijbc_1N_gallery_G2.csv").write_bytes(b"tid,sid\n9,60\n")
    (meta / "ijbc_1N_probe_mixed.csv").write_bytes(b"tid,sid\n71,60\n70,51\n")
    assert IJB_C.identification(root).probes.template.tolist() == [70, 71]
    (meta / "ijbc_1N_gallery_G1.csv").write_bytes(b"tid,sid\n4,51\n4,52\n")
    with pytest.raises(DamagedError, match=r"gallery_G1\.csv:3: template 4 has two subjects"):
        IJB_C.identification(root)


def test_without_tables_1n_says_what_is_missing(root: str) -> None:
    with pytest.raises(DamagedError, match=r"no 1:N tables \(ijbc_1N_gallery_G1\.csv"):
        IJB_C.identification(root)


# -- NIST's own files ----------------------------------------------------------------------------

FOURTEEN = (
    "TEMPLATE_ID", "SUBJECT_ID", "FILENAME", "SIGHTING_ID", "FACE_X", "FACE_Y", "FACE_WIDTH",
    "FACE_HEIGHT", "RIGHT_EYE_X", "RIGHT_EYE_Y", "LEFT_EYE_X", "LEFT_EYE_Y", "NOSE_X", "NOSE_Y",
)  # fmt: skip
FIFTEEN = (
    *(c.replace("FILENAME", "FILE").replace("NOSE_", "NOSE_BASE_") for c in FOURTEEN),
    "FRAME",
)
SIXTEEN = (*FIFTEEN, "CS2_BOOL")
VIDEO = (*FOURTEEN[:3], "VIDEO_FILENAME", *FOURTEEN[3:12], "NOSE_x", "NOSE_Y", "FRAME_NUM")


@pytest.mark.parametrize(
    "names", [FOURTEEN, FIFTEEN, SIXTEEN, VIDEO, COLUMNS, tuple(reversed(FOURTEEN))], ids=len
)
def test_columns_are_found_by_their_names(tmp_path: Path, names: tuple[str, ...]) -> None:
    write_tables(str(tmp_path), IJB_B, "IJB-B/protocol", names)
    asked = IJB_B.nist(str(tmp_path))
    order = (0, 2, 3, 1, 4)  # first gallery, second gallery, probes
    assert asked.faces.sources == tuple(f"IJB-B/images/img/{i}.jpg" for i in order)
    assert asked.faces.template.tolist() == [FACES[i][1] for i in order]
    assert asked.faces.medium.tolist() == [FACES[i][2] for i in order]
    assert asked.faces.subject.tolist() == [FACES[i][3] for i in order]
    assert asked.faces.boxes is not None
    expected = [[x, y, x + w, y + h] for x, y, w, h in (BOXES[i] for i in order)]
    assert asked.faces.boxes.tolist() == expected  # unshifted, and negative ones not cut
    assert np.isnan(asked.faces.score).all()
    assert list(zip(asked.first, asked.second, asked.same, strict=True)) == list(PAIRS)


def test_ijb_c_has_34_columns_33_of_them_in_the_metadata(tmp_path: Path) -> None:
    assert len(COLUMNS) == 34 and COLUMNS[:2] == ("TEMPLATE_ID", "SUBJECT_ID")
    ijb_nist.write_table(str(tmp_path), "m.csv", nist_rows()[:1], COLUMNS[1:])
    header, row = (tmp_path / "m.csv").read_text().splitlines()
    assert len(header.split(",")) == len(row.split(",")) == 33
    assert row == "51,img/0.jpg,903,10,12,30,40,,,,,,,-2," + "," * 18


def test_the_arrangement_by_tests_takes_its_media_from_the_metadata(tmp_path: Path) -> None:
    write_tests(str(tmp_path))
    asked = IJB_C.nist(str(tmp_path))
    assert asked.faces.medium.tolist() == [903, 903, 12, 12, 800]
    assert asked.same.tolist() == [True, False, False, True]
    path = tmp_path / "IJB-C/protocols/test1/match.csv"
    path.write_bytes(b"ENROLL_TEMPLATE_ID,VERIF_TEMPLATE_ID\n" + path.read_bytes())
    assert IJB_C.nist(str(tmp_path)).first.tolist() == [4, 4, 9, 9]
    metadata = tmp_path / "IJB-C/protocols/ijbc_metadata.csv"
    lines = metadata.read_bytes().splitlines(keepends=True)
    metadata.write_bytes(b"".join(lines[:-1]))
    with pytest.raises(DamagedError, match=r"verif_templates\.csv:3: img/4\.jpg of subject 60 is"):
        IJB_C.nist(str(tmp_path))
    metadata.unlink()
    with pytest.raises(DamagedError, match=r"ijbc_metadata\.csv is missing"):
        IJB_C.nist(str(tmp_path))


def test_empty_boxes_are_nan_and_other_cells_may_hold_anything(tmp_path: Path) -> None:
    write_tables(str(tmp_path), IJB_C, "protocols")
    path = tmp_path / "protocols/ijbc_1N_gallery_G2.csv"
    text = path.read_text().replace("12,0,0,50,60,", "12,,NaN,50,60,").replace(",,,", ",?,x,", 1)
    path.write_text(text)
    asked = IJB_C.nist(str(tmp_path))
    assert asked.faces.boxes is not None and asked.faces.sources[2] == "images/img/3.jpg"
    assert np.isnan(asked.faces.boxes[2]).all() and not np.isnan(asked.faces.boxes[1]).any()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.replace("\n4,51,img/2", "\n4,x,img/2"), r"G1\.csv:3: SUBJECT_ID: 'x' is not"),
        (lambda t: t.replace("img/2.jpg", "../2.jpg"), r"G1\.csv:3: '\.\./2\.jpg' is no path"),
        (lambda t: t.replace("img/2.jpg", "/img/2.jpg"), r"G1\.csv:3: '/img/2\.jpg' is no path"),
        (lambda t: t[:-5], r"G1\.csv:3: \d+ columns instead of 34"),
        (lambda t: t.replace("FILENAME", "PICTURE"), r"G1\.csv:1: no column FILENAME"),
        (lambda t: t.split("\n", 1)[1], r"G1\.csv:1: '4,51,IMG/0\.JPG"),
        (lambda t: t.split("\n", 1)[0], r"G1\.csv: holds no rows"),
    ],
)
def test_a_damaged_table_is_told_with_its_line(
    tmp_path: Path, change: Callable[[str], str], message: str
) -> None:
    write_tables(str(tmp_path), IJB_C, "IJB-C/protocols")
    path = tmp_path / "IJB-C/protocols/ijbc_1N_gallery_G1.csv"
    path.write_text(change(path.read_text()))
    with pytest.raises(DamagedError, match=message):
        IJB_C.nist(str(tmp_path))


def test_a_match_of_an_unknown_template_is_told_with_its_line(tmp_path: Path) -> None:
    write_tables(str(tmp_path), IJB_C, "IJB-C/protocols")
    path = tmp_path / "IJB-C/protocols/ijbc_11_G1_G2_matches.csv"
    assert path.read_bytes() == b"4,70\n4,71\n9,70\n9,71\n"  # no header
    path.write_bytes(b"4,70\n4,99\n")
    with pytest.raises(DamagedError, match=r"matches\.csv:2: template 99 is in no template file"):
        IJB_C.nist(str(tmp_path))


def test_a_copy_without_nist_s_files_says_where_they_are_looked_for(root: str) -> None:
    with pytest.raises(DamagedError, match="no match file of NIST in IJB-C/protocols or protocols"):
        IJB_C.nist(root)


@pytest.mark.parametrize("reader", [IJB_B, IJB_C], ids=lambda r: r.name)
def test_the_adapters_are_found_by_their_names(reader: IJB) -> None:
    module, attribute = DATASETS[reader.name].split(":")
    assert getattr(__import__(module, fromlist=[attribute]), attribute) is reader
