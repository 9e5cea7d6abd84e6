"""The compiled inner loops of multi-index hashing; importing this module imports numba.

Rows are sorted by one substring of their bits, so that a bucket (all rows with one value of the
substring) is a run in memory. Words lie column by column, (W, N) uint64, and TILE rows of
zeros follow the last one, so that a tile may be read past the end of a bucket.
"""

import numpy as np
from numpy.typing import NDArray

from facecurate.similar.lanes import TILE, bits, compiled, near, near_four

PANEL = 2048
"""Rows of a long bucket that all others are compared with in turn: 16 KB a word stay in L1."""

Words = NDArray[np.uint64]
Index = NDArray[np.int64]


@compiled
def apart(x: Words, y: Words) -> Index:
    """(N,) distances between the rows of two (N, W) arrays, one to one."""
    out = np.zeros(len(x), np.int64)
    for row in range(len(x)):
        for w in range(x.shape[1]):
            out[row] += np.int64(bits(x[row, w] ^ y[row, w]))
    return out


@compiled
def permute(words: Words, tables: Words) -> Words:
    """(N, W) words -> (W, N + TILE) words whose bits are moved as ``tables`` say.

    tables: (8 W, 256, W): where the bits of each byte of a row go. The rows added are zeros.
    """
    rows, width = words.shape
    out = np.zeros((width, rows + TILE), np.uint64)
    for row in range(rows):
        for byte in range(8 * width):
            value = (words[row, byte >> 3] >> np.uint64(8 * (byte & 7))) & np.uint64(255)
            for w in range(width):
                out[w, row] |= tables[byte, value, w]
    return out


@compiled
def histogram(words: Words, rows: int, shift: np.uint64, size: int) -> Index:
    """(size + 1,) how many of the first ``rows`` have each value of a substring, one place up."""
    counts = np.zeros(size + 1, np.int64)
    for row in range(rows):
        counts[((words[row] >> shift) & np.uint64(size - 1)) + np.uint64(1)] += 1
    return counts


@compiled
def gather(words: Words, word: int, shift: np.uint64, starts: Index) -> tuple[Words, Index]:
    """The rows sorted by a substring, stable, and the row that each was.

    starts: where each bucket begins. Returns (W, N + TILE) words and (N,) rows.
    """
    width, padded = words.shape
    size = np.uint64(len(starts) - 2)
    at = starts.copy()
    ordered = np.zeros_like(words)
    rows = np.empty(padded - TILE, np.int64)
    for row in range(padded - TILE):
        bucket = (words[word, row] >> shift) & size
        place = at[bucket]
        at[bucket] += 1
        rows[place] = row
        for w in range(width):
            ordered[w, place] = words[w, row]
    return ordered, rows


@compiled
def around(counts: Index, keys: Words, masks: Words, ends: Index) -> tuple[Index, Index]:
    """Rows, and buckets with any, around ``keys``: (R,) sums over masks up to each of ``ends``."""
    rows, occupied = np.zeros(len(ends), np.int64), np.zeros(len(ends), np.int64)
    for key in keys:
        start = 0
        for radius in range(len(ends)):
            for m in range(start, ends[radius]):
                count = counts[(key ^ masks[m]) + np.uint64(1)]
                rows[radius] += count
                occupied[radius] += count > 0
            start = ends[radius]
    return np.cumsum(rows), np.cumsum(occupied)


@compiled
def _seek(
    x: Words, row: int, end: int, y: Words, at: int, left: int, right: int, upper: bool,
    limit: np.uint64,
) -> tuple[int, int]:  # fmt: skip
    """The next row of x before ``end`` with a near one in the tile of y at the place returned.

    Row ``row`` goes on at ``at``; the next ones begin at ``left``, or after themselves (upper).
    Kept small on purpose: inside the larger loop the same lines ran 15 times slower.
    """
    place, stop = np.uint64(at), np.uint64(right)
    while row < end:
        word = x[row]
        while place < stop:
            if near(word, y, place, limit):
                return row, int(place)
            place += np.uint64(TILE)
        row += 1
        place = np.uint64(max(left, row + 1) if upper else left)
    return row, left


@compiled
def _seek_wide(
    x: Words, row: int, end: int, y: Words, at: int, left: int, right: int, upper: bool,
    limit: np.uint64, width: int,
) -> tuple[int, int]:  # fmt: skip
    """``_seek`` for rows of several words."""
    x_step, y_step = np.uint64(len(x) // width), np.uint64(len(y) // width)
    place, stop = np.uint64(at), np.uint64(right)
    while row < end:
        while place < stop:
            if width == 4:
                if near_four(x, np.uint64(row), x_step, y, place, y_step, limit):
                    return row, int(place)
            elif _any_near(x, row, x_step, y, place, y_step, width, limit):
                return row, int(place)
            place += np.uint64(TILE)
        row += 1
        place = np.uint64(max(left, row + 1) if upper else left)
    return row, left


@compiled
def _any_near(
    x: Words, row: int, x_step: np.uint64, y: Words, place: np.uint64, y_step: np.uint64,
    width: int, limit: np.uint64,
) -> bool:  # fmt: skip
    """``near_four`` for any number of words."""
    for lane in range(np.uint64(TILE)):
        total = np.uint64(0)
        for w in range(np.uint64(width)):
            total += bits(x[w * x_step + np.uint64(row)] ^ y[w * y_step + place + lane])
        if total <= limit:
            return True
    return False


@compiled
def _tell(
    x: Words, row: int, y: Words, left: int, right: int, width: int, earlier: Words,
    limit: np.uint64, places: Index, apart: Index,
) -> int:  # fmt: skip
    """Writes the near rows of y from left to right that no earlier substring told; how many."""
    x_step, y_step = len(x) // width, len(y) // width
    found = 0
    for column in range(left, right):
        total = np.uint64(0)
        for w in range(width):
            total += bits(x[w * x_step + row] ^ y[w * y_step + column])
        if total > limit:
            continue
        known = False
        for s in range(len(earlier)):
            w = int(earlier[s, 0])
            differ = x[w * x_step + row] ^ y[w * y_step + column]
            known |= bits((differ >> earlier[s, 1]) & earlier[s, 2]) <= earlier[s, 3]
        if not known:
            places[found], apart[found] = column, total
            found += 1
    return found


@compiled
def search(
    x: Words,
    y: Words,
    width: int,
    x_rows: Index,
    y_rows: Index,
    starts: Index,
    upper: bool,
    at: Index,
    last: int,
    word: int,
    shift: np.uint64,
    masks: Words,
    earlier: Words,
    distance: int,
    i: Index,
    j: Index,
    d: Index,
) -> int:
    """Writes the near pairs that this substring finds first to i, j, d; returns how many.

    x, y: sorted words of both sides, flat (the same for a self-join, ``upper``); starts: of y's
    buckets; masks: the differences allowed to the substring; earlier: (S, 4) word, shift, mask
    and radius of the substrings searched before, whose pairs are not told again. ``at`` holds
    the place to go on from (x's bucket, mask, y's panel, x's row, y's row; -1 where not begun)
    and is moved on; all is done when at[0] = last.
    """
    found, limit, size = 0, np.uint64(distance), np.uint64(len(starts) - 2)
    keys = x[word * (len(x) // width) :]
    places, apart = np.empty(TILE, np.int64), np.empty(TILE, np.int64)
    first, m, panel, row, place = at[0], at[1], at[2], at[3], at[4]
    while first < last:
        bucket = (keys[first] >> shift) & size
        end = first + 1
        while end < last and ((keys[end] >> shift) & size) == bucket:
            end += 1
        while m < len(masks):
            other = bucket ^ masks[m]
            left, right = starts[other], starts[other + np.uint64(1)]
            if left == right or (upper and other < bucket):
                m += 1
                continue
            same = upper and other == bucket
            panel = max(panel, left)
            while panel < right:
                edge = min(panel + PANEL, right)
                if place < 0:
                    row, place = first, (max(panel, first + 1) if same else panel)
                while True:
                    if width == 1:
                        row, place = _seek(x, row, end, y, place, panel, edge, same, limit)
                    else:
                        row, place = _seek_wide(
                            x, row, end, y, place, panel, edge, same, limit, width
                        )
                    if row == end:
                        break
                    if found + TILE > len(i):
                        at[0], at[1], at[2], at[3], at[4] = first, m, panel, row, place
                        return found
                    stop = min(place + TILE, edge)
                    told = _tell(x, row, y, place, stop, width, earlier, limit, places, apart)
                    for k in range(told):
                        one, two = x_rows[row], y_rows[places[k]]
                        swap = upper and two < one
                        i[found], j[found] = (two, one) if swap else (one, two)
                        d[found] = apart[k]
                        found += 1
                    place += TILE
                panel, place = edge, -1
            panel, m = -1, m + 1
        first, m = end, 0
    at[0], at[1], at[2], at[3], at[4] = last, 0, -1, -1, -1
    return found
