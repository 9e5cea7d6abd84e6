"""Self-supervised pre-training on shards."""

from facecurate.loading import Augment, View
from facecurate.pretrain.config import METHODS, PRESETS, PretrainConfig
from facecurate.pretrain.loop import PretrainResult, pretrain

__all__ = ["METHODS", "PRESETS", "Augment", "PretrainConfig", "PretrainResult", "View", "pretrain"]
