"""Small files that unpack to large ones: the memory of real processes."""

import json
import lzma
import zipfile
import zlib
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import numpy as np
from PIL import Image

from tests.robustness.checks import LONG, run_process, sentences, untouched
from tests.robustness.hostile_files import GREY, encoded, plant, png, raw_zip, zipped
from unet.image import RULE

LARGEST_MB = 2500  # what the largest image that is read may take in all
# Each command of a list, and its exit status.
SEVERAL = "import json, sys; from unet.cli.main import main; [print(main(words)) for words in json.loads(sys.argv[1])]"


def zeros(compressor, megabytes: int) -> bytes:
    return b"".join(compressor.compress(bytes(10**6)) for _ in range(megabytes)) + compressor.flush()


def bombs() -> Iterator[tuple[str, bytes, str]]:
    """Name, content, and words of the sentence that each is refused with."""
    too_large = "at most 50,000,000"
    pixels = b"".join(b"\0" + bytes(row) for row in GREY)
    comment = b"name\0\0" + zlib.compress(bytes(400_000_000), 1)
    deflated = zeros(zlib.compressobj(1, zlib.DEFLATED, -15), 500)
    packed = zeros(lzma.LZMACompressor(lzma.FORMAT_RAW, filters=[{"id": lzma.FILTER_LZMA1, "preset": 0}]), 400)
    yield "zeros.png", png(10_000, 10_000, bytes(100_010_000)), too_large
    yield "text.png", png(48, 40, pixels, ((b"zTXt", comment),)), "damaged"
    yield "colour-profile.png", png(48, 40, pixels, ((b"iCCP", comment),)), "damaged"
    yield "fax.tif", encoded(Image.new("1", (10_000, 10_000)), "TIFF", compression="group4"), too_large
    yield "zeros.zip", raw_zip(b"a.png", deflated, 5 * 10**8, 0), "larger than"
    yield "says-1-kB.zip", raw_zip(b"b.png", deflated, 1000, 0), "Bad CRC-32"
    yield "lzma.zip", raw_zip(b"d.png", b"\x09\x04\x05\0" + packed, 1000, 0, method=14), "another method than deflate"
    yield "200,001-entries.zip", raw_zip(b"e.png", b"", 0, 0, listed=200_001), "at most 200,000 entries, got 200,001"


def test_no_file_takes_the_memory_that_it_asks_for(weights, limit, sandbox):
    """All in one process, whose peak is the largest of theirs."""
    given = {name: (content, words) for name, content, words in bombs()}
    card = {"threshold": 0.5, "input": RULE, "config": {"width": 256, "depth": 6}, "sha256": sha256(b"").hexdigest()}
    plant(sandbox, {"30-GB.json": json.dumps(card).encode(), "30-GB.safetensors": b"", "a.png": encoded(GREY)})
    plant(sandbox, {name: content for name, (content, _) in given.items()})
    pixels = png(7000, 7000, bytes(7001 * 7000))
    names = [f"{part}/{number}.png" for part in ("images", "masks") for number in range(30)]
    zipped(Path("tiles.zip"), dict.fromkeys(names, pixels), zipfile.ZIP_STORED)
    commands = [
        ["predict", *given, "--out", "out", "--weights", str(weights)],
        ["predict", "a.png", "--out", "out", "--weights", "30-GB.safetensors"],
        ["evaluate", "tiles.zip", "--split", "all", "--weights", str(weights)],
    ]
    with untouched(sandbox.parent, sandbox / "out"):
        ended = run_process([json.dumps(commands)], ("-c", SEVERAL))
    assert ended.out.split() == ["1", "2", "2"]
    said = sentences(ended)
    assert len(said) == len(given) + 2, said
    for name, (_, words) in given.items():
        assert any(line.startswith(name) and words in line for line in said), (name, said)
    assert said[-2].startswith("predict: 30-GB.safetensors")
    assert "at most 1,000,000,000 pixels in all" in said[-1]
    assert ended.megabytes <= limit


@LONG
def test_the_largest_image_is_read(weights, sandbox):
    plant(sandbox, {"a.png": encoded(np.tile(np.repeat(np.array([60, 200], np.uint8), 50), (7000, 70)))})
    ended = run_process(["predict", "a.png", "--out", "out", "--weights", weights])
    assert ended.status == 0, ended.err
    assert ended.megabytes <= LARGEST_MB
