"""Which threshold to use on other tiles: where mAP stays high around it, not where it happens to be highest.

The curve of mAP against the threshold is measured on a few hundred tiles.  Its highest point is often a stray peak, at
which a few of them agree by chance; on other tiles that peak is gone, and a broad rise is still there.
``experiments/threshold.md`` compares this rule with others.
"""

from collections.abc import Sequence

import numpy as np
from msgspec import Struct

from unet.metrics import ThresholdPoint
from unet.typed import Share

REACH = 0.15  # of the surroundings of a threshold, on either side
TOLERANCE = 0.003  # of mAP: where it differs by less, the choice hardly matters
RULE = f"highest mAP averaged over the thresholds within {REACH} of it"


class ChosenThreshold(Struct, frozen=True, kw_only=True):
    """A threshold that ``choose_threshold`` chose from a curve.

    Attributes:
        threshold: salt is where the probability is above it.
        mAP: at this threshold.
        highest_mAP: of the curve, where the same tiles would flatter the network most.
        flat_from, flat_to: the unbroken range around the threshold in which mAP is lower than at it by no more than
            ``TOLERANCE``; where the range is wide, the choice hardly matters.
    """

    threshold: Share
    mAP: Share
    highest_mAP: Share
    flat_from: Share
    flat_to: Share


def choose_threshold(points: Sequence[ThresholdPoint]) -> ChosenThreshold:
    """The threshold with the highest mAP averaged over the thresholds within 0.15 of it, the middle one among equals.

    Args:
        points: the curve at evenly spaced, ascending thresholds, at least one; from ``unet.metrics.sweep``.
    """
    thresholds = np.array([point.threshold for point in points])
    scores = np.array([point.mAP for point in points])
    rounding = 1e-9  # thresholds and means that differ by less are equal
    near = np.abs(thresholds[:, None] - thresholds) <= REACH + rounding
    means = near @ scores / near.sum(axis=1)
    equals = np.flatnonzero(means >= means.max() - rounding)
    chosen = first = last = int(equals[len(equals) // 2])
    lowest = scores[chosen] - TOLERANCE - rounding
    while first > 0 and scores[first - 1] >= lowest:
        first -= 1
    while last < len(points) - 1 and scores[last + 1] >= lowest:
        last += 1
    return ChosenThreshold(
        threshold=points[chosen].threshold,
        mAP=points[chosen].mAP,
        highest_mAP=float(scores.max()),
        flat_from=points[first].threshold,
        flat_to=points[last].threshold,
    )
