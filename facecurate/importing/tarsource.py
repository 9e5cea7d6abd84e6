"""``import`` of foreign WebDataset tars: every picture of every sample, with what is said of it."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import braceexpand

from facecurate import images, storage
from facecurate import pool as pools
from facecurate.errors import DamagedError, FacecurateError, UsageError
from facecurate.importing import earlier
from facecurate.importing.earlier import Numbers
from facecurate.importing.ids import license_id, number_of, photo_id
from facecurate.importing.lists import shown_url
from facecurate.importing.rows import Content, PartTask, limits, make_parts, write_rows
from facecurate.importing.samples import Member, Sample, members, samples
from facecurate.pool import Pool
from facecurate.records import Given, Photo
from facecurate.stats import Stats
from facecurate.text import counted, printable, storable
from facecurate.workers import Progress, silent
from facecurate.workspace import Dataset, tombstones

SOURCE = "tars"
_MOST = 1_000_000  # tars that one pattern may name
_TOLD = 3  # damaged tars that the last line names


@dataclass(frozen=True, slots=True)
class Span:
    """Samples that lie one after the other in a tar. ``name``: the tar's, below the pattern's root.

    ``continued``: the first sample began in another part.
    """

    url: str
    name: str
    begin: int
    end: int
    photos: int
    continued: bool


@dataclass(frozen=True, slots=True)
class SampleTask(PartTask):
    """The samples of one part."""

    spans: tuple[Span, ...]


def import_tars(
    dataset: Dataset,
    pattern: str,
    *,
    license: str | None = None,
    workers: int = 0,
    redo: bool = False,
    progress: Progress = silent,
) -> Stats:
    """Takes the pictures of tars whose members are grouped by key, as WebDataset writes them.

    ``pattern``: a path or URL, with braces and globs. Each picture of a sample is a photo: the
    first one's id is made of tar and key, those of others of tar, key and ending. A sample without
    any is a row too.

    Raises FacecurateError if no tar matches or nothing can be read in any, or if a tar of the same
    name was imported with another size.
    """
    settings = {
        "origin": "collected", "source": SOURCE, "license": license_id(license), **limits(),
    }  # fmt: skip
    tars = matched(pattern)
    with dataset.lock("import") as taken_over:
        pool = Pool(dataset.path("photos"))
        plan = _Plan(dataset, earlier.none() if redo else earlier.numbers(pool))
        spans = [tuple(part) for part in plan.parts(tars)]
        if not spans and not plan.known:
            raise FacecurateError(f"no sample in {printable(pattern)}: {'; '.join(plan.remarks())}")
        notes = [taken_over or "", earlier.begin(pool, redo)]
        sizes = {storable(name): storage.size(url) for name, url in tars.items()}
        earlier.check_sizes(dataset, pool, SOURCE, sizes.get)
        earlier.check_source(pool, settings, new=bool(spans))
        gone = tombstones(dataset.workspace)
        tasks = [
            SampleTask(stem, dataset.name, pool.url, settings, gone, part)
            for stem, part in zip(earlier.free_stems(pool), spans, strict=False)
        ]
        total = sum(span.photos for part in spans for span in part)
        make_parts(
            pool, import_samples, tasks, tars.values(),
            total=total, workers=workers, progress=progress,
        )  # fmt: skip
        return pool.stats().noted(*notes, *plan.remarks())


# -- which tars ------------------------------------------------------------------------------------


def matched(pattern: str) -> dict[str, str]:
    """The tars that a pattern names: path below its literal beginning -> url, in their order.

    Raises UsageError for a pattern that names none, or one that is not there.
    """
    if storage.is_file(pattern):
        return {storage.name(pattern): pattern}
    shown, root = printable(pattern), root_of(pattern)
    try:
        named = list(itertools.islice(braceexpand.braceexpand(pattern), _MOST + 1))
    except ValueError as error:
        raise UsageError(f"the pattern {shown} cannot be read: {printable(error)}") from error
    if len(named) > _MOST:
        raise UsageError(f"the pattern {shown} names more than {_MOST:,} tars: import it in pieces")
    urls = [url for one in named for url in (storage.glob(one) if _is_glob(one) else [one])]
    missing = [url for url in urls if not storage.is_file(url)]
    if missing or not urls:
        what = f"{printable(missing[0])} is not there" if missing else "it matches nothing"
        more = f" (and {len(missing) - 1:,} more)" if len(missing) > 1 else ""
        raise UsageError(f"the pattern {shown}: {what}{more}; quote it, and check the folder")
    return {url[len(root) :].lstrip("/"): url for url in dict.fromkeys(urls)}


def root_of(pattern: str) -> str:
    """The folder at a pattern's beginning that has neither braces nor stars; empty for none."""
    plain = pattern[: min((pattern.find(c) for c in "{*?[" if c in pattern), default=len(pattern))]
    return plain[: plain.rfind("/") + 1]


def _is_glob(url: str) -> bool:
    return any(c in url for c in "*?[")


# -- what is in which part -------------------------------------------------------------------------


class _Plan:
    """Cuts what is new into parts, by the headers alone; collects what there is to say."""

    def __init__(self, dataset: Dataset, known: Numbers) -> None:
        self._name, self._known = dataset.name, known
        self._damage: dict[str, str] = {}
        self.known = self._nameless = self._repeated = self._twice = 0

    def parts(self, tars: dict[str, str]) -> Iterator[list[Span]]:
        """At most ``PART_SIZE`` photos each.

        What is here already ends a part, so that the rest of an interrupted import is cut in the
        same places.
        """
        part: list[Span] = []
        room = pools.PART_SIZE
        for span in itertools.chain.from_iterable(map(self._spans, tars, tars.values())):
            if part and (span is None or span.photos > room):
                yield part
                part, room = [], pools.PART_SIZE
            if span is not None:
                _add(part, span)
                room -= span.photos
        if part:
            yield part

    def _spans(self, name: str, url: str) -> Iterator[Span | None]:
        """One for each new sample, or piece of a very large one; None for those that are here."""
        damage: list[str] = []
        seen: set[int] = set()
        begin: int | None = None  # the end of the sample before, if that is taken too
        try:
            for group in self._groups(url, damage):
                number = number_of(photo_id("", f"{name}/{group[0].key}"))
                if number in seen:
                    self._repeated += 1
                    begin = None
                elif earlier.holds(self._known, number):
                    self.known += 1
                    begin = None
                    yield None
                else:
                    yield from _pieces(name, url, group, begin)
                    begin = group[-1].end
                seen.add(number)
        except DamagedError as error:
            damage = [printable(error).removeprefix(f"{printable(url)}: ")]
        if damage:
            more = f" (and {len(damage) - 1} places more)" if len(damage) > 1 else ""
            self._damage[name] = damage[0] + more

    def _groups(self, url: str, damage: list[str]) -> Iterator[list[Member]]:
        group: list[Member] = []
        suffixes: set[str] = set()
        for member in members(url, damage):
            if member is None:
                self._nameless += 1
                continue
            if group and member.key != group[0].key:
                yield group
                group, suffixes = [], set()
            if member.suffix in suffixes:
                self._twice += 1
            else:
                group.append(member)
                suffixes.add(member.suffix)
        if group:
            yield group

    def remarks(self) -> list[str]:
        """For the last line."""
        told = [f"{printable(n)}: {d}" for n, d in self._damage.items()]
        if len(told) > _TOLD:
            told = [*told[:_TOLD], f"{counted(len(told) - _TOLD, 'more tar')} damaged"]
        if self._repeated:
            told.append(f"{counted(self._repeated, 'sample')} with the key of another left out")
        if self._twice:
            told.append(f"{counted(self._twice, 'member')} with the name of another left out")
        if self._nameless:
            told.append(f"{counted(self._nameless, 'member')} without an ending left out")
        if self.known:
            told.append(earlier.here(self.known, "sample"))
        return told


def _pieces(name: str, url: str, group: list[Member], begin: int | None) -> Iterator[Span]:
    """A sample as one span, or as several if it has more pictures than a part may."""
    begin, photos, continued = group[0].begin if begin is None else begin, 0, False
    for member, after in itertools.zip_longest(group, group[1:]):
        photos += member.is_picture
        if after is None or (after.is_picture and photos == pools.PART_SIZE):
            yield Span(url, name, begin, member.end, max(photos, 1), continued)
            begin, photos, continued = member.end, 0, True


def _add(part: list[Span], span: Span) -> None:
    """Adds a span to a part: as one with the last one if they touch."""
    last = part[-1] if part else None
    if last and (last.url, last.end) == (span.url, span.begin) and not span.continued:
        part[-1] = replace(last, end=span.end, photos=last.photos + span.photos)
    else:
        part.append(span)


# -- one part --------------------------------------------------------------------------------------


def import_samples(task: SampleTask, tick: Callable[[int], None]) -> None:
    """Reads, checks and stores the pictures of one part."""
    sizes = {storable(span.name): storage.size(span.url) for span in task.spans}
    items = (item for span in task.spans for item in _items(task, span))
    write_rows(task, items, tick, result={SOURCE: sizes})


def _items(task: SampleTask, span: Span) -> Iterator[tuple[Photo, Content, Sequence[Given]]]:
    continued = span.continued
    for sample in samples(span.url, span.begin, span.end):
        if not sample.pictures and not continued:
            nothing = images.ImageRejectedError("not_an_image", "no picture in the sample")
            yield _row(task, span, sample, ""), nothing, ()
        for place, (suffix, data) in enumerate(sample.pictures.items()):
            row = _row(task, span, sample, suffix, first=place == 0 and not continued)
            yield row, data, ()
        continued = False


def _row(task: SampleTask, span: Span, sample: Sample, suffix: str, first: bool = True) -> Photo:
    key = f"{span.name}/{sample.key}"
    source = f"{key}.{suffix}" if suffix else key
    said: dict[str, Any] = dict(sample.said)
    own = said.pop("license", None)
    url = said.pop("url", None)
    return Photo(
        photo_id=photo_id(task.dataset, key if first else source),
        source=storable(source),
        url=shown_url(url) if url else None,
        license=license_id(own) if own else task.settings["license"],
        origin=task.settings["origin"],
        **said,
    )
