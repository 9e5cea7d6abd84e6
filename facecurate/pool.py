"""Pools of parts: what is finished, what is current, and how the missing parts are made.

A part ``NNNNN`` is its files and ``NNNNN.json``, which is written last and names the settings, the
digests of what went in and of what came out. A step that reads one pool and writes another makes
the parts that are missing or whose inputs changed, in worker processes, and nothing else.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, BinaryIO, cast

import pyarrow as pa

from facecurate import FORMAT, __version__, storage
from facecurate.errors import DamagedError, NoSpaceError, SettingsError
from facecurate.records import check_format, from_parquet, to_parquet
from facecurate.stats import Count, Stats
from facecurate.text import counted, printable
from facecurate.workers import Progress, Task, map_tasks, silent

PART_SIZE = 1000  # photos, at most


@dataclass(frozen=True, slots=True)
class PartInfo:
    """What a part's JSON says."""

    tool: str
    settings: Mapping[str, Any]
    inputs: Mapping[str, str]  # file -> SHA-256
    outputs: Mapping[str, str]
    stats: Stats


@dataclass(frozen=True, slots=True)
class Pool:
    """A folder of parts."""

    url: str

    @property
    def name(self) -> str:
        """The folder's own name, as it stands in ``inputs``."""
        return storage.name(self.url)

    def stems(self) -> list[str]:
        """Names of the finished parts, in order."""
        return [n[:-5] for n in storage.list(self.url) if n.endswith(".json") and n[0].isdigit()]

    def file(self, stem: str, suffix: str) -> str:
        """The url of one of a part's files."""
        return storage.join(self.url, f"{stem}.{suffix}")

    def info(self, stem: str) -> PartInfo:
        """Reads a part's JSON. Raises DamagedError."""
        return read_info(self.file(stem, "json"))

    def table(self, stem: str, schema: pa.Schema, suffix: str = "parquet") -> pa.Table:
        """Reads one of a part's tables."""
        url = self.file(stem, suffix)
        try:
            return from_parquet(storage.read(url), schema, url)
        except FileNotFoundError as error:
            raise DamagedError(f"{url} is missing: 'facecurate verify' says what to do") from error

    def tables(self, schema: pa.Schema, suffix: str = "parquet") -> pa.Table:
        """One table of all parts that have a file with that suffix."""
        stems = self.stems()
        if suffix != "parquet":
            stems = [s for s in stems if f"{s}.{suffix}" in self.info(s).outputs]
        tables = [self.table(s, schema, suffix).select(schema.names) for s in stems]
        return pa.concat_tables(tables) if tables else schema.empty_table()

    def stats(self) -> Stats:
        """The sum of all parts' counts."""
        return sum((self.info(stem).stats for stem in self.stems()), Stats())

    def lineage(self, stem: str, info: PartInfo | None = None) -> dict[str, str]:
        """A part's files and digests, as a later step names its inputs."""
        outputs = (info or self.info(stem)).outputs
        return {f"{self.name}/{file}": digest for file, digest in sorted(outputs.items())}

    def digest(self) -> str:
        """One digest of everything in the pool, for tables made from all of it."""
        lines = [f"{f} {d}" for stem in self.stems() for f, d in self.lineage(stem).items()]
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()

    def remove(self, stem: str) -> None:
        """Deletes a part, its JSON first."""
        storage.delete(self.file(stem, "json"))
        for name in storage.list(self.url):
            if name.split(".", 1)[0] == stem:
                storage.delete(storage.join(self.url, name))


def pools(dataset: str) -> list[Pool]:
    """Every pool with parts under a dataset's url: photos, faces, crops, hashes, vectors."""
    folders = ["photos", *(n for n in storage.list(dataset) if n.startswith("faces")), "hashes"]
    urls = [storage.join(dataset, name) for name in folders]
    vectors = storage.join(dataset, "embeddings")
    urls += [storage.join(vectors, slug) for slug in storage.list(vectors)]
    return [pool for pool in map(Pool, urls) if pool.stems()]


def stem_of(number: int) -> str:
    """The name of the ``number``-th part."""
    return f"{number:05d}"


def read_info(url: str) -> PartInfo:
    """Reads the JSON of a part or of a table. Raises DamagedError."""
    try:
        data = json.loads(storage.read(url))
        check_format(data.get("format"), url)
        stats = Stats.from_json(data["stats"])
        stem = storage.name(url).removesuffix(".json")
        for file in data["outputs"]:  # they are deleted when the part is made again
            if not file.startswith(f"{stem}.") or "/" in file or "\\" in file:
                raise ValueError(f"{file} is no file of {stem}")
        return PartInfo(data["tool"], data["settings"], data["inputs"], data["outputs"], stats)
    except (ValueError, KeyError, TypeError, AttributeError, AssertionError) as error:
        raise DamagedError(f"{url} is damaged: {printable(error)}") from error


class _Hashing:
    """A binary file that also computes the SHA-256 of what is written."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.sha256 = hashlib.sha256()
        self.size = 0

    def write(self, data: bytes) -> int:
        self.sha256.update(data)
        self.size += len(data)
        return self._file.write(data)

    def tell(self) -> int:
        return self.size


@dataclass(slots=True)
class PartWriter:
    """The files of a part, or of a table, that is being made."""

    folder: str
    stem: str
    stats: Stats = field(default_factory=Stats)
    outputs: dict[str, str] = field(default_factory=dict)
    result: dict[str, Any] = field(default_factory=dict)  # further numbers, told in the JSON

    @contextlib.contextmanager
    def file(self, suffix: str) -> Iterator[BinaryIO]:
        """A file of this part; it appears under its name when the block ends."""
        name = f"{self.stem}.{suffix}"
        with storage.writing(storage.join(self.folder, name)) as file:
            hashing = _Hashing(file)
            yield cast(BinaryIO, hashing)
        self.outputs[name] = hashing.sha256.hexdigest()

    def write(self, suffix: str, data: bytes) -> None:
        """A whole file of this part."""
        with self.file(suffix) as file:
            file.write(data)

    def write_table(self, table: pa.Table, suffix: str = "parquet") -> None:
        """A table of this part."""
        self.write(suffix, to_parquet(table))


@contextlib.contextmanager
def write_part(
    folder: str, stem: str, *, tool: str, settings: Mapping[str, Any], inputs: Mapping[str, str]
) -> Iterator[PartWriter]:
    """Makes one part: what an earlier run left of it goes first, its JSON comes last."""
    url = storage.join(folder, f"{stem}.json")
    _clear(folder, stem, url)
    part = PartWriter(folder, stem)
    try:
        yield part
    except NoSpaceError:
        for file in part.outputs:
            storage.delete(storage.join(folder, file))
        raise
    data = {
        "format": FORMAT,
        "tool": f"facecurate {__version__} {tool}",
        "settings": settings,
        "inputs": inputs,
        "outputs": dict(sorted(part.outputs.items())),
        "stats": part.stats.to_json(),
    }
    if part.result:
        data["result"] = part.result
    storage.write_atomic(url, sealed(data))


def _clear(folder: str, stem: str, url: str) -> None:
    """Deletes a part's files, its JSON last: until then it names what is left to delete."""
    if not storage.exists(url):
        return
    try:
        for file in read_info(url).outputs:
            storage.delete(storage.join(folder, file))
        storage.delete(url)
    except DamagedError:
        Pool(folder).remove(stem)


def json_bytes(data: Any) -> bytes:
    """JSON that depends on the data alone."""
    return (json.dumps(data, indent=1, ensure_ascii=True) + "\n").encode()


_SEAL = "sha256"


def sealed(data: Mapping[str, Any]) -> bytes:
    """JSON with its own digest as its last entry: no other file holds the digests of these."""
    plain = {name: value for name, value in data.items() if name != _SEAL}
    digest = hashlib.sha256(json_bytes(plain)).hexdigest()
    return json_bytes({**plain, _SEAL: digest})


def is_sealed(raw: bytes) -> bool:
    """Whether these are the bytes that ``sealed`` wrote; older versions wrote no digest.

    Raises ValueError for what is no JSON.
    """
    data = json.loads(raw)
    if not isinstance(data, dict) or _SEAL not in data:
        return json_bytes(data) == raw
    return sealed(data) == raw


def check_settings(found: Mapping[str, Any], wanted: Mapping[str, Any], what: str) -> None:
    """Raises SettingsError, naming the first setting that differs, unless both are equal.

    A setting inside a setting is named with a dot: ``finder.precision``.
    """
    found, wanted = _flat(found), _flat(wanted)
    for key in sorted({*found, *wanted}):
        before, now = found.get(key), wanted.get(key)
        if before != now:
            raise SettingsError(
                f"{what} was made with {key} = {_shown(before)}, now it is {_shown(now)}: "
                f"use the old value, or --redo to make it anew"
            )


def _flat(settings: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in settings.items():
        inner = _flat(value, f"{above}{key}.") if isinstance(value, Mapping) and value else None
        found |= inner or {f"{above}{key}": value}
    return found


def _shown(value: Any) -> str:
    return "unset" if value is None else printable(json.dumps(value), 80)


# -- a step from pool to pool ----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PartTask(Task):
    """One part to be made, as a worker gets it."""

    source: str  # url of the pool that is read
    target: str  # url of the pool that is written
    tool: str
    settings: Mapping[str, Any]
    inputs: Mapping[str, str]
    items: int

    def writer(self) -> contextlib.AbstractContextManager[PartWriter]:
        """Opens the part for writing."""
        return write_part(
            self.target, self.name, tool=self.tool, settings=self.settings, inputs=self.inputs
        )


@dataclass(frozen=True, slots=True)
class Plan:
    """What a step would do now."""

    missing: tuple[PartTask, ...]
    current: tuple[str, ...]
    changed: int  # parts that are remade because their input changed
    orphans: tuple[str, ...]  # parts whose input part is gone


def plan_step(
    source: Pool,
    target: Pool,
    *,
    tool: str,
    settings: Mapping[str, Any],
    beside: Sequence[Pool] = (),
) -> Plan:
    """Compares what is there with what would be made. Raises SettingsError.

    ``beside``: further pools whose part of the same name is an input where it exists.
    """
    settings = json.loads(json.dumps(settings))  # tuples become lists, as when read back
    done, stems = set(target.stems()), source.stems()
    others = [(pool, set(pool.stems())) for pool in beside]
    present = set(storage.list(target.url))
    missing, current, changed = [], [], 0
    for stem in stems:
        before = source.info(stem)
        inputs = source.lineage(stem, before)
        for pool, stems_beside in others:
            if stem in stems_beside:
                inputs |= pool.lineage(stem)
        if stem in done:
            info = target.info(stem)
            check_settings(info.settings, settings, f"{target.name}/{stem}")
            if info.inputs == inputs and present.issuperset(info.outputs):
                current.append(stem)
                continue
            changed += 1
        items = next(iter(before.stats.counts.values()), Count()).taken
        missing.append(PartTask(stem, source.url, target.url, tool, settings, inputs, items))
    orphans = tuple(sorted(done.difference(stems)))
    return Plan(tuple(missing), tuple(current), changed, orphans)


def run_step(
    source: Pool,
    target: Pool,
    make: Callable[[PartTask, Callable[[int], None]], None],
    *,
    tool: str,
    settings: Mapping[str, Any],
    workers: int,
    beside: Sequence[Pool] = (),
    redo: bool = False,
    progress: Progress = silent,
) -> Stats:
    """Makes the parts of ``target`` that are not current and returns the whole pool's counts.

    ``make`` is a module-level function that writes one part through ``task.writer()`` and tells
    how many items it has done. The caller holds the dataset's lock.
    """
    storage.sweep(target.url)
    notes = []
    if redo and target.stems():
        notes.append(f"{counted(len(target.stems()), 'part')} discarded by --redo")
        storage.delete(target.url)
    plan = plan_step(source, target, tool=tool, settings=settings, beside=beside)
    for stem in plan.orphans:
        target.remove(stem)
    room = Room(target.url, len(plan.missing))
    total = sum(task.items for task in plan.missing)
    map_tasks(
        make,
        plan.missing,
        workers=workers,
        in_process=not (storage.is_shared(source.url) and storage.is_shared(target.url)),
        total=total,
        progress=progress,
        finished=lambda task: room.check(target, task.name),
    )
    if plan.changed:
        notes.append(f"{counted(plan.changed, 'part')} made again because the input had changed")
    if plan.orphans:
        notes.append(f"{counted(len(plan.orphans), 'part')} removed because the input is gone")
    if plan.current:
        notes.append(f"up to date already: {counted(len(plan.current), 'part')}")
    return target.stats().noted(*notes)


class Room:
    """Stops a step before the disk is full: below twice what its first part took."""

    def __init__(self, url: str, parts: int) -> None:
        self._url = url
        self._parts = parts
        self._needed: int | None = None

    def check(self, target: Pool, stem: str) -> None:
        """Called after each finished part. Raises NoSpaceError."""
        self._parts -= 1
        if self._parts == 0:
            return
        if self._needed is None:
            outputs = target.info(stem).outputs
            self._needed = 2 * sum(storage.size(storage.join(target.url, f)) for f in outputs)
        free = storage.free_space(self._url)
        if free is not None and free < self._needed:
            raise NoSpaceError(
                f"{free:,} bytes are free at {self._url} and the next part may need "
                f"{self._needed:,}: free {self._needed - free:,} more and run the same command"
            )


def digests_of(*pools: Pool) -> dict[str, str]:
    """Name and digest of whole pools: the inputs of a table that is made from all of them."""
    return {pool.name: pool.digest() for pool in pools}


# -- a table made from everything --------------------------------------------------------------


def table_is_current(
    folder: str, stem: str, *, settings: Mapping[str, Any], inputs: Mapping[str, str], redo: bool
) -> bool:
    """True if the table ``stem`` exists, was made from the same inputs and with these settings.

    Raises SettingsError for other settings unless ``redo``.
    """
    url = storage.join(folder, f"{stem}.json")
    if redo or not storage.exists(url):
        return False
    info = read_info(url)
    check_settings(info.settings, json.loads(json.dumps(settings)), stem)
    files = set(storage.list(folder))
    return info.inputs == dict(inputs) and files.issuperset(info.outputs)


def page_is_current(
    folder: str, stem: str, *, settings: Mapping[str, Any], inputs: Mapping[str, str]
) -> bool:
    """True if the page ``stem``.html and its JSON are there, whole, and made from the same.

    A page is remade without a word where it is not, unlike a table: nothing is lost with it.
    """
    page, about = (storage.join(folder, f"{stem}.{suffix}") for suffix in ("html", "json"))
    if not (storage.exists(page) and storage.exists(about)):
        return False
    try:
        info = read_info(about)
    except DamagedError:
        return False
    same = info.settings == settings and info.inputs == inputs
    return same and info.outputs == {f"{stem}.html": storage.digest(page)}


def chunks(items: Sequence[Any]) -> Iterator[Sequence[Any]]:
    """Consecutive slices of at most ``PART_SIZE`` items."""
    for start in range(0, len(items), PART_SIZE):
        yield items[start : start + PART_SIZE]
