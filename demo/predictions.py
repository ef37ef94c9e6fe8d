"""What weights that are still learning find in a few images that stay the same."""

import base64
import html
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from demo.cache import find_probability
from demo.detection import detect
from demo.export import png
from demo.images import SAMPLES, SeismicImage, open_sample
from demo.weights import Weights, load_segmenter
from unet.image import Mask
from unet.render import SALT, Pixels

# Okabe and Ito's colours, as in the viewer: what only the network calls salt, what only the truth does, and both.
NETWORK, TRUTH, BOTH = SALT, (86, 180, 233), (0, 158, 115)
OPACITY = 0.45
LEGEND = "Green: network and truth say salt. Gold: only the network. Blue: only the truth."
COUNT = 8

STYLE = """<style>
.salt-predictions { display: grid; grid-template-columns: repeat(auto-fill, minmax(100px, 1fr)); gap: 12px; margin: 0; }
.salt-predictions figure { margin: 0; max-width: 202px; }
.salt-predictions img { width: 100%; border-radius: 4px; display: block; }
.salt-predictions figcaption { font-size: 0.85rem; line-height: 1.3; margin-top: 4px; overflow-wrap: anywhere; }
</style>"""


class Prediction(NamedTuple):
    """An image with its prediction beside its truth: a PNG, and the IoU of the two."""

    name: str
    picture: bytes
    iou: float


def fixed_images(tiles: Sequence[SeismicImage]) -> list[SeismicImage]:
    """The same images every time, each with its truth: some survey tiles, and samples up to ``COUNT`` in all."""
    return [*map(open_sample, list(SAMPLES)[: COUNT - len(tiles)]), *tiles]


def predict(weights: Weights, images: Sequence[SeismicImage], tta: bool = False) -> list[Prediction]:
    """The prediction of every image at the threshold of the weights' card.

    Args:
        weights: the network.
        images: each with its truth.
        tta: whether to average with the prediction for the mirrored image.

    Raises:
        CheckpointError: the weights cannot be loaded, as while they are being written.
    """
    key, predictions = weights.key, []
    segmenter = load_segmenter(key)
    for image in images:
        assert image.truth is not None
        found = detect(find_probability(image, segmenter, key, tta), segmenter.threshold, image.truth)
        assert found.iou is not None  # there is a truth
        predictions.append(Prediction(image.name, png(compare(image.pixels, found.mask, image.truth)), found.iou))
    return predictions


def compare(pixels: Pixels, mask: Mask, truth: Mask) -> Pixels:
    """An image with salt tinted by who says so.

    Args:
        pixels: (H, W) uint8.
        mask: (H, W) bool, what the network calls salt.
        truth: (H, W) bool, what is salt.

    Returns:
        (H, W, 3) uint8, RGB.

    Example:
        >>> mask, truth = np.array([[True, False, True, False]]), np.array([[False, True, True, False]])
        >>> compare(np.full((1, 4), 100, np.uint8), mask, truth)[0].tolist()
        [[158, 127, 55], [94, 136, 160], [55, 126, 107], [100, 100, 100]]
    """
    grey = np.repeat(pixels[..., None], 3, axis=2)
    colors = np.array([(0, 0, 0), NETWORK, TRUTH, BOTH])[mask + 2 * truth]
    tinted = np.rint((1 - OPACITY) * grey + OPACITY * colors)
    return np.where((mask | truth)[..., None], tinted, grey).astype(np.uint8)


def as_html(predictions: Sequence[Prediction]) -> str:
    """The predictions side by side, as many in a row as there is room for."""
    figures = []
    for name, picture, iou in predictions:
        shown, source = html.escape(name), base64.b64encode(picture).decode("ascii")
        image = f'<img src="data:image/png;base64,{source}" alt="{shown} with the prediction and the truth">'
        figures.append(f"<figure>{image}<figcaption>{shown}<br>IoU {iou:.3f}</figcaption></figure>")
    return f'{STYLE}<div class="salt-predictions">{"".join(figures)}</div>'
