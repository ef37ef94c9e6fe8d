"""The limits of a whole survey: one amplitude is one grey everywhere, whatever order the sections are read in."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from unet.amplitude import Limits, live, percentile_limits
from unet.seismic.fill import no_data
from unet.seismic.volume import Volume

SECTIONS = 24  # that are looked at, spread evenly over those that have traces
SAMPLES = 200_000  # of each, at most


def live_samples(volume: Volume) -> Iterator[NDArray[np.float64]]:
    """Recorded samples of a survey, (N,) of each section that is looked at; always the same ones."""
    there = np.flatnonzero(volume.present.any(axis=1))
    for place in there[np.unique(np.linspace(0, len(there) - 1, SECTIONS).round().astype(int))]:
        section = volume.read(slice(place, place + 1))[0].T
        yield live(np.where(no_data(section), np.nan, section), SAMPLES)


def volume_limits(volume: Volume, percent: float) -> Limits:
    """Limits that leave out a share of the samples at each end.

    Args:
        volume: the survey; sections at fixed places of it are read, so that two runs agree.
        percent: at each end, 0 to 50, 50 left out.

    Raises:
        ValueError: nothing was recorded, or amplitudes that do not differ.
    """
    return percentile_limits([*live_samples(volume)], percent)
