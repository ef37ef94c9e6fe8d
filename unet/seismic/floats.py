"""Whether samples are of the format that a SEG-Y file says they are of; a wrong one still gives plausible numbers."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from unet.seismic.layout import IBM, IEEE, ORDER
from unet.seismic.segy import SegyFile

LOOKED_AT = 64  # traces, spread evenly
ENOUGH = 500  # different samples, or nothing is said
HALVED = (0.6, 1.3)  # powers of two, of IBM floats read as IEEE; below, all may lie between one and four times as much
DOUBLED = 2.5  # of IEEE floats read as IBM, and more
WIDE = 20.0  # powers of two; of seismic amplitudes the spread is 1.6 and more, seldom above 5


def doubts(file: SegyFile) -> Iterator[str]:
    """What speaks against the format, in plain sentences.

    The spread is the standard deviation of the binary logarithm of the amplitude.  Of amplitudes that are rightly read
    it is about 1.7; IBM floats that are read as IEEE have half of theirs, IEEE floats read as IBM twice theirs.  That
    alone depends on the data.  But the leading digit of an IBM fraction, base 16, is never 0, while these four bits of
    IEEE floats are 0 for some between an amplitude and its fourfold.

    Raises:
        SegyError, OSError: the samples cannot be read.
    """
    if file.format not in (IBM, IEEE):
        return
    traces = np.unique(np.linspace(0, file.traces - 1, LOOKED_AT).round().astype(int))
    content = np.concatenate([file.raw(int(trace), 1)[:, file.header_size :] for trace in traces])
    words = content.view(f"{ORDER[file.endian]}u4").astype(np.uint32)
    used = words[words << 1 != 0]
    if len(np.unique(used)) < ENOUGH:
        return
    zeros = float(((used & 0x00F00000) == 0).mean())
    spread = _spread(file.decode(content))
    if file.format == IEEE and zeros == 0 and HALVED[0] < spread < HALVED[1]:
        yield "the samples look like IBM floats, and are read as IEEE: compare with --format 1"
    elif file.format == IBM and zeros > 0.01 and spread > DOUBLED:
        yield "the samples look like IEEE floats, and are read as IBM: compare with --format 5"
    elif spread > WIDE:
        yield f"the amplitudes spread over {spread:.0f} powers of two: another format or byte order is likely"


def _spread(values: NDArray[np.float32]) -> float:
    used = np.abs(values[np.isfinite(values) & (values != 0)])
    return float(np.log2(used, dtype=np.float64).std()) if len(used) else 0.0
