"""Amplitudes as they were recorded: the limits that are drawn black and white, and the grey between them.

An image has a black and a white of its own; amplitudes have none.  Limits are taken from many samples at once, so that
one strong sample does not darken all others, and from a whole survey, so that one amplitude is one grey everywhere.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from unet import image
from unet.image import ImageArray, Reading

Amplitudes = NDArray[np.generic]  # (H, W) real numbers; columns are traces

CLIP = 0.5  # per cent at each end that a front end leaves out before anybody chose
DEAD_SAMPLES = "NaN, samples that were not recorded, were taken as amplitude 0"


class Limits(NamedTuple):
    """The amplitude that is drawn black and the one that is drawn white; where black > white, polarity is reversed."""

    black: float
    white: float

    @property
    def reversed(self) -> "Limits":
        """The same range in the other polarity."""
        return Limits(self.white, self.black)


def one_channel(array: ImageArray) -> Amplitudes:
    """The numbers of an image of which limits can be taken.

    Args:
        array: (H, W), (H, W, 1), or colours whose channels are alike: (H, W, 3), (H, W, 4) with an alpha that is
            ignored; real numbers.

    Returns:
        (H, W), of the same type.

    Raises:
        ValueError: another shape or type, or colours.
    """
    array = np.asarray(array)
    if array.ndim == 3 and array.shape[2] in (1, 3, 4):
        if (array[..., :3] != array[..., :1]).any():
            raise ValueError("expected one number a pixel to set limits for, got colours; leave the limits out for it")
        array = array[..., 0]
    if array.ndim != 2 or array.size == 0 or array.dtype.kind not in "uif":
        raise ValueError(f"expected real numbers of shape (H, W) to set limits for, got {array.dtype}, {array.shape}")
    return array


def live(amplitudes: Amplitudes, most: int | None = None) -> NDArray[np.float64]:
    """The samples of which limits are taken: finite ones, of traces that are not dead.

    A trace is dead where all its finite samples are equal, as in one filled with zeros.

    Args:
        amplitudes: (H, W) real numbers.
        most: how many to return; of more samples evenly spaced ones are, always the same.

    Returns:
        (N,) float64, trace after trace.

    Example:
        >>> live(np.array([[0.0, 1.0, np.nan], [0.0, 2.0, 3.0], [0.0, np.nan, 4.0]]))
        array([1., 2., 3., 4.])
    """
    values = np.where(np.isfinite(amplitudes), amplitudes, np.nan)
    alive = np.fmin.reduce(values, axis=0) < np.fmax.reduce(values, axis=0)  # NaN where a trace has no finite sample
    samples = values[:, alive].T.ravel()
    samples = samples[~np.isnan(samples)]
    if most is not None:
        samples = samples[:: max(1, -(-len(samples) // most))]
    return np.asarray(samples, np.float64)


def limits_asked_for(limits: tuple[float, float] | None, percent: float | None) -> "Limits | float | None":
    """What two options of a command ask for: limits, the percentage of samples beyond each to find them by, or neither.

    Args:
        limits: of ``--amplitude-limits``.
        percent: of ``--clip-percentile``.

    Raises:
        ValueError: both are given, or one that cannot be.
    """
    if percent is not None and not 0 <= percent < 50:
        raise ValueError(f"expected --clip-percentile from 0 to 50, 50 left out, got {percent:g}")
    if limits is None:
        return percent
    if percent is not None:
        raise ValueError("expected --amplitude-limits or --clip-percentile, got both; leave one out")
    if limits[0] == limits[1] or not all(map(math.isfinite, limits)):
        given = " ".join(f"{limit:g}" for limit in limits)
        raise ValueError(f"expected --amplitude-limits to be two different numbers, got {given}")
    return Limits(*limits)


def percentile_limits(samples: Sequence[NDArray[np.float64]], percent: float) -> Limits:
    """Limits that leave out a share of the samples at each end.

    Args:
        samples: (N,) from ``live``, one array for each image; their order makes no difference.
        percent: at each end, 0 to 50, 50 left out; 0 takes the lowest and the highest sample.

    Returns:
        The ``percent`` and ``100 - percent`` percentiles of all samples together, interpolated linearly.

    Raises:
        ValueError: another ``percent``, or no two samples between the limits that differ.

    Example:
        >>> percentile_limits([np.arange(50.0), np.arange(50.0, 101.0)], 5)
        Limits(black=5.0, white=95.0)
    """
    if not 0 <= percent < 50:
        raise ValueError(f"expected a percentage from 0 to 50, 50 left out, got {percent:g}")
    values = np.concatenate([np.empty(0), *samples])
    if not len(values):
        raise ValueError("expected amplitudes that differ within a trace, got dead traces only; give limits for them")
    with np.errstate(over="ignore", invalid="ignore"):  # what overflows is refused below
        low, high = (float(limit) for limit in np.percentile(values, [percent, 100 - percent]))
    if not (low < high and math.isfinite(high - low)):
        raise ValueError(
            f"expected amplitudes that differ, got {low:.6g} to {high:.6g} without {percent:g} % at each end; "
            "leave out less, or give limits"
        )
    return Limits(low, high)


def read(array: ImageArray, limits: Limits) -> Reading:
    """Amplitudes as grey, with notes on what was guessed.

    Args:
        array: what ``one_channel`` takes.  NaN are samples that were not recorded: they become amplitude 0.
        limits: in its numbers.  What lies outside becomes black or white.

    Returns:
        (H, W) float32 in [0, 1], 0 at ``limits.black`` and 1 at ``limits.white``.

    Raises:
        ValueError: what ``one_channel`` or ``unet.image.read`` does not take, infinite amplitudes, or limits that are
            equal or not finite.

    Example:
        >>> read(np.full((16, 16), -1.0), Limits(black=-2, white=2)).grey[0, 0]
        np.float32(0.25)
    """
    amplitudes = one_channel(array)
    if amplitudes.dtype.kind == "f" and np.isinf(amplitudes).any():
        raise ValueError("expected finite amplitudes, got infinity; replace it, dead samples by NaN or 0")
    notes: tuple[str, ...] = ()
    if amplitudes.dtype.kind == "f" and (missing := np.isnan(amplitudes)).any():
        amplitudes, notes = np.where(missing, amplitudes.dtype.type(0), amplitudes), (DEAD_SAMPLES,)
    grey = image.from_amplitude(amplitudes, min(limits), max(limits))
    reading = image.read(grey if limits.black < limits.white else 1 - grey)
    return Reading(reading.grey, (*notes, *reading.notes))
