"""Weights by name: one grammar for every option, known files by digest, state dicts as tensors.

A file of weights counts only by its SHA-256: files of the same name and size with other content are
in circulation. Importing this package loads neither torch nor torchvision.
"""

from facecurate.weights.known import (
    FOLDER_VARIABLE,
    KNOWN,
    Download,
    Known,
    cache_folder,
    locate,
)
from facecurate.weights.names import Kind, Reference, parse
from facecurate.weights.states import (
    IMAGENET_MEAN,
    IMAGENET_STD,
    Weights,
    file_weights,
    load_state_dict,
    resolve,
    run_weights,
    strip_prefix,
    torchvision_weights,
)

__all__ = [
    "FOLDER_VARIABLE",
    "IMAGENET_MEAN",
    "IMAGENET_STD",
    "KNOWN",
    "Download",
    "Kind",
    "Known",
    "Reference",
    "Weights",
    "cache_folder",
    "file_weights",
    "load_state_dict",
    "locate",
    "parse",
    "resolve",
    "run_weights",
    "strip_prefix",
    "torchvision_weights",
]
