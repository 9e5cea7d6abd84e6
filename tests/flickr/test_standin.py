"""The stand-in answers as the real service was seen to answer, and breaks as its rules say."""

from __future__ import annotations

import hashlib
import json
import logging
import re
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from email.message import Message
from pathlib import Path
from typing import Any

import cv2
import flickrapi
import numpy as np
import pytest
import requests
from flickr_standin import EXACT, Behaviour, Fault, Rate, Standin, World
from flickr_standin.timeline import NEVER

PACKAGE = Path(__file__).resolve().parents[1] / "flickr_standin"
GOLDEN = json.loads((PACKAGE / "golden.json").read_text(encoding="utf-8"))["facts"]
PLAIN = urllib.request.build_opener(urllib.request.ProxyHandler({}))
EXTRAS = "license,description,date_upload,date_taken,owner_name,tags,media,url_m,url_c,url_l,o_dims"


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="module")
def standin() -> Iterator[Standin]:
    with Standin(World(photos=600, seed=3), behaviour=EXACT) as running:
        yield running


def fetched(url: str, **headers: str) -> tuple[int, Message, bytes]:
    """Status, headers and body, redirects not followed."""
    request = urllib.request.Request(url, headers=headers)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _Stay())
    try:
        with opener.open(request, timeout=10) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as answer:
        with answer:
            return answer.code, answer.headers, answer.read()


class _Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *args: Any) -> None:
        return None


def called(standin: Standin, **params: Any) -> tuple[int, Message, bytes]:
    asked = {"method": "flickr.photos.search", "api_key": standin.key, **params}
    return fetched(f"{standin.rest_url}?{urllib.parse.urlencode(asked)}")


def searched(standin: Standin, **params: Any) -> dict[str, Any]:
    return json.loads(called(standin, format="json", nojsoncallback=1, **params)[2])


def one_with(standin: Standin, key: str = "url_l", **params: Any) -> dict[str, Any]:
    rows = searched(standin, text="faces", extras=EXTRAS, per_page=500, **params)["photos"]["photo"]
    return next(row for row in rows if key in row)


def has(headers: Message, fact: dict[str, Any]) -> None:
    assert {name: headers[name] for name in fact["has"]} == fact["has"]
    assert [name for name in fact.get("has_not", ()) if headers[name] is not None] == []


# Golden facts


def test_too_many_requests_has_the_recorded_body_and_no_retry_after():
    fact = GOLDEN["too_many_body"]
    with Standin(World(photos=10), rate=Rate(per_hour=1)) as standin:
        called(standin, text="faces")
        status, headers, body = called(standin, text="faces")
    assert (status, body.decode(), len(body)) == (429, fact["value"], fact["length"])
    assert headers["Retry-After"] is None


def test_licences_come_in_the_recorded_order_and_byte_for_byte(standin: Standin):
    fact, (_, _, body) = (
        GOLDEN["licences"],
        called(standin, method="flickr.photos.licenses.getInfo"),
    )
    found = re.findall(r'<license id="(\d+)" name="([^"]*)" url="([^"]*)" />', body.decode())
    assert [list(row) for row in found] == fact["value"]
    assert len(body) == fact["bytes"]


@pytest.mark.parametrize(
    ("name", "params"),
    [
        ("empty_xml", {"text": "nothingatall", "per_page": 10}),
        ("no_photo_xml", {"method": "flickr.photos.getSizes", "photo_id": "does_not_exist"}),
    ],
)
def test_xml_is_the_recorded_one(standin: Standin, name: str, params: dict[str, Any]):
    assert called(standin, **params)[2].decode() == GOLDEN[name]["value"]


def test_first_licence_is_told_as_recorded(standin: Standin):
    world = standin.world
    index = int(np.flatnonzero((world.timeline.former < 0) & (world.licence == 7))[0])
    method = "flickr.photos.licenses.getLicenseHistory"
    body = called(standin, method=method, photo_id=world.ids[index])[2].decode()
    fact = GOLDEN["first_licence_xml"]
    assert body.replace(str(world.uploaded[index]), "1253741816").splitlines()[2] == fact["value"]
    assert len(body) == fact["bytes"]


def test_replies_of_old_count_in_strings_and_call_a_script():
    with Standin(World(photos=10), behaviour=Behaviour(types="legacy")) as standin:
        body = called(standin, text="nothingatall", format="json")[2].decode()
        assert body == GOLDEN["empty_script"]["value"]
        total = searched(standin, text="faces")["photos"]["total"]
    assert type(total).__name__ == GOLDEN["row"]["legacy_total"]


@pytest.mark.parametrize(("params", "code", "message"), GOLDEN["errors"]["value"])
def test_failures_are_http_200_with_the_known_texts(
    standin: Standin, params: dict[str, str], code: int, message: str
):
    status, _, body = called(standin, format="json", nojsoncallback=1, **params)
    expected = {"stat": "fail", "code": code, "message": message}
    assert (status, json.loads(body)) == (200, expected)


def test_unknown_format_is_code_111(standin: Standin):
    body = called(standin, text="faces", format="yaml")[2]
    assert b'code="111" msg="Format &quot;yaml&quot; not found"' in body


def test_api_headers_are_those_recorded(standin: Standin):
    _, headers, _ = called(standin, text="faces")
    has(headers, GOLDEN["api_headers"])
    assert len(headers.get_all("Set-Cookie")) == GOLDEN["api_headers"]["cookies"]


def test_image_headers_are_those_recorded(standin: Standin):
    _, headers, body = fetched(one_with(standin)["url_l"])
    has(headers, GOLDEN["image_headers"])
    assert int(headers[GOLDEN["image_headers"]["length"]]) == len(body)
    assert hashlib.md5(body).hexdigest() not in headers["ETag"]


def test_absent_image_has_no_body(standin: Standin):
    fact, url = GOLDEN["absent_image"], one_with(standin)["url_l"]
    status, headers, body = fetched(re.sub(r"_[0-9a-f]{10}_", "_0123456789_", url))
    assert (status, body.decode()) == (fact["status"], fact["value"])
    has(headers, fact)


def test_placeholder_is_a_png_of_the_known_size(standin: Standin):
    fact = GOLDEN["placeholder"]
    _, headers, body = fetched(standin.image_base + fact["path"])
    assert (len(body), headers["Content-Type"]) == (fact["bytes"], "image/png")
    assert cv2.imdecode(np.frombuffer(body, np.uint8), cv2.IMREAD_COLOR) is not None


def test_rows_have_the_recorded_types(standin: Standin):
    reply = searched(standin, text="faces", extras=EXTRAS, per_page=500)["photos"]
    assert type(reply["total"]).__name__ == GOLDEN["row"]["total"]
    wanted = GOLDEN["row"]["modern"]
    for row in reply["photo"]:
        assert {name: type(row[name]).__name__ for name in wanted} == wanted


def test_flickrapi_posts_with_an_oauth_header_and_is_understood(standin: Standin):
    client = _flickrapi(standin, standin.secret)
    assert client.photos.search(text="faces", per_page=1)["photos"]["perpage"] == 1
    last = standin.requests[-1]
    assert (last.verb, last.key, last.status) == ("POST", standin.key, 200)
    assert "api_key" not in last.params


def test_wrong_secret_is_http_401_in_plain_text(standin: Standin):
    fact, answers = GOLDEN["wrong_signature"], []
    client = _flickrapi(standin, "0" * 16)
    client.flickr_oauth.session.hooks["response"].append(lambda r, **_: answers.append(r))
    logging.getLogger("flickrapi").disabled = True
    try:
        with pytest.raises(flickrapi.FlickrError):
            client.photos.search(text="faces")
    finally:
        logging.getLogger("flickrapi").disabled = False
    assert answers[0].status_code == fact["status"]
    assert answers[0].headers["Content-Type"] == fact["content_type"]
    assert answers[0].text.startswith(fact["begins"] + "POST&http%3A%2F%2F127.0.0.1")


def _flickrapi(standin: Standin, secret: str) -> Any:
    client = flickrapi.FlickrAPI(standin.key, secret, format="parsed-json", store_token=False)
    client.REST_URL = standin.rest_url
    client.flickr_oauth.session = requests.Session()
    return client


# The search


def test_pages_beyond_the_cap_repeat_while_totals_go_on():
    cap = GOLDEN["cap"]["rows"]
    standin = Standin(World(photos=4600, seed=2, odd=0), behaviour=EXACT)
    pages = [
        standin.search({"text": "faces", "per_page": 500, "page": n})["photos"] for n in (8, 9)
    ]
    ids = [[row["id"] for row in page["photo"]] for page in pages]
    assert ids[0] == ids[1] and len(ids[0]) == 500
    assert pages[0]["total"] == 4600 > cap and pages[0]["pages"] == 10
    strict = Standin(World(photos=4600, seed=2, odd=0), behaviour=Behaviour(beyond="error"))
    assert strict.search({"text": "faces", "per_page": 500, "page": 9})["code"] == 20


def test_five_seconds_report_as_much_as_their_five_minutes():
    world = World(photos=5000, seed=2, bursts=1, odd=0, changes=0)
    standin = Standin(world, behaviour=Behaviour(total_bias=0))
    cell = int(np.median(world.uploaded)) // 300 * 300
    assert GOLDEN["quantum"]["seconds"] == 300
    low = int(world.uploaded[np.searchsorted(world.uploaded, cell)])
    window = {"min_upload_date": low + 100, "max_upload_date": low + 105}
    assert standin.search({"text": "faces", **window})["photos"]["total"] > 4000


def test_bounds_are_inclusive_and_take_both_forms_of_dates(standin: Standin):
    photo = standin.matching(text="faces")[200]
    at = int(standin.world.uploaded[standin.world.index(photo)])
    for bound in (at, time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(at))):
        window = {"min_upload_date": bound, "max_upload_date": bound}
        rows = searched(standin, **window)["photos"]["photo"]
        assert [row["id"] for row in rows] == [str(photo)]


def test_enumeration_in_small_windows_finds_exactly_what_is_there(standin: Standin):
    params = {"text": "faces", "license": "4,5", "media": "photos", "content_types": "0"}
    found = set()
    for low in range(standin.world.start, standin.world.end + 1, 86_400 * 365):
        window = {"min_upload_date": low, "max_upload_date": low + 86_400 * 365 - 1}
        reply = standin.search({**params, **window, "per_page": 500})
        found |= {int(row["id"]) for row in reply["photos"]["photo"]}
    assert found == set(standin.matching(**params))
    assert 20 < len(found) < 200


def test_words_in_text_and_tags_select_and_exclude(standin: Standin):
    both = standin.search({"text": "faces portrait", "extras": "tags,description", "per_page": 500})
    rows = both["photos"]["photo"]
    assert rows
    for row in rows:
        text = f"{row['title']} {row['tags']} {row['description']['_content']}".lower()
        assert "faces" in text and "portrait" in text
    without = standin.matching(text="faces -portrait")
    assert len(without) + len(rows) == len(standin.matching(text="faces"))
    tagged = standin.search({"tags": "portrait,people", "tag_mode": "all", "extras": "tags"})
    for row in tagged["photos"]["photo"]:
        assert {"portrait", "people"} <= set(row["tags"].split())


def test_content_types_count_from_zero_and_content_type_from_one(standin: Standin):
    world = standin.world
    new, old = (
        standin.matching(text="faces", content_types="1"),
        standin.matching(text="faces", content_type="2"),
    )
    assert new == old
    assert {int(world.content[world.index(photo)]) for photo in new} == {1}


def test_opt_outs_minors_videos_and_missing_sizes_are_in_the_world(standin: Standin):
    reply = standin.search({"text": "faces", "extras": EXTRAS, "per_page": 500})
    rows = reply["photos"]["photo"]
    tags = {tag for row in rows for tag in row["tags"].split()}
    assert "nocv" in tags and "no_cv" not in tags
    assert tags & {"baby", "kid", "kids", "child", "children", "toddler", "boy", "girl"}
    assert {row["media"] for row in rows} == {"photo", "video"}
    assert {"url_l" in row for row in rows} == {True, False}
    assert any(ord(c) > 127 for row in rows for c in row["title"])


def test_the_world_is_a_function_of_its_seed():
    one, same, other = (World(photos=500, seed=seed) for seed in (5, 5, 6))
    for name in ("ids", "uploaded", "licence", "title_words", "edge"):
        assert np.array_equal(getattr(one, name), getattr(same, name))
        assert not np.array_equal(getattr(one, name), getattr(other, name))


def test_density_grows_and_bursts_fill_one_grid_cell():
    steady = World(photos=5000, seed=1)
    assert (steady.uploaded > (steady.start + steady.end) // 2).mean() > 0.6
    burst = World(photos=12_000, seed=1, bursts=2).uploaded // 300
    counts = sorted(np.unique(burst, return_counts=True)[1])
    assert counts[-2] >= 4500 and counts[-3] < 50


def test_totals_fall_short_and_rows_slip_at_the_borders_of_pages():
    world = World(photos=3000, seed=4, odd=0)
    standin = Standin(world, behaviour=Behaviour(total_bias=0.2, jitter=1.0))
    asked = {"text": "faces", "sort": "date-posted-asc", "per_page": 100}
    pages = [standin.search({**asked, "page": n})["photos"] for n in range(1, 31)]
    ids = [row["id"] for page in pages for row in page["photo"]]
    truth = [str(photo) for photo in standin.matching(text="faces", sort="date-posted-asc")]
    assert 2400 <= pages[0]["total"] < 3000 == len(ids)
    lost, twice = set(truth) - set(ids), len(ids) - len(set(ids))
    assert 0 < len(lost) == twice < 29
    swapped = sum(ids[k] == truth[k - 1] and ids[k - 1] == truth[k] for k in range(100, 3000, 100))
    assert swapped == 29 - twice


def test_one_query_misses_what_another_finds():
    standin = Standin(World(photos=2000, seed=4, odd=0), behaviour=Behaviour(missing=0.1))
    found = []
    for sort in ("date-posted-asc", "relevance"):
        ids: set[str] = set()
        for page in range(1, 5):
            asked = {"text": "faces", "sort": sort, "per_page": 500, "page": page}
            ids |= {row["id"] for row in standin.search(asked)["photos"]["photo"]}
        found.append(ids)
    assert all(1700 < len(ids) < 1880 for ids in found)
    assert 1570 < len(found[0] & found[1]) < 1680  # independent: 0.9 * 0.9 of all


# Images and time


def test_bytes_have_the_size_that_the_search_tells_and_are_distinct(standin: Standin):
    asked = {"text": "faces", "extras": EXTRAS, "per_page": 500, "license": "4"}
    rows = standin.search(asked)["photos"]["photo"]
    wide = [row for row in rows if row.get("o_width") and row.get("url_l")]
    same = [row for row in wide if (row["width_l"], row["height_l"]) == (1024, 768)][:2]
    bodies = [fetched(row["url_l"])[2] for row in same]
    assert len(set(bodies)) == 2
    assert [cv2.imdecode(np.frombuffer(b, np.uint8), 1).shape for b in bodies] == [
        (768, 1024, 3)
    ] * 2
    row = same[0]
    small = cv2.imdecode(np.frombuffer(fetched(row["url_m"])[2], np.uint8), 1)
    assert small.shape[:2] == (row["height_m"], row["width_m"]) == (375, 500)
    assert bodies[0].endswith(b"\xff\xd9") and bodies[0].startswith(b"\xff\xd8")


def test_private_photos_leave_search_info_and_image_host_at_their_time():
    with Standin(World(photos=60, seed=1, odd=0), gone=410, behaviour=EXACT) as standin:
        row = one_with(standin, license="4,5")
        at = int(standin.clock) + 50 * 365 * 86_400
        standin.change(row["id"], private=at, deleted=NEVER)
        assert fetched(row["url_l"])[0] == 200
        standin.set_clock(at)
        assert int(row["id"]) not in standin.matching(text="faces")
        info = searched(standin, method="flickr.photos.getInfo", photo_id=row["id"])
        assert info["code"] == 1
        assert fetched(row["url_l"])[0] == 410


def test_new_secret_kills_the_old_address_and_getsizes_knows_the_new_one():
    rule = Fault("secret", path=r"_b\.jpg", nth=1)
    with Standin(World(photos=60, seed=1, odd=0), faults=[rule]) as standin:
        row = one_with(standin, license="4,5")
        assert fetched(row["url_l"])[0] == 404
        reply = searched(standin, method="flickr.photos.getSizes", photo_id=row["id"])
        new = next(s["source"] for s in reply["sizes"]["size"] if s["label"] == "Large")
        assert new != row["url_l"] and fetched(new)[0] == 200


def test_licence_changes_between_search_and_getinfo():
    with Standin(World(photos=60, seed=1), faults=[Fault("relicense", "getInfo", 6)]) as standin:
        row = one_with(standin, license="4")
        info = searched(standin, method="flickr.photos.getInfo", photo_id=row["id"])["photo"]
        method = "flickr.photos.licenses.getLicenseHistory"
        history = searched(standin, method=method, photo_id=row["id"])["license_history"]
    assert (row["license"], info["license"]) == ("4", "6")
    assert history[-1]["new_license"] == "CC BY-ND 2.0"


def test_originals_tell_the_place_and_other_sizes_do_not(standin: Standin):
    row = one_with(standin, license="4,5")
    sizes = searched(standin, method="flickr.photos.getSizes", photo_id=row["id"])["sizes"]["size"]
    assert b"Exif" not in fetched(row["url_m"])[2]
    original = next(s["source"] for s in sizes if s["label"] == "Original")
    assert b"Exif" in fetched(original)[2][:400]


# Faults


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (Fault("429", value=2), (429, "2")),
        (Fault("429", value="86400"), (429, "86400")),
        (Fault("429", value="soon"), (429, "soon")),
        (Fault("403"), (403, None)),
        (Fault("418"), (418, None)),
        (Fault("503"), (503, None)),
        (Fault("410"), (410, None)),
    ],
)
def test_statuses_hit_images_and_calls_alike(fault: Fault, expected: tuple[int, str | None]):
    with Standin(World(photos=60, seed=1, odd=0), faults=[fault]) as standin:
        for url in (standin.rest_url, f"{standin.image_base}/1/2_0123456789_b.jpg"):
            status, headers, _ = fetched(url)
            assert (status, headers["Retry-After"]) == expected


def test_retry_after_can_be_a_date():
    with Standin(World(photos=10), faults=[Fault("429", value="date+90")], now=lambda: 0.0) as s:
        assert fetched(s.rest_url)[1]["Retry-After"] == "Thu, 01 Jan 1970 00:01:30 GMT"


@pytest.mark.parametrize(
    ("kind", "location"),
    [
        ("placeholder", "{base}/pw/images/en-us/photo_unavailable.png"),
        ("loop", "{url}"),
        ("foreign", "https://www.example.org/1/2_0123456789_b.jpg"),
        ("file", "file:///etc/hostname"),
        ("private", "http://169.254.169.254/latest/"),
    ],
)
def test_redirects_lead_where_they_should_not(kind: str, location: str):
    with Standin(World(photos=10), faults=[Fault(kind)]) as standin:
        url = f"{standin.image_base}/1/2_0123456789_b.jpg"
        status, headers, _ = fetched(url)
        assert (status, headers["Location"]) == (
            302,
            location.format(base=standin.image_base, url=url),
        )


@pytest.fixture(scope="module")
def broken() -> Iterator[tuple[Standin, dict[str, Any], bytes]]:
    """A server, a row, and the whole bytes of its picture."""
    with Standin(World(photos=60, seed=1, odd=0)) as standin:
        row = one_with(standin, license="4,5")
        yield standin, row, fetched(row["url_l"])[2]


Broken = tuple[Standin, dict[str, Any], bytes]


@pytest.mark.parametrize("kind", ["truncated", "truncated_chunked"])
def test_told_lengths_betray_a_short_body(broken: Broken, kind: str):
    standin, row, _ = broken
    standin.set_faults([Fault(kind)])
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        requests.get(row["url_l"], timeout=10)


def test_a_short_body_ended_by_closing_looks_whole(broken: Broken):
    standin, row, whole = broken
    standin.set_faults([Fault("truncated_close", value=0.25)])
    answer = requests.get(row["url_l"], timeout=10)
    assert answer.content == whole[: len(whole) // 4]
    assert "x-ttdb-l" not in answer.headers


@pytest.mark.parametrize(
    ("kind", "begins", "content_type"),
    [
        ("html_image", b"<html>", "image/jpeg"),
        ("png", b"\x89PNG", "image/jpeg"),
        ("gif", b"GIF8", "image/jpeg"),
        ("zero", b"", "image/jpeg"),
        ("wrong_type", b"\xff\xd8", "text/html"),
    ],
)
def test_what_is_no_jpeg_comes_as_one(broken: Broken, kind: str, begins: bytes, content_type: str):
    standin, row, _ = broken
    standin.set_faults([Fault(kind)])
    status, headers, body = fetched(row["url_l"])
    assert (status, headers["Content-Type"]) == (200, content_type)
    assert body.startswith(begins) and (begins or body == b"")


def test_opt_out_headers_exif_and_equal_bytes(broken: Broken):
    standin, row, whole = broken
    standin.set_faults([Fault("robots", value="facecurate: noai"), Fault("exif")])
    _, headers, body = fetched(row["url_l"])
    assert headers["X-Robots-Tag"] == "facecurate: noai"
    assert b"Exif" in body[:200] and len(body) == int(headers["x-ttdb-l"]) > len(whole)
    standin.set_faults([Fault("same_bytes")])
    assert fetched(row["url_l"])[2] == fetched(row["url_c"])[2]


def test_reset_hang_and_drip_break_the_connection(broken: Broken):
    standin, row, _ = broken
    standin.set_faults([Fault("reset", nth=1), Fault("hang", nth=2), Fault("drip", value=0.05)])
    with pytest.raises(requests.ConnectionError):
        requests.get(row["url_l"], timeout=5)
    with pytest.raises(requests.exceptions.ReadTimeout):
        requests.get(row["url_l"], timeout=0.2)
    with requests.get(row["url_l"], timeout=5, stream=True) as slow:
        began = time.monotonic()
        assert len(slow.raw.read(8)) == 8
        assert time.monotonic() - began > 0.25


def test_a_bomb_and_a_huge_image_go_on(broken: Broken):
    standin, row, _ = broken
    standin.set_faults([Fault("gzip_bomb")])
    status, headers, body = fetched(row["url_l"])
    assert (status, headers["Content-Encoding"]) == (200, "gzip") and len(body) < 2 << 20
    standin.set_faults([Fault("huge")])
    with requests.get(row["url_l"], timeout=5, stream=True) as huge:
        assert sum(len(huge.raw.read(1 << 20)) for _ in range(60)) == 60 << 20


def test_json_can_end_in_the_middle_or_have_a_comma_too_many(broken: Broken):
    standin, _, _ = broken
    for kind in ("truncated_json", "fragment"):
        standin.set_faults([Fault(kind)])
        _, headers, body = called(standin, text="faces", format="json", nojsoncallback=1)
        with pytest.raises(json.JSONDecodeError):
            json.loads(body)
    assert headers["Content-Type"] == "text/xml; charset=utf-8" and body.endswith(b'",}')


@pytest.mark.parametrize("code", [0, 10, 77, 95, 105, 106, 114, 116, 201])
def test_any_code_can_be_answered(broken: Broken, code: int):
    standin, _, _ = broken
    standin.set_faults([Fault("code", value=code)])
    assert searched(standin, text="faces")["code"] == code


def test_pages_can_lie():
    world = World(photos=400, seed=1, odd=0)
    standin = Standin(world, behaviour=EXACT)
    asked = {"text": "faces", "sort": "date-posted-asc", "per_page": 50}
    pages = [standin.search({**asked, "page": n}) for n in (1, 2, 3)]
    standin.set_faults([Fault("same_page", path=r"page=2\b"), Fault("total_drift", r"page=3\b", 2)])
    assert standin.search({**asked, "page": 2})["photos"]["photo"] == pages[0]["photos"]["photo"]
    assert standin.search({**asked, "page": 3})["photos"]["total"] == 800
    standin.set_faults([Fault("two_windows", value=2)])
    bound = {"max_upload_date": int(world.uploaded[99])}
    rows = standin.search({**asked, **bound})["photos"]["photo"]
    assert [int(row["id"]) for row in rows[-2:]] == world.ids[100:102].tolist()


def test_photos_vanish_and_appear_in_the_middle_of_a_walk():
    faults = [Fault("vanish", r"page=2\b", 3, nth=1), Fault("appear", r"page=3\b", 5, nth=1)]
    standin = Standin(World(photos=400, seed=1, odd=0), faults=faults, behaviour=EXACT)
    asked = {"text": "faces", "sort": "date-posted-asc", "per_page": 50}
    totals = [standin.search({**asked, "page": n})["photos"]["total"] for n in (1, 2, 3)]
    assert totals == [395, 392, 397]


# Rules


def test_a_chance_is_drawn_once_for_each_address_and_spares_later_tries():
    standin = Standin(World(photos=10), faults=[Fault("503", p=0.3, tries=2, seed=7)])
    paths = [f"/1/{n}_0123456789_b.jpg" for n in range(200)]
    seen = [[standin.image(path).status for path in paths] for _ in range(3)]
    assert seen[0] == seen[1] and 40 < seen[0].count(503) < 80
    assert set(seen[2]) == {404}


def test_rules_count_matches():
    faults = [Fault("503", nth=(2, 3)), Fault("502", every=4), Fault("500", path="_z", times=1)]
    standin = Standin(World(photos=10), faults=faults)
    got = [standin.image(f"/1/{n}_0123456789_b.jpg").status for n in range(8)]
    assert got == [404, 503, 503, 502, 404, 404, 404, 502]
    assert [standin.image("/1/2_0123456789_z.jpg").status for _ in range(2)] == [500, 404]


def test_an_unknown_fault_is_refused():
    with pytest.raises(ValueError, match="no fault 'typo'"):
        Standin(World(photos=10), faults=[Fault("typo")])


# Limits


@pytest.mark.parametrize(
    ("over", "expected"),
    [
        ("429", [200, 200, 429, 429]),
        ("201", [200, 200, 201, 201]),
        ("latency", [200] * 4),
        ("expire", [200, 200, 429, 429, 429, 100, 100]),
    ],
)
def test_calls_beyond_the_hour_are_punished(over: str, expected: list[int]):
    now = [0.0]
    rate = Rate(per_hour=2, over=over, latency=0.01)
    with Standin(World(photos=10), rate=rate, now=lambda: now[0]) as standin:
        seen = []
        for _ in expected:
            status, _, body = called(standin, text="faces", format="json", nojsoncallback=1)
            seen.append(json.loads(body).get("code", 200) if status == 200 else status)
        now[0] += 3601
        status, _, body = called(standin, text="faces", format="json", nojsoncallback=1)
    assert seen == expected
    if over == "expire":
        assert b"Key has expired" in body
    else:
        assert (status, b'"stat":"ok"' in body) == (200, True)


def test_images_have_a_limit_of_their_own_by_user_agent():
    now = [0.0]
    rate = Rate(images_per_second=1.0, burst=2)
    with Standin(World(photos=10), rate=rate, now=lambda: now[0]) as standin:
        url = f"{standin.image_base}/1/2_0123456789_b.jpg"
        assert [fetched(url, **{"User-Agent": "a"})[0] for _ in range(3)] == [404, 404, 429]
        assert fetched(url, **{"User-Agent": "b"})[0] == 404
        now[0] += 1
        assert fetched(url, **{"User-Agent": "a"})[0] == 404
        assert called(standin, text="faces")[0] == 200


# The server


def test_requests_are_logged_and_controlled_from_outside(standin: Standin):
    before = len(standin.requests)
    called(standin, text="faces", page=2)
    last = standin.requests[-1]
    assert len(standin.requests) == before + 1
    assert (last.host, last.method, last.params["page"]) == ("api", "flickr.photos.search", "2")
    counters = json.loads(fetched(standin.control_url + "counters")[2])
    assert counters["high_water"]["api"] >= 1 and counters["keys"][standin.key] > 0
    moved = urllib.request.Request(standin.control_url + "clock?t=1300000000", method="POST")
    with PLAIN.open(moved, timeout=5) as answer:
        assert json.loads(answer.read()) == {"clock": 1300000000.0}
    assert max(standin.world.uploaded[standin.world.index(n)] for n in standin.matching(
        text="faces")) <= 1300000000  # fmt: skip
    standin.set_clock(standin.world.end)


def test_robots_txt_is_the_one_that_was_given():
    with Standin(World(photos=10), robots={"images": "User-agent: *\nDisallow: /\n"}) as standin:
        assert fetched(standin.image_base + "/robots.txt")[2] == b"User-agent: *\nDisallow: /\n"
        api = standin.rest_url.replace("/services/rest/", "/robots.txt")
        assert fetched(api)[2] == b"User-agent: *\nDisallow:\n"


def test_rules_reach_robots_txt_only_by_its_name():
    with Standin(World(photos=10), faults=[Fault("500"), Fault("503", path="robots")]) as standin:
        assert fetched(standin.image_base + "/robots.txt")[0] == 503
        standin.set_faults([Fault("500")])
        assert fetched(standin.image_base + "/robots.txt")[0] == 200


def test_the_busiest_hour_is_found_wherever_it_lies():
    now = [0.0]
    standin = Standin(World(photos=10), now=lambda: now[0])
    for at in (0, 3000, 3590, 3601, 6599, 9000):
        now[0] = at
        standin.search({"text": "faces"})
    assert [standin.busiest(seconds, "call") for seconds in (1, 3600, 100_000)] == [1, 4, 6]


def test_in_process_and_http_tell_the_same(standin: Standin):
    asked = {"text": "faces", "extras": EXTRAS, "per_page": "40", "page": "2"}
    assert searched(standin, **asked) == standin.search(asked)


def test_it_runs_by_hand(tmp_path: Path):
    faults = tmp_path / "faults.json"
    faults.write_text('[{"kind": "code", "value": 105, "path": "photos.search", "nth": 2}]')
    command = [sys.executable, "-m", "tests.flickr_standin", "--photos", "50", "--faults", faults]
    running = subprocess.Popen(command, cwd=PACKAGE.parents[1], stdout=subprocess.PIPE, text=True)
    try:
        url = running.stdout.readline().split()[1]
        asked = f"{url}?method=flickr.photos.search&text=faces&format=json&nojsoncallback=1"
        replies = [json.loads(fetched(f"{asked}&api_key={'a' * 32}")[2]) for _ in range(2)]
        assert replies[0]["stat"] == "ok" and replies[1]["code"] == 105
    finally:
        running.terminate()
        running.communicate(timeout=10)


def test_a_large_world_is_quick():
    began = time.process_time()
    standin = Standin(World(photos=60_000, seed=1, bursts=4))
    assert time.process_time() - began < 3
    asked = {"text": "faces", "license": "4,5,9", "per_page": 500, "extras": "license,date_upload"}
    standin.search(asked)
    began = time.process_time()
    for page in range(20):
        low = standin.world.start + page * 86_400 * 300
        standin.search({**asked, "min_upload_date": low, "max_upload_date": low + 86_400 * 300})
    assert (time.process_time() - began) / 20 < 0.02
