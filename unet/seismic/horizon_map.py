"""The top of salt as a picture: maps of a cube, a profile of a line."""

import textwrap

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from unet.render import SALT, SEQUENTIAL, Pixels
from unet.seismic.horizon import MEANING, Horizon
from unet.seismic.horizon_table import depths, unit, unit_in_words
from unet.seismic.sheet import Picture, sheet
from unet.seismic.store import Store

LEAST, LONGEST = (320, 160), 720  # pixels of a map: at least so wide and high, and its longer side so long
PROFILE, SPACE, STROKE = (400, 720), 20, 1.5  # pixels of a profile, around what is drawn, and of half a line
PAPER, NO_TOP, BAND = (255, 255, 255), (205, 205, 205), (250, 219, 150)
CHARACTERS = 100  # of a line of text


def draw_map(store: Store, horizon: Horizon) -> Image.Image:
    """The middle percentile, and the way from the lowest to the highest: two maps, or for a line one profile."""
    kind = {"sample": "samples"}.get(unit(store), unit(store))
    tops, percentiles = depths(store, horizon.tops), horizon.percentiles
    middle, is_line = len(percentiles) // 2, len(store.inlines) == 1
    ends = f"P{percentiles[0]:g} to P{percentiles[-1]:g}"
    if is_line:
        label = f"Line: P{percentiles[middle]:g}; tinted: {ends}"
        pictures = [_profile(label, tops[:, 0], middle, horizon.known[0], kind)]
    else:
        pictures = [_map(f"P{percentiles[middle]:g}", tops[middle], horizon.known, kind)]
        if len(percentiles) > 1:
            pictures.append(_map(ends, tops[-1] - tops[0], horizon.known, kind))
    down = "time or depth" if is_line else f"inlines {store.inlines[0]} to {store.inlines[-1]}"
    title = [
        f"Top of salt: {store.path.name}, {down} downwards, crosslines {store.crosslines[0]} to {store.crosslines[-1]} "
        "to the right.",
        f"In {unit_in_words(unit(store))}; grey: the probability never gets so high; white: no data.",
        MEANING,
    ]
    return sheet([line for sentence in title for line in textwrap.wrap(sentence, CHARACTERS)], [pictures])


def _map(name: str, values: NDArray[np.float64], known: NDArray[np.bool_], kind: str) -> Picture:
    """Values (I, X), dark blue where they are small and yellow where they are large."""
    pixels = np.where(known[..., None], NO_TOP, PAPER).astype(np.uint8)
    there = np.isfinite(values)
    label = f"{name}: none"
    if there.any():
        low, high = float(values[there].min()), float(values[there].max())
        steps = np.rint((values[there] - low) / ((high - low) or 1.0) * 255).astype(np.uint8)
        pixels[there] = SEQUENTIAL[steps]
        label = f"{name}: {low:g} {kind} (dark blue) to {high:g} {kind} (yellow)"
    return Picture(_enlarged(pixels), label)


def _enlarged(pixels: Pixels) -> Pixels:
    """At a size to look at: its own shape, but never a thread."""
    height, width = pixels.shape[:2]
    factor = LONGEST / max(height, width)
    size = max(LEAST[0], round(width * factor)), max(LEAST[1], round(height * factor))
    method = cv2.INTER_NEAREST if factor >= 1 else cv2.INTER_AREA
    return np.asarray(cv2.resize(pixels, size, interpolation=method), np.uint8)


def _profile(name: str, tops: NDArray[np.float64], middle: int, known: NDArray[np.bool_], kind: str) -> Picture:
    """Tops (P, X) of a line: the middle one drawn, from the lowest to the highest tinted, to the edge without one."""
    height, width = PROFILE
    traces = np.arange(width) * tops.shape[1] // width
    pixels = np.tile(np.where(known[traces, None], NO_TOP, PAPER).astype(np.uint8), (height, 1, 1))
    if not np.isfinite(tops).any():
        return Picture(pixels, f"{name}: none")
    low, high = float(np.nanmin(tops)), float(np.nanmax(tops))
    rows = (tops[:, traces] - low) / ((high - low) or 1.0) * (height - 2 * SPACE) + SPACE
    row = np.arange(height)[:, None]
    pixels[(row >= rows[0]) & ~(row > rows[-1])] = BAND  # a comparison with NaN, no top, is false
    line = rows[middle]
    neighbour = np.roll(line, 1)
    neighbour[0] = np.nan
    steep = np.fmin(line, neighbour), np.fmax(line, neighbour)  # from one column to the next
    pixels[np.isfinite(line) & (row >= steep[0] - STROKE) & (row <= steep[1] + STROKE)] = SALT
    return Picture(pixels, f"{name}; {low:g} {kind} at the top, {high:g} {kind} at the bottom")
