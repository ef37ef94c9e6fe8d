"""The one door from an image to a probability: array in, array out.

Training's validation, the command line, both apps and the tests all go through it, so nobody normalises differently.
A ``Segmenter`` never changes after it was made: any number of threads may share one.
"""

import copy
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from unet import checkpoint, metrics
from unet.card import Card
from unet.image import RULE, SMALLEST, Grey, ImageArray, Padding, grey, normalise
from unet.margin import margin, section
from unet.model import UNet

TILE = 128  # pixels a side that go through the network in one piece; larger images are cut into tiles of this
STEP = TILE // 2  # from one tile to the next: every pixel away from the image's edge is seen at least twice
BATCH = 16  # tiles at once: measured on two cores, 32 take a fifth longer per tile, because they leave the cache
LARGEST_TRACE = 256  # pixels a side

Probability = NDArray[np.float32]  # (H, W), in [0, 1]
Mask = NDArray[np.bool_]  # (H, W), True = salt


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
            raise ValueError(f"expected weights trained with the input rule {RULE}, the card says {card.input}")
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
        sections: dict[int, Grey] = {}
        whole: dict[tuple[int, ...], list[int]] = {}
        for index, (values, outside) in enumerate(zip(greys, margins, strict=True)):
            if not outside.all():
                sections[index] = values[section(outside, SMALLEST)]
                whole.setdefault(sections[index].shape, []).append(index)
        for shape, indices in whole.items():
            answers: Iterable[Probability]
            if max(shape) > TILE:
                answers = (self._blended(sections[index], tta, batch_size) for index in indices)
            else:
                answers = self._in_batches([sections[index] for index in indices], tta, batch_size)
            for index, answer in zip(indices, answers, strict=True):
                results[index][section(margins[index], SMALLEST)] = answer
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

    def _in_batches(self, greys: list[Grey], tta: bool, batch_size: int) -> Iterator[Probability]:
        """The probabilities of images of one size, each in one piece."""
        for start in range(0, len(greys), batch_size):
            yield from self._forward(greys[start : start + batch_size], tta)

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

    def _blended(self, values: Grey, tta: bool, batch_size: int) -> Probability:
        """Overlapping tiles of a large image, each pixel the weighted mean of the tiles that saw it."""
        total = np.zeros_like(values)
        weight_total = np.zeros_like(values)
        windows = list(_windows(*values.shape))
        rows, columns = windows[0]
        weight = np.outer(_bump(rows.stop - rows.start), _bump(columns.stop - columns.start))
        for start in range(0, len(windows), batch_size):
            batch = windows[start : start + batch_size]
            for window, tile in zip(batch, self._forward([values[w] for w in batch], tta), strict=True):
                total[window] += weight * tile
                weight_total[window] += weight
        blended: Probability = np.clip(total / weight_total, 0, 1)
        return blended


def _windows(height: int, width: int) -> Iterator[tuple[slice, slice]]:
    """Tiles that cover an image, all of one size; the last row and column reach exactly to its edge."""
    for top in _starts(height):
        for left in _starts(width):
            yield slice(top, min(top + TILE, height)), slice(left, min(left + TILE, width))


def _starts(length: int) -> list[int]:
    last = max(length - TILE, 0)
    return [*range(0, last, STEP), last]


def _bump(length: int) -> NDArray[np.float32]:
    """A smooth weight, highest in the middle and never 0 (a Hann window)."""
    return np.square(np.sin(np.pi * (np.arange(length) + 0.5) / length)).astype(np.float32)


def computes_bfloat16() -> bool:
    """Whether this processor multiplies bfloat16 in hardware; emulated, it is many times slower than float32."""
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())


class _Float32(nn.Module):
    """A convolution that autocast leaves in float32; what it gives goes on in autocast's own precision."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: Tensor) -> Tensor:
        """Any shape -> that of the inner module."""
        device = x.device.type
        with torch.autocast(device, enabled=False):
            result: Tensor = self.inner(x)
        return result.to(torch.get_autocast_dtype(device)) if torch.is_autocast_enabled(device) else result


def folded(model: UNet) -> UNet:
    """A copy of an eval model with every batch norm folded into the convolution before it: same function, less work.

    Under autocast the first convolution stays in float32: the greys of an image are closer together than bfloat16 can
    tell them apart, and that error alone was as large as all that follow.
    """
    model = copy.deepcopy(model)
    for module in model.modules():
        if isinstance(module, nn.Sequential):
            convolution, norm = module
            if isinstance(convolution, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                module[0], module[1] = fuse_conv_bn_eval(convolution, norm), nn.Identity()
    first = next(module for module in model.encoder.modules() if isinstance(module, nn.Sequential))
    first[0] = _Float32(first[0])
    return model


def shipped_weights() -> Path:
    """Where the shipped weights are: inside an installed package, or at the root of a checkout."""
    package = Path(__file__).parent
    installed = package / "weights"
    return (installed if installed.is_dir() else package.parent / "weights") / "salt-unet.safetensors"
