from dataclasses import replace

import numpy as np
import pytest

from facecurate.diversity.effective import effective_number
from facecurate.synth import dynamics
from facecurate.synth.facs import ACTION_UNITS
from facecurate.synth.sequences import GROUP, SequencePlan, plan
from facecurate.synth.sessions import session
from facecurate.synth.spec import IDENTITIES

WHO = IDENTITIES["train"][123]
# Percent of DISFA's frames that are coded 1 or more: 12 and the share without any unit (37) are
# certain, the others as they are commonly quoted.
DISFA = {1: 6.7, 2: 5.6, 4: 18.8, 5: 2.1, 6: 14.9, 9: 5.4, 12: 23.5, 15: 6.0, 17: 9.9, 20: 3.5,
         25: 35.2, 26: 19.1}  # fmt: skip


def shape(sequence: SequencePlan, k: int) -> tuple[object, ...]:
    """All that is seen of a face, its codes apart."""
    return sequence.frame(k)[0], sequence.photo(k)


def test_another_frame_rate_sees_the_same_motion_at_other_instants() -> None:
    slow, fast = plan(WHO, 5, 100, fps=20.0), plan(WHO, 5, 200, fps=40.0)
    assert (slow.units == fast.units[::2]).all() and (slow.lost == fast.lost[::2]).all()
    for k in (0, 31, 99):
        assert shape(slow, k) == shape(fast, 2 * k)
    between = fast.units[1::2][:-1]
    assert (np.abs(between - (slow.units[:-1] + slow.units[1:]) / 2) < 0.8).all()


def test_twice_the_speed_is_the_same_path_twice_as_fast() -> None:
    slow, fast = plan(WHO, 5, 200), plan(WHO, 5, 100, speed=2.0)
    assert (fast.units == slow.units[::2]).all()
    for k in (0, 40, 99):
        assert fast.frame(k)[0] == slow.frame(2 * k)[0]
        assert fast.photo(k).motion == pytest.approx(np.multiply(2, slow.photo(2 * k).motion))


def test_repeats_show_each_state_again_and_differ_by_noise_alone() -> None:
    once, thrice = plan(WHO, 5, 20, width=96, height=96), plan(WHO, 5, 60, repeats=3, width=96,
                                                                height=96)  # fmt: skip
    assert thrice.states.tolist() == [k // 3 for k in range(60)]
    assert (thrice.units == np.repeat(once.units, 3, axis=0)).all()
    assert thrice.frame(32)[1] == tuple(thrice.coded[0, 32])
    assert shape(thrice, 32) == shape(once, 10) == shape(thrice, 30)
    first, again = (thrice.draw(k)[0].astype(float) for k in (30, 32))
    assert 0 < np.abs(first - again).mean() < 2 * thrice.session.noise


def effective(sequence: SequencePlan) -> float:
    """N_eff of what is exactly shown, two levels of one unit (or 6 degrees of yaw) apart."""
    faces = [sequence.frame(k)[0] for k in range(sequence.frames)]
    shown = [[*f.units, f.yaw / 3, f.pitch / 3, f.roll / 3, f.gaze[0] / 20] for f in faces]
    vectors = np.column_stack([np.full(len(faces), 60.0), shown])
    return float(effective_number(vectors, None, [1 - 2**2 / (2 * 60**2)]).total0[0])


def test_the_effective_number_measures_motion_and_not_the_sampling_rate() -> None:
    found = []
    for who in (WHO, WHO + 400, WHO + 800):
        base, dense = plan(who, 9, 1200), plan(who, 9, 2400, fps=40.0)
        fast, long = plan(who, 9, 1200, speed=2.0), plan(who, 9, 2400)
        found.append([effective(s) / effective(base) for s in (dense, fast, long)])
    dense_by, fast_by, long_by = np.mean(found, axis=0)
    assert dense_by == pytest.approx(1, abs=0.05)
    assert fast_by == pytest.approx(long_by, rel=0.15) and 1.5 < fast_by < 2.1


def test_a_longer_sequence_begins_with_the_shorter_one() -> None:
    short, long = plan(WHO, 8, 50), plan(WHO, 8, 900)
    assert (short.units == long.units[:50]).all()
    assert short.frame(49)[0] == long.frame(49)[0]


def test_frames_come_in_any_order_with_the_same_bytes() -> None:
    forwards = [plan(WHO, 6, 9, width=96, height=96).draw(k)[0].tobytes() for k in range(3)]
    backwards = [plan(WHO, 6, 9, width=96, height=96).draw(k)[0].tobytes() for k in (2, 1, 0)]
    assert forwards == backwards[::-1] and len(set(forwards)) == 3


def test_nobody_changes_the_room_the_light_or_the_camera() -> None:
    first, second = plan(WHO, 5, 9), plan(WHO + 1, 5, 9)
    assert first.session == second.session
    left, right = first.photo(0), second.photo(0)
    assert replace(left, faces=(), motion=(0, 0)) == replace(right, faces=(), motion=(0, 0))
    for name in ("light", "distance", "glasses", "seed"):
        assert getattr(left.faces[0], name) == getattr(right.faces[0], name)
    assert [first.quality(k) for k in range(9)] == [second.quality(k) for k in range(9)]
    assert left.faces[0].yaw != right.faces[0].yaw
    assert len({plan(WHO, s, 9).photo(0).seed for s in range(50)}) == 50


def test_habits_stay_with_the_person_and_what_happens_with_the_seed() -> None:
    assert dynamics.habits(WHO) == dynamics.habits(WHO) != dynamics.habits(WHO + 1)
    assert (plan(WHO, 1, 600).units != plan(WHO, 2, 600).units).any()
    long = np.arange(0, 600, 0.5)
    shares = [
        [(dynamics.units_at(who, seed, long)[0] > 1).mean() for seed in (1, 2)]
        for who in range(WHO, WHO + 10)
    ]
    assert np.corrcoef(np.transpose(shares))[0, 1] > 0.7  # the expressive are so in every session


def test_base_rates_are_as_disfa_s() -> None:
    coded = np.concatenate([plan(WHO + k, k, 800).coded[0] for k in range(160)])
    columns = [ACTION_UNITS.index(n) for n in DISFA]
    rates = dict(zip(DISFA, 100 * (coded[:, columns] > 0).mean(axis=0), strict=True))
    for number, share in DISFA.items():
        assert share / 1.7 < rates[number] < share * 1.7, number
    assert sum(rates.values()) == pytest.approx(sum(DISFA.values()), rel=0.12)
    assert max(rates[5], rates[15], rates[20]) < 10 < rates[4] < rates[25]
    assert (coded[:, columns] == 0).all(axis=1).mean() == pytest.approx(0.37, abs=0.07)
    levels = np.bincount(coded[:, columns].ravel(), minlength=6)
    assert (levels > 0).all() and levels[0] > 5 * levels[1:].sum() and levels[5] < levels[1]


def test_units_come_together() -> None:
    units = np.concatenate([plan(WHO + k, k, 1200).units for k in range(15)])
    shown = {n: units[:, ACTION_UNITS.index(n)] > 0.6 for n in (1, 2, 6, 12, 20)}
    assert shown[12][shown[6]].mean() > 2 * shown[12].mean()
    assert shown[2][shown[1]].mean() > 3 * shown[2].mean()


def test_intensities_rise_and_fall_smoothly() -> None:
    fine = plan(WHO, 3, 20_000, fps=200.0)
    steps = np.abs(np.diff(fine.units, axis=0))
    lids = ACTION_UNITS.index(43)
    assert np.delete(steps, lids, axis=1).max() < 0.4  # of 5 levels, in 5 ms
    assert fine.units.min() == 0 and 3 < fine.units.max() <= 5


def test_eyes_blink_and_jump() -> None:
    sequence = plan(WHO, 3, 6000, fps=100.0)
    lids = sequence.units[:, ACTION_UNITS.index(43)] > 2
    closed = np.flatnonzero(np.diff(lids.astype(int)) == 1)
    assert 6 <= len(closed) <= 40  # in a minute
    gaze = np.array([sequence.frame(k)[0].gaze for k in range(1000)])
    step = np.linalg.norm(np.diff(gaze, axis=0), axis=1)
    assert np.median(step) < 0.3 and 0.01 < (step > 1).mean() < 0.2
    assert (np.abs(gaze) <= [25, 15]).all()


def test_the_head_wanders_as_a_stationary_process() -> None:
    sample = dynamics.wander([1, 2], np.arange(0, 5000, 0.25), 6)
    assert sample.mean(axis=0) == pytest.approx(np.zeros(6), abs=0.1)
    assert sample.std(axis=0) == pytest.approx(np.ones(6), abs=0.1)
    halves = sample[:10_000].std(axis=0) / sample[10_000:].std(axis=0)
    assert halves == pytest.approx(np.ones(6), abs=0.15)


def test_labels_lag_by_none_one_or_two_frames() -> None:
    assert {session(seed).late for seed in range(40)} == {0, 1, 2}
    late = next(s for s in range(40) if session(s).late == 2)
    coded, exact = plan(WHO, late, 1200).coded[0], plan(WHO, late, 1200).units
    smile, mouth = ACTION_UNITS.index(12), ACTION_UNITS.index(25)
    for unit in (smile, mouth):
        lags = [
            np.corrcoef(exact[: -40 or None, unit], coded[lag : len(coded) - 40 + lag, unit])[0, 1]
            for lag in range(15)
        ]
        assert 3 <= int(np.argmax(lags)) <= 9  # two frames, one of the coder's and 0.18 s


def test_repeats_make_no_coder_later_and_a_blink_that_lasts_is_closed_eyes() -> None:
    late = next(s for s in range(40) if session(s).late == 2)
    once, slow = plan(WHO, late, 1200), plan(WHO, late, 4800, repeats=4)
    best = []
    for unit in (ACTION_UNITS.index(n) for n in (6, 12, 25)):
        for coded in slow.coded[:, :, unit]:
            exact = slow.units[:-60, unit]
            lags = [np.corrcoef(exact, coded[k : len(exact) + k])[0, 1] for k in range(40)]
            best.append(int(np.argmax(lags)))
    assert 3 <= np.median(best) <= 9  # frames, as without repeats
    lids = ACTION_UNITS.index(43)
    assert (slow.coded[:, :, lids] > 0).mean() > (once.coded[:, :, lids] > 0).mean() + 0.01


def test_drop_outs_are_listed_and_the_rest_is_in_the_picture() -> None:
    hands = outside = 0
    for seed in range(12):
        sequence = plan(WHO, seed, 1200)
        for k in range(0, 1200, 5):
            photo, (face, _) = sequence.photo(k), sequence.frame(k)
            inside = all(-0.5 <= c <= 255.5 for c in face.centre)
            assert sequence.lost[k] == (face.occluder == "hand" or not inside)
            assert photo.faces in ((), (face,)) and (photo.faces or sequence.lost[k])
            hands += face.occluder == "hand"
            outside += not inside
    assert 20 < hands < 200 and 20 < outside < 200  # of 2,880 frames


def test_a_face_that_has_left_is_not_labelled() -> None:
    for seed in range(40):
        sequence = plan(WHO, seed, 1200, width=96, height=96)
        gone = [k for k in np.flatnonzero(sequence.lost) if not sequence.photo(int(k)).faces]
        if gone:
            break
    image, labels = sequence.draw(int(gone[0]))
    assert labels == [] and image.shape == (96, 96, 3)


def test_a_frame_shows_what_its_labels_say() -> None:
    sequence = plan(WHO, 6, 40, width=128, height=96)
    image, (known,) = sequence.draw(17)
    assert image.shape == (96, 128, 3) and image.dtype == np.uint8
    assert known.units == tuple(sequence.units[17]) and known.identity == WHO
    assert sequence.frame(17)[1] == tuple(sequence.coded[0, 17])


def test_noise_lives_on_in_the_next_frame_and_brightness_breathes() -> None:
    still = plan(WHO, 6, 90, repeats=90, width=96, height=96)
    frames = np.stack([still.draw(k)[0].astype(float) for k in range(40)])
    moving = frames[:, :20, :20] - frames[:, :20, :20].mean(axis=0)
    near, far = ((moving[:-d] * moving[d:]).mean() / moving.var() for d in (1, 2))
    assert near == pytest.approx(0.4, abs=0.06) and abs(far) < 0.06
    gains = dynamics.wander([0xB8EA, 6], np.arange(0, 60, 0.05), 1)
    assert gains.std() > 0.5  # times 0.012: one or two grey levels


def test_quality_goes_in_groups_of_pictures() -> None:
    sequence = plan(WHO, 6, 60)
    levels = [sequence.quality(k) for k in range(60)]
    assert levels[:GROUP] == levels[GROUP : 2 * GROUP] and len(set(levels)) == 3
    assert [k for k in range(60) if levels[k] == max(levels)] == list(range(0, 60, GROUP))


def test_numbers_that_make_no_sense_are_refused() -> None:
    for wrong in ({"frames": 0}, {"repeats": 0}, {"fps": 0.0}, {"speed": -1.0}):
        with pytest.raises(ValueError, match=r"positive|from 1"):
            plan(**({"identity": WHO, "seed": 1, "frames": 5} | wrong))  # type: ignore[arg-type]
    with pytest.raises(IndexError, match="frame 5 of 5"):
        plan(WHO, 1, 5).frame(5)
