"""The network, priors and decoding of the package retinaface-pytorch, to compare ours with.

Same weights, working size, threshold and suppression as the detector ``retinaface``; only the parts
named above are the package's. It brings streamlit and an OpenCV of its own, so it is never part of
``[all]``; ``pip install --no-deps retinaface-pytorch`` is enough here.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torchvision.ops import nms

from facecurate import storage
from facecurate.backbones import check_device
from facecurate.errors import MissingExtraError, UsageError
from facecurate.faces import base, retinaface
from facecurate.faces.base import Detection, Image, Options
from facecurate.weights import load_state_dict


@dataclass(frozen=True, slots=True, eq=False)
class Reference:
    """One picture at a time through the package's own network, in float32."""

    net: Any
    threshold: float
    device: str
    settings: Mapping[str, Any]
    name: str = "retinaface-pytorch"
    longest_side: int | None = retinaface.LONGEST_SIDE
    large: float | None = retinaface.LARGE
    window: int = 1

    def detect(self, images: Sequence[Image]) -> list[list[Detection]]:
        """The faces of each (h, w, 3) RGB uint8 picture, in its pixels; highest score first."""
        return base.twice(self._look, images, retinaface.LONGEST_SIDE, self.large)

    def _look(self, images: Sequence[Image], longest_side: int) -> list[list[Detection]]:
        return [self._faces(image, longest_side) for image in images]

    @torch.inference_mode()
    def _faces(self, image: Image, longest_side: int) -> list[Detection]:
        from retinaface.box_utils import decode, decode_landm
        from retinaface.prior_box import priorbox

        picture, scale = base.working(image, longest_side)
        inputs = retinaface.to_input([picture], retinaface.RESNET50, self.device)
        size = tuple(inputs.shape[2:])
        boxes, scores, points = (values[0].cpu() for values in self.net(inputs))
        prior = priorbox(retinaface.SIZES, retinaface.STEPS, False, size)
        sides = torch.tensor([size[1], size[0]] * 5, dtype=torch.float32)  # priors are shares
        boxes = decode(boxes, prior, retinaface.VARIANCES) * sides[:4]
        points = decode_landm(points, prior, retinaface.VARIANCES) * sides
        scores = scores.softmax(-1)[:, 1]
        sure = torch.nonzero(scores >= self.threshold)[:, 0]
        keep = sure[nms(boxes[sure], scores[sure], retinaface.NMS_IOU)]
        faces = zip(*(values[keep].numpy() for values in (boxes, points, scores)), strict=True)
        return base.ordered([base.from_corner(b, p, s, scale) for b, p, s in faces])


def network() -> Any:
    """The package's ResNet-50 network with first values; MissingExtraError without the package."""
    try:
        from retinaface.network import RetinaFace
    except ImportError as error:
        raise MissingExtraError("the retinaface-pytorch detector", "retinaface") from error
    layers = {"layer2": 1, "layer3": 2, "layer4": 3}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # it builds the backbone by a retired argument
        return RetinaFace(
            "Resnet50", pretrained=False, in_channels=256, return_layers=layers, out_channels=256
        )


def retinaface_pytorch(options: Options) -> Reference:
    """The package's network with the weights of ``retinaface``."""
    name = "retinaface-pytorch"
    level = base.threshold(name, options, retinaface.THRESHOLD)
    if options.precision not in (None, "fp32"):
        raise UsageError(f"the {name} detector is the package's, in fp32: leave out --precision")
    check_device(options.device)
    net = network()
    path = base.located("retinaface", options)
    net.load_state_dict(load_state_dict(path))
    about = retinaface.settings(name, level, "fp32", storage.digest(path))
    return Reference(net.eval().to(options.device), level, options.device, about)
