"""What makes a training step fast on a CPU: ``python experiments/training_speed.py`` prints the table of the README.

Every row changes one thing of the row before; medians of several steps, all rows in turns in one process.
"""

import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from unet.data.augment import augment
from unet.files.listing import find_images
from unet.image import Padding
from unet.model import UNet, UNetConfig
from unet.runtime import channels_last, computes_bfloat16
from unet.synthetic import sections

BATCH, ROUNDS = 16, 9
TEST_TILES = Path("data/tgs-salt/test.zip")


def milliseconds(work: Callable[[], object], rounds: int = ROUNDS) -> float:
    """The median time of a call, after one that does not count."""
    work()
    times = []
    for _ in range(rounds):
        began = time.perf_counter()
        work()
        times.append(1e3 * (time.perf_counter() - began))
    return statistics.median(times)


def peak(dtype: torch.dtype) -> float:
    """GFLOP/s of the product of two square matrices, the most this machine does."""
    side = 2048
    a = torch.randn(side, side).to(dtype)
    return 2 * side**3 / milliseconds(lambda: a @ a) / 1e6


def step(x: Tensor, y: Tensor, last: bool, bfloat16: bool, fused: bool) -> Callable[[], object]:
    """One training step: forward, loss, backward, optimizer."""
    model = UNet(UNetConfig()).train()
    if last:
        model, x = channels_last(model), x.contiguous(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(model.parameters(), fused=fused)

    def work() -> None:
        with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
            logits = model(x)
        loss = functional.binary_cross_entropy_with_logits(logits.float(), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return work


def main() -> None:
    """Measures and prints."""
    console = Console(width=110)
    x, y = torch.randn(BATCH, 1, 112, 112), (torch.rand(BATCH, 1, 112, 112) > 0.5).float()
    small = torch.randn(BATCH, 1, 80, 80), (torch.rand(BATCH, 1, 80, 80) > 0.5).float()
    with FlopCounterMode(display=False) as counter:
        step(x, y, last=False, bfloat16=False, fused=False)()
    per_tile = counter.get_total_flops() / BATCH / 1e9
    peaks = {False: peak(torch.float32), True: peak(torch.bfloat16)}
    console.print(f"matrix product: {peaks[False]:.0f} GFLOP/s float32, {peaks[True]:.0f} GFLOP/s bfloat16")
    console.print(
        f"{torch.get_num_threads()} threads; a training step takes {per_tile:.2f} GFLOP per tile of 112 x 112"
    )

    rows = [
        ("float32, channels first", x, y, (False, False, False)),
        ("+ channels last", x, y, (True, False, False)),
        ("+ fused AdamW", x, y, (True, False, True)),
        ("+ bfloat16", x, y, (True, True, True)),
        ("+ tiles at 72 %, 80 x 80 padded", *small, (True, True, True)),
    ]
    table = Table("training step", "ms per tile", "tiles/s", "GFLOP/s", "share of the peak")
    for name, inputs, targets, (last, bfloat16, fused) in rows:
        if bfloat16 and not computes_bfloat16():
            continue
        each = milliseconds(step(inputs, targets, last, bfloat16, fused)) / BATCH
        rate = per_tile * inputs.shape[-1] ** 2 / 112**2 / each * 1e3
        table.add_row(name, f"{each:.2f}", f"{1e3 / each:.0f}", f"{rate:.0f}", f"{rate / peaks[bfloat16]:.0%}")
    console.print(table)

    images, masks = sections(64)
    targets, padding = masks.astype(np.uint8) * 255, Padding.to_multiple(101, 101, 16)

    def augmented() -> None:
        for index, (image, target) in enumerate(zip(images, targets, strict=True)):
            augment(image, target, padding, np.random.default_rng(index))

    console.print(f"augmentation: {milliseconds(augmented) / 64:.2f} ms per tile")
    if TEST_TILES.exists():
        files = find_images(TEST_TILES)[:256]
        each = milliseconds(lambda: [file.read_image().grey for file in files], rounds=3) / len(files)
        console.print(f"reading a tile from its zip, once instead of every epoch: {each:.2f} ms")


if __name__ == "__main__":
    main()
