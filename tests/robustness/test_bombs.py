"""Small files that unpack to large ones: the memory of real processes."""

import bz2
import json
import lzma
import zipfile
import zlib
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import numpy as np
from PIL import Image

from tests.robustness.checks import LONG, Ended, check_refusal, run_process, sentences, untouched
from tests.robustness.hostile_files import GREY, encoded, plant, png, raw_zip, zipped
from unet.image import RULE

LARGEST_MB = 2500  # what the largest image that is read may take in all


def zeros(compressor, megabytes: int) -> bytes:
    return b"".join(compressor.compress(bytes(10**6)) for _ in range(megabytes)) + compressor.flush()


def bombs() -> Iterator[tuple[str, bytes, str]]:
    """Name, content, and words of the sentence that each is refused with."""
    too_large, method = "at most 50,000,000", "another method than deflate"
    pixels = b"".join(b"\0" + bytes(row) for row in GREY)
    comment = b"name\0\0" + zlib.compress(bytes(500_000_000), 1)
    deflated = zeros(zlib.compressobj(1, zlib.DEFLATED, -15), 500)
    packed = zeros(lzma.LZMACompressor(lzma.FORMAT_RAW, filters=[{"id": lzma.FILTER_LZMA1, "preset": 0}]), 500)
    yield "zeros.png", png(10_000, 10_000, bytes(100_010_000)), too_large
    yield "text.png", png(48, 40, pixels, ((b"zTXt", comment),)), "damaged"
    yield "colour-profile.png", png(48, 40, pixels, ((b"iCCP", comment),)), "damaged"
    yield "fax.tif", encoded(Image.new("1", (10_000, 10_000)), "TIFF", compression="group4"), too_large
    yield "zeros.zip", raw_zip(b"a.png", deflated, 5 * 10**8, 0), "larger than"
    yield "says-1-kB.zip", raw_zip(b"b.png", deflated, 1000, 0), "Bad CRC-32"
    yield "bzip2.zip", raw_zip(b"c.png", zeros(bz2.BZ2Compressor(), 500), 1000, 0, method=12), method
    yield "lzma.zip", raw_zip(b"d.png", b"\x09\x04\x05\0" + packed, 1000, 0, method=14), method
    yield "200,001-entries.zip", raw_zip(b"e.png", b"", 0, 0, listed=200_001), "at most 200,000 entries, got 200,001"


def predict(weights: Path, *inputs: str) -> Ended:
    with untouched(Path.cwd().parent, Path.cwd() / "out"):
        return run_process(["predict", *inputs, "--out", "out", "--weights", weights])


def test_no_file_takes_the_memory_that_it_asks_for(weights, limit, sandbox):
    """All in one process, whose peak is the largest of theirs."""
    given = {name: (content, words) for name, content, words in bombs()}
    plant(sandbox, {name: content for name, (content, _) in given.items()})
    ended = predict(weights, *given)
    said = sentences(ended)
    assert (ended.status, len(said)) == (1, len(given)), said
    for name, (_, words) in given.items():
        assert any(line.startswith(name) and words in line for line in said), (name, said)
    assert ended.megabytes <= limit


def test_a_card_of_a_network_of_30_gb(limit, sandbox):
    card = {"threshold": 0.5, "input": RULE, "config": {"width": 256, "depth": 6}, "sha256": sha256(b"").hexdigest()}
    plant(sandbox, {"big.json": json.dumps(card).encode(), "big.safetensors": b"", "a.png": encoded(GREY)})
    ended = predict(Path("big.safetensors"), "a.png")
    check_refusal(ended, "predict", "big.safetensors")
    assert ended.megabytes <= limit


def test_a_dataset_of_30_x_49_million_pixels(weights, limit, sandbox):
    content = png(7000, 7000, bytes(7001 * 7000))
    names = [f"{part}/{number}.png" for part in ("images", "masks") for number in range(30)]
    zipped(Path("a.zip"), dict.fromkeys(names, content), zipfile.ZIP_STORED)
    ended = run_process(["evaluate", "a.zip", "--split", "all", "--weights", weights])
    check_refusal(ended, "evaluate", "at most 1,000,000,000 pixels in all")
    assert ended.megabytes <= limit


@LONG
def test_the_largest_image_is_read(weights, sandbox):
    plant(sandbox, {"a.png": encoded(np.tile(np.repeat(np.array([60, 200], np.uint8), 50), (7000, 70)))})
    ended = predict(weights, "a.png")
    assert ended.status == 0, ended.err
    assert ended.megabytes <= LARGEST_MB
