"""Colour maps undone: the grey that a coloured section was made from.

A colour map turns a number into a colour, and the colour's luminance is not the number: in ``seismic`` both the
strongest trough and the strongest peak are dark.  Where the map is known here, each colour is replaced by the position
of the nearest one in the map.
"""

from collections.abc import Sequence
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

Colours = NDArray[np.uint8]  # (..., 3) RGB

STRONG = 32  # of 255, between the largest and the smallest channel of a pixel: more is no tint of a scanner
SHARE = 0.05  # of the pixels are strongly coloured; fewer are lines drawn on the section
NEAR = 40.0  # distance in RGB from a map: a JPEG stores colours coarsely
NEAR_IN_THE_MEAN = 20.0
FEWEST = 8  # colours of a map that occur; fewer are labels or a drawing
MOST = 0.9  # of the coloured pixels lie that near to the map
# A map with white between two colours may be used near its white only, as where one strong sample set the limits, or in
# few levels, as in a contour plot.  Then its colours are sought exactly, on both sides of its white.
TINTED = 4  # of 255, as ``STRONG``
TINTED_SHARE = 0.1  # of the pixels are so
EXACT = 8.0  # distance in RGB from a map
FEW = 4  # colours of it that occur
SIDE = 0.05  # of the coloured pixels lie on each side
WHITE = 8  # of 256 places around the middle of a map are neither side
LUMINANCE = np.array([0.299, 0.587, 0.114])  # ITU-R BT.601; the three add up to 1, so grey stays grey
_SAMPLED = 20_000  # pixels that decide which map it is
_PIECE = 1_000_000  # pixels converted at a time

# Control points (position, red, green, blue), as matplotlib has them.
_SEISMIC = ((0, 0, 0, 0.3), (0.25, 0, 0, 1), (0.5, 1, 1, 1), (0.75, 1, 0, 0), (1, 0.5, 0, 0))
_BWR = ((0, 0, 0, 1), (0.5, 1, 1, 1), (1, 1, 0, 0))
# Control points (red, green, blue) at equal distances: four of Cynthia Brewer's maps, and Kenneth Moreland's.
_EQUIDISTANT = {
    "RdBu": (
        (103, 0, 31), (178, 24, 43), (214, 96, 77), (244, 165, 130), (253, 219, 199), (247, 247, 247), (209, 229, 240),
        (146, 197, 222), (67, 147, 195), (33, 102, 172), (5, 48, 97),
    ),
    "RdGy": (
        (103, 0, 31), (178, 24, 43), (214, 96, 77), (244, 165, 130), (253, 219, 199), (255, 255, 255), (224, 224, 224),
        (186, 186, 186), (135, 135, 135), (77, 77, 77), (26, 26, 26),
    ),
    "RdYlBu": (
        (165, 0, 38), (215, 48, 39), (244, 109, 67), (253, 174, 97), (254, 224, 144), (255, 255, 191), (224, 243, 248),
        (171, 217, 233), (116, 173, 209), (69, 117, 180), (49, 54, 149),
    ),
    "PuOr": (
        (127, 59, 8), (179, 88, 6), (224, 130, 20), (253, 184, 99), (254, 224, 182), (247, 247, 247), (216, 218, 235),
        (178, 171, 210), (128, 115, 172), (84, 39, 136), (45, 0, 75),
    ),
    "coolwarm": (
        (59, 76, 192), (68, 90, 204), (77, 104, 215), (87, 117, 225), (98, 130, 234), (108, 142, 241), (119, 154, 247),
        (130, 165, 251), (141, 176, 254), (152, 185, 255), (163, 194, 255), (174, 201, 253), (184, 208, 249),
        (194, 213, 244), (204, 217, 238), (213, 219, 230), (221, 221, 221), (229, 216, 209), (236, 211, 197),
        (241, 204, 185), (245, 196, 173), (247, 187, 160), (247, 177, 148), (247, 166, 135), (244, 154, 123),
        (241, 141, 111), (236, 127, 99), (229, 112, 88), (222, 96, 77), (213, 80, 66), (203, 62, 56), (192, 40, 47),
        (180, 4, 38),
    ),
}  # fmt: skip
DIVERGING = {"bwr", "seismic", *_EQUIDISTANT} - {"RdGy"}  # the maps with white, or nearly white, between two colours
_JET = (  # a curve for each of red, green and blue
    ((0, 0), (0.35, 0), (0.66, 1), (0.89, 1), (1, 0.5)),
    ((0, 0), (0.125, 0), (0.375, 1), (0.64, 1), (0.91, 0), (1, 0)),
    ((0, 0.5), (0.11, 1), (0.34, 1), (0.65, 0), (1, 0)),
)


def unmapped(image: NDArray[np.generic]) -> tuple[NDArray[np.float32] | None, str]:
    """The grey a coloured image was made from.

    Args:
        image: (H, W, 3) RGB, uint8.

    Returns:
        (H, W) float32 in [0, 1], the position of each pixel's colour in the map, 0 at its low end, and the name of the
        map; None and an empty text for an image that is not strongly coloured; None and ``unknown`` for colours of no
        map known here.  Which end of a map was the low one no image says: of a reversed map, grey is reversed too.
    """
    pixels = image.reshape(-1, 3)
    sampled = pixels[:: max(1, len(pixels) // _SAMPLED)].astype(np.int16)
    spread = sampled.max(1) - sampled.min(1)
    strong = np.mean(spread > STRONG) >= SHARE
    if not strong and np.mean(spread > TINTED) < TINTED_SHARE:
        return None, ""
    coloured = spread > (STRONG if strong else TINTED)
    # White and black are what is printed around a section, too.
    compared = coloured | ((sampled.min(1) < 250) & (sampled.max(1) > 5))
    colours, counts = np.unique(np.column_stack([sampled, coloured])[compared], axis=0, return_counts=True)
    fitting = {}
    for name, table in tables().items():
        places, distances = _nearest(colours[:, :3], table)
        if _fits(name, places[chosen := colours[:, 3] == 1], distances[chosen], counts[chosen], strong):
            fitting[name] = float(np.average(distances, weights=counts))
    if not fitting:
        return None, "unknown" if strong else ""
    # Every colour of bwr occurs in seismic too: of maps that fit equally well the first is taken.
    name = next(name for name, distance in fitting.items() if distance <= 1.1 * min(fitting.values()) + 0.1)
    values = np.empty(len(pixels), np.float32)
    for start in range(0, len(pixels), _PIECE):
        found, inverse = np.unique(_packed(pixels[start : start + _PIECE]), return_inverse=True)
        shares = _places(_unpacked(found), tables()[name]) / 255
        values[start : start + _PIECE] = shares.astype(np.float32)[inverse.ravel()]
    return values.reshape(image.shape[:2]), name


def _fits(
    name: str, places: NDArray[np.int64], distances: NDArray[np.float32], counts: NDArray[np.int64], strong: bool
) -> bool:
    """Whether colours are those of a map: their places in it, distances from it, and how many pixels have each."""
    total, mean = counts.sum(), np.average(distances, weights=counts)
    near = mean <= NEAR_IN_THE_MEAN and counts[distances <= NEAR].sum() >= MOST * total
    if strong and near and len(set(places.tolist())) >= FEWEST:
        return True
    sides = [counts[places < 128 - WHITE / 2].sum(), counts[places > 127 + WHITE / 2].sum()]
    exact = distances <= EXACT
    few = len(set(places[exact].tolist())) >= FEW and counts[exact].sum() >= MOST * total
    return bool(name in DIVERGING and few and min(sides) >= SIDE * total)


@cache
def tables() -> dict[str, Colours]:
    """Name -> (256, 3) uint8, the colours of a map from its low end to its high one."""
    places = np.linspace(0, 1, 256)

    def of(*curves: Sequence[tuple[float, float]]) -> Colours:
        """One curve for each of red, green and blue: pairs of a place and a share."""
        lines = [np.interp(places, *np.array(curve).T) for curve in curves]
        colours: Colours = np.rint(255 * np.stack(lines, axis=1)).astype(np.uint8)
        return colours

    def through(points: Sequence[tuple[float, ...]]) -> Colours:
        return of(*([(point[0], point[channel]) for point in points] for channel in (1, 2, 3)))

    def equidistant(colours: Sequence[tuple[int, int, int]]) -> Colours:
        last = len(colours) - 1
        return through([(i / last, *(value / 255 for value in colour)) for i, colour in enumerate(colours)])

    ramp = np.arange(256, dtype=np.uint8)[:, None]
    names = ("jet", "viridis", "plasma", "inferno", "magma", "cividis", "turbo")
    # OpenCV's jet has other control points than matplotlib's; the other maps are the same in both.
    opencv = {name: cv2.applyColorMap(ramp, getattr(cv2, f"COLORMAP_{name.upper()}"))[:, 0, ::-1] for name in names}
    drawn = {
        "bwr": through(_BWR),
        "seismic": through(_SEISMIC),
        **{name: equidistant(colours) for name, colours in _EQUIDISTANT.items()},
        "jet of matplotlib": of(*_JET),
    }
    return drawn | {name: np.ascontiguousarray(table, np.uint8) for name, table in opencv.items()}


def _places(colours: Colours, table: Colours) -> NDArray[np.float64]:
    """(N, 3) colours -> positions in a map, 0 to 255.

    A map that grows lighter all the way is read by its lightness, which a JPEG stores more finely than colours.
    """
    lightness = table @ LUMINANCE
    if np.diff(lightness).min() > -0.5:  # rounded to whole numbers it may stand still
        places: NDArray[np.float64] = np.interp(colours @ LUMINANCE, np.maximum.accumulate(lightness), np.arange(256.0))
        return places
    return _nearest(colours, table)[0].astype(np.float64)


def _nearest(colours: NDArray[np.generic], table: Colours) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """(N, 3) colours -> the index of the nearest one in the table, and its distance."""
    known = table.astype(np.float32)
    places, distances = np.empty(len(colours), np.int64), np.empty(len(colours), np.float32)
    for start in range(0, len(colours), 4096):  # 4096 x 256 distances at a time
        part = colours[start : start + 4096].astype(np.float32)
        squares = np.square(part[:, None] - known[None]).sum(2)
        places[start : start + 4096] = squares.argmin(1)
        distances[start : start + 4096] = np.sqrt(squares.min(1))
    return places, distances


def _packed(colours: NDArray[np.generic]) -> NDArray[np.uint32]:
    wide = colours.astype(np.uint32)
    return (wide[:, 0] << 16 | wide[:, 1] << 8 | wide[:, 2]).astype(np.uint32)


def _unpacked(packed: NDArray[np.uint32]) -> Colours:
    return np.stack([packed >> shift & 255 for shift in (16, 8, 0)], axis=1).astype(np.uint8)
