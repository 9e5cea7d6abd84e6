"""Pictures of faces to vectors: the encoders that need nothing, and torch backbones as encoders.

``ENCODERS`` holds those that need no weights. A backbone with weights becomes one by
``module_encoder``. None of the built-in encoders is trained to recognise people.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from facecurate import images, storage
from facecurate.encoders.shape_hog import ShapeHogEncoder
from facecurate.errors import UsageError

if TYPE_CHECKING:
    from torch import Tensor, nn

Pixels = NDArray[np.uint8]
Vectors = NDArray[np.float32]
Points = NDArray[np.float32]


class Encoder(Protocol):
    """One vector for each face crop.

    name: the slug of its folder; identity: trained to tell people apart, so refused on collected
    photos; dimension: of a vector; sha256: hex, of the weights or of the definition.
    """

    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def identity(self) -> bool: ...  # noqa: D102
    @property
    def dimension(self) -> int: ...  # noqa: D102
    @property
    def sha256(self) -> str: ...  # noqa: D102

    def encode(self, crops: Sequence[Pixels], points: Sequence[Points] | None = None) -> Vectors:
        """(N, d) float32 vectors of (H, W, 3) RGB uint8 crops of any sizes.

        points: for each crop (10 + 2 P,) the five landmarks in crop pixels, NaN where unknown,
        then the P points that the source has; encoders that look at pixels alone ignore them.
        """
        ...


DCT_SIDE, DCT_NUMBERS = 32, 128

DCT_DEFINITION = (
    "dct 1: ITU-R 601 luminance, 32 x 32 (area averaging; linear where smaller), orthonormal "
    "DCT-II, the 128 lowest frequencies by u + v, then v, without 0 0, each times sqrt(u^2 + v^2), "
    "length 1; without structure: the first unit vector"
)
"""What the numbers mean; their SHA-256 names the version."""


@dataclass(frozen=True, slots=True)
class DctEncoder:
    """128 numbers from the luminance's cosine transform; needs no weights.

    The mean is left out and the length is 1, so brightness and contrast do not count. Amplitudes
    of natural pictures fall as 1 / frequency (Field, JOSA A, 1987); multiplying by the frequency
    lets a mouth corner count beside the large shading of the face.
    """

    name: str = "dct"
    identity: bool = False
    dimension: int = DCT_NUMBERS
    sha256: str = hashlib.sha256(DCT_DEFINITION.encode()).hexdigest()

    def encode(self, crops: Sequence[Pixels], points: Sequence[Points] | None = None) -> Vectors:
        """(N, 128) float32 unit vectors of (H, W, 3) RGB uint8 crops; ``points`` are ignored."""
        if not len(crops):
            return np.empty((0, DCT_NUMBERS), dtype=np.float32)
        small = [images.luma(images.resize(crop, DCT_SIDE, DCT_SIDE)) for crop in crops]
        return np.stack([_dct(grey) for grey in small])


def _dct(grey: Pixels) -> Vectors:
    """(32, 32) luminance -> (128,) unit vector."""
    basis, v, u = _frequencies()
    spectrum = basis @ (grey - grey.mean()) @ basis.T
    numbers = spectrum[v, u] * np.hypot(u, v)
    length = float(np.linalg.norm(numbers))
    if length < 1.0:  # a flat crop; all of these are one picture
        numbers, length = np.eye(1, DCT_NUMBERS)[0], 1.0
    vector: Vectors = (numbers / length).astype(np.float32)
    return vector


@lru_cache(maxsize=1)
def _frequencies() -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]:
    """The (32, 32) orthonormal DCT-II, and the (128,) rows v and columns u of the lowest."""
    k, n = np.arange(DCT_SIDE)[:, None], np.arange(DCT_SIDE)[None, :]
    basis = np.sqrt(2 / DCT_SIDE) * np.cos(np.pi * k * (2 * n + 1) / (2 * DCT_SIDE))
    basis[0] /= np.sqrt(2)
    order = sorted((v + u, v, u) for v in range(DCT_SIDE) for u in range(DCT_SIDE))
    lowest = np.array(order[1 : 1 + DCT_NUMBERS])
    return basis, lowest[:, 1], lowest[:, 2]


ENCODERS: dict[str, Callable[[], Encoder]] = {"dct": DctEncoder, "shape+hog": ShapeHogEncoder}
"""Encoders that need no weights, by the name that ``--encoder`` takes."""


@dataclass(frozen=True, slots=True)
class ModuleEncoder:
    """A torch backbone as an encoder; made by ``module_encoder``."""

    name: str
    identity: bool
    dimension: int
    sha256: str
    module: nn.Module
    mean: tuple[float, ...]
    std: tuple[float, ...]
    size: int
    grid: int
    batch: int

    def encode(self, crops: Sequence[Pixels], points: Sequence[Points] | None = None) -> Vectors:
        """(N, d) float32 pooled features of (H, W, 3) RGB uint8 crops; ``points`` are ignored."""
        if not len(crops):
            return np.empty((0, self.dimension), dtype=np.float32)
        starts = range(0, len(crops), self.batch)
        return np.concatenate([self._encode(crops[s : s + self.batch]) for s in starts])

    def _encode(self, crops: Sequence[Pixels]) -> Vectors:
        import torch

        resized = [images.resize(crop, self.size, self.size) for crop in crops]
        mean, std = np.array(self.mean, np.float32), np.array(self.std, np.float32)
        pixels = (np.stack(resized).astype(np.float32) / np.float32(255) - mean) / std
        parameter = next(self.module.parameters(), torch.zeros(()))
        batch = torch.from_numpy(pixels).permute(0, 3, 1, 2).to(parameter.device)
        with torch.inference_mode():
            features = _pooled(self.module(batch), self.grid)
        vectors: Vectors = features.float().cpu().numpy()
        return vectors


def module_encoder(
    name: str,
    module: nn.Module,
    *,
    mean: Sequence[float],
    std: Sequence[float],
    size: int,
    sha256: str,
    identity: bool = False,
    grid: int = 1,
    batch: int = 32,
) -> Encoder:
    """An encoder from a backbone that maps (B, 3, size, size) to (B, d) or to maps (B, c, h, w).

    mean, std: of RGB in 0-1; sha256: hex, of the weights; identity: trained to tell people apart;
    grid: maps are averaged over grid x grid cells and laid end to end (4 keeps some geometry).
    The module is set to evaluation and stays on its device; batches are cut in the order given.
    """
    import torch

    module = module.eval()
    parameter = next(module.parameters(), torch.zeros(()))
    with torch.inference_mode():
        probe = torch.zeros(1, 3, size, size, device=parameter.device)
        dimension = _pooled(module(probe), grid).shape[1]
    normal = tuple(mean), tuple(std)
    return ModuleEncoder(name, identity, dimension, sha256, module, *normal, size, grid, batch)


def load_encoder(name: str, workspace: str, *, not_identity: bool = False) -> Encoder:
    """The encoder that ``--encoder`` names: one of ``ENCODERS``, or weights as a backbone.

    A file of unknown origin counts as one that recognises people unless the user says otherwise
    (``not_identity``). Raises UsageError, FacecurateError or DamagedError.
    """
    from facecurate import fetch, weights

    if name in ENCODERS:
        return ENCODERS[name]()
    reference = weights.parse(name)
    if reference.kind not in ("run", "file", "torchvision"):
        known = ", ".join(sorted(ENCODERS))
        raise UsageError(
            f"no encoder {name!r}: give {known}, run:NAME, file:PATH, torchvision:NAME"
        )
    loaded = weights.resolve(name, workspace=workspace, download=fetch.download)
    assert loaded is not None
    if not loaded.arch:
        raise UsageError(
            f"{name} does not say its architecture: export it with facecurate pretrain"
        )
    from facecurate import backbones

    is_file = reference.kind == "file"  # where it lies is nobody's business: its digest counts
    return module_encoder(
        f"file:{storage.name(reference.name)}" if is_file else str(reference),
        backbones.from_state(loaded.state, loaded.arch, loaded.name),
        mean=loaded.mean,
        std=loaded.std,
        size=loaded.input_size,
        sha256=loaded.sha256,
        identity=is_file and not not_identity,
    )


def _pooled(features: Tensor, grid: int) -> Tensor:
    from torch.nn import functional

    if features.ndim == 4:
        features = functional.adaptive_avg_pool2d(features, grid).flatten(1)
    if features.ndim != 2:
        raise ValueError(f"the backbone gave {tuple(features.shape)}, not (B, d) or (B, c, h, w)")
    return features
