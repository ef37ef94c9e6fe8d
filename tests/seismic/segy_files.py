"""SEG-Y files made byte by byte, with every mistake that files in use have, and by segyio."""

import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import segyio

TEXT = "\n".join(f"C{line:2} A SURVEY THAT A TEST MADE".ljust(79) for line in range(1, 41)).ljust(3200)[:3200]
# Format code -> NumPy's type; a test of its own, so that a mistake in the product's table shows.
TYPES = {1: "ibm", 2: "i4", 3: "i2", 5: "f4", 6: "f8", 8: "i1", 9: "i8", 10: "u4", 11: "u2", 12: "u8", 16: "u1"}


def amplitudes(traces: int, samples: int, seed: int = 0) -> np.ndarray:
    """(N, samples) float32 whole numbers that every format but int8 holds."""
    return np.random.default_rng(seed).integers(0, 120, (traces, samples)).astype(np.float32)


def ibm_word(value: float) -> int:
    """An IBM float, one digit after the other."""
    if value == 0:
        return 0
    sign, value, exponent = (0x80 if value < 0 else 0), abs(value), 64
    while value >= 1:
        value, exponent = value / 16, exponent + 1
    while value < 1 / 16:
        value, exponent = value * 16, exponent - 1
    return (sign | exponent) << 24 | round(value * 2**24)


def encoded(values: np.ndarray, format: int, order: str) -> bytes:
    """Samples of one trace."""
    if TYPES[format] == "ibm":
        return struct.pack(f"{order}{len(values)}I", *(ibm_word(float(value)) for value in values))
    return np.asarray(values).astype(order + TYPES[format]).tobytes()


def put(place: bytearray, byte: int, number: int | float, width: int | str, order: str) -> None:
    """A number at a byte, from 1 on; width 2 or 4, or a letter of ``struct``."""
    kind = {1: "b", 2: "h", 4: "i"}.get(width, width)
    struct.pack_into(order + str(kind), place, byte - 1, number)


def segy(
    traces: np.ndarray,
    headers: Mapping[int, Sequence[int]] | None = None,
    *,
    format: int = 5,
    order: str = ">",
    text: bytes = TEXT.encode("cp037"),
    file_fields: Sequence[tuple[int, int | float, int | str]] = (),
    trace_samples: int | None = None,
    extended: Sequence[bytes] = (),
    extra: int = 0,
    short: Sequence[tuple[int, Sequence[int]]] = (),
) -> bytes:
    """A whole file.

    Args:
        traces: (N, samples).
        headers: the byte in a trace's header -> N numbers of four bytes.
        format, order: of the samples; order is ``>`` or ``<``.
        text: the textual header.
        file_fields: byte of the file, number, width, to change what is right.
        trace_samples: what bytes 115 and 116 of each trace say.
        extended: additional textual headers.
        extra: additional headers of a trace.
        short: the byte in a trace's header, N numbers of two bytes.
    """
    count, samples = traces.shape
    head = bytearray(text.ljust(3200, b"\0")[:3200] + bytes(400))
    put(head, 3217, 4000, 2, order)
    put(head, 3221, samples & 0xFFFF, "H", order)
    put(head, 3225, format, 2, order)
    put(head, 3505, len(extended), 2, order)
    for byte, number, width in file_fields:
        put(head, byte, number, width, order)
    content = [bytes(head), *(one.ljust(3200, b"\x40")[:3200] for one in extended)]
    for number, values in enumerate(traces):
        header = bytearray(240 * (1 + extra))
        put(header, 115, (samples if trace_samples is None else trace_samples) & 0xFFFF, "H", order)
        put(header, 117, 4000, 2, order)
        for byte, numbers in (headers or {}).items():
            put(header, byte, int(numbers[number]), 4, order)
        for byte, numbers in short:
            put(header, byte, int(numbers[number]), 2, order)
        content += [bytes(header), encoded(values, format, order)]
    return b"".join(content)


def grid(inlines: Sequence[int], crosslines: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    """The numbers of every trace of a cube, inline after inline."""
    first, second = np.meshgrid(inlines, crosslines, indexing="ij")
    return first.ravel(), second.ravel()


def written_by_segyio(path: Path, cube: np.ndarray, format: int, endian: str, sorting: str = "inline") -> np.ndarray:
    """Writes a cube with segyio and returns its traces as segyio reads them, in file order.

    Args:
        path: of the file.
        cube: (I, X, samples); inlines are numbered from 11 and crosslines from 101 in steps of 2.
        format: the code of the samples.
        endian: big or little.
        sorting: inline or crossline.
    """
    inlines, crosslines, samples = cube.shape
    spec: Any = segyio.spec()
    spec.format, spec.endian, spec.samples = format, endian, np.arange(samples) * 4.0
    spec.ilines, spec.xlines = 11 + np.arange(inlines), 101 + 2 * np.arange(crosslines)
    spec.sorting = 2 if sorting == "inline" else 1
    cells = [(i, x) for i in range(inlines) for x in range(crosslines)]
    if sorting == "crossline":
        cells = [(i, x) for x in range(crosslines) for i in range(inlines)]
    with segyio.create(path, spec) as file:
        file.bin.update({3217: 4000})
        for number, (i, x) in enumerate(cells):
            file.header[number] = {189: int(spec.ilines[i]), 193: int(spec.xlines[x]), 115: samples, 117: 4000}
            file.trace[number] = cube[i, x].astype(file.dtype)
    with segyio.open(path, ignore_geometry=True, endian=endian) as file:
        return np.asarray(file.trace.raw[:])
