"""``python -m unet predict`` under kills, Ctrl-C and disks that take no more: ``python -m reliability.predict``."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import tyro
from PIL import Image
from rich.console import Console
from rich.progress import track

from unet.synthetic import section

MODULE = ("-m", "unet")
# What the script `salt-unet` does, wherever it was installed.
SCRIPT = ("-c", "import sys; from unet.__main__ import main; sys.exit(main())")
SIZES = ((101, 101), (48, 60), (33, 40), (48, 60), (40, 150))  # in turn; the last is cut into tiles
SMALL_DISK = "400k"

# Mounts a small disk for one command alone, and keeps what the command left on it.
ON_A_DISK = """
mount -t tmpfs -o "$1" none "$2" && cd "$2" && mkdir -p out && if [ -n "$4" ]; then mount -o remount,ro "$2"; fi
kept=$3; shift 4
"$@"
status=$?
cp -a . "$kept"
exit $status
"""


@dataclass
class Options:
    """Kills, interrupts and starves the command line, and compares what it leaves with an undisturbed run."""

    kills: int = 20
    """Runs that are killed, twice each, and started again."""

    interrupts: int = 40
    """Runs that get a Ctrl-C, at moments from the loading of PyTorch to the end."""

    images: int = 300
    """Images in each run."""

    seed: int = 0
    """Of the moments."""


@dataclass(frozen=True)
class Result:
    """What a run left behind.

    Attributes:
        status: of the process.
        said: its stderr.
        files: name -> bytes of everything in its folder, temporary files too.
        csv: the submission; None without.
    """

    status: int
    said: str
    files: dict[str, bytes]
    csv: bytes | None


def draw(folder: Path, count: int) -> Path:
    """Makes a folder of synthetic sections of several sizes, with one file that is no image among them."""
    folder.mkdir()
    for index in range(count):
        Image.fromarray(section(index, *SIZES[index % len(SIZES)])[0]).save(folder / f"{index:04}.png")
    (folder / "0100-damaged.png").write_bytes(b"no image")
    return folder


def start(door: Sequence[str], *words: str | Path, wrapper: Sequence[str] = ()) -> "subprocess.Popen[str]":
    """Starts the command line as a user does, with as many threads as this process."""
    environment = {**os.environ, "OMP_NUM_THREADS": str(torch.get_num_threads())}  # the last bits depend on them
    environment["PYTHONPATH"] = str(Path(__file__).parents[1])
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # started in the background of a script, and inherited
        signal.signal(signal.SIGINT, signal.default_int_handler)
    return subprocess.Popen(
        [*wrapper, sys.executable, *door, *map(str, words)],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def words(images: Path, place: Path) -> list[str | Path]:
    """The command that is disturbed: everything it can write, and it goes on where it was stopped."""
    out, csv = place / "out", place / "all.csv"
    return ["predict", images, "--out", out, "--csv", csv, "--probability", "--skip-existing"]


def ended(process: "subprocess.Popen[str]", place: Path) -> Result:
    """Waits for a process, and reads what it left."""
    _, said = process.communicate()
    csv = place / "all.csv"
    return Result(process.returncode, said, contents(place / "out"), csv.read_bytes() if csv.exists() else None)


def contents(folder: Path) -> dict[str, bytes]:
    """Name -> bytes of every file of a folder, which need not be there."""
    return {path.name: path.read_bytes() for path in folder.iterdir()} if folder.exists() else {}


def same(one: Result, other: Result) -> bool:
    """Whether two runs left the same files and the same CSV, bit for bit, and nothing else."""
    return (one.status, one.files, one.csv) == (other.status, other.files, other.csv)


def killed(images: Path, place: Path, moments: Sequence[float]) -> tuple[list[int], Result]:
    """Kills a run at each moment and starts it again, then lets it end.

    Args:
        images: what it reads.
        place: an empty folder for what it writes.
        moments: seconds after the first new file.

    Returns:
        How many files were there after each kill, and what the last run left.
    """
    counts = [0]
    for moment in moments:
        process = start(MODULE, *words(images, place))
        wait(lambda: len(contents(place / "out")) > counts[-1], process)
        time.sleep(moment)
        process.kill()
        process.communicate()
        counts.append(len(contents(place / "out")))
    return counts[1:], ended(start(MODULE, *words(images, place)), place)


def interrupted(door: Sequence[str], images: Path, place: Path, moment: float) -> Result:
    """Sends Ctrl-C to a run, some seconds after it began to load PyTorch."""
    process = start(door, *words(images, place))
    maps = Path(f"/proc/{process.pid}/maps")
    wait(lambda: "/torch/" in maps.read_text(), process)
    time.sleep(moment)
    process.send_signal(signal.SIGINT)
    return ended(process, place)


def in_one_line(result: Result, whole: Result) -> bool:
    """Whether an interrupted run said so in one line and left nothing but whole files; or had ended before."""
    complete = all(whole.files.get(name) == content for name, content in result.files.items())
    lines = [line for line in result.said.splitlines() if "0100-damaged.png" not in line]
    stopped = result.status == 130 and len(lines) == 1 and "interrupted" in lines[0]
    return complete and (stopped or same(result, whole))


def has_small_disks() -> bool:
    """Whether this machine lets a process mount a disk of its own."""
    try:
        trial = ["unshare", "--map-root-user", "--mount", "mount", "-t", "tmpfs", "none", "/mnt"]
        return subprocess.run(trial, capture_output=True).returncode == 0
    except OSError:
        return False


def starved(place: Path, command: Sequence[str | Path], size: str = SMALL_DISK, read_only: bool = False) -> Result:
    """Runs a command in a small disk of its own, which holds the empty folder ``out``.

    Args:
        place: an empty folder.
        command: the words after ``python -m unet``; relative names are on the disk.
        size: of the disk, as mount has it.
        read_only: nothing can be written to it.

    Returns:
        What it said, and what was left in ``out``; and ``all.csv``, if there is one.
    """
    disk, kept = place / "disk", place / "kept"
    disk.mkdir()
    kept.mkdir()
    options = [f"size={size}", str(disk), str(kept), "yes" if read_only else ""]
    wrapper = ["unshare", "--map-root-user", "--mount", "sh", "-c", ON_A_DISK, "sh", *options]
    return ended(start(MODULE, *command, wrapper=wrapper), kept)


def one_sentence(result: Result, sentence: str) -> bool:
    """Whether a run failed with one line that holds ``sentence``, and left no temporary file."""
    lines = [line for line in result.said.splitlines() if "0100-damaged.png" not in line]
    clean = not any(name.endswith(".tmp") for name in result.files)
    return result.status in (1, 2) and len(lines) == 1 and sentence in lines[0] and clean


def wait(ready: Callable[[], bool], process: "subprocess.Popen[str]", seconds: float = 600) -> None:
    """Waits until something is so, a process has ended, or the time is over."""
    end = time.monotonic() + seconds
    while process.poll() is None and time.monotonic() < end:
        try:
            if ready():
                return
        except OSError:  # a file that was there a moment ago, or a process
            pass
        time.sleep(0.001)


def main() -> int:
    """Prints what was tried; 0 if every promise held, 1 if not."""
    options = tyro.cli(Options)
    console = Console(highlight=False, markup=False, soft_wrap=True)
    with tempfile.TemporaryDirectory() as folder:
        held = _tried(options, Path(folder), console)
    console.print("Every promise held." if held else "NOT every promise held.")
    return 0 if held else 1


def _tried(options: Options, folder: Path, console: Console) -> bool:
    watched = Console(stderr=True)
    random = np.random.default_rng(options.seed)
    images = draw(folder / "images", options.images)

    def fresh(name: str) -> Path:
        place = folder / name
        place.mkdir()
        return place

    begin = time.monotonic()
    place = fresh("whole")
    process = start(MODULE, *words(images, place))
    wait(lambda: bool(contents(place / "out")), process)
    first = time.monotonic()
    whole = ended(process, place)
    loading, working = first - begin, time.monotonic() - first
    console.print(
        f"undisturbed: {options.images} images and a damaged one, {len(whole.files)} files and a CSV; "
        f"{loading:.1f} s until the first file, {working:.1f} s from there"
    )
    again = ended(start(MODULE, *words(images, fresh("again"))), folder / "again")
    held = [whole.status == 1 and len(whole.files) == 2 * options.images, same(again, whole)]

    midway, alike = 0, 0
    for number in track(range(options.kills), "killed", console=watched, transient=True):
        moments = random.uniform(0, [working / 2, working / 4])
        counts, result = killed(images, fresh(f"killed{number}"), [float(moment) for moment in moments])
        midway += sum(0 < count < len(whole.files) for count in counts)
        alike += same(result, whole)
    held.append(alike == options.kills)
    console.print(
        f"killed: {alike} of {options.kills} runs, each stopped twice by SIGKILL and started again, left the same "
        f"files and the same CSV, bit for bit; {midway} of {2 * options.kills} kills left some files and not all"
    )

    for name, door in (("python -m unet", MODULE), ("salt-unet", SCRIPT)):
        lines, early, late = 0, 0, 0
        for number in track(range(options.interrupts), "interrupted", console=watched, transient=True):
            moment = float(random.uniform(0, loading + working))
            result = interrupted(door, images, fresh(f"{door[0]}{number}"), moment)
            lines += in_one_line(result, whole)
            early += result.status == 130 and not result.files
            late += result.status != 130
        held.append(lines == options.interrupts and late < options.interrupts)  # one that came too late proves nothing
        console.print(
            f"Ctrl-C, {name}: {lines - late} of {options.interrupts} runs ended in one line with status 130 and left "
            f"whole files only, {early} of them before the first file; {late} had ended before it came"
        )

    if not has_small_disks():
        console.print("full and read-only disks: not tried, this machine lets no process mount one")
        return all(held)
    predict: list[str | Path] = ["predict", images, "--probability", "--out"]
    trials: tuple[tuple[str, list[str | Path], str, bool, str], ...] = (
        ("full disk", [*predict, "out"], SMALL_DISK, False, "No space left on device"),
        ("full disk, the CSV's", [*predict, folder / "csv", "--csv", "all.csv"], "4k", False, "No space left"),
        ("read-only disk", [*predict, "out"], SMALL_DISK, True, "this folder cannot be written to"),
        ("read-only disk, new folder", [*predict, "new"], SMALL_DISK, True, "Read-only file system"),
        ("read-only disk, the CSV's", [*predict, folder / "csv", "--csv", "all.csv"], "4k", True, "cannot be written"),
    )
    for what, command, size, read_only, sentence in trials:
        result = starved(fresh(what), command, size, read_only)
        whole_files = all(whole.files[name] == content for name, content in result.files.items())
        held.append(one_sentence(result, sentence) and whole_files and result.csv is None)
        console.print(
            f"{what}: status {result.status}, {len(result.files)} whole files and no other, and it said\n"
            f"  {result.said.splitlines()[-1]}"
        )
    return all(held)


if __name__ == "__main__":
    sys.exit(main())
