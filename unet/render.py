"""Arrays as images: the colours of maps and the overlay of a mask; every image is a new uint8 RGB array."""

import cv2
import numpy as np
from numpy.typing import NDArray

Color = tuple[int, int, int]
Pixels = NDArray[np.uint8]  # (H, W) grey or (H, W, 3) RGB

# From the palette of Okabe and Ito, whose colours colour-blind people can tell apart.
SALT: Color = (230, 159, 0)
GAP: Color = (128, 128, 128)  # between tiles: on a light page and on a dark one it is neither map nor page


def _cividis() -> Pixels:
    ramp = np.arange(256, dtype=np.uint8)[:, None]
    bgr = np.array(cv2.applyColorMap(ramp, cv2.COLORMAP_CIVIDIS), np.uint8).reshape(256, 3)
    return bgr[:, ::-1].copy()


def _blue_white_orange() -> Pixels:
    """An odd number of colours, so that zero has its own: white, in the middle."""
    ends = np.array([(0, 92, 158), (247, 247, 247), (213, 94, 0)], np.float64)
    ramp = np.linspace(0, 1, 128)[:, None]
    cold, warm = ends[0] + ramp * (ends[1] - ends[0]), ends[1] + ramp * (ends[2] - ends[1])
    return np.asarray(np.rint(np.vstack([cold, warm[1:]])), np.uint8)


SEQUENTIAL = _cividis()  # (256, 3): dark blue to yellow, evenly brighter
DIVERGING = _blue_white_orange()  # (255, 3): negative, zero, positive


def overlay(image: Pixels, mask: NDArray[np.bool_], opacity: float = 0.45, color: Color = SALT) -> Pixels:
    """An image with the masked pixels tinted.

    Args:
        image: (H, W) or (H, W, 3) uint8.
        mask: (H, W) bool.
        opacity: 0 leaves the image as it is, 1 covers it.
        color: red, green, blue, 0 to 255.

    Returns:
        (H, W, 3) uint8.

    Raises:
        ValueError: image and mask differ in size, or an opacity outside [0, 1].

    Example:
        >>> overlay(np.full((1, 2), 100, np.uint8), np.array([[False, True]]), opacity=0.5, color=(200, 0, 0))
        array([[[100, 100, 100],
                [150,  50,  50]]], dtype=uint8)
    """
    if not 0 <= opacity <= 1:
        raise ValueError(f"expected an opacity in [0, 1], got {opacity}")
    rgb = _rgb(image, mask)
    tinted = (1 - opacity) * rgb + opacity * np.array(color)
    return np.where(mask[..., None], np.rint(tinted), rgb).astype(np.uint8)


def feature_tiles(maps: NDArray[np.float32], shared: bool = False, zoom: int = 1, columns: int | None = None) -> Pixels:
    """All maps of one layer side by side, row by row, with a grey gap between them.

    Zero has one colour everywhere.  Maps without negative values run from dark blue (0) to yellow (the
    largest value); where any value is negative, all run from blue (negative) over white (0) to orange.

    Args:
        maps: (C, h, w) float32, finite.
        shared: True scales all maps by the largest absolute value among them, so that they can be compared;
            False scales each by its own, so that weak ones can be seen.
        zoom: every value becomes a square of this many pixels.
        columns: tiles in a row; by default ``tile_columns``, which makes the whole as high as wide, or wider.

    Returns:
        (rows * (zoom * h + 2) - 2, columns * (zoom * w + 2) - 2, 3) uint8; places without a map are grey.

    Raises:
        ValueError: not three dimensions, an empty array, or values that are not finite.

    Example:
        >>> feature_tiles(np.zeros((16, 5, 7), np.float32), zoom=2).shape
        (46, 62, 3)
    """
    if maps.ndim != 3 or maps.size == 0:
        raise ValueError(f"expected maps of shape (C, h, w), got {maps.shape}")
    if not np.isfinite(maps).all():
        raise ValueError("expected finite maps, got NaN or infinity")
    count, height, width = maps.shape
    columns = columns or tile_columns(count)
    rows = -(-count // columns)

    limit = np.abs(maps).max(axis=None if shared else (1, 2), keepdims=True)
    scaled = np.divide(maps, limit, out=np.zeros_like(maps), where=limit > 0)
    if maps.min() < 0:
        colored = DIVERGING[127 + np.rint(scaled * 127).astype(np.intp)]
    else:
        colored = SEQUENTIAL[np.rint(scaled * 255).astype(np.intp)]

    gap = 2
    step_down, step_right = zoom * height + gap, zoom * width + gap
    sheet = np.empty((rows * step_down - gap, columns * step_right - gap, 3), np.uint8)
    sheet[:] = GAP
    for index, tile in enumerate(colored.repeat(zoom, axis=1).repeat(zoom, axis=2)):
        top, left = index // columns * step_down, index % columns * step_right
        sheet[top : top + zoom * height, left : left + zoom * width] = tile
    return sheet


def tile_columns(count: int) -> int:
    """How many of ``count`` tiles stand in a row: 16 -> 4, 32 -> 8, 64 -> 8, 256 -> 16."""
    columns = 1
    while columns * columns < count:
        columns *= 2
    return columns


def _rgb(image: Pixels, mask: NDArray[np.bool_]) -> Pixels:
    """A copy in three colours of the mask's size."""
    if image.dtype != np.uint8 or image.ndim not in (2, 3) or image.shape[2:] not in ((), (3,)):
        raise ValueError(f"expected uint8 of shape (H, W) or (H, W, 3), got {image.dtype} of shape {image.shape}")
    if image.shape[:2] != mask.shape or mask.dtype != np.bool_:
        raise ValueError(
            f"expected a boolean mask of the image's size {image.shape[:2]}, got {mask.dtype} of shape {mask.shape}"
        )
    return image.copy() if image.ndim == 3 else np.repeat(image[..., None], 3, axis=2)
