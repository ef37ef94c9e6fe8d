"""The limits of a whole survey: one amplitude is one grey everywhere, whatever order the sections are read in."""

import numpy as np

from unet.amplitude import Limits, live, percentile_limits
from unet.seismic.fill import no_data
from unet.seismic.volume import Volume

SECTIONS = 24  # that are looked at, spread evenly over those that have traces
SAMPLES = 200_000  # of each, at most


def volume_limits(volume: Volume, percent: float) -> Limits:
    """Limits that leave out a share of the samples at each end.

    Args:
        volume: the survey; sections at fixed places of it are read, so that two runs agree.
        percent: at each end, 0 to 50, 50 left out.

    Raises:
        ValueError: nothing was recorded, or amplitudes that do not differ.
    """
    there = np.flatnonzero(volume.present.any(axis=1))
    places = there[np.unique(np.linspace(0, len(there) - 1, SECTIONS).round().astype(int))]
    samples = []
    for place in places:
        section = volume.read(slice(place, place + 1))[0].T
        samples.append(live(np.where(no_data(section), np.nan, section), SAMPLES))
    return percentile_limits(samples, percent)
