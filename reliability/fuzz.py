"""Coverage-guided fuzz of what reads strange bytes: ``python -m reliability.fuzz``.

Atheris (Google's libFuzzer for Python) mutates code-built inputs and keeps every mutant that reaches a new branch of
our own code, of Pillow's readers, of NumPy's header reader, of zipfile or of safetensors' Python.  Compiled code is
not instrumented: it is reached, but nothing guides the mutants through it.  Only the documented exceptions may come
out, each with one printable sentence.
"""

import contextlib
import json
import re
import struct
import subprocess
import sys
import tempfile
import time
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Literal

import tyro
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

Door = Literal["image", "card", "zip"]
DOORS: tuple[Door, ...] = ("image", "card", "zip")

INSTRUMENTED = ["unet", "PIL", "zipfile", "numpy.lib.format", "numpy.lib._format_impl", "safetensors", "json"]
LARGEST_INPUT = 4096  # bytes: small inputs are tried more often
SLOWEST = 60  # seconds for one input, by the clock of a machine that may be busy
MEMORY = 4000  # MB of addresses: what asks for more fails, and is found; libFuzzer looks but once a second
RUNS = 8000  # inputs to a process: under atheris each leaves up to 150 kB behind, and without it nothing
LONGEST_SENTENCE = 1000  # characters


@dataclass
class Options:
    """Fuzzes the image door, the card with its weights, and the zip reader, one after the other."""

    minutes: float = 10.0
    """How long, in all."""

    only: Door | None = None
    """Fuzz only this door."""

    folder: Path = Path("runs/fuzz")
    """Where inputs that reached something new are kept for the next time, and inputs that failed."""


@dataclass(frozen=True)
class Outcome:
    """What came of one door: how many inputs were tried and kept, and how many branches they reached.

    ``failures`` is empty, or the file of the input that broke a promise and what was written then: it ends the door's
    fuzz.
    """

    door: Door
    tried: int
    kept: int
    reached: int
    failures: list[str]


# --- The doors ----------------------------------------------------------------------------------------------


def doors(place: Path) -> dict[Door, Callable[[bytes], None]]:
    """What an input is given to; each raises for a promise that is broken.

    Args:
        place: a folder for the files that two of the doors read.
    """
    from unet import checkpoint
    from unet.data.tiles import load_tiles
    from unet.files.images import Mask
    from unet.files.listing import ImageFile, find_images

    def image(content: bytes) -> None:
        for whole in {content, mended(content)}:
            file = ImageFile("fuzz.png", "fuzz", lambda whole=whole: whole)  # type: ignore[misc]
            for read in (file.read_grey, file.read_mask):
                with documented("fuzz.png: "):
                    found = read()
                    values = found.salt if isinstance(found, Mask) else found
                    assert values.ndim == 2
                    assert values.dtype == bool or (values.min() >= 0 and values.max() <= 1)

    def card(content: bytes) -> None:
        text, _, tensors = content.partition(b"\0")
        path = place / "fuzz.safetensors"
        path.write_bytes(tensors)
        path.with_suffix(".json").write_bytes(signed(text, tensors))
        with documented():
            checkpoint.load(path)

    def archive(content: bytes) -> None:
        path = place / "fuzz.zip"
        path.write_bytes(content)
        with documented():
            for image in find_images(path)[:20]:
                with documented():
                    image.read_grey()
        with documented():
            load_tiles(path)

    return {"image": image, "card": card, "zip": archive}


@contextlib.contextmanager
def documented(begin: str = "") -> Iterator[None]:
    """Lets nothing through but a ValueError of ours, whose message is one printable sentence."""
    from unet.checkpoint import CheckpointError
    from unet.data.places import DataError
    from unet.files.images import ImageError

    sentence = None
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            yield
        except (ImageError, DataError, CheckpointError) as error:
            sentence = str(error)
    assert not caught, f"printed to the user: {caught[0].message}"
    if sentence is not None:
        assert not re.search("MemoryError|Unable to allocate", sentence), "more memory asked for than any file may"
        assert sentence.startswith(begin), sentence
        assert sentence.isprintable(), repr(sentence)
        assert 0 < len(sentence) <= LONGEST_SENTENCE, sentence


def mended(content: bytes) -> bytes:
    """A PNG with the checksums that its chunks should have: a mutant would hardly ever come past them."""
    if not content.startswith(b"\x89PNG\r\n\x1a\n"):
        return content
    whole, place = bytearray(content), 8
    while place + 12 <= len(whole):
        (length,) = struct.unpack(">I", whole[place : place + 4])
        end = place + 8 + length
        if end + 4 > len(whole):
            break
        whole[end : end + 4] = struct.pack(">I", zlib.crc32(whole[place + 4 : end]))
        place = end + 4
    return bytes(whole)


def signed(text: bytes, tensors: bytes) -> bytes:
    """A card with the sha256 of these tensors, where it is a card that has one, so that mutants come past it."""
    return re.sub(rb'("sha256": ")[0-9a-f]*"', rb"\g<1>" + sha256(tensors).hexdigest().encode() + b'"', text)


# --- What it begins with ------------------------------------------------------------------------------------


def seeds(door: Door, place: Path) -> list[bytes]:
    """The inputs that the fuzz begins with, all made by code.

    Args:
        door: which of them.
        place: a folder for files that are made on the way.
    """
    from reliability import bad_input

    small = [given.content for given in bad_input.images(place) if len(given.content) <= LARGEST_INPUT]
    if door == "image":
        return small
    if door == "zip":
        path = place / "seed.zip"
        found = []
        for scene in bad_input.scenes(many=10):
            with contextlib.suppress(OSError), tempfile.TemporaryDirectory() as inside:
                inputs = scene.make(Path(inside))
                found += [file.read_bytes() for file in inputs if file.suffix == ".zip"]
        pixels = bad_input.npy(bad_input.GREY[:16, :16])
        names = ("images/a.npy", "masks/a.npy", "images/b.npy", "masks/b.npy")
        for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            found.append(bad_input.zipped(path, dict.fromkeys(names, pixels), method).read_bytes())
        return [content for content in found if len(content) <= LARGEST_INPUT]
    import torch

    from unet import checkpoint
    from unet.image import RULE
    from unet.model import UNet, UNetConfig

    found = []
    for config in (UNetConfig(1, 1), UNetConfig(1, 1, "plain", "transposed")):
        torch.manual_seed(0)
        path = place / "seed.safetensors"
        card = {"threshold": 0.5, "input": RULE, "temperature": 1.3, "training": {}, "name": "seed"}
        split = {"train": ["a"], "val": ["b"], "left_out": []}
        claim = {"metric": "mAP", "value": 0.5, "split": "val", "count": 2, "tta": True, "threshold": 0.5}
        checkpoint.save(path, UNet(config).eval(), {**card, "split": split, "claim": claim})
        tensors = path.read_bytes()
        whole = json.loads(path.with_suffix(".json").read_text())
        found.append(json.dumps(whole).encode() + b"\0" + tensors)
        for name in ("sites", "parameters", "claim", "split", "training", "temperature"):
            del whole[name]
        found.append(json.dumps(whole).encode() + b"\0" + tensors)
    return found


# --- The fuzz -----------------------------------------------------------------------------------------------


def fuzz(door: Door, seconds: int, folder: Path) -> Outcome:
    """Fuzzes one door in a process of its own, because atheris ends the process it runs in.

    Args:
        door: which one.
        seconds: how long.
        folder: mutants that reached something new are kept in ``folder/DOOR``, those that failed in ``folder/failed``.
    """
    corpus, failed = folder / door, folder / "failed"
    for place in (corpus, failed):
        place.mkdir(parents=True, exist_ok=True)
    before = set(failed.iterdir())
    tried, reached, failures = 0, 0, list[str]()
    with tempfile.TemporaryDirectory() as start:
        with tempfile.TemporaryDirectory() as place:
            for number, content in enumerate(seeds(door, Path(place))):
                (Path(start) / str(number)).write_bytes(content)
        end = time.monotonic() + seconds
        while not failures and (left := round(end - time.monotonic())) > 0:
            libfuzzer = [
                str(corpus), start, f"-max_total_time={left}", f"-runs={RUNS}", f"-max_len={2 * LARGEST_INPUT}",
                f"-timeout={SLOWEST}", "-rss_limit_mb=0", f"-artifact_prefix={failed}/{door}-", "-print_final_stats=1",
            ]  # fmt: skip
            command = [sys.executable, "-m", "reliability.fuzz", "child", door, *libfuzzer]
            root = Path(__file__).parents[1]
            run = subprocess.run(command, capture_output=True, text=True, errors="replace", cwd=root, check=False)
            tried += sum(map(int, re.findall(r"stat::number_of_executed_units:\s*(\d+)", run.stderr)))
            reached = max(reached, *map(int, re.findall(r"cov: (\d+)", run.stderr)), 0)
            if run.returncode:
                failures = [str(path) for path in sorted(set(failed.iterdir()) - before)]
                failures.append(run.stderr[-3000:])
    return Outcome(door, tried, len(list(corpus.iterdir())), reached, failures)


def child(door: Door, arguments: list[str]) -> None:
    """Runs in the process of its own; never returns."""
    import resource

    import atheris

    resource.setrlimit(resource.RLIMIT_AS, (MEMORY * 2**20, MEMORY * 2**20))
    with tempfile.TemporaryDirectory() as place:
        with atheris.instrument_imports(include=INSTRUMENTED):
            target = doors(Path(place))[door]
        atheris.Setup([sys.argv[0], *arguments], target)
        atheris.Fuzz()


def main() -> int:
    """Runs the command line; 0 where nothing was found, 1 where something was."""
    if sys.argv[1:2] == ["child"]:
        child(sys.argv[2], sys.argv[3:])  # type: ignore[arg-type]
    options = tyro.cli(Options)
    chosen = DOORS if options.only is None else (options.only,)
    folder = options.folder.resolve()
    outcomes = []
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("fuzz", total=len(chosen))
        for door in chosen:
            outcomes.append(fuzz(door, max(1, round(60 * options.minutes / len(chosen))), folder))
            progress.advance(task)
    console = Console(width=120)
    table = Table(title=f"Coverage-guided fuzz, {options.minutes:g} minutes")
    table.add_column("Door")
    for column in ("Inputs tried", "Kept, for what they reach", "Branches reached", "Broken promises"):
        table.add_column(column, justify="right")
    for outcome in outcomes:
        numbers = (outcome.tried, outcome.kept, outcome.reached, 1 if outcome.failures else 0)
        table.add_row(outcome.door, *(f"{number:,}" for number in numbers))
    console.print(table)
    failures = [failure for outcome in outcomes for failure in outcome.failures]
    for failure in failures:
        console.print(failure, markup=False, highlight=False)
    console.print("Nothing but the documented exceptions came out." if not failures else "Promises were broken.")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
