"""Crawls of a stand-in: what is stored, what is not, what is said, and how it ends."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from crawled import CONTACT, OPEN, check_stored, flickr, rows, settings, stored
from flickr_standin import Behaviour, Fault

import facecurate.pool
from facecurate.crawl import crawl
from facecurate.errors import FacecurateError, SettingsError, StoppedError
from facecurate.flickr.budget import Budgets, api_bucket
from facecurate.flickr.gate import MINORS
from facecurate.flickr.licenses import LICENSES
from facecurate.inspect import verify
from facecurate.pool import Pool
from facecurate.records import PHOTO_SCHEMA


def test_all_that_may_be_had_is_stored_with_its_columns_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(facecurate.pool, "PART_SIZE", 60)
    with flickr(tmp_path) as found:
        stats = found.crawl()
        have, there = stored(found.dataset), found.there()
        check_stored(found)
        assert have <= there
        count = stats.counts["photos"]
        assert count.taken == len(there) and count.kept == len(have) > 100
        assert set(count.dropped) <= {"minors", "no_cv", "not_safe", "not_a_photo"}
        world, listed = found.standin.world, rows(found.dataset)
        for row in listed:
            number = int(row["photo_id"].removeprefix("flickr-"))
            index = world.index(number)
            assert row["license"] == LICENSES[int(world.licence[index])].spdx
            assert row["uploaded_at"] == datetime.fromtimestamp(int(world.uploaded[index]), UTC)
            assert row["page_url"] == f"https://www.flickr.com/photos/{row['owner']}/{number}/"
            assert row["url"].startswith(found.standin.image_base)
            assert (row["source"], row["origin"]) == ("flickr", "collected")
            assert row["license_seen_at"] and row["fetched_at"] and row["author"]
        parts = Pool(found.dataset.path("photos"))
        for stem in parts.stems():
            names = parts.table(stem, PHOTO_SCHEMA)["photo_id"].to_pylist()
            assert names == sorted(names, key=lambda name: int(name.removeprefix("flickr-")))
        assert len(parts.stems()) == -(-len(have) // 60)
    assert verify(found.dataset)[1] == []


def test_owners_who_ask_to_be_left_alone_and_children_are_not_fetched(tmp_path: Path) -> None:
    with flickr(tmp_path, photos=600, world={"odd": 3.0}) as found:
        stats = found.crawl()
        world = found.standin.world
        asked = {r.path for r in found.standin.requests if r.host == "images"}
        for key in found.there():
            number = int(key.removeprefix("flickr-"))
            if world.opt_out[world.index(number)]:
                assert not any(f"/{number}_" in path for path in asked)
        dropped = stats.counts["photos"].dropped
        assert dropped["no_cv"] > 0 and dropped["minors"] > 0
        for row in rows(found.dataset):
            assert not MINORS & set((row["title"] or "").lower().split())


def test_a_second_run_asks_for_nothing_again_and_says_the_same(tmp_path: Path) -> None:
    with flickr(tmp_path, photos=150) as found:
        first = found.crawl()
        before = len([r for r in found.standin.requests if r.host == "images"])
        second = found.crawl()
        after = [r for r in found.standin.requests if r.host == "images"]
        assert len(after) == before
        assert second.counts == first.counts and second.facts["calls"] == 1  # of the licences


def test_the_estimate_stands_in_the_last_line_and_in_crawl_json(tmp_path: Path) -> None:
    with flickr(tmp_path, photos=150) as found:
        stats = found.crawl()
    assert "the search found about" in str(stats)
    data = json.loads((tmp_path / "data/flickr-face/crawl.json").read_text())
    told = data["result"]["completeness"]
    assert told == stats.facts["completeness"]
    assert told["interval95"][0] <= told["share"] <= told["interval95"][1]
    assert data["stats"]["photos"]["kept"] == stats.counts["photos"].kept
    assert data["settings"]["queries"] == ["faces"] and data["result"]["attempts"] == {}


def test_a_limit_ends_the_search_and_a_higher_one_goes_on(tmp_path: Path) -> None:
    with flickr(tmp_path, photos=300) as found:
        assert found.crawl(limit=20).counts["photos"].kept == 20
        assert len(stored(found.dataset)) == 20
        assert found.crawl(limit=35).counts["photos"].kept == 35
        check_stored(found)
        whole = found.crawl()
        assert whole.counts["photos"].taken == len(found.there())
        check_stored(found)


def test_other_words_or_another_size_under_the_same_name_are_refused(tmp_path: Path) -> None:
    with flickr(tmp_path, photos=60) as found:
        found.crawl(limit=3)
        with pytest.raises(SettingsError, match="queries"):
            found.crawl(queries=("humans",))
        with pytest.raises(SettingsError, match="until = none, now it is 2030-01-02 00:00 UTC"):
            found.crawl(until=1893542400)
        with pytest.raises(SettingsError, match="size"):
            found.crawl(size="l")


def test_nothing_found_says_what_to_change(tmp_path: Path) -> None:
    with flickr(tmp_path, photos=30) as found, pytest.raises(FacecurateError, match="--query"):
        found.crawl(queries=("unheard",))


def test_the_same_bytes_under_three_ids_are_put_aside_also_out_of_parts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The stand-in gives one GIF for several photos; as JPEG here, so that only the ids tell."""
    monkeypatch.setattr(facecurate.pool, "PART_SIZE", 10)
    from facecurate.crawl import downloads

    with flickr(tmp_path, photos=120) as found:
        world, real = found.standin.world, found.standin._images._picture
        address, first = _first(found)
        same = real(address, first)

        def shared(index: int) -> bool:  # also of the same size, which the gate would notice
            return bool(world.shape[index] == world.shape[first])

        def picture(address, index):  # type: ignore[no-untyped-def]
            return same if shared(index) and address.size.name == "m" else real(address, index)

        found.standin._images._picture = picture  # type: ignore[method-assign]
        stats = found.crawl()
    assert stats.counts["photos"].dropped.get("many_ids", 0) >= downloads.SAME_BYTES
    kept = {row["sha256"] for row in rows(found.dataset) if row["status"] == "ok"}
    indices = [world.index(int(k.removeprefix("flickr-"))) for k in stored(found.dataset)]
    assert len(kept) == len(indices)
    assert not any(shared(i) for i in indices)
    assert verify(found.dataset)[1] == []


def _first(found):  # type: ignore[no-untyped-def]
    from flickr_standin.static import read

    number = min(int(key.removeprefix("flickr-")) for key in found.there())
    index = found.standin.world.index(number)
    info = found.standin.call({"method": "flickr.photos.getSizes", "photo_id": str(number)})
    source = next(s["source"] for s in info["sizes"]["size"] if s["label"] == "Medium")
    return read(source.removeprefix(found.standin.image_base)), index


def test_a_photo_that_changed_its_secret_is_found_at_its_new_address(tmp_path: Path) -> None:
    faults = [Fault("secret", r"_[0-9a-f]{10}\.jpg", tries=1, p=0.3)]
    with flickr(tmp_path, photos=120, faults=faults) as found:
        stats = found.crawl()
        assert found.standin.counters()["methods"]["flickr.photos.getSizes"] > 5
        assert stats.counts["photos"].taken == len(found.there())
        assert not set(stats.counts["photos"].dropped) & {"gone", "unreachable"}
        check_stored(found)


def test_a_licence_that_was_seen_long_ago_is_asked_for_before_the_bytes(tmp_path: Path) -> None:
    world = {"changes": 0.0, "since": "2026-05-01", "odd": 0.0}
    with flickr(tmp_path, photos=150, world=world) as found:
        found.crawl(limit=5, since=1777593600)
        waiting = sorted(found.there() - stored(found.dataset), key=lambda key: (len(key), key))
        gone, closed = (int(key.removeprefix("flickr-")) for key in waiting[:2])
        found.standin.change(gone, deleted=0)
        found.standin.change(closed, licence=0)
        found.clock.sleep(3 * 86_400)
        stats = found.crawl(since=1777593600)
        asked = [r.path for r in found.standin.requests if r.host == "images"]
        assert not any(f"/{number}_" in path for number in (gone, closed) for path in asked)
        assert found.standin.counters()["methods"]["flickr.photos.getInfo"] > 10
        dropped = stats.counts["photos"].dropped
        assert dropped["gone"] == 1 and dropped["license"] == 1


def test_attribution_names_each_stored_photo_and_escapes_strangers_words(tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    with flickr(tmp_path, photos=200) as found:
        found.crawl()
        have = stored(found.dataset)
    folder = tmp_path / "data/flickr-face"
    table = pq.read_table(folder / "attribution.parquet").to_pylist()
    assert {row["photo_id"] for row in table} == have
    names = {known.name for id, known in LICENSES.items() if id in OPEN}
    assert {row["license_name"] for row in table} <= names
    assert all(row["author_url"] and row["page_url"] and row["changes"] for row in table)
    text = (folder / "ATTRIBUTION.md").read_text()
    notice = "This product uses the Flickr API but is not endorsed or certified by SmugMug, Inc."
    assert notice in text and "keeper\\@example\\.org" in text and CONTACT not in text
    items = [line for line in text.splitlines() if line.startswith("- ")]
    assert len(items) == len(have)
    assert any("<b>" in (row["title"] or "") for row in table), "the world has no HTML to escape"
    assert "<b>" not in text


# -- how it ends --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fault",
    [
        Fault("429", "/services/rest"),
        Fault("429", "/services/rest", value="86400"),
        Fault("code", "photos.search", value=201),
    ],
    ids=["429", "a day", "201"],
)
def test_throttling_without_end_stops_with_75_and_the_same_command_goes_on(
    tmp_path: Path, fault: Fault
) -> None:
    with flickr(tmp_path, photos=80, faults=[fault]) as found:
        with pytest.raises(StoppedError, match="run the same command again after 2026-"):
            found.crawl()
        assert len(found.standin.requests) <= 8
        found.standin.set_faults([])
        found.clock.sleep(2 * 86_400)
        found.crawl()
        check_stored(found)
        assert stored(found.dataset) <= found.there()


def test_a_disabled_key_stops_at_once_and_says_so(tmp_path: Path) -> None:
    faults = [Fault("code", "photos.search", value=100)]
    with flickr(tmp_path, photos=40, faults=faults) as found:
        with pytest.raises(FacecurateError, match=r"Flickr Pro") as told:
            found.crawl()
        assert told.value.exit_code == 1
        assert found.standin.counters()["methods"]["flickr.photos.search"] == 1


def test_an_image_host_that_only_slows_us_down_ends_the_run_with_75(tmp_path: Path) -> None:
    with flickr(tmp_path, photos=60, faults=[Fault("429", r"\.jpg")]) as found:
        with pytest.raises(StoppedError) as told:
            found.crawl()
        assert told.value.exit_code == 75
        found.standin.set_faults([])
        found.clock.sleep(86_400)
        found.crawl()
        check_stored(found)


def test_pauses_that_an_earlier_run_was_asked_for_are_told_by_the_next(tmp_path: Path) -> None:
    with flickr(tmp_path, photos=60) as found:
        budgets = Budgets(found.access.state_folder, found.clock)
        budgets.block(api_bucket(found.access.key), 1800, "throttled")
        budgets.block(f"img:{found.access.image_host}", 3200, "throttled 429")
        budgets.close()
        lines: list[str] = []
        crawl(found.dataset, settings(), found.access, lines.append)
    assert [line.partition(":")[0] for line in lines] == [
        "Flickr had asked for a pause",
        "127.0.0.1",
    ]
    assert "asks for a pause (of before): no image of it until" in lines[1]


@pytest.mark.parametrize(("form", "runs"), [(None, 1), ("86400", 3)], ids=["429", "a day"])
def test_one_address_that_is_always_refused_costs_its_own_photo_and_not_the_crawl(
    tmp_path: Path, form: str | None, runs: int
) -> None:
    with flickr(tmp_path / "a", photos=60) as found:
        found.crawl()
        victim = sorted(stored(found.dataset))[5]
        rest = stored(found.dataset) - {victim}
    fault = Fault("429", f"/{victim.removeprefix('flickr-')}_", value=form)
    with flickr(tmp_path / "b", photos=60, faults=[fault]) as found:
        for _ in range(runs - 1):
            with pytest.raises(StoppedError):
                found.crawl()
            found.clock.sleep(86_400)
        stats = found.crawl()
        assert stored(found.dataset) == rest
        assert stats.counts["photos"].dropped["unreachable"] == 1
        before = found.clock.time(), len(found.standin.requests)
        found.crawl()  # one more try, and no pause for the host
        assert found.clock.time() - before[0] < 60
        again = [r for r in found.standin.requests[before[1] :] if ".jpg" in r.path]
        assert len(again) == 1
        found.standin.set_faults([])
        found.crawl()
        assert victim in stored(found.dataset)


def test_a_long_pause_of_an_image_host_is_told(tmp_path: Path) -> None:
    lines: list[str] = []
    with flickr(tmp_path, photos=60, faults=[Fault("429", r"\.jpg", nth=3)]) as found:
        crawl(found.dataset, settings(), found.access, lines.append)
    (line,) = lines
    assert re.fullmatch(
        r"127\.0\.0\.1:\d+ asks for a pause \(throttled 429\): no image of it until .* UTC", line
    )


def test_windows_in_no_order_and_short_totals_still_bring_everything(tmp_path: Path) -> None:
    odd = Behaviour(unordered=20, total_bias=0.2, jitter=0.05)
    with flickr(tmp_path, photos=300, behaviour=odd) as found:
        stats = found.crawl()
        assert stats.counts["photos"].taken >= 0.99 * len(found.there())
