"""``demo``: the whole chain on rendered faces, told as it goes, then a table and a page."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any

from facecurate import storage, tars
from facecurate.datasets import manifest
from facecurate.dedupe import dedupe
from facecurate.detect import detect
from facecurate.embed import embed
from facecurate.encoders import load_encoder
from facecurate.pool import Pool
from facecurate.prepare import import_rendered, prepare
from facecurate.pretrain import PRESETS, PretrainResult, pretrain
from facecurate.records import CLUSTER_SCHEMA, PHOTO_SCHEMA, from_parquet
from facecurate.redundancy import redundancy_report
from facecurate.report.page import Section, Table, render_page
from facecurate.shard import shard
from facecurate.synthesise import synthesise, truth
from facecurate.tasks import (
    RECIPES,
    Evaluation,
    Fraction,
    Labelled,
    Recipe,
    dataset_info,
    evaluate,
    make_arm,
    plan,
)
from facecurate.tasks.page import curve
from facecurate.tasks.tables import Finished, columns, grid
from facecurate.workers import Progress, silent
from facecurate.workspace import Dataset, Link, Workspace, links

PHOTOS, LABELLED, RUN = "practice", "rendered-300w", "swav-demo"
FEW = 50  # labels of the few-shot cells


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How much of everything a demo of ``faces`` rendered pictures does."""

    photos: int
    labelled: int
    pretrain_steps: int
    batch: int
    prototypes: int
    recipe: Recipe
    draws: int
    few: int

    @staticmethod
    def of(faces: int) -> Plan:
        """2,000 faces take about 12 CPU minutes; fewer take less, down to 40."""
        share = min(1.0, faces / 2000)
        photos = max(32, faces * 3 // 4)
        labelled = max(16, faces - photos)
        return Plan(
            photos=photos,
            labelled=labelled,
            pretrain_steps=max(12, round(400 * share)),
            batch=64 if photos >= 256 else 16,
            prototypes=200 if photos >= 1000 else 32,
            recipe=_scaled(RECIPES["small"], max(10, round(300 * share))),
            draws=4 if faces >= 1000 else 2,
            few=min(FEW, max(4, labelled // 4)),
        )


def _scaled(recipe: Recipe, steps: int) -> Recipe:
    from dataclasses import replace

    return replace(recipe, steps=steps)


@dataclass(slots=True)
class Tale:
    """What has been done so far: one line a stage, with its seconds."""

    say: Callable[[str], None]
    out: str  # left out of what is kept: the page may be passed on
    lines: list[tuple[str, str, float]] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)

    def tell(self, stage: str, what: object) -> None:
        """Ends a stage."""
        seconds = time.monotonic() - self.began
        self.began = time.monotonic()
        self.lines.append((stage, str(what).replace(storage.join(self.out, ""), ""), seconds))
        self.say(f"{stage:<12}{seconds:6.1f} s  {what}")


@dataclass(frozen=True, slots=True)
class Demo:
    """What the demo made; ``str`` is its last line."""

    page: str
    table: str
    stages: tuple[tuple[str, str, float], ...]
    facts: dict[str, Any]

    def __str__(self) -> str:
        seconds = sum(line[2] for line in self.stages)
        return f"the whole chain took {seconds:.0f} s; read {self.page}"


def demo(
    out: str,
    *,
    faces: int = 2000,
    seed: int = 0,
    workers: int = 0,
    redo: bool = False,
    say: Callable[[str], None] = lambda line: None,
    progress: Progress = silent,
) -> Demo:
    """Renders, imports, detects, dedupes, measures, shards, pre-trains and evaluates in ``out``.

    The same call goes on where it stopped; another size or seed needs ``redo``, which discards
    what an earlier demo made there. Everything shown is measured here and now.
    """
    if redo and storage.list(out):
        for name in (PHOTOS, LABELLED, "runs", "index.html"):
            storage.delete(storage.join(out, name))
        say(f"discarded the earlier demo in {out}")
    wanted, tale = Plan.of(faces), Tale(say, out)
    workspace = Workspace(out)
    photos = workspace.dataset(PHOTOS)
    options: dict[str, Any] = {"workers": workers, "progress": progress}
    tale.tell("render", synthesise(photos, count=wanted.photos, seed=seed, **options))
    tale.tell("import", import_rendered(photos, **options))
    detector = "dlib" if find_spec("dlib") else "given"
    tale.tell(f"detect {detector}", detect(photos, detector=detector, **options))
    tale.tell("dedupe", dedupe(photos, **options))
    found = score_duplicates(photos)
    tale.tell("against truth", found)
    embed(photos, **options)
    tale.tell("redundancy", redundancy_report(photos, load_encoder("dct", out)))
    tale.tell("shard", shard(photos, **options))
    tale.tell("pretrain", _pretrain(out, photos, wanted, seed, progress))
    labelled = workspace.dataset(LABELLED)
    made = synthesise(labelled, layout="300w", count=wanted.labelled, seed=seed, **options)
    prepare(labelled, _link(out), **options)
    tale.tell("labelled set", made)
    result = _evaluate(out, labelled, wanted, workers, progress)
    tale.tell("evaluate", result)
    table = _table(list(result.finished))
    page = storage.join(out, "index.html")
    storage.write_atomic(page, _page(photos, wanted, tale.lines, found, table, result))
    facts = {
        "duplicates": {"planted": found.planted, "found": found.found, "wrong": found.wrong},
        "stages": [{"stage": s, "told": t, "seconds": round(x, 1)} for s, t, x in tale.lines],
        "landmarks": [dict(zip(table.head, row, strict=True)) for row in table.rows],
        "page": page,
    }
    return Demo(page, columns(table.head, table.rows), tuple(tale.lines), facts)


def _table(cells: list[Finished]) -> Table:
    """The scored set's column alone: the others are in the evaluation's own tables."""
    head, rows = grid(cells)
    columns = [head.index(name) for name in ("labels", "start", "NME test", "trivial", "steps")]
    return Table([head[c] for c in columns], [[row[c] for c in columns] for row in rows])


def _link(out: str) -> Link:
    return next(link for link in links(out)["300w"] if link.rendered)


def _pretrain(
    out: str, photos: Dataset, wanted: Plan, seed: int, progress: Progress
) -> PretrainResult:
    config = PRESETS["small"].but(
        steps=wanted.pretrain_steps,
        batch_size=wanted.batch,
        prototypes=wanted.prototypes,
        seed=seed,
    )
    return pretrain(
        photos.path("shards"),
        storage.join(out, "runs", RUN),
        config,
        progress=lambda step, steps, metrics: progress(step, steps),
    )


def _evaluate(
    out: str, labelled: Dataset, wanted: Plan, workers: int, progress: Progress
) -> Evaluation:
    """Few labels from scratch and from the run, over paired draws; all labels once an arm."""
    one = Labelled(dataset_info(manifest.load("300w"), rendered=True), labelled.path("shards"))
    arms = [make_arm(word, workspace=out) for word in ("scratch", f"run:{RUN}")]
    folder = storage.join(out, "runs", "evaluate")
    kinds = ((Fraction(labels=wanted.few), wanted.draws), (Fraction(percent=100), 1))
    plans = (
        plan(
            [one],
            arms,
            [fraction],
            seeds=draws,
            recipe=wanted.recipe,
            out_url=folder,
            workspace=out,
        )
        for fraction, draws in kinds
    )
    cells = tuple(cell for planned in plans for cell in planned)
    return evaluate(cells, folder, workers=workers, progress=progress)


# -- duplicates against the truth ----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Planted:
    """Copies that were planted, those found, and pairs found that nobody planted."""

    planted: int
    found: int
    wrong: int
    by_kind: dict[str, tuple[int, int]]  # planted, found

    def __str__(self) -> str:
        precision = self.found / (self.found + self.wrong) if self.found + self.wrong else 1.0
        recall = self.found / self.planted if self.planted else 1.0
        return (
            f"{self.found} of {self.planted} planted copies found (recall {recall:.3f}), "
            f"{self.wrong} pictures called copies that are none (precision {precision:.3f})"
            + "".join(f"; {f} of {n} {kind}" for kind, (n, f) in self.by_kind.items() if f < n)
        )


def score_duplicates(photos: Dataset) -> Planted:
    """Clusters against the truth table: copies of one render belong together.

    A copy is found if its photo is in the cluster of the original, or one of its faces in that of
    a face of the original: what was cut is the same picture of a face, but not the same photo.
    """
    rows = truth(photos)
    origin = {row["file"]: row["copy_of"] or row["file"] for row in rows}
    table = Pool(photos.path("photos")).tables(PHOTO_SCHEMA)
    file = dict(zip(table["photo_id"].to_pylist(), table["source"].to_pylist(), strict=True))
    url = photos.path("clusters.parquet")
    members = from_parquet(storage.read(url), CLUSTER_SCHEMA, url).to_pylist()
    inside: dict[str, set[tuple[str, int]]] = {}
    for row in members:
        inside.setdefault(file[_photo(row, "key")], set()).add((row["level"], row["cluster"]))
    copies = [row for row in rows if row["copy_of"]]
    hits = {
        row["file"]: not inside.get(row["file"], set()).isdisjoint(inside.get(row["copy_of"], ()))
        for row in copies
    }
    by_kind = {
        kind: (
            sum(row["kind"] == kind for row in copies),
            sum(hits[row["file"]] for row in copies if row["kind"] == kind),
        )
        for kind in sorted({row["kind"] for row in copies})
    }
    wrong = sum(
        not row["keep"]
        and origin[file[_photo(row, "kept_key")]] != origin[file[_photo(row, "key")]]
        for row in members
    )
    return Planted(len(copies), sum(hits.values()), wrong, by_kind)


def _photo(row: dict[str, Any], column: str) -> str:
    """The photo of a cluster's row: a face's key is its photo's id and a number."""
    key: str = row[column]
    return key if row["level"] == "photo" else key.rpartition("_")[0]


# -- what is shown -------------------------------------------------------------------------------


def _page(
    photos: Dataset,
    wanted: Plan,
    lines: Sequence[tuple[str, str, float]],
    found: Planted,
    table: Table,
    result: Evaluation,
) -> bytes:
    sections = [
        Section(
            "What was done",
            table=Table(("stage", "what", "seconds"), [(s, t, f"{x:.1f}") for s, t, x in lines]),
        ),
        Section("Faces found", pictures=_faces(photos), paragraphs=["Rendered: nobody is shown."]),
        Section(
            "Duplicates against the planted truth",
            paragraphs=[str(found)],
            table=Table(("copy", "planted", "found"), [(k, *v) for k, v in found.by_kind.items()]),
        ),
        Section(
            "Landmarks with few labels",
            paragraphs=[
                f"Error in percent of the distance between the outer eye corners, after "
                f"{wanted.recipe.steps} steps; lower is better. 'trivial' is the mean training "
                "shape. A start that is ahead early may only be faster: see the curve.",
            ],
            svg=curve([c for c in result.finished if c.config.fraction.labels]),
            caption="Mean over the draws, the same images and order for both starts.",
            table=table,
        ),
        Section(
            "Your own photos next",
            paragraphs=[
                "facecurate import FOLDER, then detect, dedupe, redundancy-report, shard.",
                "facecurate datasets shows how to get the evaluation sets and how to link them.",
            ],
        ),
    ]
    return render_page(
        "facecurate, the whole chain",
        lead=f"{wanted.photos} rendered photos became training shards and a pre-trained backbone, "
        f"tried on {wanted.labelled} rendered faces with landmarks.",
        banner="Rendered faces: the numbers show that the code works, not what it does on people.",
        sections=sections,
        footer="Made by facecurate demo; every number was measured by this run.",
    )


def _faces(photos: Dataset, count: int = 16) -> list[dict[str, str]]:
    pool = Pool(photos.path("faces"))
    url = pool.file(pool.stems()[0], "tar")
    shown = []
    for member, _ in zip(tars.members(url), range(count), strict=False):
        data = base64.b64encode(storage.read(url, member.offset, member.size)).decode()
        shown.append({"src": f"data:image/jpeg;base64,{data}", "text": ""})
    return shown
