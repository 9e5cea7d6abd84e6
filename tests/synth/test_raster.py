import numpy as np

from facecurate.synth.raster import nearest

# A square of two triangles, clockwise on the screen, whose corners are at the edge of 8 x 8 cells.
SQUARE = np.array([[-0.5, -0.5, 1.0], [7.5, -0.5, 1.0], [7.5, 7.5, 1.0], [-0.5, 7.5, 1.0]], "f4")
FACES = np.array([[0, 1, 2], [0, 2, 3]], np.int32)
ONE_SIDE = np.zeros(2, np.bool_)


def grid(cells: int, size: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """A bumpy sheet that covers (size, size) sub-pixels, its vertices anywhere."""
    at = np.linspace(-1.0, size, cells)
    x, y = np.meshgrid(at, at)
    inner = np.zeros((cells, cells))
    inner[1:-1, 1:-1] = 0.3 * size / cells
    x, y = x + inner * rng.uniform(-1, 1, x.shape), y + inner * rng.uniform(-1, 1, x.shape)
    points = np.stack([x, y, rng.uniform(0.5, 1.0, x.shape)], axis=2).reshape(-1, 3)
    first = (np.arange(cells - 1)[:, None] * cells + np.arange(cells - 1)).ravel()
    upper = np.stack([first, first + 1, first + cells + 1], axis=1)
    lower = np.stack([first, first + cells + 1, first + cells], axis=1)
    return points.astype(np.float32), np.concatenate([upper, lower]).astype(np.int32)


def test_a_square_covers_the_sub_pixels_whose_centres_it_holds() -> None:
    seen, depth = nearest(SQUARE, FACES, ONE_SIDE, 10, 12)
    assert (seen[:8, :8] >= 0).all() and (seen >= 0).sum() == 64
    assert (depth[:8, :8] == 1.0).all() and (depth == 0).sum() == 120 - 64
    assert seen[0, 7] == 0 and seen[7, 0] == 1


def test_a_sheet_has_no_holes_and_none_of_its_triangles_reaches_beyond_itself() -> None:
    for seed in range(5):
        points, faces = grid(40, 96.0, np.random.default_rng(seed))
        seen, depth = nearest(points, faces, np.zeros(len(faces), np.bool_), 96, 96)
        assert (seen >= 0).all()
        corners = points[faces[seen]]
        y, x = np.indices(seen.shape)
        low, high = corners.min(axis=2), corners.max(axis=2)
        place = np.stack([x, y, depth], axis=2)
        assert ((place >= low - 1e-3) & (place <= high + 1e-3)).all()


def test_the_nearer_of_two_is_seen_in_whatever_order_they_come() -> None:
    near = SQUARE * [0.5, 0.5, 1.0] + [0, 0, 0.5]
    points = np.concatenate([SQUARE, near]).astype(np.float32)
    faces = np.concatenate([FACES, FACES + 4])
    one, _ = nearest(points, faces, np.zeros(4, np.bool_), 8, 8)
    other, _ = nearest(points, faces[::-1].copy(), np.zeros(4, np.bool_), 8, 8)
    assert (one[:4, :4] >= 2).all() and (one[4:] < 2).all()
    assert ((other < 2) == (one >= 2)).all()


def test_the_far_side_is_drawn_only_of_what_has_two_sides() -> None:
    turned = FACES[:, ::-1].copy()
    seen, _ = nearest(SQUARE, turned, ONE_SIDE, 8, 8)
    assert (seen == -1).all()
    seen, _ = nearest(SQUARE, turned, np.array([True, False]), 8, 8)
    assert set(np.unique(seen)) == {-1, 0}


def test_what_lies_outside_the_picture_is_cut_and_flat_triangles_are_skipped() -> None:
    far = SQUARE + np.array([1000.0, -1000.0, 0.0], np.float32)
    assert (nearest(far, FACES, ONE_SIDE, 8, 8)[0] == -1).all()
    large = SQUARE * np.array([1000.0, 1000.0, 1.0], np.float32)
    assert (nearest(large, FACES, ONE_SIDE, 8, 8)[0] >= 0).all()
    line = SQUARE * np.array([1.0, 0.0, 1.0], np.float32)
    assert (nearest(line, FACES, ~ONE_SIDE, 8, 8)[0] == -1).all()
    assert nearest(SQUARE, FACES, ONE_SIDE, 0, 0)[0].shape == (0, 0)


def test_depth_is_linear_on_the_screen() -> None:
    points = SQUARE.copy()
    points[:, 2] = 1.0 + 0.1 * points[:, 0] + 0.01 * points[:, 1]
    _, depth = nearest(points, FACES, ONE_SIDE, 8, 8)
    y, x = np.indices((8, 8))
    assert np.abs(depth - (1.0 + 0.1 * x + 0.01 * y)).max() < 1e-5
