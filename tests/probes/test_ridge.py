import numpy as np
import pytest

from facecurate import metrics
from facecurate.errors import FacecurateError
from facecurate.probes import moments, ridge
from facecurate.probes.folds import splits
from facecurate.probes.narrow import impersonal, narrow
from facecurate.probes.neighbours import nearest_mean


def world(people=6, each=40, d=5, t=2, seed=0):
    rng = np.random.default_rng(seed)
    codes = np.repeat(np.arange(people), each)
    x = rng.normal(size=(people * each, d)) + 2.0
    y = x @ rng.normal(size=(d, t)) + rng.normal(size=(people * each, t)) + 3.0
    order = rng.permutation(len(x))
    return x[order], y[order], codes[order]


def by_hand(x, y, penalty):
    """Ridge with an unpenalised intercept, from the definition."""
    mx, my = x.mean(axis=0), y.mean(axis=0)
    gram = (x - mx).T @ (x - mx)
    strength = penalty * np.trace(gram) / len(gram)
    weights = np.linalg.solve(gram + strength * np.eye(len(gram)), (x - mx).T @ (y - my))
    return weights, my - mx @ weights


def test_the_sums_give_the_ridge_of_the_frames():
    x, y, codes = world()
    model = ridge.fit(ridge.gather(x, y, codes, 6), [0, 2, 5], np.array([1, 5]))
    rows = np.isin(codes, [0, 2, 5])
    for target, place in enumerate((1, 5)):
        weights, offset = by_hand(x[rows], y[rows], ridge.PENALTIES[place])
        np.testing.assert_allclose(model.weights[:, target], weights[:, target], rtol=1e-9)
        np.testing.assert_allclose(model.offset[target], offset[target], rtol=1e-9)


def test_the_penalty_is_the_best_on_people_left_out():
    x, y, codes = world(each=3, d=8, seed=4)
    groups = [4, 1, 3, 0]
    chosen = ridge.choose_penalties(ridge.gather(x, y, codes, 6), groups, folds=2)
    errors = np.zeros((len(ridge.PENALTIES), 2))
    for left in ([4, 3], [1, 0]):
        test = np.isin(codes, left)
        train = np.isin(codes, groups) & ~test
        for place, penalty in enumerate(ridge.PENALTIES):
            weights, offset = by_hand(x[train], y[train], penalty)
            errors[place] += ((x[test] @ weights + offset - y[test]) ** 2).sum(axis=0)
    assert chosen.tolist() == errors.argmin(axis=0).tolist()


def test_one_person_alone_cannot_choose_a_penalty():
    x, y, codes = world()
    chosen = ridge.choose_penalties(ridge.gather(x, y, codes, 6), [3])
    assert ridge.PENALTIES[chosen].tolist() == [1.0, 1.0]


def test_features_that_never_vary_predict_the_mean():
    y = np.array([[1.0], [2.0], [6.0]])
    model = ridge.fit(ridge.gather(np.ones((3, 2)), y, [0, 0, 0], 1), [0], np.array([0]))
    assert model.predict(np.ones((1, 2))).tolist() == [[3.0]]


def test_predicted_moments_are_those_of_the_predictions():
    x, y, codes = world()
    sums = ridge.gather(x, y, codes, 6)
    model = ridge.fit(sums, [0, 1], np.array([2, 2]))
    direct = moments.moments(model.predict(x), y, codes, 6)
    np.testing.assert_allclose(model.moments(sums), direct, rtol=1e-9, atol=1e-7)


def test_float32_features_give_the_same_to_their_precision():
    x, y, codes = world(each=400)
    x -= x.mean(axis=0)
    exact = ridge.fit(ridge.gather(x, y, codes, 6), range(6), np.array([0, 0]))
    rough = ridge.fit(ridge.gather(x.astype(np.float32), y, codes, 6), range(6), np.array([0, 0]))
    np.testing.assert_allclose(rough.weights, exact.weights, atol=1e-4)


def test_moments_of_all_people_give_the_agreement_of_the_pooled_frames():
    rng = np.random.default_rng(1)
    truth = rng.integers(0, 6, (90, 3)).astype(float)
    guess = truth * 0.4 + rng.normal(size=truth.shape)
    total = moments.moments(guess, truth, rng.integers(0, 4, 90), 4).sum(axis=0)
    for target in range(3):
        a, b = guess[:, target], truth[:, target]
        assert moments.icc_of(total)[target] == pytest.approx(metrics.icc31(a, b))
        assert moments.ccc_of(total)[target] == pytest.approx(metrics.ccc(a, b))


def test_agreement_is_undefined_where_the_truth_never_varies():
    truth = np.array([[0.0, 0.1, np.nan], [0.0, 0.1, 1.0], [0.0, 0.1, 2.0]])
    guess = np.array([[1.0, 2.0, 9.0], [2.0, 0.0, 1.0], [0.0, 1.0, 2.0]])
    total = moments.moments(guess, truth, [0, 0, 0], 1).sum(axis=0)
    icc = moments.icc_of(total)
    assert np.isnan(icc[:2]).all()
    assert icc[2] == 1.0  # the frame without a truth is left out
    assert moments.mean_of_defined(icc) == 1.0
    assert np.isnan(moments.mean_of_defined(icc[:2]))
    assert np.isnan(metrics.ccc([1, 2], [3, 3]))


def test_ccc_by_hand():
    # means 2 and 3, variances 2/3 each, covariance 2/3: 2 * 2/3 / (4/3 + 1)
    assert metrics.ccc([1, 2, 3], [2, 3, 4]) == pytest.approx(4 / 7)


def test_a_split_deals_everybody_out_evenly_whatever_the_order_of_the_names():
    names = [f"SN{i:03d}" for i in range(27)]
    dealt = splits(names, folds=3, repeats=5)
    assert all(np.bincount(row).tolist() == [9, 9, 9] for row in dealt)
    assert len({tuple(row) for row in dealt}) == 5
    assert splits(names[::-1], folds=3, repeats=5).tolist() == dealt[:, ::-1].tolist()


def test_fewer_people_than_folds_are_refused():
    with pytest.raises(FacecurateError, match="2 people cannot be dealt out to 3 folds"):
        splits(["a", "b"])


def test_the_nearest_frames_tell_their_mean():
    train = [[1.0, 0.0], [2.0, 0.1], [0.0, 5.0]]
    found = nearest_mean(train, [[1.0], [3.0], [10.0]], [[9.0, 0.0], [0.0, 1.0]], k=2)
    assert found[0] == [2.0]
    assert nearest_mean(train, [[1.0], [3.0], [10.0]], [[1.0, 0.0]], k=9) == [[14 / 3]]


def test_narrow_features_keep_the_distances_that_the_wide_ones_had():
    rng = np.random.default_rng(2)
    flat = rng.normal(size=(50, 3)) @ rng.normal(size=(3, 40))
    kept = narrow((flat + 7).astype(np.float32), width=3)
    assert kept.shape == (50, 3)
    for i, j in ((0, 1), (7, 33)):
        wide = np.linalg.norm(flat[i] - flat[j])
        assert np.linalg.norm(kept[i] - kept[j]) == pytest.approx(wide, rel=1e-4)
    assert abs(narrow(flat.astype(np.float32)).mean()) < 1e-6


def test_what_a_person_is_like_is_taken_away():
    features = np.array([[1, 5], [9, 9], [3, 5], [9, 1]], np.float32)
    made = impersonal(features, np.array([0, 1, 0, 1]))
    assert made.tolist() == [[-1, 0], [0, 4], [1, 0], [0, -4]]
    assert features[0, 0] == 1
