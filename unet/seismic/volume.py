"""Lines and cubes of amplitudes, whatever file holds them: SEG-Y, NumPy or Zarr, read a few sections at a time."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unet.seismic.geometry import UNUSED, Geometry, find_geometry
from unet.seismic.segy import BLOCK, Endian, SegyError, SegyFile

Cube = NDArray[np.float32]  # (inlines, crosslines, samples)

SEGY_SUFFIXES = (".sgy", ".segy", ".seg-y")
SUFFIXES = (*SEGY_SUFFIXES, ".npy", ".zarr")


class VolumeError(ValueError):
    """A file of no kind that is read; the message says what was expected."""


@dataclass(frozen=True)
class SegyOptions:
    """What a user knows better than a SEG-Y file's headers; None where the file is believed."""

    inline_byte: int | None = None
    crossline_byte: int | None = None
    format: int | None = None
    endian: Endian | None = None
    samples: int | None = None


class Volume(ABC):
    """Amplitudes of a survey; a 2-D line is a volume of one inline.

    Attributes:
        path: where they are.
        inlines, crosslines: (I,) and (X,) their numbers.
        samples: of a trace.
        interval: between samples, in milliseconds (or the unit of depth); 0 where unknown.
        present: (I, X) bool, where there is a trace.
        notes: what was recognised, guessed or is missing, in plain sentences.
    """

    path: Path
    inlines: NDArray[np.int64]
    crosslines: NDArray[np.int64]
    samples: int
    interval: float
    present: NDArray[np.bool_]
    notes: tuple[str, ...]

    @property
    def shape(self) -> tuple[int, int, int]:
        """Inlines, crosslines and samples."""
        return len(self.inlines), len(self.crosslines), self.samples

    @property
    def is_line(self) -> bool:
        """Whether there is one inline only."""
        return len(self.inlines) == 1

    @abstractmethod
    def read(self, inlines: slice, crosslines: slice = slice(None)) -> Cube:
        """A part of it: (I, X, samples) float32, NaN where there is no trace.

        Args:
            inlines, crosslines: by position, not by number, with a step of 1.

        Raises:
            SegyError: the file is shorter than it was.
            OSError: it cannot be read.
        """


class SegyVolume(Volume):
    """A SEG-Y file as a volume."""

    def __init__(self, file: SegyFile, geometry: Geometry) -> None:
        self.path, self.file, self.geometry = file.path, file, geometry
        self.inlines, self.crosslines = geometry.inlines, geometry.crosslines
        self.samples, self.interval = file.samples, file.interval / 1000
        self.present = geometry.index != UNUSED
        self.notes = (*file.notes, *geometry.notes)

    def read(self, inlines: slice, crosslines: slice = slice(None)) -> Cube:
        """See ``Volume``; traces that stand one after another in the file are read at once."""
        index = self.geometry.index[inlines, crosslines]
        values = np.full((*index.shape, self.samples), np.nan, np.float32)
        flat, cells = values.reshape(-1, self.samples), np.flatnonzero(index.ravel() != UNUSED)
        cells = cells[np.argsort(index.ravel()[cells], kind="stable")]
        traces = index.ravel()[cells]
        if len(traces):
            starts = np.flatnonzero(np.diff(traces, prepend=traces[0] - 2) != 1)
            step = max(1, BLOCK // self.file.stride)  # decoding takes several times the memory of what it decodes
            for start, end in zip(starts, [*starts[1:], len(traces)], strict=True):
                for first in range(start, end, step):
                    last = min(first + step, end)
                    flat[cells[first:last]] = self.file.read(int(traces[first]), int(last - first))
        return values


class ArrayVolume(Volume):
    """An array on disk as a volume: (samples, traces) is a line, (inlines, crosslines, samples) a cube."""

    def __init__(self, path: Path, array: Any, interval: float = 0.0) -> None:
        if array.ndim not in (2, 3) or array.size == 0 or np.dtype(array.dtype).kind not in "fiu":
            raise VolumeError(
                f"{path.name}: expected real numbers of 2 dimensions (samples, traces) or 3 (inlines, crosslines, "
                f"samples), got {array.dtype} of shape {array.shape}"
            )
        self.path, self.array, self.interval = path, array, interval
        inlines, crosslines, self.samples = array.shape if array.ndim == 3 else (1, array.shape[1], array.shape[0])
        self.inlines, self.crosslines = np.arange(inlines), np.arange(crosslines)
        self.notes = ()

    @cached_property
    def present(self) -> NDArray[np.bool_]:  # type: ignore[override]  # computed, and so read-only
        """Everywhere: an array has no gaps but NaN."""
        return np.ones(self.shape[:2], np.bool_)

    def read(self, inlines: slice, crosslines: slice = slice(None)) -> Cube:
        """See ``Volume``."""
        if self.array.ndim == 2:
            return np.ascontiguousarray(np.asarray(self.array[:, crosslines]).T[None][inlines], np.float32)
        return np.ascontiguousarray(self.array[inlines, crosslines], np.float32)


def open_volume(path: Path, options: SegyOptions = SegyOptions()) -> Volume:
    """Opens a line or a cube.

    Args:
        path: a SEG-Y file, an array ``.npy`` or a Zarr array (a folder).
        options: for SEG-Y.

    Raises:
        VolumeError, SegyError: it cannot be read; one sentence says why.
        OSError: it is not there.
    """
    suffix = path.suffix.lower()
    if not path.exists():
        raise VolumeError(f"{path}: expected a SEG-Y file, a .npy or a .zarr array, got nothing there")
    if path.is_dir():
        return _open_zarr(path)
    if suffix == ".npy":
        try:
            return ArrayVolume(path, np.load(path, mmap_mode="r", allow_pickle=False))
        except (ValueError, EOFError) as error:
            if isinstance(error, VolumeError):
                raise
            raise VolumeError(f"{path.name}: expected a NumPy array, got {error}") from None
    file = SegyFile.open(path, format=options.format, endian=options.endian, samples=options.samples)
    return SegyVolume(file, find_geometry(file, options.inline_byte, options.crossline_byte))


def _open_zarr(path: Path) -> Volume:
    import zarr

    try:
        array = zarr.open_array(path, mode="r")
    except Exception as error:  # Zarr raises many kinds
        raise VolumeError(f"{path.name}: expected a Zarr array, got {error}") from None
    interval = array.attrs.get("sample_interval", 0.0)
    return ArrayVolume(path, array, float(interval) if isinstance(interval, int | float) else 0.0)


__all__ = ["SUFFIXES", "ArrayVolume", "Cube", "SegyError", "SegyOptions", "SegyVolume", "Volume", "VolumeError", "open_volume"]
