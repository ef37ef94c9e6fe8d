"""Trainings in processes of their own, forked from a server that has imported everything already."""

import json
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch

import train
from unet import checkpoint
from unet.data import dataset
from unet.training.resume import CHECKPOINTS, read_state

EPOCHS = 5
SECONDS = 2.0  # what a whole run takes, about
RUN = (f"--epochs={EPOCHS}", "--batch-size=4", "--sections-per-epoch=8", "--model.width=2", "--model.depth=2")

_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload([__name__, "tyro", "torch.distributed"])


class Training:
    """A process that runs ``train.py`` on one thread.

    Args:
        folder: where it runs; it writes to ``runs`` in it.
        words: its options besides those of every run.
        before: called in the process first.
        environment: added to that of this process.
    """

    def __init__(
        self, folder: Path, *words: str, before: Callable[[], None] | None = None, environment: dict | None = None
    ) -> None:
        folder.mkdir(exist_ok=True)
        environment = environment or {}
        self.stderr = folder / f"stderr{environment.get('RANK', '')}"
        self.process = _FORKS.Process(target=_run, args=(self.stderr, words, before, environment))
        self.process.start()

    def send(self, number: int) -> None:
        """Sends a signal, unless the process has ended."""
        if self.process.is_alive():
            os.kill(self.process.pid, number)

    def end(self) -> tuple[int, str]:
        """Waits for its end; its exit status, negative for the signal that killed it, and what it printed."""
        self.process.join()
        return self.process.exitcode, self.stderr.read_text()

    def wait_for(self, epochs: int, run: Path) -> None:
        """Waits until so many epochs are written, or the process has ended."""
        while self.process.is_alive() and complete(run) < epochs:
            time.sleep(0.02)  # it reads a checkpoint, and the process learns meanwhile


def _run(stderr: Path, words: tuple[str, ...], before: Callable[[], None] | None, environment: dict) -> None:
    os.environ.update(environment)
    os.chdir(stderr.parent)
    with stderr.open("wb") as file:
        os.dup2(file.fileno(), 2)
    torch.set_num_threads(1)
    if before:
        before()
    sys.exit(main(words))


def main(words: tuple[str, ...]) -> int:
    """What ``train.py`` does, with fewer synthetic sections to evaluate on."""
    dataset.UNSEEN_COUNT = 8
    sys.argv = ["train.py", *RUN, *words]
    return train.main()


def tear(write: int) -> None:
    """Kills this process within its nth write, when half of the file is under its temporary name."""
    sync, left = os.fsync, 2 * write - 1  # each write syncs the file, and then its folder

    def killing(descriptor: int) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            os.ftruncate(descriptor, os.fstat(descriptor).st_size // 2)
            os.kill(os.getpid(), signal.SIGKILL)
        sync(descriptor)

    os.fsync = killing


def outcome(run: Path) -> tuple[str, list[tuple[float, float, float]]]:
    """Of a finished run the SHA-256 of its weights, and loss, mAP and IoU of every epoch; no part of a file is left."""
    check_whole(run)
    entries = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    sha256 = checkpoint.load(run / f"{run.name}.safetensors")[1].sha256
    assert not list(run.glob("*.tmp"))
    return sha256, [(entry["loss"], entry["mAP"], entry["iou"]) for entry in entries]


def check_whole(run: Path) -> None:
    """Every file under its own name is whole; weights and card may be of two epochs until the run is resumed."""
    for name in CHECKPOINTS:
        assert not (run / name).exists() or read_state(run / name), name
    for path in (run / "metrics.jsonl", run / f"{run.name}.json"):
        text = path.read_text() if path.exists() else ""
        for part in text.splitlines() if path.suffix == ".jsonl" else filter(None, [text]):
            json.loads(part)


def check_one_sentence(printed, *parts):
    """The last line holds these parts, and no traceback is above it."""
    assert "Traceback" not in printed, printed
    for part in parts:
        assert part in printed.splitlines()[-1]


def complete(run: Path) -> int:
    """How many epochs the newest whole checkpoint of a run holds; 0 without one."""
    return max((len(state.history) for name in CHECKPOINTS if (state := read_state(run / name))), default=0)
