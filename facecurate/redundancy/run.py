"""The verb: what is measured in which order, and when it need not be measured again."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from facecurate import storage
from facecurate.encoders import Encoder
from facecurate.errors import RefusedError
from facecurate.pool import Pool, digests_of, table_is_current, write_part
from facecurate.redundancy import encoded as encoding
from facecurate.redundancy.beside import beside, plain
from facecurate.redundancy.frames import Frames, read_frames
from facecurate.redundancy.page import report_page
from facecurate.redundancy.rates import frame_rate
from facecurate.redundancy.sentence import sentence
from facecurate.redundancy.shown import shown_of
from facecurate.stats import Stats
from facecurate.vectors import vectors_pool
from facecurate.workers import Progress, silent
from facecurate.workspace import Dataset

STEM = "redundancy"


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What is asked for beyond the usual. fps: frames a second where the source does not say."""

    fps: float | None = None

    def settings(self) -> dict[str, Any]:
        """Those that change every number, as they stand in the JSON."""
        return {"fps": self.fps}


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
    pools = [vectors_pool(dataset, one.name, one.sha256) for one in (encoder, *others)]
    with dataset.lock("redundancy-report") as taken_over:
        settings = {
            "encoder": encoder.name,
            "sha256": encoder.sha256,
            "others": encoding.names_of(others),
            "sample": encoding.SAMPLE,
            **options.settings(),
        }
        inputs = digests_of(*(Pool(dataset.path(name)) for name in ("photos", "faces")), *pools)
        if table_is_current(dataset.url, STEM, settings=settings, inputs=inputs, redo=redo):
            result = _stored(dataset)
            stats = Pool(dataset.url).info(STEM).stats
            return stats.noted(result["sentence"], "the report was up to date").with_facts(
                result=result
            )
        frames = read_frames(dataset, options.fps or frame_rate(dataset))
        say(f"{len(frames):,} frames read")
        with write_part(
            dataset.url, STEM, tool="redundancy-report", settings=settings, inputs=inputs
        ) as part:
            part.stats = Stats.of("faces", [None] * len(frames))
            result, main = _measured(dataset, frames, (encoder, *others), say, progress)
            shown = shown_of(dataset, frames, main, result)
            keys = {key for rows in shown.rows.values() for row in rows for key in row.keys}
            part.result = {**result, "keys": sorted(keys)}
            part.write("html", report_page(part.result, shown))
        return part.stats.noted(taken_over or "", part.result["sentence"]).with_facts(
            result=part.result
        )


def _measured(
    dataset: Dataset,
    frames: Frames,
    encoders: Sequence[Encoder],
    say: Callable[[str], None],
    progress: Progress,
) -> tuple[dict[str, Any], encoding.View]:
    """Every number that the page shows, and the view of the first encoder."""
    views: list[encoding.View] = []
    for one in encoders:
        view = encoding.measure(dataset, frames, one, across=not views, progress=progress)
        views.append(view)
        copied = view.effective.total0[view.at(view.copy.tau)]
        say(f"encoder {one.name}: {copied:,.0f} distinct frames")
    main = views[0]
    result = {
        "dataset": dataset.name,
        "rendered": frames.rendered,
        "frames": len(frames),
        "unit": main.pairs.groups.unit,
        "groups": len(main.effective.groups),
        "people": len(frames.structure.subject_names),
        "sequences": len(frames.structure.sequence_names),
        **encoding.told(main, frames),
        "others": [encoding.told(view, frames) for view in views[1:]],
        **beside(frames, main),
    }
    say("labels, time and spectrum measured")
    finished: dict[str, Any] = plain({"sentence": sentence(result), **result})
    return finished, main


def _refuse_identity(encoder: Encoder) -> None:
    if encoder.identity:
        raise RefusedError(
            f"{encoder.name} is trained to ignore expression and would count about one frame a "
            "person: use --encoder dct or a run of your own"
        )


def _stored(dataset: Dataset) -> dict[str, Any]:
    result: dict[str, Any] = json.loads(storage.read(dataset.path(f"{STEM}.json")))["result"]
    return result
