"""SEG-Y files: their traces as arrays, and a copy of them with other samples."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from unet.seismic.encoding import decode_text, from_ibm, to_ibm
from unet.seismic.layout import (
    FILE_HEADER,
    FORMATS,
    IBM,
    IEEE,
    ORDER,
    TEXT,
    Endian,
    Layout,
    OptionError,
    SegyError,
    find_layout,
)

__all__ = ["BLOCK", "FORMATS", "Endian", "OptionError", "SegyError", "SegyFile", "Traces"]

Traces = NDArray[np.float32]  # (N, samples)

BLOCK = 8_000_000  # bytes read at a time


@dataclass(frozen=True)
class SegyFile(Layout):
    """A SEG-Y file whose headers have been understood; ``Layout`` lists what was."""

    @classmethod
    def open(
        cls, path: Path, *, format: int | None = None, endian: Endian | None = None, samples: int | None = None
    ) -> "SegyFile":
        """Understands the headers of a file.

        Args:
            path: the file.
            format: the code that its samples are to be taken for; None where its headers are believed.
            endian: the byte order, likewise.
            samples: how many a trace has, likewise.

        Raises:
            SegyError: it is no SEG-Y file, or one that cannot be read without being told how.
            OSError: it cannot be read.
        """
        return cls(**vars(find_layout(path, format, endian, samples)))

    def read(self, first: int, count: int) -> Traces:
        """Traces that stand one after another in the file.

        Returns:
            (count, samples) float32; integers as they are, with what float32 cannot hold rounded.

        Raises:
            SegyError: they are not all there.
            OSError: they cannot be read.
        """
        return self.decode(self.raw(first, count)[:, self.header_size :])

    def raw(self, first: int, count: int) -> NDArray[np.uint8]:
        """The same as bytes, with their headers: (count, ``stride``)."""
        if first < 0 or first + count > self.traces:
            raise SegyError(
                f"{self.path.name}: expected traces from 0 to {self.traces - 1}, got {first} to {first + count - 1}"
            )
        begin = self.start + first * self.stride
        with self.path.open("rb") as file:  # a memory map of a file that is cut meanwhile would kill the process
            file.seek(begin)
            content = file.read(count * self.stride)
        if len(content) < count * self.stride:
            raise SegyError(
                f"{self.path.name}: expected {self.traces:,} traces, as when it was opened, got the end of the file "
                f"in trace {first + len(content) // self.stride:,} after byte {begin + len(content):,}; copy it again"
            )
        return np.frombuffer(content, np.uint8).reshape(count, self.stride)

    def decode(self, content: NDArray[np.uint8]) -> Traces:
        """Samples as bytes, (N, bytes) -> (N, samples) float32."""
        values = np.ascontiguousarray(content).view(ORDER[self.endian] + FORMATS[self.format])
        if self.format == IBM:
            return from_ibm(values.astype(np.uint32))
        with np.errstate(over="ignore", invalid="ignore"):  # of float64: what overflows is infinite, and found there
            return values.astype(np.float32)

    def fields(self, places: Mapping[str, tuple[int, int]]) -> dict[str, NDArray[np.int32]]:
        """Numbers from the headers of all traces, in one pass over the file that holds little of it at a time.

        Args:
            places: name -> the first byte in the header, from 1 on, and the bytes of the number: 2 or 4.

        Returns:
            name -> (traces,) signed numbers.
        """
        found = {name: np.empty(self.traces, np.int32) for name in places}
        for first, block in self.blocks():
            for name, (byte, width) in places.items():
                number = np.ascontiguousarray(block[:, byte - 1 : byte - 1 + width]).view(
                    f"{ORDER[self.endian]}i{width}"
                )
                found[name][first : first + len(block)] = number[:, 0]
        return found

    def blocks(self) -> Iterator[tuple[int, NDArray[np.uint8]]]:
        """All traces as bytes in file order: the number of the first, and (N, ``stride``)."""
        step = max(1, BLOCK // self.stride)
        for first in range(0, self.traces, step):
            yield first, self.raw(first, min(step, self.traces - first))

    def text(self) -> str:
        """The textual header and additional ones, as lines of 80 characters; empty where they are no text."""
        with self.path.open("rb") as file:
            content = file.read(self.start)
        places = [0, *range(FILE_HEADER, self.start, TEXT)]
        return "\n".join(filter(None, (decode_text(content[place : place + TEXT]) for place in places)))

    def copied_header(self) -> bytes:
        """Everything before the first trace, for a copy with other samples.

        IBM and IEEE floats stay what they are.  Other samples become IEEE floats, and bytes 3225 and 3226 say so.
        """
        with self.path.open("rb") as source:
            header = bytearray(source.read(self.start))
        header[3224:3226] = self._copied_format.to_bytes(2, self.endian)
        return bytes(header)

    def copied_traces(self, first: int, samples: Traces) -> bytes:
        """Traces of such a copy that stand one after another: their headers as they are, with other samples.

        Args:
            first: the number of the first one.
            samples: (N, samples) finite float32.
        """
        values = np.ascontiguousarray(samples, np.float32)
        words = to_ibm(values) if self._copied_format == IBM else values.view(np.uint32)
        encoded = words.astype(f"{ORDER[self.endian]}u4").view(np.uint8).reshape(len(values), -1)
        return np.hstack([self.raw(first, len(values))[:, : self.header_size], encoded]).tobytes()

    @property
    def copied_stride(self) -> int:
        """Bytes from one trace of such a copy to the next."""
        return self.header_size + 4 * self.samples

    @property
    def _copied_format(self) -> int:
        return self.format if self.format in (IBM, IEEE) else IEEE
