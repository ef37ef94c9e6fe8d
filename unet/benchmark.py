"""The speed of the network on this machine in every runtime there is, beside that of the best-known U-Net for PyTorch.

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
from unet.runtime import PLAIN, channels_last, fastest, runtimes
from unet.segmenter import Segmenter

MILESIAL = UNetConfig(width=64, depth=4, block="plain", upsample="transposed")


@dataclass(frozen=True)
class Contender:
    """A network in one runtime.

    Attributes:
        name: of the network.
        segmenter: computes in that runtime.
        chosen: whether it is the one that ``fast`` takes.
    """

    name: str
    segmenter: Segmenter
    chosen: bool = False

    @property
    def runtime(self) -> str:
        """The name of the runtime."""
        return self.segmenter.runtime

    @property
    def parameters(self) -> int:
        """How many the network has."""
        return sum(parameter.numel() for parameter in self.segmenter.model.parameters())


def contenders(shipped: Segmenter) -> list[Contender]:
    """The shipped network in every runtime there is, the plain one first, and milesial's in plain PyTorch."""
    fast = fastest(shipped.model, bfloat16=True)
    other = channels_last(UNet(MILESIAL)).eval().requires_grad_(False)
    shipped_in = {name: Segmenter(shipped.model, shipped.card, runtime=name) for name in runtimes(shipped.model)}
    return [
        *(Contender("shipped", segmenter, name == fast) for name, segmenter in shipped_in.items()),
        Contender("milesial's", Segmenter(other, Card(threshold=0.5, input=RULE), runtime=PLAIN)),
    ]


def measure(
    networks: Sequence[Contender],
    tiles: int,
    repeats: int,
    batch_size: int,
    advance: Callable[[int], None] = lambda count: None,
) -> list[float]:
    """Times networks in turns, so that other work on the machine affects all of them alike.

    Args:
        networks: what to time.
        tiles: how many synthetic sections of 101 x 101 make a round; the networks see 112 x 112.
        repeats: rounds, of which the median counts, after a first one that is not counted.
        batch_size: tiles at once.
        advance: called with 1 after every round of a network.

    Returns:
        The median seconds per tile of each network, in their order.
    """
    images = list(synthetic.sections(tiles)[0])
    seconds: list[list[float]] = [[] for _ in networks]
    for _ in range(repeats + 1):
        for network, times in zip(networks, seconds, strict=True):
            begin = time.perf_counter()
            network.segmenter.probabilities(images, batch_size=batch_size)
            times.append(time.perf_counter() - begin)
            advance(1)
    return [statistics.median(times[1:]) / tiles for times in seconds]


def processor() -> str:
    """The name of this machine's processor, as far as the system tells."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
