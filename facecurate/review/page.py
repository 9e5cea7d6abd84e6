"""What ``dedupe.html`` shows and says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from facecurate.report.page import Section, Table, figure
from facecurate.report.rows import Picture, Row, RowsSection, render_rows_page
from facecurate.review.choice import GROUPS, Cluster, Copy
from facecurate.review.thresholds import Outlook, Refused
from facecurate.review.thumbnails import Thumbnail
from facecurate.similar.verify import FALSE_EDGE_RATE
from facecurate.text import counted

if TYPE_CHECKING:
    from facecurate.review.report import Finding

Thumbnails = Mapping[str, Mapping[str, Thumbnail]]  # by level, by key

_COPIES, _REFUSED, _LIMIT = "#2f6f9f", "#c9ced6", "#b5482f"
_TABLE_STEP = 8  # bits between the rows of the table of thresholds
_MEANING = {
    "exact": "the same bytes",
    "phash": "near by a 64-bit perceptual hash, and a closer look agreed",
    "photo": "faces at one place of two copies of a photo; the bits are those of the photos",
    "embedding": "near by their vectors, and a closer look agreed",
}


def dedupe_page(
    result: Mapping[str, Any],
    findings: Sequence[Finding],
    settings: Mapping[str, Any],
    thumbnails: Thumbnails,
) -> bytes:
    """The page as UTF-8. ``thumbnails``: of every picture that is shown."""
    levels = result["levels"].values()
    copies, pictures = (sum(one[name] for one in levels) for name in ("copies", "pictures"))
    sections = [_overview(result), _methods(result)]
    for one in findings:
        sections += _outlook(one)
    sections += _rows(findings, thumbnails)
    return render_rows_page(
        f"Duplicates in {result['dataset']}",
        lead=f"{counted(copies, 'copy', 'copies')} among {counted(pictures, 'picture')}. Nothing "
        "is deleted: shard leaves copies of faces out, and the table says for which one each.",
        banner="Rendered faces: nothing here is evidence about real people or real datasets."
        if result["rendered"]
        else "The pictures on this page are your own. It is a file on your disk; pass it on only "
        "as you may pass on the photos.",
        sections=sections,
        footer=f"Made by facecurate dedupe (--keep {settings.get('keep')}, --hash-distance "
        f"{settings.get('hash_distance')}); every number, and the key of every picture shown, is "
        "in dedupe.json beside this page; the whole list is clusters.parquet. 'facecurate why "
        "KEY' tells the history of one.",
    )


# -- numbers -------------------------------------------------------------------------------------


def _overview(result: Mapping[str, Any]) -> Section:
    head = ("level", "pictures", "clusters", "copies", "share", "largest cluster", "compared",
            "false at most")  # fmt: skip
    rows = []
    for level, one in result["levels"].items():
        share = f"{100 * one['copies'] / one['pictures']:.1f} %" if one["pictures"] else "-"
        rows.append((
            f"{level}s", f"{one['pictures']:,}", f"{one['clusters']:,}", f"{one['copies']:,}",
            share, f"{one['largest']:,}", _pairs(one["compared"]), _few(one["false_edges_at_most"]),
        ))  # fmt: skip
    largest = [_largest(level, one) for level, one in result["levels"].items() if one["clusters"]]
    return Section(
        "At a glance",
        paragraphs=[
            *largest,
            "False at most: how many pairs of different pictures could have been taken for "
            "copies, if their rate is as high as the measurement allows: one in "
            f"{1 / FALSE_EDGE_RATE:,.0f} compared (95 % bound; none of 294,174 pairs of different "
            "portraits was accepted). It is a bound and no estimate: the doubtful copies below "
            "show what there really is.",
        ],
        table=Table(head, rows),
    )


def _largest(level: str, one: Mapping[str, Any]) -> str:
    share = 100 * one["largest"] / one["pictures"] if one["pictures"] else 0.0
    told = f"The largest cluster holds {one['largest']:,} of {counted(one['pictures'], level)}"
    if one["largest"] > 10 and share > 1:
        return (
            f"{told} ({share:.1f} %): look at it first. One motif repeated so often is possible; "
            "unlike pictures in it mean that the limit is too wide."
        )
    return f"{told}: no cluster has swallowed its neighbours."


def _pairs(count: int | None) -> str:
    return "-" if count is None else f"{count:,}" if count < 10**7 else f"{count:.1e}"


def _few(count: float | None) -> str:
    if count is None:
        return "-"
    return f"{count:,.0f}" if count >= 10 else f"{count:.2g}"


def _methods(result: Mapping[str, Any]) -> Section:
    rows = [
        (f"{level}s", method, _MEANING.get(method, ""), f"{found['copies']:,}",
         f"{found['mirrored']:,}")
        for level, one in result["levels"].items()
        for method, found in one["methods"].items()
    ]  # fmt: skip
    return Section(
        "How they were found",
        paragraphs=[
            "A copy that was found in several ways counts with the surest. Whatever the method, "
            "a copy has a link of its own to the picture that is kept for it: no chains."
        ],
        table=Table(("level", "method", "meaning", "copies", "of these mirrored"), rows),
    )


# -- thresholds ------------------------------------------------------------------------------------


def _outlook(one: Finding) -> Iterator[Section]:
    seen = one.outlook
    if not one.pictures:
        return
    if seen is None:
        yield Section(
            f"{one.level.capitalize()}s: other limits",
            paragraphs=["Too many pictures to look for all pairs once more; 'facecurate dedupe "
                        "--calibrate PAIRS.tsv' measures limits on pairs that you label."],
        )  # fmt: skip
        return
    accepted = _accepted(one, len(seen.refused))
    if accepted.any() or seen.refused.any():
        yield Section(
            f"{one.level.capitalize()}s: distances",
            paragraphs=[_gap(one, seen, accepted)],
            svg=_distances(one, seen, accepted),
            caption="Blue: copies and the kept picture. Grey: pairs that the 64-bit hash proposed "
            f"(within {one.candidate_bits} bits) and that were refused. Dashed: the limit of the "
            f"256-bit hash, {one.limit} bits; a copy beyond it was registered. Good: two hills "
            "with a valley at the dashed line.",
        )
    yield Section(
        f"{one.level.capitalize()}s: what other limits would change",
        paragraphs=[_change(one, seen)],
        svg=_curve(one, seen),
        caption="Copies against the limit. Flat about the dashed line: the choice hardly matters. "
        "Rising beyond it: pairs that only look alike come in.",
        table=_table(one, seen),
    )


def _accepted(one: Finding, bins: int) -> NDArray[np.int64]:
    """(bins,) copies found by the hash, by their distance in bits."""
    apart = one.ledger.distance[one.ledger.of("phash")].astype(np.int64)
    return np.bincount(apart[apart < bins], minlength=bins)


def _gap(one: Finding, seen: Outlook, accepted: NDArray[np.int64]) -> str:
    within = accepted[: one.limit + 1]
    farthest = int(np.flatnonzero(within)[-1]) if within.any() else None
    nearest = int(np.flatnonzero(seen.refused)[0]) if seen.refused.any() else None
    told = "No copy was found by the hash" if farthest is None else (
        f"The farthest copy lies at {counted(farthest, 'bit')}"
    )  # fmt: skip
    if nearest is None:
        return f"{told}; no pair was refused up to {len(seen.refused) - 1} bits."
    told += f", the nearest refused pair at {nearest}. "
    if farthest is None or nearest - farthest >= 4:
        return told + "Copies and other pairs are well apart."
    return told + (
        "They meet at the limit, so some of both will be on the wrong side: compare 'Doubtful "
        "copies' with 'Just refused' below."
    )


def _change(one: Finding, seen: Outlook) -> str:
    now = seen.dropped.get(one.limit)
    if now is None:
        return "There are too many pairs below the limit to count all of them again."
    lower = max((bits for bits in seen.dropped if bits <= one.limit / 2), default=0)
    upper = max(seen.dropped)
    return (
        f"Now {counted(now, 'copy', 'copies')}. At {lower} bits {now - seen.dropped[lower]:,} "
        f"fewer, at {upper} bits {seen.dropped[upper] - now:,} more. Copies with the same bytes, "
        "or known from their photos or vectors, stay copies at any limit."
    )


def _distances(one: Finding, seen: Outlook, accepted: NDArray[np.int64]) -> str:
    bits = np.arange(len(seen.refused) + 1) - 0.5
    with figure(5.8, 1.9) as (axes, svg):
        axes.stairs(accepted + seen.refused, bits, fill=True, color=_REFUSED)
        axes.stairs(accepted, bits, fill=True, color=_COPIES)
        axes.axvline(one.limit + 0.5, color=_LIMIT, linestyle="--")
        axes.set(xlabel="distance, bits of 256", ylabel="pairs", xlim=(bits[0], bits[-1]))
        if max(accepted.max(), seen.refused.max()) > 100:
            axes.set_yscale("symlog", linthresh=10)
        else:
            axes.yaxis.get_major_locator().set_params(integer=True)
    return svg[0]


def _curve(one: Finding, seen: Outlook) -> str:
    bits = np.array(sorted(seen.dropped))
    with figure(5.8, 1.9) as (axes, svg):
        axes.plot(bits, [seen.dropped[b] for b in bits.tolist()], color=_COPIES)
        axes.axvline(one.limit, color=_LIMIT, linestyle="--")
        axes.set(xlabel="limit, bits of 256", ylabel="copies", xlim=(0, bits[-1]))
        axes.set_ylim(0, max(1, 1.08 * max(seen.dropped.values())))
    return svg[0]


def _table(one: Finding, seen: Outlook) -> Table:
    now = seen.dropped.get(one.limit, 0)
    rows = [
        (
            f"{bits}{' (now)' if bits == one.limit else ''}",
            f"{n:,}",
            f"{n - now:+,}" if n != now else "0",
        )
        for bits, n in seen.dropped.items()
        if bits % _TABLE_STEP == 0 or bits == one.limit
    ]
    return Table(("limit, bits", "copies", "against now"), rows)


# -- pictures --------------------------------------------------------------------------------------

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


def _rows(findings: Sequence[Finding], thumbnails: Thumbnails) -> Iterator[Section]:
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
