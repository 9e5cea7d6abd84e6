"""The rows of pictures of ``dedupe.html``: clusters with the kept one marked, and refused pairs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from facecurate.report.page import Section
from facecurate.report.rows import Picture, Row, RowsSection
from facecurate.review.choice import GROUPS, Cluster, Copy
from facecurate.review.thresholds import Refused
from facecurate.review.thumbnails import Thumbnail
from facecurate.text import counted

if TYPE_CHECKING:
    from facecurate.review.report import Finding

Thumbnails = Mapping[str, Mapping[str, Thumbnail]]  # by level, by key

_HEADINGS = {
    "doubtful": (
        "Doubtful copies",
        "The copies farthest from the picture that is kept for them. If all of these are copies, "
        "so are the others; if one is not, the limit is too wide for these pictures.",
    ),
    "largest": (
        "The largest clusters",
        "One motif should fill each row. Logos, title pages and empty frames collect here too.",
    ),
    "sample": (
        "A sample of the others",
        "Drawn by chance, of every method, upright and mirrored: what the usual copy looks like.",
    ),
}  # fmt: skip


def picture_rows(findings: Sequence[Finding], thumbnails: Thumbnails) -> Iterator[Section]:
    """The sections with pictures."""
    for group in GROUPS:
        heading, words = _HEADINGS[group]
        rows = [_cluster(c, thumbnails[c.level]) for one in findings for c in one.groups[group]]
        if rows:
            yield RowsSection(heading, paragraphs=[words], rows=rows)
    near = [
        _refused(one.level, pair, thumbnails[one.level])
        for one in findings
        if one.outlook
        for pair in one.outlook.nearest
    ]
    if near:
        yield RowsSection(
            "Just refused",
            paragraphs=[
                "The pairs nearest beyond the limit; both pictures stay. If all of these are "
                "copies, the limit is too strict. Two pictures of one scene that are not one "
                "picture belong here."
            ],
            rows=near,
        )


def _cluster(cluster: Cluster, pictures: Mapping[str, Thumbnail]) -> Row:
    more = f", {len(cluster.copies)} of them here" if cluster.count > len(cluster.copies) else ""
    return Row(
        cluster.level,
        f"{cluster.level.capitalize()}: one kept, {counted(cluster.count, 'copy', 'copies')}{more}",
        [_shown(cluster.kept, "kept", pictures), *(_copied(c, pictures) for c in cluster.copies)],
    )


def _copied(copy: Copy, pictures: Mapping[str, Thumbnail]) -> Picture:
    words = [copy.method, "" if copy.method == "exact" else f"{copy.distance:.0f} bits"]
    words += ["registered" if copy.verified == "registered" else ""]
    words += ["mirrored" if copy.mirrored else ""]
    text = ", ".join(word for word in words if word)
    return _shown(copy.key, text, pictures, copy.method, copy.mirrored, copy.distance)


def _refused(level: str, pair: Refused, pictures: Mapping[str, Thumbnail]) -> Row:
    words = f"refused, {pair.distance} bits" + (", mirrored" if pair.mirrored else "")
    other = _shown(pair.other, words, pictures, "refused", pair.mirrored, pair.distance)
    return Row(
        level,
        f"{level.capitalize()}: {pair.distance} bits apart, both stay",
        [_shown(pair.key, "stays", pictures), other],
    )


def _shown(
    key: str,
    text: str,
    pictures: Mapping[str, Thumbnail],
    method: str = "",
    mirrored: bool = False,
    distance: float | None = None,
) -> Picture:
    picture = pictures[key]
    title = f"{key} · {picture.source}" if picture.source else key
    return Picture(picture.src, text, title, method, mirrored, distance)
