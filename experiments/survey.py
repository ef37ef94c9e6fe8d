"""A cube of 1,000 x 400 x 400 whose salt is known, and what predicting it takes: time, memory, kills.

    python experiments/survey.py make DIR     # cube.sgy, 648 MB, and its salt, truth.npy
    python experiments/survey.py speed DIR    # one worker, two, and where the time of one goes
    python experiments/survey.py kill DIR     # ten kills at random, and whether the output is that of a run left alone

Nothing else should run meanwhile.  ``make`` takes --inlines, --crosslines and --samples; what follows -- goes to
``segy predict``, as in: speed DIR -- --tta
"""

import argparse
import filecmp
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from rich.console import Console

from unet import Segmenter, tiling
from unet.cli import main as cli
from unet.synthetic import section

SEED = 3_100_000_027  # of a section that neither training nor the samples use
CONSOLE = Console(highlight=False, width=120)
KILLS = 10


def make(folder: Path, inlines: int, crosslines: int, samples: int) -> None:
    """Writes cube.sgy and truth.npy, (inlines, crosslines, samples) bool.

    Each inline is a window of one long synthetic section, a trace further than the one before and a little higher or
    lower, with noise of its own.
    """
    image, salt = section(SEED, samples + 40, inlines + crosslines)
    beds = (image - image.mean(dtype=np.float32)).T
    names = {"trace": 0, "coordinates": 70, "samples": 114, "interval": 116, "easting": 180, "northing": 184,
             "inline": 188, "crossline": 192, "values": 240}  # fmt: skip
    kinds = [">i4", ">i2", ">i2", ">i2", ">i4", ">i4", ">i4", ">i4", (">f4", samples)]
    header = np.dtype({"names": list(names), "formats": kinds, "offsets": list(names.values())})
    traces = np.zeros(crosslines, header)
    traces["coordinates"], traces["samples"], traces["interval"] = 1, samples, 4000
    traces["crossline"] = 300 + np.arange(crosslines)
    traces["northing"] = 6_000_000 + 25 * np.arange(crosslines)
    fields = np.zeros(1, np.dtype({"names": ["interval", "samples", "format"], "formats": [">i2"] * 3,
                                   "offsets": [16, 20, 24], "itemsize": 400}))  # fmt: skip
    fields["interval"], fields["samples"], fields["format"] = 4000, samples, 5
    truth = np.lib.format.open_memmap(folder / "truth.npy", "w+", np.bool_, (inlines, crosslines, samples))
    rng = np.random.default_rng(SEED)
    with (folder / "cube.sgy").open("wb") as file:
        file.write("C 1 A SYNTHETIC CUBE WHOSE SALT IS KNOWN".ljust(3200).encode("cp037") + fields.tobytes())
        for inline in range(inlines):
            top = round(20 + 19 * np.sin(2 * np.pi * inline / 300))
            window = np.s_[inline : inline + crosslines, top : top + samples]
            noise = rng.standard_normal((crosslines, samples), np.float32)
            traces["values"] = 20 * (beds[window] + 4 * noise)
            traces["trace"] = inline * crosslines + np.arange(crosslines) + 1
            traces["inline"], traces["easting"] = 100 + inline, 600_000 + 25 * inline
            file.write(traces.tobytes())
            truth[inline] = salt.T[window]
    truth.flush()
    size = (folder / "cube.sgy").stat().st_size / 1e6
    CONSOLE.print(
        f"{folder / 'cube.sgy'}: {inlines} x {crosslines} x {samples}, {size:,.0f} MB, {truth.mean():.1%} salt"
    )


def speed(folder: Path, options: Sequence[str]) -> None:
    """Runs one worker in this process, timing its parts, and then one and two in processes of their own."""
    seconds = inside(folder, options)
    for workers in (1, 2):
        peak, taken = outside(folder, workers, options)
        CONSOLE.print(f"{workers} workers: {taken:,.1f} s in all, the largest process {peak / 1e6:,.0f} MB")
    truth = np.lib.format.open_memmap(folder / "truth.npy", "r")
    probability = np.lib.format.open_memmap(folder / "inside.npy", "r")
    both = either = 0
    for guess, right in zip(probability, truth, strict=True):
        found = np.nan_to_num(guess) > 0.5
        both, either = both + int((found & right).sum()), either + int((found | right).sum())
    whole, network, blending = seconds
    CONSOLE.print(
        f"in this process: {whole:,.1f} s, {network:,.1f} s of it in the network, {blending:,.1f} s in blending; "
        f"overhead {whole / network - 1:.1%} of the time in the network; IoU with the salt {both / max(1, either):.3f}"
    )


def inside(folder: Path, options: Sequence[str]) -> tuple[float, float, float]:
    """Seconds of a run in this process: all, in the network, and in blending without the network."""
    network = blending = 0.0
    forward, blend = Segmenter._forward, tiling.blend

    def timed_forward(*given: Any, **named: Any) -> Any:
        nonlocal network
        begin = time.perf_counter()
        result = forward(*given, **named)
        network += time.perf_counter() - begin
        return result

    def timed_blend(*given: Any) -> Any:
        nonlocal blending
        begin, before = time.perf_counter(), network
        result = blend(*given)
        blending += time.perf_counter() - begin - (network - before)
        return result

    from unet import segmenter

    Segmenter._forward, segmenter.blend = timed_forward, timed_blend  # type: ignore[method-assign]
    begin = time.perf_counter()
    cli.main(words(folder, "inside.npy", [*options, "--workers", "1"]))
    return time.perf_counter() - begin, network, blending


def outside(folder: Path, workers: int, options: Sequence[str]) -> tuple[int, float]:
    """The largest resident memory of any process of a run, in bytes, and its seconds."""
    peak, begin = 0, time.perf_counter()
    with running(words(folder, f"workers{workers}.sgy", [*options, "--workers", str(workers)])) as process:
        while process.poll() is None:
            for one in [process, *process.children(recursive=True)]:
                try:
                    peak = max(peak, one.memory_info().rss)
                except psutil.NoSuchProcess:
                    continue
            time.sleep(0.05)
        seconds = time.perf_counter() - begin
        assert process.poll() == 0, f"expected exit status 0, got {process.poll()}"
    return peak, seconds


def kill(folder: Path, options: Sequence[str]) -> None:
    """Kills a run at random moments and takes it up again; compares the end with a run that was left alone."""
    with running(words(folder, "whole.sgy", [*options, "--zarr", str(folder / "whole.zarr")])) as process:
        assert process.wait() == 0
    blocks, rng = len(finished(folder / "whole.zarr")), random.Random(SEED)
    command = words(folder, "killed.sgy", [*options, "--zarr", str(folder / "killed.zarr")])
    again = [word for word in command if word != "--overwrite"] + ["--resume"]
    shutil.rmtree(folder / "killed.zarr", ignore_errors=True)
    (folder / "killed.sgy").unlink(missing_ok=True)
    for number in range(KILLS):
        enough = len(finished(folder / "killed.zarr")) + rng.randint(0, max(0, blocks // KILLS - 1))
        with running(again) as process:
            while process.poll() is None and len(finished(folder / "killed.zarr")) < enough:
                time.sleep(0.01)
            time.sleep(rng.uniform(0, 2))
            if process.poll() is None:
                process.kill()
        done = len(finished(folder / "killed.zarr"))
        CONSOLE.print(f"kill {number + 1}: {done} of {blocks} blocks are done")
    with running(again) as process:
        assert process.wait() == 0
    same = filecmp.cmp(folder / "whole.sgy", folder / "killed.sgy", shallow=False)
    CONSOLE.print("the outputs are the same, byte for byte" if same else "the outputs differ")


def finished(store: Path) -> list[Path]:
    """The marks of the blocks that are done."""
    return list(store.glob("probability/done/*.json"))


def words(folder: Path, out: str, options: Sequence[str]) -> list[str]:
    """The command line of a prediction."""
    return ["segy", "predict", str(folder / "cube.sgy"), "--out", str(folder / out), "--overwrite", *options]


@contextmanager
def running(command: Sequence[str]) -> Iterator[psutil.Popen]:
    """A process of the command line, which is gone at the end."""
    process = psutil.Popen([sys.executable, "-m", "unet", *command], stderr=subprocess.DEVNULL)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()


def main() -> None:
    """Parses the words and runs one part."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=("make", "speed", "kill"))
    parser.add_argument("folder", type=Path)
    for name, size in (("inlines", 1000), ("crosslines", 400), ("samples", 400)):
        parser.add_argument(f"--{name}", type=int, default=size)
    own = sys.argv[1:]
    options = own[own.index("--") + 1 :] if "--" in own else []
    given = parser.parse_args(own[: own.index("--")] if "--" in own else own)
    given.folder.mkdir(parents=True, exist_ok=True)
    if given.part == "make":
        make(given.folder, given.inlines, given.crosslines, given.samples)
    else:
        {"speed": speed, "kill": kill}[given.part](given.folder, options)


if __name__ == "__main__":
    main()
