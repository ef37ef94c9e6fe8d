"""How far probabilities can be trusted: the reliability diagram, its error, and the temperature that lowers it."""

from collections.abc import Iterator, Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from unet.card import CalibrationPoint
from unet.image import Mask, Probability
from unet.typed import Count, Share

TENTHS = 10
TEMPERATURES = (0.06, 20.0)  # the range of fit_temperature, ends included
LOGITS = (-104.0, 16.0)  # of the smallest float32, and of one so near to 1 that the next ones are too coarse
LOGIT_BINS = 7680  # a 64th of a logit each


class CalibrationBin(Struct, frozen=True, kw_only=True):
    """Of so many pixels with a probability from ``low`` up to ``high``, this share was salt."""

    low: Share
    high: Share
    share: Share
    pixels: Count


def pixels(probabilities: Sequence[Probability], truths: Sequence[Mask]) -> Iterator[tuple[Probability, Mask]]:
    """The pixels of every image and of its truth, each as a flat array.

    Args:
        probabilities: one (H, W) array per image, float32 in [0, 1]; sizes may differ between images.
        truths: one boolean (H, W) mask per image.

    Raises:
        ValueError: there are no images, or lengths or shapes differ.
    """
    if len(probabilities) != len(truths) or not len(truths):
        raise ValueError(
            f"expected as many probabilities as truths and at least one, got {len(probabilities)} and {len(truths)}"
        )
    for probability, truth in zip(probabilities, truths, strict=True):
        if probability.shape != truth.shape:
            raise ValueError(
                f"expected a probability and a truth of one shape, got {probability.shape} and {truth.shape}; "
                "resize one of them"
            )
        yield probability.ravel(), truth.ravel()


def calibration_curve(
    probabilities: Sequence[Probability], truths: Sequence[Mask], bins: int = 15
) -> list[CalibrationPoint]:
    """The reliability diagram: probability against the share of salt, over all pixels, in bins of equal width.

    Args:
        probabilities: one (H, W) array per image, float32 in [0, 1].
        truths: one boolean (H, W) mask per image.
        bins: each holds its lower edge, and the last one holds 1.0 too.

    Returns:
        One point per bin that holds pixels, in ascending order.

    Raises:
        ValueError: there are no images, or lengths or shapes differ.
    """
    return [
        CalibrationPoint(mean_probability=float(p / n), salt_fraction=float(s / n), pixels=int(n))
        for p, s, n in zip(*_count(probabilities, truths, bins), strict=True)
        if n
    ]


def calibration_bins(probabilities: Sequence[Probability], truths: Sequence[Mask]) -> list[CalibrationBin]:
    """What a probability has meant: the share of salt among the pixels of each tenth.

    Args:
        probabilities: one (H, W) array per image, float32 in [0, 1].
        truths: one boolean (H, W) mask per image.

    Returns:
        One bin per tenth that holds pixels, in ascending order; each holds its lower edge, and the last one 1.0 too.

    Raises:
        ValueError: there are no images, or lengths or shapes differ.
    """
    _, salt, count = _count(probabilities, truths, TENTHS)
    return [
        CalibrationBin(low=i / TENTHS, high=(i + 1) / TENTHS, share=float(s / n), pixels=int(n))
        for i, (s, n) in enumerate(zip(salt, count, strict=True))
        if n
    ]


def _count(
    probabilities: Sequence[Probability], truths: Sequence[Mask], bins: int
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]:
    """Of each bin of equal width the sum of the probabilities, the pixels that are salt, and all pixels."""
    probability_sum = np.zeros(bins)
    salt = np.zeros(bins, dtype=np.int64)
    count = np.zeros(bins, dtype=np.int64)
    for probability, truth in pixels(probabilities, truths):
        values = probability.astype(np.float64)
        index = np.minimum((values * bins).astype(np.int64), bins - 1)
        count += np.bincount(index, minlength=bins)
        salt += np.bincount(index[truth], minlength=bins)
        probability_sum += np.bincount(index, weights=values, minlength=bins)
    return probability_sum, salt, count


def calibration_error(probabilities: Sequence[Probability], truths: Sequence[Mask], bins: int = 15) -> float:
    """The expected calibration error of the probability of salt, over all pixels.

    It is the distance between mean probability and share of salt, averaged over the points of ``calibration_curve``
    weighted by their pixels.
    """
    points = calibration_curve(probabilities, truths, bins)
    total = sum(point.pixels for point in points)
    return sum(abs(point.mean_probability - point.salt_fraction) * point.pixels for point in points) / total


def fit_temperature(probabilities: Sequence[Probability], truths: Sequence[Mask]) -> float:
    """The temperature that brings probabilities closest to the truth (Guo et al. 2017).

    It is the T that minimises the mean cross-entropy of ``sigmoid(logit(p) / T)`` over all pixels: above 1 where
    probabilities are too near 0 and 1, below 1 where they are too near one half.

    Args:
        probabilities: one (H, W) array per image, float32 in [0, 1], computed at temperature 1.  A probability
            of exactly 0 stays 0 at every temperature and is left out.
        truths: one boolean (H, W) mask per image.

    Returns:
        0.06 to 20, rounded to hundredths; 1.0 where every temperature does equally well.

    Raises:
        ValueError: there are no images, or lengths or shapes differ.
    """
    # Pixels of nearly the same logit share a bin and count at its mean: millions of pixels become thousands of bins.
    lowest, highest = LOGITS
    count, salt, logit_sum = np.zeros(LOGIT_BINS), np.zeros(LOGIT_BINS), np.zeros(LOGIT_BINS)
    for probability, truth in pixels(probabilities, truths):
        positive = probability > 0
        p = np.minimum(probability[positive].astype(np.float64), 1 - np.finfo(np.float64).eps)
        logit = np.minimum(np.log(p) - np.log1p(-p), highest)
        index = np.minimum((logit - lowest) * (LOGIT_BINS / (highest - lowest)), LOGIT_BINS - 1).astype(np.int64)
        count += np.bincount(index, minlength=LOGIT_BINS)
        salt += np.bincount(index[truth[positive]], minlength=LOGIT_BINS)
        logit_sum += np.bincount(index, weights=logit, minlength=LOGIT_BINS)
    filled = count > 0
    count, salt, logit = count[filled], salt[filled], logit_sum[filled] / count[filled]

    def slope(inverse: float) -> float:
        """The derivative of the cross-entropy by 1 / T, in which it is convex."""
        return float((logit * (count * (1 + np.tanh(logit * inverse / 2)) / 2 - salt)).sum())

    if not logit.any():
        return 1.0
    low, high = 1 / TEMPERATURES[1], 1 / TEMPERATURES[0]
    for _ in range(60):  # bisection down to the precision of a float
        middle = (low + high) / 2
        low, high = (low, middle) if slope(middle) > 0 else (middle, high)
    return round(2 / (low + high), 2)
