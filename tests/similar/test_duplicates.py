import hashlib
from pathlib import Path

import numpy as np
import pytest
from bit_worlds import bit_world, shuffled, table, unique_bytes
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from facecurate import images
from facecurate.similar import verify
from facecurate.similar.duplicates import ClusterRow, Rules, find_duplicates
from facecurate.similar.items import Items
from facecurate.similar.phash import hashes


def picture(seed: int, size: int = 96) -> np.ndarray:
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(0, 256, (12, 12, 3), dtype=np.uint8))
    return np.asarray(coarse.resize((size, size), Image.Resampling.BICUBIC))


def smaller(image: np.ndarray, size: int = 70) -> np.ndarray:
    return np.asarray(Image.fromarray(image).resize((size, size), Image.Resampling.BILINEAR))


def items(pictures: dict[str, np.ndarray]) -> Items:
    return Items(
        keys=list(pictures),
        sha256=[hashlib.sha256(p.tobytes() + bytes(p.shape)).digest() for p in pictures.values()],
        hashes=table([hashes(p) for p in pictures.values()]),
        size=np.array([p.shape[0] * p.shape[1] for p in pictures.values()], float),
        sharpness=np.full(len(pictures), np.nan),
    )


def test_exact_rescaled_and_mirrored_copies_become_one_cluster_with_its_rows() -> None:
    image = picture(1)
    mirrored = np.ascontiguousarray(image[:, ::-1])
    world = {
        "d": smaller(image),
        "c": image,
        "b": image,
        "e": smaller(mirrored, 64),
        "z": picture(2),
    }
    found = find_duplicates(items(world))
    rows = [(r.key, r.cluster, r.keep, r.kept_key, r.method, r.mirrored) for r in found.rows]
    assert rows == [
        ("b", 0, True, "b", None, False),
        ("c", 0, False, "b", "exact", False),
        ("d", 0, False, "b", "phash", False),
        ("e", 0, False, "b", "phash", True),
    ]
    assert [r.distance for r in found.rows[:2]] == [0.0, 0.0]
    assert all(0 <= r.distance <= 10 for r in found.rows)
    assert (found.distinct, found.pairs, found.uninformative) == (4, 6, 0)


def test_clusters_are_numbered_by_their_smallest_key() -> None:
    world = {"d": picture(1), "b": smaller(picture(2)), "a": picture(1), "c": picture(2)}
    rows = find_duplicates(items(world)).rows
    assert [(r.key, r.cluster, r.kept_key) for r in rows] == [
        ("a", 0, "a"),
        ("d", 0, "a"),
        ("c", 1, "c"),
        ("b", 1, "c"),
    ]


def test_flat_pictures_equal_only_the_same_bytes() -> None:
    black = np.zeros((64, 64, 3), np.uint8)
    world = {"a": black, "b": black.copy(), "c": np.zeros((60, 60, 3), np.uint8), "d": black + 9}
    found = find_duplicates(items(world))
    assert [(r.key, r.method) for r in found.rows] == [("a", None), ("b", "exact")]
    assert found.uninformative == 4


def test_nothing_in_nothing_out() -> None:
    found = find_duplicates(items({}))
    assert (found.rows, found.largest_component, found.false_edges_at_most) == ([], 0, 0.0)


def test_repeated_keys_are_refused() -> None:
    one = items({"a": picture(1)})
    with pytest.raises(ValueError, match="not unique"):
        shuffled(one, [0, 0])


def test_a_hundred_thousand_equal_pictures_take_no_quadratic_work() -> None:
    one = table([hashes(picture(1))])
    count = 100_000
    many = Items(
        keys=[f"k{n:06d}" for n in range(count)],
        sha256=[None] * count,
        hashes=one.take(np.zeros(count, np.int64)),
        size=np.ones(count),
        sharpness=np.full(count, np.nan),
    )
    found = find_duplicates(many)
    assert (found.candidates, found.largest_component) == (0, count)
    assert {(r.kept_key, r.cluster) for r in found.rows} == {("k000000", 0)}


@given(st.integers(0, 10_000), st.sampled_from(["largest", "sharpest", "first"]), st.randoms())
@settings(max_examples=25, deadline=None)
def test_the_order_of_items_does_not_matter(seed: int, keep: str, random) -> None:  # type: ignore[no-untyped-def]
    world = unique_bytes(bit_world(4, 6, 40, seed))
    order = list(range(len(world.keys)))
    random.shuffle(order)
    rules = Rules(keep=keep)
    assert find_duplicates(world, rules) == find_duplicates(shuffled(world, order), rules)


@given(st.integers(0, 10_000))
@settings(max_examples=25, deadline=None)
def test_a_dropped_picture_is_within_the_threshold_of_a_kept_one(seed: int) -> None:
    world = unique_bytes(bit_world(4, 6, 40, seed))
    rows = find_duplicates(world).rows
    place = {key: row for row, key in enumerate(world.keys)}
    by_key = {row.key: row for row in rows}
    assert len(by_key) == len(rows)
    for row in rows:
        kept = by_key[row.kept_key]
        assert kept.keep and kept.cluster == row.cluster and (row.key == kept.key) == row.keep
        i, j = np.array([place[row.key]]), np.array([place[kept.key]])
        apart = int(verify.distances(world.hashes, world.hashes, i, j, row.mirrored)[0])
        assert row.method == "exact" or row.distance == apart <= 40


# -- real photos -----------------------------------------------------------------------------


def photos(test_data: Path) -> dict[str, tuple[Path, str]]:
    """Every photo of London and both Congress sets, and who is on it."""
    root = test_data / "photos"
    named: dict[str, tuple[Path, str]] = {}
    for path in sorted(root.glob("london/inst/*/*.jpg")):
        folder = path.parent.name
        person = path.name[:3] if folder.endswith("front") else f"{folder}/{path.stem}"
        named[str(path.relative_to(root))] = path, "lisa" if folder == "lisa" else person
    for first, second, _, person in pairs(test_data):
        named[first] = root / first, person
        named[second] = root / second, person
    return named


def pairs(test_data: Path) -> list[tuple[str, str, str, str]]:
    """First and second photo, how they are related, and the person."""
    lines = (test_data / "photos/congress_second/pairs.tsv").read_text().splitlines()[1:]
    columns = [line.split("\t") for line in lines]
    return [(f"congress/{c[1]}", f"congress_second/{c[2]}", c[3], c[0]) for c in columns]


def test_real_duplicates_are_found_and_no_cluster_holds_two_people(test_data: Path) -> None:
    named = photos(test_data)
    assert len(named) > 230
    data = {name: path.read_bytes() for name, (path, _) in named.items()}
    decoded = {name: images.decode(blob).pixels for name, blob in data.items()}
    found = find_duplicates(
        Items(
            keys=list(named),
            sha256=[hashlib.sha256(blob).digest() for blob in data.values()],
            hashes=table([hashes(p) for p in decoded.values()]),
            size=np.array([p.shape[0] * p.shape[1] for p in decoded.values()], float),
            sharpness=np.full(len(named), np.nan),
        )
    )
    rows: dict[str, ClusterRow] = {row.key: row for row in found.rows}
    planted = [p for p in pairs(test_data) if p[2] != "same_person_different_photo"]
    assert len(planted) == 21
    for first, second, how, _ in planted:
        assert rows[first].cluster == rows[second].cluster
        assert (rows[first].mirrored or rows[second].mirrored) == (how == "mirrored_duplicate")
    clusters: dict[int, set[str]] = {}
    for row in found.rows:
        clusters.setdefault(row.cluster, set()).add(named[row.key][1])
    assert all(len(people) == 1 for people in clusters.values())
    print(f"accepted up to {found.farthest_accepted}, refused from {found.nearest_refused} bits")
    assert found.farthest_accepted is not None and found.nearest_refused is not None
    assert found.farthest_accepted <= 10 and found.nearest_refused > verify.VERIFIED_BITS


def test_real_photos_hash_as_imagehash_does(test_data: Path) -> None:
    import imagehash

    for path in sorted((test_data / "photos/congress/images").glob("*.jpg"))[::5]:
        image = images.decode(path.read_bytes()).pixels
        ours, picture_ = hashes(image, exact=True), Image.fromarray(image)
        for size, bits in ((8, ours.phash64), (16, ours.phash256)):
            reference = imagehash.phash(picture_, hash_size=size).hash
            assert np.packbits(reference).tobytes() == bits
