"""The commands ``crawl`` and ``recheck``: what they need, print, log, and keep to themselves."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from crawled import CONTACT, QUALITY
from flickr_standin import Fault, Rate, Standin, World, pictures

from facecurate.cli import run
from facecurate.crawl import access, moment
from facecurate.errors import FacecurateError, UsageError

WORDS = ["--since", "2024", "--until", "2024-07", "--size", "m", "--max-image-rate", "200"]
ENVIRONMENT = (
    "FLICKR_API_KEY", "FLICKR_API_SECRET", "FACECURATE_CONTACT", "FACECURATE_FLICKR_URL",
    "FACECURATE_FLICKR_IMAGE_HOST",
)  # fmt: skip


@pytest.fixture(autouse=True)
def nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ENVIRONMENT:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("FACECURATE_STATE", str(tmp_path / "state"))


@pytest.fixture
def standin(monkeypatch: pytest.MonkeyPatch) -> Iterator[Standin]:
    for shape in range(6):
        pictures.jpeg(shape, 0, 500, quality=QUALITY)
    world = World(photos=120, seed=2, since="2024-01-05", until="2024-06-20", odd=0.5)
    with Standin(world, rate=Rate(None), quality=QUALITY) as running:
        monkeypatch.setenv("FACECURATE_FLICKR_URL", running.rest_url)
        monkeypatch.setenv("FACECURATE_FLICKR_IMAGE_HOST", running.image_host)
        monkeypatch.setenv("FLICKR_API_KEY", running.key)
        monkeypatch.setenv("FLICKR_API_SECRET", running.secret)
        monkeypatch.setenv("FACECURATE_CONTACT", CONTACT)
        yield running


def crawl(folder: Path, *words: str) -> int:
    return run(["--workspace", str(folder / "data"), "crawl", *WORDS, *words])


def test_without_a_key_it_says_where_keys_come_from(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert crawl(tmp_path, "--contact", CONTACT) == 1
    told = capsys.readouterr().err
    assert told.count("\n") == 1 and "FLICKR_API_KEY and FLICKR_API_SECRET" in told
    assert "Flickr Pro" in told and "https://www.flickr.com/services/apps/create/" in told
    assert not (tmp_path / "data").exists()


def test_without_a_contact_it_says_how_to_give_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLICKR_API_KEY", "0" * 32)
    monkeypatch.setenv("FLICKR_API_SECRET", "0" * 16)
    assert crawl(tmp_path) == 1
    told = capsys.readouterr().err
    assert told.count("\n") == 1 and "--contact" in told and "FACECURATE_CONTACT" in told
    assert crawl(tmp_path, "--contact", "nowhere") == 2
    assert "is no contact" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--licenses", "6"], "no derivatives"),
        (["--licenses", "all"], "is no license"),
        (["--since", "soon"], "--since soon is no date"),
        (["--since", "2025"], "--until must be later"),
        (["--size", "t"], "--size t"),
        (["--query", ","], "--query"),
        (["--max-image-rate", "0"], "--max-image-rate"),
        (["--name", "Faces!"], "--name faces"),
    ],
)
def test_words_that_make_no_sense_are_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], told: str
) -> None:
    assert crawl(tmp_path, "--contact", CONTACT, *words) == 2
    assert told in capsys.readouterr().err


def test_only_a_server_on_this_machine_stands_in_for_flickr() -> None:
    keys = {"FLICKR_API_KEY": "0" * 32, "FLICKR_API_SECRET": "0" * 16}
    here = {
        "FACECURATE_FLICKR_URL": "http://127.0.0.1:9/services/rest/",
        "FACECURATE_FLICKR_IMAGE_HOST": "127.0.0.1:8",
    }
    found = access(keys | here, CONTACT)
    assert found.stand_in and found.image_host == "127.0.0.1:8"
    assert not access(keys, CONTACT).stand_in
    for wrong in (
        {**here, "FACECURATE_FLICKR_URL": "https://example.org/services/rest/"},
        {**here, "FACECURATE_FLICKR_IMAGE_HOST": "169.254.169.254:80"},
        {"FACECURATE_FLICKR_URL": here["FACECURATE_FLICKR_URL"]},
        {"FACECURATE_FLICKR_IMAGE_HOST": here["FACECURATE_FLICKR_IMAGE_HOST"]},
    ):
        with pytest.raises(FacecurateError, match="on this machine"):
            access(keys | wrong, CONTACT)


def test_dates_are_years_days_or_moments_of_utc() -> None:
    assert moment("1970", "--since") == moment("1970-01", "--since") == 0
    assert moment("1970-01-02", "--since") == 86_400
    assert moment("1970-01-01T02:00+02:00", "--since") == 0
    with pytest.raises(UsageError):
        moment("1970-13-01", "--since")


def test_a_dry_run_prints_the_cost_and_stores_nothing(
    standin: Standin, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert crawl(tmp_path, "--dry-run") == 0
    told = capsys.readouterr().out
    assert "to download" in told and "calls" in told and "GB" in told and "days" in told
    assert not (tmp_path / "data").exists()
    assert not any(r.host == "images" for r in standin.requests)
    assert crawl(tmp_path, "--dry-run", "--limit", "7") == 0
    assert "7 to download" in capsys.readouterr().out


def test_the_last_line_the_log_and_the_json_tell_the_same(
    standin: Standin, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert crawl(tmp_path, "--json") == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["photos"]["taken"] == facts["photos"]["kept"] + sum(
        facts["photos"]["dropped"].values()
    )
    assert crawl(tmp_path) == 0
    told = capsys.readouterr().out
    assert told.startswith(f"flickr-face: {facts['photos']['taken']} photos:")
    assert "the search found about" in told
    lines = (tmp_path / "data/flickr-face/log.jsonl").read_text().splitlines()
    logged = json.loads(lines[0])
    assert logged["counts"]["completeness"] == facts["completeness"]
    assert logged["counts"]["photos"] == facts["photos"] and logged["exit_code"] == 0
    assert run(["--workspace", str(tmp_path / "data"), "--json", "recheck"]) == 0
    assert json.loads(capsys.readouterr().out)["removed"] == []


@pytest.mark.parametrize(
    ("fault", "code", "words"),
    [
        (Fault("429", "rest", value="90000"), 75, "run the same command again after"),
        (Fault("code", "photos.search", value=100), 1, "new keys need a Flickr Pro account"),
        (Fault("code", "licenses", value=[100, "Invalid API Key (Key has expired)"]), 1, "expired"),
        (Fault("oauth", "photos.search"), 1, "does not belong to FLICKR_API_KEY"),
    ],
    ids=["throttled", "invalid", "expired", "secret"],
)
def test_a_stop_has_its_exit_code_and_its_words(
    standin: Standin,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    fault: Fault,
    code: int,
    words: str,
) -> None:
    standin.set_faults([fault])
    assert crawl(tmp_path) == code
    told = capsys.readouterr().err
    assert words in told and told.strip().count("\n") == 0
    line = (tmp_path / "data/flickr-face/log.jsonl").read_text().splitlines()[-1]
    assert json.loads(line)["exit_code"] == code


def test_the_key_and_the_secret_are_nowhere(
    standin: Standin,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    said = []
    plans = [
        [Fault("oauth", "photos.search")],
        [Fault("code", "photos.search", value=100)],
        [Fault("truncated_json", "photos.search", times=1)],
        [Fault("reset", "rest", times=1), Fault("404", r"\.jpg", p=0.3, tries=1)],
        [],
    ]
    for faults in plans:
        standin.set_faults(faults)
        crawl(tmp_path, "-v")
        said += [*capfd.readouterr()]
    run(["--workspace", str(tmp_path / "data"), "-v", "recheck"])
    said += [*capfd.readouterr(), caplog.text]
    files = [file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()]
    assert len(files) > 6 and sum(map(len, files)) > 100_000 and "Traceback" in "".join(said)
    for hidden in (standin.key, standin.secret):
        assert not any(hidden in text for text in said)
        assert not any(hidden.encode() in data for data in files)


def test_two_crawls_of_one_key_share_its_budget(standin: Standin, tmp_path: Path) -> None:
    codes = []
    names = ("first", "second")
    threads = [
        threading.Thread(target=lambda n=name: codes.append(crawl(tmp_path, "--name", n)))
        for name in names
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert codes == [0, 0]
    from facecurate.flickr.budget import Budgets, api_bucket
    from facecurate.flickr.clock import RealClock

    budgets = Budgets(str(tmp_path / "state"), RealClock())
    try:
        asked = sum(r.host == "api" for r in standin.requests)
        assert budgets.recorded(api_bucket(standin.key), 3600) == asked
    finally:
        budgets.close()
