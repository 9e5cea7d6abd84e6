"""The whole chain in one call, as small as it gets."""

from __future__ import annotations

import json
import math
import re
import time
from pathlib import Path

import chain
import pytest

from facecurate.demo import Demo, Plan, demo
from facecurate.inspect import verify
from facecurate.workspace import Dataset


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Demo, list[str], float]:
    out = tmp_path_factory.mktemp("demo") / "out"
    said: list[str] = []
    began = time.monotonic()
    result = demo(str(out), faces=40, workers=0, say=said.append)
    return out, result, said, time.monotonic() - began


def test_the_page_stands_alone(first: tuple[Path, Demo, list[str], float]) -> None:
    page = (first[0] / "index.html").read_text()
    assert first[1].page == str(first[0] / "index.html")
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', page)
    assert policy and "default-src 'none'" in policy[1]
    assert "<script" not in page
    assert not re.search(r"""(?:src|href)=["'](?!#|data:)""", page)
    assert "Rendered faces" in page and str(first[0].parent) not in page
    assert page.count('src="data:image/jpeg;base64,') == 16


def test_every_stage_is_told_with_its_seconds(first: tuple[Path, Demo, list[str], float]) -> None:
    _, result, said, seconds = first
    stages = [row["stage"] for row in result.facts["stages"]]
    for wanted in ("render", "import", "dedupe", "redundancy", "shard", "pretrain", "evaluate"):
        assert wanted in stages
    assert len(said) >= len(stages)
    told = sum(row["seconds"] for row in result.facts["stages"])
    assert 0 < told <= seconds + 1
    assert json.loads(json.dumps(result.facts, allow_nan=False)) == result.facts


def test_all_numbers_of_the_table_are_finite(first: tuple[Path, Demo, list[str], float]) -> None:
    rows = first[1].facts["landmarks"]
    assert {row["start"] for row in rows} >= {"scratch"} and len(rows) == 4
    for row in rows:
        for column in ("NME test", "trivial"):
            numbers = [float(n) for n in re.findall(r"-?\d+(?:\.\d+)?", str(row[column]))]
            assert numbers and all(math.isfinite(n) and n > 0 for n in numbers)
        assert re.search(r"[1-9]", str(row["labels"]))
    assert not re.search(r"\b(nan|inf)\b", first[1].table, re.IGNORECASE)


def test_what_the_demo_left_is_whole(first: tuple[Path, Demo, list[str], float]) -> None:
    for name in ("practice", "rendered-300w"):
        assert verify(Dataset(str(first[0]), name))[1] == []


def test_copies_are_scored_against_the_truth(first: tuple[Path, Demo, list[str], float]) -> None:
    told = first[1].facts["duplicates"]
    assert told["found"] <= told["planted"] and told["wrong"] == 0


def test_a_second_call_does_nothing_again(first: tuple[Path, Demo, list[str], float]) -> None:
    out, result, _, seconds = first
    before = chain.files(Dataset(str(out.parent), out.name))
    began = time.monotonic()
    again = demo(str(out), faces=40, workers=0)
    assert time.monotonic() - began < max(0.5 * seconds, 3)
    after = chain.files(Dataset(str(out.parent), out.name))
    assert {n for n in after if after[n] != before.get(n)} <= {"index.html"}  # it tells seconds
    assert again.table == result.table


def test_fewer_than_four_draws_make_no_comparison_at_any_size() -> None:
    for faces in (40, 400, 1000, 2000):
        plan = Plan.of(faces)
        assert plan.photos + plan.labelled >= faces and plan.few <= plan.labelled
        assert plan.draws == (4 if faces >= 1000 else 2)
