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
FEWEST = 8  # colours of a map that occur; fewer are labels or a drawing
MOST = 0.9  # of the coloured pixels lie that near to the map
LUMINANCE = np.array([0.299, 0.587, 0.114])  # ITU-R BT.601; the three add up to 1, so grey stays grey
_SAMPLED = 20_000  # pixels that decide which map it is
_PIECE = 1_000_000  # pixels converted at a time

# Control points (position, red, green, blue), as matplotlib has them; RdBu is Cynthia Brewer's.
_SEISMIC = ((0, 0, 0, 0.3), (0.25, 0, 0, 1), (0.5, 1, 1, 1), (0.75, 1, 0, 0), (1, 0.5, 0, 0))
_BWR = ((0, 0, 0, 1), (0.5, 1, 1, 1), (1, 1, 0, 0))
_RDBU = (
    (103, 0, 31), (178, 24, 43), (214, 96, 77), (244, 165, 130), (253, 219, 199), (247, 247, 247), (209, 229, 240),
    (146, 197, 222), (67, 147, 195), (33, 102, 172), (5, 48, 97),
)  # fmt: skip
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
        map known here.
    """
    pixels = image.reshape(-1, 3)
    sampled = pixels[:: max(1, len(pixels) // _SAMPLED)].astype(np.int16)
    strong = sampled[sampled.max(1) - sampled.min(1) > STRONG]
    if len(strong) < SHARE * len(sampled):
        return None, ""
    colours = np.unique(strong, axis=0, return_inverse=True)
    fitting = {}
    for name, table in tables().items():
        places, distances = _nearest(colours[0], table)
        near = distances[colours[1].ravel()]
        if np.mean(near <= NEAR) >= MOST and len(set(places.tolist())) >= FEWEST:
            fitting[name] = float(near.mean())
    if not fitting:
        return None, "unknown"
    # Every colour of bwr occurs in seismic too: of maps that fit equally well the first is taken.
    name = next(name for name, distance in fitting.items() if distance <= min(fitting.values()) + 0.5)
    values = np.empty(len(pixels), np.float32)
    for start in range(0, len(pixels), _PIECE):
        found, inverse = np.unique(_packed(pixels[start : start + _PIECE]), return_inverse=True)
        shares = _places(_unpacked(found), tables()[name]) / 255
        values[start : start + _PIECE] = shares.astype(np.float32)[inverse.ravel()]
    return values.reshape(image.shape[:2]), name


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

    brewer = [(i / 10, *(value / 255 for value in colour)) for i, colour in enumerate(_RDBU)]
    ramp = np.arange(256, dtype=np.uint8)[:, None]
    names = ("jet", "viridis", "plasma", "inferno", "magma", "cividis", "turbo")
    # OpenCV's jet has other control points than matplotlib's; the other maps are the same in both.
    opencv = {name: cv2.applyColorMap(ramp, getattr(cv2, f"COLORMAP_{name.upper()}"))[:, 0, ::-1] for name in names}
    drawn = {
        "bwr": through(_BWR),
        "seismic": through(_SEISMIC),
        "RdBu": through(brewer),
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
