from dataclasses import fields, replace

import numpy as np
import pytest

from facecurate.synth.background import KINDS, background
from facecurate.synth.render import render_photo
from facecurate.synth.spec import IDENTITIES, PhotoSpec, random_face
from facecurate.synth.spec import STYLES as NAMES
from facecurate.synth.style import PLAIN, SECOND, STYLES


def photo(seed: int, style: str, yaw: float = 25.0) -> PhotoSpec:
    rng = np.random.default_rng([7, seed])
    face = random_face(
        rng, IDENTITIES["train"], max_yaw=yaw, max_pitch=10.0, size_px=72.0, centre=(63.5, 60.0)
    )
    noise = float(rng.uniform(0.5, 4.0))
    return PhotoSpec(128, 128, seed, (face,), noise, style=style)


def statistics(image: np.ndarray) -> np.ndarray:
    """A colour histogram, the energy of fine and coarse gradients, how neighbours go together."""
    grey = image.astype(float).mean(axis=2)
    counts = [np.histogram(image[:, :, k], 8, (0, 256))[0] / grey.size for k in range(3)]
    colour = image.std(axis=2)
    steps = [np.diff(grey, axis=0)[:, :-1], np.diff(grey, axis=1)[:-1], *np.gradient(colour)]
    energy = [np.log(np.abs(s).mean() + 0.1) for s in steps]
    fine = image[1:-1, 1:-1] * 2.0 - image[1:-1, 2:] - image[1:-1, :-2]
    pairs = [(fine[:, :-1], fine[:, 1:]), (fine[:-1], fine[1:]), (fine[..., 0], fine[..., 2])]
    coarse = image.reshape(32, 4, 32, 4, 3).mean(axis=(1, 3))
    energy += [np.log(np.abs(v).mean() + 0.1) for v in (fine, np.diff(coarse, axis=1))]
    hues = np.abs(np.diff(coarse, axis=2)).mean(axis=(0, 1)) / 50
    together = [np.corrcoef(a.ravel(), b.ravel())[0, 1] for a, b in pairs]
    return np.array([*np.concatenate(counts), *energy, *together, *hues])


def test_the_names_are_those_of_the_spec_and_their_backgrounds_exist() -> None:
    assert tuple(STYLES) == NAMES
    assert {style.background for style in STYLES.values()} == set(KINDS)


def test_every_law_of_the_second_style_is_another_one() -> None:
    assert all(getattr(PLAIN, f.name) != getattr(SECOND, f.name) for f in fields(PLAIN))


def test_a_linear_probe_on_simple_statistics_tells_the_styles_apart() -> None:
    images = [render_photo(photo(k // 2, NAMES[k % 2]))[0] for k in range(220)]
    x = np.array([statistics(image) for image in images])
    x = np.column_stack([(x - x[:120].mean(axis=0)) / (x[:120].std(axis=0) + 1e-6), np.ones(220)])
    y = np.where(np.arange(220) % 2 == 0, -1.0, 1.0)
    w = np.linalg.solve(x[:120].T @ x[:120] + 10.0 * np.eye(x.shape[1]), x[:120].T @ y[:120])
    assert ((x[120:] @ w > 0) == (y[120:] > 0)).mean() > 0.95


def test_the_style_changes_the_picture_and_not_the_truth() -> None:
    plain, truth = render_photo(photo(1, "plain"))
    second, other = render_photo(photo(1, "second"))
    assert np.abs(plain.astype(int) - second).mean() > 8
    assert truth[0].points68.tobytes() == other[0].points68.tobytes()
    assert (truth[0].visible == other[0].visible).all()


@pytest.mark.parametrize("style", NAMES)
def test_dlib_finds_frontal_faces_in_both_styles(style: str) -> None:
    dlib = pytest.importorskip("dlib", reason="not installed: run 'make test'")
    detector, found = dlib.get_frontal_face_detector(), 0
    for seed in range(20):
        plan = photo(seed, style, yaw=15.0)
        face = replace(plan.faces[0], size_px=100.0, centre=(95.5, 88.0))
        image, _ = render_photo(replace(plan, width=192, height=192, faces=(face,)))
        found += len(detector(image, 0)) > 0
    assert found >= 17


@pytest.mark.parametrize("style", sorted(KINDS))
def test_backgrounds_differ_by_seed_and_hold_no_face(style: str) -> None:
    dlib = pytest.importorskip("dlib", reason="not installed: run 'make test'")
    detector = dlib.get_frontal_face_detector()
    images = [background(160, 120, seed, style=style) for seed in range(30)]
    assert len({image.tobytes() for image in images}) == 30
    assert all(image.shape == (120, 160, 3) and image.std() > 1 for image in images)
    assert not any(len(detector(image, 1)) for image in images)


def test_a_background_is_the_same_bytes_again_and_any_size_is_drawn() -> None:
    for style in KINDS:
        assert background(64, 48, 5, style=style).tobytes() == (
            background(64, 48, 5, style=style).tobytes()
        )
        assert background(1, 3, 5, style=style).shape == (3, 1, 3)
        crowded = background(64, 64, 5, clutter=24, style=style)
        assert crowded.tobytes() != background(64, 64, 5, style=style).tobytes()
