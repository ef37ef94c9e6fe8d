"""The top of salt and its bodies as tables: a line for every trace, a line for every body."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from unet.files.atomic import replacing
from unet.seismic.horizon import ASSUMED, MEANING, NONE, Horizon, Samples
from unet.seismic.store import Store


def unit(store: Store) -> str:
    """Of the store's samples: milliseconds, or their numbers where the interval is not known."""
    return "ms" if store.attributes.get("sample_interval") else "sample"


def unit_in_words(kind: str) -> str:
    """What ``unit`` gives, and where it is counted from."""
    return {
        "ms": "milliseconds from the first sample of a trace",
        "sample": "samples from the first one of a trace, which is 0, as their interval is not known",
    }[kind]


def depths(store: Store, samples: Samples) -> NDArray[np.float64]:
    """Positions of samples in the unit of the store, NaN where there is no top."""
    return np.where(samples == NONE, np.nan, store.samples[samples])


def write_tops(path: Path, store: Store, horizon: Horizon) -> None:
    """Writes a line for every trace with data; what has no value is empty."""
    kind = unit(store)
    columns = ["inline", "crossline", "x", "y", *(f"top_p{p:g}_{kind}" for p in horizon.percentiles), "body"]
    places = f"Tops are in {unit_in_words(kind)}; a top is empty where the probability never gets so high."
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
        f"Tops and bases are in {unit_in_words(kind)}.",
    ]
    axes = [store.inlines, store.crosslines, store.samples]
    with replacing(path) as file:
        file.write(_header(notes, [*columns, f"top_{kind}", f"base_{kind}"]))
        for number, (voxels, *ends) in enumerate(zip(bodies.voxels, bodies.first, bodies.last, strict=True), 1):
            extent = [axis[end[i]] for i, axis in enumerate(axes) for end in ends]
            file.write(",".join([str(number), str(voxels), *(_number(float(v)) for v in extent)]).encode() + b"\n")


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
