"""From the amplitudes of a section to the probability of salt, at a scale the network knows."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from unet.amplitude import Limits
from unet.image import SMALLEST, Grey, from_amplitude
from unet.segmenter import Segmenter
from unet.seismic.fill import Missing, Section, filled, no_data

Polarity = Literal["normal", "reversed", "both"]
Scale = tuple[float, float]  # factors along time (or depth) and from trace to trace


@dataclass(frozen=True)
class SectionSettings:
    """How a section is shown to the network.

    Attributes:
        limits: the amplitudes that are drawn black and white, of the whole survey.
        scales: factors along time (or depth) and from trace to trace by which it is resized first; of several the mean
            of the answers is taken.
        polarity: as it is, reversed, or the mean of both.
        tta: whether to average with the mirrored image.
    """

    limits: Limits
    scales: tuple[Scale, ...] = ((1.0, 1.0),)
    polarity: Polarity = "normal"
    tta: bool = False


def predict_section(segmenter: Segmenter, section: Section, settings: SectionSettings) -> NDArray[np.float32]:
    """The probability of salt.

    Args:
        segmenter: the network.
        section: (S, X) amplitudes, rows are samples, columns traces; NaN where there are none.
        settings: how the network sees it.

    Returns:
        (S, X) float32 in [0, 1], NaN where nothing was recorded (see ``unet.seismic.fill.no_data``).
    """
    missing = no_data(section)
    if missing.all():
        return np.full(section.shape, np.nan, np.float32)
    total, count = np.zeros(section.shape, np.float32), 0
    for image in images(section, missing, settings):
        for scale in settings.scales:
            answer = segmenter.probability(resize(image, *scaled_size(section, scale)), settings.tta)
            total += resize(answer, *section.shape)
            count += 1
    return np.where(missing, np.float32(np.nan), total / np.float32(count))


def images(section: Section, missing: Missing, settings: SectionSettings) -> Iterator[Grey]:
    """The section as the network is shown it, once for each polarity, without gaps and at its own scale."""
    grey = from_amplitude(filled(section, missing), *settings.limits)
    if settings.polarity != "reversed":
        yield grey
    if settings.polarity != "normal":
        yield 1 - grey


def resize(values: Grey, height: int, width: int) -> Grey:
    """An image or a probability, values in [0, 1], at another size.

    One axis is resized after the other, by averaging where it shrinks, because sampling would alias.
    """
    for size in ((values.shape[1], height), (width, height)):
        if size != values.shape[::-1]:
            method = cv2.INTER_AREA if size[0] * size[1] < values.size else cv2.INTER_CUBIC
            values = np.asarray(cv2.resize(values, size, interpolation=method), np.float32)
    return np.clip(values, 0.0, 1.0)  # cubic interpolation overshoots


def scaled_size(section: Section, scale: Scale) -> tuple[int, int]:
    """Rows and columns of a section at a scale, no fewer than the network takes."""
    rows, columns = (max(SMALLEST, round(length * factor)) for length, factor in zip(section.shape, scale, strict=True))
    return rows, columns
