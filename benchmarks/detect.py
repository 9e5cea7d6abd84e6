"""Detectors: photos per second against the package retinaface-pytorch, and what bf16 costs.

    python benchmarks/detect.py [--quick] [--only SECTION ...] [--json FILE]

Sections: ``network`` (ResNet-50 with seeded random weights, which cost what trained ones cost: the
published file is not needed), ``detectors`` (the others on the same pictures), ``precision`` (bf16
against fp32 on rendered faces), ``workers`` and ``memory`` (the whole command), ``gpu`` where there
is one. Weights are read below FACECURATE_TEST_DATA, else ../shared/data beside the checkout. One
thread unless the row says otherwise; ways take turns and the median counts.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache, partial
from typing import Any

import _detect_command
import _peer_retinaface as peer
import _recall
import numpy as np
import torch
from _figures import Figure, table, write
from _machine import machine
from _timing import medians

from facecurate import images
from facecurate.faces import Detector, reference, retinaface
from facecurate.faces.base import Detection, Image
from facecurate.faces.retinaface_net import build
from facecurate.synth.render import render_photo
from facecurate.synth.spec import PhotoSpec, random_spec
from facecurate.workers import single_thread

SMALL = "retinaface-mobile"
UNIT = "photos/s"
SQUARE, MIXED, BF16, GPU = 1.1, 1.4, 3.0, 10.0  # bars: times the peer's rate
# Width and height of the pictures of the mix: what cameras and telephones give, upright and across.
MIX = ((1024, 683), (1024, 768), (683, 1024), (1024, 576), (768, 1024), (1024, 1024), (1024, 680))


def picture(width: int, height: int, seed: int) -> Image:
    """Three rendered people."""
    faces = tuple(
        random_spec(3 * seed + k, size_px=0.2 * height, centre=((k + 0.5) * width / 3, height / 2))
        for k in range(3)
    )
    return render_photo(PhotoSpec(width, height, seed, faces))[0]


def seeded(device: str = "cpu", precision: str = "fp32") -> retinaface.RetinaFaceDetector:
    """``retinaface`` with the seeded weights of ``state``, one look a picture as the package's."""
    net = retinaface.ready(build("resnet50", state()), device, precision)
    name, recipe = "retinaface", retinaface.RESNET50
    return retinaface.RetinaFaceDetector(name, net, recipe, level(), device, {}, large=None)


@lru_cache(maxsize=1)
def level() -> float:
    """A threshold that a hundred priors of a square picture pass, as with a few real faces.

    Seeded weights give thousands of scores above any usual threshold.
    """
    net = retinaface.ready(build("resnet50", state()), "cpu", "fp32")
    square = images.resize(picture(1024, 1024, 0), 640, 640)
    with torch.inference_mode():
        offsets = net(retinaface.to_input([square], retinaface.RESNET50, "cpu"))
    return float(offsets.scores.softmax(-1)[0, :, 1].sort().values[-100])


def state() -> dict[str, torch.Tensor]:
    """Seeded first values of the package's ResNet-50 network."""
    torch.manual_seed(0)
    return dict(reference.network().state_dict())


def each(find: Callable[[Image], Any], pictures: Sequence[Image]) -> Callable[[], None]:
    """One call a picture."""

    def run() -> None:
        for one in pictures:
            find(one)

    return run


def alone(detector: Detector) -> Callable[[Image], list[Detection]]:
    """A detector that gets one picture."""
    return lambda image: detector.detect([image])[0]


def network(quick: bool) -> Iterator[Figure]:
    """ResNet-50 on a square and on the mix."""
    square = [images.resize(picture(1024, 1024, 0), 640, 640)]
    mix = [picture(*size, k) for k, size in enumerate(MIX[: 3 if quick else None])]
    runs = 1 if quick else 5
    with tempfile.TemporaryDirectory() as folder:
        why = peer.installed(folder)
        ours, fast = seeded(), seeded(precision="bf16")
        least = {"confidence_threshold": level()}
        for told, pictures, side, bar in (
            ("640 x 640", square, 640, SQUARE),
            ("mix of aspects, longest side 800", mix, 800, MIXED),
        ):
            ways = {"fp32": each(alone(ours), pictures), "bf16": each(alone(fast), pictures)}
            if why is None:
                theirs = peer.model(side, state(), "cpu")
                ways["peer"] = each(partial(theirs.predict_jsons, **least), pictures)
            took = {k: len(pictures) / v for k, v in medians(runs, **ways).items()}
            yield from rows(told, took, bar)
    if why:
        print(f"retinaface-pytorch: not run: {why}")


def rows(told: str, rate: dict[str, float], bar: float) -> Iterator[Figure]:
    """Ours against the package's loop, and bf16 against fp32."""
    name, here = f"retinaface (ResNet-50), {told}", machine()
    peer = rate.get("peer")
    yield Figure(
        f"{name}: fp32, the package", rate["fp32"], UNIT, bar if peer else None, peer, here
    )
    yield Figure(f"{name}: bf16, our fp32", rate["bf16"], UNIT, BF16, rate["fp32"], here)


def detectors(quick: bool) -> Iterator[Figure]:
    """The small ones, on the mix."""
    mix = [picture(*size, k) for k, size in enumerate(MIX[: 3 if quick else None])]
    for name, why in (absent := _recall.missing()).items():
        print(f"{name}: not run: {why}")
    names = [name for name in _recall.DETECTORS if name not in absent]
    ways = {name: each(alone(_recall.detector(name)), mix) for name in names}
    if SMALL in names:
        fast = _recall.detector(SMALL, precision="bf16")
        ways[f"{SMALL}, bf16"] = each(alone(fast), mix)
    for name, seconds in medians(1 if quick else 5, **ways).items():
        yield Figure(f"{name}, mix of aspects", len(mix) / seconds, UNIT, None, None, machine())


def precision(quick: bool) -> Iterator[Figure]:
    """What bf16 changes: recall and precision against the truth, points against fp32."""
    if SMALL in (absent := _recall.missing()):
        print(f"precision: not run: {absent[SMALL]}")
        return
    photos = [_recall.picture(0, _recall.BARRED, k) for k in range(60 if quick else 1000)]
    drawn = [render_photo(photo) for photo in photos]
    found = {}
    for dtype in ("fp32", "bf16"):
        model = _recall.detector(SMALL, precision=dtype)
        found[dtype] = [model.detect([image])[0] for image, _ in drawn]
        right = [
            sum(_recall.matches(face.box.tolist(), labels[0].box) for face in faces)
            for faces, (_, labels) in zip(found[dtype], drawn, strict=True)
        ]
        recall = sum(r > 0 for r in right) / len(drawn)
        share = sum(right) / max(1, sum(map(len, found[dtype])))
        yield measured(f"{SMALL}, {dtype}: recall", 100 * recall)
        yield measured(f"{SMALL}, {dtype}: precision", 100 * share)
    off = [
        float(np.abs(a[0].landmarks - b[0].landmarks).mean() / (a[0].box[3] - a[0].box[1]))
        for a, b in zip(found["fp32"], found["bf16"], strict=True)
        if len(a) == len(b) == 1
    ]
    told = "points of bf16 from those of fp32, in % of the face's height"
    yield measured(f"{told}: mean", 100 * float(np.mean(off)))
    yield measured(f"{told}: 99th percentile", 100 * float(np.quantile(off, 0.99)))


def measured(told: str, percent: float) -> Figure:
    """A share without bar or peer."""
    return Figure(told, percent, "%", None, None, machine())


def gpu(quick: bool) -> Iterator[Figure]:
    """ResNet-50 on the card, in windows, against the package's loop; and the share it is busy."""
    if not torch.cuda.is_available():
        print("gpu: not run: no CUDA device here")
        return
    mix = [picture(*size, k) for k, size in enumerate(MIX)] * (2 if quick else 20)
    with tempfile.TemporaryDirectory() as folder:
        why = peer.installed(folder)
        model = seeded("cuda", "bf16")
        windows = [mix[k : k + model.window] for k in range(0, len(mix), model.window)]
        busy = torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CUDA])

        def ours() -> None:
            for window in windows:
                model.detect(window)
            torch.cuda.synchronize()

        ways = {"ours": ours}
        if why is None:
            theirs = peer.model(800, state(), "cuda")
            least = {"confidence_threshold": level()}
            ways["peer"] = each(partial(theirs.predict_jsons, **least), mix)
        took = {k: len(mix) / v for k, v in medians(3, **ways).items()}
        with busy:
            ours()
        spent = sum(e.device_time_total for e in busy.key_averages()) / 1e6
        name = f"retinaface (ResNet-50) on {torch.cuda.get_device_name()}, the package"
        here, peer_rate = machine(), took.get("peer")
        bar = GPU if peer_rate else None
        yield Figure(name, took["ours"], UNIT, bar, peer_rate, here)
        yield measured(
            "share of the time that the card is busy", 100 * spent / (len(mix) / took["ours"])
        )


SECTIONS: dict[str, Callable[[bool], Iterator[Figure]]] = {
    "network": network,
    "detectors": detectors,
    "precision": precision,
    "workers": _detect_command.workers,
    "memory": _detect_command.memory,
    "gpu": gpu,
}


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer pictures and runs")
    parser.add_argument("--only", nargs="+", choices=sorted(SECTIONS), default=list(SECTIONS))
    parser.add_argument("--json", metavar="FILE")
    chosen = parser.parse_args()
    found: list[Figure] = []
    for name in chosen.only:
        section = SECTIONS[name]
        if name in ("workers", "memory"):
            found += section(chosen.quick)
        else:
            with single_thread():
                found += section(chosen.quick)
    if found:
        print(table(found))
        print(found[0].machine)
    write(chosen.json, found)


if __name__ == "__main__":
    main()
