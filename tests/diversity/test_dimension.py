import numpy as np
import pytest
from made import structure
from scipy.ndimage import gaussian_filter1d
from scipy.optimize import minimize_scalar
from sklearn.neighbors import NearestNeighbors

from facecurate.diversity import dimension
from facecurate.diversity.dimension import decimated, gride, intrinsic_dimension, nearest
from facecurate.diversity.spectral import principal_components
from facecurate.diversity.timing import timings
from facecurate.errors import FacecurateError


def flat(dimensions: int, count: int, seed: int = 0, noise: float = 0.0) -> np.ndarray:
    """Points on a turned flat piece of so many dimensions in a space of 20."""
    rng = np.random.default_rng(seed)
    turn = np.linalg.qr(rng.standard_normal((20, 20)))[0][:dimensions]
    return rng.random((count, dimensions)) @ turn + noise * rng.standard_normal((count, 20))


@pytest.mark.parametrize("dimensions", [1, 2, 3])
def test_the_dimension_of_a_flat_piece_is_found_at_every_small_scale(dimensions):
    found = intrinsic_dimension(flat(dimensions, 3000))
    assert found.two_nn == pytest.approx(dimensions, rel=0.1)
    assert found.mle == pytest.approx(dimensions, rel=0.1)
    assert found.dimension[:5] == pytest.approx(dimensions, rel=0.12)
    assert (np.diff(found.distance) > 0).all() and found.near.tolist() == [1, 2, 4, 8, 16, 32, 64]


def test_noise_makes_the_nearest_neighbours_alone_look_like_more_dimensions():
    curve = intrinsic_dimension(flat(2, 3000, noise=0.01)).dimension
    assert curve[0] > 5 and curve[-1] < 3


def test_eight_smooth_sequences_on_six_dimensions_need_one_frame_per_correlation_time():
    rng, frames, width = np.random.default_rng(0), 1200, 11
    lift = rng.standard_normal((6, 64)) / np.sqrt(6)
    walks = gaussian_filter1d(rng.standard_normal((8, frames + 8 * width, 6)), width, axis=1)
    walks = walks[:, 4 * width : -4 * width]
    latent = (walks / walks.std(axis=1, keepdims=True)).reshape(-1, 6)
    vectors = np.sin(0.7 * latent @ lift).astype(np.float32)
    names = np.repeat([f"s{k}" for k in range(8)], frames).tolist()
    world = structure(np.tile(np.arange(frames), 8).tolist(), names, names)
    time = timings(world, ["1", "2", "3"], principal_components(vectors, 3))
    rows = decimated(world, time.interval)
    assert 20 < time.interval < 60 and 150 < len(rows) < 500
    assert 18 < intrinsic_dimension(vectors).two_nn < 22
    apart = intrinsic_dimension(vectors[rows])
    independent = np.sin(0.7 * rng.standard_normal((len(rows), 6)) @ lift)
    assert apart.two_nn == pytest.approx(5.8, abs=0.6)
    assert apart.two_nn == pytest.approx(intrinsic_dimension(independent).two_nn, rel=0.15)


def test_neighbours_are_exact(monkeypatch):
    monkeypatch.setattr(dimension, "_BLOCK", 7)
    points = flat(4, 100) + 50
    theirs = NearestNeighbors(n_neighbors=10).fit(points).kneighbors()[0]
    assert nearest(points, 10) == pytest.approx(theirs, rel=1e-7)


@pytest.mark.parametrize("n", [1, 2, 8])
def test_the_curve_maximises_its_likelihood(n):
    distances = nearest(flat(3, 200), 16)
    ratio = distances[:, 2 * n - 1] / distances[:, n - 1]

    def worse(d):
        told = np.log(d) + (n - 1) * np.log(ratio**d - 1) - ((2 * n - 1) * d + 1) * np.log(ratio)
        return -told.sum()

    best = minimize_scalar(worse, bounds=(0.1, 30), method="bounded", options={"xatol": 1e-9})
    assert gride(distances[:, n - 1], distances[:, 2 * n - 1], n) == pytest.approx(best.x, rel=1e-5)
    if n == 1:
        assert best.x == pytest.approx(len(ratio) / np.log(ratio).sum(), rel=1e-5)


def test_a_vector_that_comes_again_is_taken_once():
    points = flat(2, 400)
    again = intrinsic_dimension(np.concatenate([points, points[:150]]))
    once = intrinsic_dimension(points)
    assert (again.repeated, once.repeated) == (150, 0)
    assert (again.points, again.two_nn) == (once.points, once.two_nn)


def test_many_points_are_sampled_and_that_is_said(monkeypatch):
    monkeypatch.setattr(dimension, "MOST", 500)
    found = intrinsic_dimension(flat(2, 1000))
    assert (found.points, found.sampled) == (500, True)
    assert found.two_nn == pytest.approx(2, rel=0.15)
    assert found.to_arrow().num_rows == 7


def test_few_points_are_refused_with_their_number():
    with pytest.raises(FacecurateError, match="3 different vectors are too few"):
        intrinsic_dimension(np.repeat(flat(2, 3), 9, axis=0))
    few = intrinsic_dimension(flat(2, 12))
    assert few.near.tolist() == [1, 2, 4]


def test_frames_kept_are_an_interval_apart_even_across_a_gap_and_stills_are_all_kept():
    frame = [0, 1, 2, 3, 4, 7, 8, 9, 10, -1, -1]
    world = structure(frame, ["a"] * 9 + [None] * 2, ["a"] * 9 + [None] * 2)
    assert [frame[k] for k in decimated(world, 3.2)] == [0, 4, 8, -1, -1]
    assert len(decimated(world, 1.0)) == 11
    second = structure([0, 2, 4, 6, 8, 10])
    assert decimated(second, 2).tolist() == [0, 2, 4]  # every second of the frames there are
    assert decimated(structure([]), 5).tolist() == []
    last = 2**63 - 1  # the most that a file can say
    assert decimated(structure([0, last - 2, last - 1, last]), 2).tolist() == [0, 1, 3]
