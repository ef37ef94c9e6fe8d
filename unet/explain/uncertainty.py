"""Uncertainty: how far a prediction moves when the image is mirrored or shifted a little."""

import numpy as np
from numpy.typing import NDArray

from unet.image import SMALLEST, ImageArray, grey
from unet.margin import margin, section
from unet.segmenter import Segmenter

SHIFT = 3  # pixels: no multiple of 2, so that a copy lies differently under the pooling of every level
MOVES = ((0, 0), (-SHIFT, 0), (SHIFT, 0), (0, -SHIFT), (0, SHIFT))  # rows down, columns to the right


def uncertainty(segmenter: Segmenter, image: ImageArray) -> NDArray[np.float32]:
    """The spread of the probability over ten copies of the image: five shifts, each plain and mirrored left to right.

    This is test-time augmentation as an estimate of the uncertainty that comes with the image (Wang et al. 2019,
    "Aleatoric uncertainty estimation with test-time augmentation for medical image segmentation with convolutional
    neural networks", Neurocomputing 338).  Of their transformations these two change nothing of what the image shows
    and need no resampling, so a prediction moves only as far as the network depends on the framing.  The copies are
    the image itself and it moved by 3 pixels up, down, left and right.  What comes in at an edge is the image mirrored
    there, as the network's own padding is; each prediction is moved back, and where a pixel has left a copy, that copy
    has no part in its spread.  A small spread does not say that the prediction is right.

    Args:
        segmenter: the network.
        image: as for ``Segmenter.probability``.

    Returns:
        (H, W) float32 from 0 to 0.5: the standard deviation of each pixel's probability; 0 in the margin, and so
        everywhere in an image of one single grey.

    Raises:
        ValueError: what ``unet.image.grey`` does not take.
    """
    values = grey(image)
    outside, spread = margin(values), np.zeros_like(values)
    if outside.all():
        return spread
    # Mirrored and shifted, a narrow margin would look like a part of the section.
    place = section(outside, SMALLEST)
    inside = values[place]
    height, width = inside.shape
    frame = np.pad(inside, SHIFT, mode="reflect")
    parts = [
        (slice(SHIFT - down, SHIFT - down + height), slice(SHIFT - right, SHIFT - right + width))
        for down, right in MOVES
    ]
    plain = [frame[part] for part in parts]
    found = segmenter.probabilities([*plain, *(copy[:, ::-1] for copy in plain)])

    back = np.full((len(found), *frame.shape), np.nan)
    for index, (part, probability) in enumerate(zip(parts * 2, found, strict=True)):
        back[index][part] = probability if index < len(parts) else probability[:, ::-1]
    # As differences from the first copy, which has every pixel: where all agree, the spread is exactly 0.
    whole = back[:, SHIFT:-SHIFT, SHIFT:-SHIFT]
    spread[place] = np.nanstd(whole - whole[0], axis=0)
    spread[outside] = 0
    return spread
