"""Small surveys on disk, written by segyio, which knows nothing of this project's reader."""

from pathlib import Path

import numpy as np
import segyio

from unet.synthetic import section

INLINES, CROSSLINES = 100, 300  # the first numbers
INTERVAL = 4000  # microseconds


def amplitudes(inlines: int = 6, crosslines: int = 20, samples: int = 64) -> np.ndarray:
    """Beds that look alike from inline to inline, (inlines, crosslines, samples) float32."""
    rng = np.random.default_rng(0)
    beds = section(3, samples, crosslines)[0].T.astype(np.float32) - 120
    return (20 * beds + rng.normal(0, 60, (inlines, crosslines, samples))).astype(np.float32)


def write_segy(path: Path, cube: np.ndarray, *, sorting="inline", format=5, missing=(), endian="big") -> Path:
    """Writes a cube as SEG-Y: every trace its own header, inlines in bytes 189 to 192, crosslines in 193 to 196."""
    inlines, crosslines, samples = cube.shape
    cells = [(i, x) for i in range(inlines) for x in range(crosslines) if (i, x) not in missing]
    if sorting == "crossline":
        cells.sort(key=lambda cell: cell[::-1])
    spec = segyio.spec()
    spec.format, spec.endian, spec.tracecount = format, endian, len(cells)
    spec.samples = np.arange(samples) * INTERVAL / 1000
    with segyio.create(str(path), spec) as file:
        file.text[0] = segyio.tools.create_text_header({1: "A SURVEY OF TESTS"})
        file.bin.update(hdt=INTERVAL, hns=samples, format=format)
        for number, (i, x) in enumerate(cells):
            file.header[number] = {
                1: number + 1, 61: 7 * number, 71: 1, 115: samples, 117: INTERVAL,
                181: 600_000 + 25 * i, 185: 6_000_000 + 25 * x, 189: INLINES + i, 193: CROSSLINES + 2 * x,
            }  # fmt: skip
            file.trace[number] = cube[i, x]
    return path


def read_cube(path: Path) -> np.ndarray:
    """The samples of a regular SEG-Y cube as segyio reads them: (inlines, crosslines, samples)."""
    with segyio.open(str(path)) as file:
        cube = segyio.tools.cube(file)
        return cube if file.sorting == segyio.TraceSortingFormat.INLINE_SORTING else cube.swapaxes(0, 1)


def headers(path: Path, samples: int, width: int = 4) -> tuple[bytes, np.ndarray]:
    """The first 3,600 bytes of a SEG-Y file, and (traces, 240) bytes of its trace headers."""
    content = path.read_bytes()
    return content[:3600], np.frombuffer(content[3600:], np.uint8).reshape(-1, 240 + width * samples)[:, :240]
