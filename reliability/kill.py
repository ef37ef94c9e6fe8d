"""Training under SIGKILL: ``python -m reliability.kill``.

A tiny network learns from synthetic sections.  Real processes are killed at random moments and inside their writes, and
started again with ``--resume`` until the run is done; its weights must be those of a run that nothing disturbed.
"""

import json
import math
import multiprocessing
import os
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
import tyro
from rich.console import Console
from rich.progress import Progress

import train
from unet import checkpoint
from unet.training.loop import CHECKPOINTS, read_checkpoint

ROOT = Path(__file__).parents[1]
RUN = ("--epochs=8", "--batch-size=8", "--sections-per-epoch=32", "--model.width=2", "--model.depth=2")
WRITES_PER_EPOCH = 4  # the weights, their card, the metrics, the checkpoint

_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(["train", "tyro", "unet.training.loop"])


@dataclass
class Options:
    """Kills trainings and compares the weights they end with, bit for bit, with those of an undisturbed one."""

    kills: int = 50
    """Processes that are killed: every other one at a moment of the clock, every other one inside a write."""

    seed: int = 0
    """Of the moments."""


@dataclass(frozen=True)
class Outcome:
    """What a finished run left: the SHA-256 of its weights, and loss, mAP and IoU of every epoch."""

    sha256: str
    epochs: list[tuple[float, float, float]]


@dataclass
class Tally:
    """What signals met and what came of it.

    Attributes:
        outside: processes struck outside a write.
        writing: those struck inside a write, which left a part of a file under its temporary name.
        apart: how often the weights and their card were of two epochs, until the run was resumed.
        finished: runs that came to their end, after one strike or many.
        alike: those that ended as the undisturbed run.
        wrong: what should not have been, in words.
    """

    outside: int = 0
    writing: int = 0
    apart: int = 0
    finished: int = 0
    alike: int = 0
    wrong: list[str] = field(default_factory=list)

    @property
    def strikes(self) -> int:
        """All of them."""
        return self.outside + self.writing

    @property
    def held(self) -> bool:
        """Whether every promise was kept."""
        return not self.wrong and 0 < self.alike == self.finished


class Training:
    """A real process that runs ``train.py``, forked from a server which has imported everything already.

    Args:
        folder: where it runs; it writes to ``runs`` in it.
        words: its options, besides those of every run.
    """

    def __init__(self, folder: Path, *words: str) -> None:
        self._said = folder / "said"
        self._process = _FORKS.Process(target=_train, args=(folder, self._said, (*RUN, *words)))
        self._process.start()
        assert self._process.pid is not None  # it was started
        self.pid = self._process.pid

    @property
    def status(self) -> int | None:
        """The exit status, or the signal that ended it, negative; None while it runs."""
        return self._process.exitcode

    def send(self, number: int) -> None:
        """Sends it a signal."""
        os.kill(self.pid, number)

    def said(self) -> str:
        """Waits for its end and returns its stderr."""
        self._process.join()
        return self._said.read_text()


def _train(folder: Path, said: Path, words: tuple[str, ...]) -> None:
    torch.set_num_threads(1)
    os.chdir(folder)
    with said.open("wb") as file:
        os.dup2(file.fileno(), 2)
    sys.argv = [str(ROOT / "train.py"), *words]
    sys.exit(train.main())


def outcome(run: Path) -> Outcome:
    """What is in the folder of a finished run."""
    card = checkpoint.read_card(run / f"{run.name}.safetensors")
    entries = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return Outcome(card["sha256"], [(entry["loss"], entry["mAP"], entry["iou"]) for entry in entries])


def damage(run: Path) -> list[str]:
    """What a stopped process left that is not whole, in words; temporary files are no part of the run."""
    wrong = [
        f"{name} is not whole" for name in CHECKPOINTS if (run / name).exists() and not read_checkpoint(run / name)
    ]
    for path in (run / "metrics.jsonl", run / f"{run.name}.json"):
        try:
            for text in path.read_text().splitlines() if path.suffix == ".jsonl" else [path.read_text()]:
                json.loads(text)
        except FileNotFoundError:
            pass
        except ValueError:
            wrong.append(f"{path.name} is not whole")
    return wrong


def are_apart(run: Path) -> bool:
    """Whether weights and card are there and do not belong together."""
    path = run / f"{run.name}.safetensors"
    if not path.exists():
        return False
    try:
        checkpoint.load(path)
    except checkpoint.CheckpointError:
        return True
    return False


def strike(process: Training, run: Path, moment: float, number: int) -> bool:
    """Sends a signal to a training at a moment and waits for its end.

    Args:
        process: the training.
        run: its folder.
        moment: a float is seconds of its processor time, which run alike on a busy machine; a whole number n aims at
            its nth write, which shows in a new temporary file.
        number: of the signal.

    Returns:
        Whether it was still running.
    """
    if isinstance(moment, int):
        _wait_for_write(process, run, moment)
    else:
        while process.status is None and processor_time(process.pid) < moment:
            time.sleep(0.001)
    running = process.status is None
    if running:
        process.send(number)
    return running


def disturbed(
    folder: Path, name: str, moments: Sequence[float], expected: Outcome, progress: Progress | None = None
) -> Tally:
    """Kills a training at each moment and resumes it; where it comes to its end before, another one begins.

    Args:
        folder: where it runs.
        name: of the first run; the others get numbers.
        moments: as for ``strike``; one that comes after the end is tried again on the next run, at half its time.
        expected: of the undisturbed run.
        progress: shows a bar.
    """
    tally = Tally()
    left = list(moments)
    while True:
        run = folder / "runs" / f"{name}{tally.finished}"
        ended = False
        while not ended:
            before = _parts(run)
            process = Training(folder, "--name", run.name, "--resume")
            struck = bool(left) and strike(process, run, left[0], signal.SIGKILL)
            said = process.said()
            ended = process.status == 0
            if struck and process.status == -signal.SIGKILL:
                left.pop(0)
                inside = bool(_parts(run) - before)
                tally.writing += inside
                tally.outside += not inside
                tally.apart += are_apart(run)
                tally.wrong += damage(run)
                if progress:
                    progress.advance(progress.task_ids[0])
            elif not ended:
                tally.wrong.append(f"status {process.status}: {said}")
                return tally
        if left and isinstance(left[0], float):
            left[0] /= 2  # a run on a quieter machine may need less than the undisturbed one did
        tally.finished += 1
        tally.alike += outcome(run) == expected
        tally.wrong += [f"{part[0]} was left behind" for part in _parts(run)]
        if not left:
            return tally


def _parts(run: Path) -> set[tuple[str, int]]:
    """Temporary files, and when they were written to last."""
    found = set()
    for path in run.glob("*.tmp"):
        try:
            found.add((path.name, path.stat().st_mtime_ns))
        except FileNotFoundError:  # it has its own name now
            continue
    return found


def _wait_for_write(process: Training, run: Path, count: int) -> None:
    """Returns within the ``count``-th write that begins from now on, or when the process ends."""
    old = _parts(run)
    before = {name for name, _ in old}
    while process.status is None:
        now = _parts(run) - old
        names = {name for name, _ in now}
        count -= len(names - before)
        if count <= 0:
            return
        before = names
        time.sleep(0.0002)


def processor_time(pid: int) -> float:
    """Seconds of processor time a process has had; infinite where it is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    except OSError:
        return math.inf
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def moments_of(count: int, seconds: float, seed: int) -> list[float | int]:
    """Moments for ``strike``: in turn one of the clock and one of the next writes.

    They lie within half the time of an undisturbed run and within the writes of two epochs: a resumed run gets further.
    """
    random = np.random.default_rng(seed)
    clock = random.uniform(0, seconds / 2, count)
    writes = random.integers(1, 2 * WRITES_PER_EPOCH, count, endpoint=True)
    return [int(writes[index]) if index % 2 else float(clock[index]) for index in range(count)]


def undisturbed(folder: Path) -> tuple[Outcome, float]:
    """What the run named ``whole`` ends with, and how many seconds of processor time it took."""
    process, seconds = Training(folder, "--name=whole"), 0.0
    while process.status is None:
        now = processor_time(process.pid)
        seconds = now if math.isfinite(now) else seconds
        time.sleep(0.01)
    said = process.said()
    if process.status:
        raise RuntimeError(f"the undisturbed run failed: {said}")
    return outcome(folder / "runs" / "whole"), seconds


def main() -> int:
    """Prints what was tried; 0 if every promise held, 1 if not."""
    options = tyro.cli(Options)
    console = Console(highlight=False, markup=False, soft_wrap=True)
    with tempfile.TemporaryDirectory() as place, Progress(console=Console(stderr=True), transient=True) as progress:
        folder = Path(place)
        progress.add_task("killed", total=options.kills)
        expected, seconds = undisturbed(folder)
        console.print(
            f"undisturbed: {len(expected.epochs)} epochs in {seconds:.1f} s of processor time, "
            f"weights {expected.sha256[:16]}..."
        )
        moments = moments_of(options.kills, seconds, options.seed)
        tally = disturbed(folder, "killed", moments, expected, progress)
    console.print(
        f"killed: {tally.strikes} processes by SIGKILL, {tally.writing} of them inside a write, which left a part of "
        f"a file under a temporary name, {tally.outside} while they loaded, learned or validated"
    )
    console.print(
        f"after every kill each checkpoint, card and list of metrics was whole; weights and card were of two epochs "
        f"after {tally.apart} of them, until the run was resumed"
        if not tally.wrong
        else "\n".join(tally.wrong)
    )
    console.print(
        f"resumed: {tally.alike} of {tally.finished} runs ended with the weights of the undisturbed one, and with the "
        "loss, mAP and IoU of each of its epochs, bit for bit"
    )
    console.print("Every promise held." if tally.held else "NOT every promise held.")
    return 0 if tally.held else 1


if __name__ == "__main__":
    sys.exit(main())
