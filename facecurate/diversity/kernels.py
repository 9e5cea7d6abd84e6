"""What is read from a block of cosines, as machine code; importing this module imports numba.

Frames stand in the order of ``places``: row r of a block is the frame at place ``rows[r]``, column
c the one at place ``left + c``, and a smaller place is the earlier frame. T tolerances in ascending
order make levels 0 to T: a cosine has level b if it reaches the first b of them. With ``mirror``
the block lies below the diagonal, is met only once, and counts for both of its frames.
"""

from typing import Any

import numpy as np

from facecurate.similar.lanes import compiled

SEQUENCE, GROUP, SPLIT, OTHER = 0, 1, 2, 3
"""Rows of ``reached``: the nearest earlier frame of the same sequence, the same group, the same
split, and of another group."""

ROUNDING = 1e-6
"""Similarities this little below tau count as tau: a float32 product is not exact, and whether
a frame equals its copy must not hang on the last bit."""

_STEP = 128


@compiled
def level(value: Any, limits: Any) -> int:
    """How many of the ascending limits a cosine reaches."""
    low, high = 0, len(limits)
    while low < high:
        middle = (low + high) >> 1
        if value >= limits[middle]:
            low = middle + 1
        else:
            high = middle
    return low


@compiled
def widened(bits: Any, ours: Any, theirs: Any, out: Any) -> None:
    """(R, C) bits of bfloat16 in float32, plus what each row, (R,), and each column, (C,), adds."""
    for r in range(bits.shape[0]):
        for c in range(bits.shape[1]):
            word = np.uint32(np.uint32(np.uint16(bits[r, c])) << np.uint32(16))
            out[r, c] = word.view(np.float32) + ours[r] + theirs[c]


@compiled
def inside(
    block: Any, rows: Any, left: int, mirror: bool, limits: Any, group: Any, sequence: Any,
    split: Any, histogram: Any, reached: Any, crossing: Any,
) -> None:  # fmt: skip
    """Counts every pair of a block whose frames may share a group; block: (R, C) float32.

    histogram: (N, T + 1) pairs of one group by level, not all of level 0; reached: (4, N) the
    highest level with an earlier frame; crossing: (N,) the same with a frame of another split.
    """
    levels = np.empty(_STEP, np.int16)
    for r in range(len(block)):
        i = rows[r]
        own, film, part = group[i], sequence[i], split[i]
        nearest, of_film, of_part, other = 0, 0, 0, 0
        end = max(0, min(block.shape[1], i - left)) if mirror else block.shape[1]
        for start in range(0, end, _STEP):
            stop = min(start + _STEP, end)
            if not _levels(block[r, start:stop], limits, levels):
                continue
            if left + start <= i < left + stop:
                levels[i - left - start] = 0
            for c in range(start, stop):  # without a branch on the level, which nobody can foresee
                b, j = levels[c - start], left + c
                if own == group[j]:
                    histogram[i, b] += 1
                    if mirror:
                        histogram[j, b] += 1
                    if j < i:
                        nearest = max(nearest, b)
                        if film == sequence[j]:
                            of_film = max(of_film, b)
                elif j < i:
                    other = max(other, b)
                if part == split[j]:
                    if j < i:
                        of_part = max(of_part, b)
                elif part >= 0 and split[j] >= 0:
                    crossing[i] = max(crossing[i], b)
                    if mirror:
                        crossing[j] = max(crossing[j], b)
        reached[GROUP, i] = max(reached[GROUP, i], nearest)
        reached[OTHER, i] = max(reached[OTHER, i], other)
        if film >= 0:
            reached[SEQUENCE, i] = max(reached[SEQUENCE, i], of_film)
        if part >= 0:
            reached[SPLIT, i] = max(reached[SPLIT, i], of_part)


@compiled
def _levels(cosines: Any, limits: Any, out: Any) -> bool:
    """The level of each cosine; False, and nothing written, if all of them are 0."""
    least, hit = limits[0], False
    for value in cosines:
        hit |= value >= least
    if not hit:
        return False
    for c in range(len(cosines)):
        out[c] = cosines[c] >= least
    for t in range(1, len(limits)):
        limit = limits[t]
        for c in range(len(cosines)):
            out[c] += cosines[c] >= limit
    return True


@compiled
def rising(
    block: Any, rows: Any, left: int, mirror: bool, steps: Any, split: Any, reached: Any,
    crossing: Any, row: int, column: int, i: Any, j: Any,
) -> tuple[int, int, int]:  # fmt: skip
    """Pairs of different groups that may raise a level; resumes at ``row``, ``column``.

    steps: (T + 1,) what an entry of the block must reach at least to rise above each level,
    infinite for the last one. Writes rows and columns of the block to i and j. Returns how
    many, and where to go on when they are full.
    """
    found, columns, never = 0, block.shape[1], steps[-1]
    low = np.empty(columns, steps.dtype)
    for c in range(columns):
        low[c] = steps[crossing[left + c]] if mirror else never
    theirs = split[left : left + columns]
    for r in range(row, len(block)):
        p = rows[r]
        own, cross = split[p], steps[crossing[p]]
        earlier = max(0, min(columns, p - left))
        start = column if r == row else 0
        while start < columns:
            before = start < earlier
            stop = min(start + _STEP, earlier if before else columns)
            any_time = steps[reached[OTHER, p]] if before else never
            same = min(any_time, steps[reached[SPLIT, p]]) if before else never
            apart = min(any_time, cross)
            if own < 0:
                same, apart = any_time, any_time
            hit = False
            for c in range(start, stop):
                hit |= block[r, c] >= (same if theirs[c] == own else min(apart, low[c]))
            if hit:
                if found + _STEP > len(i):
                    return found, r, start
                for c in range(start, stop):
                    if block[r, c] >= (same if theirs[c] == own else min(apart, low[c])):
                        i[found], j[found] = r, c
                        found += 1
            start = stop
    return found, len(block), 0


@compiled
def settle(
    rows: Any, left: int, mirror: bool, i: Any, j: Any, cosine: Any, limits: Any, split: Any,
    reached: Any, crossing: Any,
) -> None:  # fmt: skip
    """Enters pairs of different groups, rows i and columns j of a block, with their cosines."""
    for k in range(len(i)):
        p, q = rows[i[k]], left + j[k]
        b = level(cosine[k], limits)
        if b == 0:
            continue
        if q < p:
            reached[OTHER, p] = max(reached[OTHER, p], b)
        if split[p] < 0 or split[q] < 0:
            continue
        if split[p] != split[q]:
            crossing[p] = max(crossing[p], b)
            if mirror:
                crossing[q] = max(crossing[q], b)
        elif q < p:
            reached[SPLIT, p] = max(reached[SPLIT, p], b)


@compiled
def crossers(
    block: Any, rows: Any, left: int, mirror: bool, limit: Any, split: Any, row: int, column: int,
    i: Any, j: Any,
) -> tuple[int, int, int]:  # fmt: skip
    """Pairs of different splits that reach ``limit``; resumes and returns as ``rising`` does."""
    found = 0
    for r in range(row, len(block)):
        p = rows[r]
        own = split[p]
        if own < 0:
            continue
        end = max(0, min(block.shape[1], p - left)) if mirror else block.shape[1]
        for start in range(column if r == row else 0, end, _STEP):
            stop = min(start + _STEP, end)
            hit = False
            for c in range(start, stop):
                hit |= (block[r, c] >= limit) & (split[left + c] != own)
            if not hit:
                continue
            if found + _STEP > len(i):
                return found, r, start
            for c in range(start, stop):
                other = split[left + c]
                if block[r, c] >= limit and other != own and other >= 0:
                    i[found], j[found] = r, c
                    found += 1
    return found, len(block), 0


@compiled
def agreeing(
    block: Any, chosen: Any, left: int, asked: Any, sequence: Any, frame: Any, reach: Any,
    values: Any, least: float, edges: Any, equal: Any, different: Any,
) -> None:  # fmt: skip
    """Counts pairs far enough apart by distance, apart those whose values differ by ``least``.

    A pair of two asked frames is counted once. Values: (M, A) without gaps.
    """
    for r in range(len(block)):
        i = chosen[r]
        for c in range(block.shape[1]):
            j = left + c
            if i == j or (asked[j] and j < i):
                continue
            if sequence[i] == sequence[j] and sequence[i] >= 0:
                if frame[i] < 0 or frame[j] < 0:
                    continue
                if abs(frame[i] - frame[j]) <= max(reach[i], reach[j]):
                    continue
            b = max(0, min(level(1.0 - block[r, c], edges), len(edges) - 1) - 1)
            differs = False
            for a in range(values.shape[1]):
                differs |= abs(values[i, a] - values[j, a]) >= least
            if differs:
                different[b] += 1
            else:
                equal[b] += 1
