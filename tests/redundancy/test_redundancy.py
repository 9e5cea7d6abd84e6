from __future__ import annotations

import itertools
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import chain
import numpy as np
import pytest

from facecurate import storage
from facecurate.detect import detect
from facecurate.embed import embed
from facecurate.encoders import load_encoder
from facecurate.errors import FacecurateError, SettingsError
from facecurate.redundancy import Options, redundancy_report
from facecurate.vectors import vectors_pool
from facecurate.workspace import Dataset

HOSTILE = "<script>alert(1)</script>[red]\x1b[31m\u202e../\0" + "x" * 10_000


def report(dataset: Dataset) -> dict[str, object]:
    embed(dataset)
    stats = redundancy_report(dataset, load_encoder("dct", dataset.workspace))
    result: dict[str, object] = dict(stats.facts["result"])
    assert json.loads(storage.read(dataset.path("redundancy.json")))["result"] == result
    return result


def copies_of(result: dict[str, object]) -> dict[str, Any]:
    """The numbers at tau_copy."""
    copy = result["copy"]
    assert isinstance(copy, dict)
    return copy


def repeated(times: int, subjects: int = 0) -> list[chain.Shot]:
    """Ten different photos, each coming back re-encoded, every time at another quality."""
    found = []
    for i, shot in enumerate(chain.shots()[: chain.SINGLES]):
        who = f"person {i % subjects}" if subjects else None
        for k in range(times):
            copy = chain.recompressed(shot, f"{i}-{k}.jpg", 75 + 4 * k) if k else shot
            found.append(replace(copy, subject=who))
    return found


def made(tmp_path: Path, shots: list[chain.Shot]) -> Dataset:
    dataset = Dataset(str(tmp_path / "work"), chain.NAME)
    chain.take(dataset, tmp_path / "files", shots)
    detect(dataset, detector="given")
    return dataset


def test_ten_photos_that_come_back_re_encoded_are_ten_distinct_frames(tmp_path: Path) -> None:
    """Within 5 %: the tolerance lets half a percent of all copies count as news."""
    dataset = made(tmp_path, repeated(4))
    result = report(dataset)
    assert result["frames"] == 40 and result["unit"] == "dataset"
    copy = copies_of(result)
    assert copy["n_eff"] == pytest.approx(10, rel=0.05)
    assert copy["ratio"] == pytest.approx(40 / copy["n_eff"])
    assert copy["interval"] is None  # nobody said who is who
    assert str(result["sentence"]) == (
        "tiny: 40 frames. At the tolerance where a re-compressed copy cannot be told apart they "
        "are 10 distinct frames."
    )


def test_photos_that_do_not_come_back_are_all_distinct(tmp_path: Path) -> None:
    assert copies_of(report(made(tmp_path, repeated(1))))["n_eff"] == 10.0


def test_people_are_counted_apart_and_give_an_interval(tmp_path: Path) -> None:
    result = report(made(tmp_path, repeated(3, subjects=5)))
    assert (result["unit"], result["groups"], result["frames"]) == ("subject", 5, 30)
    each = result["per_group"]
    assert isinstance(each, list)
    assert {group["group"] for group in each} == {f"person {i}" for i in range(5)}
    copy = copies_of(result)
    assert sum(group["n_eff"] for group in each) == pytest.approx(copy["n_eff"])
    assert sum(group["frames"] for group in each) == 30
    between = copy["interval"]
    assert 0 < between["low"] <= copy["n_eff"] + 1e-9 <= between["high"] + 2e-9
    assert "30 frames of 5 people. " in str(result["sentence"])
    assert "they are 10 [" in str(result["sentence"])


def test_one_person_gives_no_interval(tmp_path: Path) -> None:
    assert copies_of(report(made(tmp_path, repeated(2, subjects=1))))["interval"] is None


def test_a_wider_tolerance_never_counts_more_frames(tmp_path: Path) -> None:
    dataset = chain.world(tmp_path, "redundancy")
    result = json.loads(storage.read(dataset.path("redundancy.json")))["result"]
    taus, numbers = result["curve"]["tau"], result["curve"]["n_eff"]
    assert taus == sorted(taus, reverse=True)
    assert all(a >= b for a, b in itertools.pairwise(numbers))
    orders = result["copy"]["orders"]
    assert orders["0"] >= orders["1"] >= orders["2"] > 0


def test_dropped_faces_are_not_counted(tmp_path: Path) -> None:
    dataset = made(tmp_path, [*repeated(1), chain.shrunk(chain.shots()[9], "small.jpg", 0.6)])
    detect(dataset, detector="given", min_face=80, redo=True)
    assert report(dataset)["frames"] == 10


def test_the_page_stands_alone_and_says_that_faces_are_rendered(tmp_path: Path) -> None:
    page = storage.read(chain.world(tmp_path, "redundancy").path("redundancy.html")).decode()
    assert "default-src &#39;none&#39;" in page or "default-src 'none'" in page
    assert "Rendered faces: nothing here is evidence" in page
    assert "<script" not in page and page.count("<svg") == 2
    assert not re.search(r"""(?:src|href)=["'](?!#|data:)""", page)


def test_hostile_names_of_people_stay_text(tmp_path: Path) -> None:
    shots = [replace(s, subject=HOSTILE if i % 2 else "b") for i, s in enumerate(repeated(1))]
    dataset = made(tmp_path, shots)
    result = report(dataset)
    assert result["groups"] == 2
    page = storage.read(dataset.path("redundancy.html")).decode()
    assert "<script" not in page and "&lt;script&gt;" in page
    assert not {"\x1b", "\0", "\u202e"} & set(page) and "x" * 600 not in page


def test_the_same_call_again_reads_what_is_there(tmp_path: Path) -> None:
    dataset = chain.world(tmp_path, "redundancy")
    before = chain.files(dataset)
    stats = redundancy_report(dataset, load_encoder("dct", dataset.workspace))
    stored = json.loads(storage.read(dataset.path("redundancy.json")))["result"]
    assert stats.facts["result"] == stored
    assert "the report was up to date" in str(stats) and "17 distinct frames" in str(stats)
    redundancy_report(dataset, load_encoder("dct", dataset.workspace), redo=True)
    assert chain.files(dataset) == before


def test_a_report_that_is_there_outlives_a_call_that_fails(tmp_path: Path) -> None:
    dataset = chain.world(tmp_path, "redundancy")
    before = chain.files(dataset)
    encoder = load_encoder("dct", dataset.workspace)
    for redo in (False, True):
        with pytest.raises(FacecurateError, match="at least three people"):
            redundancy_report(dataset, encoder, options=Options(learning_curve=True), redo=redo)
        assert chain.files(dataset) == before


def test_vectors_that_do_not_fit_the_faces_are_refused(tmp_path: Path) -> None:
    dataset = chain.world(tmp_path, "embed")
    encoder = load_encoder("dct", dataset.workspace)
    detect(dataset, detector="given", min_face=90, redo=True)  # as many rows, other faces
    with pytest.raises(FacecurateError, match="facecurate embed tiny"):
        redundancy_report(dataset, encoder)
    embed(dataset)
    assert "18 frames" in str(redundancy_report(dataset, encoder))


def test_without_vectors_it_says_what_to_type(tmp_path: Path) -> None:
    dataset = chain.world(tmp_path, "detect")
    with pytest.raises(FacecurateError, match="facecurate embed tiny"):
        redundancy_report(dataset, load_encoder("dct", dataset.workspace))


def test_without_faces_it_says_so(tmp_path: Path) -> None:
    empty = [shot for shot in chain.shots() if not shot.faces]
    dataset = made(tmp_path, empty)
    embed(dataset)
    with pytest.raises(FacecurateError, match="has no face to measure"):
        redundancy_report(dataset, load_encoder("dct", dataset.workspace))


def test_another_encoder_over_the_first_needs_redo(tmp_path: Path) -> None:
    dataset = chain.world(tmp_path, "redundancy")
    encoder = load_encoder("dct", dataset.workspace)
    other = replace(encoder, name="other")  # type: ignore[type-var]
    pool = vectors_pool(dataset, "other", encoder.sha256)
    Path(pool.url).parent.joinpath(Path(vectors_pool(dataset, "dct", encoder.sha256).url)).rename(
        pool.url
    )
    with pytest.raises(SettingsError, match='encoder = "dct", now it is "other"'):
        redundancy_report(dataset, other)


def test_the_interval_of_equal_people_is_narrow(tmp_path: Path) -> None:
    """Ten people with one frame each: no spread, so both ends are the number itself."""
    result = report(made(tmp_path, repeated(1, subjects=10)))
    between = copies_of(result)["interval"]
    assert np.allclose([between["low"], between["high"]], 10)
