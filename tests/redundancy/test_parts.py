"""The pure parts of the report: sentence, warnings, sections, plan."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from facecurate.errors import UsageError
from facecurate.redundancy import Options
from facecurate.redundancy.beside import plain
from facecurate.redundancy.curves import learning_curve
from facecurate.redundancy.first import warnings
from facecurate.redundancy.plan import annotation_plan
from facecurate.redundancy.sentence import sentence
from facecurate.redundancy.smaller import smaller
from facecurate.redundancy.tables import tables
from facecurate.shares import parse_fraction

# -- sentence, warnings, plan --------------------------------------------------------------------


def result(**more: Any) -> dict[str, Any]:
    base: dict[str, Any] = {
        "dataset": "disfa",
        "encoder": "dct",
        "frames": 130_815,
        "unit": "subject",
        "groups": 27,
        "people": 27,
        "copy": {"n_eff": 20_000.4, "interval": {"low": 15_000.0, "high": 26_000.0}},
        "label": None,
        "check": None,
        "others": [],
        "learning_curve": None,
        "subsets": [],
    }
    return base | more


def cell(frames: float, kept: float | None, people: float = 100) -> dict[str, Any]:
    ends = {"retention_low": None, "retention_high": None}
    if kept is not None:
        ends = {"retention_low": kept - 0.05, "retention_high": kept + 0.04}
    values = {"value": 0.4, "low": 0.3, "high": 0.5, "loss_worst": 0.1, "trained": 100.0}
    return {"people": people, "frames": frames, "retention": kept, **ends, **values}


def curve(**more: Any) -> dict[str, Any]:
    half = cell(100, 0.8, people=50)
    base = {"score": "icc", "full": 0.4, "people": 27, "at_share": cell(1, 0.94)}
    base |= {"telling": True, "smallest_share": 1.0, "margin": 0.02, "level": 0.9, "reason": ""}
    base |= {"start": "dct", "draws": 10, "repeats": 5, "folds": 3}
    return base | {"half_the_people": half, "cells": [cell(1, 0.94), cell(100, 1.0), half]} | more


def test_the_sentence_tells_both_counts_with_their_intervals() -> None:
    label = {"n_eff": 900.0, "interval": {"low": 700.0, "high": 1100.0}}
    assert sentence(result(label=label)) == (
        "disfa: 130,815 frames of 27 people. At the tolerance where a re-compressed copy cannot "
        "be told apart they are 20,000 [15,000, 26,000] distinct frames; at the tolerance where "
        "coded levels agree they are 900 [700, 1,100]."
    )


def test_the_range_over_encoders_is_a_bracket_of_its_own() -> None:
    other = {"encoder": "run:a", "copy": {"n_eff": 24_000.0, "interval": None}, "label": None}
    told = sentence(result(others=[other]))
    assert "20,000 [15,000, 26,000] distinct frames (20,000 to 24,000 over 2 encoders)." in told


def test_an_encoder_that_does_not_see_the_labels_gets_no_headline() -> None:
    told = result(check={"auroc": 0.69})
    assert "does not see the labels (dct: AUROC 0.69" in sentence(told)
    assert "20,000" not in sentence(told)
    assert "does not see the labels" in warnings(told)[0]
    assert "20,000" in sentence(result(check={"auroc": 0.70}))


def test_the_learning_curve_adds_what_fewer_frames_and_fewer_people_keep() -> None:
    told = sentence(result(learning_curve=curve()))
    assert told.endswith(
        "Trained on 1 % of the frames, chosen at random within each person, a probe keeps 94 % "
        "[89, 98] of the ICC on unseen people; all frames of half of the people keep 80 % "
        "[75, 84]: what limits it is the 27 people."
    )


def test_people_are_called_the_limit_only_where_half_of_them_keep_less() -> None:
    same = curve(half_the_people=cell(100, 0.99, people=50))
    assert "what limits it" not in sentence(result(learning_curve=same))


def test_people_are_no_limit_where_the_share_of_frames_keeps_even_less() -> None:
    few = curve(at_share=cell(1, 0.6))
    assert "keep 80 % [75, 84]." in sentence(result(learning_curve=few))


@pytest.mark.parametrize(
    "nothing",
    [curve(at_share=cell(1, None), full=-0.02), curve(telling=False, full=0.05)],
    ids=["below-zero", "below-ten-margins"],
)
def test_a_probe_that_reads_nothing_has_no_share_to_keep(nothing: dict[str, Any]) -> None:
    told = sentence(result(learning_curve=nothing))
    assert f"reads too little off these vectors (ICC {nothing['full']:.2f})" in told
    assert "Trained on" not in told


def test_a_share_without_an_interval_is_told_as_such() -> None:
    at = cell(1, 0.94) | {"retention_low": None}
    told = sentence(result(learning_curve=curve(at_share=at, half_the_people=None)))
    assert "keeps 94 % (too few people for an interval) of the ICC" in told


@pytest.mark.parametrize(("other", "words"), [(29_000.0, 0), (31_000.0, 1)])
def test_encoders_more_than_half_as_much_apart_are_named_first(other: float, words: int) -> None:
    two = {"encoder": "shape+hog", "copy": {"n_eff": other, "interval": None}, "label": None}
    found = warnings(result(others=[two]))
    assert len(found) == words
    assert all("dct 20,000, shape+hog 31,000" in line for line in found)


@pytest.mark.parametrize(
    ("others", "advice"),
    [
        ([], "shape+hog needs no download"),
        ([("shape+hog", 0.6)], "a network of your own"),
        ([("shape+hog", 0.6), ("run:a", 0.8)], "--encoder run:a"),
    ],
)
def test_a_blind_encoder_s_reader_is_sent_to_one_that_is_not_known_to_be_blind(
    others: list[tuple[str, float]], advice: str
) -> None:
    count = {"n_eff": 20_000.0, "interval": None}
    several = [
        {"encoder": name, "copy": count, "label": None, "check": {"auroc": auroc}}
        for name, auroc in others
    ]
    over = {"auroc": 0.62, "auroc_interval": {"low": 0.53, "high": 0.72}}
    (told,) = warnings(result(check=over, others=several))
    assert "AUROC 0.62 [0.53, 0.72]" in told and advice in told


def test_a_copy_that_looks_more_different_than_other_labels_is_told_first() -> None:
    counts = {
        name: {"n_eff": 30.0, "interval": None, "tau": tau}
        for name, tau in (("copy", 0.98), ("label", 0.99))
    }
    (told,) = warnings(result(**counts))
    assert "tau_label is the stricter one" in told
    assert warnings(result(copy=counts["label"], label=counts["copy"])) == []


def test_a_curve_of_cells_that_train_on_as_many_frames_can_be_drawn() -> None:
    assert learning_curve(curve()).startswith("<svg")  # warnings are errors


def test_a_plan_has_hours_and_what_the_curve_expects_of_as_many_frames() -> None:
    lists = [{"size": "1%", "frames": 1308, "of": 130_815, "file": "subset-1pct.parquet"}]
    plan = annotation_plan(result(subsets=lists, learning_curve=curve()), minutes=3.0)
    assert [(p["size"], p["frames"], p["hours"]) for p in plan] == [
        ("1%", 1308, 65.4),
        ("100%", 130_815, 6540.75),
    ]
    assert plan[0]["file"] == "subset-1pct.parquet" and plan[0]["value"] == 0.4


def test_all_shares_of_a_plan_are_of_the_frames_to_train_on() -> None:
    lists = [{"size": "1%", "frames": 8, "of": 800, "file": "subset-1pct.parquet"}]
    plan = annotation_plan(result(subsets=lists, frames=1200, learning_curve=curve()), minutes=3.0)
    assert [(p["size"], p["frames"]) for p in plan] == [("1%", 8), ("100%", 800)]


def test_without_a_curve_a_plan_expects_nothing_and_without_minutes_there_is_none() -> None:
    lists = [{"size": "2%", "frames": 60, "of": 3000, "file": "subset-2pct.parquet"}]
    (line,) = annotation_plan(result(subsets=lists), minutes=1.0)
    assert line["hours"] == 1.0 and line["value"] is None
    assert annotation_plan(result(subsets=lists), minutes=None) == []


@pytest.mark.parametrize("telling", [True, False])
def test_differences_of_a_probe_that_reads_nothing_have_no_star(telling: bool) -> None:
    clear = {"icc": {"mean": 0.1, "low": 0.05, "high": 0.15, "clear": True}}
    line = {"strategy": "random", "size": "2%", "remark": "", "icc": 0.1, "recall": 0.2, "kept": 1}
    told = result(
        strategies=[line | {"against_stride": clear}],
        learning_curve=curve(telling=telling),
        plan=[],
    )
    section = next(one for one in list(smaller(told, [])) if "Strategies" in one.heading)
    assert section.table is not None
    assert section.table.rows[0][4] == "+0.100 [+0.050, +0.150]" + (" *" if telling else "")


def test_pictures_without_an_order_have_no_empty_tables_of_time() -> None:
    runs = {"runs": 0, "labelled": 9, "distinct": 4, "untimed": 9, "longest_frames": 0}
    still = result(
        runs=runs,
        levels=None,
        events={"events": [0, 0]},
        timing={"variable": []},
        design=None,
        spectral={"order": []},
        dimension=None,
        per_group=[],
    )
    told = {section.heading: section for section in tables(still)}
    assert "Events from onset to offset" not in told and "Label runs" not in told
    assert told["Labels"].paragraphs == [
        "9 labelled frames with 4 different label vectors, none of them in a sequence."
    ]


def test_a_size_that_is_given_twice_is_one() -> None:
    sizes = tuple(parse_fraction(text) for text in ("2%", "10%", "2.0%"))
    assert [str(size) for size in Options(subset_sizes=sizes).subset_sizes] == ["2%", "10%"]


def test_numbers_that_json_does_not_know_become_null() -> None:
    found = plain({"a": [math.nan, 1.0, (np.float64(2), math.inf)], "b": np.int64(3)})
    assert found == {"a": [None, 1.0, [2.0, None]], "b": 3}


@pytest.mark.parametrize("option", [{"strategy": "stride"}, {"minutes_per_frame": 2.0}])
def test_an_option_that_nothing_would_use_is_refused(option: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="give --subset-size too"):
        Options(**option)
    assert Options(**option, subset_sizes=(parse_fraction("2%"),)).asked()["subset_sizes"] == ["2%"]
