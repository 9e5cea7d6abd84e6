"""``crawl``: photos that a search of Flickr finds, with their licences, into ``photos/``.

Two stages take turns: one page of the search (500 photos), then the downloads that it brought. A
page takes a second and its photos minutes, so nothing is lost by it, and a licence is seen shortly
before the bytes are fetched. Everything is written down as it happens: see ``flickr.state``.
"""

from facecurate.crawl.crawling import crawl
from facecurate.crawl.plan import Plan, cost
from facecurate.crawl.preview import Sample, preview
from facecurate.crawl.rechecking import recheck
from facecurate.crawl.settings import Access, CrawlSettings, access, moment

__all__ = [
    "Access",
    "CrawlSettings",
    "Plan",
    "Sample",
    "access",
    "cost",
    "crawl",
    "moment",
    "preview",
    "recheck",
]
