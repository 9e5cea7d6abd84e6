import hashlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch

from facecurate import backbones
from facecurate.encoders import DCT_DEFINITION, ENCODERS, load_encoder, module_encoder
from facecurate.errors import DamagedError, FacecurateError


def picture(seed: int, height: int = 64, width: int = 64) -> np.ndarray:
    rng = np.random.default_rng(seed)
    coarse = rng.integers(30, 200, (8, 8, 3), dtype=np.uint8)
    return np.kron(coarse, np.ones((height // 8, width // 8, 1), np.uint8)).astype(np.uint8)


def test_every_encoder_keeps_its_word() -> None:
    for name, make in ENCODERS.items():
        encoder = make()
        assert encoder.name == name and not encoder.identity and len(encoder.sha256) == 64
        vectors = encoder.encode([picture(1), picture(2, 40, 48)])
        assert vectors.shape == (2, encoder.dimension) and vectors.dtype == np.float32
        assert encoder.encode([]).shape == (0, encoder.dimension)
        assert (encoder.encode([picture(2, 40, 48)])[0] == vectors[1]).all()


def test_the_digest_of_dct_is_that_of_its_definition() -> None:
    digest = ENCODERS["dct"]().sha256
    assert digest == hashlib.sha256(DCT_DEFINITION.encode()).hexdigest()


def wave(v: int, u: int, gain: float = 60.0, mean: float = 128.0) -> np.ndarray:
    n = np.pi * (2 * np.arange(32) + 1) / 64
    grey = mean + gain * np.cos(v * n)[:, None] * np.cos(u * n)[None]
    return np.repeat(np.rint(grey).astype(np.uint8)[..., None], 3, axis=2)


def test_one_wave_is_one_number_at_its_place_in_the_order() -> None:
    order = [(0, 1), (1, 0), (0, 2), (1, 1), (2, 0), (0, 3), (1, 2)]  # (v, u)
    vectors = ENCODERS["dct"]().encode([wave(v, u) for v, u in order])
    assert np.abs(vectors).argmax(axis=1).tolist() == list(range(len(order)))
    assert vectors.max(axis=1) == pytest.approx(1.0, abs=0.02)


def test_a_number_weighs_by_its_frequency() -> None:
    both = wave(0, 1, gain=40.0).astype(int) + wave(3, 4, gain=40.0) - 128
    vector = ENCODERS["dct"]().encode([both.astype(np.uint8)])[0]
    first, second = sorted(np.abs(vector))[-1], sorted(np.abs(vector))[-2]
    # A wave along one axis has sqrt(2) times the amplitude of one along both.
    assert first / second == pytest.approx(5 / np.sqrt(2), rel=0.05)


def test_brightness_and_contrast_do_not_count() -> None:
    image = picture(3)
    brighter, flatter = image + 20, (image * 0.5 + 60).astype(np.uint8)
    vectors = ENCODERS["dct"]().encode([image, brighter, flatter, picture(4)])
    assert vectors[0] @ vectors[1] == pytest.approx(1.0, abs=1e-4)
    assert vectors[0] @ vectors[2] == pytest.approx(1.0, abs=1e-3)
    assert vectors[0] @ vectors[3] < 0.7


def test_flat_crops_are_one_picture_with_a_direction() -> None:
    flat = [np.full((50, 50, 3), grey, np.uint8) for grey in (0, 90, 255)]
    vectors = ENCODERS["dct"]().encode(flat)
    assert (vectors == np.eye(1, 128)).all()


def test_importing_the_encoders_loads_neither_torch_nor_cv2() -> None:
    code = "import sys, facecurate.encoders; print({'torch', 'cv2'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_a_backbone_sees_normalised_pixels_and_its_maps_are_pooled() -> None:
    import torch

    grey = [np.full((20, 30, 3), value, np.uint8) for value in (0, 51, 255)]
    settings = {"mean": (0.2, 0.2, 0.0), "std": (0.5, 1.0, 1.0), "size": 16, "sha256": "ab"}
    encoder = module_encoder("plain", torch.nn.Identity(), batch=2, **settings)  # type: ignore[arg-type]
    assert (encoder.dimension, encoder.identity, encoder.sha256) == (3, False, "ab")
    expected = [[-0.4, -0.2, 0.0], [0.0, 0.0, 0.2], [1.6, 0.8, 1.0]]
    assert encoder.encode(grey) == pytest.approx(np.array(expected), abs=1e-6)


def test_a_grid_keeps_where_things_are() -> None:
    import torch

    settings = {"mean": (0.0,) * 3, "std": (1.0,) * 3, "size": 8, "sha256": "ab", "grid": 2}
    encoder = module_encoder("grid", torch.nn.Identity(), **settings)  # type: ignore[arg-type]
    image = np.zeros((8, 8, 3), np.uint8)
    image[:4, 4:] = 255
    assert encoder.encode([image]).tolist() == [[0, 1, 0, 0] * 3]


def test_a_backbone_is_set_to_evaluation() -> None:
    import torch

    module = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Dropout(0.5))
    settings = {"mean": (0.0,) * 3, "std": (1.0,) * 3, "size": 4, "sha256": "ab"}
    encoder = module_encoder("drop", module, **settings)  # type: ignore[arg-type]
    assert encoder.dimension == 48
    assert (encoder.encode([np.full((4, 4, 3), 255, np.uint8)]) == 1).all()


def test_a_module_that_gives_no_vectors_is_refused() -> None:
    import torch

    settings = {"mean": (0.0,) * 3, "std": (1.0,) * 3, "size": 4, "sha256": "ab"}
    with pytest.raises(ValueError, match=r"not \(B, d\)"):
        module_encoder("odd", torch.nn.Flatten(0), **settings)  # type: ignore[arg-type]


@pytest.fixture
def closed_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy that nobody listens to: what is fetched fails at once, and says so."""
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "")
    monkeypatch.setattr("platformdirs.user_cache_path", lambda name: tmp_path / "cache" / name)


@pytest.mark.usefixtures("closed_network")
def test_torchvision_weights_are_fetched() -> None:
    with pytest.raises(FacecurateError, match=r"could not fetch it \(download\.pytorch\.org: "):
        load_encoder("torchvision:resnet18", "")


def weights_file(path: Path, state: dict[str, torch.Tensor]) -> str:
    notes = {"facecurate.format": "1", "arch": '"resnet18-half"', "input_size": "32"}
    path.write_bytes(safetensors.torch.save(state, notes))
    return f"file:{path}"


def test_a_published_classifier_is_an_encoder_without_its_last_layer(tmp_path: Path) -> None:
    """Such files have a classifier, and old ones no counters of batches."""
    state = backbones.build("resnet18-half", seed=3).state_dict()
    plain = load_encoder(weights_file(tmp_path / "a.safetensors", state), "")
    published = {k: v for k, v in state.items() if not k.endswith("num_batches_tracked")}
    published |= {"fc.weight": torch.ones(10, 256), "fc.bias": torch.ones(10)}
    encoder = load_encoder(weights_file(tmp_path / "b.safetensors", published), "")
    crops = [picture(1), picture(2)]
    assert (encoder.encode(crops) == plain.encode(crops)).all()


@pytest.mark.parametrize("change", ["missing", "deeper"])
def test_weights_of_another_network_are_refused(tmp_path: Path, change: str) -> None:
    state = backbones.build("resnet18-half", seed=3).state_dict()
    if change == "missing":
        del state["layer1.0.conv1.weight"]
    else:
        state["layer1.2.conv1.weight"] = torch.ones(32, 32, 3, 3)
    with pytest.raises(DamagedError, match=r"does not fit resnet18-half: layer1\.\d\.conv1"):
        load_encoder(weights_file(tmp_path / "a.safetensors", state), "")
