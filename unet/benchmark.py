"""The speed of the network on this machine, beside that of the best-known U-Net for PyTorch.

The other one is the architecture of github.com/milesial/Pytorch-UNet (width 64, five levels, transposed convolutions)
as a ``UNetConfig``, with random weights: they do not change the speed.
"""

import platform
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from unet import synthetic
from unet.card import Card
from unet.image import RULE
from unet.model import UNet, UNetConfig
from unet.runtime import channels_last
from unet.segmenter import Segmenter

MILESIAL = UNetConfig(width=64, depth=4, block="plain", upsample="transposed")


@dataclass(frozen=True)
class Timing:
    """The speed of one network: its name, its parameters, and the median seconds per tile."""

    name: str
    parameters: int
    seconds_per_tile: float


def contenders(shipped: Segmenter) -> list[tuple[str, Segmenter]]:
    """The networks to compare: the shipped one exact and fast, and milesial's, exact like the first."""
    other = channels_last(UNet(MILESIAL)).eval().requires_grad_(False)
    return [
        ("shipped, float32", shipped),
        ("shipped, fast path", Segmenter(shipped.model, shipped.card, fast=True)),
        ("milesial/Pytorch-UNet, float32", Segmenter(other, Card(threshold=0.5, input=RULE))),
    ]


def measure(
    networks: Sequence[tuple[str, Segmenter]],
    tiles: int,
    repeats: int,
    advance: Callable[[int], None] = lambda count: None,
) -> list[Timing]:
    """Times networks in turns, so that other work on the machine affects all of them alike.

    Args:
        networks: names and networks.
        tiles: how many synthetic sections of 101 x 101 make a round; the networks see 112 x 112.
        repeats: rounds, of which the median counts, after a first one that is not counted.
        advance: called with 1 after every batch.

    Returns:
        One timing for each network, in their order.
    """
    images = list(synthetic.sections(tiles)[0])
    seconds: list[list[float]] = [[] for _ in networks]
    for _ in range(repeats + 1):
        for (_, segmenter), times in zip(networks, seconds, strict=True):
            begin = time.perf_counter()
            segmenter.probabilities(images)
            times.append(time.perf_counter() - begin)
            advance(1)
    return [
        Timing(name, sum(p.numel() for p in segmenter.model.parameters()), statistics.median(times[1:]) / tiles)
        for (name, segmenter), times in zip(networks, seconds, strict=True)
    ]


def processor() -> str:
    """The name of this machine's processor, as far as the system tells."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
