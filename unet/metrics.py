"""How good masks and probabilities are: counts of pixels first, then every score from the counts.

A pixel is salt when its probability is above the threshold; ``mask`` says so once for the whole project.
``mAP`` is the score of the TGS Salt challenge: the mean over images of ``average_precision``.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypedDict

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]
Probability = NDArray[np.float32]

# Hundredths as whole numbers, so that an IoU is compared with a threshold exactly.
IOU_PERCENT = tuple(range(50, 100, 5))
THRESHOLDS = tuple(percent / 100 for percent in range(5, 96))

TEMPERATURES = (0.06, 20.0)  # what fit_temperature chooses from, ends included
LOGITS = (-104.0, 16.0)  # of the smallest float32, and of one so near to 1 that the next ones are too coarse
LOGIT_BINS = 7680  # a 64th of a logit each


@dataclass(frozen=True, slots=True)
class Counts:
    """Right and wrong pixels of one image, or of many: counts can be added."""

    tp: int = 0
    fp: int = 0
    fn: int = 0
    tn: int = 0

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(self.tp + other.tp, self.fp + other.fp, self.fn + other.fn, self.tn + other.tn)


class Scores(TypedDict):
    """What ``evaluate`` returns; every score is in [0, 1]."""

    count: int
    threshold: float
    mAP: float
    iou: float
    dice: float
    iou_per_image: float
    dice_per_image: float
    pixel_accuracy: float
    calibration_error: float


class SweepPoint(NamedTuple):
    """The scores of a set of images at one threshold; precision and recall are of all its pixels."""

    threshold: float
    mAP: float
    iou: float
    precision: float
    recall: float


class BestThreshold(TypedDict):
    """The best threshold, its mAP, and the range of thresholds that score almost as well."""

    threshold: float
    mAP: float
    flat_from: float
    flat_to: float


class CalibrationBin(NamedTuple):
    """One bin of ``calibration_curve``; a bin without pixels has NaN for both means."""

    mean_probability: float
    salt_fraction: float
    pixels: int


def mask(probability: Probability, threshold: float) -> Mask:
    """Return True where the probability is above the threshold, which is itself not salt.

    The threshold is rounded to float32, the precision of the probabilities, so that 0.05 means one number
    everywhere.

    >>> mask(np.array([[0.4, 0.5, 0.6]], dtype=np.float32), 0.5)
    array([[False, False,  True]])
    """
    return np.greater(probability, np.float32(threshold))


def confusion(predicted: Mask, truth: Mask) -> Counts:
    """Count the pixels of two boolean masks of one shape.

    Raises:
        TypeError: If either array is not boolean.
        ValueError: If the shapes differ.
    """
    for name, array in (("predicted", predicted), ("truth", truth)):
        if array.dtype != np.bool_:
            raise TypeError(f"Expected a boolean {name} mask, got {array.dtype}; compare it with a threshold first.")
    _check_shapes(predicted, truth)
    tp = int(np.count_nonzero(predicted & truth))
    fp = int(np.count_nonzero(predicted)) - tp
    fn = int(np.count_nonzero(truth)) - tp
    return Counts(tp, fp, fn, truth.size - tp - fp - fn)


def iou(counts: Counts) -> float:
    """Return the intersection over union of salt; 1.0 when both masks are empty."""
    union = counts.tp + counts.fp + counts.fn
    return counts.tp / union if union else 1.0


def dice(counts: Counts) -> float:
    """Return the Dice coefficient of salt; 1.0 when both masks are empty."""
    both = 2 * counts.tp + counts.fp + counts.fn
    return 2 * counts.tp / both if both else 1.0


def pixel_accuracy(counts: Counts) -> float:
    """Return the share of pixels that are right; 1.0 when there are none."""
    pixels = counts.tp + counts.fp + counts.fn + counts.tn
    return (counts.tp + counts.tn) / pixels if pixels else 1.0


def precision(counts: Counts) -> float:
    """Return the share of predicted salt that is salt; by convention 1.0 where none is predicted."""
    predicted = counts.tp + counts.fp
    return counts.tp / predicted if predicted else 1.0


def recall(counts: Counts) -> float:
    """Return the share of the salt that is predicted; by convention 1.0 where there is none."""
    salt = counts.tp + counts.fn
    return counts.tp / salt if salt else 1.0


def average_precision(predicted: Mask, truth: Mask) -> float:
    """Return the score of one image in the TGS Salt challenge.

    It is the share of the IoU thresholds 0.50, 0.55, ..., 0.95 that the IoU of the two masks exceeds.
    Without salt in the image it is 1.0 for an empty prediction and 0.0 for any other.
    """
    return _average_precision(confusion(predicted, truth))


def evaluate(probabilities: Sequence[Probability], truths: Sequence[Mask], threshold: float) -> Scores:
    """Score a set of images at one threshold.

    Args:
        probabilities: one (H, W) array per image, float32 in [0, 1]; sizes may differ between images.
        truths: one boolean (H, W) mask per image.
        threshold: in [0, 1]; see ``mask``.

    Returns:
        Means over images for ``mAP``, ``iou_per_image`` and ``dice_per_image``; the rest over all pixels of
        the set.

    Raises:
        ValueError: If the set is empty, or lengths or shapes differ.
    """
    _check_pairs(probabilities, truths)
    images = [confusion(mask(p, threshold), t) for p, t in zip(probabilities, truths, strict=True)]
    whole = sum(images, Counts())
    return Scores(
        count=len(images),
        threshold=float(threshold),
        mAP=_mean([_average_precision(counts) for counts in images]),
        iou=iou(whole),
        dice=dice(whole),
        iou_per_image=_mean([iou(counts) for counts in images]),
        dice_per_image=_mean([dice(counts) for counts in images]),
        pixel_accuracy=pixel_accuracy(whole),
        calibration_error=calibration_error(probabilities, truths),
    )


def sweep(
    probabilities: Sequence[Probability], truths: Sequence[Mask], thresholds: Sequence[float] = THRESHOLDS
) -> list[SweepPoint]:
    """Score a set of images at many ascending thresholds; mAP and IoU equal what ``evaluate`` gives there.

    Raises:
        ValueError: If the set is empty, lengths or shapes differ, or the thresholds do not ascend.
    """
    _check_pairs(probabilities, truths)
    if list(thresholds) != sorted(thresholds):
        raise ValueError("Expected ascending thresholds; sort them.")
    images = [_counts_at(p, t, thresholds) for p, t in zip(probabilities, truths, strict=True)]
    points = []
    for threshold, column in zip(thresholds, zip(*images, strict=True), strict=True):
        whole = sum(column, Counts())
        score = _mean([_average_precision(counts) for counts in column])
        points.append(SweepPoint(float(threshold), score, iou(whole), precision(whole), recall(whole)))
    return points


def best_threshold(
    probabilities: Sequence[Probability], truths: Sequence[Mask], tolerance: float = 0.002
) -> BestThreshold:
    """Return the threshold in 0.05, 0.06, ..., 0.95 with the highest mAP, the middle one of equals.

    Args:
        probabilities: one (H, W) array per image, float32 in [0, 1].
        truths: one boolean (H, W) mask per image.
        tolerance: ``flat_from`` to ``flat_to`` is the unbroken range around the best threshold whose mAP is
            lower by no more than this; a wide range says that the choice hardly matters.
    """
    points = sweep(probabilities, truths)
    highest = max(point.mAP for point in points)
    equals = [i for i, point in enumerate(points) if point.mAP == highest]
    best = first = last = equals[len(equals) // 2]
    while first > 0 and points[first - 1].mAP >= highest - tolerance:
        first -= 1
    while last < len(points) - 1 and points[last + 1].mAP >= highest - tolerance:
        last += 1
    return BestThreshold(
        threshold=points[best].threshold,
        mAP=highest,
        flat_from=points[first].threshold,
        flat_to=points[last].threshold,
    )


def calibration_curve(
    probabilities: Sequence[Probability], truths: Sequence[Mask], bins: int = 15
) -> list[CalibrationBin]:
    """Compare probability with the share of salt, over all pixels, in bins of equal width.

    Args:
        probabilities: one (H, W) array per image, float32 in [0, 1].
        truths: one boolean (H, W) mask per image.
        bins: how many; each holds its lower edge, and the last one holds 1.0 too.
    """
    _check_pairs(probabilities, truths)
    count = np.zeros(bins, dtype=np.int64)
    salt = np.zeros(bins, dtype=np.int64)
    probability_sum = np.zeros(bins)
    for probability, truth in zip(probabilities, truths, strict=True):
        values = probability.ravel().astype(np.float64)
        index = np.minimum((values * bins).astype(np.int64), bins - 1)
        count += np.bincount(index, minlength=bins)
        salt += np.bincount(index[truth.ravel()], minlength=bins)
        probability_sum += np.bincount(index, weights=values, minlength=bins)
    return [
        CalibrationBin(float(p / n), float(s / n), int(n)) if n else CalibrationBin(math.nan, math.nan, 0)
        for p, s, n in zip(probability_sum, salt, count, strict=True)
    ]


def calibration_error(probabilities: Sequence[Probability], truths: Sequence[Mask], bins: int = 15) -> float:
    """Return the expected calibration error of the probability of salt, over all pixels.

    It is the mean over the bins of ``calibration_curve``, weighted by pixels, of the distance between the
    mean probability and the share of salt.
    """
    filled = [b for b in calibration_curve(probabilities, truths, bins) if b.pixels]
    pixels = sum(b.pixels for b in filled)
    return sum(abs(b.mean_probability - b.salt_fraction) * b.pixels for b in filled) / pixels


def fit_temperature(probabilities: Sequence[Probability], truths: Sequence[Mask]) -> float:
    """Return the temperature that brings probabilities closest to the truth (Guo et al. 2017).

    It is the T that minimises the mean cross-entropy of ``sigmoid(logit(p) / T)`` over all pixels: above 1 where
    probabilities are too near 0 and 1, below 1 where they are too near one half.

    Args:
        probabilities: one (H, W) array per image, float32 in [0, 1], taken at temperature 1.  A probability of
            exactly 0 stays 0 at every temperature and is left out.
        truths: one boolean (H, W) mask per image.

    Returns:
        A whole number of hundredths from 0.06 to 20; 1.0 where every temperature does equally well.

    Raises:
        ValueError: If the set is empty, or lengths or shapes differ.
    """
    _check_pairs(probabilities, truths)
    # Pixels of nearly one logit are taken together, at their mean: millions of pixels become thousands of bins.
    lowest, highest = LOGITS
    count, salt, logit_sum = np.zeros(LOGIT_BINS), np.zeros(LOGIT_BINS), np.zeros(LOGIT_BINS)
    for probability, truth in zip(probabilities, truths, strict=True):
        kept = probability > 0
        p = np.minimum(probability[kept].astype(np.float64), 1 - np.finfo(np.float64).eps)
        logit = np.minimum(np.log(p) - np.log1p(-p), highest)
        index = np.minimum((logit - lowest) * (LOGIT_BINS / (highest - lowest)), LOGIT_BINS - 1).astype(np.int64)
        count += np.bincount(index, minlength=LOGIT_BINS)
        salt += np.bincount(index[truth[kept]], minlength=LOGIT_BINS)
        logit_sum += np.bincount(index, weights=logit, minlength=LOGIT_BINS)
    filled = count > 0
    count, salt, logit = count[filled], salt[filled], logit_sum[filled] / count[filled]

    def slope(inverse: float) -> float:
        """How the cross-entropy, which is convex in 1 / T, changes with it."""
        return float((logit * (count * (1 + np.tanh(logit * inverse / 2)) / 2 - salt)).sum())

    if not logit.any():
        return 1.0
    low, high = 1 / TEMPERATURES[1], 1 / TEMPERATURES[0]
    for _ in range(60):  # halving: as exact as a float gets
        middle = (low + high) / 2
        low, high = (low, middle) if slope(middle) > 0 else (middle, high)
    return round(2 / (low + high), 2)


def _average_precision(counts: Counts) -> float:
    union = counts.tp + counts.fp + counts.fn
    if counts.tp + counts.fn == 0:
        return float(union == 0)
    # Whole numbers: an IoU of exactly 0.55 must not exceed the threshold by a rounding error.
    return sum(100 * counts.tp > percent * union for percent in IOU_PERCENT) / len(IOU_PERCENT)


def _counts_at(probability: Probability, truth: Mask, thresholds: Sequence[float]) -> list[Counts]:
    """Return the counts of one image at each ascending threshold, from two histograms."""
    # How many thresholds lie below each pixel: the pixel is salt at exactly those.
    below = np.searchsorted(np.asarray(thresholds, dtype=np.float32), probability.ravel(), side="left")
    salt = np.bincount(below[truth.ravel()], minlength=len(thresholds) + 1)
    every = np.bincount(below, minlength=len(thresholds) + 1)
    # Pixels above threshold i are those with more than i thresholds below them.
    tp = salt[::-1].cumsum()[::-1][1:].tolist()
    positive = every[::-1].cumsum()[::-1][1:].tolist()
    salt_pixels = int(np.count_nonzero(truth))
    return [
        Counts(t, p - t, salt_pixels - t, truth.size - salt_pixels - (p - t)) for t, p in zip(tp, positive, strict=True)
    ]


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _check_shapes(predicted: NDArray[np.generic], truth: Mask) -> None:
    if predicted.shape != truth.shape:
        raise ValueError(
            f"Expected a prediction and a truth of one shape, got {predicted.shape} and {truth.shape}; "
            "bring them to one size first."
        )


def _check_pairs(probabilities: Sequence[Probability], truths: Sequence[Mask]) -> None:
    if len(probabilities) != len(truths) or not len(truths):
        raise ValueError(
            f"Expected as many probabilities as truths, at least one, got {len(probabilities)} and {len(truths)}."
        )
    for probability, truth in zip(probabilities, truths, strict=True):
        _check_shapes(probability, truth)
