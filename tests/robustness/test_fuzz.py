"""Fuzz of what reads strange bytes: nothing but the documented exceptions may come out, each with one sentence.

The long form is guided by coverage: Atheris, Google's libFuzzer for Python, keeps every mutant that reaches a new
branch of our code, of Pillow's readers, of NumPy's header reader, of zipfile or of safetensors' Python.
"""

import importlib.util
import os
import random
import re
import subprocess
import sys
import time
import zlib
from functools import partial
from hashlib import sha256
from pathlib import Path

import pytest

from tests.robustness.checks import LONG, ROOT, outcome
from tests.robustness.conftest import CARD
from tests.robustness.hostile_files import plant
from tests.robustness.test_archives import archives
from tests.robustness.test_images import images
from unet import checkpoint
from unet.data.places import DataError
from unet.data.tiles import load_tiles
from unet.files.images import ImageError, read_image, read_mask
from unet.files.listing import find_images
from unet.model import UNet, UNetConfig

DOCUMENTED = (ImageError, DataError, checkpoint.CheckpointError)
LARGEST_INPUT = 4096  # bytes: small inputs are tried more often
PNG = b"\x89PNG\r\n\x1a\n"
FUZZ = """
import resource, sys
import atheris
resource.setrlimit(resource.RLIMIT_AS, (4 * 10**9, 4 * 10**9))  # what asks for more fails, and is found
with atheris.instrument_imports(include=["unet", "PIL", "zipfile", "numpy.lib._format_impl", "safetensors", "json"]):
    from tests.robustness.test_fuzz import DOORS
atheris.Setup(sys.argv[1:], DOORS[sys.argv[1]])
atheris.Fuzz()
"""


def image(content: bytes) -> None:
    for whole in {content, mended(content)}:
        for read in (read_image, read_mask):
            outcome(partial(read, whole, "fuzz.png"), DOCUMENTED)


def card(content: bytes) -> None:
    """A card, a zero and tensors; the card gets the sha256 of the tensors, so that mutants come past it."""
    text, _, tensors = content.partition(b"\0")
    digest = b'"sha256": "' + sha256(tensors).hexdigest().encode()
    plant(Path(), {"fuzz.json": re.sub(rb'"sha256": "[0-9a-f]*', digest, text), "fuzz.safetensors": tensors})
    outcome(lambda: checkpoint.load(Path("fuzz.safetensors")), DOCUMENTED)


def archive(content: bytes) -> None:
    path = plant(Path(), {"fuzz.zip": content}) / "fuzz.zip"
    found = outcome(lambda: find_images(path), DOCUMENTED)
    for file in [] if isinstance(found, str) else found[:20]:
        outcome(file.read_image, DOCUMENTED)
    outcome(lambda: load_tiles(path), DOCUMENTED)


DOORS = {"image": image, "card": card, "archive": archive}


def mended(content: bytes) -> bytes:
    """A PNG with the checksums that its chunks should have: a mutant would hardly ever come past them."""
    whole, place = bytearray(content), len(PNG)
    while whole.startswith(PNG) and place + 12 <= len(whole):
        end = place + 8 + int.from_bytes(whole[place : place + 4])
        whole[end : end + 4] = zlib.crc32(whole[place + 4 : end]).to_bytes(4)
        place = end + 4
    return bytes(whole)


def seeds(door: str, folder: Path) -> list[bytes]:
    """The inputs that the fuzz begins with."""
    if door == "image":
        return [given.content for given in images() if len(given.content) <= LARGEST_INPUT]
    if door == "archive":
        made = [make(plant(folder / name, {".": None})) for name, make, *_ in archives()]
        found = [path.read_bytes() for path in made if path.suffix == ".zip"]
        return [content for content in found if len(content) <= LARGEST_INPUT]
    path = folder / "seed.safetensors"
    checkpoint.save(path, UNet(UNetConfig(1, 1)).eval(), CARD)
    return [path.with_suffix(".json").read_bytes() + b"\0" + path.read_bytes()]


@pytest.mark.parametrize("door", DOORS)
def test_seeds_and_mutants_of_them(door, sandbox):
    """Without coverage to guide them, but the same ones in every run."""
    generator, whole = random.Random(0), seeds(door, sandbox.parent / "seeds")
    for content in whole:
        DOORS[door](content)
    for _ in range(60):
        content = bytearray(generator.choice(whole))
        for _ in range(generator.randint(1, 4) if content else 0):
            content[generator.randrange(min(len(content), 600))] = generator.randrange(256)
        DOORS[door](bytes(content))


@LONG
@pytest.mark.skipif(importlib.util.find_spec("atheris") is None, reason="no atheris: pip install 'salt-unet[fuzz]'")
@pytest.mark.parametrize("door", DOORS)
def test_atheris_finds_nothing(door, sandbox):
    """For FUZZ_MINUTES, three by default; under atheris every input leaves memory behind, so processes take turns."""
    end = time.monotonic() + 60 * float(os.environ.get("FUZZ_MINUTES", "3"))
    starts = {f"start/{number}": content for number, content in enumerate(seeds(door, sandbox.parent / "seeds"))}
    plant(sandbox, {"corpus": None, **starts})
    while (left := round(end - time.monotonic())) > 0:
        limits = f"-max_total_time={left} -runs=8000 -timeout=60 -rss_limit_mb=0 -max_len={2 * LARGEST_INPUT}"
        command = [sys.executable, "-c", FUZZ, door, "corpus", "start", *limits.split()]
        done = subprocess.run(command, capture_output=True, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False)
        assert done.returncode == 0, done.stderr[-3000:].decode(errors="replace")
    assert len(list(Path("corpus").iterdir())) > 10
