import numpy as np
import pytest
from planted import structure, units
from scipy import stats

from facecurate.diversity.label_pairs import EDGES, LabelPairs, label_pairs
from facecurate.diversity.label_tolerance import NO_LEVELS, label_sight, label_tolerance
from facecurate.diversity.places import grouping
from facecurate.diversity.structure import Labels, Structure
from facecurate.errors import FacecurateError


def on_a_circle(angles: np.ndarray) -> np.ndarray:
    return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)


def world(people: int = 3, each: int = 200) -> tuple[np.ndarray, Structure, Labels]:
    """Frames at random angles; the level of the one unit is the angle in steps of 0.5."""
    angles = np.random.default_rng(0).uniform(0, 2.5, people * each)
    subject = np.repeat(np.arange(people), each)
    of = structure(subject, subject, frame=np.tile(np.arange(each), people))
    return on_a_circle(angles), of, units(np.floor(angles / 0.5)[:, None])


def brute(
    x: np.ndarray, of: Structure, labels: Labels, apart: int
) -> tuple[np.ndarray, np.ndarray]:
    """Distances, and whether labels differ, of all pairs of one person more than apart."""
    i, j = np.triu_indices(len(x), 1)
    far = (np.abs(of.frame[i] - of.frame[j]) > apart) | (of.sequence[i] != of.sequence[j])
    i, j = i[far & (of.subject[i] == of.subject[j])], j[far & (of.subject[i] == of.subject[j])]
    differ = (np.abs(labels.values[i] - labels.values[j]) >= 1).any(axis=1)
    return 1 - (x[i].astype(np.float64) * x[j]).sum(axis=1), differ


@pytest.mark.parametrize("share", [0.05, 0.2])
def test_it_is_the_loosest_at_which_few_enough_of_all_pairs_differ(share: float) -> None:
    x, of, labels = world()
    distance, differ = brute(x, of, labels, 10)
    order = np.argsort(distance)
    shares = np.cumsum(differ[order]) / np.arange(1, len(order) + 1)
    true = distance[order][np.flatnonzero(shares <= share)[-1]]
    found = label_tolerance(labels, label_pairs(x, of, labels, 10), share)
    assert found.tau is not None and 1 - found.tau == pytest.approx(true, rel=0.02)
    assert found.different <= share * found.pairs and found.reason == ""
    within = distance <= 1 - found.tau
    assert found.pairs == pytest.approx(within.sum(), rel=0.01)
    assert share < found.upper < 1.2 * share and not found.supported


def test_counts_equal_brute_force() -> None:
    x, of, labels = world()
    distance, differ = brute(x, of, labels, 25)
    found = label_pairs(x, of, labels, 25)
    assert int(found.equal.sum()) == int((~differ).sum())
    assert int(found.different.sum()) == int(differ.sum())
    below = int(np.searchsorted(EDGES, 0.1))
    expected = (distance < EDGES[below]).sum()
    assert (found.equal + found.different)[:, :below].sum() == pytest.approx(expected, abs=2)


def test_a_sample_of_frames_asks_evenly_and_counts_no_pair_twice() -> None:
    x, of, labels = world(1, 50)
    found = label_pairs(x, of, labels, 0, asked=10)
    assert found.asked == 10
    assert int((found.equal + found.different).sum()) == 10 * 40 + 45


def test_the_longer_of_two_frames_correlation_times_holds() -> None:
    x, labels = on_a_circle(np.linspace(0, 1, 4)), units(np.zeros((4, 1)))
    of = structure([0] * 4, [0] * 4, frame=[0, 1, 2, 3])
    found = label_pairs(x, of, labels, [2.0, 0.0, 0.0, 0.0])
    assert int(found.equal.sum()) == 4  # 0-3, 1-2, 1-3, 2-3


def test_frames_of_one_film_without_numbers_are_never_apart_and_photos_always() -> None:
    x, labels = on_a_circle(np.linspace(0, 1, 4)), units(np.zeros((4, 1)))
    films = structure([0] * 4, [0, 0, 1, 1])
    photos = structure([0] * 4)
    assert int(label_pairs(x, films, labels, 9).equal.sum()) == 4
    assert int(label_pairs(x, photos, labels, 9).equal.sum()) == 6


def test_frames_with_a_missing_label_are_left_out_and_units_nobody_coded_do_not_matter() -> None:
    x, of, _ = world(1, 6)
    values = np.zeros((6, 3))
    values[:, 2] = np.nan
    values[4, 0] = np.nan
    found = label_pairs(x, of, units(values), 0)
    assert found.unlabelled == 1 and int(found.equal.sum()) == 10


def test_labels_without_levels_have_no_tolerance() -> None:
    labels = Labels(("valence",), np.zeros((5, 1), np.float32), levels=False)
    found = label_tolerance(labels, None)
    assert found.tau is None and found.reason == NO_LEVELS and not found.supported
    with pytest.raises(FacecurateError, match="valence"):
        label_pairs(on_a_circle(np.arange(5.0)), structure([0] * 5), labels, 0)


def histogram(equal: dict[int, int], different: dict[int, int]) -> LabelPairs:
    counts = np.zeros((2, 1, len(EDGES) - 1), np.int64)
    for side, told in zip(counts, (equal, different), strict=True):
        for place, count in told.items():
            side[0, place] = count
    return LabelPairs(grouping(structure([0])), counts[0], counts[1], 1, 0)


def test_few_pairs_and_pairs_that_always_differ_are_said_in_words() -> None:
    labels = units(np.zeros((1, 1)))
    few = label_tolerance(labels, histogram({3: 99}, {}))
    assert few.tau is None and few.reason == "only 99 pairs of one subject far enough apart"
    never = label_tolerance(labels, histogram({9: 500}, {3: 100}))
    assert never.tau is None and "even of the 100 nearest pairs 100.0% differ" in never.reason


def test_enough_pairs_that_never_differ_are_supported() -> None:
    found = label_tolerance(units(np.zeros((1, 1))), histogram({3: 200}, {9: 50}))
    assert found.tau == pytest.approx(1 - EDGES[4])
    assert (found.pairs, found.different) == (200, 0) and found.upper < 0.05 and found.supported


def test_the_area_is_that_of_the_rank_sum_test() -> None:
    x, of, labels = world(1)
    found = label_sight(label_pairs(x, of, labels, 10))
    distance, differ = brute(x, of, labels, 10)
    statistic = stats.mannwhitneyu(distance[differ], distance[~differ]).statistic
    area = statistic / differ.sum() / (~differ).sum()
    assert found.auroc == pytest.approx(area, abs=0.002) == found.pooled
    assert found.interval is None  # one person


def test_an_encoder_that_sees_nothing_has_one_half_and_people_are_the_sample() -> None:
    x, of, labels = world(6)
    blind = np.random.default_rng(1).normal(size=(len(x), 8)).astype(np.float32)
    found = label_sight(label_pairs(blind, of, labels, 10))
    assert found.auroc == pytest.approx(0.5, abs=0.03) and found.interval is not None
    assert found.interval.groups == 6 and found.interval.low < found.auroc < found.interval.high
    assert found.to_arrow().column_names == ["group", "auroc", "equal", "different"]
    sharp = label_sight(label_pairs(x, of, labels, 10))
    assert sharp.auroc is not None and sharp.auroc > 0.9


def test_labels_that_never_differ_tell_nothing_of_the_encoder() -> None:
    x, of, _ = world(2, 40)
    found = label_sight(label_pairs(x, of, units(np.zeros((80, 1))), 0))
    assert found.auroc is None and found.pooled is None and found.interval is None
    assert found.to_arrow().column("auroc").to_pylist() == [None, None]
