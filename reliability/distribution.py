"""Training on two processes: ``python -m reliability.distribution``.

Everything runs on the CPU over gloo, under torchrun: what the two compute, see and write is recorded in both and
compared with one process.  The last part kills one of them.
"""

import copy
import hashlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import tyro
from numpy.typing import NDArray
from rich.console import Console
from torch import Tensor, nn

from reliability.faults import epochs_kept, is_clean
from reliability.kill import ROOT, RUN, outcome
from unet import checkpoint, training
from unet.judging import judged, scores
from unet.material import batches, epoch_order, epoch_tiles, load_material
from unet.model import UNet, UNetConfig
from unet.options import TrainingConfig
from unet.segmenter import Segmenter
from unet.training import Run, launched, loss_of

PROCESSES = 2
BATCH = 8  # tiles per process
TILES = 42  # two batches on both processes, and an incomplete third of 10
CONFIG = TrainingConfig(
    name="both",
    epochs=3,
    batch_size=BATCH,
    sections_per_epoch=TILES,
    precision="32-true",
    model=UNetConfig(width=4, depth=2),
)
TOLERANCE = 1e-5  # of a gradient's length: float32 has 1e-7, and both sides add in another order
WORKER = "from reliability.distribution import work; work()"


@dataclass
class Options:
    """Trains on two processes, compares with one, and kills one of the two."""

    orders: int = 300
    """Epochs of random sizes whose order of tiles is checked."""

    seed: int = 0
    """Of those sizes."""


def torchrun(folder: Path, *command: str) -> "subprocess.Popen[str]":
    """Starts a command on two processes of one thread each; all they say goes to one stderr."""
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={PROCESSES}"]
    return subprocess.Popen(
        [*launcher, *command],
        cwd=folder,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def work() -> None:
    """What each of the two processes does: measures gradients, trains, and records what it sees and writes."""
    torch.set_num_threads(1)
    written = _written_below(Path.cwd() / "runs")
    fabric = launched(CONFIG)
    run = Run(CONFIG, None, fabric, Console(quiet=True))
    gradients = [_compared(run, frozen, fine) for frozen in (False, True) for fine in (False, True)]
    run = Run(CONFIG, None, fabric, Console(quiet=True))  # a fresh one: nothing of the above is in it
    rows: list[list[int]] = []
    recorded = training.batches

    def seen(images: Any, targets: Any, order: NDArray[np.int64], *rest: int) -> Iterator[tuple[Tensor, Tensor]]:
        rows.append(order.ravel().tolist())
        return recorded(images, targets, order, *rest)

    training.batches = seen
    epochs = []
    while len(run.history) < CONFIG.epochs:
        run.epoch()
        epochs.append({"weights": _digest(run.model.parameters()), "statistics": _digest(run.model.buffers())})
    history = copy.deepcopy(run.history)
    run.finish()
    found = {"gradients": gradients, "rows": rows, "epochs": epochs, "written": sorted(written), "history": history}
    Path(f"rank{fabric.global_rank}.json").write_text(json.dumps(found))


def _compared(run: Run, frozen: bool, fine: bool) -> dict[str, Any]:
    """The gradient of the first global batch, from both processes and from this one alone."""
    fabric, config = run.fabric, run.config
    tiles = epoch_tiles(None, None, 0, 0.0, 0.0, config.sections_per_epoch)

    def batch(size: int, processes: int, rank: int) -> tuple[Tensor, Tensor]:
        order = epoch_order(len(tiles.ids), config.seed, 0, size, processes, rank)
        return next(batches(tiles.images, tiles.targets, order, config.model.stride, config.seed, 0))

    x, target = batch(BATCH, PROCESSES, fabric.global_rank)
    _prepare(run.network, frozen)
    run.network.zero_grad()
    fabric.backward(loss_of(run.network(x), target, fine))
    alone = UNet(config.model)
    alone.load_state_dict(run.model.state_dict())
    _prepare(alone, frozen)
    x, target = batch(BATCH * PROCESSES, 1, 0)
    loss_of(alone(x), target, fine).backward()
    shared, single = (torch.cat([p.grad.ravel() for p in of.parameters() if p.grad is not None]) for of in (run.model, alone))
    return {
        "frozen": frozen,
        "loss": "Lovasz" if fine else "cross-entropy",
        "difference": float((shared - single).norm() / single.norm()),
    }


def _prepare(network: nn.Module, frozen: bool) -> None:
    """Training mode; with the batch norm's statistics frozen or from each process's own batch."""
    network.train()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.train(not frozen)


def _digest(tensors: Any) -> str:
    content = b"".join(tensor.detach().contiguous().numpy().tobytes() for tensor in tensors)
    return hashlib.sha256(content).hexdigest()


def _written_below(folder: Path) -> set[str]:
    """Names of what this process opens for writing, makes, renames or removes in a folder from now on."""
    written: set[str] = set()

    def watch(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            changes = isinstance(arguments[2], int) and bool(arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))
        else:
            changes = event in ("os.mkdir", "os.rename", "os.remove")
        if changes and isinstance(arguments[0], str):
            path = Path(os.path.abspath(arguments[0]))  # noqa: PTH100  it must not look at the disk
            if path == folder or folder in path.parents:
                written.add(str(path.relative_to(folder)))

    sys.addaudithook(watch)
    return written


def measured(folder: Path) -> list[dict[str, Any]]:
    """What both processes recorded in ``work``; raises ``RuntimeError`` where one of them failed."""
    process = torchrun(folder, "--no-python", sys.executable, "-c", WORKER)
    _, said = process.communicate()
    if process.returncode:
        raise RuntimeError(f"the two processes failed: {said}")
    return [json.loads((folder / f"rank{rank}.json").read_text()) for rank in range(PROCESSES)]


def sampling(rows: list[list[list[int]]], count: int) -> tuple[bool, list[set[int]]]:
    """Whether no tile came twice in an epoch, from what each process saw in each, and which were left out."""
    together = [np.concatenate(epoch) for epoch in zip(*rows, strict=True)]
    once = all(len(set(epoch.tolist())) == len(epoch) for epoch in together)
    return once, [set(range(count)) - set(epoch.tolist()) for epoch in together]


def random_orders(count: int, seed: int) -> int:
    """How many of ``count`` random pairs of epochs hold every promise of ``sampling``."""
    random = np.random.default_rng(seed)
    held = 0
    for _ in range(count):
        processes, size = int(random.integers(1, 9)), int(random.integers(1, 33))
        whole = processes * size
        tiles = int(random.integers(whole, 40 * whole))
        epoch = int(random.integers(0, 1000))
        rows = [
            [epoch_order(tiles, seed, number, size, processes, rank).ravel().tolist() for number in (epoch, epoch + 1)]
            for rank in range(processes)
        ]
        once, left_out = sampling(rows, tiles)
        few = all(len(out) == tiles % whole for out in left_out)
        # Of a handful left out of many there is a small chance that two epochs draw the same.
        another = left_out[0] != left_out[1] or not left_out[0] or len(left_out[0]) < 3
        held += once and few and another
    return held


def metrics_agree(folder: Path, history: list[dict[str, Any]]) -> bool:
    """Whether one process finds in the weights exactly what the run on two said of them."""
    model, card = checkpoint.load(folder / "runs" / "both" / "both.safetensors")
    segmenter = Segmenter(model, card)
    material = load_material(None, CONFIG.val_share, CONFIG.seed)
    again = judged(segmenter, material)
    plain = scores(segmenter.at_temperature(1.0), material.val, 0.5)
    last = (plain["mAP"], plain["iou"]) == (history[-1]["mAP"], history[-1]["iou"])
    return last and json.loads(json.dumps(again)) == {key: card[key] for key in again}


def workers(process: "subprocess.Popen[str]") -> dict[int, int]:
    """Rank -> process id of what torchrun started."""
    found = {}
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    for child in children.read_text().split():
        environment = Path(f"/proc/{child}/environ").read_bytes().split(b"\0")
        for entry in environment:
            if entry.startswith(b"RANK="):
                found[int(entry[5:])] = int(child)
    return found


def lost(folder: Path, name: str, rank: int) -> tuple[int, str, float]:
    """Kills one of two processes after the second epoch: torchrun's status, what was said, and seconds to the end."""
    process = torchrun(folder, str(ROOT / "train.py"), *RUN, "--name", name)
    run = folder / "runs" / name
    while process.poll() is None and epochs_kept(run) < 2:
        time.sleep(0.01)
    os.kill(workers(process)[rank], signal.SIGKILL)
    began = time.monotonic()
    _, said = process.communicate(timeout=300)
    return process.returncode, said, time.monotonic() - began


def is_a_message(said: str) -> bool:
    """Whether ``train.py`` said in one line how it ends, and showed no traceback; torchrun shows one of its own."""
    lines = [line for line in said.splitlines() if line.startswith(("error: another process", "interrupted"))]
    return len(lines) == 1 and "--resume" in lines[0] and said.count("Traceback") == said.count("raise ChildFailedError(")


def main() -> int:
    """Prints what was tried; 0 if every promise held, 1 if not."""
    options = tyro.cli(Options)
    console = Console(highlight=False, markup=False, soft_wrap=True)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        held = [*compared(folder, options, console), *losing(folder, console)]
    console.print("Every promise held." if all(held) else "NOT every promise held.")
    return 0 if all(held) else 1
