"""Training shards as batches: an order that is a pure function, and resumption that is exact.

The state of an epoch is ``(epoch, batches)``; nothing else has to be saved to go on exactly.
"""

from facecurate.loading.batch import Batch
from facecurate.loading.crops import Augment, View
from facecurate.loading.decode import decode_jpeg
from facecurate.loading.index import Index, read_index
from facecurate.loading.loader import Loader
from facecurate.loading.multicrop import MultiCrop
from facecurate.loading.order import BatchOrder, Part
from facecurate.loading.quality import Quality, quality
from facecurate.loading.shards import FaceShards, Sample, decoded
from facecurate.loading.stream import batches
from facecurate.loading.transformed import Transformed
from facecurate.loading.windows import Windows

__all__ = [
    "Augment",
    "Batch",
    "BatchOrder",
    "FaceShards",
    "Index",
    "Loader",
    "MultiCrop",
    "Part",
    "Quality",
    "Sample",
    "Transformed",
    "View",
    "Windows",
    "batches",
    "decode_jpeg",
    "decoded",
    "quality",
    "read_index",
]
