"""The receptive field: the pixels that a logit can depend on."""

import torch
from torch import nn

from unet.model import UNet, UNetConfig


def receptive_field(config: UNetConfig) -> int:
    """The side of the receptive field in pixels, computed from kernels and strides.

    The field of a logit depends on its place in the grid of the bottleneck; this is the widest one.  Most of it has
    hardly any influence: ``influence_box`` finds the part that has.

    Args:
        config: of the network; ``efficientnet-lite0`` needs the extra ``pretrained`` here too.

    Raises:
        ValueError: the encoder's package is not installed.

    Example:
        >>> receptive_field(UNetConfig(depth=1, upsample="transposed"))
        18
    """
    with torch.device("meta"):  # shapes without numbers
        model = UNet(config)
    fields = [_field(model, pixel) for pixel in range(config.stride)]
    return max(last - first + 1 for first, last in fields)


def _field(model: UNet, pixel: int) -> tuple[int, int]:
    """The first and the last input row that the logit of one row depends on, far from every edge."""
    first = last = pixel
    skips = []
    for block in model.decoder:  # from full resolution down
        first, last = _through(block, first, last)
        skips.append((first, last))
        if model.config.upsample == "bilinear":  # between the two nearest rows below
            first, last = (first - 1) // 2, (last + 1) // 2
        else:
            first, last = first // 2, last // 2
    first, last = _through(model.encoder[-1], first, last)
    for block, (skip_first, skip_last) in zip(reversed(model.encoder[:-1]), reversed(skips), strict=True):
        if isinstance(model.pool, nn.MaxPool2d):
            first, last = 2 * first, 2 * last + 1
        first, last = _through(block, min(first, skip_first), max(last, skip_last))
    return first, last


def _through(block: nn.Module, first: int, last: int) -> tuple[int, int]:
    """The input rows behind some output rows of the convolutions in a block, which pad to keep or halve the size."""
    for layer in reversed([layer for layer in block.modules() if isinstance(layer, nn.Conv2d)]):
        size, stride = layer.kernel_size[0], layer.stride[0]
        above = (size - stride) // 2
        first, last = first * stride - above, last * stride - above + size - 1
    return first, last
