"""Windows of an image: the overlapping tiles of a large one, how they are blended, and the part that is opened up."""

from collections.abc import Callable
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

TILE = 128  # pixels a side that go through the network in one piece; larger images are cut into tiles of this size
STEP = TILE // 2  # from one tile to the next: every pixel away from the image's edge lies in at least two

Values = TypeVar("Values", bound=np.generic)


def window(values: NDArray[Values], top: int, left: int) -> NDArray[Values]:
    """The part of an (H, W) image from a row and a column on, at most ``TILE`` pixels a side.

    Raises:
        ValueError: the window does not lie inside the image.
    """
    height, width = values.shape
    lowest, rightmost = max(0, height - TILE), max(0, width - TILE)
    if not (0 <= top <= lowest and 0 <= left <= rightmost):
        raise ValueError(
            f"expected a window inside {height} x {width} pixels, top 0 to {lowest} and left 0 to {rightmost}, "
            f"got top {top} and left {left}"
        )
    return values[top : top + TILE, left : left + TILE]


def windows(height: int, width: int, side: int = TILE) -> list[tuple[slice, slice]]:
    """Rows and columns of the tiles that cover an image, all of one size; the last ones end exactly at its edge.

    Args:
        height: of the image.
        width: of the image.
        side: pixels of a tile, where the image is not smaller; from one to the next it is half of that.
    """
    return [
        (slice(top, min(top + side, height)), slice(left, min(left + side, width)))
        for top in _starts(height, side)
        for left in _starts(width, side)
    ]


def blend(
    values: NDArray[np.float32],
    compute: Callable[[list[NDArray[np.float32]]], NDArray[np.float32]],
    batch_size: int,
) -> NDArray[np.float32]:
    """A map of a large image, computed in overlapping tiles.

    Args:
        values: (H, W).
        compute: (h, w) tiles of one size -> (N, h, w) maps of them, in [0, 1].
        batch_size: tiles per call.

    Returns:
        (H, W): at each pixel the weighted mean of the tiles that hold it; weights fall off smoothly towards a tile's
        edge.
    """
    total = np.zeros_like(values)
    weight_total = np.zeros_like(values)
    places = windows(*values.shape)
    rows, columns = places[0]
    weight = np.outer(_hann(rows.stop - rows.start), _hann(columns.stop - columns.start))
    for start in range(0, len(places), batch_size):
        batch = places[start : start + batch_size]
        for place, tile in zip(batch, compute([values[place] for place in batch]), strict=True):
            total[place] += weight * tile
            weight_total[place] += weight
    blended: NDArray[np.float32] = np.clip(total / weight_total, 0, 1)
    return blended


def _starts(length: int, side: int) -> list[int]:
    last = max(length - side, 0)
    return [*range(0, last, side // 2), last]


def _hann(length: int) -> NDArray[np.float32]:
    """A Hann window sampled at the centres of pixels, so that it is never 0."""
    return np.square(np.sin(np.pi * (np.arange(length) + 0.5) / length)).astype(np.float32)
