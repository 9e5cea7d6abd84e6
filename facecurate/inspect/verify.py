"""``verify``: reads everything again and compares it with what was written."""

from __future__ import annotations

from facecurate import storage
from facecurate.errors import FacecurateError
from facecurate.inspect.parts import verify_keys, verify_part
from facecurate.inspect.shards import verify_shards
from facecurate.inspect.tables import verify_tables
from facecurate.inspect.workspace import verify_workspace
from facecurate.pool import Pool, pools
from facecurate.stats import Stats
from facecurate.workers import Progress, silent
from facecurate.workspace import Dataset


def verify(dataset: Dataset, *, progress: Progress = silent) -> tuple[Stats, list[str]]:
    """Reads everything again. Returns counts of files and one line for each thing found wrong.

    Also the workspace's runs and tombstones. Each line ends with what makes the file again. What is
    not read: logs, files that were rendered for an import, and a crawl's own state.
    """
    if not (storage.list(dataset.path("photos")) or dataset.has("shards", "dataset.json")):
        raise FacecurateError(f"{dataset.name} has no photos: 'facecurate import FOLDER'")
    files, findings = 0, []
    jobs = [(pool, stem) for pool in _pools(dataset) for stem in pool.stems()]
    for done, (pool, stem) in enumerate(jobs):
        count, found = verify_part(dataset, pool, stem)
        files += count
        findings += found
        progress(done + 1, len(jobs))
    findings += verify_keys(dataset)
    for count, found in (
        verify_shards(dataset),
        verify_tables(dataset),
        verify_workspace(dataset.workspace),
    ):
        files += count
        findings += found
    return Stats.of("files", [None] * files), findings


def _pools(dataset: Dataset) -> list[Pool]:
    truth = Pool(dataset.path("synth"))
    return [*pools(dataset.url), *([truth] if truth.stems() else [])]
