"""imagededup in an environment of its own, which borrows this one's packages for the rest."""

from __future__ import annotations

import _peers

# imagededup asks for these beside what facecurate has; its own torch is not needed to hash.
PACKAGES = ("imagededup", "PyWavelets", "scikit-learn", "joblib", "threadpoolctl", "narwhals",
            "cloudpickle", "tqdm")  # fmt: skip

JOIN = """
import json, random, sys, time
from imagededup.methods import PHash
if __name__ == "__main__":
    rng = random.Random(0)
    hashes = {str(n): f"{rng.getrandbits(64):016x}" for n in range(int(sys.argv[1]))}
    began = time.perf_counter()
    PHash(verbose=False).find_duplicates(
        encoding_map=hashes, max_distance_threshold=8, num_dist_workers=int(sys.argv[2])
    )
    print(json.dumps(time.perf_counter() - began))
"""
HASH = """
import json, sys, time
from pathlib import Path
from imagededup.methods import PHash
if __name__ == "__main__":
    files, hasher, costs = sorted(Path(sys.argv[1]).glob("*.jpg")), PHash(verbose=False), []
    for _ in range(int(sys.argv[2])):
        began = time.process_time()
        for file in files:
            hasher.encode_image(image_file=str(file))
        costs.append((time.process_time() - began) / len(files))
    print(json.dumps(costs))
"""


def environment() -> tuple[str | None, str]:
    """A Python that has imagededup and its version; None and the reason if there is none."""
    return _peers.environment("imagededup", "imagededup.methods", PACKAGES)


run = _peers.run
