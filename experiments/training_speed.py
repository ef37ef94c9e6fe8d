"""What makes a training step fast: ``python experiments/training_speed.py`` prints the tables of experiments/README.md.

Every row changes one thing of the row before; medians of several steps, all rows in turns in one process.  On a GPU the
last table alone is of interest.
"""

import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from torch import Tensor
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from unet.data.augment import draw_variants
from unet.data.batches import Batch, batches, epoch_order, synthetic_sections
from unet.data.dataset import TrainingSet
from unet.files.listing import find_images
from unet.image import Padding, normalise
from unet.model import UNet, UNetConfig
from unet.runtime import channels_last, computes_bfloat16
from unet.training.losses import segmentation_loss
from unet.training.moving_average import MovingAverage

BATCH, ROUNDS = 16, 9
LOOP_BATCH, LOOP_STEPS = {"cpu": 32, "cuda": 192}, {"cpu": 6, "cuda": 200}
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


def tile_by_tile(
    tiles: TrainingSet, order: NDArray[np.int64], padding: Padding, generator: np.random.Generator
) -> Iterator[Batch]:
    """Batches as they were made before: OpenCV warps one tile after the other."""
    variants = draw_variants(order.shape, 0.0, (101, 101), padding, generator)
    size, flags = (padding.padded_width, padding.padded_height), cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    for step, rows in enumerate(order):
        pairs = []
        for place, row in enumerate(rows):
            affine = variants.affine[step, place].double().numpy()
            pairs.append(
                [
                    cv2.warpAffine(
                        part[row].numpy().astype(np.float32) / 255,
                        affine,
                        size,
                        flags=flags,
                        borderMode=cv2.BORDER_REFLECT_101,
                    )
                    for part in (tiles.images, tiles.targets)
                ]
            )
        x, y = (torch.from_numpy(np.stack(side))[:, None] for side in zip(*pairs, strict=True))
        contrast, brightness = variants.contrast[step], variants.brightness[step]
        grey = ((x - 0.5) * contrast[:, None, None, None] + 0.5 + brightness[:, None, None, None]).clamp(0, 1)
        yield torch.from_numpy(normalise(grey.numpy())).contiguous(memory_format=torch.channels_last), y


def loop(device: torch.device, survey_share: float, tiled: bool) -> Callable[[], None]:
    """Steps as ``unet.training.loop`` makes them, from bytes to the moving average, without a look at the loss."""
    size, steps = LOOP_BATCH[device.type], LOOP_STEPS[device.type]
    tiles, padding = synthetic_sections(2 * size, 0).to(device), Padding.to_multiple(101, 101, 16)
    order = np.concatenate([epoch_order(2 * size, 0, epoch, size, 1, 0) for epoch in range(steps // 2)])
    model = channels_last(UNet(UNetConfig()).train().to(device))
    optimizer = torch.optim.AdamW(model.parameters(), fused=True)
    average = MovingAverage(model, 0.999)
    bfloat16 = computes_bfloat16() or device.type == "cuda"

    def work() -> None:
        generator = np.random.default_rng(0)
        if tiled:
            pairs = tile_by_tile(tiles, order, padding, generator)
        else:
            variants = draw_variants(order.shape, survey_share, (101, 101), padding, generator)
            pairs = batches(tiles, order, variants, padding)
        for step, (x, y) in enumerate(pairs):
            with torch.autocast(device.type, torch.bfloat16, enabled=bfloat16):
                logits = model(x)
            loss = segmentation_loss(logits.float(), y, 0.75)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            average.update(model, step)
        loss.item()

    return work


def print_loop(console: Console) -> None:
    """The speed of the loop, with the batches of today and with those of before, in turns."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    ways = {"whole batches": loop(device, 0.0, False), "whole batches, a quarter varied": loop(device, 0.25, False)}
    if device.type == "cpu":
        ways["tile by tile with OpenCV"] = loop(device, 0.0, True)
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for name, work in ways.items():
            seconds[name].append(milliseconds(work, rounds=1) / 1e3)
    count = LOOP_BATCH[device.type] * LOOP_STEPS[device.type]
    table = Table(f"the loop, batches of {LOOP_BATCH[device.type]} on {device.type}", "tiles/s")
    for name, times in seconds.items():
        table.add_row(name, f"{count / statistics.median(times):.0f}")
    console.print(table)


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

    print_loop(console)
    if TEST_TILES.exists():
        files = find_images(TEST_TILES)[:256]
        each = milliseconds(lambda: [file.read_image().grey for file in files], rounds=3) / len(files)
        console.print(f"reading a tile from its zip, once instead of every epoch: {each:.2f} ms")


if __name__ == "__main__":
    main()
