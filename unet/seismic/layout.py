"""How the bytes of a SEG-Y file are laid out, as far as its headers can be believed.

Headers of files in use are often wrong.  What they say is therefore checked against the size of the file and the
headers of its first two traces.  For the layout see SEG Technical Standards Committee, "SEG-Y_r2.0: SEG-Y revision 2.0
data exchange format", 2017.  Bytes are numbered from 1, as there.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np

from unet.seismic.encoding import decode_text

Endian = Literal["big", "little"]

TEXT, BINARY, TRACE_HEADER = 3200, 400, 240  # bytes
FILE_HEADER = TEXT + BINARY
IBM, IEEE = 1, 5
# Sample format code -> NumPy's type; IBM floats are read as whole words.
FORMATS: Mapping[int, str] = {
    IBM: "u4", 2: "i4", 3: "i2", IEEE: "f4", 6: "f8", 8: "i1", 9: "i8", 10: "u4", 11: "u2", 12: "u8", 16: "u1",
}  # fmt: skip
ORDER: Mapping[Endian, str] = {"big": ">", "little": "<"}
REVISION_2 = 0x01020304  # in bytes 3297 to 3300, in the order of the machine that wrote them
END_OF_TEXT = "((SEG:ENDTEXT))"  # of the last of a variable number of textual headers
MOST_TEXTS, MOST_HEADERS = 1000, 64  # additional headers; more are a number that means something else


class SegyError(ValueError):
    """A file that cannot be read as SEG-Y; the message says what was expected, what came and where."""


class OptionError(SegyError):
    """What the user says of a file cannot be so of any file."""


@dataclass(frozen=True)
class Layout:
    """Where the traces of a SEG-Y file are; they all have one length.

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

    @property
    def start(self) -> int:
        """Bytes before the first trace."""
        return FILE_HEADER + TEXT * self.extended

    @property
    def header_size(self) -> int:
        """Bytes of headers before the samples of a trace."""
        return TRACE_HEADER * (1 + self.extra)

    @property
    def stride(self) -> int:
        """Bytes from one trace to the next."""
        return self.header_size + self.samples * np.dtype(FORMATS[self.format]).itemsize


def find_layout(path: Path, format: int | None, endian: Endian | None, samples: int | None) -> Layout:
    """Reads the headers of a file and decides what they mean.

    Args:
        path: the file.
        format: the code that its samples are to be taken for; None where its headers are believed.
        endian: the byte order, likewise.
        samples: how many a trace has, likewise.

    Raises:
        SegyError: it is no SEG-Y file, or one that cannot be read without being told how.
        OptionError: no file has such a format or number of samples.
        OSError: it cannot be read.
    """
    if format is not None and format not in FORMATS:
        raise OptionError(f"expected one of the sample formats {_codes()}, got {format}")
    if samples is not None and samples < 1:
        raise OptionError(f"expected at least 1 sample in a trace, got {samples}")
    size = path.stat().st_size
    if size < FILE_HEADER + TRACE_HEADER:
        raise SegyError(
            f"{path.name}: expected a SEG-Y file of at least {FILE_HEADER + TRACE_HEADER:,} bytes, got {size:,}"
        )
    with path.open("rb") as file:
        content = file.read(FILE_HEADER)
    order = endian or _find_endian(path, content, format)
    header = _FileHeader(path, size, content, order, format or _find_format(path, content, order))
    return header.layout(samples)


def _codes() -> str:
    return ", ".join(map(str, FORMATS))


def _find_endian(path: Path, content: bytes, format: int | None) -> Endian:
    """The order in which the constant of revision 2, or else the format code, is one."""
    for place, valid in ((slice(3296, 3300), [REVISION_2]), (slice(3224, 3226), [*FORMATS])):
        for order in ORDER:
            if int.from_bytes(content[place], order) in valid:
                return order
    if format is None:
        _find_format(path, content, None)  # raises
    big, little = (int.from_bytes(content[3220:3222], order) for order in ORDER)
    return "little" if little and (not big or little < big) else "big"  # as a rule a trace has few samples


def _find_format(path: Path, content: bytes, endian: Endian | None) -> int:
    """The code in a byte order; where that is unknown because no code is right, the sentence has the smaller number."""
    code = min(int.from_bytes(content[3224:3226], order) for order in ([endian] if endian else ORDER))
    if code not in FORMATS:
        raise SegyError(
            f"{path.name}: expected a sample format code in bytes 3225 and 3226, one of {_codes()}, got {code}; if "
            "this is SEG-Y, say which it is with --format"
        )
    return code


class _Guess(NamedTuple):
    """What the headers may mean."""

    samples: int
    extended: int
    extra: int


@dataclass(frozen=True)
class _FileHeader:
    """The first 3,600 bytes of a file, and what is known of the rest."""

    path: Path
    size: int
    content: bytes
    endian: Endian
    format: int

    def layout(self, samples: int | None) -> Layout:
        """The guess that two traces confirm, else the one that divides the file, else the first."""
        guesses = [*dict.fromkeys(self._guesses(samples))]
        if not guesses:
            raise SegyError(
                f"{self.path.name}: expected the number of samples in bytes 3221 and 3222, or in bytes 115 and 116 of "
                "the first trace, got 0; say it with --samples"
            )
        chosen = max(guesses, key=lambda guess: (self._is_confirmed(guess), self._rest(guess) == 0))
        layout = self._of(chosen)
        if layout.traces < 1:
            raise SegyError(
                f"{self.path.name}: expected traces of {chosen.samples:,} samples after byte {layout.start:,}, got the "
                f"end of the file at byte {self.size:,}; say how many samples a trace has with --samples"
            )
        return self._of(chosen, tuple(self._notes(chosen, guesses[0])))

    def _number(self, byte: int, width: int, signed: bool = False) -> int:
        return int.from_bytes(self.content[byte - 1 : byte - 1 + width], self.endian, signed=signed)

    @property
    def _is_revision_2(self) -> bool:
        return self._number(3501, 1) in (2, 3) or self._number(3297, 4) == REVISION_2

    @property
    def _promised(self) -> int:
        """How many traces the header says there are; 0 where it does not."""
        return self._number(3513, 8) if self._is_revision_2 else 0

    def _guesses(self, wanted: int | None) -> Iterator[_Guess]:
        """What the headers say, and what files say that do not keep to the standard; likely ones first."""
        second = self._is_revision_2
        texts = dict.fromkeys([self._count_texts(), 0])
        extras = dict.fromkeys([self._count_extras() if second else 0, 0])
        for extended in texts:
            counts = [self._number(3269, 4) * second, self._number(3221, 2), self._of_trace(extended, 115)]
            for samples in [wanted] if wanted else counts:
                for extra in extras:
                    if samples and extended <= MOST_TEXTS and extra <= MOST_HEADERS:
                        yield _Guess(samples, extended, extra)

    def _count_texts(self) -> int:
        said = self._number(3505, 2, signed=True)
        if said != -1:
            return max(0, said)
        with self.path.open("rb") as file:
            file.seek(FILE_HEADER)
            for count in range(1, 1 + min(MOST_TEXTS, (self.size - FILE_HEADER) // TEXT)):
                if END_OF_TEXT in decode_text(file.read(TEXT)).upper().replace(" ", ""):
                    return count
        return 0

    def _count_extras(self) -> int:
        """Two bytes say it since revision 2.1, and are used before; in revision 2.0 four bytes should."""
        return self._number(3507, 2) or (self._number(3507, 4) if self._number(3502, 1) == 0 else 0)

    def _of_trace(self, extended: int, byte: int, before: int = 0) -> int:
        """Two bytes from the header of a trace before which so many bytes of traces stand; 0 beyond the end."""
        with self.path.open("rb") as file:
            file.seek(FILE_HEADER + TEXT * extended + before + byte - 1)
            return int.from_bytes(file.read(2), self.endian)

    def _is_confirmed(self, guess: _Guess) -> bool:
        """Whether the first two traces, where this guess has them, say that they are of its length."""
        return self._is_trace(guess, 0) and self._is_trace(guess, self._of(guess).stride)

    def _is_trace(self, guess: _Guess, before: int) -> bool:
        """Whether what stands after so many bytes of traces says that it is a trace of the guess's length."""
        return self._of_trace(guess.extended, 115, before) == guess.samples

    def _of(self, guess: _Guess, notes: tuple[str, ...] = ()) -> Layout:
        interval = self._interval(guess)
        layout = Layout(
            self.path, self.endian, self.format, guess.samples, interval, guess.extended, guess.extra, 0, notes
        )
        traces = max(0, (self.size - layout.start) // layout.stride)
        if 0 < self._promised < traces and not self._is_trace(guess, self._promised * layout.stride):
            traces = self._promised  # and trailers
        return replace(layout, traces=traces)

    def _rest(self, guess: _Guess) -> int:
        """Bytes after the last whole trace."""
        layout = self._of(guess)
        return self.size - layout.start - layout.traces * layout.stride

    def _interval(self, guess: _Guess) -> float:
        if self._is_revision_2:
            precise = float(np.frombuffer(self.content[3272:3280], f"{ORDER[self.endian]}f8")[0])
            if 0 < precise < 1e9:
                return precise
        return float(self._number(3217, 2) or self._of_trace(guess.extended, 117))

    def _notes(self, chosen: _Guess, said: _Guess) -> Iterator[str]:
        if self.endian == "little":
            yield "the byte order is little-endian"
        if chosen != said:
            yield (
                f"the file header promises {said.samples:,} samples in a trace, {said.extended} additional textual "
                f"headers and {said.extra} additional trace headers; the traces have {chosen.samples:,}, "
                f"{chosen.extended} and {chosen.extra}"
            )
        interval, own = self._number(3217, 2), self._of_trace(chosen.extended, 117)
        if interval and own and interval != own:
            yield (
                f"the sample interval is {interval:,} in bytes 3217 and 3218 of the file, and {own:,} in bytes 117 and "
                "118 of the first trace"
            )
        layout, rest = self._of(chosen), self._rest(chosen)
        if self._promised not in (0, layout.traces):
            yield f"bytes 3513 to 3520 promise {self._promised:,} traces; the file has {layout.traces:,}"
        if rest:
            follow = self._promised == layout.traces
            after = "follow the last trace" if follow else "are less than a trace: the last is cut off"
            yield f"{rest:,} bytes from byte {self.size - rest + 1:,} to the end {after}; they were left out"
