import numpy as np
import pytest

from facecurate.diversity.tolerance import calibrate_copy, copies, copy_tolerance
from facecurate.errors import FacecurateError


def at_cosine(values: list[float]) -> np.ndarray:
    return np.array([[c, np.sqrt(1 - c * c)] for c in values])


def test_tau_is_the_largest_below_which_only_the_allowed_share_falls() -> None:
    values = [n / 1000 for n in range(1000)]
    ones = np.tile([1.0, 0.0], (1000, 1))
    found = copy_tolerance(ones, {"a": at_cosine(values)}, miss_rate=0.005)
    assert found.tau == pytest.approx(0.005)
    assert (found.misses, found.copies) == ({"a": 0.005}, 1000)


def test_misses_are_told_by_kind() -> None:
    ones = np.tile([1.0, 0.0], (4, 1))
    kinds = {"good": at_cosine([0.99] * 4), "bad": at_cosine([0.1, 0.9, 0.95, 0.95])}
    found = copy_tolerance(ones, kinds, miss_rate=0.25)
    assert found.tau == pytest.approx(0.95)
    assert found.misses == {"good": 0.0, "bad": 0.5}


def test_copies_change_little_and_keep_the_shape() -> None:
    rng = np.random.default_rng(0)
    ramp = np.linspace(20, 220, 64)[None, :, None] + np.zeros((48, 1, 3))
    image = (ramp + rng.integers(0, 9, (48, 64, 3))).astype(np.uint8)
    made = copies(image)
    assert set(made) == {"jpeg", "right", "down", "brighter", "darker"}
    assert {copy.shape for copy in made.values()} == {image.shape}
    assert (made["right"][:, 1:] == image[:, :-1]).all()
    assert (made["down"][1:] == image[:-1]).all()
    assert made["brighter"].mean() == pytest.approx(1.03 * image.mean(), abs=0.5)
    assert made["darker"].mean() == pytest.approx(0.97 * image.mean(), abs=0.5)
    assert 0 < np.abs(made["jpeg"].astype(int) - image).mean() < 6


def test_an_encoder_that_sees_only_the_mean_calls_every_copy_equal() -> None:
    def mean_only(crops):  # type: ignore[no-untyped-def]
        return np.stack([[crop.mean(), 1000.0] for crop in crops]).astype(np.float32)

    rng = np.random.default_rng(1)
    sample = [rng.integers(0, 256, (32, 32, 3), dtype=np.uint8) for _ in range(5)]
    found = calibrate_copy(mean_only, sample)
    assert 0.999 < found.tau <= 1.0
    assert found.copies == 25


def test_nothing_to_measure_on_is_a_clear_error() -> None:
    with pytest.raises(FacecurateError, match="at least one"):
        calibrate_copy(lambda crops: np.empty((0, 2), np.float32), [])
