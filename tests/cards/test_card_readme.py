"""What came from outside stays text on a card, and the front matter is YAML."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from facecurate.cards.readme import dataset_card
from facecurate.cards.tally import tally_of
from facecurate.cards.words import hub_licenses, size_category

HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "{{ 7 * 7 }}{% raw %}",
    "[red]\x1b[31m\0",
    "\u202egpj.exe",
    "../../etc/passwd",
    "</title></style><b>",
    "javascript:alert(1)",
    "x" * 10_000,
    "\ud800 half a character",
    "a | b\n| c | d\n# heading\n---",
    "![i](http://127.0.0.1/x) [l](http://127.0.0.1)",
    "a: &b *c\n- d",
]


def facts(text: str = "mine", **other: Any) -> dict[str, Any]:
    counted = tally_of([{"origin": "collected", "license": text, "photo_id": f"{text}-1"}])
    del counted["samples"]
    certificate = {
        "against": {
            text: {
                "photos": 1,
                "faces": 1,
                "photos_found": {text: 1},
                "faces_found": {},
                "photos_sha256": "0" * 64,
                "known": [text],
            }
        }
    }
    told = {
        "name": text,
        "samples": 1234,
        "slots": 1235,
        "emptied": 1,
        "splits": {"train": 1234},
        "shards": {"train-000000.tar": "00"},
        "steps": {"dedupe": text},
        "stats": {"faces": {"taken": 2, "kept": 1, "dropped": {text: 1}}},
        "parts": {text: 1},
        "missing_parts": [text],
        "known_overlaps": [text],
        "decontaminated": certificate,
    }
    return {**counted, **told, **other}


def parts(card: str) -> tuple[str, str]:
    _, front, body = card.split("---\n", 2)
    return front, body


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_a_hostile_string_is_text_in_a_card(text: str) -> None:
    front, body = parts(dataset_card(facts(text)))
    plain_front, plain = parts(dataset_card(facts()))
    structure = r"^(#+ |\||- |---|```|>)"
    assert len(re.findall(structure, body, re.M)) == len(re.findall(structure, plain, re.M))
    assert "\x1b" not in body and "\0" not in body and "\u202e" not in body
    unescaped = re.sub(r"\\.|`[\w*.]+`|`facecurate takedown`", "", body)
    assert not re.search(r"[<>\[\]]|https?:", unescaped)
    assert len(front.splitlines()) == len(plain_front.splitlines())


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_the_front_matter_is_yaml_with_what_hubs_read(text: str) -> None:
    yaml = pytest.importorskip("yaml", reason="not installed: run 'make test'")
    front = yaml.safe_load(parts(dataset_card(facts(text)))[0])
    assert front == {
        "pretty_name": text,
        "license": "other",
        "task_categories": ["image-feature-extraction"],
        "size_categories": ["1K<n<10K"],
        "tags": ["faces", "webdataset"],
        "configs": [
            {
                "config_name": "default",
                "data_files": [{"split": "train", "path": "train-*.tar"}],
            }
        ],
    }


def test_licences_get_the_words_of_the_hubs() -> None:
    assert hub_licenses(["CC-BY-SA-2.0", "CC0-1.0"]) == ["cc-by-sa-2.0", "cc0-1.0"]
    assert hub_licenses(["LicenseRef-us-gov", "unknown"]) == ["other", "unknown"]


@pytest.mark.parametrize(
    ("samples", "word"),
    [(0, "n<1K"), (1000, "1K<n<10K"), (999_999, "100K<n<1M"), (10**6, "1M<n<10M")],
)
def test_a_size_has_the_hubs_word(samples: int, word: str) -> None:
    assert size_category(samples) == word


def test_a_rendered_dataset_says_so() -> None:
    card = dataset_card(facts(origins={"rendered": 3}))
    tags = re.search(r"^tags: (.*)$", card, re.M)
    assert tags and "no person is shown" in card and "rendered" in json.loads(tags[1])
    mixed = dataset_card(facts(origins={"rendered": 3, "collected": 1}))
    assert "no person is shown" not in mixed


def test_a_card_says_what_it_is_for_what_not_and_how_to_ask_for_removal() -> None:
    card = dataset_card(facts())
    for words in (
        "For research on representations of faces",
        "Not for recognising or identifying people",
        "may ask for its removal",
        "1,234 samples",
        "1 sample were taken down",
    ):
        assert words in card or words.replace("1 sample were", "1 sample was") in card


def test_a_dataset_that_was_not_compared_says_so() -> None:
    card = dataset_card(facts(decontaminated=None))
    assert "Not compared: pictures of evaluation sets may be in it." in card
    assert "Not compared" not in dataset_card(facts())
