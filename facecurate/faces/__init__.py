"""Faces in pictures: detectors by name, crops that can be undone, quality of a crop.

Importing this package loads neither torch nor cv2; a detector's module is imported when it is made.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, cast

from facecurate.errors import UsageError
from facecurate.text import printable

if TYPE_CHECKING:
    from facecurate.faces.base import Detection, Detector

__all__ = ["CROPS", "DETECTORS", "Detection", "Detector", "load_detector"]

DETECTORS: dict[str, str] = {  # name -> "module:factory", factory(base.Options)
    "retinaface-mobile": "facecurate.faces.retinaface:mobile",
    "retinaface": "facecurate.faces.retinaface:resnet50",
    "yunet": "facecurate.faces.yunet:yunet",
    "dlib": "facecurate.faces.dlib_:dlib_hog",
    "given": "facecurate.faces.given:given",
    "retinaface-pytorch": "facecurate.faces.reference:retinaface_pytorch",
}

CROPS = ("box", "arcface112", "arcface224")  # read by align.place


def load_detector(name: str, **options: Any) -> Detector:
    """The detector of that name, ready to run.

    ``options`` are those of ``base.Options``: weights, unchecked, threshold, device, precision.
    Raises UsageError for an unknown name or a setting the detector has no use for,
    MissingExtraError or FacecurateError when it cannot run here.
    """
    if name not in DETECTORS:
        known = ", ".join(sorted(DETECTORS))
        raise UsageError(f"no detector '{printable(name, 80)}': choose one of {known}")
    from facecurate.faces.base import Options

    module, factory = DETECTORS[name].split(":")
    make = getattr(import_module(module), factory)
    return cast("Detector", make(Options(**options)))


def __getattr__(name: str) -> object:
    """``Detection`` and ``Detector`` on first use: they need numpy."""
    if name in ("Detection", "Detector"):
        return getattr(import_module("facecurate.faces.base"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
