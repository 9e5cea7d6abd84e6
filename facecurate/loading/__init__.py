"""Training shards as batches: one positioned read a sample, an order that is a pure function.

The state of an epoch is ``(epoch, batches)``; nothing else has to be saved to go on exactly.
"""

from facecurate.loading.decode import decode_jpeg
from facecurate.loading.index import Index, read_index
from facecurate.loading.order import BatchOrder
from facecurate.loading.shards import Batch, FaceShards, Sample
from facecurate.loading.stream import batches

__all__ = [
    "Batch",
    "BatchOrder",
    "FaceShards",
    "Index",
    "Sample",
    "batches",
    "decode_jpeg",
    "read_index",
]
