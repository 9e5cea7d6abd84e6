"""``attribution.parquet`` and ``ATTRIBUTION.md``: who made each stored photo, and its licence.

Both are made from the parts of ``photos/``, so they name what is stored and nothing else.
"""

from __future__ import annotations

import urllib.parse
from collections.abc import Iterator, Mapping
from typing import Any, cast

import pyarrow as pa
import pyarrow.parquet as pq

from facecurate import FORMAT, storage, sums
from facecurate.flickr.licenses import LICENSES, License
from facecurate.pool import Pool
from facecurate.records import PHOTO_SCHEMA
from facecurate.text import counted, markdown
from facecurate.workspace import Dataset

PARQUET, MARKDOWN = "attribution.parquet", "ATTRIBUTION.md"
NOTICE = "This product uses the Flickr API but is not endorsed or certified by SmugMug, Inc."
CHANGES = (
    "stored as Flickr scaled it, without the place where it was taken; faces are cut from it and "
    "rescaled"
)

_TIME = pa.timestamp("s", tz="UTC")
SCHEMA = pa.schema(
    [
        ("photo_id", pa.string()),
        ("page_url", pa.string()),
        ("title", pa.string()),
        ("author", pa.string()),
        ("author_url", pa.string()),
        ("license", pa.string()),  # SPDX id or LicenseRef-...
        ("license_name", pa.string()),
        ("license_url", pa.string()),
        ("license_seen_at", _TIME),
        ("uploaded_at", _TIME),
        ("taken_at", _TIME),
        ("fetched_at", _TIME),
        ("url", pa.string()),
        ("width", pa.int32()),
        ("height", pa.int32()),
        ("sha256", pa.binary(32)),
        ("changes", pa.string()),
    ],
    metadata={"facecurate.format": str(FORMAT), "facecurate.notice": NOTICE},
)

_BY_SPDX = {known.spdx: known for known in LICENSES.values()}


def write(dataset: Dataset, contact: str) -> int:
    """Writes both files anew, part by part; the number of photos in them."""
    pool, count = Pool(dataset.path("photos")), 0
    with (
        storage.writing(dataset.path(PARQUET)) as packed,
        storage.writing(dataset.path(MARKDOWN)) as text,
        pq.ParquetWriter(packed, SCHEMA, compression="zstd") as table,
    ):
        text.write(_head(dataset.name, contact).encode())
        for stem in pool.stems():
            rows = [_row(row) for row in pool.table(stem, PHOTO_SCHEMA).to_pylist() if _kept(row)]
            if rows:
                table.write_table(pa.Table.from_pylist(rows, schema=SCHEMA))
            text.writelines((_line(row) + "\n").encode() for row in rows)
            count += len(rows)
    sums.tell(dataset.url, PARQUET, MARKDOWN)
    return count


def _kept(row: Mapping[str, Any]) -> bool:
    return bool(row["status"] == "ok" and row["source"] == "flickr")


def _row(photo: Mapping[str, Any]) -> dict[str, Any]:
    known = license_of(photo["license"])
    same = {name: photo[name] for name in SCHEMA.names if name in photo}
    return same | {
        "author": photo["author"] or photo["owner"],
        "author_url": f"https://www.flickr.com/people/{photo['owner']}/",
        "license_name": known.name if known else photo["license"],
        "license_url": known.url if known else None,
        "changes": CHANGES,
    }


def license_of(spdx: str | None) -> License | None:
    """Flickr's licence behind an SPDX id; None for one that is none of Flickr's."""
    return _BY_SPDX.get(spdx or "")


def _line(row: Mapping[str, Any]) -> str:
    """One photo as an item of a list; every word of strangers is escaped."""
    title = _link(row["title"] or row["photo_id"], row["page_url"])
    author = _link(row["author"], row["author_url"])
    license = _link(row["license_name"], row["license_url"])
    return f"- {title} by {author}, {license}, seen {_day(row['license_seen_at'])}"


def _link(text: Any, url: str | None) -> str:
    name = markdown(cast(object, text)).strip() or "untitled"
    if not url:
        return name
    return f"[{name}]({urllib.parse.quote(url, safe=':/@?&=%~.-_')})"


def _day(moment: Any) -> str:
    return moment.strftime("%Y-%m-%d") if moment else "on an unknown day"


def _head(name: str, contact: str) -> str:
    return "\n".join(_paragraphs(name, contact)) + "\n"


def _paragraphs(name: str, contact: str) -> Iterator[str]:
    yield f"# Attribution of {markdown(name)}\n"
    yield f"{NOTICE}\n"
    yield (
        "The photos below were found by Flickr's search and belong to their owners. Each is used "
        "under the licence that its owner had chosen on the day that stands beside it. Changes: "
        f"{CHANGES}. The same as a table: `{PARQUET}`.\n"
    )
    yield "## If a photo is yours, or shows you\n"
    yield (
        f"Write to {markdown(contact)} with the address of the photo's page, and it will be taken "
        "out of this dataset and kept out. Without writing to anybody: a photo that its owner "
        "deletes, makes private, tags with `no_cv`, or gives a licence without derivatives or with "
        "all rights reserved, is taken out when this dataset is checked against Flickr again "
        f"(`facecurate recheck {name}`).\n"
    )
    yield (
        "Not for recognising or identifying people, and not for guessing what they feel, believe "
        "or are.\n"
    )
    yield "## Photos\n"


def is_due(parts: int, written: int) -> bool:
    """Whether both files are worth writing again: at first always, later when a tenth is new.

    ``parts`` and ``written``: parts now, and when they were written last. They hold every photo,
    so that writing them for each of 1,500 parts would be the most of all that a crawl writes.
    """
    return parts - written >= max(1, parts // 10)


def summary(count: int) -> str:
    """For the last line."""
    return f"{counted(count, 'photo')} in {MARKDOWN}"
