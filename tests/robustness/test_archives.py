"""Odd, damaged and hostile archives and folders: the right masks, one sentence for each file that cannot be used."""

import os
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.robustness.checks import MANY, RUNS, check_masks, check_sentence, outcome, sentences, untouched
from tests.robustness.hostile_files import EXPECTED, GREY, encoded, flipped, npy, places, plant, raw_zip, zipped
from unet.files.listing import find_images
from unet.segmenter import Segmenter

GOOD, TWIN = encoded(GREY), encoded(255 - GREY)
PACKED, CRC = zlib.compress(GOOD)[2:-4], zlib.crc32(GOOD)
INTACT = {"images/a.png": GOOD, "images/b.npy": npy(GREY)}
Make = Callable[[Path], Path]  # writes below a folder, and returns what to name on the command line


def entries(names: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Make:
    return lambda inside: zipped(inside / "a.zip", names, method)


def content(data: bytes, name: str = "a.zip") -> Make:
    return lambda inside: plant(inside, {name: data}) / name


def raw(name: bytes = b"a.png", data: bytes = PACKED, size: int = len(GOOD), crc: int = CRC, **options: int) -> Make:
    return content(raw_zip(name, data, size, crc, **options))


def overlapping(inside: Path) -> Path:
    path = zipped(inside / "a.zip", {"a.png": GOOD, "b.png": GOOD})
    whole = bytearray(path.read_bytes())
    second = whole.rindex(b"PK\x01\x02")
    whole[second + 42 : second + 46] = bytes(4)  # the second entry begins where the first one does
    path.write_bytes(whole)
    return path


def hostile_names(inside: Path) -> Path:
    names = ["../../up.png", str(inside.parent / "absolute.png"), "..\\..\\back.png", "C:\\drive.png", "a/../../b.png"]
    return zipped(inside / "a.zip", dict.fromkeys(names, GOOD))


def links(inside: Path) -> Path:
    targets = {"linked": "../elsewhere", "gone": "gone", "loop": "loop.png", "zero": "/dev/zero", "up": ".."}
    plant(inside, {"elsewhere": TWIN, "images/a.png": GOOD, "images/folder.png": None})
    os.mkfifo(inside / "images" / "pipe.png")
    return plant(inside / "images", {f"{name}.png": target for name, target in targets.items()})


def archives() -> list[tuple[str, Make, dict[str, np.ndarray], list[str]]]:
    """What is odd, the input, stem -> the image whose mask must be written, and words of each sentence said."""
    one, cannot = {"a": EXPECTED}, "characters that cannot be in one"
    names = {"line\nbreak.png": GOOD, "\x1b[31mred.png": GOOD, "x" * 245 + ".png": GOOD, "a.png": GOOD}
    said = ["line\\nbreak.png: expected a name for a new file", "\\x1b[31mred.png: ", "at most 240 bytes"]
    linked = {**one, "linked": ((255 - GREY) / 255).astype(np.float32)}
    unread = [f"{name}.png: cannot be read" for name in ("pipe", "gone", "loop", "zero", "up")]
    up = dict.fromkeys(["up", "absolute", "back", "drive", "b"], EXPECTED)
    not_utf8 = {os.fsdecode(b"\xff\xfe.png"): GOOD, "a.png": GOOD}
    many = {f"{number % 97}/{number}.txt": b"" for number in range(20_000)}
    planted = {"out/a.png.tmp": "../../bystander.png", "a.tif": encoded(GREY, "TIFF")}
    return [
        ("a good zip", entries({"images/a.png": GOOD, "masks/a.png": b"", "notes.txt": b""}), one, []),
        ("a zip without images", entries({"a.txt": b"", "b.csv": b"PK"}), {}, ["expected images in it"]),
        ("an empty folder", lambda inside: inside, {}, ["expected images in it"]),
        ("an entry without a name", raw(b"", b"", 0, 0), {}, ["expected images in it"]),
        ("a zip cut short", content(raw_zip(b"a.png", PACKED, len(GOOD), CRC)[:-30]), {}, ["expected a ZIP, got"]),
        ("an image called .zip", content(GOOD), {}, ["expected a ZIP, got"]),
        ("names with ../ and absolute ones", hostile_names, up, []),
        ("names that no file can have", entries(names), one, said),
        ("a zip's name that is no UTF-8", raw(b"\xff\xfe.png", flags=0x800), {}, ["expected a ZIP, got"]),
        ("a zip's name in a code page", raw(b"\x81.png"), {"ü": EXPECTED}, []),
        ("a file's name that is no UTF-8", lambda inside: plant(inside, not_utf8), one, [cannot]),
        ("links, a pipe and a folder called .png", links, linked, unread),
        ("a link planted in the output folder", lambda inside: plant(inside, planted) / "a.tif", one, []),
        ("a zip with a password", raw(flags=1), {}, ["password"]),
        ("a wrong checksum", raw(crc=CRC ^ 1), {}, ["Bad CRC-32"]),
        ("a size too small", raw(size=10), {}, ["Bad CRC-32"]),
        ("a size too large", raw(size=10**8), one, []),  # the checksum says that all is there
        ("a size beyond all", raw(size=2**32 - 2), {}, ["larger than"]),
        ("entries that overlap", overlapping, one, ["b.png: cannot be read"]),
        ("another method", entries({"a.png": GOOD}, zipfile.ZIP_BZIP2), {}, ["another method than deflate"]),
        ("a name too long", lambda inside: inside / ("x" * 300), {}, ["cannot be opened"]),
        ("a device", lambda _: Path("/dev/zero"), {}, ["expected a file or a folder"]),
        ("20,001 entries", entries({**many, "images/a.png": GOOD}), one, []),
    ]


@pytest.mark.parametrize("run", RUNS)
@pytest.mark.parametrize(("make", "greys", "words"), [pytest.param(*row, id=name) for name, *row in archives()])
def test_predict_writes_the_right_masks_and_says_what_it_left(make, greys, words, run, weights, sandbox):
    path = make(sandbox)
    with untouched(sandbox.parent, sandbox / "out"):
        ended = run(["predict", path, "--out", "out", "--weights", weights])
    said = sentences(ended)
    assert len(said) == len(words), said
    for expected in words:
        assert any(expected in line for line in said), said
    usage = said and said[0].startswith("predict: ")
    assert ended.status == (2 if usage else 1 if said else 0)
    check_masks(sandbox / "out", greys, Segmenter.load(weights))


@pytest.mark.parametrize("count", MANY)
def test_what_is_found_in_a_damaged_zip_is_right_or_refused(count, sandbox):
    """A name may be damaged without a trace; the pixels have a checksum."""
    path = Path("a.zip")
    whole = zipped(path, INTACT).read_bytes()
    cut = [whole[:place] for place in places(len(whole), count)]
    for content in [*cut, *(flipped(whole, bit) for bit in places(8 * len(whole), count))]:
        path.write_bytes(content)
        found = outcome(lambda: find_images(path))
        for read in [found] if isinstance(found, str) else [outcome(file.read_image) for file in found]:
            if isinstance(read, str):
                check_sentence(read, "a.zip")
            else:
                assert np.array_equal(read.grey, EXPECTED)
