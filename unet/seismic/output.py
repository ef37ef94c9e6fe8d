"""Predictions as a file that loads on top of the seismic: SEG-Y with the headers of the input, or an array."""

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import numpy as np
from numpy.typing import NDArray

from unet import typed
from unet.files.atomic import replacing, write_atomically
from unet.seismic.geometry import UNUSED
from unet.seismic.segy import BLOCK
from unet.seismic.store import SOFTWARE, Block
from unet.seismic.volume import SEGY_SUFFIXES, ArrayVolume, Cube, SegyVolume, Volume


class OutputError(ValueError):
    """An output that cannot be made of this input; the message says which can."""


class Writer(Protocol):
    """Takes the blocks of a survey in their order."""

    def add(self, block: Block, values: Cube) -> None:
        """Writes a block of inlines, (I, X, samples), NaN where there are no data."""


def check_name(volume: Volume, path: Path) -> None:
    """Raises ``OutputError`` where the volume cannot be written under a name."""
    kinds = (*SEGY_SUFFIXES, ".npy") if isinstance(volume, SegyVolume) else (".npy",)
    if path.suffix.lower() not in kinds:
        raise OutputError(
            f"{path}: expected a name that ends in {' or '.join(kinds)} for what is made of {volume.path.name}, got "
            f"{path.suffix or 'none'}"
        )


class SegyWriter:
    """A SEG-Y file with every header byte of the input; no data are 0."""

    def __init__(self, volume: SegyVolume, file: BinaryIO, threshold: float | None) -> None:
        self._volume, self._file, self._threshold = volume, file, threshold
        file.write(volume.file.copied_header())

    def add(self, block: Block, values: Cube) -> None:
        """See ``Writer``; traces go where they are in the input, in whatever order that has them."""
        source = self._volume.file
        index = self._volume.geometry.index[block.start : block.stop].ravel()
        samples = np.nan_to_num(values.reshape(-1, values.shape[-1]), nan=0.0)
        if self._threshold is not None:
            samples = (samples > self._threshold).astype(np.float32)
        for cells in _neighbours(index, max(1, BLOCK // source.stride)):
            first = int(index[cells[0]])
            self._file.seek(source.start + first * source.copied_stride)
            self._file.write(source.copied_traces(first, samples[cells]))


class ArrayWriter:
    """An NPY file of the shape of the input: probability as float32, no data NaN, or a mask as uint8, no data 0."""

    def __init__(self, volume: Volume, file: BinaryIO, threshold: float | None) -> None:
        self._file, self._threshold = file, threshold
        self._is_line = volume.array.ndim == 2 if isinstance(volume, ArrayVolume) else volume.is_line
        inlines, crosslines, samples = volume.shape
        shape = (samples, crosslines) if self._is_line else (inlines, crosslines, samples)
        kind = np.dtype(np.float32 if threshold is None else np.uint8)
        described = {"descr": np.lib.format.dtype_to_descr(kind), "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(file, described)

    def add(self, block: Block, values: Cube) -> None:
        """See ``Writer``."""
        if self._threshold is not None:
            values = (np.nan_to_num(values, nan=0.0) > self._threshold).astype(np.uint8)
        self._file.write(np.ascontiguousarray(values[0].T if self._is_line else values).tobytes())


@contextlib.contextmanager
def opened(volume: Volume, path: Path, threshold: float | None) -> Iterator[Writer]:
    """A writer of a file that is there, whole, when the block ends without an error.

    Args:
        volume: what is predicted.
        path: of the file: .sgy or .segy where the volume is SEG-Y, or .npy.
        threshold: writes 1 where the probability is above it and 0 elsewhere; None writes the probability.

    Raises:
        OutputError: another name.
        OSError: it cannot be written.
    """
    check_name(volume, path)
    with replacing(path) as file:
        if isinstance(volume, SegyVolume) and path.suffix.lower() != ".npy":
            yield SegyWriter(volume, file, threshold)
        else:
            yield ArrayWriter(volume, file, threshold)


def provenance_path(path: Path) -> Path:
    """The file beside an output that says what it was made of and how."""
    return path.with_name(path.name + ".json")


def write_provenance(path: Path, facts: dict[str, Any]) -> None:
    """Writes it; ``facts`` is what JSON can hold."""
    text = json.dumps({"software": SOFTWARE, **facts}, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    write_atomically(provenance_path(path), text.encode())


def read_provenance(path: Path) -> dict[str, Any] | None:
    """The facts of an output that is there and that this program wrote, else None."""
    try:
        facts = typed.parse(provenance_path(path).read_bytes())
    except (OSError, ValueError):
        return None
    return facts if path.is_file() and isinstance(facts, dict) and facts.get("software") == SOFTWARE else None


def _neighbours(index: NDArray[np.int64], most: int) -> Iterator[NDArray[np.int64]]:
    """The cells of traces that stand one after another in the file, at most so many at a time."""
    cells = np.flatnonzero(index != UNUSED)
    cells = cells[np.argsort(index[cells], kind="stable")]
    for run in np.split(cells, np.flatnonzero(np.diff(index[cells]) != 1) + 1):
        for start in range(0, len(run), most):
            yield run[start : start + most]
