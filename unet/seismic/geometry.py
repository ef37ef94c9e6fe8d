"""Where the traces of a SEG-Y file belong: a grid of inlines and crosslines with gaps, or a 2-D line."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unet.seismic.segy import OptionError, SegyError, SegyFile

Numbers = NDArray[np.int64]
Fields = dict[str, NDArray[np.int32]]  # what the headers of all traces hold

PLACES = ((189, 193), (9, 21), (17, 13), (73, 77))  # bytes that hold inline and crossline; the standard's come first
INLINE, ENSEMBLE = 189, 21  # whose numbers name the traces of a 2-D line
FULL = 0.2  # of a grid's cells, at least: numbers of fewer traces make no grid
UNUSED = -1  # in the index, where a cell has no trace


@dataclass(frozen=True)
class Geometry:
    """A grid whose cells are traces.

    Attributes:
        inlines: (I,) their numbers, ascending, in even steps also where whole ones are missing.
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


@dataclass(frozen=True)
class _Grid:
    inlines: Numbers
    crosslines: Numbers
    index: Numbers


def find_geometry(file: SegyFile, inline_byte: int | None = None, crossline_byte: int | None = None) -> Geometry:
    """Reads the headers of all traces and finds their grid.

    Args:
        file: the opened file.
        inline_byte: where a trace's header has its inline, from 1 on, four bytes; None where that is to be found.
        crossline_byte: the same of its crossline; both or none are given.

    Returns:
        The grid of the bytes that were named, else of the first usual ones that make a grid, else a 2-D line in the
        order of the file.  A grid may be of one inline.

    Raises:
        SegyError: traces of several lengths, or several traces at one place (gathers).
        OptionError: bytes that no header has, or one place without the other.
        OSError: the file cannot be read.
    """
    if inline_byte is None and crossline_byte is None:
        chosen = None
    elif inline_byte is None or crossline_byte is None:
        raise OptionError("expected --inline-byte and --crossline-byte together, got one of them")
    elif not (1 <= inline_byte <= 237 and 1 <= crossline_byte <= 237):
        raise OptionError(f"expected bytes of a trace's header from 1 to 237, got {inline_byte} and {crossline_byte}")
    else:
        chosen = (inline_byte, crossline_byte)
    fields = _read(file, chosen)
    return _chosen_grid(file, fields, chosen) if chosen else _recognised(file, fields)


def _read(file: SegyFile, chosen: tuple[int, int] | None) -> Fields:
    wanted = {byte for pair in (*PLACES, chosen or ()) for byte in pair} | {37, 73, 77, 181, 185}
    fields = file.fields({**{str(byte): (byte, 4) for byte in wanted}, "samples": (115, 2), "scalar": (71, 2)})
    lengths = fields["samples"] & 0xFFFF
    uneven = np.flatnonzero((lengths != 0) & (lengths != file.samples))
    if 0 < len(uneven) < len(lengths):  # where all are, the headers were not kept up to date
        first = int(uneven[0])
        raise SegyError(
            f"{file.path.name}: expected {file.samples:,} samples in every trace, got {lengths[first]:,} in trace "
            f"{first:,} (byte {file.start + first * file.stride + 115:,}); pad the traces to one length"
        )
    return fields


def _chosen_grid(file: SegyFile, fields: Fields, pair: tuple[int, int]) -> Geometry:
    grid = _grid(fields, pair)
    if not isinstance(grid, _Grid):
        trouble = f"got up to {grid:,} at one place" if grid else "got numbers that make no grid"
        raise SegyError(
            f"{file.path.name}: expected one trace for every inline and crossline of bytes {pair[0]} and {pair[1]}, "
            f"{trouble}; stack gathers first, or name other bytes"
        )
    return _geometry(fields, pair, grid)


def _recognised(file: SegyFile, fields: Fields) -> Geometry:
    for pair in PLACES:
        grid = _grid(fields, pair)
        inlines, crosslines = (_varies(fields[str(byte)]) for byte in pair)
        if isinstance(grid, _Grid) and crosslines and (inlines or pair == PLACES[0]):
            note = f"inline and crossline were found in bytes {pair[0]} and {pair[1]}; the usual ones make no grid"
            return _geometry(fields, pair, grid, () if pair == PLACES[0] else (note,))
        shared = grid if isinstance(grid, int) and inlines and crosslines else 0
        if pair == PLACES[0] and (shared or _are_gathers(fields)):
            several = f"up to {shared:,} at one place" if shared else "traces of several offsets (bytes 37 to 40)"
            raise SegyError(
                f"{file.path.name}: expected one trace for every inline and crossline of bytes {pair[0]} and "
                f"{pair[1]}, got {several}; stack gathers first, or name other bytes with "
                "--inline-byte and --crossline-byte"
            )
    return _line(file, fields)


def _are_gathers(fields: Fields) -> bool:
    """Whether ensembles hold traces of several offsets, as before stacking."""
    if not _varies(fields["37"]):
        return False
    places = [len(np.unique(fields[str(byte)])) for byte in (ENSEMBLE, *PLACES[0])]
    count = len(fields["37"])
    return count not in places and any(1 < several < count for several in places)


def _grid(fields: Fields, pair: tuple[int, int]) -> _Grid | int:
    """The grid of two numbers of every trace; where traces share a place, how many do at most; 0 where it is none."""
    first, second = (fields[str(byte)].astype(np.int64) for byte in pair)
    inlines, rows = np.unique(first, return_inverse=True)
    crosslines, columns = np.unique(second, return_inverse=True)
    if len(first) < FULL * len(inlines) * len(crosslines):
        return 0
    cells = rows * len(crosslines) + columns
    most = int(np.bincount(cells).max())
    if most > 1:
        return most
    most_cells = len(first) / FULL
    inlines = _evenly(inlines, most_cells / len(crosslines))
    crosslines = _evenly(crosslines, most_cells / len(inlines))
    index = np.full((len(inlines), len(crosslines)), UNUSED, np.int64)
    index[np.searchsorted(inlines, first), np.searchsorted(crosslines, second)] = np.arange(len(first))
    return _Grid(inlines, crosslines, index)


def _evenly(numbers: Numbers, most: float) -> Numbers:
    """Ascending numbers with those that are missing in between, unless that makes more than ``most``."""
    if len(numbers) < 2:
        return numbers
    step = np.gcd.reduce(np.diff(numbers))
    count = int(numbers[-1] - numbers[0]) // int(step) + 1
    return numbers[0] + step * np.arange(count) if count <= most else numbers


def _geometry(fields: Fields, pair: tuple[int, int], grid: _Grid, notes: tuple[str, ...] = ()) -> Geometry:
    missing = int((grid.index == UNUSED).sum())
    if missing:
        notes = (*notes, f"{missing:,} of {grid.index.size:,} places of the grid have no trace")
    return Geometry(grid.inlines, grid.crosslines, grid.index, pair, _coordinates(fields, grid.index), notes)


def _line(file: SegyFile, fields: Fields) -> Geometry:
    crosslines, named = np.arange(1, file.traces + 1), "their order"
    for byte in (ENSEMBLE, INLINE):
        numbers = fields[str(byte)].astype(np.int64)
        if len(numbers) > 1 and (np.diff(numbers) > 0).all():
            crosslines, named = numbers, f"the numbers in bytes {byte} to {byte + 3}"
            break
    index = np.arange(file.traces)[None]
    note = f"no inlines and crosslines make a grid: taken as a 2-D line of {file.traces:,} traces, named by {named}"
    return Geometry(np.zeros(1, np.int64), crosslines, index, None, _coordinates(fields, index), (note,))


def _coordinates(fields: Fields, index: Numbers) -> NDArray[np.float64] | None:
    """Of every cell, from the place of the ensemble or else of the source; with the header's scalar applied."""
    for x, y in (("181", "185"), ("73", "77")):
        if fields[x].any() or fields[y].any():
            break
    else:
        return None
    scalar = fields["scalar"].astype(np.float64)
    size = np.maximum(np.abs(scalar), 1)
    factor = np.where(scalar < 0, 1 / size, size)
    places = np.stack([fields[x] * factor, fields[y] * factor], axis=-1)
    return np.where((index == UNUSED)[..., None], np.nan, places[np.maximum(index, 0)])


def _varies(numbers: NDArray[np.int32]) -> bool:
    return bool((numbers != numbers[0]).any())
