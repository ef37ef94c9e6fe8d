"""The top of salt and its bodies as files: CSV of traces, CSV of bodies, and a map."""

import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from unet.files.atomic import replacing
from unet.render import SEQUENTIAL, Pixels
from unet.seismic.horizon import ASSUMED, MEANING, NONE, Horizon, Samples
from unet.seismic.sheet import Picture, sheet
from unet.seismic.store import Store

LEAST, LONGEST = (320, 160), 720  # pixels of a map: at least so wide and high, and its longer side so long
PAPER, NO_TOP = (255, 255, 255), (205, 205, 205)
CHARACTERS = 100  # of a line above the maps


def unit(store: Store) -> str:
    """Of the store's samples: milliseconds, or their numbers where the interval is not known."""
    return "ms" if store.attributes.get("sample_interval") else "sample"


def depths(store: Store, samples: Samples) -> NDArray[np.float64]:
    """Positions of samples in the unit of the store, NaN where there is no top."""
    return np.where(samples == NONE, np.nan, store.samples[samples])


def write_tops(path: Path, store: Store, horizon: Horizon) -> None:
    """Writes a line for every trace with data; what has no value is empty."""
    kind = unit(store)
    columns = ["inline", "crossline", "x", "y", *(f"top_p{p:g}_{kind}" for p in horizon.percentiles), "body"]
    places = f"Tops are in {_unit_in_words(kind)}; a top is empty where the probability never gets so high."
    with replacing(path) as file:
        file.write(_header([MEANING, ASSUMED, places, "Traces without data have no line."], columns))
        for row in range(len(store.inlines)):
            file.write("".join(_trace_lines(store, horizon, row)).encode())


def write_bodies(path: Path, store: Store, horizon: Horizon, smallest: int) -> None:
    """Writes a line for every body, the largest first: its size in samples, and the ends of its extent."""
    bodies, kind = horizon.bodies, unit(store)
    columns = ["body", "voxels", "first_inline", "last_inline", "first_crossline", "last_crossline"]
    notes = [
        f"Samples with a probability above {bodies.threshold:g} that touch by their faces (6-neighbourhood), "
        f"{smallest:,} or more together.",
        f"Tops and bases are in {_unit_in_words(kind)}.",
    ]
    axes = [store.inlines, store.crosslines, store.samples]
    with replacing(path) as file:
        file.write(_header(notes, [*columns, f"top_{kind}", f"base_{kind}"]))
        for number, (voxels, *ends) in enumerate(zip(bodies.voxels, bodies.first, bodies.last, strict=True), 1):
            extent = [axis[end[i]] for i, axis in enumerate(axes) for end in ends]
            file.write(",".join([str(number), str(voxels), *(_number(float(v)) for v in extent)]).encode() + b"\n")


def draw_map(store: Store, horizon: Horizon) -> Image.Image:
    """Maps of the middle percentile, and of the way from the lowest to the highest: inlines down, crosslines across."""
    kind, tops, percentiles = unit(store), depths(store, horizon.tops), horizon.percentiles
    middle = len(percentiles) // 2
    maps = [(f"P{percentiles[middle]:g}", tops[middle])]
    if len(percentiles) > 1:
        maps.append((f"P{percentiles[0]:g} to P{percentiles[-1]:g}", tops[-1] - tops[0]))
    title = [
        f"Top of salt: {store.path.name}, inlines {store.inlines[0]} to {store.inlines[-1]} downwards, crosslines "
        f"{store.crosslines[0]} to {store.crosslines[-1]} to the right.",
        f"In {_unit_in_words(kind)}; grey: the probability never gets so high; white: no data.",
        MEANING,
    ]
    lines = [line for sentence in title for line in textwrap.wrap(sentence, CHARACTERS)]
    return sheet(lines, [[_picture(name, values, horizon.known, kind) for name, values in maps]])


def _unit_in_words(kind: str) -> str:
    return {
        "ms": "milliseconds from the first sample of a trace",
        "sample": "samples from the first one of a trace, which is 0, as their interval is not known",
    }[kind]


def _header(notes: Sequence[str], columns: Sequence[str]) -> bytes:
    return "".join([*(f"# {note}\n" for note in notes), ",".join(columns), "\n"]).encode()


def _trace_lines(store: Store, horizon: Horizon, row: int) -> Iterator[str]:
    tops = depths(store, horizon.tops[:, row])
    for column in np.flatnonzero(horizon.known[row]):
        place = (np.nan, np.nan) if store.coordinates is None else store.coordinates[row, column]
        values = [_number(float(value)) for value in (*place, *tops[:, column])]
        body = horizon.body[row, column] or ""
        yield f"{store.inlines[row]},{store.crosslines[column]},{','.join(values)},{body}\n"


def _number(value: float) -> str:
    """As few digits as it takes, empty where there is none."""
    return "" if np.isnan(value) else f"{value:.10g}"


def _picture(name: str, values: NDArray[np.float64], known: NDArray[np.bool_], kind: str) -> Picture:
    """A map (I, X), dark blue where values are small and yellow where they are large."""
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
