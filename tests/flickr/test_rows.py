"""Rows of a search in all the types they came in."""

from __future__ import annotations

import pytest

from facecurate.flickr import rows
from facecurate.flickr.rows import RowError, Size, page_url, parse, pick_size

MODERN = {
    "id": "53624890009", "owner": "105731165@N07", "secret": "5cd918efcd", "server": "65535",
    "farm": 66, "title": "A café & more", "ispublic": 1, "isfriend": 0, "isfamily": 0,
    "license": "11", "description": {"_content": "By <b>me</b>"}, "dateupload": "1581318235",
    "lastupdate": "1581318300", "datetaken": "2020-02-10 09:38:16", "datetakengranularity": 0,
    "datetakenunknown": "0", "ownername": "Ann", "pathalias": None, "tags": "face portrait",
    "machine_tags": "a:b=c d:e=f", "media": "photo", "media_status": "ready", "content_type": "0",
    "safety_level": "0", "url_l": "https://live.staticflickr.com/65535/53624890009_5cd918efcd_b.jpg",
    "height_l": 683, "width_l": 1024,
    "url_m": "https://live.staticflickr.com/65535/53624890009_5cd918efcd.jpg", "height_m": 333,
    "width_m": 500, "o_width": "4000", "o_height": "2668",
}  # fmt: skip


def legacy(photo):
    """The same photo with numbers for strings and strings for numbers."""
    numbers = ("license", "dateupload", "lastupdate", "datetakenunknown", "id", "content_type")
    return (
        photo
        | {name: int(photo[name]) for name in numbers}
        | {"description": "By <b>me</b>", "title": {"_content": "A café & more"}}
        | {"width_l": "1024", "height_l": "683", "height_m": "333", "ispublic": "1"}
        | {"pathalias": ""}
    )


def row(**changes):
    photo = MODERN | changes
    return parse({name: value for name, value in photo.items() if value is not ...})


def test_a_modern_row_is_read():
    found = parse(MODERN)
    assert (found.photo_id, found.pool_id) == ("53624890009", "flickr-53624890009")
    assert (found.owner, found.owner_name, found.path_alias) == ("105731165@N07", "Ann", None)
    assert (found.title, found.description) == ("A café & more", "By <b>me</b>")
    assert (found.license_id, found.uploaded, found.updated) == (11, 1581318235, 1581318300)
    assert found.taken == "2020-02-10 09:38:16"
    assert (found.tags, found.machine_tags) == (("face", "portrait"), ("a:b=c", "d:e=f"))
    assert (found.media, found.content_type, found.safety_level, found.public) == (
        "photo", 0, 0, True,
    )  # fmt: skip
    assert (found.secret, found.server) == ("5cd918efcd", "65535")
    assert found.urls["l"] == Size(MODERN["url_l"], 1024, 683) and list(found.urls) == ["l", "m"]


def test_a_legacy_row_is_the_same_row():
    assert parse(legacy(MODERN)) == parse(MODERN)


def test_what_was_not_asked_for_is_unknown():
    bare = {k: MODERN[k] for k in ("id", "owner", "license", "dateupload")}
    found = parse(bare)
    assert (found.title, found.description, found.tags, found.machine_tags) == ("", "", (), ())
    assert found.media is found.content_type is found.safety_level is found.taken is None
    assert found.updated is None and found.public and found.urls == {}


@pytest.mark.parametrize(
    "changes",
    [{"id": ...}, {"id": "12/../3"}, {"id": "-1"}, {"id": ""}, {"id": "1" * 21}, {"id": 1.5},
     {"id": "١٢"}, {"owner": ...}, {"owner": "../x"}, {"owner": "12@N1\n"}, {"license": ...},
     {"license": "x"}, {"license": None}, {"license": "-1"}, {"dateupload": ...},
     {"dateupload": "yesterday"}, {"dateupload": ""}, {"lastupdate": []}, {"title": []},
     {"content_type": "photo"}],
)  # fmt: skip
def test_a_row_without_what_is_needed_is_an_error_that_names_it(changes):
    with pytest.raises(RowError, match=next(iter(changes))):
        row(**changes)


@pytest.mark.parametrize("photo", [None, [], "x", 3])
def test_no_object_is_no_row(photo):
    with pytest.raises(RowError):
        parse(photo)


@pytest.mark.parametrize(
    "changes",
    [{"datetaken": "0000-00-00 00:00:00"}, {"datetaken": "0000-01-01 00:00:00"},
     {"datetaken": "2020-02-30 00:00:00"}, {"datetaken": ...}, {"datetakenunknown": "1"},
     {"datetakenunknown": 1}],
)  # fmt: skip
def test_a_date_that_is_none_is_none(changes):
    assert row(**changes).taken is None


def test_strings_can_be_stored():
    found = row(title="a\ud800\x00b", ownername="\udfff")
    assert (found.title, found.owner_name) == (r"a\ud800b", r"\udfff")
    found.title.encode()


@pytest.mark.parametrize(
    "url",
    [
        None,
        7,
        "",
        "file:///etc/passwd",
        "//live.staticflickr.com/x.jpg",
        "https://a b/",
        "https://a/\n",
        "ftp://a/b",
        "https://é/",
    ],
)
def test_an_address_that_is_none_is_an_absent_size(url):
    assert list(row(url_l=url).urls) == ["m"]


@pytest.mark.parametrize("side", [..., None, "", "x", 0, "-3", 1 << 40, []])
def test_a_side_that_is_no_number_is_unknown(side):
    assert row(width_l=side).urls["l"][1:] == (None, 683)


# -- which size --------------------------------------------------------------------------------


def with_urls(urls):
    photo = {k: v for k, v in MODERN.items() if not k.startswith(("url_", "width_", "height_"))}
    for name, size in urls.items():
        photo |= {f"url_{name}": size.url, f"width_{name}": 1, f"height_{name}": 1}
    return parse(photo)


@pytest.mark.parametrize(
    "there, wanted, got",
    [("sq t s q m n z c l o", "l", "l"), ("m z c", "l", "c"), ("m z", "l", "z"), ("m", "l", "m"),
     ("s n w", "l", None), ("", "l", None), ("l o", "o", "o"), ("l m", "o", "l"),
     ("h k l", "h", "h"), ("k l", "h", "l"), ("l c z m", "z", "z"), ("l c m", "z", "m")],
)  # fmt: skip
def test_the_next_smaller_size_stands_in(there, wanted, got):
    found = pick_size(with_urls({n: Size(f"https://x/{n}", 1, 1) for n in there.split()}), wanted)
    assert (found and found.url) == (got and f"https://x/{got}")


def test_pages_are_found_by_ids_that_never_change():
    found = row(pathalias="ann")
    assert page_url(found) == "https://www.flickr.com/photos/105731165@N07/53624890009/"
    assert rows.owner_url(found) == "https://www.flickr.com/people/105731165@N07/"


def test_no_place_is_asked_for():
    assert "geo" not in rows.EXTRAS.split(",") and "url_l" in rows.EXTRAS.split(",")
