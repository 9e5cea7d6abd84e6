"""A recheck takes nothing down that it is not sure of, and one odd answer does not stop it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from crawled import DAY, Flickr, flickr, stored
from flickr_standin import Fault

from facecurate.crawl import recheck, run
from facecurate.crawl.calls import SEARCH, Api
from facecurate.errors import FacecurateError, StoppedError

CALM = {"changes": 0.0, "odd": 0.0}
Reply = dict[str, Any]


def _numbers(found: Flickr) -> list[int]:
    return sorted(int(key.removeprefix("flickr-")) for key in stored(found.dataset))


def _answers(monkeypatch: pytest.MonkeyPatch, change: Callable[[str, Reply], Reply]) -> None:
    """Flickr's answers as they are, but changed."""
    real = Api.call

    def call(self: Api, method: str, **params: str | int) -> Reply:
        return change(method, real(self, method, **params))

    monkeypatch.setattr(Api, "call", call)


def test_a_photo_that_flickr_cannot_answer_for_holds_no_other_one_up(tmp_path: Path) -> None:
    with flickr(tmp_path, photos=120, world=CALM) as found:
        found.crawl()
        gone, silent, last = (_numbers(found)[i] for i in (0, 5, -1))
        for number in (gone, silent, last):
            found.standin.change(number, deleted=0)
        found.standin.set_faults([Fault("500", f"getInfo.*{silent}")])
        found.clock.sleep(30 * DAY)
        lines: list[str] = []
        with pytest.raises(StoppedError, match="1 photo could not be asked about"):
            recheck(found.dataset, found.access, say=lines.append)
        assert [line for line in lines if line.startswith("flickr-")] == [
            f"flickr-{gone}: gone", f"flickr-{last}: gone"
        ]  # fmt: skip
        assert not {gone, last} & set(_numbers(found)) and silent in _numbers(found)
        found.standin.set_faults([])
        assert recheck(found.dataset, found.access).counts["photos"].dropped == {"gone": 1}
        assert silent not in _numbers(found)


@pytest.mark.parametrize("answer", [{}, {"photo": {"license": ""}}, {"photo": {"id": "1"}}])
def test_answers_that_cannot_be_read_take_nothing_down_and_soon_stop_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: Reply
) -> None:
    asked: list[str] = []

    def odd(method: str, reply: Reply) -> Reply:
        asked.append(method)
        if method == SEARCH:
            return {"photos": {"total": 0, "photo": []}}
        return answer if method == "flickr.photos.getInfo" else reply

    with flickr(tmp_path, photos=60, world=CALM) as found:
        found.crawl()
        before = stored(found.dataset)
        found.clock.sleep(30 * DAY)
        _answers(monkeypatch, odd)
        with pytest.raises(StoppedError, match="cannot be read"):
            recheck(found.dataset, found.access)
        assert len(before) > 10 and stored(found.dataset) == before
        assert asked.count("flickr.photos.getInfo") == 10


def test_a_photo_that_search_shows_without_a_size_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with flickr(tmp_path, photos=60, world=CALM) as found:
        found.crawl()
        before, later = stored(found.dataset), int(found.clock.time())

        def bare(method: str, reply: Reply) -> Reply:
            for photo in reply["photos"]["photo"] if method == SEARCH else ():
                for name in [name for name in photo if name.startswith("url_")]:
                    del photo[name]
                photo["lastupdate"] = str(later)
            return reply

        found.clock.sleep(30 * DAY)
        _answers(monkeypatch, bare)
        assert recheck(found.dataset, found.access).counts["photos"].dropped == {}
        assert stored(found.dataset) == before


def test_a_list_of_licences_that_contradicts_ours_takes_nothing_down(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with flickr(tmp_path, photos=60, world=CALM) as found:
        found.crawl()
        before, real = stored(found.dataset), run.allowed
        found.standin.change(_numbers(found)[0], deleted=0)
        monkeypatch.setattr(run, "allowed", lambda api, s: (real(api, s)[0] - {4}, ()))
        with pytest.raises(FacecurateError, match="contradicts ours for id 4"):
            recheck(found.dataset, found.access)
        assert stored(found.dataset) == before


@pytest.mark.parametrize("days", [0.5, 90])
def test_what_an_interrupted_recheck_saw_counts_for_a_day(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, days: float
) -> None:
    searches = 0

    def stop(method: str, reply: Reply) -> Reply:
        nonlocal searches
        searches += method == SEARCH
        if searches > 8:
            raise KeyboardInterrupt
        return reply

    with flickr(tmp_path, photos=200, world=CALM) as found:
        found.crawl()
        found.clock.sleep(30 * DAY)
        with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
            _answers(patched, stop)
            recheck(found.dataset, found.access)
        first = _numbers(found)[0]
        found.standin.change(first, deleted=int(found.clock.time()))
        found.clock.sleep(days * DAY)
        recheck(found.dataset, found.access)
        assert (first in _numbers(found)) == (days < 1)
        recheck(found.dataset, found.access)
        assert first not in _numbers(found)


def test_photos_found_good_are_not_asked_about_again_when_it_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def unseen(method: str, reply: Reply) -> Reply:
        asked.append(method)
        return {"photos": {"total": 0, "photo": []}} if method == SEARCH else reply

    with flickr(tmp_path, photos=60, world=CALM) as found:
        found.crawl()
        silent, before = _numbers(found)[2], stored(found.dataset)
        found.clock.sleep(30 * DAY)
        _answers(monkeypatch, unseen)
        found.standin.set_faults([Fault("500", f"getInfo.*{silent}")])
        with pytest.raises(StoppedError, match="run recheck again later"):
            recheck(found.dataset, found.access)
        found.standin.set_faults([])
        asked.clear()
        found.clock.sleep(3600)
        recheck(found.dataset, found.access)
        assert asked.count("flickr.photos.getInfo") == 1 and SEARCH not in asked
        assert stored(found.dataset) == before
