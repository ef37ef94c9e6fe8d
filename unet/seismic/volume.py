"""Lines and cubes of amplitudes, whatever file holds them: SEG-Y, NumPy or Zarr, read a few sections at a time."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unet.files.printable import reason
from unet.seismic.floats import doubts
from unet.seismic.geometry import UNUSED, Geometry, find_geometry
from unet.seismic.segy import BLOCK, Endian, SegyError, SegyFile

__all__ = ["ArrayVolume", "Cube", "SegyError", "SegyOptions", "SegyVolume", "Volume", "VolumeError", "open_volume"]

Cube = NDArray[np.float32]  # (inlines, crosslines, samples)

SEGY_SUFFIXES = (".sgy", ".segy", ".seg-y")
MOST_TRACES, MOST_SAMPLES = 200_000_000, 1_000_000  # of an array; more are a shape that means something else


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
        """A part of it: a new array (I, X, samples) float32, NaN where there is no trace.

        Args:
            inlines: by position, not by number, with a step of 1.
            crosslines: likewise.

        Raises:
            SegyError, VolumeError: the file is shorter than it was, or damaged.
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
    """An array on disk as a volume: (samples, traces) is a line, (inlines, crosslines, samples) a cube.

    It has no gaps but NaN.
    """

    def __init__(self, path: Path, array: Any, interval: float = 0.0) -> None:
        if array.ndim not in (2, 3) or 0 in array.shape or np.dtype(array.dtype).kind not in "fiu":
            raise VolumeError(
                f"{path.name}: expected real numbers of 2 dimensions (samples, traces) or 3 (inlines, crosslines, "
                f"samples), got {array.dtype} of shape {array.shape}"
            )
        inlines, crosslines, self.samples = array.shape if array.ndim == 3 else (1, array.shape[1], array.shape[0])
        if inlines * crosslines > MOST_TRACES or self.samples > MOST_SAMPLES:
            raise VolumeError(
                f"{path.name}: expected at most {MOST_TRACES:,} traces of {MOST_SAMPLES:,} samples, got "
                f"{inlines * crosslines:,} of {self.samples:,}"
            )
        self.path, self.array, self.interval, self.notes = path, array, interval, ()
        self.inlines, self.crosslines = np.arange(inlines), np.arange(crosslines)
        self.present = np.ones((inlines, crosslines), np.bool_)

    def read(self, inlines: slice, crosslines: slice = slice(None)) -> Cube:
        """See ``Volume``."""
        try:
            if self.array.ndim == 3:
                values = self.array[inlines, crosslines]
            else:
                values = np.asarray(self.array[:, crosslines]).T[None][inlines]
        except Exception as error:  # a damaged chunk of Zarr; its codecs raise many kinds
            raise VolumeError(f"{self.path.name}: expected an array that can be read, got {reason(error)}") from None
        with np.errstate(over="ignore"):  # of float64: what overflows is infinite, and found there
            return np.array(values, np.float32, order="C")


def open_volume(path: Path, options: SegyOptions = SegyOptions()) -> Volume:
    """Opens a line or a cube.

    Args:
        path: a SEG-Y file, an array ``.npy`` or a Zarr array (a folder).
        options: for SEG-Y.

    Raises:
        VolumeError, SegyError: it cannot be read; one sentence says why.
        OSError: it cannot be read either, says the system.
    """
    if not path.exists():
        raise VolumeError(f"{path}: expected a SEG-Y file, a .npy or a .zarr array, got nothing there")
    if path.is_dir():
        return _open_zarr(path)
    if path.suffix.lower() == ".npy":
        return _open_npy(path)
    file = SegyFile.open(path, format=options.format, endian=options.endian, samples=options.samples)
    file = replace(file, notes=(*file.notes, *doubts(file)))
    return SegyVolume(file, find_geometry(file, options.inline_byte, options.crossline_byte))


def _open_npy(path: Path) -> Volume:
    try:
        with np.errstate(over="ignore"):  # of the product of a shape, which is then larger than the file
            array = np.lib.format.open_memmap(path, mode="r")  # refuses Python objects
    except OSError:
        raise
    except Exception as error:  # of a damaged header many kinds
        raise VolumeError(f"{path.name}: expected a NumPy array of numbers, got {reason(error)}") from None
    return ArrayVolume(path, array)


def _open_zarr(path: Path) -> Volume:
    try:
        import zarr
    except ImportError:
        raise VolumeError(f"{path.name}: expected the package zarr; pip install 'salt-unet[seismic]'") from None
    try:
        array = zarr.open_array(path, mode="r")
    except Exception as error:  # of damaged metadata many kinds
        raise VolumeError(f"{path.name}: expected a Zarr array, got {reason(error)}") from None
    interval = array.attrs.get("sample_interval")
    return ArrayVolume(path, array, float(interval) if isinstance(interval, int | float) else 0.0)
