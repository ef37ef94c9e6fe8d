"""``python -m unet bench``: the speed of the network."""

from dataclasses import dataclass

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
        task = bar.add_task("bench", total=len(networks) * (options.repeats + 1))
        timings = benchmark.measure(
            networks, options.tiles, options.repeats, advance=lambda count: bar.advance(task, count)
        )
    exact, fast, other = (timing.seconds_per_tile for timing in timings)
    print_table(
        f"101 x 101 pixels, {options.tiles} a round, {BATCH} at once, median of {options.repeats} rounds",
        ["Network", *map(NumberColumn, ("Parameters", "ms per tile", "Tiles per s", "Times as fast"))],
        [
            (t.name, f"{t.parameters:,}", f"{1000 * s:.2f}", f"{1 / s:.1f}", f"{other / s:.1f}")
            for t, s in zip(timings, (exact, fast, other), strict=True)
        ],
    )
    print(
        f"Per tile, the shipped network is {other / exact:.1f} times as fast as milesial's at equal "
        f"precision, and {other / fast:.1f} times on its fast path."
    )
    print(f"{benchmark.processor()}, {torch.get_num_threads()} threads, torch {torch.__version__}")
    return 0
