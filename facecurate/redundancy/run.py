"""The verb: what is measured in which order, and when it need not be measured again."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from facecurate import storage
from facecurate.diversity.structure import UNKNOWN
from facecurate.encoders import Encoder
from facecurate.errors import FacecurateError, RefusedError, UsageError
from facecurate.pool import Pool, digests_of, table_is_current, write_part
from facecurate.redundancy import encoded as encoding
from facecurate.redundancy.beside import beside, plain
from facecurate.redundancy.frames import Frames, read_frames
from facecurate.redundancy.page import Shown, report_page
from facecurate.redundancy.plan import annotation_plan, versions
from facecurate.redundancy.probing import curve, labelled, learnable, learned
from facecurate.redundancy.rates import frame_rate
from facecurate.redundancy.sample import SAMPLE
from facecurate.redundancy.sentence import sentence
from facecurate.redundancy.shown import shown_of
from facecurate.redundancy.subset import Subset, against_baselines, described, subsets
from facecurate.redundancy.told import read_told
from facecurate.shares import Fraction, parse_fraction
from facecurate.stats import Stats
from facecurate.vectors import vectors_pool
from facecurate.workers import Progress, silent
from facecurate.workspace import Dataset

STEM = "redundancy"


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What is asked for beyond the usual.

    fps: frames a second where the source does not say; labels: a table, see ``told``;
    subset_sizes: lists to write, all of one ``strategy`` (None: stride where frames have an order,
    else stratified random); learning_curve: probes on shares of people and frames;
    minutes_per_frame: what labelling one frame takes.
    """

    fps: float | None = None
    labels: str | None = None
    subset_sizes: tuple[Fraction, ...] = ()
    strategy: str | None = None
    learning_curve: bool = False
    minutes_per_frame: float | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "subset_sizes", tuple(dict.fromkeys(self.subset_sizes)))
        if self.strategy and not self.subset_sizes:
            raise UsageError("--strategy chooses a list: give --subset-size too, such as 2%")
        if self.minutes_per_frame and not (self.subset_sizes or self.learning_curve):
            raise UsageError(
                "--minutes-per-frame plans a list: give --subset-size too, such as 2%, or "
                "--learning-curve"
            )

    def asked(self) -> dict[str, Any]:
        """What adds to the report without changing its other numbers, as it stands in the JSON."""
        return {
            "subset_sizes": [str(one) for one in self.subset_sizes],
            "strategy": self.strategy,
            "learning_curve": self.learning_curve,
            "minutes_per_frame": self.minutes_per_frame,
        }

    def answered_by(self, asked: Mapping[str, Any]) -> bool:
        """Whether a report that was asked for this holds all that is asked for now."""
        return (
            {str(one) for one in self.subset_sizes} <= set(asked["subset_sizes"])
            and self.strategy in (None, asked["strategy"])
            and self.learning_curve <= asked["learning_curve"]
            and self.minutes_per_frame in (None, asked["minutes_per_frame"])
        )

    def beside(self, asked: Mapping[str, Any]) -> Options:
        """With what was asked for before, so that nothing that was measured is lost."""
        sizes = [*map(str, self.subset_sizes), *asked["subset_sizes"]]
        return replace(
            self,
            subset_sizes=tuple(parse_fraction(size) for size in dict.fromkeys(sizes)),
            strategy=self.strategy or asked["strategy"],
            learning_curve=self.learning_curve or asked["learning_curve"],
            minutes_per_frame=self.minutes_per_frame or asked["minutes_per_frame"],
        )


def redundancy_report(
    dataset: Dataset,
    encoder: Encoder,
    *,
    others: Sequence[Encoder] = (),
    options: Options = Options(),
    redo: bool = False,
    say: Callable[[str], None] = lambda line: None,
    progress: Progress = silent,
) -> Stats:
    """Writes ``redundancy.json`` and ``redundancy.html`` from the vectors of ``encoder``.

    N_eff counts frames that a re-compressed, shifted or slightly brighter copy cannot imitate,
    within each group (subject, else sequence, else the whole set), summed over groups. ``others``
    give the range over encoders. Raises RefusedError for an encoder that recognises people.
    """
    for one in (encoder, *others):
        _refuse_identity(one)
    told = read_told(options.labels) if options.labels else None
    pools = [vectors_pool(dataset, one.name, one.sha256) for one in (encoder, *others)]
    with dataset.lock("redundancy-report") as taken_over:
        settings = {
            "encoder": encoder.name,
            "sha256": encoder.sha256,
            "others": encoding.names_of(others),
            "sample": SAMPLE,
            "fps": options.fps,
            "labels": told.digest if told else None,
        }
        inputs = digests_of(*(Pool(dataset.path(name)) for name in ("photos", "faces")), *pools)
        if table_is_current(dataset.url, STEM, settings=settings, inputs=inputs, redo=redo):
            result = _stored(dataset)
            if options.answered_by(result["asked"]) and _lists_are_there(dataset, result):
                stats = Pool(dataset.url).info(STEM).stats
                return stats.noted(_told(result), "the report was up to date").with_facts(
                    result=result
                )
            options = options.beside(result["asked"])
        frames = read_frames(dataset, options.fps or frame_rate(dataset), told)
        say(f"{len(frames):,} frames read")
        work = _Work(dataset, frames, (encoder, *others), options, say, progress)
        result, shown, lists = work.done()  # until this ends, a report that is there stays
        with write_part(
            dataset.url, STEM, tool="redundancy-report", settings=settings, inputs=inputs
        ) as part:
            part.stats = Stats.of("faces", [None] * len(frames))
            part.result = result
            for subset in lists:
                storage.write_atomic(dataset.path(subset.name), subset.data)
            part.write("html", report_page(part.result, shown))
        files = [f"see {dataset.path(subset.name)}" for subset in lists]
        return part.stats.noted(taken_over or "", _told(part.result), *files).with_facts(
            result=part.result
        )


@dataclass(frozen=True, slots=True)
class _Work:
    """The measuring, stage by stage."""

    dataset: Dataset
    frames: Frames
    encoders: Sequence[Encoder]
    options: Options
    say: Callable[[str], None]
    progress: Progress

    def done(self) -> tuple[dict[str, Any], Shown, list[Subset]]:
        """Every number of the page, the pictures that it shows, and the lists to be written."""
        if self.options.learning_curve and not learnable(self.frames):
            raise FacecurateError(
                "a learning curve needs labels and at least three people: leave out "
                "--learning-curve"
            )
        views = list(self._views())
        main = views[0]
        result = {
            "dataset": self.dataset.name,
            "rendered": self.frames.rendered,
            "frames": len(self.frames),
            "left_out": left_out(self.dataset),
            "unit": main.pairs.groups.unit,
            "groups": len(main.effective.groups),
            "people": len(self.frames.structure.subject_names),
            "sequences": len(self.frames.structure.sequence_names),
            **encoding.told(main, self.frames),
            "others": [encoding.told(view, self.frames) for view in views[1:]],
            **beside(self.frames, main),
        }
        self.say("labels, time and spectrum measured")
        result["learning_curve"] = self._learned(views)
        lists = self._lists(main)
        result["subsets"] = [described(self.frames, one) for one in lists]
        result["strategies"] = self._strategies(main)
        result["plan"] = annotation_plan(result, self.options.minutes_per_frame)
        result = plain({**result, "asked": self.options.asked(), "versions": versions()})
        shown = shown_of(self.dataset, self.frames, main, result, lists)
        keys = {key for rows in shown.rows.values() for row in rows for key in row.keys}
        return {"sentence": sentence(result), **result, "keys": sorted(keys)}, shown, lists

    def _views(self) -> Iterator[encoding.View]:
        for k, one in enumerate(self.encoders):
            view = encoding.measure(
                self.dataset, self.frames, one, across=k == 0, progress=self.progress
            )
            copied = view.effective.total0[view.at(view.copy.tau)]
            self.say(f"encoder {one.name}: {copied:,.0f} distinct frames")
            yield view

    def _learned(self, views: Sequence[encoding.View]) -> dict[str, Any] | None:
        if not self.options.learning_curve:
            return None
        shares = [one.percent for one in self.options.subset_sizes if one.percent is not None]
        curves = []
        for view in views:
            data = labelled(self.frames, view.vectors)
            assert data is not None  # ``learnable``
            curves.append(curve(data, view.encoder.name, shares, self.progress))
            self.say(f"learning curve of {view.encoder.name}: {curves[-1].full:.3f} on all frames")
        return learned(curves)

    def _lists(self, main: encoding.View) -> list[Subset]:
        sizes = self.options.subset_sizes
        ordered = bool((self.frames.structure.sequence != UNKNOWN).any())
        strategy = self.options.strategy or ("stride" if ordered else "stratified")
        return subsets(self.frames, main, sizes, strategy) if sizes else []

    def _strategies(self, main: encoding.View) -> list[dict[str, Any]]:
        sizes = self.options.subset_sizes
        if not (sizes and self.options.learning_curve):
            return []
        self.say("strategies compared on the same draws")
        return against_baselines(self.frames, main, sizes, self.progress)


def _refuse_identity(encoder: Encoder) -> None:
    if encoder.identity:
        raise RefusedError(
            f"{encoder.name} is trained to ignore expression and would count about one frame a "
            "person: use --encoder dct or a run of your own"
        )


def left_out(dataset: Dataset) -> dict[str, dict[str, int]]:
    """What import and detect dropped, by reason: frames that nothing here speaks of."""
    found = {}
    for name, unit in (("photos", "photos"), ("faces", "faces")):
        count = Pool(dataset.path(name)).stats().counts.get(unit)
        found[name] = dict(count.dropped) if count else {}
    return found


def _told(result: Mapping[str, Any]) -> str:
    """The sentence as a remark among others."""
    return str(result["sentence"]).removesuffix(".")


def _lists_are_there(dataset: Dataset, result: Mapping[str, Any]) -> bool:
    return all(dataset.has(one["file"]) for one in result["subsets"])


def _stored(dataset: Dataset) -> dict[str, Any]:
    result: dict[str, Any] = json.loads(storage.read(dataset.path(f"{STEM}.json")))["result"]
    return result
