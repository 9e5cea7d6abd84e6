"""YuNet-n through OpenCV's FaceDetectorYN (Wu et al., YuNet, 2023).

The model names its points by the person's side, right eye first; the person's right eye is the left
one in the image, so its order is already ours. Frame: corner-origin pixels of the working picture,
so 0.5 is subtracted at the edge, in ``base.from_corner``; measured with portraits and their mirror
images at eight working sizes, eyes then miss symmetry by 0.3 working pixels, without it by 0.8.
Working size: a longest side of 640 pixels; larger photos are averaged down, smaller ones are not
enlarged. Faces of more than 320 are looked for at half the size (``base.twice``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from facecurate import storage
from facecurate.faces import base
from facecurate.faces.base import Detection, Image, Options

LONGEST_SIDE = 640
LARGE = 320.0  # working pixels: longer faces are looked for at half the size
THRESHOLD = 0.8
NMS_IOU = 0.3
_MOST = 5000  # candidates that OpenCV keeps before suppression


@dataclass(frozen=True, slots=True, eq=False)
class YuNet:
    """One picture at a time; ``net`` is a cv2.FaceDetectorYN."""

    net: Any
    settings: Mapping[str, Any]
    name: str = "yunet"
    longest_side: int | None = LONGEST_SIDE
    window: int = 1

    def detect(self, images: Sequence[Image]) -> list[list[Detection]]:
        """The faces of each (h, w, 3) RGB uint8 picture, in its pixels; highest score first."""
        return base.twice(self._look, images, LONGEST_SIDE, LARGE)

    def _look(self, images: Sequence[Image], longest_side: int) -> list[list[Detection]]:
        return [self._faces(image, longest_side) for image in images]

    def _faces(self, image: Image, longest_side: int) -> list[Detection]:
        picture, scale = base.working(image, longest_side)
        self.net.setInputSize((picture.shape[1], picture.shape[0]))
        _, rows = self.net.detect(np.ascontiguousarray(picture[:, :, ::-1]))
        if rows is None:
            return []
        faces = []
        for row in rows:  # x, y, width, height, five points, score
            box = [row[0], row[1], row[0] + row[2], row[1] + row[3]]
            faces.append(base.from_corner(box, row[4:14], row[14], scale))
        return base.ordered(faces)


def yunet(options: Options) -> YuNet:
    """YuNet-n, 0.3 MB."""
    base.only_cpu("yunet", options)
    level = base.threshold("yunet", options, THRESHOLD)
    path = base.located("yunet", options)
    settings = {
        "detector": "yunet",
        "threshold": level,
        "nms_iou": NMS_IOU,
        "longest_side": LONGEST_SIDE,
        "large": LARGE,
        "weights": storage.digest(path),
    }
    return YuNet(_create(storage.read(path), level), settings)


def _create(model: bytes, threshold: float) -> Any:
    """The net, made without the line that OpenCV 5 writes about a target nobody asked for."""
    logging = cv2.utils.logging
    before = logging.getLogLevel()
    logging.setLogLevel(logging.LOG_LEVEL_ERROR)
    try:
        return cv2.FaceDetectorYN.create(
            "onnx",
            np.frombuffer(model, np.uint8),
            np.empty(0, np.uint8),
            (LONGEST_SIDE, LONGEST_SIDE),
            threshold,
            NMS_IOU,
            _MOST,
        )
    finally:
        logging.setLogLevel(before)
