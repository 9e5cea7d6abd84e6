import numpy as np
import pytest
from vendi_score import vendi as reference

from facecurate.diversity import spectral
from facecurate.diversity.spectral import moments, principal_components, spectral_diversity
from facecurate.errors import FacecurateError

# The package asks SciPy for a name that has moved.
moved = pytest.mark.filterwarnings("ignore:Please import `csr_matrix`:DeprecationWarning")


def some(count: int = 120, dimension: int = 24, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return (rng.standard_normal((count, dimension)) * np.geomspace(3, 0.1, dimension) + 0.3).astype(
        np.float32
    )


def named(order: float) -> float | str:
    """The package's name of an order."""
    return "inf" if np.isinf(order) else order


def unit(x: np.ndarray) -> np.ndarray:
    wide = x.astype(np.float64)
    return wide / np.linalg.norm(wide, axis=1, keepdims=True)


@moved
def test_the_scores_are_those_of_the_vendi_score_package():
    x, found = some(), spectral_diversity(some())
    for order, score in zip(found.orders, found.plain, strict=True):
        assert score == pytest.approx(reference.score_dual(unit(x), q=named(order)), rel=1e-6)
        assert score == pytest.approx(
            reference.score_K(unit(x) @ unit(x).T, q=named(order)), rel=1e-4
        )


@moved
def test_the_package_s_score_x_ignores_the_order_so_it_is_no_reference():
    x = unit(some())
    of_order_one = reference.score_dual(x, q=1)
    assert reference.score_X(x, q=2) == pytest.approx(of_order_one)
    assert reference.score_dual(x, q=2) < 0.9 * of_order_one


@moved
def test_the_centred_scores_are_those_of_the_centred_kernel():
    x = unit(some())
    centred = x - x.mean(axis=0)
    kernel = centred @ centred.T
    found = spectral_diversity(some())
    for order, score in zip(found.orders, found.centred, strict=True):
        of_trace_n = kernel / np.trace(kernel) * len(x)
        assert score == pytest.approx(reference.score_K(of_trace_n, q=named(order)), rel=1e-4)


def test_states_at_right_angles_are_counted_but_never_more_than_the_dimension():
    axes = np.repeat(np.eye(8, dtype=np.float32)[:5], 7, axis=0)
    assert spectral_diversity(axes).plain == pytest.approx((5,) * 4)
    rng = np.random.default_rng(0)
    many = spectral_diversity(rng.standard_normal((4000, 16)).astype(np.float32))
    assert all(15 < score <= 16 for score in many.plain[:3])
    assert many.to_arrow()["at_most"].to_pylist() == [16.0] * 4


def test_a_direction_that_all_share_hides_what_they_show_until_the_mean_is_taken_away():
    rng = np.random.default_rng(1)
    cone = rng.standard_normal((3000, 64)) + 20 * np.eye(64)[0]
    found = spectral_diversity(cone.astype(np.float32))
    assert found.plain[2] < 2
    assert found.centred[2] > 55


def test_blocks_change_nothing(monkeypatch):
    x = some(100)
    whole = moments(x)
    monkeypatch.setattr(spectral, "BLOCK", 7)
    parts = moments(x)
    assert parts.gram == pytest.approx(whole.gram, abs=1e-12)
    assert principal_components(x, 3) == pytest.approx(
        (x - x.mean(axis=0)) @ _directions(x, 3), abs=1e-4
    )


def _directions(x: np.ndarray, count: int) -> np.ndarray:
    right = np.linalg.svd(x - x.mean(axis=0), full_matrices=False)[2][:count].T
    return right * np.sign(right[np.abs(right).argmax(axis=0), np.arange(count)])


def test_equal_vectors_are_one_and_have_nothing_about_their_mean():
    found = spectral_diversity(np.tile(np.float32([3, 4]), (5, 1)))
    assert found.plain == pytest.approx((1,) * 4)
    assert np.isnan(found.centred).all()


def test_vectors_without_a_direction_and_no_vectors_are_refused():
    with pytest.raises(FacecurateError, match="1 vectors have no direction"):
        spectral_diversity(np.float32([[1, 0], [0, 0]]))
    with pytest.raises(FacecurateError, match="no vectors"):
        spectral_diversity(np.zeros((0, 4), np.float32))
