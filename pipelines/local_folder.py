"""A folder of photos to training shards: every step and every setting in sight.

    python pipelines/local_folder.py PHOTOS --name mine --workspace data --limit 200

The same steps as ``facecurate import``, ``detect``, ``dedupe``, ``shard``; run it again and only
what is missing is made.
"""

from __future__ import annotations

from collections.abc import Callable

import click

from facecurate.dedupe import dedupe
from facecurate.detect import detect
from facecurate.importing import import_folder
from facecurate.inspect import verify
from facecurate.shard import shard
from facecurate.stats import Stats
from facecurate.workers import usual_workers
from facecurate.workspace import Workspace


@click.command()
@click.argument("photos")
@click.option("--name", required=True, help="The dataset's name.")
@click.option("--workspace", default="data", show_default=True)
@click.option("--license", help="SPDX id of all pictures.")
@click.option("--detector", default="dlib", show_default=True)
@click.option("--limit", type=click.IntRange(min=1), help="Only the first pictures, to try it.")
@click.option("--workers", type=click.IntRange(min=0), default=usual_workers())
def main(
    photos: str,
    name: str,
    workspace: str,
    license: str | None,
    detector: str,
    limit: int | None,
    workers: int,
) -> None:
    """Import, detect, dedupe and shard a folder of photos."""
    dataset = Workspace(workspace).dataset(name)
    steps: dict[str, Callable[[], Stats]] = {
        "import": lambda: import_folder(
            dataset, photos, license=license, limit=limit, workers=workers
        ),
        "detect": lambda: detect(
            dataset, detector=detector, crop="box", crop_size=256, min_face=40, workers=workers
        ),
        "dedupe": lambda: dedupe(dataset, hash_distance=10, keep="largest", workers=workers),
        "shard": lambda: shard(dataset, shard_size="512MB", seed=0, workers=workers),
    }
    for step, run in steps.items():
        click.echo(f"{step}: {run()}")
    stats, findings = verify(dataset)
    click.echo(f"verify: {stats}, {len(findings)} things wrong")


if __name__ == "__main__":
    main()
