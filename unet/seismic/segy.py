"""SEG-Y files: what a file says of itself, its traces as arrays, and a copy of it with other samples.

A reader of its own, because files in use are less tidy than readers expect: see SEG Technical Standards Committee, "SEG-Y
revision 2.0 data exchange format", 2017, for the layout.  Bytes are numbered from 1, as the standard numbers them.
"""


from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal

import numpy as np
from numpy.typing import NDArray

Endian = Literal["big", "little"]
Traces = NDArray[np.float32]  # (N, samples)

TEXT, BINARY, TRACE_HEADER = 3200, 400, 240  # bytes
FILE_HEADER = TEXT + BINARY
IBM, IEEE = 1, 5
# Sample format code -> NumPy's type; IBM floats are read as whole words.
FORMATS: Mapping[int, str] = {
    IBM: "u4", 2: "i4", 3: "i2", IEEE: "f4", 6: "f8", 8: "i1", 9: "i8", 10: "u4", 11: "u2", 12: "u8", 16: "u1",
}  # fmt: skip
ORDER = {"big": ">", "little": "<"}
REVISION_2 = 16_909_060  # in bytes 3297 to 3300 as the writer's machine orders them: 1, 2, 3, 4
END_OF_TEXT = ("((SEG: EndText))", "((SEG:ENDTEXT))")
BLOCK = 8_000_000  # bytes read at a time


class SegyError(ValueError):
    """A file that cannot be read as SEG-Y; the message says what was expected, what came and where."""


@dataclass(frozen=True)
class SegyFile:
    """A SEG-Y file of traces of one length, whose headers have been understood.

    Attributes:
        path: the file.
        endian: its byte order.
        format: the code of its samples, one of ``FORMATS``.
        samples: of a trace.
        interval: between samples, in microseconds (of depth: the unit the file was written in); 0 where unknown.
        extended: additional textual headers of 3,200 bytes.
        extra: additional headers of 240 bytes before the samples of each trace.
        traces: how many whole ones there are.
        notes: what of this was guessed or is wrong, in plain sentences.
    """

    path: Path
    endian: Endian
    format: int
    samples: int
    interval: float
    extended: int
    extra: int
    traces: int
    notes: tuple[str, ...] = ()

    @classmethod
    def open(
        cls, path: Path, *, format: int | None = None, endian: Endian | None = None, samples: int | None = None
    ) -> "SegyFile":
        """Understands the headers of a file.

        Args:
            path: the file.
            format, endian, samples: what the file is to be taken for, whatever its headers say.

        Raises:
            SegyError: it is no SEG-Y file, or one that cannot be read without being told how.
            OSError: it cannot be read.
        """
        return _Understanding(path, format, endian, samples).file()

    @property
    def start(self) -> int:
        """Where the first trace begins, in bytes."""
        return FILE_HEADER + TEXT * self.extended

    @property
    def header_size(self) -> int:
        """Bytes of headers before the samples of a trace."""
        return TRACE_HEADER * (1 + self.extra)

    @property
    def stride(self) -> int:
        """Bytes from one trace to the next."""
        return self.header_size + self.samples * np.dtype(FORMATS[self.format]).itemsize

    def read(self, first: int, count: int) -> Traces:
        """Traces that stand one after another in the file.

        Returns:
            (count, samples) float32; integers as they are, with what float32 cannot hold rounded.

        Raises:
            SegyError: they are not all there.
        """
        return self.decode(self.raw(first, count)[:, self.header_size :])

    def raw(self, first: int, count: int) -> NDArray[np.uint8]:
        """The same as bytes, with their headers: (count, ``stride``)."""
        if not (0 <= first and first + count <= self.traces):
            raise SegyError(f"{self.path.name}: expected traces from 0 to {self.traces - 1}, got {first} to "
                            f"{first + count - 1}")  # fmt: skip
        with self.path.open("rb") as file:  # a memory map of a file that is cut meanwhile would kill the process
            file.seek(self.start + first * self.stride)
            content = file.read(count * self.stride)
        if len(content) < count * self.stride:
            whole = first + len(content) // self.stride
            raise SegyError(
                f"{self.path.name}: expected {self.traces:,} traces as when it was opened, got the end of the file in "
                f"trace {whole} at byte {self.start + first * self.stride + len(content):,}; copy the file again"
            )
        return np.frombuffer(content, np.uint8).reshape(count, self.stride)

    def decode(self, content: NDArray[np.uint8]) -> Traces:
        """Samples as bytes, (N, bytes) -> (N, samples) float32."""
        values = np.ascontiguousarray(content).view(self._type)
        if self.format == IBM:
            return from_ibm(values.astype(np.uint32))
        with np.errstate(over="ignore", invalid="ignore"):  # of float64: what overflows is infinite, and found there
            return values.astype(np.float32)

    def fields(self, places: Mapping[str, tuple[int, int]]) -> dict[str, NDArray[np.int64]]:
        """Numbers from the headers of all traces.

        Args:
            places: name -> the first byte in the header, from 1 on, and the bytes of the number: 2 or 4.

        Returns:
            name -> (traces,) signed numbers.
        """
        found = {name: np.empty(self.traces, np.int64) for name in places}
        for first, block in self.blocks():
            for name, (byte, width) in places.items():
                number = np.ascontiguousarray(block[:, byte - 1 : byte - 1 + width]).view(f"{ORDER[self.endian]}i{width}")
                found[name][first : first + len(block)] = number[:, 0]
        return found

    def blocks(self) -> Iterator[tuple[int, NDArray[np.uint8]]]:
        """All traces as bytes in file order: the number of the first, and (N, ``stride``)."""
        step = max(1, BLOCK // self.stride)
        for first in range(0, self.traces, step):
            yield first, self.raw(first, min(step, self.traces - first))

    def text(self) -> str:
        """The textual header, 40 lines of 80 characters, without what is no character; empty where there is none."""
        with self.path.open("rb") as file:
            return decode_text(file.read(TEXT))

    def copied_header(self) -> bytes:
        """Everything before the first trace, for a copy with other samples.

        IBM and IEEE floats stay what they are.  Other samples become IEEE floats, and bytes 3225 and 3226 say so.
        """
        with self.path.open("rb") as source:
            header = bytearray(source.read(self.start))
        if self.written_format(header) != self._copied_format:
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

    def copy(self, file: BinaryIO, samples: Callable[[int, int], Traces]) -> None:
        """Writes such a copy in the order of the file.

        Args:
            file: where to write.
            samples: the number of the first trace and how many -> (N, samples) finite float32.
        """
        file.write(self.copied_header())
        step = max(1, BLOCK // self.stride)
        for first in range(0, self.traces, step):
            file.write(self.copied_traces(first, samples(first, min(step, self.traces - first))))

    def written_format(self, header: bytes | bytearray) -> int:
        """The code that a header of the file holds, which need not be what it was opened as."""
        return int.from_bytes(header[3224:3226], self.endian)

    @property
    def _copied_format(self) -> int:
        return self.format if self.format in (IBM, IEEE) else IEEE

    @property
    def _type(self) -> np.dtype[np.generic]:
        return np.dtype(ORDER[self.endian] + FORMATS[self.format])


# --- Numbers and letters ------------------------------------------------------------------------------------


def from_ibm(words: NDArray[np.uint32]) -> Traces:
    """IBM System/360 floats: a sign, seven bits of an exponent of 16 in excess of 64, and 24 bits of a fraction.

    Example:
        >>> from_ibm(np.array([0x42640000, 0xC276A000, 0], np.uint32))
        array([ 100.   , -118.625,    0.   ], dtype=float32)
    """
    fraction = (words & 0x00FFFFFF).astype(np.float32)
    exponent = ((words >> 24) & 0x7F).astype(np.int32)
    with np.errstate(over="ignore", under="ignore"):  # IBM reaches further at both ends
        size = np.ldexp(fraction, 4 * (exponent - 64) - 24)
    return np.where(words >> 31, -size, size).astype(np.float32)


def to_ibm(values: Traces) -> NDArray[np.uint32]:
    """The same the other way, rounded to the nearest; values that are not finite are refused.

    Example:
        >>> [hex(word) for word in to_ibm(np.array([100, -118.625, 0], np.float32))]
        ['0x42640000', '0xc276a000', '0x0']
    """
    if not np.isfinite(values).all():
        raise ValueError("expected finite values, got NaN or infinity; replace them first")
    fraction, exponent = np.frexp(np.abs(values.astype(np.float64)))
    sixteens = -(-exponent // 4)
    whole = np.rint(np.ldexp(fraction, 24 + exponent - 4 * sixteens)).astype(np.int64)
    over = whole >> 24 > 0  # rounded up to 16
    whole, sixteens = np.where(over, whole >> 4, whole), sixteens + over
    words = (whole | ((sixteens + 64) << 24) | (np.signbit(values).astype(np.int64) << 31)).astype(np.uint32)
    return np.where(whole == 0, np.uint32(0), words)


def decode_text(content: bytes) -> str:
    """A textual header in EBCDIC or ASCII, whichever makes letters of more of it.

    Example:
        >>> decode_text("C 1 CLIENT".encode("cp037") + b"\\x40" * 70)
        'C 1 CLIENT'
    """
    readings = [content.decode("cp037", "replace"), content.decode("ascii", "replace")]
    best = max(readings, key=lambda text: sum(character.isascii() and character.isprintable() for character in text))
    lines = [best[start : start + 80] for start in range(0, len(best), 80)]
    clean = ["".join(one if one.isprintable() and one != "\ufffd" else " " for one in line).rstrip() for line in lines]
    return "\n".join(clean).strip()


# --- What a file says of itself -----------------------------------------------------------------------------


class _Understanding:
    """Reads the headers of one file and decides what they mean."""

    def __init__(self, path: Path, format: int | None, endian: Endian | None, samples: int | None) -> None:
        self.path, self.size, self.notes = path, path.stat().st_size, list[str]()
        if self.size < FILE_HEADER + TRACE_HEADER:
            raise SegyError(
                f"{path.name}: expected a SEG-Y file of at least {FILE_HEADER + TRACE_HEADER:,} bytes, got {self.size:,}"
            )
        with path.open("rb") as file:
            self.head = file.read(FILE_HEADER + TRACE_HEADER)
        if format is not None and format not in FORMATS:
            raise SegyError(f"expected one of the sample formats {', '.join(map(str, FORMATS))}, got {format}")
        self.endian: Endian = endian or self._find_endian(format)
        self.format = format or self._find_format()
        self.wanted_samples = samples

    def number(self, byte: int, width: int, signed: bool = False) -> int:
        return int.from_bytes(self.head[byte - 1 : byte - 1 + width], self.endian, signed=signed)

    def _find_endian(self, format: int | None) -> Endian:
        constant, code = self.head[3296:3300], self.head[3224:3226]
        orders: tuple[Endian, Endian] = ("big", "little")
        for endian in orders:
            if int.from_bytes(constant, endian) == REVISION_2:
                return endian
        for endian in orders:
            if int.from_bytes(code, endian) in FORMATS:
                if endian == "little":
                    self.notes.append("the byte order was taken as little-endian, because the format code is one there")
                return endian
        if format is not None:  # the number of samples is small in one order only, as a rule
            big, little = (int.from_bytes(self.head[3220:3222], endian) for endian in orders)
            return "little" if little and (not big or little < big) else "big"
        shown = int.from_bytes(code, "big")
        raise SegyError(
            f"{self.path.name}: expected a sample format code in bytes 3225 and 3226, one of "
            f"{', '.join(map(str, FORMATS))}, got {shown}; if this is SEG-Y, say which it is with --format"
        )

    def _find_format(self) -> int:
        code = self.number(3225, 2)
        if code not in FORMATS:
            raise SegyError(
                f"{self.path.name}: expected a sample format code in bytes 3225 and 3226, one of "
                f"{', '.join(map(str, FORMATS))}, got {code} ({self.endian}-endian); say which it is with --format"
            )
        return code

    def _count_extended(self) -> int:
        said = self.number(3505, 2, signed=True)
        if said >= 0:
            return said
        with self.path.open("rb") as file:  # a variable number, the last of which says that it is the last
            file.seek(FILE_HEADER)
            for count in range(1, 1 + (self.size - FILE_HEADER) // TEXT):
                if any(mark in decode_text(file.read(TEXT)) for mark in END_OF_TEXT):
                    return count
        self.notes.append("the end of the additional textual headers was not found; none were assumed")
        return 0

    def _candidates(self) -> Iterator[tuple[int, int, int]]:
        """Samples, additional textual headers and additional trace headers that the file may have, likely ones first."""
        second = self.number(3501, 1) >= 2
        said = (self.number(3269, 4) if second else 0) or self.number(3221, 2)
        extended = self._count_extended()
        extra = self.number(3507, 4) if second else 0
        with self.path.open("rb") as file:
            file.seek(FILE_HEADER + TEXT * max(0, extended))
            first = file.read(TRACE_HEADER)
        own = int.from_bytes(first[114:116], self.endian)
        counts = [self.wanted_samples] if self.wanted_samples else [said, own]
        for samples in counts:
            for texts, headers in ((extended, extra), (0, extra), (extended, 0), (0, 0)):
                if samples and 0 <= texts <= self.size // TEXT and 0 <= headers <= 64:
                    yield samples, texts, headers

    def file(self) -> SegyFile:
        size = np.dtype(FORMATS[self.format]).itemsize
        candidates = [*dict.fromkeys(self._candidates())]
        if not candidates:
            raise SegyError(
                f"{self.path.name}: expected the number of samples in bytes 3221 and 3222 or in the first trace's bytes "
                "115 and 116, got 0; say it with --samples"
            )
        def left(candidate: tuple[int, int, int]) -> tuple[int, int]:
            samples, texts, headers = candidate
            return divmod(self.size - FILE_HEADER - TEXT * texts, TRACE_HEADER * (1 + headers) + samples * size)

        fitting = [one for one in candidates if left(one)[1] == 0 and left(one)[0] > 0]
        chosen = fitting[0] if fitting else candidates[0]
        traces, rest = left(chosen)
        samples, texts, headers = chosen
        if traces < 1:
            raise SegyError(
                f"{self.path.name}: expected traces of {samples:,} samples after byte {FILE_HEADER + TEXT * texts:,}, got "
                f"the end of the file at byte {self.size:,}; say how many samples a trace has with --samples"
            )
        if chosen != candidates[0]:
            self.notes.append(
                f"the headers promise {candidates[0][0]:,} samples a trace, {candidates[0][1]} additional textual and "
                f"{candidates[0][2]} additional trace headers; what divides the file is {samples:,}, {texts} and {headers}"
            )
        if rest:
            self.notes.append(
                f"the last trace is cut off: {rest:,} bytes at the end of the file, from byte {self.size - rest:,} on, "
                "were left out"
            )
        return SegyFile(
            self.path, self.endian, self.format, samples, self._interval(), texts, headers, traces, tuple(self.notes)
        )

    def _interval(self) -> float:
        if self.number(3501, 1) >= 2:
            (precise,) = np.frombuffer(self.head[3272:3280], f"{ORDER[self.endian]}f8")
            if np.isfinite(precise) and precise > 0:
                return float(precise)
        return float(self.number(3217, 2) or self.number(FILE_HEADER + 117, 2))


