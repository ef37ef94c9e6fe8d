"""The one door from an image to a probability: array in, array out.

Training's validation, the command line, both apps and the tests all go through it, so nobody normalises differently.
A ``Segmenter`` never changes after it was made: any number of threads may share one.
"""

import math
import reprlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from unet import checkpoint, metrics
from unet.card import Card
from unet.image import RULE, SMALLEST, Grey, ImageArray, Mask, Padding, Probability, grey, normalise
from unet.margin import margin, section
from unet.model import UNet
from unet.runtime import computes_bfloat16, folded
from unet.tiling import TILE, blend

__all__ = ["BATCH", "Mask", "Probability", "Segmenter", "Trace", "shipped_weights"]

BATCH = 16  # tiles at once: measured on two cores, 32 take a fifth longer per tile, because they leave the cache
LARGEST_TRACE = 256  # pixels a side


@dataclass(frozen=True)
class Trace:
    """Everything one forward pass computed.

    Attributes:
        sites: every site of ``UNet.sites()`` -> (C, h, w) float32 of the padded image, after the edit; ``logits``
            are not yet divided by the temperature.
        probability: (H, W) float32 in [0, 1], of the image itself.
        padding: how the image was padded.
    """

    sites: dict[str, NDArray[np.float32]]
    probability: Probability
    padding: Padding

    def crop(self, name: str) -> NDArray[np.float32]:
        """The maps of a site, (C, h, w), without the padding."""
        maps = self.sites[name]
        return self.padding.crop(maps, stride=self.padding.padded_height // maps.shape[1])


class Segmenter:
    """A network and its card, as a function from images to probabilities.

    Args:
        model: in eval mode.  Its parameters are not changed.
        card: holds at least ``threshold`` and the ``input`` rule the network was trained with, and it may hold a
            ``temperature``, by which every logit is divided on its way to a probability (Guo et al. 2017); 1 without.
        fast: fold batch norm into the convolutions and, where the processor computes in bfloat16, use that.
            Probabilities then differ a little from the exact ones; ``trace`` stays exact.

    Raises:
        ValueError: a model in training mode, or one trained with another input rule.

    Example:
        >>> from unet.model import UNetConfig
        >>> segmenter = Segmenter(UNet(UNetConfig(width=2)).eval(), Card(threshold=0.5, input=RULE))
        >>> segmenter.probability(np.zeros((101, 101), np.uint8)).shape
        (101, 101)
    """

    def __init__(self, model: UNet, card: Card, fast: bool = False) -> None:
        if model.training:
            raise ValueError("expected a model in eval mode; call model.eval() first")
        if card.input != RULE:
            raise ValueError(
                f"expected weights trained with the input rule {RULE}, got {reprlib.repr(card.input)}; "
                "use the version of this program that trained them"
            )
        self.model = model
        self.card = card
        self.threshold = card.threshold
        self.temperature = card.temperature
        self.fast = fast
        self._network: nn.Module = folded(model) if fast else model
        self._bfloat16 = fast and computes_bfloat16()

    @classmethod
    def load(cls, path: str | Path | None = None, fast: bool = False) -> "Segmenter":
        """The shipped weights, or those of ``NAME.safetensors`` with its card ``NAME.json`` beside it.

        Raises:
            CheckpointError: a file is missing or damaged, or the two do not belong together.
        """
        model, card = checkpoint.load(Path(path) if path is not None else shipped_weights())
        return cls(model, card, fast)

    def at_temperature(self, temperature: float) -> "Segmenter":
        """The same network with another temperature than the card's."""
        return Segmenter(self.model, msgspec.structs.replace(self.card, temperature=temperature), self.fast)

    def probability(self, image: ImageArray, tta: bool = False) -> Probability:
        """How probable salt is, at every pixel of one image; see ``probabilities``."""
        return self.probabilities([image], tta)[0]

    def mask(self, image: ImageArray, threshold: float | None = None, tta: bool = False) -> Mask:
        """Where the probability is above ``threshold`` (0 to 1), by default the card's: (H, W) bool, True = salt."""
        threshold = self.threshold if threshold is None else threshold
        if not 0 <= threshold <= 1:
            raise ValueError(f"expected a threshold in [0, 1], got {threshold}")
        return metrics.mask(self.probability(image, tta), threshold)

    def probabilities(
        self, images: Sequence[ImageArray], tta: bool = False, batch_size: int = BATCH
    ) -> list[Probability]:
        """How probable salt is, at every pixel of every image.

        Args:
            images: as for ``unet.image.grey``, of any sizes from 16 pixels a side.
                Up to 128 pixels a side an image goes through the network in one piece; a larger one in overlapping
                tiles, blended with weights that fall off smoothly towards each tile's edge.
            tta: test-time augmentation: average with what the network says of the mirrored image, at twice the cost.
            batch_size: how many tiles go through the network at once.

        Returns:
            (H, W) float32 in [0, 1] each, in the order of ``images``; 0 in what ``unet.margin`` finds to be no
            section, and so everywhere in an image of one single grey.  The network sees the section without it.

        Raises:
            ValueError: what ``unet.image.grey`` does not take.
        """
        greys = [grey(image) for image in images]
        margins = [margin(values) for values in greys]
        results = [np.zeros_like(values) for values in greys]
        places = {i: section(outside, SMALLEST) for i, outside in enumerate(margins) if not outside.all()}
        of_shape: dict[tuple[int, ...], list[int]] = {}
        for index, place in places.items():
            of_shape.setdefault(greys[index][place].shape, []).append(index)
        compute = partial(self._forward, tta=tta)
        for shape, indices in of_shape.items():
            sections = [greys[index][places[index]] for index in indices]
            found: Iterator[Probability]
            if max(shape) > TILE:
                found = (blend(values, compute, batch_size) for values in sections)
            else:
                starts = range(0, len(sections), batch_size)
                found = chain.from_iterable(compute(sections[start : start + batch_size]) for start in starts)
            for index, probability in zip(indices, found, strict=True):
                results[index][places[index]] = probability
                results[index][margins[index]] = 0
        return results

    def trace(self, image: ImageArray, edit: Mapping[str, float | Tensor] | None = None) -> Trace:
        """One exact (float32) forward pass with everything it computed.

        Args:
            image: as for ``probability``, at most 256 pixels a side.
            edit: site -> a factor its tensor is multiplied by on the way, or a (1, C, h, w) tensor that takes its
                place; ``{"skip1": 0.0}`` shows what the network says without that skip.

        Returns:
            The activations of every site, after the edit, and the probability; a margin goes through the network too.
            The site ``logits`` is what the network computed: the probability is the sigmoid of it divided by the card's
            temperature, and 0 in the margin.

        Raises:
            ValueError: an image that is too large or that ``unet.image.grey`` does not take, an unknown site, a
                factor or a tensor that is not finite, or a tensor of another shape than the site's.
        """
        values = grey(image)
        x, padding = self.network_input(values)
        edit = edit or {}
        self._check(edit, padding)
        sites: dict[str, NDArray[np.float32]] = {}

        def tap(name: str, tensor: Tensor) -> Tensor:
            if name in edit:
                change = edit[name]
                tensor = change.to(tensor) if isinstance(change, Tensor) else tensor * change
            sites[name] = tensor[0].contiguous().cpu().numpy()
            return tensor

        with torch.inference_mode():
            logits = self.model(x, tap)
            probability = padding.crop(self.sigmoid(logits[0, 0]).cpu().numpy())
        probability = np.where(margin(values), np.float32(0), probability)
        return Trace(sites, probability, padding)

    def network_input(self, image: ImageArray) -> tuple[Tensor, Padding]:
        """What the network reads of one image that goes through it in one piece.

        Args:
            image: as for ``probability``, at most 256 pixels a side.

        Returns:
            (1, 1, h, w) float32 on the model's device, normalised and padded to multiples of the stride, and how it
            was padded.

        Raises:
            ValueError: an image that is too large or that ``unet.image.grey`` does not take.
        """
        values = grey(image)
        if max(values.shape) > LARGEST_TRACE:
            height, width = values.shape
            raise ValueError(
                f"expected an image of at most {LARGEST_TRACE} pixels a side, got {height} x {width}; "
                f"pass a window of it, such as image[:{LARGEST_TRACE}, :{LARGEST_TRACE}]"
            )
        padding = self._padding(values)
        return self._tensor([padding.pad(values)]), padding

    def sigmoid(self, logits: Tensor) -> Tensor:
        """Logits as the network computes them -> probabilities at this segmenter's temperature, of the same shape."""
        return torch.sigmoid(logits / self.temperature)

    def _check(self, edit: Mapping[str, float | Tensor], padding: Padding) -> None:
        """Raises ``ValueError`` where an edit names no site of this network, or does not fit it."""
        sites = {site.name: site for site in self.model.sites()}
        for name, change in edit.items():
            if name not in sites:
                raise ValueError(f"unknown site {name!r}; this network has {', '.join(sites)}")
            if isinstance(change, Tensor):
                stride = sites[name].stride
                shape = (1, sites[name].channels, padding.padded_height // stride, padding.padded_width // stride)
                if change.shape != shape:
                    raise ValueError(f"expected a tensor of shape {shape} for {name}, got {tuple(change.shape)}")
                if not change.isfinite().all():
                    raise ValueError(f"expected finite values for {name}, got NaN or infinity")
            elif not math.isfinite(change):
                raise ValueError(f"expected a finite factor for {name}, got {change}")

    def _padding(self, values: Grey) -> Padding:
        height, width = values.shape
        return Padding.to_multiple(height, width, self.model.config.stride)

    def _tensor(self, padded: list[Grey]) -> Tensor:
        """Equal (h, w) greys -> (N, 1, h, w) network input on the model's device."""
        x = torch.from_numpy(normalise(np.stack(padded)))[:, None]
        return x.to(next(self.model.parameters()).device).contiguous(memory_format=torch.channels_last)

    def _forward(self, greys: list[Grey], tta: bool) -> NDArray[np.float32]:
        """(N, H, W) probabilities of N images of one size, in one piece."""
        padding = self._padding(greys[0])
        x = self._tensor([padding.pad(values) for values in greys])
        with torch.inference_mode(), torch.autocast(x.device.type, torch.bfloat16, enabled=self._bfloat16):
            probability = self.sigmoid(self._network(x).float())
            if tta:
                mirrored = self.sigmoid(self._network(x.flip(3)).float()).flip(3)
                probability = (probability + mirrored) / 2
        return np.ascontiguousarray(padding.crop(probability[:, 0].cpu().numpy()))


def shipped_weights() -> Path:
    """Where the shipped weights are: inside an installed package, or at the root of a checkout."""
    package = Path(__file__).parent
    installed = package / "weights"
    return (installed if installed.is_dir() else package.parent / "weights") / "salt-unet.safetensors"
