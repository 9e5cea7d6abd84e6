"""The figures of the report."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from facecurate.report.page import figure

BLUE, RED, GOLD, GREY = "#2f6f9f", "#b5482f", "#b07d1e", "#8a93a0"
_FLOOR = 1e-5  # distance below which two cosines cannot be told apart


def tolerance_curve(result: Mapping[str, Any]) -> str:
    """N_eff of orders 0, 1 and 2 against the tolerance, both calibrated ones marked, as SVG."""
    curve = result["curve"]
    distance = [max(1 - tau, _FLOOR) for tau in curve["tau"]]
    with figure(7.0, 3.4) as (axes, svg):
        low = max(0.8, min(curve["order2"]) * 0.7)
        axes.set(yscale="log", ylim=(low, result["frames"] * 1.6))  # first: counts may be equal
        axes.plot(distance, curve["n_eff"], color=BLUE, linewidth=2, label="order 0, N_eff")
        axes.plot(
            distance, curve["order1"], color=BLUE, linewidth=1, linestyle="--", label="order 1"
        )
        axes.plot(
            distance, curve["order2"], color=BLUE, linewidth=1, linestyle=":", label="order 2"
        )
        axes.axhline(result["frames"], color=GREY, linewidth=1)
        axes.text(distance[-1], result["frames"], "all frames", va="bottom", ha="right", color=GREY)
        for name, colour in (("copy", RED), ("label", GOLD)):
            if result[name]:
                _mark(axes, result[name], f"tau_{name}", colour)
        axes.set(xscale="log", xlabel="tolerance, 1 - cosine", ylabel="distinct frames")
        axes.legend(loc="lower left", framealpha=1, edgecolor="none")  # before tau_label's line
        _plain(axes.yaxis)
    return svg[0]


def _mark(axes: Any, found: Mapping[str, Any], name: str, colour: str) -> None:
    distance, effective = max(1 - found["tau"], _FLOOR), found["n_eff"]
    axes.axvline(distance, color=colour, linestyle="--", linewidth=1)
    between = found["interval"]
    if between:
        low, high = effective - between["low"], between["high"] - effective
        axes.errorbar(
            [distance], [effective], [[max(low, 0)], [max(high, 0)]], color=colour, capsize=3
        )
    axes.plot([distance], [effective], "o", color=colour)
    axes.annotate(
        f"{name}: {effective:,.0f}",
        (distance, effective),
        xytext=(7, 5),
        textcoords="offset points",
        color=colour,
    )


def _plain(axis: Any) -> None:
    from matplotlib.ticker import FuncFormatter, NullFormatter

    axis.set_major_formatter(FuncFormatter(lambda value, place: f"{value:,.0f}"))
    axis.set_minor_formatter(NullFormatter())


_OTHER, _WHOLE = "of another person", "of the whole set"
_COLUMNS = {
    "sequence": "sequence",
    "subject": "person",
    "split": "split",
    "other": _OTHER,
    "group": _WHOLE,
}


def near_curve(result: Mapping[str, Any]) -> str:
    """The share of near duplicates in four columns against the tolerance, as SVG."""
    near = result["near"]
    distance = [max(1 - tau, _FLOOR) for tau in near["tau"]]
    columns = {k: v for k, v in _COLUMNS.items() if k != "group" or result["unit"] == "dataset"}
    shown: dict[tuple[float, ...], list[str]] = {}
    for column, told in columns.items():
        if all(value is not None for value in near[column]):
            shown.setdefault(tuple(near[column]), []).append(told)
    with figure(7.0, 2.6) as (axes, svg):
        for (values, names), colour in zip(
            shown.items(), (BLUE, RED, GOLD, GREY, BLUE), strict=False
        ):
            label = f"of the same {', '.join(names)}"
            label = next((name for name in names if name.startswith("of ")), label)
            axes.plot(distance, [100 * v for v in values], color=colour, label=label)
        axes.axvline(max(1 - result["copy"]["tau"], _FLOOR), color=RED, linestyle="--", linewidth=1)
        if result["label"]:
            label = max(1 - result["label"]["tau"], _FLOOR)
            axes.axvline(label, color=GOLD, linestyle="--", linewidth=1)
        axes.set(
            xscale="log", xlabel="tolerance, 1 - cosine", ylabel="frames with an earlier one, %"
        )
        axes.set_ylim(0, 101)
        axes.legend(frameon=False, loc="best")
    return svg[0]


def learning_curve(curve: Mapping[str, Any]) -> str:
    """The score on unseen people against the frames trained on, a line a share of people."""
    with figure(7.0, 3.2) as (axes, svg):
        people = list(dict.fromkeys(cell["people"] for cell in curve["cells"]))
        every = [cell["trained"] for cell in curve["cells"]]
        axes.set(xscale="log", xlim=(min(every) * 0.8, max(every) * 1.25))  # first: may be equal
        for percent, colour in zip(people, (GREY, GOLD, BLUE), strict=False):
            cells = [c for c in curve["cells"] if c["people"] == percent and c["value"] is not None]
            trained = [cell["trained"] for cell in cells]
            axes.plot(trained, [c["value"] for c in cells], "o-", color=colour, markersize=3,
                      label=f"{percent:g} % of the people")  # fmt: skip
            if percent == people[-1] and all(c["low"] is not None for c in cells):
                ends = [c["low"] for c in cells], [c["high"] for c in cells]
                axes.fill_between(trained, *ends, color=colour, alpha=0.15, linewidth=0)
        axes.set(xlabel="frames trained on", ylabel=curve["score"].upper())
        axes.legend(frameon=False, loc="lower right")
        _plain(axes.xaxis)
    return svg[0]
