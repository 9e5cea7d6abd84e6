import itertools
import json
from dataclasses import replace

import numpy as np
import pyarrow.parquet as pq
import pytest
from crowds import candidates, unit

from facecurate import storage
from facecurate.choose import facility
from facecurate.choose.candidates import Candidates, to_train_on
from facecurate.choose.centres import k_centre
from facecurate.choose.listing import file_name, listing, read_listing
from facecurate.choose.strategies import BASELINES, NEEDS_LABELS, STRATEGIES
from facecurate.choose.stride import turned
from facecurate.choose.thinning import tiers, usual_spacing
from facecurate.errors import FacecurateError
from facecurate.shares import Fraction


def labelled(counts=(40, 25, 60), **settings):
    rng = np.random.default_rng(1)
    levels = rng.choice(4, size=(sum(counts), 2), p=[0.7, 0.2, 0.07, 0.03])
    return candidates(counts, labels=levels, **settings)


@pytest.mark.parametrize("name", STRATEGIES)
def test_a_smaller_choice_is_the_beginning_of_a_larger(name):
    of = labelled(spacing=4.0, quality=np.arange(125, dtype=np.float32))
    whole = STRATEGIES[name].choose(of, 125, 7).rows
    assert sorted(whole.tolist()) == list(range(125))
    for size in (1, 10, 31, 90):
        assert STRATEGIES[name].choose(of, size, 7).rows.tolist() == whole[:size].tolist()


@pytest.mark.parametrize("name", [n for n in STRATEGIES if n != "facility"])
def test_a_seed_gives_one_choice_and_another_seed_another(name):
    of = labelled()
    first, again, other = (STRATEGIES[name].choose(of, 12, s).rows.tolist() for s in (3, 3, 4))
    assert first == again != other


@pytest.mark.parametrize("name", STRATEGIES)
def test_nothing_is_chosen_of_nothing(name):
    of = labelled().of(np.empty(0, np.int64))
    assert len(STRATEGIES[name].choose(of, 0, 0).rows) == 0


def test_candidates_stand_in_the_order_of_their_keys():
    of = labelled()
    with pytest.raises(ValueError, match="in the order of their keys"):
        Candidates(of.keys[::-1], of.vectors, of.structure)


def test_frames_of_a_training_split_alone_are_chosen_from_where_there_is_one():
    whole = labelled([4, 3]).structure
    assert to_train_on(whole).tolist() == list(range(7))
    split = np.array([0, 1, 1, -1, 0, 1, 0], np.int32)
    parted = replace(whole, split=split, split_names=("test", "train"))
    assert to_train_on(parted).tolist() == [1, 2, 5]


def test_the_stratified_choice_gives_everybody_their_share_of_every_prefix():
    of = candidates([100, 50, 250])
    rows = STRATEGIES["stratified"].choose(of, 400, 0).rows
    for size in range(4, 400, 13):
        counts = np.bincount(of.people[rows[:size]], minlength=3)
        assert np.abs(counts - np.array([0.25, 0.125, 0.625]) * size).max() <= 1


@pytest.mark.parametrize("percent", [0.1, 0.2, 1.0, 2.0, 10.0, 20.0])
def test_a_stride_is_exact_where_the_interval_is_whole(percent):
    of = candidates([3000, 2000], dimension=2)
    rows = STRATEGIES["stride"].choose(of, round(50 * percent), 5).rows
    for person in (0, 1):
        at = np.sort(of.structure.frame[rows[of.people[rows] == person]])
        assert set(np.diff(at)) == {100 / percent} and at[0] < 100 / percent


def test_the_digits_of_a_position_turn_round():
    assert turned(np.array([0, 500, 100, 200, 600, 50, 1, 999])).tolist() == [
        0, 1, 2, 4, 3, 10, 200, 999,
    ]  # fmt: skip
    assert sorted(turned(np.arange(1000)).tolist()) == list(range(1000))


def test_thinning_keeps_the_best_frame_of_every_window_and_gates():
    quality = np.full(20, 50, np.float32)
    quality[[3, 9, 12]] = 60
    quality[16] = 1  # the worst 5 %
    quality[15] = np.nan
    of = candidates([20], spacing=5.0, quality=quality)
    first, second, last = tiers(of, 0)
    assert first[:3].tolist() == [3, 9, 12] and 17 <= first[3] <= 19
    assert last.tolist() == [16]
    assert sorted([*first, *second, *last]) == list(range(20))


def test_frames_without_a_sequence_are_never_thinned():
    of = candidates([6], spacing=3.0)
    of.structure.sequence[:] = -1
    assert [rows.tolist() for rows in tiers(of, 0)] == [[0, 1, 2, 3, 4, 5]]


def test_expressions_are_what_differs_from_the_person_s_mean():
    of = candidates([30, 25, 2, 3], dimension=3)
    shift = np.array([[5, 0, 0], [0, 5, 0], [0, 0, 5], [1, 1, 1]], np.float32)[of.people]
    shifted = replace(of, vectors=of.vectors + shift).expressions()
    first = of.people < 2  # of the others there are too few to know them
    np.testing.assert_allclose(shifted[first], of.expressions()[first], atol=1e-5)
    mine = of.vectors[:30] - of.vectors[:30].mean(axis=0)
    np.testing.assert_allclose(shifted[:30], unit(mine), atol=1e-5)
    few = (of.vectors + shift)[55:]
    np.testing.assert_allclose(shifted[55:], unit(few - few.mean(axis=0)), atol=1e-5)


def test_frames_that_never_differ_can_be_chosen_from():
    of = replace(candidates([30]), vectors=np.ones((30, 2), np.float32))
    assert not of.expressions().any()
    assert len(set(STRATEGIES["k-centre"].choose(of, 9, 0).rows.tolist())) == 9
    assert len(set(STRATEGIES["facility"].choose(of, 9, 0).rows.tolist())) == 9


def chords(vectors):
    return np.sqrt(np.maximum(0, 2 - 2 * vectors @ vectors.T))


@pytest.mark.parametrize("seed", range(5))
def test_k_centre_is_within_twice_the_best_radius(seed):
    of = candidates([11], dimension=3, seed=seed)
    apart = chords(of.expressions().astype(np.float64))
    for size in (1, 2, 3, 4):
        chosen = k_centre(of, size, seed)
        ours = apart[:, chosen.rows].min(axis=1).max()
        best = min(
            apart[:, list(few)].min(axis=1).max() for few in itertools.combinations(range(11), size)
        )
        assert ours <= 2 * best + 1e-6
        assert chosen.told["radius"] == pytest.approx(ours**2 / 2, abs=1e-6)
        assert chosen.told["radius_all"] == chosen.told["radius"]


def test_k_centre_takes_the_bad_frames_last_and_says_so():
    quality = np.full(40, 9, np.float32)
    quality[[4, 30]] = 1
    of = candidates([40], quality=quality)
    assert k_centre(of, 38, 0).told["below_gate"] == 0
    whole = k_centre(of, 40, 0)
    assert set(whole.rows[38:].tolist()) == {4, 30}
    assert whole.told["below_gate"] == 2 / 40


def value(near, few):
    best = np.zeros(len(near.starts) - 1)
    for j in few:
        ends, similarity = near.of(j)
        best[ends] = np.maximum(best[ends], similarity)
    return best.sum()


def naive(near, size):
    picks = []
    for _ in range(size):
        rest = [j for j in range(len(near.starts) - 1) if j not in picks]
        gains = [round(value(near, [*picks, j]) - value(near, picks), 9) for j in rest]
        picks.append(rest[int(np.argmax(gains))])
    return picks


@pytest.mark.parametrize("seed", range(4))
def test_lazy_greedy_equals_greedy_and_reaches_its_share_of_the_best(seed):
    vectors = unit(np.random.default_rng(seed).normal(size=(12, 3)))
    near = facility.graph(vectors, neighbours=4)
    for size in (1, 3, 4):
        picks, reached, bound = facility.greedy(near, size)
        assert picks.tolist() == naive(near, size)
        assert reached == pytest.approx(value(near, picks))
        best = max(value(near, few) for few in itertools.combinations(range(12), size))
        assert reached >= (1 - 1 / np.e) * best
        assert bound <= reached / best + 1e-12


def test_the_graph_has_the_nearest_both_ways_and_every_frame_itself():
    angles = np.deg2rad([0, 10, 30, 90])
    vectors = np.column_stack([np.cos(angles), np.sin(angles)]).astype(np.float32)
    near = facility.graph(vectors, neighbours=1)
    # nearest: 0-1, 1-0, 2-1, 3-2; the last is farther than the median and counts for nothing
    assert [near.of(j)[0].tolist() for j in range(4)] == [[0, 1], [0, 1], [2], [3]]
    reach = np.median(1 - np.cos(np.deg2rad([10, 10, 20, 60])))
    assert near.of(0)[1].tolist() == pytest.approx(
        [1, 1 - (1 - np.cos(angles[1])) / reach], abs=1e-4
    )


def test_facility_location_takes_one_of_each_cluster():
    rng = np.random.default_rng(0)
    centres = np.eye(5, 8)
    vectors = unit(np.repeat(centres, 20, axis=0) + rng.normal(0, 0.02, (100, 8)))
    of = candidates([100])
    of = Candidates(of.keys, vectors, of.structure)
    chosen = STRATEGIES["facility"].choose(of, 5, 0)
    assert sorted(chosen.rows // 20) == [0, 1, 2, 3, 4]
    assert 0.9 < chosen.told["bound"] <= 1


def test_rare_levels_of_everybody_come_first():
    levels = np.zeros((60, 2))
    levels[[7, 41], 0] = 3
    levels[50, 1] = 5
    of = candidates([30, 30], labels=levels)
    assert {7, 41, 50} <= set(STRATEGIES["label-aware"].choose(of, 5, 0).rows.tolist())


def test_the_label_aware_choice_is_marked_and_needs_labels():
    assert [n for n, s in STRATEGIES.items() if s.remark] == ["label-aware"]
    assert STRATEGIES["label-aware"].remark == NEEDS_LABELS
    assert all(STRATEGIES[name].reads == "frames" for name in BASELINES)
    with pytest.raises(FacecurateError, match="needs labels"):
        STRATEGIES["label-aware"].choose(candidates([9]), 3, 0)


def test_a_list_is_what_shard_reads_and_tells_how_it_was_chosen(tmp_path):
    of, fraction = candidates([50, 50]), Fraction(percent=2.0)
    chosen = STRATEGIES["k-centre"].choose(of, fraction.size(len(of)), 3)
    url = str(tmp_path / file_name(fraction))
    assert url.endswith("subset-2pct.parquet")
    storage.write_atomic(url, listing(of, chosen, strategy="k-centre", seed=3, fraction=fraction))
    assert read_listing(url) == [of.keys[i] for i in chosen.rows]
    table = pq.read_table(url)
    assert table["rank"].to_pylist() == [0, 1]
    told = json.loads(table.schema.metadata[b"facecurate.subset"])
    assert {k: told[k] for k in ("strategy", "seed", "fraction", "of")} == {
        "strategy": "k-centre", "seed": 3, "fraction": "2%", "of": 100,
    }  # fmt: skip
    assert set(told["told"]) == {"radius", "radius_all", "below_gate"}


def test_a_list_may_be_text(tmp_path):
    url = str(tmp_path / "few.txt")
    storage.write_atomic(url, b"b_000\na_000\n\n")
    assert read_listing(url) == ["b_000", "a_000"]


def test_the_usual_spacing_is_that_of_the_quickest_component_and_a_second_at_most():
    of = candidates([4000])
    rng = np.random.default_rng(0)
    series = np.zeros((4000, 2))
    for t in range(1, 4000):
        series[t] = [0.5, 0.99] * series[t - 1] + rng.normal(size=2)
    series = (series / series.std(axis=0) * [1, 4]).astype(np.float32)
    assert 3 <= usual_spacing(series, of.structure) <= 5  # (1 + .5) / (1 - .5), rounded up
    assert usual_spacing(series[:, 1:], of.structure) == 20  # not 199: the rate is 20
    assert usual_spacing(np.ones((4000, 2), np.float32), of.structure) == 20
