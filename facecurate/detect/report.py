"""``quality.html``: how the faces' quality is spread, where gates cut, which faces lie there."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from facecurate import images, storage, tars
from facecurate.detect.census import Census, Pick, Picks, read_parts
from facecurate.detect.columns import COLUMNS, Column
from facecurate.detect.page import quality_page
from facecurate.errors import DamagedError
from facecurate.faces.gates import GATES
from facecurate.pool import Pool, page_is_current, write_part
from facecurate.records import PHOTO_SCHEMA
from facecurate.stats import Stats
from facecurate.workspace import Dataset

PERCENTILES = (1, 5, 25, 50, 75, 95, 99)
THUMBNAIL = 96  # pixels, at most
BORDER = {"low": 5.0, "high": 95.0}  # percentiles about which the borderline faces lie


def quality_report(
    dataset: Dataset, faces: Pool, settings: Mapping[str, Any], *, redo: bool = False
) -> str:
    """Writes ``quality.html`` and ``quality.json`` unless they are current; a remark about it.

    ``faces``: the pool, made with ``settings``. A second crop's pool has a page of its own,
    ``quality-arcface112.html``. The JSON lists the keys of all faces that are shown.
    """
    stem = faces.name.replace("faces", "quality", 1)
    limits = {g.option: settings[g.option] for g in GATES if settings.get(g.option) is not None}
    told = {"min_face": settings["min_face"], **limits}
    inputs = {faces.name: faces.digest()}
    if not redo and page_is_current(dataset.url, stem, settings=told, inputs=inputs):
        return f"{stem}.html was up to date"
    with write_part(dataset.url, stem, tool="detect", settings=told, inputs=inputs) as part:
        part.stats = Stats({"faces": faces.stats().counts["faces"]})
        findings = measure(faces, told)
        part.result = _result(dataset, findings)
        shown = {pick.key: pick for one in findings for row in one.rows.values() for pick in row}
        thumbnails = _thumbnails(faces, list(shown.values()))
        part.write("html", quality_page(part.result, part.stats, findings, told, thumbnails))
    return f"see {dataset.path(f'{stem}.html')}"


@dataclass(frozen=True, slots=True)
class Finding:
    """One column: its counts, its limits, and the faces to be shown by the name of their row.

    Faces that were dropped have no crop: the kept ones closest to a limit are the worst. So the
    borderline ones lie about a limit that could be set, where it would drop one in twenty.
    """

    column: Column
    census: Census
    limits: Sequence[float]  # the gates that are set
    border: Sequence[float]  # the values about which the borderline faces lie
    rows: Mapping[str, Sequence[Pick]]


def measure(faces: Pool, settings: Mapping[str, Any]) -> list[Finding]:
    """Two passes over the parts: what values there are, then which faces lie where."""
    censuses = [Census(column) for column in COLUMNS]
    for part in read_parts(faces):
        for census in censuses:
            census.add(part)
    known = [census for census in censuses if census.least <= census.most]
    rows = [_rows(census) for census in known]
    for part in read_parts(faces):
        for picks in rows:
            for one in picks.values():
                one.add(part)
    return [
        Finding(
            census.column,
            census,
            _limits(census.column, settings),
            picks["borderline"].targets,
            {name: one.found() for name, one in picks.items()},
        )
        for census, picks in zip(known, rows, strict=True)
    ]


def _limits(column: Column, settings: Mapping[str, Any]) -> list[float]:
    options = ["min_face"] if column.name == "size" else [gate.option for gate in column.gates]
    return [float(settings[o]) for o in options if settings.get(o) is not None]


def _rows(census: Census) -> dict[str, Picks]:
    column = census.column
    border = [census.percentile(BORDER[end]) for end in column.worse]
    rows = {"lowest": Picks(column), "borderline": Picks(column, targets=border)}
    if len(border) > 1:
        rows["middle"] = Picks(column, targets=[census.percentile(50)])
    return {**rows, "highest": Picks(column, downwards=True)}


def _result(dataset: Dataset, findings: Sequence[Finding]) -> dict[str, Any]:
    """Every number that the page shows, and the keys of every face."""
    columns: dict[str, dict[str, Any]] = {
        one.column.name: {
            "unknown": one.census.unknown,
            "least": one.census.least,
            "most": one.census.most,
            "percentiles": {str(p): one.census.percentile(p) for p in PERCENTILES}
            if one.census.kept.any()
            else {},
            "shown": {name: [pick.key for pick in row] for name, row in one.rows.items()},
        }
        for one in findings
    }
    keys = {k for one in columns.values() for row in one["shown"].values() for k in row}
    return {
        "dataset": dataset.name,
        "rendered": _is_rendered(Pool(dataset.path("photos"))),
        "columns": columns,
        "keys": sorted(keys),
    }


def _is_rendered(photos: Pool) -> bool:
    return all(
        set(photos.table(stem, PHOTO_SCHEMA)["origin"].to_pylist()) <= {"rendered"}
        for stem in photos.stems()
    )


def _thumbnails(faces: Pool, picks: Sequence[Pick]) -> dict[str, str]:
    """JPEG data URLs of the crops, by key."""
    found = {}
    for stem in sorted({pick.stem for pick in picks}):
        url = faces.file(stem, "tar")
        members = tars.index(url)
        for pick in picks:
            if pick.stem == stem:
                found[pick.key] = _thumbnail(url, members.get(f"{pick.key}.jpg"), pick.key)
    return found


def _thumbnail(url: str, member: tars.Member | None, key: str) -> str:
    try:
        if member is None:
            raise ValueError("it is not there")
        pixels = images.decode(storage.read(url, member.offset, member.size)).pixels
    except (ValueError, images.ImageRejectedError) as error:
        raise DamagedError(
            f"{url} does not hold the crop {key} ({error}): 'facecurate verify' says what to do"
        ) from error
    side = min(THUMBNAIL, pixels.shape[0])
    small = images.resize(pixels, side, side)
    return "data:image/jpeg;base64," + base64.b64encode(images.encode_jpeg(small, 85)).decode()
