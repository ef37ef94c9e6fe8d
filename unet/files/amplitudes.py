"""Limits of many files of amplitudes together, so that one amplitude is one grey everywhere."""

import contextlib
from collections.abc import Sequence

from unet.amplitude import Limits, live, percentile_limits
from unet.files.images import ImageError, read_amplitudes
from unet.files.listing import ImageFile

MOST_SAMPLES = 20_000_000  # of which common limits are taken, 160 MB


def common_limits(images: Sequence[ImageFile], percent: float) -> Limits:
    """Limits of all images together, the same in whatever order they are named.

    Of many images not every sample is held in memory: of each at most its share of ``MOST_SAMPLES``, evenly spaced.

    Args:
        images: of one survey.  Those that cannot be read, and those in colours, are left out.
        percent: of the samples at each end that become black or white; see ``unet.amplitude.percentile_limits``.

    Raises:
        ValueError: another ``percent``, or no two samples that differ.
    """
    samples = []
    for image in images:
        with contextlib.suppress(ImageError):  # reported when it is read
            samples.append(live(read_amplitudes(image.load(), image.name), MOST_SAMPLES // len(images)))
    return percentile_limits(samples, percent)
