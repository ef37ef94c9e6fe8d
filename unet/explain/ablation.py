"""Ablation: the probability without some skips, without the bottleneck, or without one channel.

Everything here is a tap: nothing stays on the model, so any number of threads may share one ``Segmenter``.  A result is
about one image and these weights: it shows what this network relies on, not what one trained without that part would
learn.
"""

from collections.abc import Sequence
from typing import Literal, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from unet.image import ImageArray, Probability, grey
from unet.model import Plain
from unet.segmenter import Segmenter

Fill = Literal["zero", "mean"] | ImageArray  # what takes the place of a part; of an image its own tensors

AT_ONCE = 8  # images: measured on two cores, 32 take twice as long each, because they leave the cache


def parts(segmenter: Segmenter) -> tuple[str, ...]:
    """What can be cut: every skip, full resolution first, and the bottleneck."""
    return (*(f"skip{level + 1}" for level in range(segmenter.model.config.depth)), "bottleneck")


def replacements(segmenter: Segmenter, image: ImageArray, fill: Fill = "zero") -> dict[str, Tensor]:
    """The tensors that take the place of the parts when they are cut, ready for ``Segmenter.trace`` as an edit.

    Args:
        segmenter: the network.
        image: the image, at most 256 pixels a side.
        fill: ``zero``; ``mean``, every channel's mean over the image, which keeps what was found and loses where; or
            another image of the same size, whose tensors are taken.

    Returns:
        part -> (1, C, h, w) float32.

    Raises:
        ValueError: an image that ``Segmenter.trace`` does not take, images of different sizes, or another text.
    """
    x, padding = segmenter.network_input(image)
    if not isinstance(fill, str):
        size = (padding.height, padding.width)
        x, padding = segmenter.network_input(fill)
        if (padding.height, padding.width) != size:
            raise ValueError(
                f"expected an image of {size[0]} x {size[1]} to fill with, got {padding.height} x {padding.width}"
            )
    with torch.inference_mode():
        found = segmenter.network.encode(x)
        filled = [_filled(tensor, fill) for tensor in found] if isinstance(fill, str) else found
    return dict(zip(parts(segmenter), filled, strict=True))


def cut_table(segmenter: Segmenter, image: ImageArray, fill: Fill = "zero") -> NDArray[np.float32]:
    """The probability for every combination of parts that are cut.

    The combinations form a tree: the encoder runs once, and a level of the decoder once for each combination of what is
    below it.  Its block begins with a convolution of the skip beside what comes from below, which is the sum of a
    convolution of each; that of the skip, whole and cut, is the same for all combinations.

    Args:
        segmenter: the network.
        image: the image, at most 256 pixels a side.
        fill: as for ``replacements``.

    Returns:
        (2**P, H, W) float32 probabilities.  In row i the parts whose bits are set in i are cut, the first part being
        the lowest bit: row 0 is the whole network.  An image of one single grey has 0 everywhere.

    Raises:
        ValueError: as for ``replacements``.
    """
    values = grey(image)
    x, padding = segmenter.network_input(values)
    network = segmenter.network
    with torch.inference_mode():
        whole = network.encode(x)
        if isinstance(fill, str):
            cut = [_filled(tensor, fill) for tensor in whole]
        else:
            cut = list(replacements(segmenter, image, fill).values())
        blocks = [cast(Plain, block) for block in network.decoder]
        of_below, skips = [], []
        for block, *both in zip(blocks, whole, cut, strict=False):  # without the bottleneck
            first = cast(nn.Conv2d, block.first[0])
            of_skip, below = first.weight.tensor_split(2, dim=1)
            of_below.append(below)
            skips.append(functional.conv2d(torch.cat(both), of_skip, first.bias, padding="same"))

        def decode(x: Tensor, level: int) -> Tensor:
            """One combination of the parts below a level -> the logits of all those of its skip and the ones above."""
            below = functional.conv2d(network.up[level](x), of_below[level], padding="same")
            x = blocks[level].finish(below + skips[level])  # (2, C, h, w): whole and cut
            return network.head(x) if level == 0 else torch.cat([decode(one, level - 1) for one in torch.split(x, 1)])

        logits = torch.cat([decode(one, len(blocks) - 1) for one in (whole[-1], cut[-1])])
        return segmenter.to_probability(logits, values, padding)


def channel_effects(
    segmenter: Segmenter, image: ImageArray, site: str, channels: Sequence[int] | None = None
) -> NDArray[np.float32]:
    """How much the probability changes when a channel of a site is set to zero.

    Args:
        segmenter: the network.
        image: the image, at most 256 pixels a side.
        site: any name of ``UNet.sites()`` but ``logits``.
        channels: which of the site's channels; None takes them all.

    Returns:
        One float32 a channel, in the order of ``channels``: the mean over the image's pixels of the absolute change,
        0 to 1.

    Raises:
        ValueError: as for ``without_channels``.
    """
    whole, cut = without_channels(segmenter, image, site, channels)
    effects: NDArray[np.float32] = np.abs(cut - whole).mean(axis=(1, 2))
    return effects


def without_channels(
    segmenter: Segmenter, image: ImageArray, site: str, channels: Sequence[int] | None = None
) -> tuple[Probability, NDArray[np.float32]]:
    """The probability of the whole network, and without each of some channels of a site: that one alone is zero.

    Args:
        segmenter: the network.
        image: the image, at most 256 pixels a side.
        site: any name of ``UNet.sites()`` but ``logits``.
        channels: which of the site's channels; None takes them all.

    Returns:
        (H, W) and (N, H, W) float32 in [0, 1], the latter in the order of ``channels``.

    Raises:
        ValueError: an image that ``Segmenter.trace`` does not take, an unknown site, or a channel it has not.
    """
    values = grey(image)
    x, padding = segmenter.network_input(values)
    counts = {found.name: found.channels for found in segmenter.model.sites() if found.name != "logits"}
    if site not in counts:
        raise ValueError(f"expected one of the sites {', '.join(counts)}, got {site!r}")
    every = range(counts[site])
    wanted = list(every if channels is None else channels)
    if not wanted or not all(channel in every for channel in wanted):
        raise ValueError(f"expected channels of {site} from 0 to {every[-1]}, at least one, got {wanted}")
    order = list(counts)
    # Tensors that are concatenated need the same batch: an upsampled one meets a skip from earlier in the pass.
    batched = order[order.index(site.replace("up", "skip")) :]
    keep = 1 - torch.eye(len(every), device=x.device)[wanted][..., None, None]  # a row a channel: all the others

    cut = []
    with torch.inference_mode():
        whole = segmenter.to_probability(segmenter.network(x), values, padding)[0]
        for rows in torch.split(keep, AT_ONCE):

            def tap(name: str, tensor: Tensor, rows: Tensor = rows) -> Tensor:
                if name == site:
                    return tensor * rows
                return tensor.expand(len(rows), -1, -1, -1) if name in batched else tensor

            cut.append(segmenter.to_probability(segmenter.network(x, tap), values, padding))
    return whole, np.concatenate(cut)


def _filled(tensor: Tensor, fill: Literal["zero", "mean"]) -> Tensor:
    if fill == "zero":
        return torch.zeros_like(tensor)
    if fill == "mean":
        return tensor.mean((2, 3), keepdim=True).expand_as(tensor)
    raise ValueError(f"expected 'zero', 'mean' or an image to fill with, got {fill!r}")
