"""What lies beside the tars: index, decisions, the list of what was drawn, lineage, cards."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from facecurate import storage, tars
from facecurate.cards import facts_of, write_cards
from facecurate.cards.facts import DATASET, read_dataset
from facecurate.cards.writing import SUBSET
from facecurate.copies.certificate import read_certificate
from facecurate.copies.certificate import sources as known_sources
from facecurate.datasets import manifest
from facecurate.records import INDEX_SCHEMA, SUBSET_SCHEMA, from_parquet, to_parquet
from facecurate.shard.ledger import Ledger
from facecurate.shard.mixture import Mixture
from facecurate.shard.sources import Source
from facecurate.stats import Stats
from facecurate.text import counted
from facecurate.workspace import Dataset

_TABLES = ("clusters", "overlaps")


@dataclass(frozen=True, slots=True)
class Made:
    """A folder of shards and what it was made from."""

    dataset: Dataset
    sources: Sequence[Source]
    ledgers: Sequence[Ledger]
    remarks: Sequence[str]
    settings: Mapping[str, Any]
    mixture: Mixture | None

    @property
    def folder(self) -> str:
        """Where the tars lie."""
        return self.dataset.path("shards")

    def is_current(self) -> bool:
        """Whether all is there and was made from the same faces by the same decisions.

        Slots that a take-down emptied stay empty: their faces are no longer among those kept.
        """
        present = set(storage.list(self.folder))
        if not present.issuperset((DATASET, "index.parquet", "decisions.parquet")):
            return False
        told = read_dataset(self.folder)
        whole = present.issuperset(told.get("shards", {})) and told.get("lineage") == self.lineage()
        return whole and self._has_the_kept()

    def _has_the_kept(self) -> bool:
        url = storage.join(self.folder, "index.parquet")
        there = from_parquet(storage.read(url), INDEX_SCHEMA, url)["key"].drop_null()
        kept = sum(int(ledger.kept.sum()) for ledger in self.ledgers)
        if len(there) != kept:
            return False
        return all(
            pc.all(pc.is_in(ledger.keys.filter(pa.array(ledger.kept)), value_set=there)).as_py()
            for ledger in self.ledgers
            if ledger.kept.any()
        )

    def lineage(self) -> dict[str, str]:
        """The pools and tables that the shards were made from, by digest."""
        found = {}
        for source in self.sources:
            at = source.prefix
            found[f"{at}photos"] = source.photos.digest()
            found[f"{at}faces"] = source.faces.digest()
            for table in _TABLES:
                url = source.dataset.path(f"{table}.parquet")
                if storage.exists(url):
                    found[f"{at}{table}.parquet"] = storage.digest(url)
        return found

    def write_tables(self, names: Sequence[str]) -> None:
        """``index.parquet``, ``decisions.parquet``, and for a drawn mixture ``subset.parquet``."""
        decisions = pa.concat_tables([ledger.decisions() for ledger in self.ledgers])
        outputs = {
            "decisions.parquet": decisions,
            "index.parquet": build_index(self.folder, [f"{name}.tar" for name in names]),
        }
        storage.delete(storage.join(self.folder, SUBSET))
        if self.mixture and self.mixture.drawn is not None:
            keys = pc.take(
                outputs["index.parquet"]["key"], pc.sort_indices(outputs["index.parquet"]["key"])
            )
            outputs[SUBSET] = pa.table({"key": keys}, schema=SUBSET_SCHEMA)
        for file, table in outputs.items():
            storage.write_atomic(storage.join(self.folder, file), to_parquet(table))

    def describe(self) -> Stats:
        """Writes the cards; what there is to tell."""
        facts = facts_of(self.folder, self._told())
        write_cards(self.folder, facts)
        stats = Stats.from_json(facts["stats"])
        told = [counted(len(facts["shards"]), "shard")]
        if len(facts["splits"]) > 1:
            told.append(", ".join(f"{name} {count:,}" for name, count in facts["splits"].items()))
        if facts["emptied"]:
            told.append(f"{counted(facts['emptied'], 'slot')} empty")
        return stats.noted(*told).with_facts(
            shards=len(facts["shards"]), samples=facts["samples"], splits=facts["splits"]
        )

    def _told(self) -> dict[str, Any]:
        """What no file in the folder says."""
        certificates = [read_certificate(source.dataset) for source in self.sources]
        told: dict[str, Any] = {
            "name": self.dataset.name,
            "settings": self.settings,
            "steps": steps_of(self.sources, self.ledgers)[0],
            "lineage": self.lineage(),
            "known_overlaps": list(dict.fromkeys(known_overlaps(self.sources))),
            "decontaminated": certificates if self.mixture else certificates[0],
        }
        if self.mixture:
            told["parts"] = {
                part: int(ledger.kept.sum())
                for part, ledger in zip(self.mixture.parts, self.ledgers, strict=True)
            }
            told["missing_parts"] = list(self.mixture.missing)
        return told


def steps_of(
    sources: Sequence[Source], ledgers: Sequence[Ledger]
) -> tuple[dict[str, str], list[str]]:
    """What is told of each step, and what to say in the last line: once if it holds for all."""
    steps: dict[str, str] = {}
    for step in ("dedupe", "decontaminate"):
        told = {
            s.dataset.name: ledger.steps[step] for s, ledger in zip(sources, ledgers, strict=True)
        }
        words = sorted(set(told.values()))
        each = "; ".join(f"{name}: {word}" for name, word in told.items() if word != "done")
        steps[step] = words[0] if len(words) == 1 else each
    if len(sources) > 1:
        steps["dedupe across parts"] = "not done: a picture may be in two parts"
    return steps, [word for step, word in steps.items() if word != "done"]


def known_overlaps(sources: Sequence[Source]) -> Iterator[str]:
    """Test pictures that a known dataset holds by construction, from its manifest."""
    for source in sources:
        for name in sorted(known_sources(source.dataset)):
            for one in manifest.load(name).overlaps:
                if one.test_splits:
                    splits = ", ".join(one.test_splits)
                    yield f"{name} holds pictures of {one.dataset} ({splits}): {one.what}"


def drop_vectors(sources: Sequence[Source]) -> Iterator[str]:
    """Deletes the vectors of collected photos; a remark about it.

    Vectors of people's faces are kept no longer than they are needed, and the steps that need them
    stand before this one.
    """
    for source in sources:
        url = source.dataset.path("embeddings")
        infos = (source.photos.info(stem) for stem in source.photos.stems())
        collected = any(info.settings.get("origin", "collected") == "collected" for info in infos)
        if collected and storage.list(url):
            storage.delete(url)
            yield (
                f"the vectors of {source.dataset.name} are deleted, as those of collected photos "
                f"are: 'facecurate embed {source.dataset.name}' makes them again"
            )


def build_index(folder: str, files: Sequence[str]) -> pa.Table:
    """``index.parquet`` from the tars' headers: where each face's picture and JSON lie."""
    tables = [_indexed(storage.join(folder, file), file) for file in files]
    return pa.concat_tables([INDEX_SCHEMA.empty_table(), *tables])


def _indexed(url: str, file: str) -> pa.Table:
    found = tars.index(url)
    keys = [name[:-4] for name in found if name.endswith(".jpg")]
    pictures, told = ([found[f"{k}.{end}"] for k in keys] for end in ("jpg", "json"))
    columns = [
        keys,
        [file] * len(keys),
        *([getattr(m, what) for m in of] for of in (pictures, told) for what in ("offset", "size")),
    ]
    arrays = [pa.array(c, f.type) for c, f in zip(columns, INDEX_SCHEMA, strict=True)]
    return pa.Table.from_arrays(arrays, schema=INDEX_SCHEMA)


def remove_others(folder: str, names: set[str]) -> None:
    """Deletes the shards of an earlier run that are no longer among ``names``."""
    for file in storage.list(folder):
        stem, _, ending = file.partition(".")
        if ending in ("tar", "json") and stem not in names and stem not in ("dataset", "croissant"):
            storage.delete(storage.join(folder, file))


def read_settings(folder: str) -> Mapping[str, Any]:
    """The settings of the shards that are there."""
    settings: Mapping[str, Any] = read_dataset(folder)["settings"]
    return settings
