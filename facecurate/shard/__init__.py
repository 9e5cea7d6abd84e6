"""``shard``: the faces that are kept, as plain WebDataset tars in one seeded global order."""

from facecurate.shard.run import shard

__all__ = ["shard"]
