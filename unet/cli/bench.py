"""``python -m unet bench``: the speed of the network."""

from dataclasses import dataclass
from functools import partial

import torch

from unet import benchmark
from unet.cli.checks import load_segmenter
from unet.cli.console import NumberColumn, print_table, progress_bar
from unet.cli.options import Count, UsageError, WeightsFile
from unet.segmenter import BATCH


@dataclass(frozen=True)
class Options:
    """Measure the time per tile of 101 x 101, beside milesial/Pytorch-UNet's architecture."""

    weights: WeightsFile = None
    tiles: Count = 32
    """Tiles in a round."""
    repeats: Count = 7
    """Rounds, of which the median counts."""


def run(options: Options) -> int:
    """Prints the times.

    Args:
        options: of the command.

    Returns:
        The exit status.

    Raises:
        UsageError: a count is not positive, or the weights cannot be used.
    """
    for name, count in (("tiles", options.tiles), ("repeats", options.repeats)):
        if count < 1:
            raise UsageError(f"expected --{name} to be a whole number of at least 1, got {count}")
    networks = benchmark.contenders(load_segmenter(options.weights))
    with progress_bar() as bar:
        task = bar.add_task("bench", total=2 * len(networks) * (options.repeats + 1))
        measure = partial(
            benchmark.measure, networks, options.tiles, options.repeats, advance=partial(bar.advance, task)
        )
        batched, single = measure(BATCH), measure(1)
    other = batched[-1]
    print_table(
        f"ms per tile of 101 x 101 pixels, median of {options.repeats} rounds of {options.tiles}",
        ["Network", "Runtime", *map(NumberColumn, (f"{BATCH} at once", "1 at once", "Times\nas fast"))],
        [
            (
                network.name,
                f"{network.runtime}{' *' if network.chosen else ''}",
                f"{1000 * seconds:.2f}",
                f"{1000 * alone:.2f}",
                f"{other / seconds:.1f}",
            )
            for network, seconds, alone in zip(networks, batched, single, strict=True)
        ],
        caption=f"* the fast path; times as fast as the last, {BATCH} at once",
    )
    for network in (networks[0], networks[-1]):
        print(f"{network.name}: {network.parameters:,} parameters")
    fast = next(seconds for network, seconds in zip(networks, batched, strict=True) if network.chosen)
    print(
        f"Per tile, the shipped network is {other / batched[0]:.1f} times as fast as milesial's at equal "
        f"precision, and {other / fast:.1f} times on its fast path."
    )
    print(f"{benchmark.processor()}, {torch.get_num_threads()} threads, torch {torch.__version__}")
    return 0
