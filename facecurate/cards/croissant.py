"""``croissant.json``: the dataset in JSON-LD that catalogues and loaders read.

Croissant 1.0 (MLCommons 2024) with the fields of its RAI vocabulary that say where pictures of
people came from and what they may be used for.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from facecurate.cards import words
from facecurate.text import printable

_CR = "http://mlcommons.org/croissant/"
_TERMS = (
    "citeAs", "column", "equivalentProperty", "extract", "field", "fileProperty", "fileObject",
    "fileSet", "format", "includes", "isLiveDataset", "jsonPath", "key", "md5", "parentField",
    "path", "recordSet", "references", "regex", "repeated", "replace", "samplingRate",
    "separator", "source", "subField", "transform",
)  # fmt: skip
CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "cr": _CR,
    "rai": f"{_CR}RAI/",
    "dct": "http://purl.org/dc/terms/",
    "sc": "https://schema.org/",
    "conformsTo": "dct:conformsTo",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "examples": {"@id": "cr:examples", "@type": "@json"},
    **{term: f"cr:{term}" for term in _TERMS},
}
_INDEX = {  # columns of index.parquet
    "key": ("sc:Text", "The sample's key; null where a sample was taken down."),
    "shard": ("sc:Text", "The tar that holds it."),
    "offset": ("sc:Integer", "Where the picture's bytes begin in the tar."),
    "size": ("sc:Integer", "How many bytes the picture has."),
    "json_offset": ("sc:Integer", "Where the row's bytes begin in the tar."),
    "json_size": ("sc:Integer", "How many bytes the row has."),
}


def croissant(facts: Mapping[str, Any], digests: Mapping[str, str]) -> dict[str, Any]:
    """The description of the dataset whose ``dataset.json`` says ``facts``.

    ``digests``: SHA-256 of the tables beside the tars. No clock is in it, so ``datePublished`` is
    for whoever publishes.
    """
    name = printable(facts["name"])
    return {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "name": name,
        "description": f"{_kind(facts)} {facts['samples']:,} samples as WebDataset tars.",
        "conformsTo": [f"{_CR}1.0", f"{_CR}RAI/1.0"],
        "license": [_license(id) for id in facts["licenses"]],
        "version": "1.0.0",
        "keywords": ["faces", "webdataset"],
        **_responsible(facts),
        "distribution": list(_files(facts, digests)),
        "recordSet": [_faces(), *([_index()] if "index.parquet" in digests else [])],
    }


def _kind(facts: Mapping[str, Any]) -> str:
    rendered = set(facts["origins"]) == {"rendered"}
    return "Rendered faces: no person is shown." if rendered else "Crops of faces."


def _license(id: str) -> str:
    spdx = id != "unknown" and re.fullmatch(r"(?!LicenseRef-)[A-Za-z0-9.+-]{1,64}", id)
    return f"https://spdx.org/licenses/{id}.html" if spdx else printable(id)


def _responsible(facts: Mapping[str, Any]) -> dict[str, Any]:
    origins = ", ".join(f"{count:,} {printable(o)}" for o, count in facts["origins"].items())
    steps = [f"{step}: {printable(state)}" for step, state in facts.get("steps", {}).items()]
    rendered = set(facts["origins"]) == {"rendered"}
    people = "None: no person is shown." if rendered else "The faces of people are shown."
    return {
        "rai:dataCollection": f"Samples by origin: {origins}.",
        "rai:dataPreprocessingProtocol": [_line(words.PROCESSING), *steps],
        "rai:dataUseCases": _line(words.INTENDED),
        "rai:dataLimitations": _line(words.OUT_OF_SCOPE),
        "rai:dataBiases": _line(words.BIASES),
        "rai:personalSensitiveInformation": people,
        "rai:dataReleaseMaintenancePlan": _line(words.REMOVAL),
    }


def _line(text: str) -> str:
    return text.replace("\n", " ")


def _files(facts: Mapping[str, Any], digests: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    for file, digest in {**facts["shards"], **digests}.items():
        tar = file.endswith(".tar")
        yield {
            "@type": "cr:FileObject",
            "@id": file,
            "name": file,
            "contentUrl": file,
            "encodingFormat": "application/x-tar" if tar else "application/x-parquet",
            "sha256": digest,
        }
    for name, ending, kind in (
        ("pictures", "jpg", "image/jpeg"),
        ("rows", "json", "application/json"),
    ):
        yield {
            "@type": "cr:FileSet",
            "@id": name,
            "name": name,
            "containedIn": [{"@id": file} for file in facts["shards"]],
            "encodingFormat": kind,
            "includes": f"*.{ending}",
        }


def _faces() -> dict[str, Any]:
    return {
        "@type": "cr:RecordSet",
        "@id": "faces",
        "name": "faces",
        "description": "The crops: KEY.jpg, and beside each KEY.json, its row.",
        "field": [
            _field("faces", "name", "sc:Text", "The file's name in the tar.", "filename"),
            _field("faces", "image", "sc:ImageObject", "The crop.", "content"),
        ],
    }


def _field(records: str, name: str, kind: str, what: str, part: str) -> dict[str, Any]:
    source = {"fileSet": {"@id": "pictures"}, "extract": {"fileProperty": part}}
    return _described(records, name, kind, what, source)


def _index() -> dict[str, Any]:
    file = {"@id": "index.parquet"}
    return {
        "@type": "cr:RecordSet",
        "@id": "index",
        "name": "index",
        "description": "One slot a sample, in the order of the shards.",
        "field": [
            _described("index", name, kind, what, {"fileObject": file, "extract": {"column": name}})
            for name, (kind, what) in _INDEX.items()
        ],
    }


def _described(records: str, name: str, kind: str, what: str, source: Any) -> dict[str, Any]:
    return {
        "@type": "cr:Field",
        "@id": f"{records}/{name}",
        "name": name,
        "description": what,
        "dataType": kind,
        "source": source,
    }
