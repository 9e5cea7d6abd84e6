from pathlib import Path

import numpy as np
import pytest

from facecurate import images
from facecurate.diversity.effective import effective_number
from facecurate.diversity.tolerance import calibrate_copy
from facecurate.encoders import DctEncoder
from facecurate.errors import FacecurateError
from facecurate.faces import align
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


# -- planted redundancy and leaks ------------------------------------------------------------------


def test_states_come_again_from_the_first_on() -> None:
    clip = video.items(40, 5, subjects=2, sessions=1, states=3, repeats=2, fps=0.5)[0]
    assert clip.plan.states.tolist() == [k // 2 % 3 for k in range(20)]
    again, first = clip.plan.frame(13), clip.plan.frame(0)
    assert again[0] == first[0] and (clip.plan.units[12] == clip.plan.units[0]).all()


def test_unsteady_frames_lie_elsewhere_by_less_than_was_said_and_the_labels_know() -> None:
    steady, shaken = (
        video.items(40, 5, subjects=2, sessions=1, states=1, unsteady=by)[0].plan for by in (0, 1)
    )
    places = np.array([shaken.frame(k)[0].centre for k in range(20)])
    assert np.ptp(places, axis=0).min() > 0.5 and np.ptp(places, axis=0).max() <= 1
    assert len({steady.frame(k)[0].centre for k in range(20)}) == 1
    (still,), (moved,) = steady.draw(4)[1], shaken.draw(4)[1]
    by = places[4] - steady.frame(4)[0].centre
    assert np.allclose(moved.points68 - still.points68, by, atol=0.01)


def test_people_and_sequences_for_testing_are_those_asked_for() -> None:
    clips = video.items(120, 1, subjects=3, sessions=2, test=1, shared=1)
    assert [(c.subject, c.session) for c in clips if c.split == "test"] == [
        ("S001", "02"), ("S003", "01"), ("S003", "02"),
    ]  # fmt: skip
    assert {c.split for c in video.items(120, 1, subjects=3)} == {"train"}


def test_leaked_frames_are_copies_of_training_frames_that_the_truth_names(tmp_path: Path) -> None:
    clips = video.items(40, 1, subjects=2, sessions=1, test=1, leak=3)
    rows = [row for clip in clips for row in video.render(str(tmp_path), clip)]
    by_file = {row["file"]: row for row in rows}
    leaks = [row for row in rows if row["kind"] == "leak"]
    assert [row["frame"] for row in leaks] == [4, 10, 16]
    for row in leaks:
        original = by_file[row["copy_of"]]
        assert (original["split"], row["split"], row["state"]) == ("train", "test", None)
        assert row["identity"] == original["identity"] and row["coded"] == original["coded"]
        shown, copied = (
            images.decode((tmp_path / one["file"]).read_bytes()).pixels.astype(int)
            for one in (original, row)
        )
        assert 0 < np.abs(shown - copied).mean() < 4


@pytest.mark.parametrize(
    "options, message",
    [
        ({"test": 2}, "too many of 2: raise --subjects"),
        ({"test": 1, "shared": 2}, "too many of 2"),
        ({"shared": 1, "sessions": 1}, "raise --sessions"),
        ({"leak": 1}, "say --test or --shared"),
        ({"test": 1, "leak": 30}, "take at most 25"),
    ],
)
def test_what_cannot_be_planted_is_refused(options: dict[str, int], message: str) -> None:
    with pytest.raises(FacecurateError, match=message):
        video.items(100, 0, **{"subjects": 2, "sessions": 1, **options})


def crops(folder: Path, clip: video.Clip) -> tuple[list[np.ndarray], set[int]]:
    """The faces that are seen, cut out as ``detect --detector given`` does, and their states."""
    rows = [r for r in video.render(str(folder), clip) if r["boxes"] and r["kind"] != "lost"]
    pixels = [images.decode((folder / row["file"]).read_bytes()).pixels for row in rows]
    cut = [align.box_matrix(row["boxes"][0], 256) for row in rows]
    faces = [align.crop(p, *one) for p, one in zip(pixels, cut, strict=True)]
    return faces, {row["state"] for row in rows}


def shown(folder: Path, seed: int, states: int, repeats: int, unsteady: float) -> float:
    """N_eff over the number of states that were filmed, at tau_copy of the film's own faces.

    The states lie eight seconds apart, so that each is another one.
    """
    asked = Video(2, 1, 0.5, speed=4.0, repeats=repeats, states=states, unsteady=unsteady)
    clip = video.items(2 * states * repeats, seed, asked)[0]
    faces, seen = crops(folder / f"{seed}-{repeats}", clip)
    encode = DctEncoder().encode
    tau = calibrate_copy(encode, faces).tau
    return float(effective_number(encode(faces), None, [tau]).total0[0]) / len(seen)


def test_codec_light_and_a_pixel_of_motion_do_not_raise_the_effective_number(
    tmp_path: Path,
) -> None:
    once = shown(tmp_path, 5, 10, 1, 0.0)
    often = shown(tmp_path, 5, 10, 4, 1.0)
    assert once == pytest.approx(1, abs=0.01)
    assert 0.99 < often < 1.1 * once


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(6))
def test_many_frames_of_many_states_have_the_effective_number_of_the_states(
    tmp_path: Path, seed: int
) -> None:
    once, often = shown(tmp_path, seed, 40, 1, 0.0), shown(tmp_path, seed, 40, 20, 1.0)
    assert often < 1.1 * once
