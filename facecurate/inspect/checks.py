"""What every check of ``verify`` is made of: digests, and JSON files that carry their own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress

from facecurate import storage
from facecurate.errors import DamagedError
from facecurate.pool import Pool, is_sealed
from facecurate.text import printable
from facecurate.workspace import Dataset

OTHER_BYTES = "has other bytes than when it was written"


def sealed_json(url: str) -> Iterator[str]:
    """No other file holds the digest of these: it stands in themselves. Raises DamagedError."""
    try:
        whole = is_sealed(storage.read(url))
    except (ValueError, TypeError) as error:
        raise DamagedError(f"{url} is damaged: {printable(error)}") from error
    if not whole:
        yield f"{storage.name(url)} {OTHER_BYTES}"


def outputs(folder: str, digests: Mapping[str, str]) -> Iterator[str]:
    """Files that are missing, or are not what their digest says."""
    for file, digest in digests.items():
        url = storage.join(folder, file)
        if not storage.exists(url):
            yield f"{file} is missing"
        elif storage.digest(url) != digest:
            yield f"{file} {OTHER_BYTES}"


def inputs(dataset: Dataset, file: str, made_from: Mapping[str, str]) -> Iterator[str]:
    """What a part was made from must be what lies there now.

    Names are ``faces/00000.tar``; in a mixture ``NAME/faces/00000.tar``.
    """
    for name, digest in made_from.items():
        *where, folder, member = name.split("/")
        source = Dataset(dataset.workspace, where[0]) if where else dataset
        pool, stem = Pool(source.path(folder)), member.split(".", 1)[0]
        with suppress(DamagedError):  # named already
            known = pool.info(stem).outputs if stem in pool.stems() else {}
            if known.get(member) != digest:
                yield f"{file} was made from another {printable(name)}"


def digest_now(dataset: Dataset, name: str) -> str | None:
    """The digest of a whole pool or of a table, as lineages name it; None if it is not there.

    ``photos``, ``clusters.parquet``; in a mixture ``NAME/photos``. Raises DamagedError.
    """
    *where, last = name.split("/")
    source = Dataset(dataset.workspace, where[0]) if where else dataset
    if "." not in last:
        return Pool(source.path(last)).digest()
    return storage.digest(source.path(last)) if source.has(last) else None
