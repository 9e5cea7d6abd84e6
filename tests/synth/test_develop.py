from dataclasses import replace

import numpy as np
import pytest

from facecurate import images
from facecurate.synth.develop import develop, expose, over, path
from facecurate.synth.spec import PhotoSpec

QUIET = PhotoSpec(64, 48, seed=3, noise=0.0)


def flat(level: float, height: int = 48, width: int = 64) -> np.ndarray:
    return np.full((height, width, 3), level, np.float32)


MIDDLE = (128 / 255) ** 2  # of grey level 128


def noise_of(photo: PhotoSpec, level: float = MIDDLE, side: int = 256) -> np.ndarray:
    """What the noise adds to a grey surface, grey levels."""
    canvas = flat(level, side, side)
    loud = develop(canvas, photo).astype(float)
    return np.asarray(loud - develop(canvas, replace(photo, noise=0.0)))


def test_the_tone_is_a_square_root_and_exposing_undoes_it() -> None:
    ramp = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 3, axis=2)
    assert (develop(expose(ramp), QUIET) == ramp).all()
    assert develop(flat(4.0), QUIET).min() == 255 and develop(flat(-1.0), QUIET).max() == 0


def test_plain_noise_is_white_and_has_the_deviation_that_is_asked_for() -> None:
    noise = noise_of(replace(QUIET, noise=4.0))
    assert noise.std() == pytest.approx(4.0, abs=0.1) and abs(noise.mean()) < 0.05
    for shifted in (noise[:, 1:], noise[1:], noise[:, :, 1:]):
        ends = tuple(slice(0, n) for n in shifted.shape)
        assert abs(np.corrcoef(noise[ends].ravel(), shifted.ravel())[0, 1]) < 0.02
    bright = noise_of(replace(QUIET, noise=4.0), (200 / 255) ** 2)
    assert bright.std() == pytest.approx(4.0, abs=0.1)


def test_film_has_grains_larger_than_a_pixel_and_most_in_the_middle_tones() -> None:
    film = replace(QUIET, noise=4.0, style="second")
    noise = noise_of(film)
    assert np.corrcoef(noise[:, :-1].ravel(), noise[:, 1:].ravel())[0, 1] > 0.5
    assert np.corrcoef(noise[:, :, 0].ravel(), noise[:, :, 2].ravel())[0, 1] > 0.4
    assert noise[96:160, 96:160].std() == pytest.approx(4.0, abs=0.5)
    assert noise_of(film, 0.01).std() < 0.7 * noise[96:160, 96:160].std()


def test_the_noise_of_another_photo_is_other_noise_and_the_same_photo_s_is_the_same() -> None:
    noise, again, other = (noise_of(replace(QUIET, noise=4.0, seed=s)) for s in (3, 3, 4))
    assert (noise == again).all()
    assert abs(np.corrcoef(noise.ravel(), other.ravel())[0, 1]) < 0.01


def test_the_noise_does_not_repeat_within_a_large_photo() -> None:
    noise = noise_of(replace(QUIET, noise=4.0), side=640).ravel()
    spectrum = np.fft.rfft(noise - noise.mean())
    apart = np.fft.irfft(np.abs(spectrum) ** 2)[1:]
    peaks = apart[: len(apart) // 2] / (noise.var() * len(noise))
    assert peaks.max() < 0.35  # where one of the two streams begins again


def test_the_way_of_the_camera_keeps_the_light_and_its_middle_where_they_were() -> None:
    for motion in [(9.0, 0.0), (0.0, -4.5), (5.3, 3.1), (-7.7, 6.2), (0.4, 0.0)]:
        kernel = path(motion)
        y, x = np.indices(kernel.shape) - kernel.shape[0] // 2
        assert kernel.sum() == pytest.approx(1.0, abs=1e-5) and kernel.min() >= 0
        assert [(kernel * x).sum(), (kernel * y).sum()] == pytest.approx([0, 0], abs=1e-4)
        across = (x * motion[1] - y * motion[0]) / np.hypot(*motion)
        assert np.abs(across[kernel > 1e-3]).max() < 1.42  # nothing beside the way
        spread = np.sqrt((kernel * (x * x + y * y)).sum())
        assert spread == pytest.approx(np.hypot(*motion) / np.sqrt(12), abs=0.45)


def test_motion_draws_a_point_out_along_the_way_and_leaves_a_flat_picture_alone() -> None:
    canvas = flat(0.0)
    canvas[24, 32] = 1.0
    moved = develop(canvas, replace(QUIET, motion=(8.0, 0.0))).astype(float) ** 2 / 255**2
    assert moved[24, 28:37, 0].min() > 0.05 and moved[20:23].max() == 0
    assert moved[:, :, 0].sum() == pytest.approx(1.0, abs=0.05)
    assert np.ptp(develop(flat(0.3), replace(QUIET, motion=(8.0, 3.0), blur=1.5))) <= 1


def test_blur_softens_an_edge_evenly() -> None:
    canvas = flat(0.0)
    canvas[:, 32:] = 1.0
    edge = develop(canvas, replace(QUIET, blur=2.0))[24, :, 0].astype(float)
    assert edge[25] < 10 and edge[38] > 245 and (np.diff(edge) >= 0).all()
    assert (edge[31] / 255) ** 2 + (edge[32] / 255) ** 2 == pytest.approx(1.0, abs=0.02)


def test_a_jpeg_history_is_that_of_the_finished_picture() -> None:
    rng = np.random.default_rng(0)
    canvas = rng.uniform(0, 1, (48, 64, 3)).astype(np.float32)
    whole = develop(canvas, replace(QUIET, noise=3.0))
    packed = develop(canvas, replace(QUIET, noise=3.0, quality=30))
    assert (packed == images.decode(images.encode_jpeg(whole, 30)).pixels).all()
    assert (packed != whole).any()


def test_the_second_style_darkens_the_corners_dulls_colours_and_steepens_the_middle() -> None:
    second = replace(QUIET, style="second")
    picture = develop(flat(0.4), second).astype(float)
    assert picture[24, 32].mean() > picture[0, 0].mean() + 15
    red = np.array([0.5, 0.1, 0.1], np.float32) * np.ones((48, 64, 1), np.float32)
    assert np.ptp(develop(red, second)[24, 32]) < 0.85 * np.ptp(develop(red, QUIET)[24, 32])
    low, high = develop(flat(0.15), second)[24, 32, 1], develop(flat(0.4), second)[24, 32, 1]
    plain = develop(flat(0.4), QUIET)[24, 32, 1] - develop(flat(0.15), QUIET)[24, 32, 1]
    assert int(high) - int(low) > int(plain)


def test_a_layer_lies_over_the_canvas_by_its_coverage() -> None:
    canvas, layer = flat(0.5), np.zeros((4, 5, 4), np.float32)
    layer[1, 1] = [0.2, 0.1, 0.0, 1.0]
    layer[2, 3] = [0.1, 0.1, 0.1, 0.5]
    over(canvas, layer, 10, 20)
    assert canvas[11, 21] == pytest.approx([0.2, 0.1, 0.0])
    assert canvas[12, 23] == pytest.approx([0.35] * 3)
    assert (canvas == 0.5).all(axis=2).sum() == 48 * 64 - 2
