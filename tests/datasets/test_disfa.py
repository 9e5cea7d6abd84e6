import sys
from pathlib import Path

import numpy as np
import pytest

from facecurate import storage, videos
from facecurate.datasets import DATASETS, disfa, disfa_files
from facecurate.datasets.disfa import DISFA, ReaderDISFA
from facecurate.datasets.disfa_files import (
    BAD_FRAMES,
    POINTS,
    SUBJECTS,
    parse_labels,
    read_points,
    to_mat,
)
from facecurate.datasets.points import POINT_SETS, permutation
from facecurate.errors import DamagedError, MissingExtraError
from facecurate.images import encode_jpeg
from facecurate.importing import import_annotated
from facecurate.pool import Pool
from facecurate.records import AU_NUMBERS, GIVEN_SCHEMA, PHOTO_SCHEMA
from facecurate.tars import read_members
from facecurate.workspace import Workspace

N = 7  # label lines


def codes_of(seed: int, lines: int = N) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 6, (lines, 12))


def points_of(seed: int) -> np.ndarray:
    """66 points of a rough face, whole and half pixels, one of them outside of the picture."""
    rng = np.random.default_rng(seed)
    points = rng.integers(4, 60, (66, 2)).astype(float)
    points[list(POINTS.left_eye)] = [18.5, 15]
    points[list(POINTS.right_eye)] = [40, 15.5]
    points[POINTS.nose] = [30, 25]
    points[list(POINTS.mouth)] = [[22, 36], [38, 36.5]]
    points[0] = [-3.25, 12]
    return points


def picture(k: int) -> np.ndarray:
    pixels = np.full((48, 64, 3), [20 + 25 * k, 90, 60], np.uint8)
    pixels[:, 8 * k : 8 * k + 6] = 240
    return pixels


def write(root: str, subject: str, *, frames: int = N, **points: object) -> None:
    seed = int(subject[2:])
    disfa.write_video(root, subject, [picture(k) for k in range(frames)])
    disfa.write_labels(root, subject, codes_of(seed))
    disfa.write_points(root, subject, [points_of(seed * 100 + k) for k in range(N)], **points)


@pytest.fixture
def root(tmp_path: Path) -> str:
    write(str(tmp_path), "SN001")
    write(str(tmp_path), "SN010", frames=N + 1)
    write(str(tmp_path), "SN031", from_one=True)
    return str(tmp_path)


def landmarks_folder(root: str, subject: str = "SN001") -> Path:
    return Path(root) / "Landmark_Points" / subject / "tmp_frame_lm"


def faces(root: str, subject: str = "SN001", reader: ReaderDISFA = DISFA) -> dict:
    return {a.frame: a.faces[0] for a in reader.annotations(root) if a.subject == subject}


# -- round trip ------------------------------------------------------------------------------------


def test_every_label_comes_back(root: str) -> None:
    read = list(DISFA.annotations(root))
    assert [a.subject for a in read] == ["SN001"] * N + ["SN010"] * N + ["SN031"] * N
    assert [a.frame for a in read] == list(range(1, N + 1)) * 3
    assert {(a.split, a.sequence == a.subject) for a in read} == {("all", True)}
    for a in read:
        seed, (face,) = int(a.subject[2:]), a.faces
        points = points_of(seed * 100 + a.frame - 1)
        assert list(face.label_au) == codes_of(seed)[a.frame - 1].tolist()
        assert list(face.points) == points.ravel().tolist()  # halves and quarters are exact
        assert list(face.box) == [*points.min(axis=0), *points.max(axis=0)]
        assert list(face.landmarks) == [18.5, 15, 40, 15.5, 30, 25, 22, 36, 38, 36.5]


def test_a_copy_in_memory_reads_like_one_on_disk(root: str) -> None:
    url = "memory://copy-of-disfa"
    for path in storage.walk(root):
        data = (Path(root) / path).read_bytes()
        storage.write_atomic(storage.join(url, *path.split("/")), data)
    try:
        assert list(DISFA.annotations(url)) == list(DISFA.annotations(root))
        assert DISFA.check(url, rendered=True) == []
    finally:
        storage.delete(url)


def test_names_and_bytes_are_the_owners(root: str) -> None:
    def names(folder: str) -> list[str]:
        return storage.list(storage.join(root, folder))

    assert names("") == ["ActionUnit_Labels", "Landmark_Points", "Videos_LeftCamera"]
    assert names("Videos_LeftCamera") == [
        f"LeftVideo{s}_comp.avi" for s in ("SN001", "SN010", "SN031")
    ]
    labels = {f"SN001_au{n}.txt" for n in AU_NUMBERS}
    assert set(names("ActionUnit_Labels/SN001")) == labels and len(labels) == 12
    column = AU_NUMBERS.index(12)
    lines = [f"{k + 1},{codes_of(1)[k, column]}\n" for k in range(N)]
    assert (Path(root) / "ActionUnit_Labels/SN001/SN001_au12.txt").read_bytes() == "".join(
        lines
    ).encode()
    assert names("Landmark_Points/SN001/tmp_frame_lm")[:2] == [
        "SN001_0000_lm.mat",
        "SN001_0001_lm.mat",
    ]
    assert names("Landmark_Points/SN031/tmp_frame_lm")[0] == "l00001_lm.mat"


def test_the_right_camera_s_folder_is_singular_and_has_no_landmarks(root: str) -> None:
    path = disfa.write_video(root, "SN001", [picture(0)], "right")
    assert path == "Video_RightCamera/RightVideoSN001_Comp.avi"
    right = ReaderDISFA(camera="right")
    with pytest.raises(DamagedError, match="SN010: labels, but no video of the right camera"):
        list(right.annotations(root))
    assert right.check(root, rendered=True) == [
        f"{path}: 1 frames for {N} label lines",
        "SN010: no video of the right camera",
        "SN031: no video of the right camera",
    ]
    for subject in ("SN001", "SN010", "SN031"):
        disfa.write_video(root, subject, [picture(k) for k in range(N)], "right")
    first = next(right.annotations(root))
    assert first.source == f"{path}#0000000" and first.faces[0].box is None
    assert list(first.faces[0].label_au) == codes_of(1)[0].tolist()


def test_the_same_numbers_give_the_same_landmark_file() -> None:
    data = to_mat(points_of(3))
    assert data == to_mat(points_of(3)) and data.startswith(
        b"MATLAB 5.0 MAT-file, landmarks of DISFA"
    )


def test_an_imported_copy_has_the_videos_pictures_and_their_labels(
    root: str, tmp_path: Path
) -> None:
    mine = Workspace(str(tmp_path / "data")).dataset("disfa")
    import_annotated(mine, root, DISFA.annotations(root), source_id="disfa", rendered=True)
    pool = Pool(mine.path("photos"))
    rows = pool.tables(PHOTO_SCHEMA).to_pylist()
    given = pool.tables(GIVEN_SCHEMA, "given.parquet").to_pylist()
    stored = dict(read_members(pool.file("00000", "tar")))
    assert len(rows) == len(given) == 3 * N and {row["status"] for row in rows} == {"ok"}
    decoded = {
        s: list(videos.frames(f"{root}/{disfa.video_name(s)}")) for s in ("SN001", "SN010", "SN031")
    }
    for row, face in zip(rows, given, strict=True):
        seen = decoded[row["subject"]][row["frame"] - 1]
        assert stored[f"{row['photo_id']}.jpg"] == encode_jpeg(seen)
        assert np.abs(seen.astype(int) - picture(row["frame"] - 1)).mean() < 4
        seed = int(row["subject"][2:])
        assert face["label_au"] == codes_of(seed)[row["frame"] - 1].tolist()
        assert face["points"] == points_of(seed * 100 + row["frame"] - 1).ravel().tolist()


# -- what copies do --------------------------------------------------------------------------------


def test_action_units_are_read_by_number(root: str) -> None:
    """By name au12 stands before au2."""
    only = np.zeros((N, 12), int)
    only[:, AU_NUMBERS.index(2)] = 4
    disfa.write_labels(root, "SN001", only)
    (Path(root) / "ActionUnit_Labels" / "SN001" / "SN001_au99.txt").write_text("nonsense")
    assert list(faces(root)[1].label_au) == [0, 4, *[0] * 10]


def test_letter_case_is_not_looked_at(root: str) -> None:
    base = Path(root)
    (base / "Videos_LeftCamera").rename(base / "videos_leftcamera")
    video = base / "videos_leftcamera" / "LeftVideoSN001_comp.avi"
    video.rename(video.with_name("leftvideosn001_Comp.AVI"))
    (base / "ActionUnit_Labels").rename(base / "actionunit_labels")
    (base / "actionunit_labels" / "SN001").rename(base / "actionunit_labels" / "sn001")
    read = next(DISFA.annotations(root))
    assert (read.subject, read.source) == (
        "SN001",
        "videos_leftcamera/leftvideosn001_Comp.AVI#0000000",
    )
    assert DISFA.check(root, rendered=True) == []


def test_frames_after_the_last_label_line_are_left_out(root: str) -> None:
    assert max(faces(root, "SN010")) == N
    assert DISFA.check(root, rendered=True) == []
    told = [line for line in DISFA.check(root, rendered=False) if "SN010_comp" in line]
    assert told == [
        "warning: Videos_LeftCamera/LeftVideoSN010_comp.avi: "
        f"{N + 1} frames, of which the first {N} are coded"
    ]


@pytest.mark.parametrize(
    "text",
    ["1,0\r\n2,3\r\n3,5\r\n", "\ufeff1,0\n2,3\n3,5", "1, 0\n2 ,3\n\n3,5 \n\n"],
    ids=["windows line ends", "byte order mark", "blanks"],
)
def test_other_ways_of_writing_labels_are_read(text: str) -> None:
    assert parse_labels(text.encode(), "x.txt") == [0, 3, 5]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0,0\n1,0", r"x\.txt:1: frame 0 where frame 1 belongs"),
        ("1,0\n3,0", r"x\.txt:2: frame 3 where frame 2 belongs"),
        ("1,0\n1,0", r"x\.txt:2: frame 1 where frame 2 belongs"),
        ("1,0\n2,6", r"x\.txt:2: intensity 6 is above 5"),
        ("1,0\n2,-1", r"x\.txt:2: '2,-1' is not a frame, a comma and an intensity"),
        ("1,0\n2 0", r"x\.txt:2: '2 0' is not a frame"),
        ("1,0\n\n2,\x1b[1m", r"x\.txt:3: '2,�\[1m' is not a frame"),
        ("1,0\n2,1.5", r"x\.txt:2: '2,1\.5' is not a frame"),
    ],
)
def test_a_damaged_label_line_is_told_with_its_number(text: str, message: str) -> None:
    with pytest.raises(DamagedError, match=message):
        parse_labels(text.encode(), "x.txt")


def test_files_of_one_subject_agree(root: str) -> None:
    file = Path(root) / "ActionUnit_Labels" / "SN001" / "SN001_au25.txt"
    file.write_bytes(b"".join(b"%d,0\n" % k for k in range(1, N)))
    message = rf"SN001_au25\.txt: {N - 1} frames, most files of this subject have {N}"
    with pytest.raises(DamagedError, match=message):
        list(DISFA.annotations(root))
    file.unlink()
    assert DISFA.check(root, rendered=True) == [
        "ActionUnit_Labels/SN001: no file of action unit 25"
    ]


# -- landmarks -------------------------------------------------------------------------------------


def test_a_single_missing_landmark_file_leaves_the_box_of_the_frame_before(root: str) -> None:
    (landmarks_folder(root, "SN031") / "l00004_lm.mat").unlink()
    found = faces(root, "SN031")
    assert found[4].points is None
    assert (found[4].box, found[4].landmarks) == (found[3].box, found[3].landmarks)
    assert list(found[4].label_au) == codes_of(31)[3].tolist()
    assert list(found[5].points) == points_of(3104).ravel().tolist()
    assert DISFA.check(root, rendered=True) == []
    told = "warning: Landmark_Points/SN031: no landmark file of frame 4"
    assert told in DISFA.check(root, rendered=False)


def test_a_longer_gap_has_no_box(root: str) -> None:
    for frame in (1, 4, 5):
        (landmarks_folder(root) / f"SN001_{frame - 1:04d}_lm.mat").unlink()
    boxes = {frame: face.box for frame, face in faces(root).items()}
    assert boxes[1] is None and boxes[4] == boxes[3] and boxes[5] is None
    assert all(boxes[frame] is not None for frame in (2, 3, 6, 7))


def test_a_copy_without_landmarks_has_codes_alone(root: str) -> None:
    storage.delete(f"{root}/Landmark_Points")
    assert all(face.box is None and face.points is None for face in faces(root).values())
    assert DISFA.check(root, rendered=True) == [
        "warning: Landmark_Points: not in this copy, so no frame has a box"
    ]


@pytest.mark.parametrize("which, offset", [("first", 1), ("last", 0)])
def test_of_one_landmark_file_too_many_the_first_or_the_last_is_left_out(
    root: str, which: str, offset: int
) -> None:
    (landmarks_folder(root) / f"SN001_{N:04d}_lm.mat").write_bytes(to_mat(points_of(100 + N)))
    reader = ReaderDISFA(extra_landmarks=which)
    found = faces(root, reader=reader)
    assert [list(found[f].points) for f in range(1, N + 1)] == [
        points_of(100 + f - 1 + offset).ravel().tolist() for f in range(1, N + 1)
    ]
    extra = ["warning: Landmark_Points/SN001: 1 landmark files beyond the label lines"]
    assert reader.check(root, rendered=True) == extra[offset:]


def test_the_landmark_files_origin_is_a_setting(root: str) -> None:
    zero, one = faces(root)[1], faces(root, reader=ReaderDISFA(base=1.0))[1]
    assert list(one.points) == [v - 1 for v in zero.points]
    assert list(one.box) == [v - 1 for v in zero.box]


def test_66_points_are_the_68_without_the_inner_corners_of_the_lips() -> None:
    full = POINT_SETS["68"]
    assert list(disfa_files.OF_68) == [*range(60), 61, 62, 63, 65, 66, 67]
    mirrored = [disfa_files.OF_68[new] for new in permutation(POINTS)]
    assert mirrored == [old for i, old in enumerate(permutation(full)) if i not in (60, 64)]
    assert (POINTS.nose, POINTS.mouth, POINTS.outer_eyes) == (30, (48, 54), (36, 45))


def broken(points: np.ndarray) -> dict[str, bytes]:
    import io

    from scipy.io import savemat

    other = io.BytesIO()
    savemat(other, {"points": points})
    short = io.BytesIO()
    savemat(short, {"pts": points[:65]})
    lost = io.BytesIO()
    savemat(lost, {"pts": np.where(points == points[0, 0], np.nan, points)})
    return {"another name": other.getvalue(), "65 points": short.getvalue(),
            "not a number": lost.getvalue(), "cut": to_mat(points)[:200],
            "empty": b"", "text": b"66\n1 2"}  # fmt: skip


@pytest.mark.parametrize("way", broken(points_of(0)))
def test_a_damaged_landmark_file_is_named(root: str, way: str) -> None:
    (landmarks_folder(root) / "SN001_0002_lm.mat").write_bytes(broken(points_of(0))[way])
    with pytest.raises(
        DamagedError, match=r"Landmark_Points/SN001/tmp_frame_lm/SN001_0002_lm\.mat"
    ):
        list(DISFA.annotations(root))
    assert len(DISFA.check(root, rendered=True)) == 1


def test_points_in_another_order_are_told_on_first_contact(root: str) -> None:
    for k in range(N):
        shuffled = points_of(100 + k)[::-1]
        (landmarks_folder(root) / f"SN001_{k:04d}_lm.mat").write_bytes(to_mat(shuffled))
    assert DISFA.check(root, rendered=True) == [
        "Landmark_Points/SN001: most files are no upright face of 66 points in order"
    ]


def test_without_scipy_the_extra_is_named(root: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "scipy.io", None)
    with pytest.raises(MissingExtraError, match=r"facecurate\[datasets\]"):
        list(DISFA.annotations(root))


# -- settings and check ----------------------------------------------------------------------------


def test_bad_frames_are_kept_unless_they_are_asked_to_go(
    root: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(BAD_FRAMES, "SN001", ((2, 3), (6, 6)))
    assert list(faces(root)) == [1, 2, 3, 4, 5, 6, 7]
    dropping = ReaderDISFA(bad_frames="drop")
    assert list(faces(root, reader=dropping)) == [1, 4, 5, 7]
    sources = [a.source[-2:] for a in dropping.annotations(root) if a.subject == "SN001"]
    assert sources == ["00", "03", "04", "06"]


def test_the_list_of_bad_frames_is_about_subjects_and_frames_there_are() -> None:
    assert set(BAD_FRAMES) < set(SUBJECTS)
    for ranges in BAD_FRAMES.values():
        flat = [frame for pair in ranges for frame in pair]
        assert flat == sorted(flat) and flat[0] > 0 and flat[-1] <= disfa.LINES
    assert disfa_files.is_bad("SN001", 398) and disfa_files.is_bad("SN001", 420)
    assert not disfa_files.is_bad("SN001", 397) and not disfa_files.is_bad("SN003", 400)


def test_a_full_copy_has_27_subjects_and_130814_frames() -> None:
    assert len(SUBJECTS) == 27 and len(set(SUBJECTS)) == 27
    assert sum(disfa.SHORT.get(s, disfa.LINES) for s in SUBJECTS) == 130_814


def test_a_copy_that_is_smaller_is_warned_of_unless_it_is_rendered(root: str) -> None:
    assert DISFA.check(root, rendered=True) == []
    found = DISFA.check(root, rendered=False)
    assert all(line.startswith("warning: ") for line in found)
    assert sum("not in this copy" in line for line in found) == 24
    assert f"warning: ActionUnit_Labels/SN010: {N} frames instead of 4,844" in found


def test_what_is_missing_or_too_short_is_found(root: str) -> None:
    video = Path(root) / "Videos_LeftCamera"
    disfa.write_video(root, "SN001", [picture(k) for k in range(N - 2)])
    (video / "LeftVideoSN010_comp.avi").unlink()
    (video / "LeftVideoSN031_comp.avi").write_bytes(b"nothing to see")
    disfa.write_labels(root, "SN099", codes_of(0))
    assert DISFA.check(root, rendered=True) == [
        "ActionUnit_Labels/SN099: no subject of DISFA",
        f"Videos_LeftCamera/LeftVideoSN001_comp.avi: {N - 2} frames for {N} label lines",
        "SN010: no video of the left camera",
        "Videos_LeftCamera/LeftVideoSN031_comp.avi: cannot be decoded"
        " (not_an_image: begins like no video that is read)",
        "SN099: no video of the left camera",
    ]


def test_all_that_is_wrong_is_listed_before_anything_is_taken(root: str, tmp_path: Path) -> None:
    labels = Path(root) / "ActionUnit_Labels"
    disfa.write_video(root, "SN001", [picture(k) for k in range(N - 2)])
    (labels / "SN010" / "SN010_au4.txt").write_bytes(b"1,0\n")
    (labels / "SN010" / "SN010_au9.txt").write_bytes(b"1,7\n")
    (labels / "SN010" / "SN010_au12.txt").unlink()
    video = Path(root) / "Videos_LeftCamera" / "LeftVideoSN031_comp.avi"
    video.write_bytes(video.read_bytes()[:200])
    dataset = Workspace(str(tmp_path / "work")).dataset("damaged")
    with pytest.raises(DamagedError) as told:
        import_annotated(dataset, root, DISFA.annotations(root), source_id="disfa", rendered=False)
    assert str(told.value) == (
        f"{root}: 5 things wrong, nothing was taken: "
        f"Videos_LeftCamera/LeftVideoSN001_comp.avi: {N - 2} frames for {N} label lines; "
        "ActionUnit_Labels/SN010: no file of action unit 12; "
        "ActionUnit_Labels/SN010/SN010_au9.txt:1: intensity 7 is above 5; "
        f"ActionUnit_Labels/SN010/SN010_au4.txt: 1 frames, most files of this subject have {N}; "
        "Videos_LeftCamera/LeftVideoSN031_comp.avi: cannot be decoded (broken: no decoder takes "
        "the video)"
    )
    assert not dataset.has()


def test_a_folder_of_something_else_is_told(tmp_path: Path) -> None:
    (tmp_path / "ActionUnit_Labels").mkdir()
    with pytest.raises(DamagedError, match="holds no subjects' folders in ActionUnit_Labels"):
        list(DISFA.annotations(str(tmp_path)))
    assert len(DISFA.check(str(tmp_path), rendered=False)) == 1


@pytest.mark.parametrize("codes", [np.zeros((3, 11)), np.full((3, 12), 6), np.full((3, 12), 0.5)])
def test_codes_that_nobody_writes_are_refused(tmp_path: Path, codes: np.ndarray) -> None:
    with pytest.raises(ValueError, match="codes are"):
        disfa.write_labels(str(tmp_path), "SN001", codes)
    assert storage.list(str(tmp_path)) == []


def test_the_adapter_is_known_under_its_name() -> None:
    assert DATASETS["disfa"] == "facecurate.datasets.disfa:DISFA" and DISFA.name == "disfa"


def test_a_table_of_another_shape_is_refused_before_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import scipy.io

    scipy.io.savemat(tmp_path / "x.mat", {"pts": np.zeros((660, 20))}, do_compression=True)
    monkeypatch.setattr(scipy.io, "loadmat", None)  # calling it would be another error
    with pytest.raises(DamagedError, match=r"^x\.mat: pts is 660x20 instead of 66x2$"):
        read_points(str(tmp_path), "x.mat")
