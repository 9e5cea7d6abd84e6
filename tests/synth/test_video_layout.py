from pathlib import Path

import numpy as np
import pytest

from facecurate import images
from facecurate.diversity.effective import effective_number
from facecurate.errors import FacecurateError
from facecurate.synth.spec import IDENTITIES
from facecurate.synthesise import video
from facecurate.synthesise.video import Video


def test_frames_are_shared_out_over_people_and_rooms() -> None:
    clips = video.items(803, 1, Video(subjects=4, sessions=2))
    assert [c.plan.frames for c in clips] == [101, 101, 101, 100, 100, 100, 100, 100]
    assert [f"{c.subject}/{c.session}" for c in clips[:3]] == ["S001/01", "S001/02", "S002/01"]
    assert len({c.plan.identity for c in clips}) == 4 and len({c.plan.seed for c in clips}) == 8
    assert all(c.plan.identity in IDENTITIES["train"] for c in clips)
    assert clips[0].file(0) == "S001/01/000001.jpg"


def test_the_number_of_people_follows_from_that_of_the_frames() -> None:
    found = [(count, Video.of(count).subjects) for count in (40, 1000, 5400, 10**6)]
    assert found == [(40, 2), (1000, 5), (5400, 27), (10**6, 27)]
    with pytest.raises(FacecurateError, match="take at least 40"):
        video.items(39, 0)


def test_the_plan_is_the_same_each_time_and_another_seed_s_is_another() -> None:
    assert video.items(400, 3) == video.items(400, 3) != video.items(400, 4)


def test_a_name_tells_nothing_about_who_it_is() -> None:
    clips = [video.items(400, seed)[0] for seed in range(30)]
    assert {c.subject for c in clips} == {"S001"}
    assert len({c.plan.identity for c in clips}) == 30


def small(repeats: int, states: int) -> video.Clip:
    return video.items(
        2 * states * repeats, 5, Video(2, 1, fps=0.5, speed=4.0, repeats=repeats)
    )[0]  # fmt: skip


def test_a_row_a_frame_with_labels_of_both_kinds(tmp_path: Path) -> None:
    clip = small(repeats=2, states=10)
    rows = list(video.render(str(tmp_path), clip))
    assert [r["file"] for r in rows] == [f"S001/01/{k:06d}.jpg" for k in range(1, 21)]
    assert [r["frame"] for r in rows] == list(range(1, 21))
    assert [r["state"] for r in rows] == [k // 2 for k in range(20)]
    assert {(r["subject"], r["session"], r["sequence"], r["split"]) for r in rows} == {
        ("S001", "01", "S001/01", "train")
    }
    for k, row in enumerate(rows):
        assert images.inspect((tmp_path / row["file"]).read_bytes()).width == 256
        lost = bool(clip.plan.lost[k])
        assert row["kind"] == ("lost" if lost else "repeat" if k % 2 else "render")
        assert row["copy_of"] == (rows[k - 1]["file"] if k % 2 else None)
        if row["units"]:
            assert row["units"][0] == clip.plan.units[k].tolist()
            assert row["coded"][0] == clip.plan.coded[0, k].tolist()


def test_repeats_raise_the_frames_but_not_their_effective_number(tmp_path: Path) -> None:
    numbers = []
    for repeats in (1, 3):
        clip = small(repeats, states=12)
        rows = list(video.render(str(tmp_path / str(repeats)), clip))
        seen = [images.decode((tmp_path / str(repeats) / row["file"]).read_bytes()) for row in rows]
        tiny = np.stack([images.resize(p.pixels, 32, 32).ravel().astype(float) for p in seen])
        vectors = tiny - tiny.mean(axis=0)
        found = effective_number(vectors, None, [0.9])
        numbers.append(float(found.total0[0]))
        assert len(rows) == 12 * repeats
    assert numbers == pytest.approx([12, 12], rel=0.1)
