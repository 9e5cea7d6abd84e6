"""The tables of ``crawl.sqlite``, stated once, and how a photo's raw answer is made small."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

FORMAT = 1  # PRAGMA user_version
APPLICATION = 0x66616365


class PhotoState(IntEnum):
    """Where a photo is on its way into the pool."""

    WAITING = 0  # to be fetched once it is due
    FETCHED = 1  # verified, in the spool
    PACKED = 2  # in a part of the pool
    GONE = 3  # no longer public
    FAILED = 4  # given up
    REFUSED = 5  # the gate's reason stands beside it
    QUARANTINED = 6  # bytes that several ids share


TABLES = (
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
    """CREATE TABLE windows (
        id INTEGER PRIMARY KEY,
        parent INTEGER,            -- the window it was cut from, split from, or repeats
        turn INTEGER NOT NULL,     -- 1 first pass, 2 second pass, 3 and more sweeps
        stratum TEXT NOT NULL,     -- walk, cell, halved
        term TEXT NOT NULL,        -- JSON
        licences TEXT NOT NULL,    -- ids, comma
        sort TEXT NOT NULL,
        mode TEXT NOT NULL,        -- walk: may be cut at a cursor; whole: to its end
        since INTEGER NOT NULL,    -- s, inclusive
        until INTEGER NOT NULL,    -- s, exclusive, as asked
        reached INTEGER NOT NULL,  -- s, exclusive, as covered
        state TEXT NOT NULL,       -- open, done, cut, split, turned, capped
        pages INTEGER NOT NULL,
        total INTEGER NOT NULL,    -- the most that Flickr said
        rows INTEGER NOT NULL,     -- delivered
        uniques INTEGER NOT NULL,  -- of those, different ids
        new INTEGER NOT NULL,      -- of those, never seen before in the crawl
        caught INTEGER NOT NULL,   -- uniques uploaded in [since, until)
        again INTEGER NOT NULL,    -- of those, seen by the first pass
        malformed INTEGER NOT NULL,
        dry INTEGER NOT NULL,      -- pages in a row without anything new
        late INTEGER NOT NULL,     -- rows older than one before them by more than the grid
        top INTEGER NOT NULL,      -- latest upload so far
        cursor INTEGER NOT NULL,   -- where a cut would begin the next query
        rate REAL NOT NULL,        -- photos a second expected when it was opened
        expected INTEGER NOT NULL, -- rows of the query before that this one should bring again
        chosen INTEGER             -- 1 if the second pass asks it again, 0 if not
    )""",
    "CREATE INDEX windows_open ON windows (id) WHERE state = 'open'",
    """CREATE TABLE pages (
        window INTEGER, page INTEGER, asked_at INTEGER, total INTEGER,
        rows INTEGER, uniques INTEGER, new INTEGER, first INTEGER, last INTEGER,
        PRIMARY KEY (window, page)
    ) WITHOUT ROWID""",
    "CREATE TABLE owners (owner INTEGER PRIMARY KEY, nsid TEXT NOT NULL UNIQUE)",
    """CREATE TABLE photos (
        photo_id INTEGER PRIMARY KEY,
        owner INTEGER NOT NULL,
        uploaded INTEGER NOT NULL,
        updated INTEGER NOT NULL,
        license INTEGER NOT NULL,
        license_was INTEGER,       -- where it changed since the photo was first seen
        passes INTEGER NOT NULL,   -- 1 first pass, 2 second pass, 3 both
        window INTEGER NOT NULL,   -- that saw it last
        seen_at INTEGER NOT NULL,
        state INTEGER NOT NULL,
        due INTEGER NOT NULL,
        tries INTEGER NOT NULL,
        reason TEXT,
        sha256 BLOB, bytes INTEGER, width INTEGER, height INTEGER,
        url TEXT, fetched_at INTEGER, part INTEGER
    )""",
    "CREATE INDEX photos_due ON photos (due, photo_id) WHERE state = 0",
    "CREATE INDEX photos_owner ON photos (owner)",
    "CREATE INDEX photos_sha256 ON photos (substr(sha256, 1, 8)) WHERE sha256 IS NOT NULL",
    "CREATE INDEX photos_state ON photos (state)",
    "CREATE INDEX photos_reason ON photos (state, reason) WHERE reason IS NOT NULL",
    "CREATE INDEX photos_part ON photos (part) WHERE part IS NOT NULL",
    "CREATE TABLE raw (photo_id INTEGER PRIMARY KEY, data BLOB NOT NULL)",
    """CREATE TABLE attempts (
        id INTEGER PRIMARY KEY, at INTEGER, what TEXT, ref INTEGER,
        kind TEXT, status INTEGER, code INTEGER, wait REAL
    )""",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """One row of ``windows``: a range of upload times asked page by page; columns as there."""

    id: int = 0  # given when it is stored
    parent: int | None = None
    turn: int = 1
    stratum: str = "walk"
    term: str
    licences: str
    sort: str
    mode: str = "walk"
    since: int
    until: int
    reached: int = 0
    state: str = "open"
    pages: int = 0
    total: int = 0
    rows: int = 0
    uniques: int = 0
    new: int = 0
    caught: int = 0
    again: int = 0
    malformed: int = 0
    dry: int = 0
    late: int = 0
    top: int = 0
    cursor: int = 0
    rate: float = 0.0
    expected: int = 0
    chosen: int | None = None

    @property
    def overlap(self) -> int:
        """Photos of this window that earlier queries of the crawl had brought already."""
        return self.uniques - self.new


# What photos of a search have in common, the most frequent last. Part of the format.
_COMMON = (
    b'"content_type":"0","media":"photo","media_status":"ready","datetakengranularity":"0",'
    b'"datetakenunknown":"0","o_width":"4032","o_height":"3024","originalformat":"jpg",'
    b'"safety_level":"0","machine_tags":"","pathalias":null,'
    b'"url_c":"https://live.staticflickr.com/'
    b'65535/_c.jpg","height_c":600,"width_c":800,"url_l":"https://live.staticflickr.com/65535/'
    b'_b.jpg","height_l":768,"width_l":1024,"url_z":"https://live.staticflickr.com/65535/_z.jpg",'
    b'"height_z":480,"width_z":640,"url_m":"https://live.staticflickr.com/65535/.jpg",'
    b'"height_m":375,"width_m":500,"tags":"portrait face faces people woman man"},'
    b'"ispublic":1,"isfriend":0,"isfamily":0,"license":"4","description":{"_content":""},'
    b'"dateupload":"1581318235","lastupdate":"1581318235","datetaken":"2020-02-10 09:38:16",'
    b'"ownername":"","server":"65535","farm":66,"title":"","id":"53624890009",'
    b'"owner":"105731165@N07","secret":"'
)


def shrink(raw: Mapping[str, Any]) -> bytes:
    """``raw`` as JSON, deflated with a preset dictionary of what all photos share (RFC 1950)."""
    text = json.dumps(raw, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
    packer = zlib.compressobj(6, zlib.DEFLATED, zlib.MAX_WBITS, 8, zlib.Z_DEFAULT_STRATEGY, _COMMON)
    return packer.compress(text) + packer.flush()


def grow(data: bytes) -> dict[str, Any]:
    """What ``shrink`` was given."""
    found: dict[str, Any] = json.loads(zlib.decompressobj(zdict=_COMMON).decompress(data))
    return found
