import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from planted import seen, states

from facecurate.diversity.cosines import Centre, Exact, Near, usable
from facecurate.errors import FacecurateError


def blocks(x: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, Near]:
    """The first rows against the last ones: exact, near, and in float64."""
    rows, few = usable(x), np.arange(len(x) // 2)
    exact, near = Exact(rows, len(x)), Near(rows, Centre(rows), len(x))
    made = [way.of(way.prepared(few), way.prepared(few + len(few))) for way in (exact, near)]
    unit = x.astype(np.float64) / np.linalg.norm(x.astype(np.float64), axis=1, keepdims=True)
    return *made, unit[few] @ unit[few + len(few)].T, near


@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from([2, 3, 64, 500]),
    st.sampled_from([0.0, 0.4, 0.9, 0.99]),
    st.sampled_from([np.float16, np.float32]),
)
@settings(max_examples=60, deadline=None)
def test_proposals_are_never_further_off_than_they_say(
    seed: int, d: int, mean_cosine: float, kind: type[np.floating]
) -> None:
    rng = np.random.default_rng(seed)
    planted = states(20, d, mean_cosine, rng)
    x = (seen(planted, rng.integers(0, 20, 40), rng) * rng.uniform(0.1, 50, (40, 1))).astype(kind)
    exact, near, true, way = blocks(x)
    assert np.abs(exact - true).max() < 1e-6
    assert np.abs(near - true).max() < way.slack


def test_the_tighter_the_vectors_lie_together_the_finer_are_the_proposals() -> None:
    rng = np.random.default_rng(0)
    slack = [blocks(states(200, 64, cone, rng).astype(np.float32))[3].slack for cone in (0, 0.9)]
    assert slack[1] < 0.25 * slack[0]


def test_the_number_of_vectors_without_direction_is_said() -> None:
    x = np.ones((4, 3), np.float16)
    x[1], x[3, 0] = 0, np.inf
    with pytest.raises(FacecurateError, match="2 of 4 vectors"):
        usable(x)
