"""How good masks and probabilities are: pixels are counted first, and every score follows from the counts.

A pixel is salt when its probability is above the threshold; ``mask`` is the only place that compares the two.
``mAP`` is the score of the TGS Salt challenge: the mean over images of ``average_precision``.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from unet.bootstrap import Difference, Interval, Ratio, difference, interval
from unet.calibration import calibration_error, pixels
from unet.image import Mask, Probability
from unet.typed import Count, Share

# Hundredths as whole numbers, so that an IoU is compared with a threshold exactly.
IOU_PERCENT = tuple(range(50, 100, 5))
THRESHOLDS = tuple(percent / 100 for percent in range(5, 96))


@dataclass(frozen=True, slots=True)
class Counts:
    """True and false positives and negatives of one image or of many: counts can be added."""

    tp: int = 0
    fp: int = 0
    fn: int = 0
    tn: int = 0

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(self.tp + other.tp, self.fp + other.fp, self.fn + other.fn, self.tn + other.tn)


class Scores(Struct, frozen=True, kw_only=True):
    """The scores of a set of images at one threshold.

    Attributes:
        count: images.
        threshold: where they were scored.
        mAP, iou_per_image, dice_per_image: means over images.
        iou, dice, pixel_accuracy, calibration_error: over all pixels of the set.
    """

    count: Count
    threshold: Share
    mAP: Share
    iou: Share
    dice: Share
    iou_per_image: Share
    dice_per_image: Share
    pixel_accuracy: Share
    calibration_error: Share


class ThresholdPoint(Struct, frozen=True, kw_only=True):
    """The scores of a set of images at one of many thresholds; all but ``mAP`` are over all pixels of the set."""

    threshold: Share
    mAP: Share
    iou: Share
    precision: Share
    recall: Share


class Intervals(Struct, frozen=True, kw_only=True):
    """The 95 % intervals of the scores of a set of images at one threshold; see ``unet.bootstrap``."""

    mAP: Interval
    iou: Interval


class Differences(Struct, frozen=True, kw_only=True):
    """How much better one network scores than another on the same images, with 95 % intervals."""

    mAP: Difference
    iou: Difference


def mask(probability: Probability, threshold: float) -> Mask:
    """True where the probability is above the threshold.

    The threshold is rounded to float32, the precision of the probabilities, so that 0.05 is the same number in both.

    Example:
        >>> mask(np.array([[0.4, 0.5, 0.6]], dtype=np.float32), 0.5)
        array([[False, False,  True]])
    """
    return np.greater(probability, np.float32(threshold))


def confusion(predicted: Mask, truth: Mask) -> Counts:
    """Counts the pixels of two boolean masks of one shape.

    Raises:
        TypeError: either array is not boolean.
        ValueError: the shapes differ.
    """
    for name, array in (("predicted", predicted), ("truth", truth)):
        if array.dtype != np.bool_:
            raise TypeError(f"expected a boolean {name} mask, got {array.dtype}; compare it with a threshold first")
    if predicted.shape != truth.shape:
        raise ValueError(
            f"expected two masks of one shape, got {predicted.shape} and {truth.shape}; resize one of them"
        )
    tp = int(np.count_nonzero(predicted & truth))
    fp = int(np.count_nonzero(predicted)) - tp
    fn = int(np.count_nonzero(truth)) - tp
    return Counts(tp, fp, fn, truth.size - tp - fp - fn)


def iou(counts: Counts) -> float:
    """The intersection over union of salt; 1.0 when both masks are empty."""
    union = counts.tp + counts.fp + counts.fn
    return counts.tp / union if union else 1.0


def dice(counts: Counts) -> float:
    """The Dice coefficient of salt; 1.0 when both masks are empty."""
    both = 2 * counts.tp + counts.fp + counts.fn
    return 2 * counts.tp / both if both else 1.0


def pixel_accuracy(counts: Counts) -> float:
    """The share of pixels that are right; 1.0 when there are none."""
    total = counts.tp + counts.fp + counts.fn + counts.tn
    return (counts.tp + counts.tn) / total if total else 1.0


def precision(counts: Counts) -> float:
    """The share of predicted salt that is salt; by convention 1.0 where none is predicted."""
    predicted = counts.tp + counts.fp
    return counts.tp / predicted if predicted else 1.0


def recall(counts: Counts) -> float:
    """The share of salt that is predicted; by convention 1.0 where there is none."""
    salt = counts.tp + counts.fn
    return counts.tp / salt if salt else 1.0


def average_precision(predicted: Mask, truth: Mask) -> float:
    """The score of one image in the TGS Salt challenge.

    It is the share of the IoU thresholds 0.50, 0.55, ..., 0.95 that the IoU of the two masks exceeds.
    Without salt in the image it is 1.0 for an empty prediction and 0.0 for any other.
    """
    return _average_precision(confusion(predicted, truth))


def evaluate(probabilities: Sequence[Probability], truths: Sequence[Mask], threshold: float) -> Scores:
    """The scores of a set of images at one threshold.

    Args:
        probabilities: one (H, W) array per image, float32 in [0, 1]; sizes may differ between images.
        truths: one boolean (H, W) mask per image.
        threshold: in [0, 1]; see ``mask``.

    Raises:
        ValueError: the set is empty, or lengths or shapes differ.
    """
    images = [confusion(mask(p, threshold), t) for p, t in pixels(probabilities, truths)]
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
) -> list[ThresholdPoint]:
    """The scores of a set of images at many ascending thresholds; mAP and IoU equal those of ``evaluate``.

    Raises:
        ValueError: the set is empty, lengths or shapes differ, or the thresholds do not ascend.
    """
    if list(thresholds) != sorted(thresholds):
        raise ValueError(f"expected ascending thresholds, got {list(thresholds)}; sort them")
    images = [_counts_at(p, t, thresholds) for p, t in pixels(probabilities, truths)]
    points = []
    for threshold, column in zip(thresholds, zip(*images, strict=True), strict=True):
        whole = sum(column, Counts())
        points.append(
            ThresholdPoint(
                threshold=float(threshold),
                mAP=_mean([_average_precision(counts) for counts in column]),
                iou=iou(whole),
                precision=precision(whole),
                recall=recall(whole),
            )
        )
    return points


def intervals(
    probabilities: Sequence[Probability], truths: Sequence[Mask], threshold: float, of_unit: NDArray[np.intp]
) -> Intervals:
    """The 95 % intervals of what ``evaluate`` returns for the same arguments.

    Args:
        probabilities: one (H, W) array per image, float32 in [0, 1].
        truths: one boolean (H, W) mask per image.
        threshold: in [0, 1].
        of_unit: (N,), what each image is drawn with; from ``unet.bootstrap.units``.

    Raises:
        ValueError: the set is empty, or lengths or shapes differ.
    """
    ratios = _ratios(probabilities, truths, threshold)
    return Intervals(mAP=interval(ratios.mAP, of_unit), iou=interval(ratios.iou, of_unit))


def differences(
    a: tuple[Sequence[Probability], float],
    b: tuple[Sequence[Probability], float],
    truths: Sequence[Mask],
    of_unit: NDArray[np.intp],
) -> Differences:
    """The scores of ``a`` minus those of ``b``, each the probabilities of one network and its threshold.

    ``truths``, ``of_unit`` and errors are those of ``intervals``.
    """
    ours, theirs = _ratios(a[0], truths, a[1]), _ratios(b[0], truths, b[1])
    return Differences(mAP=difference(ours.mAP, theirs.mAP, of_unit), iou=difference(ours.iou, theirs.iou, of_unit))


class _Ratios(NamedTuple):
    """The scores of a set of images as sums over images."""

    mAP: Ratio
    iou: Ratio


def _ratios(probabilities: Sequence[Probability], truths: Sequence[Mask], threshold: float) -> _Ratios:
    images = [confusion(mask(p, threshold), t) for p, t in pixels(probabilities, truths)]
    scores = np.array([_average_precision(counts) for counts in images])
    intersections = np.array([counts.tp for counts in images], dtype=np.float64)
    unions = np.array([counts.tp + counts.fp + counts.fn for counts in images], dtype=np.float64)
    return _Ratios(mAP=Ratio(scores, np.ones(len(images))), iou=Ratio(intersections, unions))


def _average_precision(counts: Counts) -> float:
    union = counts.tp + counts.fp + counts.fn
    if counts.tp + counts.fn == 0:
        return float(union == 0)
    # Whole numbers: an IoU of exactly 0.55 must not exceed the threshold by a rounding error.
    return sum(100 * counts.tp > percent * union for percent in IOU_PERCENT) / len(IOU_PERCENT)


def _counts_at(probability: Probability, truth: Mask, thresholds: Sequence[float]) -> list[Counts]:
    """The counts of one image, its pixels flat, at each ascending threshold: from two histograms."""
    # How many thresholds lie below each pixel: the pixel is salt at exactly those.
    below = np.searchsorted(np.asarray(thresholds, dtype=np.float32), probability, side="left")
    salt = np.bincount(below[truth], minlength=len(thresholds) + 1)
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
