"""Damaged traces: what they are, where they stand, and how they are left out."""

import msgspec
import numpy as np
from numpy.typing import NDArray

from unet.seismic.segy import FORMATS
from unet.seismic.volume import Cube, SegyVolume, Volume


class DamagedTrace(msgspec.Struct, frozen=True):
    """A trace with a sample that is NaN or infinite.

    Attributes:
        inline: its number.
        crossline: its number.
        trace: its number in the file, from 0 on; None in an array.
        byte: where the first such sample begins, from 1 on; None in an array.

    Example:
        >>> print(DamagedTrace(101, 202, 7, 21245))
        trace 7 (inline 101, crossline 202), byte 21,245
    """

    inline: int
    crossline: int
    trace: int | None = None
    byte: int | None = None

    def __str__(self) -> str:
        where = f"inline {self.inline}, crossline {self.crossline}"
        return where if self.byte is None else f"trace {self.trace} ({where}), byte {self.byte:,}"


def take_out(volume: Volume, amplitudes: Cube, inlines: slice, crosslines: slice) -> list[DamagedTrace]:
    """Makes the damaged traces of a part of a volume NaN.

    In SEG-Y every sample must be a finite number.  In an array NaN is no data, and only infinity is damage.

    Args:
        volume: the whole.
        amplitudes: (I, X, samples) of the part; changed in place.
        inlines: of the part, by position.
        crosslines: of the part, by position.

    Returns:
        The damaged traces.
    """
    wrong: NDArray[np.bool_]
    if isinstance(volume, SegyVolume):
        wrong = volume.present[inlines, crosslines] & np.asarray(~np.isfinite(amplitudes).all(axis=-1))
    else:
        wrong = np.asarray(np.isinf(amplitudes).any(axis=-1))
    damaged = []
    for row, column in np.argwhere(wrong):
        numbers = int(volume.inlines[inlines][row]), int(volume.crosslines[crosslines][column])
        if isinstance(volume, SegyVolume):
            file, trace = volume.file, int(volume.geometry.index[inlines, crosslines][row, column])
            sample = int(np.argmin(np.isfinite(amplitudes[row, column])))
            width = np.dtype(FORMATS[file.format]).itemsize
            byte = file.start + trace * file.stride + file.header_size + sample * width + 1
            damaged.append(DamagedTrace(*numbers, trace, byte))
        else:
            damaged.append(DamagedTrace(*numbers))
    amplitudes[wrong] = np.nan
    return damaged
