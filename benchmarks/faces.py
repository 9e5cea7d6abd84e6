"""Detectors and quality columns on rendered faces whose truth is known.

    python benchmarks/faces.py [--quick] [--pictures N] [--seed S] [--workers W] [--json FILE]
                               [--pictures-to DIR]

Recall and precision of dlib, RetinaFace-MobileNet0.25 and YuNet by yaw, size, blur and light, each
changed alone (``_sweep``); then what the quality columns are worth (``_columns``): sharpness
against known blur, pose against the exact one, hints of occlusion against faces with and without
something before them. ``--pictures-to`` writes detectors.svg, the first table, and
crops.jpg, what is cut out of a photo. The weights are read below
FACECURATE_TEST_DATA, else ../shared/data beside the checkout.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import _columns
import _pictures
import _recall
import _sweep
from _machine import machine

from facecurate.workers import usual_workers

PICTURES, QUICK = 150, 20  # a step of the sweep
FACES = 10  # times as many for the columns


def show_sweep(scores: Sequence[_sweep.Score], names: Sequence[str]) -> str:
    """A markdown table: recall with its interval, and precision, in percent."""
    lines = ["| changed | to | " + " | ".join(f"{n}: recall | precision" for n in names) + " |"]
    lines.append("|---|---|" + "---:|---:|" * len(names))
    for factor, group in dict.fromkeys((one.factor, one.group) for one in scores):
        cells = [one for one in scores if (one.factor, one.group) == (factor, group)]
        lines.append(f"| {factor} | {group} | " + " | ".join(map(_cell, cells)) + " |")
    return "\n".join(lines)


def _cell(one: _sweep.Score) -> str:
    if not one.faces:
        return f"- | {one.false} false in {one.pictures}"
    recall = f"{100 * one.recall:.1f} ({100 * one.low:.0f}-{100 * one.high:.0f})"
    return f"{recall} | {'-' if math.isnan(one.precision) else f'{100 * one.precision:.1f}'}"


def show_sharpness(table: Mapping[str, Any]) -> str:
    """A markdown table of medians and a few sentences."""
    blurs = table["median"]
    told = " | ".join(f"{value:.1f}" for value in blurs.values())
    steps = ", ".join(f"{v:.3f}" for v in table["sharper of two neighbouring blurs told"])
    sizes = ", ".join(f"{k} px {v:.1f}" for k, v in table["median by size at 1 %"].items())
    return "\n".join(
        [
            "| blur, % of the face | " + " | ".join(blurs) + " |",
            "|---|" + "---:|" * len(blurs),
            f"| sharpness, median | {told} |",
            "",
            f"{table['faces']} faces; it falls at every step for "
            f"{100 * table['falls at every step']:.0f} % of them. The sharper of two faces of "
            f"neighbouring blurs is told with AUC {steps}. At 1 %: {sizes}; correlation with the "
            f"luma of the skin {table['correlation with skin at 1 %']:+.2f}.",
        ]
    )


def show_hints(rows: Sequence[Mapping[str, Any]]) -> str:
    """A markdown table: AUC, and the share above the limit that 5 % of bare faces are above."""
    kinds = ["all", *_columns.HELD]
    lines = ["| hint | 95 % of bare faces below | " + " | ".join(kinds) + " |"]
    lines.append("|---|---:|" + "---:|" * len(kinds))
    for hint in dict.fromkeys(row["hint"] for row in rows):
        cells = [row for row in rows if row["hint"] == hint]
        told = " | ".join(f"{row['auc']:.2f}, {100 * row['above']:.0f} %" for row in cells)
        lines.append(f"| {hint} | {100 * cells[0]['limit']:.0f} % | {told} |")
    return "\n".join(lines)


def show_pose(rows: Sequence[Mapping[str, Any]]) -> str:
    """A markdown table: mean error (95 % of the faces below), degrees."""
    lines = ["| five points | yaw | faces | yaw | pitch | roll |", "|---|---|---:|---:|---:|---:|"]
    for row in rows:
        told = (f"{a:.1f} ({b:.0f})" for a, b in zip(row["mean"], row["p95"], strict=True))
        lines.append(f"| {row['points']} | {row['yaw']} | {row['faces']} | {' | '.join(told)} |")
    return "\n".join(lines)


def figures(told: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Everything that was measured, one value a line, as all benchmarks write it."""
    rows: list[tuple[str, float, str]] = []
    for one in told["detectors"]:
        for name in ("recall", "precision"):
            if not math.isnan(getattr(one, name)):
                where = f"{name} of {one.detector}, {one.factor} {one.group}"
                rows.append((where, getattr(one, name), "share"))
    for blur, value in told["sharpness"]["median"].items():
        rows.append((f"median sharpness at a blur of {blur} %", value, "%"))
    falls = told["sharpness"]["falls at every step"]
    rows.append(("sharpness falls with every step of blur", falls, "share of faces"))
    for row in told.get("hints", []):
        rows.append((f"{row['hint']}: {row['held']} against bare faces", row["auc"], "AUC"))
    for row in told.get("pose", []):
        for angle, value in zip(("yaw", "pitch", "roll"), row["mean"], strict=True):
            where = f"error of {angle}, {row['points']} points, yaw {row['yaw']}"
            rows.append((where, value, "degrees"))
    plain = {"bar": None, "peer": None, "machine": machine()}
    return [{"figure": f, "value": v, "unit": u, **plain} for f, v, u in rows]


def main() -> None:
    """Measures, prints, writes."""
    parser = argparse.ArgumentParser(description="Detectors and quality on rendered faces.")
    parser.add_argument("--quick", action="store_true", help=f"{QUICK} pictures a step")
    parser.add_argument("--pictures", type=int, help="so many pictures a step")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=usual_workers())
    parser.add_argument("--json", metavar="FILE", help="write the figures there")
    parser.add_argument("--pictures-to", metavar="DIR", help="write the docs' pictures there")
    chosen = parser.parse_args()
    count = chosen.pictures or (QUICK if chosen.quick else PICTURES)
    absent = _recall.missing()
    names = [name for name in _recall.DETECTORS if name not in absent]
    scores = _sweep.measure(count, chosen.seed, names, workers=chosen.workers)
    told: dict[str, Any] = {"detectors": scores}
    print(f"{count} pictures a row, seed {chosen.seed}; recall with Wilson's 95 %, in %.\n")
    print(show_sweep(scores, names))
    print("".join(f"\n{name}: not run: {why}" for name, why in absent.items()))
    told["sharpness"] = _columns.sharpness_table(count, chosen.seed)
    print(show_sharpness(told["sharpness"]) + "\n")
    if "retinaface-mobile" in names:
        faces = _columns.measure(
            FACES * count, chosen.seed, "retinaface-mobile", workers=chosen.workers
        )
        told["hints"], told["pose"] = _columns.hint_table(faces), _columns.pose_table(faces)
        print(f"{len(faces)} faces found by retinaface-mobile, AUC against bare ones and share")
        print("above the limit:\n\n" + show_hints(told["hints"]) + "\n")
        print("Error in degrees, mean (95 % below), bare faces:\n\n" + show_pose(told["pose"]))
    print(f"\n{machine()}")
    if chosen.pictures_to:
        _pictures.detectors(scores, names, str(Path(chosen.pictures_to, "detectors.svg")))
        _pictures.crops(str(Path(chosen.pictures_to, "crops.jpg")))
    if chosen.json:
        Path(chosen.json).write_text(json.dumps(figures(told), indent=1) + "\n")


if __name__ == "__main__":
    main()
