"""At which scale the network is to see a section: the answers at many of them, and a rule that chooses without labels.

The network knows 101 x 101 tiles of one survey.  Where another has longer or shorter waves, what it finds depends on
the factors by which the section is resized first, and nothing that was tried finds them with certainty.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
from numpy.typing import NDArray

from unet.amplitude import Limits
from unet.segmenter import Segmenter
from unet.seismic.fill import Section, no_data
from unet.seismic.section import Scale, SectionSettings, images, predict_section, resize, scaled_size
from unet.seismic.volume import Volume

TIME = (0.5, 0.7, 1.0, 1.4, 2.0)  # down: along time or depth
TRACE = (0.125, 0.18, 0.25, 0.35, 0.5, 0.7, 1.0)  # from trace to trace
SCALES = tuple(product(TIME, TRACE))

POSSIBLE, PROBABLE = 0.1, 0.5
KNOWN = 0.9  # decisiveness on tiles of the survey that the network learned from
FAILURES = (
    "This is a guess without labels: on tiles stretched by known factors it lost 0.09 of IoU against the best scale on "
    "the average, where 1 x 1 lost 0.19, and 0.79 at worst; where there is little salt or none it means nothing. Look "
    "at segy sweep before you believe it"
)
LEAST = 0.002  # of the section is probable salt, or there is too little to judge by

WINDOW = 101  # pixels a side, as the tiles of the competition


@dataclass(frozen=True)
class Answer:
    """What the network says of a section at a scale, in shares of the samples with data.

    Attributes:
        scale: factors along time (or depth) and from trace to trace.
        periods: of the section at this scale, see ``periods``.
        salt: above the threshold.
        possible: above ``POSSIBLE``.
        probable: above ``PROBABLE``.
        mean: probability.
    """

    scale: Scale
    periods: tuple[float, float]
    salt: float
    possible: float
    probable: float
    mean: float

    @property
    def decisiveness(self) -> float:
        """How much of what may be salt probably is, 0 to 1; 0 where too little is."""
        return self.probable / self.possible if self.probable >= LEAST else 0.0


def sweep(
    segmenter: Segmenter, section: Section, settings: SectionSettings, scales: Sequence[Scale] = SCALES
) -> Iterator[tuple[Answer, NDArray[np.float32]]]:
    """The answers at several scales, one after the other.

    Args:
        segmenter: the network; its threshold says what is salt.
        section: (S, X) amplitudes with some that were recorded.
        settings: all but the scale.
        scales: to try.

    Yields:
        The numbers, and the probability: (S, X) float32, NaN where there are no data.
    """
    image = next(images(section, no_data(section), settings))
    for scale in scales:
        probability = predict_section(segmenter, section, replace(settings, scales=(scale,)))
        known = probability[np.isfinite(probability)]
        salt, possible, probable = (
            float((known > least).mean()) for least in (segmenter.threshold, POSSIBLE, PROBABLE)
        )
        size = scaled_size(section, scale)
        yield (
            Answer(scale, periods(resize(image, *size)), salt, possible, probable, float(known.mean())),
            probability,
        )


def best(answers: Sequence[Answer]) -> Answer | None:
    """The answer that is most decisive together with its neighbours; None where none finds enough to judge by.

    What is compared is a weighted mean: a scale counts twice, each of the next ones along time and from trace to trace
    once.  Where the network knows what it sees, a little more or less changes nothing; a lucky scale stands alone.
    Of equal ones the nearest to 1 x 1 is taken.

    Args:
        answers: at all combinations of some factors along time and from trace to trace, in any order.
    """
    places = [np.unique([answer.scale[axis] for answer in answers], return_inverse=True)[1] for axis in (0, 1)]
    grid = np.zeros([int(place.max()) + 1 for place in places])
    grid[tuple(places)] = [answer.decisiveness for answer in answers]
    total, count = 2 * grid, np.full(grid.shape, 2)
    for axis in (0, 1):
        values, sums, counts = (np.moveaxis(array, axis, 0) for array in (grid, total, count))  # views
        sums[1:] += values[:-1]
        sums[:-1] += values[1:]
        counts[1:] += 1
        counts[:-1] += 1
    steady = total / count
    ranked = [
        (steady[time, trace], -float(np.hypot(*np.log(answer.scale))), answer)
        for time, trace, answer in zip(*places, answers, strict=True)
        if answer.decisiveness
    ]
    return max(ranked, key=lambda found: found[:2])[2] if ranked else None


def find_scale(
    segmenter: Segmenter,
    section: Section,
    limits: Limits,
    scales: Sequence[Scale] = SCALES,
    advance: Callable[[], object] = lambda: None,
) -> tuple[Scale, str]:
    """Chooses the scale at which a section is predicted, without labels, and so without certainty.

    Args:
        segmenter: the network.
        section: (S, X) amplitudes.
        limits: the amplitudes that are drawn black and white.
        scales: to choose from.
        advance: called after each of them.

    Returns:
        Factors along time (or depth) and from trace to trace, and a sentence that says why and how far to trust them.

    Raises:
        ValueError: nothing was recorded in the section.
    """
    if no_data(section).all():
        raise ValueError("expected a section with amplitudes to choose a scale by, got none that were recorded")
    answers = []
    for answer, _ in sweep(segmenter, section, SectionSettings(limits), scales):
        answers.append(answer)
        advance()
    return explained(answers)


def explained(answers: Sequence[Answer]) -> tuple[Scale, str]:
    """The scale of ``best``, or 1 x 1, with the sentence of ``find_scale``."""
    found = best(answers)
    if found is None:
        return (1.0, 1.0), (
            f"the scale is 1 x 1: at none of {len(answers)} scales is {LEAST:.1%} of the section probable salt, so "
            "there is nothing to choose by"
        )
    return found.scale, (
        f"the scale is {written(found.scale)}: of {len(answers)} tried, there most of what may be salt is probable "
        f"({found.decisiveness:.0%}; {KNOWN:.0%} on tiles at their own scale). {FAILURES}"
    )


def middle_section(volume: Volume) -> tuple[str, Section]:
    """A section to choose a scale by, with its name: a line, or the middle one of the inlines that have traces."""
    there = np.flatnonzero(volume.present.any(axis=1))
    place = int(there[len(there) // 2])
    name = "line" if volume.is_line else f"inline {volume.inlines[place]}"
    return name, volume.read(slice(place, place + 1))[0].T


def written(scale: Scale) -> str:
    """A scale in words: time x trace."""
    return f"{scale[0]:g} x {scale[1]:g}"


def windows(image: NDArray[np.float32]) -> NDArray[np.float32]:
    """Parts of an image of ``WINDOW`` pixels a side, or of its own where it is smaller, half overlapping: (N, h, w)."""
    height, width = (min(WINDOW, side) for side in image.shape)
    views = np.lib.stride_tricks.sliding_window_view(image, (height, width))
    return views[:: WINDOW // 2, :: WINDOW // 2].reshape(-1, height, width)


def periods(image: NDArray[np.float32]) -> tuple[float, float]:
    """Pixels per cycle down and along, at the mean frequency of its windows weighted by energy; infinite for one grey.

    Args:
        image: (H, W), or (N, H, W) windows of it.
    """
    cut = windows(image) if image.ndim == 2 else image
    found = []
    for lines in (cut.swapaxes(1, 2), cut):
        tapered = (lines - lines.mean(axis=2, keepdims=True)) * np.hanning(lines.shape[2])
        energy = np.square(np.abs(np.fft.rfft(tapered, axis=2))).sum(axis=(0, 1))
        cycles = float((energy * np.fft.rfftfreq(lines.shape[2])).sum())
        found.append(float(energy.sum()) / cycles if cycles > 0 else float("inf"))
    return found[0], found[1]
