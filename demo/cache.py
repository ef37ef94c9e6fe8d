"""What was computed, for all users and pages together, up to so many bytes."""

import threading
from collections import OrderedDict
from collections.abc import Hashable
from typing import Any

from demo.images import SeismicImage
from demo.weights import WeightsKey
from unet.image import Probability
from unet.segmenter import Segmenter


class ByteCache:
    """Values up to so many bytes together; what was not used for the longest goes first.

    One serves all users and all threads: a key must name the content a value was made of.

    Example:
        >>> cache = ByteCache(capacity=10)
        >>> for key in "abc":
        ...     cache.put(key, key.upper(), size=5)
        >>> cache.get("a"), cache.get("b"), cache.get("c")
        (None, 'B', 'C')
    """

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.size = 0
        self._values: OrderedDict[Hashable, tuple[Any, int]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Hashable) -> Any:
        """The value of a key, or None."""
        with self._lock:
            if key not in self._values:
                return None
            self._values.move_to_end(key)
            return self._values[key][0]

    def put(self, key: Hashable, value: Any, size: int) -> None:
        """Stores a value of so many bytes; one that is larger than the whole cache is not stored."""
        if size > self.capacity:
            return
        with self._lock:
            self.size += size - self._values.pop(key, (None, 0))[1]
            self._values[key] = value, size
            while self.size > self.capacity:
                self.size -= self._values.popitem(last=False)[1][1]


CACHE = ByteCache(128_000_000)  # probabilities and thumbnails, of both front ends


def cached_probability(image: SeismicImage, weights: WeightsKey, tta: bool = False) -> Probability | None:
    """What ``find_probability`` returns, where that needs no network."""
    probability: Probability | None = CACHE.get(_probability_key(image, weights, tta))
    return probability


def find_probability(image: SeismicImage, segmenter: Segmenter, weights: WeightsKey, tta: bool = False) -> Probability:
    """(H, W) float32 of an image, through the network only where the cache does not have it.

    Args:
        image: the image.
        segmenter: the network.
        weights: the key of its weights.
        tta: whether to average with the prediction for the mirrored image.

    Returns:
        An array that several users share, so it cannot be written to.
    """
    probability = cached_probability(image, weights, tta)
    if probability is None:
        probability = segmenter.probability(image.grey, tta)
        if image.missing is not None:
            probability[image.missing] = 0
        probability.setflags(write=False)
        CACHE.put(_probability_key(image, weights, tta), probability, probability.nbytes)
    return probability


def _probability_key(image: SeismicImage, weights: WeightsKey, tta: bool) -> Hashable:
    return "probability", weights, image.digest, tta
