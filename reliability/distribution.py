"""Training on two processes: ``python -m reliability.distribution``.

Everything runs on the CPU over gloo, under torchrun: what the two compute, see and write is recorded in both and
compared with one process.  The last part kills one of them.
"""

import copy
import hashlib
import json
import math
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
import tyro
from numpy.typing import NDArray
from rich.console import Console
from torch import Tensor, nn

from reliability.faults import epochs_kept, is_clean, launch
from reliability.kill import ROOT, RUN, outcome
from unet import checkpoint
from unet.data.batches import batches, epoch_order, epoch_tiles
from unet.data.dataset import Dataset, Images, Targets, unseen_sections
from unet.evaluation import evaluate_network, scores
from unet.model import UNet, UNetConfig
from unet.runtime import channels_last
from unet.segmenter import Segmenter
from unet.training.config import TrainingConfig
from unet.training.loop import Run, launched, loss_of

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
# Of a gradient's length: what rounding makes of sums over the pixels of a batch, added in another order.
TOLERANCE = {"64": 1e-10, "32": 1e-3}
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
    gradients = _compared("64-true") + _compared("32-true")
    fabric = launched(CONFIG)
    run = Run(CONFIG, None, fabric, Console(quiet=True))
    rows: list[list[int]] = []

    def seen(images: Images, targets: Targets, order: NDArray[np.int64], *rest: int) -> Iterator[tuple[Tensor, Tensor]]:
        rows.append(order.ravel().tolist())
        return batches(images, targets, order, *rest)

    epochs = []
    with patch("unet.training.loop.batches", seen):
        while len(run.history) < CONFIG.epochs:
            run.epoch()
            epochs.append({"weights": _digest(run.model.parameters()), "statistics": _digest(run.model.buffers())})
    history = copy.deepcopy(run.history)
    run.finish()
    found = {"gradients": gradients, "rows": rows, "epochs": epochs, "written": sorted(written), "history": history}
    Path(f"rank{fabric.global_rank}.json").write_text(json.dumps(found))


def _compared(precision: Any) -> list[dict[str, Any]]:
    """How far the gradient of the first batch on both processes is from that on one, as a share of its length."""
    kind = torch.float64 if precision == "64-true" else torch.float32
    torch.set_default_dtype(kind)  # what Lightning's precision makes of a network's answer
    config = replace(CONFIG, precision=precision)
    fabric = launched(config)
    run = Run(config, None, fabric, Console(quiet=True))
    alone = channels_last(UNet(config.model)).to(kind)
    tiles = epoch_tiles(None, None, 0, 0.0, 0.0, config.sections_per_epoch)

    def learn(model: nn.Module, size: int, processes: int, rank: int) -> Tensor:
        model.zero_grad()
        model.train()
        for module in model.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.train(not frozen)
        order = epoch_order(len(tiles.ids), config.seed, 0, size, processes, rank)
        x, target = next(batches(tiles.images, tiles.targets, order, config.model.stride, config.seed, 0))
        return loss_of(model(x.to(kind)), target.to(kind), fine)

    with torch.no_grad():  # statistics of some batch, not those of a fresh network
        run.model.train()(torch.randn(BATCH, 1, 64, 64, generator=torch.Generator().manual_seed(0), dtype=kind))
    alone.load_state_dict(run.model.state_dict())
    found = []
    for frozen, fine in product((True, False), (False, True)):
        fabric.backward(learn(run.network, BATCH, PROCESSES, fabric.global_rank))
        learn(alone, BATCH * PROCESSES, 1, 0).backward()
        both, one = _gradient(run.model), _gradient(alone)
        loss, distance = "Lovasz" if fine else "cross-entropy", float((both - one).norm() / one.norm())
        found.append({"precision": precision, "frozen": frozen, "loss": loss, "distance": distance})
    torch.set_default_dtype(torch.float32)
    return found


def _gradient(model: UNet) -> Tensor:
    return torch.cat([p.grad.ravel().double() for p in model.parameters() if p.grad is not None])


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
        # Chance may leave the same tiles out twice, where there are not many ways to choose them.
        another = left_out[0] != left_out[1] or math.comb(tiles, tiles % whole) < 1e9
        held += once and few and another
    return held


def metrics_agree(folder: Path, history: list[dict[str, Any]]) -> bool:
    """Whether one process, on as many threads, finds in the weights exactly what the run on two said of them."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    model, card = checkpoint.load(folder / "runs" / "both" / "both.safetensors")
    segmenter = Segmenter(model, card)
    unseen = unseen_sections()
    again = evaluate_network(segmenter, Dataset(None, unseen, unseen, None))
    plain = scores(segmenter.at_temperature(1.0), unseen, 0.5)
    torch.set_num_threads(threads)
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
    return (
        len(lines) == 1 and "--resume" in lines[0] and said.count("Traceback") == said.count("raise ChildFailedError(")
    )


def compared(folder: Path, options: Options, console: Console) -> list[bool]:
    """What two processes compute, see, write and find, beside what one does."""
    ranks = measured(folder)
    held = []
    for index, gradient in enumerate(ranks[0]["gradients"]):
        distance = max(rank["gradients"][index]["distance"] for rank in ranks)
        bits = gradient["precision"][:2]
        statistics = "frozen statistics" if gradient["frozen"] else "statistics of each process's own tiles"
        console.print(
            f"gradient of {PROCESSES} x {BATCH} tiles, {gradient['loss']}, {statistics}, {bits} bits: on two processes "
            f"{distance:.1e} of its length from that on one"
        )
        if gradient["frozen"]:
            held.append(distance < TOLERANCE[bits])
    alike = [len({rank["epochs"][epoch]["weights"] for rank in ranks}) == 1 for epoch in range(CONFIG.epochs)]
    apart = [len({rank["epochs"][epoch]["statistics"] for rank in ranks}) > 1 for epoch in range(CONFIG.epochs)]
    console.print(
        f"after {sum(alike)} of {CONFIG.epochs} epochs both processes hold the same weights, bit for bit; after "
        f"{sum(apart)} the running statistics of their batch norm differ, and those of the first are kept"
    )
    once, left_out = sampling([rank["rows"] for rank in ranks], TILES)
    whole, sizes = PROCESSES * BATCH, sorted({len(out) for out in left_out})
    others = len({frozenset(out) for out in left_out})
    console.print(
        f"{TILES} tiles in batches of {whole}: none seen twice in an epoch: {once}; left out of an epoch: {sizes}, "
        f"other tiles in each: {others == CONFIG.epochs}"
    )
    orders = random_orders(options.orders, options.seed)
    console.print(f"the same for {orders} of {options.orders} random counts, batch sizes and processes")
    written = [len(rank["written"]) for rank in ranks]
    console.print(f"names written below runs: {written[0]} by the first process, {written[1]} by the second")
    agree = metrics_agree(folder, ranks[0]["history"])
    console.print(f"one process finds exactly the metrics, threshold, temperature and claim of the two: {agree}")
    few = sizes == [TILES % whole] and others == CONFIG.epochs
    return [*held, all(alike), once, few, orders == options.orders, written[0] > 0, written[1] == 0, agree]


def losing(folder: Path, console: Console) -> list[bool]:
    """Kills one of two processes; the run goes on in two, and in one."""
    process = torchrun(folder, str(ROOT / "train.py"), *RUN, "--name=undisturbed")
    _, said = process.communicate()
    assert process.returncode == 0, said
    expected = outcome(folder / "runs" / "undisturbed")
    held = []
    for rank, processes in ((1, 2), (0, 1)):
        name = f"lost{rank}"
        status, said, seconds = lost(folder, name, rank)
        run = folder / "runs" / name
        message = next((line for line in said.splitlines() if "--resume" in line), "nothing")
        epochs, clean = epochs_kept(run), is_clean(run)
        console.print(
            f"rank {rank} of 2 killed: torchrun ends after {seconds:.1f} s with status {status}, {epochs} epochs are "
            f"kept, all files are whole: {clean}; the other said\n  {message}"
        )
        command = [str(ROOT / "train.py"), *RUN, "--name", name, "--resume"]
        again = torchrun(folder, *command) if processes == 2 else launch(folder, *command[len(RUN) + 1 :])
        _, more = again.communicate()
        result = outcome(run) if again.returncode == 0 else None
        done = result is not None and len(result.epochs) == len(expected.epochs)
        console.print(
            f"resumed on {processes}: it went on to its last epoch: {done}"
            + (f"; the same weights as undisturbed, bit for bit: {result == expected}" if processes == 2 else "")
        )
        held += [status != 0, is_a_message(said), clean, done and "Traceback" not in more]
        if processes == 2:
            held.append(result == expected)
    return held


def main() -> int:
    """Prints what was tried; 0 if every promise held, 1 if not."""
    options = tyro.cli(Options)
    console = Console(highlight=False, markup=False, soft_wrap=True)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        held = [*compared(folder, options, console), *losing(folder, console)]
    console.print("Every promise held." if all(held) else "NOT every promise held.")
    return 0 if all(held) else 1


if __name__ == "__main__":
    sys.exit(main())
