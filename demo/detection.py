"""What a threshold makes of a probability."""

from dataclasses import dataclass, replace

import numpy as np

from unet import metrics
from unet.image import Mask, Probability

PROBABILITY_NOTE = (
    "A pixel's probability is the network's own estimate that it is salt, learned from labelled tiles; "
    "the data give neither metres nor a survey position, so areas are in pixels."
)


@dataclass(frozen=True)
class Detection:
    """What is salt at one threshold, and how good that is where the truth is known.

    Attributes:
        threshold: in [0, 1].
        mask: (H, W) bool.
        pixels: how many are salt.
        share: of all pixels of the section, 0 to 1: a margin is none of it.
        highest: the highest probability anywhere.
        left_out: how many pixels are margin.
        iou, dice, competition: against the truth, 0 to 1; None where it is not known.
    """

    threshold: float
    mask: Mask
    pixels: int
    share: float
    highest: float
    left_out: int = 0
    iou: float | None = None
    dice: float | None = None
    competition: float | None = None

    @property
    def sentence(self) -> str:
        """The detection in words, the same that the viewer's read-out shows."""
        start = f"threshold {self.threshold:.2f} · salt {100 * self.share:.1f} %"
        if self.left_out:
            start += " without the margin"
        if not self.pixels:
            return f"{start} · nothing passes the threshold; highest probability {self.highest:.2f}"
        return f"{start} · {self.pixels:,} pixel{'s' * (self.pixels != 1)}"


def detect(
    probability: Probability, threshold: float, truth: Mask | None = None, margin: Mask | None = None
) -> Detection:
    """Applies a threshold, by the one rule of the project: salt is what lies above it.

    Args:
        probability: (H, W) float32 in [0, 1].
        threshold: in [0, 1].
        truth: (H, W) bool, to be scored against.
        margin: (H, W) bool, what of the image is no section; None where everything is.
    """
    mask = metrics.mask(probability, threshold)
    pixels = int(np.count_nonzero(mask))
    left_out = 0 if margin is None else int(np.count_nonzero(margin))
    share = pixels / max(1, mask.size - left_out)
    detection = Detection(threshold, mask, pixels, share, float(probability.max()), left_out)
    if truth is None:
        return detection
    counts = metrics.confusion(mask, truth)
    return replace(
        detection,
        iou=metrics.iou(counts),
        dice=metrics.dice(counts),
        competition=metrics.average_precision(mask, truth),
    )


def disagreement(found: Detection, other: Probability) -> float:
    """The share of the section's pixels, 0 to 1, that a second network calls differently at the same threshold.

    Args:
        found: what one network calls salt.
        other: (H, W) float32 in [0, 1], the probability by the other.
    """
    differing = np.count_nonzero(found.mask != metrics.mask(other, found.threshold))
    return int(differing) / max(1, found.mask.size - found.left_out)
