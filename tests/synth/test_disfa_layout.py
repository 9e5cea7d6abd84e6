"""The rendered DISFA: its plan, its files against its truth, and the import of it."""

import hashlib
import os
from collections import Counter
from pathlib import Path

import chain
import numpy as np
import pytest

from facecurate import storage, videos
from facecurate.datasets import disfa as files
from facecurate.datasets.disfa_files import OF_68, SUBJECTS
from facecurate.datasets.manifest import load
from facecurate.errors import FacecurateError, UsageError
from facecurate.pool import Pool
from facecurate.prepare import prepare
from facecurate.records import AU_NUMBERS, FACE_SCHEMA, PHOTO_SCHEMA
from facecurate.synth.facs import select
from facecurate.synth.sequences import plan
from facecurate.synth.spec import IDENTITIES
from facecurate.synthesise import disfa, synthesise, truth
from facecurate.workspace import Dataset, links


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Three people, eleven label lines."""
    root = str(tmp_path_factory.mktemp("disfa"))
    return root, [row for item in disfa.items(11, 3) for row in disfa.render(root, item)]


# -- the plan --------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [6, 7, 8, 9, 10, 11, 12, 31, 80, 81, 82, 500, 130_814])
def test_the_label_lines_are_as_many_as_asked_for_and_shared_out_evenly(count):
    lines = {item.subject: item.lines for item in disfa.items(count, 0)}
    assert sum(lines.values()) == count and min(lines.values()) >= 3
    assert len(lines) == min(27, count // 3)
    assert max(lines.values()) - min(lines.values()) <= 1


def test_a_full_plan_has_the_owners_numbers():
    lines = {item.subject: item.lines for item in disfa.items(130_814, 0)}
    assert lines == {s: 4844 if s == "SN010" else 4845 for s in SUBJECTS}
    assert [i.plan.frames - i.lines for i in disfa.items(130_814, 0) if i.subject == "SN010"] == [1]


def test_too_few_frames_say_how_many_are_needed():
    with pytest.raises(FacecurateError, match="5 frames are too few for two people: take 6"):
        disfa.items(5, 0)


def test_the_first_six_people_serve_every_fold_of_the_manifest():
    six = set(disfa.ORDER[:6])
    assert sorted(disfa.ORDER) == sorted(SUBJECTS)
    for fold in load("disfa").folds:
        assert six & set(fold.test), fold.name
        assert not fold.validation or six & set(fold.validation), fold.name
        assert six - set(fold.test) - set(fold.validation), fold.name


def test_people_differ_from_each_other_and_from_those_of_tests():
    items = disfa.items(200, 5)
    people = Counter(item.plan.identity for item in items)
    assert set(people.values()) == {1} and all(i in IDENTITIES["train"] for i in people)
    assert len({item.plan.seed for item in items}) == 27
    assert items == disfa.items(200, 5) != disfa.items(200, 6)


# -- the files -------------------------------------------------------------------------------------


def test_the_labels_on_disk_are_the_coder_s_and_the_points_the_truth_s(made):
    root, rows = made
    read = list(files.DISFA.annotations(root))
    assert [(a.source, a.frame, a.subject, a.sequence) for a in read] == sorted(
        (r["file"], r["frame"], r["subject"], r["sequence"]) for r in rows
    )
    truth = {row["file"]: row for row in rows}
    for a in read:
        row, (face,) = truth[a.source], a.faces
        assert list(face.label_au) == select(row["coded"][0], AU_NUMBERS)
        if face.points is not None:
            points = np.reshape(row["points"][0], (68, 2))[list(OF_68)]
            assert np.array(face.points) == pytest.approx(points.ravel(), abs=1e-4)
    assert files.DISFA.check(root, rendered=True) == []


def test_the_owners_oddities_are_there(made):
    root, _ = made
    frames = {s: videos.count(f"{root}/{files.video_name(s)}") for s in ("SN001", "SN010", "SN031")}
    lines = Counter(a.subject for a in files.DISFA.annotations(root))
    assert {s: frames[s] - lines[s] for s in frames} == {"SN001": 0, "SN010": 1, "SN031": 0}
    folder = Path(root) / "Landmark_Points" / "SN031" / "tmp_frame_lm"
    assert sorted(p.name for p in folder.iterdir()) == [
        f"l{k:05d}_lm.mat" for k in range(1, lines["SN031"] + 1) if k != lines["SN031"] * 3 // 4
    ]
    missing = [a for a in files.DISFA.annotations(root) if a.faces[0].points is None]
    assert [a.subject for a in missing] == ["SN031"] and missing[0].faces[0].box is not None


def test_the_video_shows_what_was_drawn(made):
    root, _ = made
    item = disfa.items(11, 3)[0]
    read = list(videos.frames(f"{root}/{files.video_name(item.subject)}"))
    for k, frame in enumerate(read):
        assert frame.shape == (disfa.HEIGHT, disfa.WIDTH, 3)
        drawn, _ = item.plan.draw(k)
        assert np.abs(frame.astype(int) - drawn).mean() < 6


def test_the_truth_has_exact_intensities_beside_the_codes(made):
    _, rows = made
    plans = {item.subject: item.plan for item in disfa.items(11, 3)}
    for row in rows:
        exact = plans[row["subject"]].units[row["frame"] - 1]
        assert row["units"][0] == pytest.approx(exact) and len(row["coded"][0]) == 18
        assert row["split"] == "all" and row["identity"] == [str(plans[row["subject"]].identity)]


def test_one_item_made_again_gives_the_same_bytes(made, tmp_path):
    root, rows = made
    item = disfa.items(11, 3)[1]
    again = list(disfa.render(str(tmp_path), item))
    assert again == [row for row in rows if row["subject"] == item.subject]
    for path in storage.walk(str(tmp_path)):
        one, other = (Path(place) / path for place in (root, tmp_path))
        digests = [hashlib.sha256(p.read_bytes()).hexdigest() for p in (one, other)]
        assert digests[0] == digests[1], path


def test_a_face_that_has_left_the_picture_keeps_its_codes(tmp_path):
    """Twenty seconds in one, so that few frames are drawn; the seed is looked for."""
    plans = (plan(1, seed, 6, speed=20, width=320, height=256) for seed in range(500))
    away = next(p for p in plans if any(not p.photo(k).faces for k in range(1, 5)))
    rows = list(disfa.render(str(tmp_path), disfa.Film("SN001", 6, away)))
    seen = [bool(away.draw(k)[1]) for k in range(6)]
    assert not all(seen) and [bool(row["boxes"]) for row in rows] == seen
    assert all(len(row["coded"]) == len(row["units"]) == len(row["boxes"]) for row in rows)
    read = list(files.DISFA.annotations(str(tmp_path)))
    assert [a.faces[0].points is not None for a in read] == seen
    codes = [select(away.frame(k)[1], AU_NUMBERS) for k in range(6)]
    assert [list(a.faces[0].label_au) for a in read] == codes
    assert {row["kind"] for row, here in zip(rows, seen, strict=True) if not here} == {"lost"}


def test_planted_redundancy_and_leaks_stand_in_the_truth(tmp_path):
    root = str(tmp_path)
    items = disfa.items(23, 3, states=3, repeats=2, speed=40, unsteady=1, leak=1)[:2]
    assert [item.subject for item in items] == ["SN001", "SN010"]
    rows = [row for item in items for row in disfa.render(root, item)]
    truth = {row["file"]: row for row in rows}
    assert [row["state"] for row in rows if row["subject"] == "SN001"] == [0, 0, 1, 1]
    copied = [row for row in rows if row["copy_of"]]
    assert {row["kind"] for row in copied} == {"repeat", "leak"}
    (leaked,) = (row for row in copied if row["kind"] == "leak")
    original = truth[leaked["copy_of"]]
    assert (original["subject"], leaked["subject"], leaked["state"]) == ("SN001", "SN010", None)
    assert leaked["identity"] == original["identity"] and leaked["points"] == original["points"]
    read = {a.source: a.faces[0] for a in files.DISFA.annotations(root)}
    assert read[leaked["file"]].label_au == read[original["file"]].label_au


def test_fewer_people_have_longer_videos():
    films = disfa.items(100, 3, subjects=2)
    assert [(film.subject, film.lines) for film in films] == [("SN001", 50), ("SN010", 50)]
    for people in (1, 28, 34):
        with pytest.raises(FacecurateError, match=f"{people} people .* from 2 to 27"):
            disfa.items(100, 3, subjects=people)


def test_the_owners_frame_rate_is_no_option(tmp_path):
    dataset = Dataset(str(tmp_path), "faces")
    with pytest.raises(UsageError, match="--fps belongs to --layout video"):
        synthesise(dataset, layout="disfa", count=9, fps=10.0)


# -- as a dataset ----------------------------------------------------------------------------------


def test_a_killed_rendering_ends_with_the_same_bytes(tmp_path):
    whole, cut = (Dataset(str(tmp_path / name), "faces") for name in ("whole", "cut"))
    for dataset in (whole, cut):
        synthesise(dataset, layout="disfa", count=7, seed=2)
    os.unlink(cut.path("synth", "00001.json"))
    video = cut.path("files", *files.video_name("SN010").split("/"))
    Path(video).write_bytes(storage.read(video)[:1000])
    synthesise(cut, layout="disfa", count=7, seed=2)
    assert chain.files(cut) == chain.files(whole)


def test_a_rendered_copy_is_imported_as_disfa_and_cropped_by_its_landmarks(tmp_path):
    workspace = str(tmp_path)
    synthesise(Dataset(workspace, "rendered"), layout="disfa", count=9, seed=2)
    (link,) = links(workspace)["disfa"]
    assert link.rendered
    mine = Dataset(workspace, "disfa")
    prepare(mine, link, shards=False)
    photos = Pool(mine.path("photos")).tables(PHOTO_SCHEMA).to_pylist()
    faces = Pool(mine.path("faces")).tables(FACE_SCHEMA).to_pylist()
    assert [row["subject"] for row in photos] == ["SN001"] * 3 + ["SN010"] * 3 + ["SN031"] * 3
    assert {row["origin"] for row in photos} == {"rendered"}
    assert [face["status"] for face in faces] == ["ok"] * 9  # the missing landmark file too
    exact = {row["file"]: row for row in truth(Dataset(workspace, "rendered"))}
    for photo, face in zip(photos, faces, strict=True):
        row = exact[photo["source"]]
        assert face["label_au"] == select(row["coded"][0], AU_NUMBERS)
        assert photo["frame"] == row["frame"]
