"""The only way from an image to a probability: arrays in, arrays out.

Validation during training, the command line, both front ends and the tests all use it, so that images are normalised in
one place.  A ``Segmenter`` never changes: any number of threads may share one.
"""

import copy
import math
import reprlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import chain
from pathlib import Path

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from unet import checkpoint, metrics, snapshots
from unet.card import Card
from unet.image import RULE, SMALLEST, Grey, ImageArray, Mask, Padding, Probability, grey, normalise
from unet.margin import margin, section
from unet.model import UNet
from unet.runtime import Network, fastest, folded, runtimes
from unet.tiling import TILE, blend

__all__ = ["BATCH", "Mask", "Probability", "Segmenter", "Trace", "shipped_weights"]

BATCH = 16  # tiles at once: measured on two cores, 32 take a fifth longer per tile, because they leave the cache
LARGEST_TRACE = 256  # pixels a side


@dataclass(frozen=True)
class Trace:
    """The activations and the probability of one forward pass.

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
        model: in eval mode.  Its parameters are not changed here, and must not be changed elsewhere.
        card: its ``threshold``, ``temperature`` and ``input`` rule are used.
        fast: compute in bfloat16 where the device does, which changes probabilities a little; ``trace`` stays exact.
        runtime: what computes ``probabilities``, one of ``unet.runtime.runtimes``; by default the fastest there is.

    Raises:
        ValueError: a model in training mode, one trained with another input rule, or a runtime that is not here.

    Example:
        >>> from unet.model import UNetConfig
        >>> segmenter = Segmenter(UNet(UNetConfig(width=2)).eval(), Card(threshold=0.5, input=RULE))
        >>> segmenter.probability(np.zeros((101, 101), np.uint8)).shape
        (101, 101)
    """

    def __init__(self, model: UNet, card: Card, fast: bool = False, runtime: str | None = None) -> None:
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
        self.runtime = fastest(model, bfloat16=fast) if runtime is None else runtime
        if self.runtime not in (here := runtimes(model)):
            raise ValueError(f"expected one of the runtimes {', '.join(here)}, got {runtime!r}")

    @classmethod
    def load(cls, path: str | Path | None = None, fast: bool = False, epoch: int | None = None) -> "Segmenter":
        """The shipped weights, or those of ``NAME.safetensors`` with its card ``NAME.json`` beside it.

        Args:
            path: of the weights.
            fast: as for ``Segmenter``.
            epoch: the network as it was after that epoch of its run, where a snapshot was kept; see ``unet.snapshots``.

        Raises:
            CheckpointError: a file is missing or damaged, or they do not belong together.
        """
        weights = Path(path) if path is not None else shipped_weights()
        if epoch is None:
            return cls(*checkpoint.load(weights), fast)
        card = checkpoint.read_card(weights)
        return cls(snapshots.load(weights, card, epoch), card, fast)

    @cached_property
    def network(self) -> UNet:
        """The model in float32 with its batch norms folded, for everything that needs its sites or its gradients."""
        return folded(self.model)

    @cached_property
    def _logits(self) -> Network:
        return runtimes(self.model)[self.runtime]()

    def at_temperature(self, temperature: float) -> "Segmenter":
        """The same network with another temperature than the card's."""
        other = copy.copy(self)
        other.card = msgspec.structs.replace(self.card, temperature=temperature)
        other.temperature = temperature
        return other

    def probability(self, image: ImageArray, tta: bool = False) -> Probability:
        """The probability of salt at every pixel of one image; see ``probabilities``."""
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
        """The probability of salt at every pixel of every image.

        Args:
            images: as for ``unet.image.grey``, of any sizes from 16 pixels a side.
                Up to 128 pixels a side an image goes through the network in one piece, a larger one in overlapping
                tiles; see ``unet.tiling``.
            tta: test-time augmentation: average with the prediction for the mirrored image, at twice the cost.
            batch_size: tiles per forward pass.

        Returns:
            (H, W) float32 in [0, 1] each, in the order of ``images``; 0 in the margin (see ``unet.margin``) and so
            everywhere in an image of one single grey.  The network sees the section without its margin.

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
        """One exact (float32) forward pass with all of its activations.

        Args:
            image: as for ``probability``, at most 256 pixels a side.
            edit: site -> a factor that its tensor is multiplied by, or a (1, C, h, w) tensor that takes its place;
                ``{"skip1": 0.0}`` gives the prediction without that skip.

        Returns:
            The activations of every site, after the edit, and the probability: the sigmoid of ``logits`` divided by
            the temperature, 0 in the margin.  The margin goes through the network too.

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
            probability = self.to_probability(self.network(x, tap), values, padding)[0]
        return Trace(sites, probability, padding)

    def network_input(self, image: ImageArray) -> tuple[Tensor, Padding]:
        """The input of the network for one image that goes through it in one piece.

        Args:
            image: as for ``probability``, at most 256 pixels a side.

        Returns:
            (1, 1, h, w) float32 on the model's device, normalised and padded to multiples of the stride, and the
            padding.

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

    def to_probability(self, logits: Tensor, values: Grey, padding: Padding) -> NDArray[np.float32]:
        """Logits of a padded image -> probabilities of the image itself.

        Args:
            logits: (N, 1, h, w).
            values: the grey of the image, (H, W) in [0, 1].
            padding: as ``network_input`` returns it.

        Returns:
            (N, H, W) float32 in [0, 1], 0 in the margin.
        """
        probability = np.ascontiguousarray(padding.crop(self.sigmoid(logits[:, 0]).cpu().numpy()))
        probability[:, margin(values)] = 0
        return probability

    def sigmoid(self, logits: Tensor) -> Tensor:
        """Logits of any shape -> probabilities at this segmenter's temperature."""
        return torch.sigmoid(logits / self.temperature)

    def _check(self, edit: Mapping[str, float | Tensor], padding: Padding) -> None:
        """Raises ``ValueError`` where an edit names no site of this network or does not fit the site."""
        sites = {site.name: site for site in self.model.sites()}
        for name, change in edit.items():
            if name not in sites:
                raise ValueError(f"expected one of the sites {', '.join(sites)}, got {name!r}")
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
        with torch.inference_mode():
            probability = self.sigmoid(self._logits(x))
            if tta:
                mirrored = self.sigmoid(self._logits(x.flip(3))).flip(3)
                probability = (probability + mirrored) / 2
        return np.ascontiguousarray(padding.crop(probability[:, 0].cpu().numpy()))


def shipped_weights() -> Path:
    """Where the shipped weights are: inside an installed package, or at the root of a checkout."""
    package = Path(__file__).parent
    installed = package / "weights"
    return (installed if installed.is_dir() else package.parent / "weights") / "salt-unet.safetensors"
