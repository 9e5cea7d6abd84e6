"""The first screen: warnings, and what each encoder is worth as a witness."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from facecurate.redundancy.sentence import APART, SEES, blind, count
from facecurate.report.page import Section, Table


def warnings(result: Mapping[str, Any]) -> list[str]:
    """What must be read before the numbers; nothing if all is well."""
    found = []
    if blind(result):
        found.append(
            f"This encoder does not see the labels: by the distances of {result['encoder']}, pairs "
            "of frames of one person with equal labels are told from those with different ones "
            f"with AUROC {result['check']['auroc']:.2f}{_over(result['check'])}, and {SEES:.2f} is "
            f"needed. No headline is given; {_instead(result)}."
        )
    for name in ("copy", "label"):
        found += _apart(result, name)
    if not blind(result) and result["label"] and result["label"]["tau"] > result["copy"]["tau"]:
        found.append(
            f"To {result['encoder']} a copy may look more different than frames with other labels: "
            "tau_label is the stricter one, so N_copy takes frames together whose labels differ. "
            "Read N_label, or take an --encoder that sees more."
        )
    return found


def _over(check: Mapping[str, Any]) -> str:
    between = check.get("auroc_interval")
    return f" [{between['low']:.2f}, {between['high']:.2f}]" if between else ""


def _instead(result: Mapping[str, Any]) -> str:
    """Which encoder to take: one that was measured and does see the labels, if there is one."""
    seeing = [one["encoder"] for one in result["others"] if one.get("check") and not blind(one)]
    if seeing:
        return f"put one that sees them first, --encoder {seeing[0]}, with --redo"
    if "shape+hog" in (result["encoder"], *(one["encoder"] for one in result["others"])):
        return "take a network of your own, --encoder run:NAME or file:PATH, with --redo"
    return "take another --encoder with --redo (shape+hog needs no download)"


def _apart(result: Mapping[str, Any], name: str) -> list[str]:
    counts = {
        one["encoder"]: one[name]["n_eff"] for one in (result, *result["others"]) if one.get(name)
    }
    if len(counts) < 2 or max(counts.values()) <= APART * min(counts.values()):
        return []
    told = ", ".join(f"{encoder} {value:,.0f}" for encoder, value in counts.items())
    return [
        f"The encoders do not agree at tau_{name}: {told}, more than {APART:g} times apart. What "
        "the count says depends on what the encoder sees."
    ]


def encoder_table(result: Mapping[str, Any]) -> Section:
    """One row an encoder: tolerances, counts, and the check."""
    every: Sequence[Mapping[str, Any]] = (result, *result["others"])
    rows = [
        (
            one["encoder"],
            f"{1 - one['copy']['tau']:.5f}",
            count(one["copy"]),
            f"{1 - one['label']['tau']:.5f}" if one.get("label") else "-",
            count(one["label"]) if one.get("label") else "-",
            *_check(one.get("check")),
        )
        for one in every
    ]
    head = ("encoder", "1 - tau_copy", "N_copy", "1 - tau_label", "N_label", "AUROC", "probe",
            "by person")  # fmt: skip
    told = [i for i in range(len(head)) if any(row[i] != "-" for row in rows)]
    table = Table(tuple(head[i] for i in told), [tuple(row[i] for i in told) for row in rows])
    words = []
    if len(every) > 1:
        words.append(
            f"The first encoder counts. {_range(every)} That range is a second bracket, no error."
        )
    if result["label_reason"]:
        words.append(f"No tau_label: {result['label_reason']}.")
    if not result["check"] or result["check"]["auroc"] is None:
        words.append(
            "Nothing here could tell whether an encoder sees expression: that takes action units, "
            "coded in several frames of each person."
        )
    else:
        words.append(
            "AUROC: how well distance separates pairs of frames of one person with equal labels "
            "from pairs with different ones. Probe: ICC (CCC of valence and arousal) of a ridge on "
            "people left out. By person: share of the vectors' variance that lies between people."
        )
    return Section("Which encoder sees what", paragraphs=words, table=table)


def _range(every: Sequence[Mapping[str, Any]]) -> str:
    told = []
    for name in ("copy", "label"):
        values = [one[name]["n_eff"] for one in every if one.get(name)]
        if len(values) > 1:
            told.append(f"N_{name} {min(values):,.0f} to {max(values):,.0f}")
    return f"Range over {len(every)} encoders: {'; '.join(told)}."


def _check(check: Mapping[str, Any] | None) -> tuple[str, str, str]:
    def number(value: float | None) -> str:
        return "-" if value is None else f"{value:.2f}"

    if not check:
        return "-", "-", "-"
    probe = check["probe"] or {}
    score = probe.get("icc", probe.get("ccc"))
    return number(check["auroc"]) + _over(check), number(score), number(check["subject_variance"])
