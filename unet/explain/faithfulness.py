"""Faithfulness: whether the pixels that an attribution puts first matter more to the prediction than others.

Deletion and insertion (Petsiuk, Das and Saenko 2018, "RISE: randomized input sampling for explanation of black-box
models", BMVC) take pixels away from an image in the order of an attribution, and build it up from nothing in the same
order.  If the attribution is right, the prediction moves away early in the one, and is back early in the other.
"""

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from unet.explain.ablation import AT_ONCE
from unet.explain.attribution import Box, check_box
from unet.image import ImageArray, grey
from unet.segmenter import Segmenter

REGION = 8  # pixels a side
BLUR = 8.0  # pixels: the standard deviation of the Gaussian
SHARES: NDArray[np.float32] = np.array([0, 5, *range(10, 101, 10)], np.float32) / np.float32(100)

Order = NDArray[np.int64]


@dataclass(frozen=True)
class Curves:
    """What becomes of the prediction in a box, at each of ``SHARES``.

    Attributes:
        deletion: (S,) float32: the mean probability of the box where so large a share of the regions, the first of the
            order, is blurred.  It begins with the answer, that of the image itself.
        insertion: (S,) float32: the same where only that share is not blurred; it ends with the answer.
    """

    deletion: NDArray[np.float32]
    insertion: NDArray[np.float32]

    @property
    def deletion_area(self) -> float:
        """How far from the answer the deletion is on average, 0 to 1; of a better order more."""
        return self._distance(self.deletion)

    @property
    def insertion_area(self) -> float:
        """How far from the answer the insertion is on average, 0 to 1; of a better order less."""
        return self._distance(self.insertion)

    def _distance(self, curve: NDArray[np.float32]) -> float:
        """The area between a curve and the answer, by the trapezoidal rule."""
        return float(np.trapezoid(np.abs(curve - self.deletion[0]), SHARES))


def faithfulness(segmenter: Segmenter, image: ImageArray, box: Box, order: Order) -> Curves:
    """Deletion and insertion of an image's regions in some order.

    Three things differ from the paper.  The prediction is that of a box of a segmentation.  The areas lie between a
    curve and the answer, not below it: an influence without a sign promises that the answer changes, not that it
    falls.  (Where the answer is 1, they are 1 minus the paper's.)  And what goes is a square of 8 x 8 pixels, as in
    Samek et al. 2017, "Evaluating the visualization of what a deep neural network has learned", IEEE TNNLS 28: single
    pixels that are replaced here and there are a noise of their own, which moves a prediction wherever they are.  What
    takes their place, and what insertion begins with, is the image blurred by a Gaussian of 8 pixels: both go between
    the same two images, and blurring draws no edges.

    Args:
        segmenter: the network.
        image: the image, at most 256 pixels a side.
        box: top, left, height, width; one pixel is (row, column, 1, 1).
        order: every region of the image once, the first to go first: see ``order_of`` and ``random_order``.

    Returns:
        The probabilities at each of ``SHARES``; as everywhere they are 0 in the margin of the image.

    Raises:
        ValueError: an image that ``Segmenter.trace`` does not take, a box that does not lie in it, or an order that
            does not hold every region once.
    """
    values = grey(image)
    _, padding = segmenter.network_input(values)
    check_box(box, padding.height, padding.width)
    regions = _regions(values.shape)
    count = int(regions.max()) + 1
    if sorted(order) != list(range(count)):
        raise ValueError(f"expected an order of {count} regions, got {len(order)}; make one with order_of")
    rank = np.empty(count, np.int64)
    rank[order] = np.arange(count)
    blurred = cv2.GaussianBlur(values, (0, 0), BLUR)
    taken = [rank[regions] < np.rint(share * count) for share in SHARES]
    pictures = [np.where(first, blurred, values) for first in taken]
    pictures += [np.where(first, values, blurred) for first in taken[1:-1]]  # it begins where deletion ends
    top, left, height, width = box
    found: list[NDArray[np.float32]] = []
    for start in range(0, len(pictures), AT_ONCE):
        x = torch.cat([segmenter.network_input(picture)[0] for picture in pictures[start : start + AT_ONCE]])
        with torch.inference_mode():
            probability = segmenter.to_probability(segmenter.network(x), values, padding)
        found.append(probability[:, top : top + height, left : left + width].mean((1, 2), np.float64))
    deletion, between = np.split(np.concatenate(found).astype(np.float32), [len(SHARES)])
    return Curves(deletion, np.concatenate([deletion[-1:], between, deletion[:1]]))


def order_of(attribution: NDArray[np.float32]) -> Order:
    """The regions of an (H, W) attribution by its mean in each, the largest first; the uppermost among equals."""
    regions = _regions(attribution.shape).ravel()
    order: Order = np.argsort(-np.bincount(regions, attribution.ravel()) / np.bincount(regions), kind="stable")
    return order


def random_order(shape: tuple[int, ...], seed: int) -> Order:
    """The regions of an (H, W) image in an order that knows nothing of it."""
    return np.random.default_rng(seed).permutation(int(_regions(shape).max()) + 1)


def _regions(shape: tuple[int, ...]) -> NDArray[np.int64]:
    """(H, W) int64: the number of each pixel's region, row by row; the last of a row or a column may be smaller."""
    rows, columns = (np.arange(length) // REGION for length in shape)
    regions: NDArray[np.int64] = rows[:, None] * (columns[-1] + 1) + columns
    return regions
