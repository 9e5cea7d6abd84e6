"""Two lists: each of ours is matched with the one of theirs that it is surest to equal."""

import hashlib

import numpy as np
import pytest
from PIL import Image

from facecurate.similar.duplicates import Rules
from facecurate.similar.items import Items
from facecurate.similar.overlap import find_overlap
from facecurate.similar.phash import hashes
from facecurate.similar.verify import HashTable


def picture(seed: int, size: int = 96) -> np.ndarray:
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(0, 256, (12, 12, 3), dtype=np.uint8))
    return np.asarray(coarse.resize((size, size), Image.Resampling.BICUBIC))


def items(pictures: dict[str, np.ndarray]) -> Items:
    found = [hashes(p) for p in pictures.values()]
    names = ("phash64", "phash64_mirror", "phash256", "phash256_mirror")
    return Items(
        keys=list(pictures),
        sha256=[hashlib.sha256(p.tobytes()).digest() for p in pictures.values()],
        hashes=HashTable.of(*([getattr(h, n) if h.informative else None for h in found]
                              for n in names)),
        size=np.ones(len(pictures)),
        sharpness=np.full(len(pictures), np.nan),
    )  # fmt: skip


OURS = {
    "same": picture(1),
    "small": picture(2, 70),
    "flipped": np.ascontiguousarray(picture(3)[:, ::-1]),
    "other": picture(4),
    "black": np.zeros((64, 64, 3), np.uint8),
}
THEIRS = {
    "x": picture(3),
    "y": picture(2),
    "z": picture(2),
    "w": picture(1),
    "v": np.zeros((60, 60, 3), np.uint8),
}


@pytest.mark.parametrize("turn", [1, -1])
def test_bytes_hashes_and_mirrored_hashes_match_whatever_the_order(turn: int) -> None:
    ours, theirs = (items(dict(list(one.items())[::turn])) for one in (OURS, THEIRS))
    found = find_overlap(ours, theirs, Rules())
    told = [(m.key, m.other_key, m.method, m.mirrored, m.verified) for m in found.matches]
    assert told == [
        ("flipped", "x", "phash", True, "hash"),
        ("same", "w", "exact", False, "bytes"),
        ("small", "y", "phash", False, "hash"),
    ]
    assert found.pairs == 4 * 3 and (found.registered, found.not_registered) == (0, 0)


def test_what_hashes_refuse_is_asked_about_by_rows_of_both_lists() -> None:
    ours, theirs = items({"a": picture(4), "b": picture(2, 60)}), items({"y": picture(2)})
    asked = []

    def registered(pairs: list[tuple[int, int, bool]]) -> np.ndarray:
        asked.extend(pairs)
        return np.full(len(pairs), 0.97)

    rules = Rules(verified_bits=-1, doubt_bits=66)
    (match,) = find_overlap(ours, theirs, rules, registered=registered).matches
    assert asked == [(1, 0, False)]
    assert (match.key, match.verified, match.agreement) == ("b", "registered", 0.97)


def test_nothing_matches_nothing() -> None:
    found = find_overlap(items({}), items(THEIRS), Rules())
    assert (found.matches, found.pairs) == ([], 0)
