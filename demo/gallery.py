"""Many images side by side: where they come from, and what is shown of each."""

from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from demo import cache
from demo.cache import find_probability
from demo.detection import detect, disagreement
from demo.export import ExportedImage, OtherPrediction
from demo.images import SeismicImage
from demo.limits import LARGEST_TOTAL
from demo.weights import WeightsKey
from unet import render
from unet.image import Mask, Probability
from unet.segmenter import Segmenter

THUMBNAIL = 112  # pixels a side at most


@dataclass(frozen=True)
class ImageSource:
    """An image to choose from.  Making one opens nothing, so that there can be hundreds.

    Attributes:
        key: names the content of the image and of its truth.
        open: the image with its truth.
        pixels: how many it has; 0 for samples and survey tiles, which are small.
        original: the file as it was uploaded; None for what was not.
        suffix: of that file.
    """

    key: Hashable
    open: Callable[[], SeismicImage]
    pixels: int = 0
    original: Callable[[], bytes] | None = None
    suffix: str = ".png"


class GalleryRow(NamedTuple):
    """What the gallery shows of an image: figures as in ``Detection``, and a thumbnail of its salt, WebP.

    ``disagreement`` is the share of the section that a second network calls differently; None without one.
    """

    share: float
    highest: float
    iou: float | None
    competition: float | None
    disagreement: float | None
    thumbnail: bytes


class OtherNetwork(NamedTuple):
    """A second network to compare with: the name of its weights, itself, and the key of its weights."""

    name: str
    segmenter: Segmenter
    weights: WeightsKey


class Gallery:
    """Images side by side, in the order in which they are named.

    They go through the network one at a time: measured, that takes no longer than many at once, and a probability is
    then the same to the last bit whatever else is there.

    Args:
        sources: label -> source.
        segmenter: the network.
        weights: the key of its weights.
        tta: whether probabilities are averaged with those of the mirrored image, those of both networks.
        other: a second network to compare with.
    """

    def __init__(
        self,
        sources: Mapping[str, ImageSource],
        segmenter: Segmenter,
        weights: WeightsKey,
        *,
        tta: bool = False,
        other: OtherNetwork | None = None,
    ) -> None:
        total, self.sources = 0, {}
        for label, source in sources.items():
            total += source.pixels
            if total <= LARGEST_TOTAL:
                self.sources[label] = source
        self.left_out = [label for label in sources if label not in self.sources]
        self._segmenter, self._weights = segmenter, weights
        self._tta, self._other = tta, other

    def cached_row(self, label: str, threshold: float) -> GalleryRow | None:
        """What is shown of an image, if that was computed before."""
        row: GalleryRow | None = cache.CACHE.get(self._row_key(label, threshold))
        return row

    def row(self, label: str, threshold: float) -> GalleryRow:
        """What is shown of an image."""
        if cached := self.cached_row(label, threshold):
            return cached
        image = self.sources[label].open()
        found = detect(self._probability(image), threshold, image.truth, image.margin)
        other = self._other_prediction(image)
        differing = None if other is None else disagreement(found, other.probability)
        small = thumbnail(image.pixels, found.mask)
        row = GalleryRow(found.share, found.highest, found.iou, found.competition, differing, small)
        cache.CACHE.put(self._row_key(label, threshold), row, len(small) + 1000)
        return row

    def _row_key(self, label: str, threshold: float) -> Hashable:
        other = None if self._other is None else self._other.weights
        return "row", self._weights, self._tta, other, self.sources[label].key, threshold

    def _probability(self, image: SeismicImage) -> Probability:
        return find_probability(image, self._segmenter, self._weights, self._tta)

    def _other_prediction(self, image: SeismicImage) -> OtherPrediction | None:
        if self._other is None:
            return None
        name, segmenter, weights = self._other
        return OtherPrediction(name, find_probability(image, segmenter, weights, self._tta))

    def exported(self) -> Iterator[ExportedImage]:
        """Everything of each image, one after the other."""
        for label, source in self.sources.items():
            image = source.open()
            original = None if source.original is None else source.original()
            probability, other = self._probability(image), self._other_prediction(image)
            yield ExportedImage(label, image, probability, original, source.suffix, self._tta, other)


def thumbnail(pixels: NDArray[np.uint8], mask: Mask) -> bytes:
    """A WebP of an image with the salt tinted, at most 112 pixels a side.

    Args:
        pixels: (H, W) uint8.
        mask: (H, W) bool.
    """
    scale = THUMBNAIL / max(mask.shape)
    if scale < 1:
        height, width = (max(1, round(scale * side)) for side in mask.shape)
        pixels = np.asarray(cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
        share = cv2.resize(mask.astype(np.float32), (width, height), interpolation=cv2.INTER_AREA)
        mask = np.greater(share, np.float32(0.5))
    tinted = render.overlay(pixels, mask)[..., ::-1]  # OpenCV writes blue first
    written, content = cv2.imencode(".webp", tinted, [cv2.IMWRITE_WEBP_QUALITY, 70])
    if not written:
        raise RuntimeError(f"OpenCV could not write a WebP of {tinted.shape}")
    return content.tobytes()
