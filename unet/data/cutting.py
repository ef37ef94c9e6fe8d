"""Sections of any size as tiles of one size: where they are cut, and what a tile is called."""

import re
from collections.abc import Iterable, Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from unet import tiling

SIDE = 101  # pixels of a tile, as the challenge's
_PLACE = re.compile(r"_r\d+_c\d+$")

Values = TypeVar("Values", bound=np.generic)


def are_sections(sizes: Iterable[tuple[int, ...]]) -> bool:
    """Whether images of these sizes are sections to cut: one of them does not go through the network in one piece."""
    return any(max(size) > tiling.TILE for size in sizes)


def places(height: int, width: int) -> list[tuple[slice, slice]]:
    """Rows and columns of the tiles of a section, half a tile from one to the next; the last end exactly at its edge.

    Raises:
        ValueError: the section is smaller than a tile.

    Example:
        >>> [(rows.start, columns.start) for rows, columns in places(101, 180)]
        [(0, 0), (0, 50), (0, 79)]
    """
    if min(height, width) < SIDE:
        raise ValueError(
            f"expected a section of at least {SIDE} x {SIDE} pixels, a tile, got {height} x {width}; "
            "leave it out, or pad it"
        )
    return tiling.windows(height, width, SIDE)


def tile_names(section: str, cuts: Iterable[tuple[slice, slice]]) -> list[str]:
    """The ids of the tiles of a section: its name, and the row and column of a tile's first pixel.

    Example:
        >>> tile_names("line 7", places(101, 151))
        ['line 7_r0_c0', 'line 7_r0_c50']
    """
    return [f"{section}_r{rows.start}_c{columns.start}" for rows, columns in cuts]


def section_name(tile: str) -> str:
    """The name of the section that a tile was cut from; any other name as it is."""
    return _PLACE.sub("", tile)


def cut(sections: Sequence[NDArray[Values]]) -> NDArray[Values]:
    """The tiles of (H, W) sections, one section after the other: (N, ``SIDE``, ``SIDE``); raises as ``places``."""
    return np.stack([section[place] for section in sections for place in places(*section.shape)])
