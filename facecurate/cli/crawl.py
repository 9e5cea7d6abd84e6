"""``crawl`` and ``recheck``: photos of Flickr, and whether they are still there to be had."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from facecurate.cli.names import existing
from facecurate.cli.state import State, common, name_argument

if TYPE_CHECKING:
    from facecurate.crawl import Access, CrawlSettings
    from facecurate.stats import Stats
    from facecurate.workspace import Dataset

contact_option = click.option(
    "--contact",
    metavar="MAIL_OR_URL",
    help="Where Flickr and owners of photos reach you.  [default: $FACECURATE_CONTACT]",
)


@click.command(short_help="Photos that a search of Flickr finds, with their licenses.")
@click.option("--query", "queries", multiple=True, default=("faces",), show_default=True,
              help="Words to search for; may be given several times.")  # fmt: skip
@click.option("--licenses", default="open", show_default=True,
              help="open, open-strict, ffhq, research, or Flickr's ids.")  # fmt: skip
@click.option("--since", metavar="DATE", help="First day of upload.  [default: 2004-02-01]")
@click.option(
    "--until",
    metavar="DATE",
    help="Day after the last one; later runs of the same --name keep to that of the first. "
    "[default: the day before the first run; for newer photos give another --name]",
)
@click.option("--size", default="l", show_default=True,
              help="Flickr's size: l is 1024 pixels; smaller where a photo has none.")  # fmt: skip
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Photos, at most.")
@click.option("--max-image-rate", type=float, default=1.0, show_default=True, metavar="R",
              help="Images a second, at most.")  # fmt: skip
@click.option("--dry-run", is_flag=True, help="Only say what it would cost.")
@click.option("--name", default="flickr-face", show_default=True, help="The dataset's name.")
@contact_option
@common
def crawl(state: State, name: str, contact: str | None, dry_run: bool, **options: Any) -> None:
    """Search Flickr, take what its licenses allow, and say whose it is.

    Needs a key of your own: FLICKR_API_KEY and FLICKR_API_SECRET (new keys need Flickr Pro). Slow
    on purpose. Interrupt it when you like: the same command goes on. Ends with ATTRIBUTION.md and
    an estimate of how much of what there is was found.

    \b
    Example:
      facecurate crawl --query faces --contact you@example.org --dry-run
      facecurate crawl --query faces --query humans --licenses ffhq --since 2010 --limit 20000
    """
    from facecurate.crawl import access

    settings, dataset = _settings(**options), state.workspace.dataset(name)
    who = access(os.environ, contact)
    if dry_run:
        _preview(state, dataset, settings, who)
        return
    from facecurate.crawl import crawl

    _run(state, dataset, "photos", lambda p: crawl(dataset, settings, who, state.say, progress=p))


@click.command(short_help="Take down crawled photos that are no longer public or so licensed.")
@name_argument
@contact_option
@common
def recheck(state: State, name: str | None, contact: str | None) -> None:
    """Ask Flickr again about every crawled photo, and take out what may no longer be kept.

    Deleted and private photos, and those under other licenses, leave the dataset as takedown would
    take them, and are kept out for ever (tombstones.parquet). Each is named with its reason. Do
    this about every month, and before giving a dataset away.

    \b
    Example:
      facecurate recheck flickr-face
    """
    from facecurate.crawl import access, recheck

    dataset = existing(state, name)
    who = access(os.environ, contact)
    _run(state, dataset, "searches", lambda p: recheck(dataset, who, state.say, progress=p))


def _settings(
    *,
    queries: tuple[str, ...],
    licenses: str,
    since: str | None,
    until: str | None,
    size: str,
    limit: int | None,
    max_image_rate: float,
) -> CrawlSettings:
    from facecurate.crawl import CrawlSettings, moment
    from facecurate.flickr.licenses import parse

    words = (word.strip() for query in queries for word in query.split(","))
    times = {"since": since, "until": until}
    given: dict[str, Any] = {k: moment(text, f"--{k}") for k, text in times.items() if text}
    settings = CrawlSettings(
        queries=tuple(word for word in words if word),
        licenses=parse(licenses),
        size=size,
        limit=limit,
        image_rate=max_image_rate,
        **given,
    )
    assert settings.enumeration.terms  # checks the dates and the words
    return settings


def _preview(state: State, dataset: Dataset, settings: CrawlSettings, who: Access) -> None:
    from facecurate.crawl import preview

    with state.progress("searches") as progress:
        plan, sample = preview(dataset, settings, who, progress=progress)
    facts = {"dataset": dataset.name, **plan.to_json(), "asked": sample.calls}
    state.finish(f"{dataset.name}: {plan}", facts)


def _run(state: State, dataset: Dataset, unit: str, work: Callable[[Any], Stats]) -> None:
    """As ``State.run``; the log has the completeness too, and never which photos were removed."""
    with state.logged(dataset) as counts:
        with state.progress(unit) as progress:
            stats = work(progress)
        counts |= stats.to_json()
        counts |= {k: stats.facts[k] for k in ("calls", "completeness") if k in stats.facts}
        facts = {"dataset": dataset.name, **counts, **stats.facts, "notes": stats.notes}
        state.finish(f"{dataset.name}: {stats}", facts)


COMMANDS = [crawl, recheck]
