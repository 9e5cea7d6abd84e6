import numpy as np
import pytest

from facecurate.diversity import variance
from facecurate.diversity.variance import variance_by_group


def test_it_is_eta_squared_of_the_unit_vectors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(variance, "_ROWS", 33)
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 5, 400).astype(np.int32)
    x = (rng.normal(size=(400, 6)) + 0.8 * rng.normal(size=(5, 6))[codes]).astype(np.float32)
    unit = x.astype(np.float64) / np.linalg.norm(x, axis=1, keepdims=True)
    means = np.stack([unit[codes == g].mean(axis=0) for g in range(5)])
    within = ((unit - means[codes]) ** 2).sum()
    total = ((unit - unit.mean(axis=0)) ** 2).sum()
    assert variance_by_group(x, codes) == pytest.approx(1 - within / total, abs=1e-6)


def test_groups_alone_explain_everything_and_random_groups_little() -> None:
    rng = np.random.default_rng(1)
    codes = np.repeat(np.arange(4), 50).astype(np.int32)
    assert variance_by_group(np.eye(4, dtype=np.float32)[codes], codes) == pytest.approx(1.0)
    x = rng.normal(size=(200, 8)).astype(np.float32)
    share = variance_by_group(x, codes)
    assert share is not None and share < 0.05


def test_unknown_frames_are_left_out_and_one_group_or_no_variance_has_no_share() -> None:
    x = np.array([[1, 0], [0, 1], [5, 5]], np.float32)
    assert variance_by_group(x, np.array([0, 1, -1], np.int32)) == pytest.approx(1.0)
    assert variance_by_group(x, np.array([0, 0, -1], np.int32)) is None
    assert variance_by_group(np.ones((4, 2), np.float32), np.array([0, 0, 1, 1], np.int32)) is None
