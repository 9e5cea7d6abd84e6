import imagehash
import numpy as np
import pytest
import simplejpeg
from PIL import Image

from facecurate.images import encode_jpeg
from facecurate.similar.phash import INFORMATIVE_BITS, filled, hashes


def picture(seed: int, height: int = 90, width: int = 120) -> np.ndarray:
    """Smooth coloured blobs: as much structure as a photo, none of its symmetry."""
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(0, 256, (12, 16, 3), dtype=np.uint8))
    return np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC))


def differing(a: bytes, b: bytes) -> int:
    return (int.from_bytes(a, "big") ^ int.from_bytes(b, "big")).bit_count()


def reference(image: np.ndarray) -> tuple[bytes, bytes]:
    both = (imagehash.phash(Image.fromarray(image), hash_size=size) for size in (8, 16))
    small, large = (np.packbits(each.hash).tobytes() for each in both)
    return small, large


@pytest.mark.parametrize("size", [(90, 120), (40, 40), (301, 7)])
def test_exact_bits_are_those_of_imagehash(size: tuple[int, int]) -> None:
    for seed in range(20):
        image = picture(seed, *size)
        ours = hashes(image, exact=True)
        assert (ours.phash64, ours.phash256) == reference(image)


@pytest.mark.parametrize("size", [(90, 120), (40, 40), (300, 200)])
def test_the_bits_are_those_of_imagehash_but_where_a_median_is_near(size: tuple[int, int]) -> None:
    apart = []
    for seed in range(20):
        image = picture(seed, *size)
        ours = hashes(image)
        small, large = reference(image)
        apart.append((differing(ours.phash64, small), differing(ours.phash256, large)))
    assert np.max(apart) <= 6 and np.mean(apart) < 1


@pytest.mark.parametrize("size", [(512, 512), (411, 683), (1003, 530)])
def test_a_scaled_decode_has_the_hashes_of_the_whole_picture(size: tuple[int, int]) -> None:
    height, width = size
    for seed in range(10):
        jpeg = encode_jpeg(picture(seed, height, width))
        small = simplejpeg.decode_jpeg(jpeg, "GRAY", min_height=64, min_width=64)[..., 0]
        assert max(small.shape) < max(size) / 3
        part = filled(height, small.shape[0]), filled(width, small.shape[1])
        whole, scaled = hashes(picture(seed, height, width)), hashes(small, filled=part)
        assert differing(whole.phash64, scaled.phash64) <= 4
        assert differing(whole.phash256, scaled.phash256) <= 10


def test_a_line_fills_a_scaled_decode_in_eighths() -> None:
    assert filled(1003, 126) == 1003 / 8  # the last pixel to three eighths
    assert filled(256, 64) == 64 and filled(256, 96) == 96
    assert filled(77, 77) == 77


def test_an_exact_hash_of_a_part_is_refused() -> None:
    with pytest.raises(ValueError, match="leave out"):
        hashes(np.zeros((64, 64), np.uint8), filled=(63.5, 64.0), exact=True)


def test_exact_equals_imagehash_even_where_rounding_chooses_the_bits() -> None:
    square = np.zeros((96, 96, 3), np.uint8)
    square[24:72, 24:72] = 255
    ramp = np.repeat(np.arange(96, dtype=np.uint8)[None, :, None], 96, axis=0).repeat(3, axis=2)
    for image in (square, ramp, np.full((50, 50, 3), 7, np.uint8)):
        ours = hashes(image, exact=True)
        assert (ours.phash64, ours.phash256) == reference(image)


def test_a_grey_picture_hashes_as_the_same_picture_in_rgb() -> None:
    grey = picture(1)[..., 0]
    assert hashes(grey) == hashes(np.repeat(grey[..., None], 3, axis=2))


def test_the_mirrored_hash_is_the_hash_of_the_mirrored_picture() -> None:
    for seed in range(20):
        image = picture(seed)
        ours, turned = hashes(image), hashes(np.ascontiguousarray(image[:, ::-1]))
        assert differing(ours.phash64_mirror, turned.phash64) == 0
        assert differing(ours.phash256_mirror, turned.phash256) <= 2
        assert differing(ours.phash256, ours.phash256_mirror) > 60


def edge(column: int) -> np.ndarray:
    image = np.zeros((200, 200), np.uint8)
    image[:, column:] = 255
    return image


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((64, 64), np.uint8),
        np.full((1, 1), 200, np.uint8),
        np.full((480, 640, 3), 255, np.uint8),
        np.repeat(np.linspace(0, 255, 300).astype(np.uint8)[None], 200, axis=0),
        edge(70),
        np.random.default_rng(0).integers(15, 19, (400, 400)).astype(np.uint8),
    ],
    ids=["black", "one pixel", "white", "ramp", "one edge", "sensor noise"],
)
def test_a_picture_without_structure_has_no_usable_hash(image: np.ndarray) -> None:
    assert not hashes(image).informative


def test_two_pictures_without_structure_may_share_their_hash() -> None:
    first, second = hashes(edge(70)), hashes(edge(75))
    assert differing(first.phash256, second.phash256) <= 40  # why the rule is needed


def test_a_structured_picture_is_informative_at_any_size() -> None:
    for size in ((900, 1200), (40, 40), (20, 20)):
        assert hashes(picture(3, *size)).decided >= INFORMATIVE_BITS + 50


@pytest.mark.parametrize("image", [np.zeros((0, 4), np.uint8), np.zeros((4, 4), np.float32)])
def test_what_is_no_picture_is_refused(image: np.ndarray) -> None:
    with pytest.raises(ValueError, match="uint8"):
        hashes(image)
