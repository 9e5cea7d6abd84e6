"""The dataset card that lies beside the shards."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from facecurate.cards import words
from facecurate.cards.tally import SPREADS
from facecurate.text import counted, markdown

_TITLES = {
    "size": "Size (pixels of the photo)",
    "sharpness": "Sharpness (% of the contrast)",
    "brightness": "Brightness (mean luma)",
    "contrast": "Contrast (standard deviation of luma)",
    "yaw": "Turned to a side (yaw, degrees)",
    "pitch": "Looking up or down (pitch, degrees)",
    "roll": "Leaning (roll, degrees)",
}

_APART = "No picture, no copy of it and no person whom the sources tell apart is in two of them."


def dataset_card(facts: Mapping[str, Any]) -> str:
    """Markdown with the YAML front matter that data hubs read.

    ``facts`` is the content of ``dataset.json``. Every word that came from outside is escaped.
    """
    body = [
        f"# {markdown(facts['name'])}",
        _opening(facts),
        "## How it was made",
        "\n".join(f"- {step}: {markdown(state)}" for step, state in facts["steps"].items()),
        *_parts(facts),
        *_compared(facts),
        "## What was left out",
        _table("reason", facts["stats"]["faces"]["dropped"]),
        *_emptied(facts),
        "## Sources",
        _table("imported as", facts["sources"]),
        "## Licences and attribution",
        _table("licence", facts["licenses"]),
        f"{counted(facts['credited'], 'sample')} of {facts['samples']:,} name their author and the "
        "page of the photo in `KEY.json`: name both, and the licence, wherever a picture is shown.",
        "## Quality and pose",
        *(_spread(column, bins) for column, bins in facts["spread"].items()),
        "## Intended use",
        words.INTENDED,
        "## Limits of use",
        words.OUT_OF_SCOPE,
        words.BIASES,
        "## Removal",
        words.REMOVAL,
    ]
    return "\n".join(_front(facts)) + "\n\n" + "\n\n".join(body) + "\n"


def _front(facts: Mapping[str, Any]) -> Iterator[str]:
    """YAML, each value as JSON, which is YAML."""
    licenses = words.hub_licenses(list(facts["licenses"]))
    tags = ["faces", "webdataset", *(["rendered"] if _rendered(facts) else [])]
    files = [{"split": name, "path": f"{name}-*.tar"} for name in facts["splits"]]
    yield "---"
    yield f"pretty_name: {json.dumps(str(facts['name']))}"
    yield f"license: {json.dumps(licenses[0] if len(licenses) == 1 else licenses)}"
    yield 'task_categories: ["image-feature-extraction"]'
    yield f"size_categories: {json.dumps([words.size_category(facts['samples'])])}"
    yield f"tags: {json.dumps(tags)}"
    yield f"configs: {json.dumps([{'config_name': 'default', 'data_files': files}])}"
    yield "---"


def _rendered(facts: Mapping[str, Any]) -> bool:
    return set(facts["origins"]) == {"rendered"}


def _opening(facts: Mapping[str, Any]) -> str:
    kind = "Rendered faces: no person is shown." if _rendered(facts) else "Crops of faces."
    splits = ", ".join(f"`{name}` {count:,}" for name, count in facts["splits"].items())
    line = (
        f"{kind} {facts['samples']:,} samples in {counted(len(facts['shards']), 'tar file')} "
        "(WebDataset: `KEY.jpg` and `KEY.json`)."
    )
    if len(facts["splits"]) < 2:
        return line
    return f"{line} Splits: {splits}. {_APART}"


def _parts(facts: Mapping[str, Any]) -> list[str]:
    """What a mixture is made of, and what is missing of it."""
    if "parts" not in facts:
        return []
    lines = [_table("part", facts["parts"])]
    if facts.get("missing_parts"):
        missing = ", ".join(map(markdown, facts["missing_parts"]))
        lines.append(f"Missing: {missing}. Results with other parts are not comparable.")
    return lines


def _compared(facts: Mapping[str, Any]) -> list[str]:
    """What the certificates say about each evaluation set, and what its owners say."""
    found = list(_certificates(facts.get("decontaminated")))
    known = [markdown(sentence, 500) for sentence in facts.get("known_overlaps", [])]
    known += [
        f"{markdown(name)}: {markdown(sentence, 500)}"
        for one in found
        for name, told in one["against"].items()
        for sentence in told["known"]
    ]
    rows = [row for one in found for row in _compared_rows(one)]
    head = "| evaluation set | photos | faces | photos in common | faces in common | list |"
    lines = ["## Compared with evaluation sets"]
    if rows:
        lines += [
            "What equals a picture of theirs, also mirrored or cut, was left out here "
            "(`dataset.json` has thresholds and digests).",
            "\n".join([head, "|---|---|---|---|---|---|", *rows]),
        ]
    else:
        lines.append("Not compared: pictures of evaluation sets may be in it.")
    return [*lines, *_listed("Known from their owners:", list(dict.fromkeys(known)))]


def _certificates(told: Any) -> Iterator[Mapping[str, Any]]:
    """One of a dataset, or one of each part of a mixture, where there is one."""
    for one in told if isinstance(told, Sequence) else [told]:
        if one is not None:
            yield one


def _compared_rows(certificate: Mapping[str, Any]) -> list[str]:
    return [
        f"| {markdown(name)} | {told['photos']:,} | {told['faces']:,} "
        f"| {sum(told['photos_found'].values()):,} | {sum(told['faces_found'].values()):,} "
        f"| `{told['photos_sha256'][:16]}` |"
        for name, told in certificate["against"].items()
    ]


def _listed(head: str, lines: Sequence[str]) -> list[str]:
    return [head, "\n".join(f"- {line}" for line in lines)] if lines else []


def _emptied(facts: Mapping[str, Any]) -> list[str]:
    if not facts["emptied"]:
        return []
    return [
        f"{counted(facts['emptied'], 'sample')} were taken down since the tars were first written; "
        "their slots in `index.parquet` are empty, so that the order of all others is as it was."
    ]


def _spread(column: str, bins: Sequence[int]) -> str:
    """One row a column would be too wide: a table of bins and faces each."""
    edges = [f"{edge:g}" for edge in SPREADS[column]]
    names = [f"below {edges[0]}"]
    names += [f"{a} to {b}" for a, b in itertools.pairwise(edges)]
    names += [f"{edges[-1]} and more", "not known"]
    counts = dict(zip(names, bins, strict=True))
    if not counts["not known"]:
        del counts["not known"]
    return _table(_TITLES[column], counts)


def _table(head: str, counts: Mapping[str, int]) -> str:
    rows = [f"| {markdown(name)} | {count:,} |" for name, count in counts.items()]
    return "\n".join([f"| {head} | faces |", "|---|---|", *(rows or ["| none | 0 |"])])
