"""litdata in an environment of its own, which borrows this one's packages for the rest."""

from __future__ import annotations

import _peers

PROGRAM = """
import io, json, sys, tarfile, tempfile, time, warnings
import torch
from pathlib import Path
from PIL import Image
warnings.simplefilter("ignore")
from litdata import StreamingDataset
from litdata.streaming.writer import BinaryWriter

def write(tars, folder):
    writer, number = BinaryWriter(folder, chunk_bytes="64MB"), 0
    for path in sorted(Path(tars).glob("*.tar")):
        with tarfile.open(path) as tar:
            for member in tar:
                if member.name.endswith(".jpg"):
                    data = tar.extractfile(member).read()
                    writer[number] = {"image": Image.open(io.BytesIO(data))}
                    number += 1
    writer.done()
    writer.merge()

def epoch(dataset, size):
    batch, count = [], 0
    for sample in dataset:
        batch.append(sample["image"])
        if len(batch) == size:
            count += len(torch.stack(batch))
            batch = []
    return count

if __name__ == "__main__":
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        write(sys.argv[1], folder)
        dataset, costs = StreamingDataset(folder, shuffle=True), []
        for _ in range(1 + int(sys.argv[3])):
            began = time.process_time()
            count = epoch(dataset, int(sys.argv[2]))
            costs.append((time.process_time() - began) / count)
    print(json.dumps(costs[1:]))
"""


def environment() -> tuple[str | None, str]:
    """A Python that has litdata and its version; None and the reason if there is none."""
    return _peers.environment("litdata", "litdata", ["litdata"], needs=True)


def seconds(python: str, tars: str, batch: int, rounds: int) -> list[float]:
    """Processor seconds an image, one entry a round: decoded, stacked into batches, shuffled."""
    return list(_peers.run(python, PROGRAM, [tars, batch, rounds], threads=1))
