"""The dataset card that lies beside the shards."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from facecurate.text import markdown

_OUT_OF_SCOPE = """\
Not for recognising or identifying people, not for inferring emotion at work or in education, not
for sorting people by protected traits. Labels of expression describe what is visible, not what
someone feels. Whoever is in a picture may ask for its removal: write to whoever gave you this
dataset, with the page address or the photo id.
"""


def dataset_card(summary: Mapping[str, Any]) -> str:
    """Markdown with the YAML front matter that data hubs read.

    ``summary`` is the content of ``dataset.json``. Every word that came from outside is escaped.
    """
    name = markdown(summary["name"])
    rendered = set(summary["origins"]) == {"rendered"}
    front = [
        "---",
        f"pretty_name: {json.dumps(str(summary['name']))}",
        "task_categories: [image-feature-extraction]",
        f"tags: {json.dumps(['faces', 'webdataset', *(['rendered'] if rendered else [])])}",
        "---",
    ]
    kind = "Rendered faces: no person is shown." if rendered else "Crops of faces."
    body = [
        f"# {name}",
        f"{kind} {summary['samples']:,} samples in {len(summary['shards'])} tar files "
        "(WebDataset: `KEY.jpg` and `KEY.json`).",
        "## How it was made",
        *(f"- {step}: {markdown(state)}" for step, state in summary["steps"].items()),
        *_compared(summary.get("decontaminated")),
        "## What was left out",
        _table("reason", summary["stats"]["faces"]["dropped"]),
        "## Licences",
        _table("licence", summary["licenses"]),
        "## Limits of use",
        _OUT_OF_SCOPE,
    ]
    return "\n".join(front) + "\n\n" + "\n\n".join(body) + "\n"


def _compared(certificate: Mapping[str, Any] | None) -> list[str]:
    """What the certificate says about each evaluation set; nothing where there is none."""
    if certificate is None:
        return []
    rows = [
        f"| {markdown(name)} | {told['photos']:,} | {told['faces']:,} "
        f"| {sum(told['photos_found'].values()):,} | {sum(told['faces_found'].values()):,} "
        f"| `{told['photos_sha256'][:16]}` |"
        for name, told in certificate["against"].items()
    ]
    known = [
        f"- {markdown(name)}: {markdown(sentence)}"
        for name, told in certificate["against"].items()
        for sentence in told["known"]
    ]
    head = "| evaluation set | photos | faces | photos in common | faces in common | list |"
    table = "\n".join([head, "|---|---|---|---|---|---|", *rows])
    return [
        "## Compared with evaluation sets",
        "What equals a picture of theirs, also mirrored or cut, was left out here "
        "(`dataset.json` has thresholds and digests).",
        table,
        *(["Known from their owners:\n\n" + "\n".join(known)] if known else []),
    ]


def _table(head: str, counts: Mapping[str, int]) -> str:
    rows = [f"| {markdown(name)} | {count:,} |" for name, count in counts.items()]
    return "\n".join([f"| {head} | faces |", "|---|---|", *(rows or ["| none | 0 |"])])
