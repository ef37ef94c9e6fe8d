"""Training when things go wrong: ``python -m reliability.faults``.

A full disk, a folder that cannot be written, checkpoints damaged on disk, a loss that explodes, Ctrl-C and SIGTERM.
Every process is the real ``train.py``, started as a user starts it; what it learns is tiny and synthetic.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tyro
from rich.console import Console
from rich.progress import track

from reliability.kill import ROOT, RUN, Outcome, are_apart, damage, outcome, processor_time
from tests.robustness.small_disk import has_small_disks
from unet import checkpoint
from unet.data.batches import epoch_order
from unet.training.loop import CHECKPOINTS, read_checkpoint

SMALL_DISK = "300k"  # the checkpoints of two epochs, and not a third beside them

# Mounts a small disk at ``runs`` for one command alone, and keeps what the command left on it.
ON_A_DISK = """
mkdir runs kept && mount -t tmpfs -o "$1" none runs && if [ "$2" = read-only ]; then mount -o remount,ro runs; fi
shift 2
"$@"
status=$?
cp -a runs/. kept
exit $status
"""

# What ``train.py`` does, but the optimizer's step becomes infinite in the middle of an epoch.
EXPLODING = """
import sys
from unet import training
rate = training.learning_rate
def exploding(config, progress):
    return float("inf") if progress * config.epochs >= {when} else rate(config, progress)
training.learning_rate = exploding
import train
sys.exit(train.main())
"""


@dataclass
class Options:
    """Makes a training fail in every way, reads what it says, and lets it go on."""

    interrupts: int = 30
    """Processes that get a Ctrl-C, at moments from the first line of train.py to the end of the run; a third as many
    get a SIGTERM."""

    flips: int = 1000
    """Bits that are flipped in a checkpoint, one after the other."""

    seed: int = 0
    """Of the moments and the bits."""


@dataclass(frozen=True)
class Ended:
    """How a process ended, and what it said on stderr."""

    status: int
    said: str

    @property
    def last(self) -> str:
        """The last line."""
        return self.said.splitlines()[-1] if self.said else ""

    def is_one_sentence(self, status: int, *parts: str) -> bool:
        """Whether it ended with this status and a last line that holds all of ``parts``, and showed no traceback."""
        return self.status == status and all(part in self.last for part in parts) and "Traceback" not in self.said


def launch(folder: Path, *words: str, door: Sequence[str] = (), before: Sequence[str] = ()) -> "subprocess.Popen[str]":
    """Starts ``train.py`` on one thread.

    Args:
        folder: where it runs; it writes to ``runs`` in it.
        words: its options, besides those of every run.
        door: what Python runs, by default ``train.py``.
        before: a command that starts the command.
    """
    return subprocess.Popen(
        [*before, sys.executable, *(door or [str(ROOT / "train.py")]), *RUN, *words],
        cwd=folder,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def ended(process: "subprocess.Popen[str]", said: str = "") -> Ended:
    """Waits for a process that has said something already."""
    assert process.stderr is not None  # launch asks for it
    said += process.stderr.read()
    return Ended(process.wait(), said)


def on_a_disk(folder: Path, *words: str, size: str = SMALL_DISK, read_only: bool = False) -> Ended:
    """Runs ``train.py`` with ``runs`` on a small disk of its own; ``folder`` holds it afterwards, on the usual disk."""
    options = [f"size={size}", "read-only" if read_only else "writable"]
    wrapper = ["unshare", "--map-root-user", "--mount", "sh", "-c", ON_A_DISK, "sh", *options]
    result = ended(launch(folder, *words, before=wrapper))
    shutil.rmtree(folder / "runs")
    (folder / "kept").rename(folder / "runs")
    return result


def stopped_after(folder: Path, name: str, epochs: int) -> Path:
    """The folder of a run that was stopped by Ctrl-C when so many epochs were complete."""
    process = launch(folder, "--name", name)
    run = folder / "runs" / name
    wait_for_epoch(process, run, epochs)
    process.send_signal(signal.SIGINT)
    ended(process)
    return run


def wait_for_epoch(process: "subprocess.Popen[str]", run: Path, epochs: int) -> None:
    """Returns when a run has written so many checkpoints, or has ended."""
    while process.poll() is None and epochs_kept(run) < epochs:
        time.sleep(0.002)


def epochs_kept(run: Path) -> int:
    """How many epochs the newest whole checkpoint of a run holds; 0 without one."""
    states = [read_checkpoint(path) for name in CHECKPOINTS if (path := run / name).exists()]
    return max((len(state["history"]) for state in states if state is not None), default=0)


def flipped(content: bytes, bit: int) -> bytes:
    """The same bytes with one bit turned."""
    changed = bytearray(content)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def wait_for_first_line(process: "subprocess.Popen[str]") -> None:
    """Returns when ``train.py`` has begun: from its first lines on it catches SIGTERM, which Python does not."""
    status = Path(f"/proc/{process.pid}/status")
    while process.poll() is None:
        caught = re.search(r"^SigCgt:\s*(\w+)$", status.read_text(), re.MULTILINE)
        if caught and int(caught[1], 16) >> (signal.SIGTERM - 1) & 1:
            return
        time.sleep(0.001)


def wait_until_loaded(process: "subprocess.Popen[str]") -> str:
    """Returns what a resumed run said, when it says where it goes on, or when it has ended."""
    assert process.stderr is not None  # launch asks for it
    said = ""
    while line := process.stderr.readline():
        said += line
        if "going on after" in line or "from the beginning" in line:
            break
    return said


def is_clean(run: Path) -> bool:
    """Whether everything in a run's folder is whole and belongs together, and nothing temporary is left."""
    return not damage(run) and not are_apart(run) and not list(run.glob("*.tmp"))


def goes_on(folder: Path, name: str, expected: Outcome) -> bool:
    """Whether a run that is resumed ends as the undisturbed one."""
    return ended(launch(folder, "--name", name, "--resume")).status == 0 and outcome(folder / "runs" / name) == expected


def disks(folder: Path, expected: Outcome, console: Console) -> list[bool]:
    """A disk that is too small, and one that is read-only."""
    if not has_small_disks():
        console.print("full and read-only disks: not tried, this machine lets no process mount one")
        return []
    full, read_only = folder / "full", folder / "read-only"
    full.mkdir()
    result = on_a_disk(full, "--name=run")
    epochs, clean = epochs_kept(full / "runs" / "run"), is_clean(full / "runs" / "run")
    alike = goes_on(full, "run", expected)
    console.print(
        f"full disk of {SMALL_DISK}: status {result.status}, {epochs} epochs are kept, all files are whole: {clean}; "
        f"with more room it went on to the same weights, bit for bit: {alike}; it said\n  {result.last}"
    )
    read_only.mkdir()
    refused = on_a_disk(read_only, "--name=run", read_only=True)
    console.print(f"read-only disk: status {refused.status}, before the first step; it said\n  {refused.last}")
    return [
        result.is_one_sentence(1, "error: ", "No space left on device", "--resume"),
        epochs > 0,
        clean,
        alike,
        refused.is_one_sentence(1, "error: ", "Read-only file system") and "epoch" not in refused.said,
    ]


def damaged(folder: Path, expected: Outcome, console: Console, flips: int, seed: int) -> list[bool]:
    """Checkpoints cut short, emptied and with a bit turned: the newest alone, and both."""
    stopped = stopped_after(folder, "stopped", 3)
    epochs = epochs_kept(stopped)
    newest = CHECKPOINTS[epochs % 2]
    content = (stopped / newest).read_bytes()
    random = np.random.default_rng(seed)
    bits = [int(bit) for bit in random.integers(0, 8 * len(content), flips)]
    trial, noticed = folder / "trial.pt", 0
    for bit in track(bits, "flipped", console=Console(stderr=True), transient=True):
        trial.write_bytes(flipped(content, bit))
        noticed += read_checkpoint(trial) is None
    console.print(f"one bit flipped in a checkpoint of {len(content)} bytes: noticed {noticed} of {flips} times")
    held = [noticed == flips]
    kinds = {
        "cut in half": content[: len(content) // 2],
        "emptied": b"",
        "a bit flipped": flipped(content, bits[0]),
    }
    for kind, left in kinds.items():
        run = folder / "runs" / kind.replace(" ", "-")
        shutil.copytree(stopped, run)
        (run / f"{stopped.name}.safetensors").rename(run / f"{run.name}.safetensors")
        (run / f"{stopped.name}.json").rename(run / f"{run.name}.json")
        (run / newest).write_bytes(left)
        result = ended(launch(folder, "--name", run.name, "--resume"))
        said = [line for line in result.said.splitlines() if "damaged" in line]
        alike = result.status == 0 and outcome(run) == expected
        held.append(alike and len(said) == 1 and f"going on after epoch {epochs - 1}" in said[0])
        console.print(
            f"newest checkpoint {kind}: it ended with the same weights, bit for bit: {alike}; it said\n"
            f"  {' '.join(said)}"
        )
    for name in CHECKPOINTS:
        (stopped / name).write_bytes(content[:-1])
    result = ended(launch(folder, "--name", stopped.name, "--resume"))
    console.print(f"both checkpoints cut short: status {result.status}; it said\n  {result.last}")
    held.append(result.is_one_sentence(1, "error: ", "damaged on disk", "--start-from") and not are_apart(stopped))
    return held


def exploded(folder: Path, console: Console) -> bool:
    """A step that makes the weights infinite in the third epoch: the next loss is not a number."""
    result = ended(launch(folder, "--name=exploded", door=("-c", EXPLODING.format(when=2.5))))
    model, card = checkpoint.load(folder / "runs" / "exploded" / "exploded.safetensors")
    epochs = card["training"]["epochs"]
    finite = all(bool(value.isfinite().all()) for value in model.state_dict().values())
    rows = epoch_order(count=32, seed=0, epoch=2, batch_size=8, world_size=1, rank=0)[3]
    tiles = ", ".join(f"synthetic section {2 * 32 + row}" for row in rows)
    console.print(
        f"a loss that is not a number: status {result.status}, the weights kept are of epoch {epochs}, all finite: "
        f"{finite}; it said\n  {result.last}"
    )
    sentence = result.is_one_sentence(1, "error: the loss is nan in epoch 3, step 4", f"(tiles {tiles})")
    return sentence and epochs == 2 and finite and is_clean(folder / "runs" / "exploded")


def sent(folder: Path, name: str, moment: float, number: int, loaded: bool) -> Ended:
    """Resumes a run and sends it a signal.

    Args:
        folder: where it runs.
        name: of the run.
        moment: seconds of processor time after the first line of ``train.py``, or after all is loaded.
        number: of the signal.
        loaded: which of the two.
    """
    process = launch(folder, "--name", name, "--resume")
    wait_for_first_line(process)
    said = wait_until_loaded(process) if loaded else ""
    end = processor_time(process.pid) + moment
    while process.poll() is None and processor_time(process.pid) < end:
        time.sleep(0.001)
    process.send_signal(number)  # which does nothing to one that has ended
    return ended(process, said)


def interrupted(
    folder: Path, expected: Outcome, console: Console, count: int, seconds: tuple[float, float], number: int, seed: int
) -> bool:
    """Interrupts a run again and again; where it comes to its end, another one begins.

    Every other process is struck while it loads, and every other one within half the time an undisturbed run works:
    ``seconds`` holds how long that one loads and how long it works.
    """
    name, status = signal.Signals(number).name, 128 + number
    runs, alike, lines, clean, loading = 0, 0, 0, 0, 0
    shares = np.random.default_rng(seed).uniform(0, 1, count)
    for index, share in enumerate(track(shares, name, console=Console(stderr=True), transient=True)):
        loaded = index % 2 == 1
        moment = share * seconds[1] / 2 if loaded else share * seconds[0]
        while (result := sent(folder, f"{name}{runs}", moment, number, loaded)).status == 0:
            alike += outcome(folder / "runs" / f"{name}{runs}") == expected
            runs += 1
            moment /= 2
        lines += result.is_one_sentence(status, "interrupted") and result.said.count("interrupted") == 1
        loading += "before anything was begun" in result.said
        clean += is_clean(folder / "runs" / f"{name}{runs}")
    alike += goes_on(folder, f"{name}{runs}", expected)
    console.print(
        f"{name}: {lines} of {count} processes ended in one line with status {status}, {loading} of them while they "
        f"loaded PyTorch; {clean} left every file whole; {alike} of {runs + 1} runs then ended with the same weights, "
        "bit for bit"
    )
    return lines == clean == count and alike == runs + 1


def main() -> int:
    """Prints what was tried; 0 if every promise held, 1 if not."""
    options = tyro.cli(Options)
    console = Console(highlight=False, markup=False, soft_wrap=True)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        process = launch(folder, "--name=whole", "--resume")
        wait_for_first_line(process)
        began = processor_time(process.pid)
        said = wait_until_loaded(process)
        loaded = now = processor_time(process.pid)
        while process.poll() is None:
            now = max(now, processor_time(process.pid))
            time.sleep(0.01)
        assert ended(process, said).status == 0
        seconds = loaded - began, now - loaded
        expected = outcome(folder / "runs" / "whole")
        console.print(
            f"undisturbed: {len(expected.epochs)} epochs; {seconds[0]:.1f} s of processor time to load, "
            f"{seconds[1]:.1f} s from there"
        )
        held = [
            *disks(folder, expected, console),
            *damaged(folder, expected, console, options.flips, options.seed),
            exploded(folder, console),
            interrupted(folder, expected, console, options.interrupts, seconds, signal.SIGINT, options.seed),
            interrupted(folder, expected, console, options.interrupts // 3, seconds, signal.SIGTERM, options.seed + 1),
        ]
    console.print("Every promise held." if all(held) else "NOT every promise held.")
    return 0 if all(held) else 1


if __name__ == "__main__":
    sys.exit(main())
