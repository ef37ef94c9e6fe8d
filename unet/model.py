"""The U-Net of Ronneberger, Fischer and Brox (2015), made compact: one file, parts before assembly, logits out.

Nothing is hooked.  ``UNet.forward(x, tap)`` hands every named tensor to ``tap`` and goes on with what comes back,
so recording, cutting and exchanging activations are all ordinary functions of the caller.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from unet import pretrained

Tap = Callable[[str, Tensor], Tensor]


@dataclass(frozen=True)
class UNetConfig:
    """Everything that decides the shape of a U-Net.

    Attributes:
        width: channels at full resolution; every level down doubles them.
        depth: how often the encoder halves the image, and so the number of skip connections.
        block: ``plain`` is the paper's pair of convolutions; in ``residual`` the second adds to the first.
        upsample: ``bilinear`` upsampling after a 1x1 convolution, or the paper's ``transposed`` convolution.
        encoder: ``blocks`` as above, or ``efficientnet-lite0``, which brings its own channels and needs the extra
            ``pretrained``; training then starts from its ImageNet weights.
    """

    width: int = 16
    depth: int = 4
    block: Literal["plain", "residual"] = "residual"
    upsample: Literal["bilinear", "transposed"] = "bilinear"
    encoder: Literal["blocks", "efficientnet-lite0"] = "blocks"

    def __post_init__(self) -> None:
        if not 1 <= self.width <= 256:
            raise ValueError(f"expected a width of 1 to 256 channels, got {self.width}")
        if not 1 <= self.depth <= 6:
            raise ValueError(f"expected a depth of 1 to 6 halvings, got {self.depth}")
        if self.block not in ("plain", "residual"):
            raise ValueError(f"expected the block 'plain' or 'residual', got {self.block!r}")
        if self.upsample not in ("bilinear", "transposed"):
            raise ValueError(f"expected the upsampling 'bilinear' or 'transposed', got {self.upsample!r}")
        if self.encoder not in ("blocks", pretrained.NAME):
            raise ValueError(f"expected the encoder 'blocks' or {pretrained.NAME!r}, got {self.encoder!r}")
        if self.encoder != "blocks" and (self.width, self.depth) != (16, 4):
            raise ValueError(
                f"expected width 16 and depth 4 with {self.encoder}, which brings its own, "
                f"got {self.width} and {self.depth}; leave both as they are"
            )

    @property
    def channels(self) -> tuple[int, ...]:
        """Channels of each level, full resolution first, the bottleneck last."""
        if self.encoder != "blocks":
            return pretrained.CHANNELS
        return tuple(self.width * 2**level for level in range(self.depth + 1))

    @property
    def stride(self) -> int:
        """Input height and width must be multiples of this: the bottleneck's pixel, in input pixels."""
        return 1 << self.depth


@dataclass(frozen=True)
class Site:
    """A place in the network where a tap is called: ``channels`` maps at 1/``stride`` of the input's size."""

    name: str
    channels: int
    stride: int


def convolution(channels_in: int, channels_out: int, size: int) -> nn.Sequential:
    """Convolution => batch norm; the norm has the bias."""
    return nn.Sequential(
        nn.Conv2d(channels_in, channels_out, size, padding=size // 2, bias=False),
        nn.BatchNorm2d(channels_out),
    )


class Plain(nn.Module):
    """(convolution => batch norm => ReLU) * 2."""

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__()
        self.first = convolution(channels_in, channels_out, 3)
        self.second = convolution(channels_out, channels_out, 3)

    def forward(self, x: Tensor) -> Tensor:
        """(N, channels_in, h, w) -> (N, channels_out, h, w)."""
        return self.finish(self.first(x))

    def finish(self, x: Tensor) -> Tensor:
        """What follows the first convolution, whose output is overwritten."""
        x = functional.relu(x, inplace=True)
        return functional.relu(self.second(x), inplace=True)


class Residual(Plain):
    """As Plain, and the second convolution learns only what to add to the first (He et al. 2016).

    The shortcut starts behind the first convolution, where the channels already fit: it costs an addition, while a
    1x1 convolution around both costs a quarter of the training step.
    """

    def finish(self, x: Tensor) -> Tensor:
        """What follows the first convolution, whose output is overwritten."""
        x = functional.relu(x, inplace=True)
        return functional.relu(self.second(x) + x, inplace=True)


class Bilinear(nn.Module):
    """1x1 convolution => bilinear upsampling by two; the two commute, and this order is four times cheaper."""

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__()
        self.project = nn.Conv2d(channels_in, channels_out, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(N, channels_in, h, w) -> (N, channels_out, 2h, 2w)."""
        return functional.interpolate(self.project(x), scale_factor=2.0, mode="bilinear", align_corners=False)


def _untouched(name: str, tensor: Tensor) -> Tensor:
    return tensor


class UNet(nn.Module):
    """Encoder of blocks and max pooling, bottleneck, decoder of upsampling and blocks, one skip per level.

    Args:
        config: the shape of the network.

    Example:
        >>> model = UNet(UNetConfig(width=2, depth=3)).eval()
        >>> model(torch.zeros(1, 1, 16, 24)).shape
        torch.Size([1, 1, 16, 24])
        >>> [site.name for site in model.sites()][:5]
        ['encoder1', 'encoder2', 'encoder3', 'bottleneck', 'skip3']
    """

    def __init__(self, config: UNetConfig) -> None:
        super().__init__()
        self.config = config
        channels = config.channels
        block = Residual if config.block == "residual" else Plain

        def upsample(below: int, here: int) -> nn.Module:
            if config.upsample == "bilinear":
                return Bilinear(below, here)
            return nn.ConvTranspose2d(below, here, kernel_size=2, stride=2)

        # Lists run from full resolution down; the last encoder block is the bottleneck.
        if config.encoder == "blocks":
            self.encoder = nn.ModuleList(block(above, here) for above, here in pairwise((1, *channels)))
            self.pool: nn.Module = nn.MaxPool2d(2)
        else:
            self.encoder = nn.ModuleList(pretrained.levels())
            self.pool = nn.Identity()  # its levels halve the image themselves
        self.up = nn.ModuleList(upsample(below, here) for here, below in pairwise(channels))
        self.decoder = nn.ModuleList(block(2 * here, here) for here in channels[:-1])
        self.head = nn.Conv2d(channels[0], 1, kernel_size=1)

    def forward(self, x: Tensor, tap: Tap | None = None) -> Tensor:
        """Salt logits of a batch of images.

        Args:
            x: (N, 1, H, W) float32, normalised; H and W multiples of ``config.stride``.
            tap: called as ``tap(name, tensor) -> tensor`` at every site, in the order of ``sites()``; the network
                goes on with what it returns, which must have the shape of what it was given.

        Returns:
            (N, 1, H, W) logits: positive where salt is more likely than not.

        Raises:
            ValueError: another number of dimensions or channels, or a size that is not a multiple of the stride.
        """
        tap = tap or _untouched
        *skips, x = self.encode(x, tap)
        for level in reversed(range(self.config.depth)):
            skip = tap(f"skip{level + 1}", skips[level])
            x = tap(f"up{level + 1}", self.up[level](x))  # (N, width * 2**level, 2h, 2w), as the skip
            x = tap(f"decoder{level + 1}", self.decoder[level](torch.cat([skip, x], dim=1)))

        logits: Tensor = tap("logits", self.head(x))  # (N, 1, H, W)
        return logits

    def encode(self, x: Tensor, tap: Tap = _untouched) -> list[Tensor]:
        """The first half of ``forward``: what each block of the encoder gives, full resolution first.

        Args:
            x: as for ``forward``.
            tap: as for ``forward``.

        Returns:
            (N, width * 2**level, h, w) of every level, the bottleneck last.

        Raises:
            ValueError: as for ``forward``.
        """
        self._check(x)
        depth, outputs = self.config.depth, []
        for level in range(depth):
            x = tap(f"encoder{level + 1}", self.encoder[level](x))
            outputs.append(x)
            x = self.pool(x)  # (N, ..., h / 2, w / 2)
        return [*outputs, tap("bottleneck", self.encoder[depth](x))]

    def sites(self) -> list[Site]:
        """Every tapped place, in the order of the forward pass."""
        *levels, deepest = self.config.channels
        encoder = [Site(f"encoder{i + 1}", channels, 2**i) for i, channels in enumerate(levels)]
        decoder = [
            Site(f"{part}{i + 1}", channels, 2**i)
            for i, channels in reversed(list(enumerate(levels)))
            for part in ("skip", "up", "decoder")
        ]
        return [*encoder, Site("bottleneck", deepest, self.config.stride), *decoder, Site("logits", 1, 1)]

    def _check(self, x: Tensor) -> None:
        if x.ndim != 4 or x.shape[1] != 1:
            raise ValueError(f"expected a batch of grey images (N, 1, H, W), got {tuple(x.shape)}")
        stride = self.config.stride
        height, width = x.shape[2:]
        if height % stride or width % stride:
            works = tuple(-(-side // stride) * stride for side in (height, width))
            raise ValueError(
                f"expected height and width to be multiples of {stride}, got {height} x {width}; "
                f"pad the image to {works[0]} x {works[1]}"
            )
