"""What a survey is and what looks wrong with it, as one checks it before anything else is done.

Geometry is of all traces, amplitudes are of a sample at fixed places, so that a large file takes seconds and two looks
agree.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from unet.amplitude import live
from unet.seismic.fill import no_data
from unet.seismic.geometry import UNUSED
from unet.seismic.volume import ArrayVolume, SegyVolume, Volume

SECTIONS = 24  # inlines that are looked at, one in each of so many bands
RUN = 64  # adjacent traces of an inline that is too long to be read as a whole
SAMPLE = 128_000_000  # bytes of amplitudes that are read, at most
VALUES = 4_000_000  # of them that percentiles are taken of, at most
COLUMNS = 64  # of the map
PERCENTILES = (0.5, 5.0, 50.0, 95.0, 99.5)
CLIPPED = 0.001  # of the samples at one extreme, and it is called clipped
SPIKES = 50.0  # times the 99.5th percentile of the absolute amplitude
OFFSET = 0.1  # of the root mean square
USUAL = (0.05, 50.0)  # milliseconds, or metres or feet, between samples
SHORTEST = 32  # samples of a trace that has a spectrum

LIVE, GAPS, DEAD, NOTHING = "#+x."  # of the map

FORMAT_NAMES = {
    1: "IBM floats", 2: "integers of 32 bits", 3: "integers of 16 bits", 5: "IEEE floats", 6: "IEEE floats of 64 bits",
    8: "integers of 8 bits", 9: "integers of 64 bits", 10: "positive integers of 32 bits",
    11: "positive integers of 16 bits", 12: "positive integers of 64 bits", 16: "positive integers of 8 bits",
}  # fmt: skip


@dataclass(frozen=True)
class Axis:
    """The numbers of inlines or crosslines; the step is 0 where it is uneven, or there is but one."""

    first: int
    last: int
    step: int
    count: int


@dataclass(frozen=True)
class Amplitudes:
    """What the sample of amplitudes says; samples that were not recorded are left out of all but the counts.

    Attributes:
        traces: that were looked at.
        dead: of these, those without two finite samples that differ.
        empty: the share of samples of the other ones that was not recorded, as above a mute.
        not_finite: how many samples are NaN or infinite.
        lowest, highest, mean, rms: the latter is the root mean square.
        percentiles: one for each of ``PERCENTILES``.
        at_lowest, at_highest: the share of samples that are the lowest and the highest.
        frequency: where the mean power spectrum of the traces is largest, in cycles per sample; None of short traces.
        band: where it is at least a tenth of that, from and to; None of short traces.
    """

    traces: int
    dead: int
    empty: float
    not_finite: int
    lowest: float
    highest: float
    mean: float
    rms: float
    percentiles: tuple[float, ...]
    at_lowest: float
    at_highest: float
    frequency: float | None
    band: tuple[float, float] | None


@dataclass(frozen=True)
class SurveyInfo:
    """What was read of a survey.

    Attributes:
        name: of the file.
        kind: which samples it has, in words.
        samples: of a trace.
        interval: between them, in milliseconds (or the unit of depth); 0 where unknown.
        traces: how many there are.
        missing: places of the grid without one.
        inlines, crosslines: their numbers.
        bytes: of a trace's header that these were read from; None of a 2-D line and of arrays.
        sorting: the order of traces in the file, in words.
        coordinates: lowest and highest easting, lowest and highest northing; None where there are none.
        spacing: the distance from inline to inline and from crossline to crossline, in the unit of the coordinates; 0
            where there is but one.
        amplitudes: None where all traces of the sample are dead.
        map: the number of an inline of the sample -> a character for every few traces of it and the inlines around it:
            ``LIVE``, with ``GAPS``, ``DEAD`` or ``NOTHING`` there.
        notes: what was recognised, guessed or is missing, in plain sentences.
        doubts: what looks wrong.
    """

    name: str
    kind: str
    samples: int
    interval: float
    traces: int
    missing: int
    inlines: Axis
    crosslines: Axis
    bytes: tuple[int, int] | None
    sorting: str
    coordinates: tuple[float, float, float, float] | None
    spacing: tuple[float, float] | None
    amplitudes: Amplitudes | None
    map: dict[int, str]
    notes: tuple[str, ...]
    doubts: tuple[str, ...]


def survey_info(volume: Volume) -> SurveyInfo:
    """Looks at a survey.

    Args:
        volume: as it was opened.

    Raises:
        SegyError, VolumeError, OSError: its amplitudes cannot be read.
    """
    sample = _Sample(volume)
    amplitudes = sample.amplitudes()
    geometry = volume.geometry if isinstance(volume, SegyVolume) else None
    places = None if geometry is None else geometry.coordinates
    traces = int(volume.present.sum())
    return SurveyInfo(
        name=volume.path.name,
        kind=_kind(volume),
        samples=volume.samples,
        interval=volume.interval,
        traces=traces,
        missing=volume.present.size - traces,
        inlines=_axis(volume.inlines),
        crosslines=_axis(volume.crosslines),
        bytes=geometry.bytes if geometry else None,
        sorting=_sorting(geometry.index) if geometry else "by inline",
        coordinates=None if places is None else _range(places),
        spacing=None if places is None else (_spacing(places, 0), _spacing(places, 1)),
        amplitudes=amplitudes,
        map=sample.map(),
        notes=volume.notes,
        doubts=tuple(_doubts(volume, amplitudes)),
    )


def _kind(volume: Volume) -> str:
    if isinstance(volume, SegyVolume):
        return f"SEG-Y, {FORMAT_NAMES[volume.file.format]} (format {volume.file.format}), {volume.file.endian}-endian"
    assert isinstance(volume, ArrayVolume)
    return f"{'Zarr' if volume.path.is_dir() else 'NumPy'} array, {volume.array.dtype}"


def _axis(numbers: NDArray[np.int64]) -> Axis:
    steps = np.unique(np.diff(numbers))
    return Axis(int(numbers[0]), int(numbers[-1]), int(steps[0]) if len(steps) == 1 else 0, len(numbers))


def _sorting(index: NDArray[np.int64]) -> str:
    rows, columns = np.nonzero(index != UNUSED)
    order = np.argsort(index[rows, columns])
    for name, numbers in (("inline", rows[order]), ("crossline", columns[order])):
        steps = np.diff(numbers)
        if (steps >= 0).all() or (steps <= 0).all():
            return f"by {name}"
    return "by neither inline nor crossline"


def _range(places: NDArray[np.float64]) -> tuple[float, float, float, float]:
    low, high = np.nanmin(places, axis=(0, 1)), np.nanmax(places, axis=(0, 1))
    return float(low[0]), float(high[0]), float(low[1]), float(high[1])


def _spacing(places: NDArray[np.float64], axis: int) -> float:
    distances = np.linalg.norm(np.diff(places, axis=axis), axis=-1)
    known = distances[np.isfinite(distances)]
    return float(np.median(known)) if len(known) else 0.0


class _Extreme(NamedTuple):
    amplitude: float
    times: int


def _share(extremes: list[_Extreme], amplitude: float, samples: int) -> float:
    return sum(one.times for one in extremes if one.amplitude == amplitude) / samples


class _Sample:
    """Looks at traces at fixed places, a few at a time."""

    def __init__(self, volume: Volume) -> None:
        self._volume = volume
        self._bands = _bands(len(volume.inlines), SECTIONS)
        self._inlines = [start + int(volume.present[start:end].sum(axis=1).argmax()) for start, end in self._bands]
        self._looked_at = np.zeros((len(self._bands), len(volume.crosslines)), np.bool_)
        self._dead = np.zeros_like(self._looked_at)
        self._values, self._not_finite, self._empty, self._recorded = [np.empty(0)], 0, 0, 0
        self._lowest, self._highest = list[_Extreme](), list[_Extreme]()  # of each part
        self._power = np.zeros(volume.samples // 2 + 1)
        parts = list(self._parts())
        for row, crosslines in parts:
            self._look(row, crosslines, VALUES // len(parts))

    def _parts(self) -> Iterator[tuple[int, slice]]:
        """Rows of the sample, and which crosslines of each are read at once."""
        count, most = len(self._volume.crosslines), SAMPLE // (4 * self._volume.samples * len(self._bands))
        run = max(1, min(RUN, most))
        starts = np.linspace(0, count - run, max(1, most // run)).astype(int).tolist()
        runs = [slice(0, count)] if count <= most else [slice(start, start + run) for start in starts]
        for row in range(len(self._bands)):
            yield from ((row, crosslines) for crosslines in runs)

    def _look(self, row: int, crosslines: slice, most: int) -> None:
        inline = self._inlines[row]
        there = self._volume.present[inline, crosslines]
        section = self._volume.read(slice(inline, inline + 1), crosslines)[0][there].T
        if not section.size:
            return
        finite = np.isfinite(section)
        alive = np.where(finite, section, np.inf).min(axis=0) < np.where(finite, section, -np.inf).max(axis=0)
        self._looked_at[row, crosslines] |= there
        columns = np.arange(crosslines.start, crosslines.stop)[there]
        self._dead[row, columns[~alive]] = True
        self._not_finite += int((~finite).sum())
        missing = no_data(section)
        self._empty += int(missing[:, alive].sum())
        self._recorded += int((~missing[:, alive]).sum())
        values = live(np.where(missing, np.nan, section))
        if len(values):
            low, high = values.min(), values.max()
            self._lowest.append(_Extreme(float(low), int((values == low).sum())))
            self._highest.append(_Extreme(float(high), int((values == high).sum())))
        self._values.append(values[:: max(1, -(-len(values) // most))])
        self._add_spectra(np.where(missing, 0, section)[:, alive])

    def _add_spectra(self, section: NDArray[np.float32]) -> None:
        traces = np.linspace(0, section.shape[1], min(RUN, section.shape[1]), endpoint=False).astype(int)
        values = section[:, traces].astype(np.float64)
        values = (values - values.mean(axis=0)) * np.hanning(len(values))[:, None]
        size = np.sqrt((values**2).mean(axis=0))
        values = values[:, size > 0] / size[size > 0]
        self._power += (np.abs(np.fft.rfft(values, axis=0)) ** 2).sum(axis=1)

    def amplitudes(self) -> Amplitudes | None:
        """What they say together."""
        values = np.concatenate(self._values)
        if not len(values):
            return None
        low, high = min(self._lowest).amplitude, max(self._highest).amplitude
        frequency, band = self._spectrum()
        return Amplitudes(
            traces=int(self._looked_at.sum()),
            dead=int(self._dead.sum()),
            empty=self._empty / (self._empty + self._recorded),
            not_finite=self._not_finite,
            lowest=low,
            highest=high,
            mean=float(values.mean()),
            rms=float(np.sqrt((values**2).mean())),
            percentiles=tuple(map(float, np.percentile(values, PERCENTILES))),
            at_lowest=_share(self._lowest, low, self._recorded),
            at_highest=_share(self._highest, high, self._recorded),
            frequency=frequency,
            band=band,
        )

    def _spectrum(self) -> tuple[float | None, tuple[float, float] | None]:
        if self._volume.samples < SHORTEST:
            return None, None
        width = 1 + 2 * (len(self._power) // 128)  # smooths over a hundredth of the spectrum
        power = np.convolve(self._power, np.full(width, 1 / width), mode="same")
        power[0] = 0  # the mean, which was taken away
        strong = np.flatnonzero(power >= power.max() / 10) / self._volume.samples
        return float(power.argmax()) / self._volume.samples, (float(strong[0]), float(strong[-1]))

    def map(self) -> dict[int, str]:
        """The number of an inline -> its characters."""
        columns = _bands(len(self._volume.crosslines), COLUMNS)
        return {
            int(self._volume.inlines[inline]): "".join(
                self._character(row, slice(*band), slice(*column)) for column in columns
            )
            for row, (inline, band) in enumerate(zip(self._inlines, self._bands, strict=True))
        }

    def _character(self, row: int, inlines: slice, crosslines: slice) -> str:
        present = self._volume.present[inlines, crosslines]
        looked_at = self._looked_at[row, crosslines]
        if not present.any():
            return NOTHING
        if looked_at.any() and self._dead[row, crosslines][looked_at].all():
            return DEAD
        return LIVE if present.all() else GAPS


def _bands(count: int, most: int) -> list[tuple[int, int]]:
    """Parts of about one size, from and to."""
    edges = np.linspace(0, count, min(count, most) + 1).astype(int).tolist()
    return list(zip(edges[:-1], edges[1:], strict=True))


def _doubts(volume: Volume, amplitudes: Amplitudes | None) -> Iterator[str]:
    if isinstance(volume, SegyVolume) and not volume.file.text():
        yield "the textual header is empty, or no text"
    if isinstance(volume, SegyVolume) and volume.interval == 0:
        yield "the sample interval is unknown"
    elif volume.interval and not USUAL[0] <= volume.interval <= USUAL[1]:
        yield f"a sample interval of {volume.interval:g} ms is unusual"
    if amplitudes is None:
        yield "all traces of the sample are dead"
        return
    if amplitudes.dead:
        yield f"{amplitudes.dead:,} of {amplitudes.traces:,} traces of the sample are dead"
    if amplitudes.not_finite:
        yield f"{amplitudes.not_finite:,} samples of them are NaN or infinite"
    for name, value, share in (
        ("lowest", amplitudes.lowest, amplitudes.at_lowest),
        ("highest", amplitudes.highest, amplitudes.at_highest),
    ):
        if share > CLIPPED:
            yield f"{100 * share:.2g} % of the samples are {value:g}, the {name} there is: they were clipped"
    usual = max(abs(amplitudes.percentiles[0]), abs(amplitudes.percentiles[-1]))
    largest = max(abs(amplitudes.lowest), abs(amplitudes.highest))
    if 0 < usual * SPIKES < largest:
        yield f"an amplitude of {largest:g} is {largest / usual:,.0f} times the 99.5th percentile: spikes"
    if abs(amplitudes.mean) > OFFSET * amplitudes.rms:
        yield f"the mean amplitude, {amplitudes.mean:g}, is far from 0"
