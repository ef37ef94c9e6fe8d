"""The margin: the part of an image that is no section, an area of one grey and what is printed in it.

Exported figures have white around the section, surveys have traces that were never recorded and are drawn in one grey.
A network trained on sections predicts something there too, and it means nothing.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

# Of the 3,573 labelled TGS tiles 127 have such an area, 627,311 pixels in all, and none of those pixels is salt.  Areas
# of one grey that cover no whole side are mostly salt there: a body without any reflection.
LEVEL = 1 / 255  # of the range of greys: how far those of one margin may lie apart, as they do in a JPEG
CORNER = 0.02  # of all pixels: a black or white area at a corner is a margin too from this size on
ISLAND = 0.1  # of the largest part inside the margin: a smaller part is lettering or a colour bar


def margin(values: NDArray[np.float32]) -> NDArray[np.bool_]:
    """The pixels of the margin.

    Args:
        values: (H, W) float32 in [0, 1].

    Returns:
        (H, W) bool: areas of one grey that cover a whole side, areas of black or white at a corner, and small parts
        inside them.  All of an image of one single grey.

    Example:
        >>> image = np.linspace(0.2, 0.8, 400, dtype=np.float32).reshape(20, 20)
        >>> image[:, :3] = 1
        >>> margin(image).sum(axis=1)[:2]
        array([3, 3])
    """
    height, width = values.shape
    level = LEVEL * float(values.max() - values.min())
    sides = {(0, 0): (values[0], values[:, 0]), (width - 1, height - 1): (values[-1], values[:, -1])}
    filled = np.zeros((height + 2, width + 2), np.uint8)
    for corner, lines in sides.items():
        if any(float(line.max()) - float(line.min()) <= level for line in lines):
            _fill(values, corner, level, filled)
    for corner in ((x, y) for x in (0, width - 1) for y in (0, height - 1)):
        if values[corner[::-1]] in (0, 1) and not filled[corner[1] + 1, corner[0] + 1]:
            area = np.zeros_like(filled)
            if _fill(values, corner, 0, area) >= CORNER * values.size:
                filled |= area
    outside = filled[1:-1, 1:-1].astype(bool)
    if outside.any() and not outside.all():
        _, parts, statistics, _ = cv2.connectedComponentsWithStats((~outside).astype(np.uint8), connectivity=8)
        areas = statistics[:, cv2.CC_STAT_AREA]
        areas[0] = 0  # the margin itself
        outside |= (areas < ISLAND * areas.max())[parts]
    return outside


def section(outside: NDArray[np.bool_], smallest: int) -> tuple[slice, slice]:
    """The rows and columns of an image that hold the section.

    Args:
        outside: (H, W) bool, as ``margin`` gives it, not all of it True.
        smallest: pixels a side; where the section has fewer, all rows and columns are returned.
    """
    rows, columns = (np.flatnonzero(~outside.all(axis=axis)) for axis in (1, 0))
    found = slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)
    return found if min(side.stop - side.start for side in found) >= smallest else (slice(None), slice(None))


def _fill(values: NDArray[np.float32], corner: tuple[int, int], level: float, filled: NDArray[np.uint8]) -> int:
    """Marks the pixels connected with a corner (x, y) that hardly differ from it, and returns their number."""
    flags = 4 | cv2.FLOODFILL_MASK_ONLY | cv2.FLOODFILL_FIXED_RANGE
    return cv2.floodFill(np.ascontiguousarray(values), filled, corner, 0, level, level, flags)[0]
