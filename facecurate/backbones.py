"""Encoders by name: torchvision's residual networks and a half-width one for small machines.

State dicts have torchvision's keys (without ``fc``), so that three lines of plain torch load them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import safetensors.torch
import torch
from torch import Tensor, nn
from torchvision.models.resnet import BasicBlock, Bottleneck, ResNet

from facecurate import FORMAT
from facecurate.errors import DamagedError, FacecurateError, UsageError

# name -> block, blocks a stage, planes of the first stage
ARCHS: dict[str, tuple[Any, tuple[int, int, int, int], int]] = {
    "resnet18": (BasicBlock, (2, 2, 2, 2), 64),
    "resnet18-half": (BasicBlock, (2, 2, 2, 2), 32),
    "resnet34": (BasicBlock, (3, 4, 6, 3), 64),
    "resnet50": (Bottleneck, (3, 4, 6, 3), 64),
    "resnet101": (Bottleneck, (3, 4, 23, 3), 64),
    "resnet152": (Bottleneck, (3, 8, 36, 3), 64),
}


class Backbone(ResNet):  # type: ignore[misc]
    """A residual network (He et al. 2016) without its classifier.

    ``forward``: (B, 3, H, W) -> (B, features), averaged over the last map. ``channels``: of the
    four stages, whose strides are 4, 8, 16 and 32.
    """

    def __init__(self, arch: str) -> None:
        block, blocks, planes = _known(arch)
        super().__init__(block, list(blocks))
        self.arch = arch
        if planes != 64:
            self._narrow(block, blocks, planes)
        self.fc = nn.Identity()
        self.channels = tuple(planes * 2**i * block.expansion for i in range(4))
        self.features = self.channels[-1]

    def _narrow(self, block: Any, blocks: tuple[int, ...], planes: int) -> None:
        self.inplanes = planes
        self.conv1 = nn.Conv2d(3, planes, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        for i, count in enumerate(blocks):
            stage = self._make_layer(block, planes * 2**i, count, stride=1 if i == 0 else 2)
            setattr(self, f"layer{i + 1}", stage)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def feature_maps(self, x: Tensor) -> list[Tensor]:
        """The maps of the four stages, (B, channels[i], H / 2^(i+2), W / 2^(i+2))."""
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        maps = []
        for stage in (self.layer1, self.layer2, self.layer3, self.layer4):
            x = stage(x)
            maps.append(x)
        return maps


def _known(arch: str) -> tuple[Any, tuple[int, int, int, int], int]:
    if arch not in ARCHS:
        raise UsageError(f"there is no backbone {arch!r}: choose one of {', '.join(ARCHS)}")
    return ARCHS[arch]


def check_device(device: str) -> str:
    """``device`` if torch can use it here; else UsageError or FacecurateError, before any work."""
    kind = device.split(":")[0]
    if kind not in ("cpu", "cuda"):
        raise UsageError(f"--device {device} is unknown: give cpu or cuda")
    if kind == "cuda" and not torch.cuda.is_available():
        raise FacecurateError(f"no CUDA device here: leave out --device {device}")
    return device


def build(arch: str, *, seed: int | None = None) -> Backbone:
    """A backbone with torchvision's initialisation; the same ``seed`` gives the same weights.

    The global random state is left as it was. Raises UsageError for an unknown name.
    """
    with torch.random.fork_rng(devices=[]):
        if seed is not None:
            torch.manual_seed(seed)
        return Backbone(arch)


def to_safetensors(backbone: Backbone, metadata: Mapping[str, Any]) -> bytes:
    """The weights as safetensors, the same bytes for the same weights and metadata.

    ``metadata`` values are stored as JSON strings, with ``facecurate.format`` and ``arch`` added.
    """
    notes = {"facecurate.format": FORMAT, "arch": backbone.arch, **metadata}
    tensors = {k: v.detach().cpu().contiguous() for k, v in backbone.state_dict().items()}
    packed = safetensors.torch.save(tensors, {k: json.dumps(v) for k, v in notes.items()})
    return _ordered(packed)


def _ordered(packed: bytes) -> bytes:
    """The library writes the metadata in the order of a hash table: sort it."""
    size = int.from_bytes(packed[:8], "little")
    header = json.loads(packed[8 : 8 + size])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + packed[8 + size :]


def metadata(data: bytes) -> dict[str, Any]:
    """What ``to_safetensors`` wrote beside the weights: arch, mean, std, input_size, ...

    Raises DamagedError for other bytes.
    """
    try:
        size = int.from_bytes(data[:8], "little")
        header = json.loads(data[8 : 8 + size])
        return {k: json.loads(v) for k, v in header.get("__metadata__", {}).items()}
    except (ValueError, AttributeError) as error:
        raise DamagedError(f"these bytes are no safetensors file of ours: {error}") from error


def from_safetensors(data: bytes, arch: str | None = None) -> Backbone:
    """A backbone with stored weights; ``arch`` for files that do not say theirs.

    Raises DamagedError if the weights do not fit, UsageError if nobody says the arch.
    """
    name = arch or metadata(data).get("arch")
    if name is None:
        raise UsageError("the weights do not say their architecture: give --arch")
    try:
        tensors = safetensors.torch.load(data)
    except safetensors.SafetensorError as error:
        raise DamagedError(f"the weights do not fit {name}: {str(error)[:200]}") from error
    return from_state(tensors, name, "the weights")


def from_state(state: Mapping[str, Tensor], arch: str, what: str) -> Backbone:
    """The backbone ``arch`` with the parameters in ``state``; a head beside them is left out.

    ``what`` names the weights in errors. Raises UsageError for an unknown ``arch``, DamagedError if
    the parameters do not fit. Counters of batches may be missing: old files have none.
    """
    backbone = build(arch, seed=0)
    wanted = backbone.state_dict()
    wrong = [k for k, v in wanted.items() if not _fits(state.get(k), v, k)]
    parts = {k.split(".")[0] for k in wanted}
    wrong += [k for k in state if k not in wanted and k.split(".")[0] in parts]  # a deeper one's
    if wrong:
        more = f" and {len(wrong) - 1} more" if len(wrong) > 1 else ""
        raise DamagedError(f"{what} does not fit {arch}: {wrong[0]}{more}")
    backbone.load_state_dict({k: state[k] for k in wanted if k in state}, strict=False)
    return backbone


def _fits(given: Tensor | None, wanted: Tensor, name: str) -> bool:
    if given is None:
        return name.endswith(".num_batches_tracked")
    return given.shape == wanted.shape
