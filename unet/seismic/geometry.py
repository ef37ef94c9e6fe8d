"""Where the traces of a SEG-Y file belong: a grid of inlines and crosslines with gaps, or a 2-D line."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unet.seismic.segy import SegyError, SegyFile

Numbers = NDArray[np.int64]

PLACES = ((189, 193), (9, 21), (17, 13), (73, 77))  # bytes that hold inline and crossline, likely ones first
CROSSLINE_OF_LINE = 21  # the ensemble number, which counts along a 2-D line
FULL = 0.2  # of a grid's cells, at least: fewer traces than that are no grid of these numbers
UNUSED = -1  # in the index, where a cell has no trace


@dataclass(frozen=True)
class Geometry:
    """A grid whose cells are traces.

    Attributes:
        inlines: (I,) their numbers, ascending.
        crosslines: (X,) theirs; of a 2-D line the numbers of its traces.
        index: (I, X) the trace of each cell in file order, -1 where there is none.
        bytes: that inline and crossline were read from, or None of a 2-D line.
        coordinates: (I, X, 2) easting and northing, NaN where there is no trace; None where the file has none.
        notes: what was recognised or is missing, in plain sentences.
    """

    inlines: Numbers
    crosslines: Numbers
    index: Numbers
    bytes: tuple[int, int] | None
    coordinates: NDArray[np.float64] | None = None
    notes: tuple[str, ...] = ()

    @property
    def is_line(self) -> bool:
        """Whether this is a 2-D line."""
        return self.bytes is None


def find_geometry(file: SegyFile, inline_byte: int | None = None, crossline_byte: int | None = None) -> Geometry:
    """Reads the headers of all traces and finds their grid.

    Args:
        file: the opened file.
        inline_byte, crossline_byte: where a trace's header has its numbers, from 1 on, four bytes each; both or none.

    Returns:
        The grid of the bytes that were named, else of the first usual ones that make a grid, else a 2-D line in the
        order of the file.

    Raises:
        SegyError: traces of several lengths, bytes that are none, or several traces at one place (gathers).
    """
    if (inline_byte is None) != (crossline_byte is None):
        raise SegyError("expected --inline-byte and --crossline-byte together, got one of them")
    chosen = None if inline_byte is None or crossline_byte is None else (inline_byte, crossline_byte)
    if chosen and not all(1 <= byte <= 237 for byte in chosen):
        raise SegyError(f"expected bytes of a trace header from 1 to 237, got {chosen[0]} and {chosen[1]}")
    places = (chosen,) if chosen else PLACES
    wanted = {f"{byte}": (byte, 4) for byte in {*np.ravel(places).tolist(), CROSSLINE_OF_LINE, 181, 185, 73, 77}}
    found = file.fields({**wanted, "samples": (115, 2), "scalar": (71, 2)})
    _check_lengths(file, found["samples"] & 0xFFFF)
    gathers = None
    for pair in places:
        grid = _grid(found[str(pair[0])], found[str(pair[1])])
        if isinstance(grid, int):
            gathers = gathers or (pair, grid)
        elif grid is not None:
            inlines, crosslines, index = grid
            notes = [] if chosen or pair == PLACES[0] else [
                f"inline and crossline were found in bytes {pair[0]} and {pair[1]}; bytes {PLACES[0][0]} and "
                f"{PLACES[0][1]} make no grid"
            ]  # fmt: skip
            if missing := int((index == UNUSED).sum()):
                notes.append(f"{missing:,} of {index.size:,} places of the grid have no trace")
            return Geometry(inlines, crosslines, index, pair, _coordinates(found, index), tuple(notes))
    if chosen or (gathers and gathers[1] > 1):
        pair, most = gathers or (chosen or PLACES[0], 0)
        trouble = f"got up to {most:,} at one place" if most else "got numbers that make no grid"
        raise SegyError(
            f"{file.path.name}: expected one trace for every inline and crossline of bytes {pair[0]} and {pair[1]}, "
            f"{trouble}; stack gathers first, or name other bytes with --inline-byte and --crossline-byte"
        )
    return _line(file, found)


def _check_lengths(file: SegyFile, lengths: Numbers) -> None:
    uneven = np.flatnonzero((lengths != 0) & (lengths != file.samples))
    if len(uneven) and len(uneven) < len(lengths):  # all alike is a header that was not kept up to date
        first = int(uneven[0])
        raise SegyError(
            f"{file.path.name}: expected {file.samples:,} samples in every trace, got {lengths[first]:,} in trace {first} "
            f"(byte {file.start + first * file.stride + 115:,}); pad the traces to one length"
        )


def _grid(inline: Numbers, crossline: Numbers) -> tuple[Numbers, Numbers, Numbers] | int | None:
    """The grid that two numbers of every trace make; how many share a place where some do; None where it is no grid."""
    inlines, rows = np.unique(inline, return_inverse=True)
    crosslines, columns = np.unique(crossline, return_inverse=True)
    if len(inlines) < 2 or len(crosslines) < 2 or len(inline) < FULL * len(inlines) * len(crosslines):
        return None
    cells = rows * len(crosslines) + columns
    counts = np.bincount(cells, minlength=len(inlines) * len(crosslines))
    if counts.max() > 1:
        return int(counts.max())
    index = np.full(len(inlines) * len(crosslines), UNUSED, np.int64)
    index[cells] = np.arange(len(inline))
    return inlines, crosslines, index.reshape(len(inlines), len(crosslines))


def _line(file: SegyFile, found: dict[str, Numbers]) -> Geometry:
    own = found[str(CROSSLINE_OF_LINE)]
    counts_along = len(own) > 1 and bool((np.diff(own) > 0).all())
    crosslines = own if counts_along else np.arange(1, file.traces + 1)
    index = np.arange(file.traces, dtype=np.int64)[None]
    numbers = f"the numbers of bytes {CROSSLINE_OF_LINE} to {CROSSLINE_OF_LINE + 3}" if counts_along else "their order"
    note = f"no inlines and crosslines make a grid: taken as a 2-D line of {file.traces:,} traces, named by {numbers}"
    return Geometry(np.zeros(1, np.int64), crosslines, index, None, _coordinates(found, index), (note,))


def _coordinates(found: dict[str, Numbers], index: Numbers) -> NDArray[np.float64] | None:
    """Of every cell, from the place of the ensemble or else of the source; with the header's scalar applied."""
    for x, y in (("181", "185"), ("73", "77")):
        if found[x].any() or found[y].any():
            break
    else:
        return None
    scalar = found["scalar"].astype(np.float64)
    size = np.maximum(np.abs(scalar), 1)
    factor = np.where(scalar < 0, 1 / size, size)
    places = np.stack([found[x] * factor, found[y] * factor], axis=-1)
    return np.where((index == UNUSED)[..., None], np.nan, places[np.maximum(index, 0)])
