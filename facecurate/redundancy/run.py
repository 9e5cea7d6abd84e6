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
from facecurate.redundancy.frames import Frames, read_frames
from facecurate.redundancy.page import report_page
from facecurate.redundancy.rates import frame_rate
from facecurate.redundancy.sentence import sentence
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
            part.result = _measured(dataset, frames, (encoder, *others), say, progress)
            part.write("html", report_page(part.result))
        return part.stats.noted(taken_over or "", part.result["sentence"]).with_facts(
            result=part.result
        )


def _measured(
    dataset: Dataset,
    frames: Frames,
    encoders: Sequence[Encoder],
    say: Callable[[str], None],
    progress: Progress,
) -> dict[str, Any]:
    """Every number that the page shows."""
    stages = len(encoders)
    views = []
    for i, one in enumerate(encoders):
        progress(i, stages)
        views.append(encoding.told(encoding.measure(dataset, frames, one), frames))
        say(f"encoder {one.name}: {views[-1]['n_eff']:,.0f} distinct frames")
    progress(stages, stages)
    structure = frames.structure
    result = {
        "dataset": dataset.name,
        "rendered": frames.rendered,
        "frames": len(frames),
        "unit": frames.unit,
        "groups": len(views[0]["per_group"]),
        "people": len(structure.subject_names),
        "sequences": len(structure.sequence_names),
        **views[0],
        "others": views[1:],
    }
    return {"sentence": sentence(result), **result}


def _refuse_identity(encoder: Encoder) -> None:
    if encoder.identity:
        raise RefusedError(
            f"{encoder.name} is trained to ignore expression and would count about one frame a "
            "person: use --encoder dct or a run of your own"
        )


def _stored(dataset: Dataset) -> dict[str, Any]:
    result: dict[str, Any] = json.loads(storage.read(dataset.path(f"{STEM}.json")))["result"]
    return result
