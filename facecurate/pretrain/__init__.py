"""Self-supervised pre-training on shards."""

from facecurate.pretrain.config import METHODS, PRESETS, Augment, PretrainConfig, View
from facecurate.pretrain.loop import PretrainResult, pretrain

__all__ = ["METHODS", "PRESETS", "Augment", "PretrainConfig", "PretrainResult", "View", "pretrain"]
