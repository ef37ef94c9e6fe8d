"""Predictions on disk: a Zarr group that is filled block by block, and says which blocks are done.

A block is done when a file says so that is written after its samples, whole or not at all.  So a run that is killed at
any moment loses no more than the blocks it was at.
"""

import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import msgspec
import numpy as np
import zarr
from numpy.typing import NDArray

from unet.files.atomic import write_atomically
from unet.seismic.damage import DamagedTrace
from unet.seismic.geometry import Geometry
from unet.seismic.volume import Cube, SegyVolume, Volume

SOFTWARE = "salt-unet"
Along = Literal["inline", "crossline"]

# How much is read at a time.  A block of inlines is a chunk on disk; crosslines of a file that is sorted by inlines are
# read many at a time, because one alone is a read of a few kilobytes for every inline.
INLINE_BYTES, CROSSLINE_BYTES = 24_000_000, 112_000_000
MOST_CROSSLINES = 64
LEAST_BLOCKS = 32  # where there are so many inlines: enough for workers to share, and little to do again

PROBABILITY, BY_CROSSLINE = "probability", "probability_by_crossline"
DONE = f"{PROBABILITY}/done"  # a folder inside an array's own, where Zarr does not look


class StoreError(ValueError):
    """A store that is not there, not this program's or of another run; the message says what to do."""


@dataclass(frozen=True)
class Block:
    """Neighbouring sections that are predicted at a time, by their positions in the volume."""

    along: Along
    start: int
    stop: int

    @property
    def sections(self) -> int:
        """How many there are."""
        return self.stop - self.start


def block_sizes(shape: tuple[int, int, int]) -> tuple[int, int]:
    """How many inlines and how many crosslines a block has.

    Args:
        shape: inlines, crosslines and samples of the volume; nothing else matters, so that a run may be taken up again
            with other workers.

    Example:
        >>> block_sizes((1000, 400, 400))
        (32, 64)
    """
    inlines, crosslines, samples = shape
    bulk = min(INLINE_BYTES // (4 * crosslines * samples), -(-inlines // LEAST_BLOCKS))
    return max(1, bulk), max(1, min(CROSSLINE_BYTES // (4 * inlines * samples), MOST_CROSSLINES, crosslines))


class Store:
    """A store that exists.

    Attributes:
        path: its folder.
        attributes: what it was made of and how.
        probability: a Zarr array, (inlines, crosslines, samples) float32, NaN where there are no data.
        inlines, crosslines: (I,) and (X,) their numbers.
        samples: (S,) milliseconds from the first sample of a trace, or numbers from 0 on where the interval is unknown.
        coordinates: (I, X, 2) easting and northing, or None.
    """

    def __init__(self, path: Path) -> None:
        try:
            group = zarr.open_group(path, mode="r+" if os.access(path, os.W_OK) else "r")
            self.attributes: Mapping[str, Any] = group.attrs.asdict()
            if self.attributes.get("software") != SOFTWARE:
                raise StoreError(f"{path}: expected predictions of this program, got another Zarr group")
            # Otherwise Zarr leaves a chunk of nothing but NaN unwritten.
            self.probability = _array(group, PROBABILITY).with_config({"write_empty_chunks": True})
            self.inlines, self.crosslines = (np.asarray(_array(group, name)[:]) for name in ("inline", "crossline"))
            self.samples: NDArray[np.float64] = np.asarray(_array(group, "sample")[:])
            self.coordinates = np.asarray(_array(group, "coordinates")[:]) if "coordinates" in group else None
        except StoreError:
            raise
        except Exception as error:  # Zarr raises many kinds
            raise StoreError(f"{path}: expected predictions in Zarr, got none ({error})") from None
        self.path, self._group = path, group

    @classmethod
    def create(cls, path: Path, volume: Volume, attributes: Mapping[str, Any], by_crossline: bool) -> "Store":
        """Makes an empty one, whole or not at all.

        Args:
            path: of a folder that is not there.
            volume: which grid it has.
            attributes: that JSON can hold: all that decides the answer.
            by_crossline: whether there is room for the answers of crosslines too.
        """
        unfinished = path.with_name(path.name + ".tmp")
        if unfinished.exists():
            shutil.rmtree(unfinished)
        inlines, crosslines = block_sizes(volume.shape)
        axes = ("inline", "crossline", "sample")
        group = zarr.create_group(unfinished, zarr_format=3, attributes={"software": SOFTWARE, **attributes})
        cubes = {PROBABILITY: (inlines, *volume.shape[1:])}
        if by_crossline:
            cubes[BY_CROSSLINE] = (inlines, crosslines, volume.samples)
        for name, chunks in cubes.items():
            group.create_array(
                name, shape=volume.shape, chunks=chunks, dtype="float32", fill_value=np.nan, dimension_names=axes
            )
        times = np.arange(volume.samples) * (volume.interval or 1.0)
        for name, values in zip(axes, (volume.inlines, volume.crosslines, times), strict=True):
            group.create_array(name, data=values, dimension_names=(name,))
        if isinstance(volume, SegyVolume):
            group.create_array("trace", data=volume.geometry.index, dimension_names=axes[:2])
            if volume.geometry.coordinates is not None:
                names = (*axes[:2], "easting and northing")
                group.create_array("coordinates", data=volume.geometry.coordinates, dimension_names=names)
        unfinished.rename(path)
        return cls(path)

    def geometry(self) -> Geometry:
        """The grid of a SEG-Y file, so that not every worker reads all headers."""
        index = np.asarray(_array(self._group, "trace")[:])
        return Geometry(self.inlines, self.crosslines, index, None)

    def blocks(self, along: Along) -> list[Block]:
        """All blocks of inlines or of crosslines."""
        inlines, crosslines, samples = self.probability.shape
        length = inlines if along == "inline" else crosslines
        step = block_sizes((inlines, crosslines, samples))[0 if along == "inline" else 1]
        return [Block(along, start, min(start + step, length)) for start in range(0, length, step)]

    def unfinished(self, along: Along) -> list[Block]:
        """Those that are not done."""
        return [block for block in self.blocks(along) if not self._mark(block).exists()]

    def write(self, block: Block, values: Cube, damaged: Sequence[DamagedTrace]) -> None:
        """Writes a block, and then that it is done.

        Args:
            block: of inlines, or of crosslines.
            values: (I, X, samples), of it.
            damaged: traces that were left out.
        """
        if block.along == "inline":
            self.probability[block.start : block.stop] = values
            chunks = f"{PROBABILITY}/c/{block.start // self.probability.chunks[0]}/0/0"
        else:
            array = _array(self._group, BY_CROSSLINE).with_config({"write_empty_chunks": True})
            array[:, block.start : block.stop] = values
            chunks = f"{BY_CROSSLINE}/c/*/{block.start // array.chunks[1]}/0"
        _flush(self.path.glob(chunks))
        mark = self._mark(block)
        mark.parent.mkdir(exist_ok=True)
        write_atomically(mark, msgspec.json.encode(list(damaged)))

    def read(self, block: Block) -> Cube:
        """The probability of a block of inlines: (I, X, samples), NaN where there are no data."""
        return np.asarray(self.probability[block.start : block.stop])

    def by_crossline(self, block: Block) -> Cube:
        """What the crosslines gave for a block of inlines."""
        return np.asarray(_array(self._group, BY_CROSSLINE)[block.start : block.stop])

    def drop_crosslines(self) -> None:
        """Removes what the crosslines gave, once it is in the probability."""
        if (folder := self.path / BY_CROSSLINE).exists():
            shutil.rmtree(folder)

    def damaged(self) -> list[DamagedTrace]:
        """The traces that were left out of the blocks that are done."""
        marks = (self.path / DONE).glob("*.json")
        found = {one for mark in marks for one in msgspec.json.decode(mark.read_bytes(), type=list[DamagedTrace])}
        return sorted(found, key=lambda one: (one.inline, one.crossline))

    def _mark(self, block: Block) -> Path:
        return self.path / DONE / f"{block.along}-{block.start:08}.json"


def take_up(path: Path, attributes: Mapping[str, Any]) -> Store:
    """A store that an earlier run left, to go on with.

    Raises:
        StoreError: it was made of something else or in another way.
    """
    store = Store(path)
    wanted = {"software": SOFTWARE, **msgspec.json.decode(msgspec.json.encode(dict(attributes)))}
    for name in sorted(wanted.keys() | store.attributes.keys()):
        if wanted.get(name) != store.attributes.get(name):
            raise StoreError(
                f"{path}: expected a run with the same {name.replace('_', ' ')} to go on with, {wanted.get(name)}, got "
                f"one with {store.attributes.get(name)}; choose another place, or pass --overwrite to begin again"
            )
    return store


def remove(path: Path) -> None:
    """Removes a store, and nothing that is none; raises ``StoreError`` where it is not this program's."""
    Store(path)
    shutil.rmtree(path)


def _array(group: zarr.Group, name: str) -> zarr.Array[Any]:
    array = group[name]
    if not isinstance(array, zarr.Array):
        raise TypeError(f"expected {name} to be an array, got a group")
    return array


def _flush(files: Iterable[Path]) -> None:
    """Brings files onto the disk itself, which Zarr does not."""
    for file in files:
        with file.open("rb") as opened:
            os.fsync(opened.fileno())
