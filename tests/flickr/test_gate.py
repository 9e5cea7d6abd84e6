"""The gate: what is left alone before anything is fetched, and why."""

from __future__ import annotations

from dataclasses import replace

import pytest

from facecurate.flickr.gate import MINORS, GateSettings, _plain, refuse
from facecurate.flickr.licenses import LICENSES, SETS
from facecurate.flickr.rows import parse
from facecurate.records import REASONS

ALL = frozenset(range(-5, 99))
PHOTO = parse({
    "id": "1", "owner": "1@N00", "license": 4, "dateupload": 1, "media": "photo", "title": "A face",
    "tags": "portrait woman", "content_type": "0", "safety_level": "0", "ispublic": 1,
})  # fmt: skip


def reason(**changes):
    return refuse(replace(PHOTO, **changes), SETS["open"])


def test_an_open_photo_passes():
    assert reason() is None
    assert reason(media=None, content_type=None, safety_level=None) is None


@pytest.mark.parametrize("id", [0, 3, 6, 13, 16, 17, 99, -1])
def test_no_wish_of_the_user_opens_these_licenses(id):
    assert refuse(replace(PHOTO, license_id=id), ALL) == "license"


def test_only_the_licenses_asked_for_pass():
    passed = {id for id in LICENSES if reason(license_id=id) is None}
    assert passed == SETS["open"]


@pytest.mark.parametrize(
    "changes, why",
    [({"media": "video"}, "not_a_photo"), ({"content_type": 1}, "not_a_photo"),
     ({"content_type": 2}, "not_a_photo"), ({"content_type": 3}, "not_a_photo"),
     ({"safety_level": 1}, "not_safe"), ({"safety_level": 2}, "not_safe"),
     ({"public": False}, "not_public")],
)  # fmt: skip
def test_only_safe_public_photos_pass(changes, why):
    assert reason(**changes) == why


@pytest.mark.parametrize(
    "tag", ["nocv", "no_cv", "NO_CV", "no-cv", "NoCV", "ｎｏ_ｃｖ", "no\u200bcv", "noai", "no_ml"]
)
def test_an_owner_may_opt_out_by_a_tag(tag):
    assert reason(tags=("face", tag)) == "no_cv"


@pytest.mark.parametrize("tag", ["no:cv=1", "optout:nocv=true", "dataset:use=no_cv", "x:y=nocv"])
def test_an_owner_may_opt_out_by_a_machine_tag(tag):
    assert reason(machine_tags=("geo:x=1", tag)) == "no_cv"


@pytest.mark.parametrize(
    "text", ["Please: no_cv!", "#nocv", "<b>NO_CV</b>", "no-cv", "No CV, please", "a\nno_cv\nb"]
)
def test_an_owner_may_opt_out_in_the_text(text):
    assert reason(description=text) == "no_cv" and reason(title=text) == "no_cv"


@pytest.mark.parametrize("tag", ["nocvet", "piano", "novice", "cv", "no", "casinocv2"])
def test_other_words_are_no_opt_out(tag):
    assert reason(tags=(tag,)) is None
    assert reason(description=f"about {tag} here") is None


@pytest.mark.parametrize(
    "title",
    ["My baby", "KIDS at play", "Children's day", "Baby's first smile", "a Toddler", "Little girl",
     "little-boy", "school_photo", "Ein Säugling", "el niño", "Дети", "子供の日", "小朋友们",
     "3 years old", "7yo", "12-year-old", "aged 6 months old", "6 weeks old", "Sa\u0308ugling",
     "ki\u200bds", "teen"],
)  # fmt: skip
def test_titles_that_speak_of_children_are_left_alone(title):
    assert reason(title=title) == "minors"


@pytest.mark.parametrize(
    "tag",
    ["baby", "kids", "schoolgirl", "littlegirl", "newborn", "enfants", "5yearsold", "Children"],
)
def test_tags_that_speak_of_children_are_left_alone(tag):
    assert reason(tags=("face", tag)) == "minors"
    assert reason(machine_tags=(f"people:age={tag}",)) == "minors"


@pytest.mark.parametrize(
    "word",
    ["kidney", "scholar", "babylon", "childe", "skid", "Kidderminster", "oldschool", "teensy",
     "girl", "woman", "30 years old", "18yo", "21 year old", "1.5 years oldest", "babel"],
)  # fmt: skip
def test_other_words_are_not_taken_for_them(word):
    assert reason(title=f"A {word} here", tags=(word.replace(" ", ""),)) is None


def test_a_description_may_speak_of_children():
    assert reason(description="My children like it") is None


def test_minors_are_excluded_unless_told_otherwise():
    kid = replace(PHOTO, title="kid")
    assert refuse(kid, SETS["open"], GateSettings(exclude_minors=False)) is None
    out = replace(kid, tags=("nocv",))
    assert refuse(out, SETS["open"], GateSettings(exclude_minors=False)) == "no_cv"


def test_the_words_are_in_the_form_in_which_they_are_compared():
    assert all(_plain(word) == word and word.isalpha() for word in MINORS)


def test_every_reason_is_of_the_closed_list():
    said = {"license", "not_public", "not_a_photo", "not_safe", "no_cv", "minors"}
    assert said <= REASONS.keys()


@pytest.mark.parametrize(
    "text",
    ["NoAI", "no ai please", "No AI training.", "#noai", "no-ml", "no machine learning",
     "No\u2011facial\u2011recognition", "please do not train on this", "(no computer vision)",
     "nofacerecognition", "no_tdm"],
)  # fmt: skip
def test_every_opt_out_counts_in_the_text_too(text):
    assert reason(description=text) == "no_cv" and reason(title=text) == "no_cv"


@pytest.mark.parametrize(
    "text",
    ["volcano ai", "no aim", "piano, airport", "no. AI", "casino ML", "no machine learnings2",
     "I know machine learning", "do not trainspot", "no fair use"],
)  # fmt: skip
def test_words_that_only_begin_or_end_so_are_no_opt_out_in_the_text(text):
    assert reason(description=text) is None and reason(title=text) is None
