"""The whole report on a small rendered video with labels."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from facecurate import storage
from facecurate.choose.strategies import STRATEGIES
from facecurate.cli import run
from facecurate.cli.redundancy import STRATEGIES as OFFERED
from facecurate.detect import detect
from facecurate.embed import embed
from facecurate.encoders import load_encoder
from facecurate.errors import UsageError
from facecurate.prepare import import_rendered
from facecurate.redundancy import Options, redundancy_report
from facecurate.redundancy.frames import read_frames
from facecurate.redundancy.page import measured
from facecurate.redundancy.rates import frame_rate
from facecurate.shares import parse_fraction
from facecurate.synthesise import synthesise
from facecurate.workspace import Dataset

FRAMES, PEOPLE = 72, 3
BOTH = Options(
    subset_sizes=(parse_fraction("10%"), parse_fraction("50%")),
    learning_curve=True,
    minutes_per_frame=2.0,
)


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Three people in one sequence each, 24 frames of 10 a second, everything asked for."""
    dataset = Dataset(str(tmp_path_factory.mktemp("film")), "film")
    synthesise(dataset, layout="video", count=FRAMES, seed=3, subjects=PEOPLE, sessions=1, fps=10.0)
    import_rendered(dataset)
    detect(dataset, detector="given", min_face=0)
    for encoder in ("dct", "shape+hog"):
        embed(dataset, encoder=encoder)
    ask(dataset, BOTH)
    return dataset


def ask(dataset: Dataset, options: Options) -> str:
    main, other = (load_encoder(name, dataset.workspace) for name in ("dct", "shape+hog"))
    return str(redundancy_report(dataset, main, others=[other], options=options))


def result(dataset: Dataset) -> dict[str, Any]:
    def refuse(word: str) -> float:
        raise AssertionError(f"{word} is no JSON")

    text = storage.read(dataset.path("redundancy.json"))
    found: dict[str, Any] = json.loads(text, parse_constant=refuse)["result"]
    return found


def page(dataset: Dataset) -> str:
    return storage.read(dataset.path("redundancy.html")).decode()


def test_frames_know_their_people_sequences_times_and_labels(film: Dataset) -> None:
    frames = read_frames(film, frame_rate(film))
    structure = frames.structure
    kept = len(frames)
    assert structure.subject_names == ("S001", "S002", "S003")
    assert structure.sequence_names == ("S001/01", "S002/01", "S003/01")
    assert set(structure.rate.tolist()) == {10.0}
    assert sorted(set(structure.frame.tolist())) == list(range(1, 25))
    assert frames.rendered and not frames.collected
    assert frames.labels is not None and frames.labels.levels
    assert frames.labels.values.shape == (kept, len(frames.labels.names))
    assert len(set(frames.keys.to_pylist())) == kept


def test_the_json_is_json_and_has_every_table(film: Dataset) -> None:
    found = result(film)
    assert (found["unit"], found["groups"], found["people"]) == ("subject", PEOPLE, PEOPLE)
    for name in ("near", "timing", "design", "spectral", "runs", "events", "levels", "check"):
        assert found[name], name
    assert [one["encoder"] for one in found["others"]] == ["shape+hog"]
    assert found["versions"].keys() >= {"facecurate", "numpy", "torch"}


def test_effective_frames_of_all_levels_add_up_to_the_count(film: Dataset) -> None:
    found = result(film)
    levels = found["levels"]
    for unit in set(levels["unit"]):
        mine = [k for k, name in enumerate(levels["unit"]) if name == unit]
        assert sum(levels["frames"][k] for k in mine) == found["frames"]
        assert sum(levels["effective"][k] for k in mine) == pytest.approx(found["copy"]["n_eff"])


def test_lists_are_nested_and_name_faces_that_are_kept(film: Dataset) -> None:
    keys = read_frames(film).keys.to_pylist()
    few, many = (
        pq.read_table(film.path(f"subset-{size}pct.parquet"))["key"].to_pylist()
        for size in (10, 50)
    )
    assert many[: len(few)] == few and len(set(many)) == len(many)
    assert set(many) <= set(keys)
    assert (len(few), len(many)) == (round(len(keys) / 10), round(len(keys) / 2))
    told = {one["size"]: one for one in result(film)["subsets"]}
    assert told["10%"]["strategy"] == "stride" and told["10%"]["frames"] == len(few)


def test_the_plan_has_the_lists_and_their_hours(film: Dataset) -> None:
    found = result(film)
    (line,) = [one for one in found["plan"] if one["file"] == "subset-50pct.parquet"]
    assert line["hours"] == pytest.approx(line["frames"] * 2 / 60)
    assert {one["strategy"] for one in found["strategies"]} == set(STRATEGIES)


def test_the_json_lists_the_keys_of_all_faces_shown_and_no_others(film: Dataset) -> None:
    shown = set(re.findall(r'title="(film-[0-9a-f]{16}_\d{3})', page(film)))
    assert shown == set(result(film)["keys"]) and shown


def test_the_page_has_the_sentence_first_then_the_picture(film: Dataset) -> None:
    text = page(film)
    places = [text.index(word) for word in ('class="lead"', "<svg", "<table")]
    assert places == sorted(places)
    assert "<script" not in text and not re.search(r"""(?:src|href)=["'](?!#|data:)""", text)
    for heading in ("Learning curve", "Smaller sets", "Plan for labelling", "Sequences in time"):
        assert f"<h2>{heading}</h2>" in text


def test_the_page_tells_how_sure_tau_label_is(film: Dataset) -> None:
    label = {"tau": 0.9, "allowed": 0.05, "apart_frames": 6, "different": 70, "pairs": 1487}
    told = result(film) | {"label": label | {"upper": 0.059, "orders": {"0": 3.0}}}
    assert "(70 of 1,487; if pairs were independent, up to 5.9 %)" in " ".join(
        measured(told).paragraphs
    )


def test_what_was_asked_before_is_kept_when_more_is_asked(film: Dataset) -> None:
    before = page(film)
    assert "up to date" in ask(film, Options())  # less is asked: nothing is lost
    assert page(film) == before
    Path(film.path("subset-10pct.parquet")).unlink()
    assert "up to date" not in ask(film, Options(subset_sizes=(parse_fraction("25%"),)))
    found = result(film)
    assert {one["size"] for one in found["subsets"]} == {"10%", "25%", "50%"}
    assert found["learning_curve"] and film.has("subset-10pct.parquet")


def test_the_command_offers_the_strategies_there_are() -> None:
    assert tuple(STRATEGIES) == OFFERED


def test_an_unknown_strategy_names_those_there_are(film: Dataset) -> None:
    some = Options(subset_sizes=(parse_fraction("20%"),), strategy="best")
    with pytest.raises(UsageError, match="choose one of stride"):
        ask(film, some)


@pytest.mark.parametrize(
    ("size", "words"),
    [
        ("0.02", "write 2%"),
        ("60", "'60 frames'"),
        ("few", "write 2% or"),
        ("2%,-1%", "'-1%' is no size"),
    ],
)
def test_a_bare_size_is_refused_with_both_readings(
    tmp_path: Path, size: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code = run(["--workspace", str(tmp_path), "redundancy-report", "x", "--subset-size", size])
    assert code == 2 and words in capsys.readouterr().err
