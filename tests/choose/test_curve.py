import numpy as np
import pytest

from facecurate import metrics
from facecurate.choose import scores
from facecurate.choose.curve import Curve, Labelled, first, learning_curve
from facecurate.choose.design import Design
from facecurate.choose.kept import kept
from facecurate.choose.verdict import redundant_in_frames
from facecurate.errors import FacecurateError, UsageError
from facecurate.probes.moments import moments

SMALL = Design(
    frames=(2.0, 10.0, 100.0), people=(50.0, 100.0), draws=2, repeats=2, folds=3, resamples=200
)


def labelled(features, targets, person, **more):
    people = tuple(f"SN{i:03d}" for i in range(int(person.max()) + 1))
    keys = tuple(f"k{i:05d}" for i in range(len(person)))
    names = tuple(f"AU{i}" for i in range(targets.shape[1]))
    return Labelled(
        keys, features.astype(np.float32), targets.astype(np.float32), person, people, names, **more
    )


def repeated(people=12, states=20, copies=50, noise=0.5, seed=0):
    """Everybody shows some states many times; what one person's features mean is off by a bit."""
    rng = np.random.default_rng(seed)
    person = np.repeat(np.arange(people), states * copies)
    state = rng.normal(size=(people, states, 6))
    x = np.repeat(state.reshape(-1, 6), copies, axis=0) + rng.normal(0, 0.01, (len(person), 6))
    own = np.ones((people, 2)) * [[1.0, -1.0]] + rng.normal(0, noise, (people, 2))
    y = np.stack([(x[:, :2] * own[person]).sum(axis=1), x[:, 2]], axis=1)
    return labelled(x, y + rng.normal(0, 0.3, y.shape), person)


def independent(people=12, each=400, d=60, seed=0):
    """Every frame is news: many weak features, and noise."""
    rng = np.random.default_rng(seed)
    person = np.repeat(np.arange(people), each)
    x = rng.normal(size=(len(person), d))
    y = x @ rng.normal(size=(d, 2)) + rng.normal(0, 12, (len(person), 2))
    return labelled(x, y, person)


def test_repeated_frames_are_found_redundant_and_people_are_not():
    found = kept(learning_curve(repeated(noise=1.5), SMALL, start="hog"))
    assert found.smallest == 2.0
    half = found.half_the_people()
    assert half["frames"] == 100 and half["people"] == 50
    assert half["loss"] > 0.05 > abs(found.loss[-1, 0])


def test_frames_that_are_all_news_are_not_found_redundant():
    found = kept(learning_curve(independent(), SMALL, start="hog"))
    assert found.smallest is None
    assert found.retention[-1, 0] < 0.8 < found.retention[-1, 1] + 0.2
    assert found.retention[-1, -1] == 1 and found.loss[-1, -1] == 0


def test_the_curve_is_the_same_whatever_the_order_of_the_frames():
    data = independent(people=6, each=30, d=4)
    order = np.random.default_rng(5).permutation(len(data.keys))
    other = Labelled(
        tuple(data.keys[i] for i in order), data.features[order], data.targets[order],
        data.person[order], data.people, data.names,
    )  # fmt: skip
    one, two = (learning_curve(d, SMALL, start="x") for d in (data, other))
    np.testing.assert_allclose(one.sums, two.sums, rtol=1e-4, atol=1e-3)


def test_a_cell_is_the_ridge_of_its_frames():
    data = independent(people=3, each=30, d=4)
    design = Design(frames=(100.0,), people=(100.0,), draws=1, repeats=1, folds=3, resamples=100)
    curve = learning_curve(data, design, start="x")
    total = np.zeros((2, 6))
    for test in range(3):  # three people, three folds: each is tested by the other two
        rows = data.person != test
        x, y = data.features.astype(float), data.targets.astype(float)
        errors = []
        for strength in 10.0 ** np.arange(-4, 3):
            spread = np.cov(x[rows].T, ddof=0) * rows.sum()
            centred = x[rows] - x[rows].mean(axis=0)
            penalty = strength * np.trace(spread) / 4 * np.eye(4)
            weights = np.linalg.solve(spread + penalty, centred.T @ y[rows])
            guess = (x[~rows] - x[rows].mean(axis=0)) @ weights + y[rows].mean(axis=0)
            errors.append(moments(guess, y[~rows], np.zeros(30, int), 1)[0])
        mine = curve.sums[0, 0, 0, 0, test]
        close = [np.allclose(mine[t], e[t], rtol=1e-3, atol=1e-2) for t in (0, 1) for e in errors]
        assert any(close[:7]) and any(close[7:])
        total += mine
    assert curve.trained.tolist() == [[60.0]]
    assert scores.value("icc", total) == kept(curve).full


def by_hand(values, score="icc", frames=(1.0, 10.0, 100.0)):
    """A curve whose pooled ICC or NME is ``values``, the same for everyone tested."""
    design = Design(frames=frames, people=(100.0,), draws=1, repeats=1, resamples=100)
    if score == "nme":
        sums = np.array([[[v * 10, 10]] for v in values])[:, None]
    else:
        # n, a, b, aa, bb, ab of ratings with equal variances 1: ICC = covariance
        sums = np.array([[[10, 0, 0, 10, 10, 10 * v]] for v in values])[:, None]
    whole = np.repeat(sums[None, :, None, None], 5, axis=4)
    people = tuple("abcde")
    return Curve("x", score, design, people, ("AU1",), whole, np.ones((1, len(values))))


def test_retention_loss_and_the_smallest_share_by_hand():
    found = kept(by_hand([0.30, 0.59, 0.60]))
    assert found.retention[0].tolist() == pytest.approx([0.5, 0.59 / 0.6, 1])
    assert found.loss[0].tolist() == pytest.approx([0.3, 0.01, 0])
    assert found.smallest == 10.0
    assert kept(by_hand([0.599, 0.50, 0.60])).smallest is None  # a larger share is worse
    assert kept(by_hand([0.59, 0.59, 0.60])).smallest == 1.0


def test_a_start_that_reads_nothing_has_nothing_to_lose():
    assert kept(by_hand([0.19, 0.19, 0.199])).smallest is None
    assert kept(by_hand([0.19, 0.19, 0.201])).smallest == 1.0


def test_nme_is_lost_as_a_share_of_itself():
    found = kept(by_hand([4.2, 4.06, 4.0], score="nme"))
    assert found.loss[0].tolist() == pytest.approx([0.05, 0.015, 0])
    assert found.retention[0, 0] == pytest.approx(4.0 / 4.2)
    assert found.smallest == 10.0


def test_shares_are_interpolated_inside_what_was_measured_alone():
    found = kept(by_hand([0.30, 0.54, 0.60]))
    assert found.share_keeping(0.9) == pytest.approx(10.0)
    assert found.share_keeping(0.7) == pytest.approx(10**0.5)  # halfway from .5 to .9, 1 to 10 %
    assert found.share_keeping(0.4) is None  # already 1 % keeps more
    assert found.share_keeping(1.1) is None


def test_redundancy_needs_two_starts_one_of_them_plain_and_a_gap():
    def start(name, values):
        curve = by_hand(values)
        return kept(Curve(name, *(getattr(curve, n) for n in Curve.__slots__[1:])))

    good, poor = start("swav", [0.59, 0.60, 0.60]), start("hog", [0.305, 0.31, 0.32])
    shown = redundant_in_frames([good, poor], plain={"hog"})
    assert shown.redundant and shown.share == 1.0
    assert shown.gaps[0]["worse"] == "hog" and shown.gaps[0]["gap"] == pytest.approx(0.28)

    def reason(*curves, plain=("hog",)):
        verdict = redundant_in_frames(curves, plain)
        assert not verdict.redundant and verdict.share is None
        return verdict.reason

    assert "two starts" in reason(good) and "swav needs 1 %" in reason(good)
    assert "from scratch" in reason(good, poor, plain=("dct",))
    assert "saturated" in reason(good, start("hog", [0.58, 0.59, 0.59]))
    assert "hog needs all" in reason(good, start("hog", [0.10, 0.20, 0.59]))
    assert "hog reads too little" in reason(good, start("hog", [0.04, 0.05, 0.05]))


def test_missing_labels_leave_out_their_frames_of_their_target_alone():
    data = independent(people=6, each=60, d=4)
    holes = data.targets.copy()
    holes[data.person < 3, 1] = np.nan
    holed = labelled(data.features, holes, data.person)
    whole, part = (learning_curve(d, SMALL, start="x") for d in (data, holed))
    np.testing.assert_allclose(part.sums[..., 0, :], whole.sums[..., 0, :], rtol=1e-4)
    assert (part.sums[:, :, :, :, :3, 1] == 0).all()
    assert (part.sums[:, :, :, :, 3:, 1, 0] == 60).all()


def test_landmarks_are_scored_by_their_error():
    rng = np.random.default_rng(0)
    person = np.repeat(np.arange(6), 30)
    x = rng.normal(size=(180, 4))
    points = x @ rng.normal(size=(4, 6)) * 3 + rng.normal(0, 0.1, (180, 6)) + 50
    data = labelled(x, points, person, score="nme", normaliser=np.full(180, 20.0))
    curve = learning_curve(data, SMALL, start="x")
    found = kept(curve)
    assert curve.sums.shape[-3:] == (6, 1, 2)
    assert (curve.sums[-1, -1, 0, 0, :, 0, 1] == 30).all()
    assert 0.3 < found.full < 1.0  # noise of 0.1 px in x and y, of 20 px
    trivial = metrics.nme(
        np.full((180, 3, 2), points.reshape(180, 3, 2).mean(axis=0)),
        points.reshape(180, 3, 2), np.full(180, 20.0),
    ).mean()  # fmt: skip
    assert found.full < trivial / 10


def test_shares_are_rounded_and_at_least_one():
    assert first(0.1, np.array([4845, 300, 1])).tolist() == [5, 1, 1]
    assert first(100.0, 7) == 7


@pytest.mark.parametrize(
    "settings",
    [{"frames": (10.0, 1.0, 100.0)}, {"people": (50.0,)}, {"draws": 0}, {"level": 1.0},
     {"margin": 0.0}, {"folds": 1}],
)  # fmt: skip
def test_a_design_that_makes_no_sense_is_refused(settings):
    with pytest.raises(UsageError):
        Design(**settings)


def test_two_people_are_too_few_for_three_folds():
    with pytest.raises(FacecurateError, match="2 people cannot be dealt out"):
        learning_curve(independent(people=2, each=5, d=2), SMALL, start="x")


def test_valence_is_scored_by_concordance():
    data = independent(people=6, each=40, d=4)
    rated = labelled(data.features, data.targets + 3, data.person, score="ccc")
    curve = learning_curve(rated, SMALL, start="x")
    pooled = curve.sums[-1, -1].sum(axis=2)  # (draws, repeats, T, 6)
    n, a, b, aa, bb, ab = np.moveaxis(pooled, -1, 0)
    variances = (aa + bb) / n - (a / n) ** 2 - (b / n) ** 2
    ccc = 2 * (ab / n - a * b / n**2) / (variances + (a / n - b / n) ** 2)
    assert kept(curve).full == pytest.approx(ccc.mean())
    assert kept(curve).to_json()["per_target"]["AU1"] == pytest.approx(ccc.mean(axis=(0, 1))[1])
