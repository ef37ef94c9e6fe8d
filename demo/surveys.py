"""Lines and cubes among the uploads: their sections, one of which is the image.  Nothing here knows Streamlit.

A section that is opened is what the network sees: without gaps, and at the scale that was chosen.
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple, get_args

import numpy as np

from demo.amplitudes import AmplitudeRange, LimitsChoice, find_range
from demo.limits import LARGEST_PIXELS
from unet.amplitude import Limits
from unet.files.images import ImageError, decode
from unet.files.printable import reason
from unet.image import SMALLEST, Grey, Mask
from unet.seismic import scales
from unet.seismic.fill import Missing, Section, no_data
from unet.seismic.limits import live_samples
from unet.seismic.section import Polarity, Scale, SectionSettings, images, resize, scaled_size
from unet.seismic.volume import SEGY_SUFFIXES, ArrayVolume, Volume, open_volume

Direction = Literal["inline", "crossline", "time slice"]
DIRECTIONS: tuple[Direction, ...] = get_args(Direction)

COMMAND = "python -m unet segy predict"
SCALE_NOTE = (
    "The scale decides what the network finds. No rule for it can be trusted: "
    "`python -m unet segy sweep FILE --out DIR` draws a section at many, to choose from."
)
SLICE_NOTE = "the network has learned from vertical sections only, and a time slice is none"

_FILE = "upload.sgy"  # never the user's own name
_CHANNELS = (1, 3, 4)  # an array whose last side is one of these is an image


class SectionChoice(NamedTuple):
    """What a user chose of a line or a cube.

    Attributes:
        direction: the kind of section.
        number: its own, as the survey names it; milliseconds of a time slice.  None takes the middle one.
        scale: factors along time and from trace to trace; along both sides of a time slice the latter counts.
    """

    direction: Direction = "inline"
    number: float | None = None
    scale: Scale = (1.0, 1.0)


FIRST = SectionChoice()


@dataclass(frozen=True)
class SurveySections:
    """What can be chosen of a line or a cube, and what was.

    Attributes:
        choice: it has a number.
        numbers: direction -> those of its sections, ascending; only directions that the page can draw.
        unit: of a time slice's number, after a space; empty where it is the number of a sample.
        shape: of the chosen section, rows and columns at scale 1.
    """

    choice: SectionChoice
    numbers: dict[Direction, list[float]]
    unit: str
    shape: tuple[int, int]

    @property
    def place(self) -> int:
        """The position of the chosen section in its direction."""
        assert self.choice.number is not None
        return self.numbers[self.choice.direction].index(self.choice.number)

    @property
    def name(self) -> str:
        """The chosen section."""
        assert self.choice.number is not None
        return f"{self.choice.direction} {self.label(self.choice.number)}"

    def label(self, number: float) -> str:
        """A section of the chosen direction, as the survey names it."""
        return f"{number:.12g}{self.unit if self.choice.direction == 'time slice' else ''}"

    @property
    def time_scales(self) -> tuple[float, ...]:
        """Those to choose from; none for a time slice."""
        if self.choice.direction == "time slice":
            return ()
        return tuple(scale for scale in scales.TIME if _fits(self.shape, (scale, self.choice.scale[1])))

    @property
    def trace_scales(self) -> tuple[float, ...]:
        """Those to choose from."""
        return tuple(scale for scale in scales.TRACE if _fits(self.shape, (self.choice.scale[0], scale)))


@dataclass(frozen=True)
class OpenSection:
    """A section as the network sees it.

    Attributes:
        grey: (H, W) float32 in [0, 1], gaps filled.
        missing: (H, W) bool, what was not recorded.
        amplitudes: of the whole survey, and their limits.
        sections: what else there is.
        note: what it is a part of.
        notes: what was recognised, guessed or is missing, in plain sentences.
    """

    grey: Grey
    missing: Mask
    amplitudes: AmplitudeRange
    sections: SurveySections
    note: str
    notes: tuple[str, ...]


def is_segy(name: str) -> bool:
    """Whether a file's name says that it is SEG-Y."""
    return name.lower().endswith(SEGY_SUFFIXES)


def is_survey(name: str, content: bytes) -> bool:
    """Whether a file is a line or a cube, and no image: SEG-Y, or an NPY of three dimensions.

    Raises:
        ImageError: an NPY that cannot be read.
    """
    if not content.startswith(np.lib.format.MAGIC_PREFIX):
        return is_segy(name)
    shape = decode(content, name).array.shape
    return len(shape) == 3 and shape[2] not in _CHANNELS


def open_section(name: str, content: bytes, limits: LimitsChoice, wanted: SectionChoice) -> OpenSection:
    """One section of a line or a cube.

    Args:
        name: the file's name; only shown, never trusted.
        content: the whole file.
        limits: of the amplitudes of the whole survey.
        wanted: the section; where the survey has none such, the nearest, or the middle one of another direction.

    Raises:
        ImageError: it cannot be read, or no section of it is an image that the page can draw; one sentence that names
            the file.
    """
    try:
        with _opened(name, content) as volume:
            found = find_range(np.concatenate([np.empty(0), *live_samples(volume)]), limits, needed=True)
            sections = find_sections(volume, wanted)
            section, missing = read_section(volume, sections.choice.direction, sections.place)
            part, notes = _describe(volume, sections), volume.notes
    except ImageError:
        raise
    except OSError as error:
        raise ImageError(f"{name}: expected a file that can be read, got {reason(error)}") from None
    except ValueError as error:
        sentence = str(error).removeprefix(f"{_FILE}: ")
        raise ImageError(f"{name}: {sentence}{f' of {COMMAND}' if '--' in sentence else ''}") from None
    assert found.limits is not None  # they are needed
    scale = _scale(sections.choice)
    polarity: Polarity = "reversed" if found.choice.reverse else "normal"
    low, high = sorted(found.limits)
    (grey,) = images(section, missing, SectionSettings(Limits(low, high), polarity=polarity))
    size = scaled_size(section, scale)
    if sections.choice.direction == "time slice":
        notes = (*notes, SLICE_NOTE)
    if missing.any():
        count = f"{missing.sum():,} of {missing.size:,} samples of the section have no data"
        notes = (*notes, f"{count}: they were filled for the network; pixels of mostly such are white, and never salt")
    return OpenSection(
        grey=resize(grey, *size),
        missing=resize(missing.astype(np.float32), *size) >= 0.5,
        amplitudes=found,
        sections=sections,
        note=f"{part}, at scale {scale[0]:g} × {scale[1]:g}",
        notes=(found.sentence, *notes),
    )


def find_sections(volume: Volume, wanted: SectionChoice) -> SurveySections:
    """What can be chosen of a survey; what was chosen and is not there is replaced.

    Raises:
        ValueError: no section of it is an image that the page can draw.
    """
    inlines, crosslines, samples = volume.shape
    every: dict[Direction, tuple[tuple[int, int], list[float]]] = {
        "inline": ((samples, crosslines), volume.inlines.tolist()),
        "crossline": ((samples, inlines), volume.crosslines.tolist()),
        "time slice": ((inlines, crosslines), (np.arange(samples) * (volume.interval or 1)).tolist()),
    }
    there = {name: one for name, one in every.items() if min(one[0]) >= SMALLEST and _fits(one[0], (1.0, 1.0))}
    if not there:
        raise ValueError(
            f"expected sections of at least {SMALLEST} x {SMALLEST} and at most {LARGEST_PIXELS:,} samples, got "
            f"{inlines:,} inlines, {crosslines:,} crosslines and {samples:,} samples; use {COMMAND}"
        )
    direction = wanted.direction if wanted.direction in there else next(iter(there))
    shape, numbers = there[direction]
    number = numbers[len(numbers) // 2]
    if wanted.number is not None and direction == wanted.direction:
        number = numbers[int(np.abs(np.array(numbers) - wanted.number).argmin())]
    choice = SectionChoice(direction, number, wanted.scale)
    if not _fits(shape, _scale(choice)):
        choice = choice._replace(scale=(1.0, 1.0))
    unit = " ms" if volume.interval else ""
    return SurveySections(choice, {name: numbers for name, (_, numbers) in there.items()}, unit, shape)


def read_section(volume: Volume, direction: Direction, place: int) -> tuple[Section, Missing]:
    """The amplitudes of a section at a position in its direction, and where it has none.

    Returns:
        (samples, traces) of an inline or a crossline, (inlines, crosslines) of a time slice.
    """
    one = slice(place, place + 1)
    if direction == "inline":
        section = volume.read(one)[0].T
        return section, no_data(section)
    if direction == "crossline":
        section = volume.read(slice(None), one)[:, 0].T
        return section, no_data(section)
    section = np.empty(volume.shape[:2], np.float32)
    missing = np.empty(volume.shape[:2], np.bool_)
    for inline in range(len(section)):  # the whole of a sparse cube may be far larger than its file
        traces = volume.read(slice(inline, inline + 1))[0].T
        section[inline], missing[inline] = traces[place], no_data(traces)[place]
    return section, missing


@contextmanager
def _opened(name: str, content: bytes) -> Iterator[Volume]:
    if not is_segy(name) or content.startswith(np.lib.format.MAGIC_PREFIX):
        yield ArrayVolume(Path(_FILE), decode(content, name).array)
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / _FILE
        path.write_bytes(content)
        yield open_volume(path)


def _describe(volume: Volume, sections: SurveySections) -> str:
    inlines, crosslines, samples = volume.shape
    if volume.is_line:
        return f"your line of {crosslines:,} traces and {samples:,} samples"
    return f"{sections.name} of your cube of {inlines:,} inlines, {crosslines:,} crosslines and {samples:,} samples"


def _scale(choice: SectionChoice) -> Scale:
    """Down and across the section."""
    time, trace = choice.scale
    return (trace, trace) if choice.direction == "time slice" else (time, trace)


def _fits(shape: tuple[int, int], scale: Scale) -> bool:
    return shape[0] * scale[0] * shape[1] * scale[1] <= LARGEST_PIXELS
