"""Odd, damaged and hostile images: a right answer, or one sentence."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from PIL import Image

from tests.robustness import hostile_files as made
from tests.robustness.checks import MANY, check_masks, check_sentence, outcome, run_process, sentences, untouched
from tests.robustness.hostile_files import EXPECTED, GREY, NOISE, encoded, flipped, npy, places, plant, zipped
from unet.data.tiles import load_tiles
from unet.files.images import read_image
from unet.files.listing import find_images
from unet.segmenter import Segmenter


class HostileImage(NamedTuple):
    """The bytes of a file, and what must come of them.

    Attributes:
        name: of the file.
        content: all of it.
        grey: the right answer, (H, W) float32 in [0, 1]; None where there is none, or it cannot be known.
        refusal: words of the sentence it is refused with; None where it must be read.  With both either will do, and
            with neither any image or sentence will: damage that no checksum shows.
        off: how far a lossy format may be from ``grey``.
    """

    name: str
    content: bytes
    grey: np.ndarray | None = None
    refusal: str | None = None
    off: float = 0


WIDE = GREY.astype(np.uint16) * 257
RAMP = np.tile(np.linspace(0, 255, 48).astype(np.uint8), (40, 1))
LUMINANCE = [0.299, 0.587, 0.114]
PALETTE = np.arange(768).reshape(256, 3).astype(np.uint8)
RGB = np.dstack([GREY, NOISE, 255 - GREY])
NAN = np.where(np.arange(48) == 7, np.nan, EXPECTED)
OTHER = Image.fromarray(255 - GREY)
UPRIGHT = {  # EXIF orientation -> what the stored array must be turned by
    2: np.fliplr, 3: lambda a: np.rot90(a, 2), 4: np.flipud, 5: np.transpose, 6: lambda a: np.rot90(a, -1),
    7: lambda a: np.rot90(a, 2).T, 8: np.rot90,
}  # fmt: skip


def exact() -> dict[str, bytes]:
    """Files that all hold ``EXPECTED``."""
    several: dict[str, Any] = {"save_all": True, "append_images": [OTHER]}
    return {
        "grey.png": encoded(GREY), "wide.png": encoded(WIDE), "wide.tif": encoded(WIDE, "TIFF"),
        "deflated.tif": encoded(GREY, "TIFF", compression="tiff_adobe_deflate"), "float.tif": encoded(EXPECTED, "TIFF"),
        "float64.npy": npy(GREY / 255), "big-endian.npy": npy(WIDE.astype(">u2")), "renamed-npy.png": npy(WIDE),
        "signed-bytes.npy": npy((GREY.astype(int) - 128).astype(np.int8)), "one-channel.npy": npy(GREY[..., None]),
        "alpha.png": encoded(np.dstack([GREY] * 3 + [NOISE])), "alpha-nan.npy": npy(np.dstack([EXPECTED] * 3 + [NAN])),
        "animated.png": encoded(GREY, **several), "frames.gif": encoded(GREY, "GIF", **several),
        "bitmap.bmp": encoded(GREY, "BMP"), "lossless.webp": encoded(GREY, "WEBP", lossless=True),
        "portable.pgm": encoded(GREY, "PPM"), "CAPITALS.PNG": encoded(GREY),
        "alpha-grey.png": encoded(Image.merge("LA", [Image.fromarray(GREY), Image.fromarray(NOISE)])),
    }  # fmt: skip


def converted() -> Iterator[HostileImage]:
    """Colours, losses and orientations."""
    indexed, cmyk = Image.fromarray(GREY).convert("P"), Image.new("CMYK", (48, 40), (0, 255, 255, 0))
    indexed.putpalette(PALETTE.tobytes())
    ramp, red = (RAMP / 255).astype(np.float32), np.full((40, 48), LUMINANCE[0], np.float32)
    yield HostileImage("palette.png", encoded(indexed, transparency=5), PALETTE[GREY] @ LUMINANCE / 255)
    yield HostileImage("colour.png", encoded(RGB), RGB @ LUMINANCE / 255)
    yield HostileImage("cmyk.jpg", encoded(cmyk, "JPEG"), red, off=0.02)
    yield HostileImage("bilevel.png", encoded(Image.fromarray(GREY > 99)), (GREY > 99).astype(np.float32))
    cornered = np.where(np.add.outer(np.arange(40), np.arange(48)) < 24, 0, GREY).astype(np.uint8)  # with a margin
    yield HostileImage("corner.png", encoded(cornered), cornered / 255)
    for number, turn in {1: np.array, **UPRIGHT}.items():
        exif = Image.Exif()
        exif[0x0112] = number
        yield HostileImage(f"turned{number}.png", encoded(GREY, exif=exif), turn(EXPECTED))
        yield HostileImage(f"turned{number}.tif", encoded(GREY, "TIFF", tiffinfo={274: number}), turn(EXPECTED))
        yield HostileImage(f"turned{number}.jpg", encoded(RAMP, "JPEG", quality=95, exif=exif), turn(ramp), off=0.02)


def refused() -> dict[str, tuple[bytes, str]]:
    """Name -> content, and words of the sentence it is refused with."""
    too_large, too_small, damaged = "at most 50,000,000 pixels", "at least 16 x 16 pixels, got ", "damaged or cut"
    finite, deflated = "finite values, got NaN or infinity", encoded(NOISE, "TIFF", compression="tiff_adobe_deflate")
    return {
        "empty.png": (b"", "got an empty file"),
        "icon.png": (encoded(GREY, "ICO"), "expected a PNG"),
        "pages.tif": (encoded(GREY, "TIFF", save_all=True, append_images=[OTHER]), "expected one page"),
        "objects.npy": (made.npy_of("|O", "(20, 20)"), "got Python objects, which are never loaded"),
        "no-pixels.png": (made.png(0, 0), ""),
        "no-rows.npy": (npy(np.zeros((0, 20), np.uint8)), "empty array"),
        "one-column.tif": (encoded(GREY[:, :1], "TIFF"), too_small + "40 x 1"),
        "one-long-row.png": (made.png(4_000_000, 1, bytes(4_000_001)), too_small + "1 x 4000000"),
        "volume.npy": (npy(np.zeros((20, 20, 20), np.uint8)), "one section of a volume at a time"),
        "nan.tif": (encoded(NAN.astype(np.float32), "TIFF"), finite),
        "infinite.npy": (npy(np.full((20, 20), -np.inf)), finite),
        "amplitudes.npy": (npy(EXPECTED * 9000 - 4000), "floating point in [0, 1], got -1776.47 to"),
        "table.npy": (npy(np.zeros((20, 20), [("a", "u1"), ("b", "f4")])), "got a table"),
        "integers-outside.tif": (
            encoded(WIDE.astype(np.int32) * 1000, "TIFF"),
            "got int32; give seismic amplitudes limits",
        ),
        "lab.tif": (encoded(Image.new("LAB", (48, 40)), "TIFF"), "colours of the kind LAB"),
        "large.png": (made.png(2**31 - 1, 2**31 - 1), too_large),
        "large-animation.png": (made.animated_png(100_000, 60_000), too_large),
        "large.jpg": (made.jpeg_of_size(65_500, 65_500), too_large),
        "large.npy": (made.npy_of("<f8", "(9000000, 9000000)"), too_large),
        "two-sizes.png": (made.animated_png(16, 16, (100_000, 60_000)), "no header at its head, or a second one"),
        "more-than-it-has.png": (made.png(7000, 7000), damaged),
        "more-than-it-has.tif": (made.tiff((257, 4, 1, 40), (257, 4, 1, 520_000)), "all of its 520,000 x 48 pixels"),
        "more-than-it-has.npy": (made.npy_of("<f8", "(9000000000,)"), "as many numbers as its header declares"),
        "flipped.png": (flipped(encoded(GREY), 8394), "wrong checksum"),  # in the last row, where Pillow does not look
        "noisy.tif": (deflated[:200] + bytes(20) + deflated[220:], ""),  # libtiff writes of it to the terminal
        "many-values.tif": (made.tiff((258, 3, 1, 8), (258, 3, 2**32 - 1, 8)), ""),
        "many-depths.tif": (made.tiff((258, 3, 1, 8), (258, 3, 218, 8)), ""),
        "depth-of-text.tif": (made.tiff((258, 3, 1, 8), (258, 2, 1, 8)), "\\x08 bits"),
        "less-than-nothing.npy": (made.npy_of("<f8", "(-20, -20)"), ""),
        "deep.npy": (made.npy_header("(" * 9000), damaged),
        "long-header.npy": (made.npy_header(" " * 100_000, version=2), damaged),
        "other-version.npy": (made.npy_header("{}", version=3), "NPY format 1.0 or 2.0"),
        "python2.npy": (made.npy_of("<i4", "(20L, 20L)"), ""),  # NumPy warns of it on the terminal
        "no-escape.npy": (made.npy_header("{'d\\scr': '<i4', 'fortran_order': False, 'shape': (20, 20), }\n"), damaged),
    }


def images() -> list[HostileImage]:
    """All but those damaged bit by bit."""
    return [
        *(HostileImage(name, content, EXPECTED) for name, content in exact().items()),
        *converted(),
        *(HostileImage(name, content, refusal=words) for name, (content, words) in refused().items()),
    ]


INTACT = {
    "grey.png": encoded(GREY),
    "colour.jpg": encoded(np.dstack([GREY] * 3), "JPEG"),
    "grey.tif": encoded(GREY, "TIFF"),
    "deflated.tif": encoded(GREY, "TIFF", compression="tiff_adobe_deflate"),
    "grey.npy": npy(GREY),
}


def damaged(name: str, count: int | None) -> Iterator[HostileImage]:
    """A file of ``INTACT`` cut short, and with one bit inverted, each at ``count`` places or at all.

    A PNG has checksums, and damage to it must be seen.  NPY has none: a flipped bit in its numbers is another number.
    The last bytes of a JPEG or a TIFF may be nothing that its pixels need.
    """
    content, suffix = INTACT[name], name[-3:]
    right, seen = (EXPECTED, "") if suffix == "png" else (None, None)
    for cut in places(len(content), count):
        yield HostileImage(f"cut{cut}-{name}", content[:cut], right, "" if suffix == "npy" else seen)
    for bit in places(8 * len(content), count):
        changed = flipped(content, bit)
        if suffix == "npy" and bit >= 8 * 128:  # the header ends there
            right = np.frombuffer(changed[128:], np.uint8).reshape(40, 48) / 255
        yield HostileImage(f"bit{bit}-{name}", changed, right, seen)


def from_bytes(given: HostileImage) -> np.ndarray:
    return read_image(given.content, given.name).grey


def from_zip(given: HostileImage) -> np.ndarray:
    [file] = find_images(zipped(Path("a.zip"), {given.name: given.content}))
    return file.read_image().grey


def as_tile(given: HostileImage) -> np.ndarray:
    """As the only image of a dataset, with a mask that fits."""
    mask = npy(np.ones((40, 48) if given.grey is None else given.grey.shape, bool))
    entries = {f"images/{given.name}": given.content, f"masks/{Path(given.name).stem}.npy": mask}
    return (load_tiles(zipped(Path("tiles.zip"), entries)).images[0] / 255).astype(np.float32)


def check(given: HostileImage, door) -> None:
    name, _, right, refusal, off = given
    grey = outcome(lambda: door(given))
    if isinstance(grey, str):
        assert refusal is not None or right is None, grey
        check_sentence(grey, Path(name).stem, refusal or "")
        return
    assert right is not None or refusal is None, f"{name} was read"
    if right is None:  # no checksum shows whether it is as it was
        right, off = np.full(grey.shape, 0.5), 0.5
    assert (grey.shape, grey.dtype) == (right.shape, np.float32), name
    assert np.abs(grey - right).max() <= off + (0.5 / 255 if door is as_tile else 0) + 1e-6, name


@pytest.mark.parametrize("door", [from_bytes, from_zip, as_tile])
@pytest.mark.parametrize("given", images(), ids=lambda given: given.name)
def test_an_image_is_read_right_or_refused_in_a_sentence(given, door, sandbox):
    with untouched(sandbox.parent, sandbox):
        check(given, door)


@pytest.mark.parametrize("door", [from_bytes, as_tile])
@pytest.mark.parametrize("count", MANY)
@pytest.mark.parametrize("name", INTACT)
def test_damage_is_seen_where_a_file_has_checksums(name, count, door, sandbox):
    for given in damaged(name, count):
        check(given, door)


def test_predict_names_what_it_refuses_and_masks_the_rest(weights, limit, sandbox):
    """The real command: libtiff writes to the terminal past Python."""
    given = {f"{number:03}-{one.name}": one for number, one in enumerate(images())}  # no two of one stem
    plant(Path("images"), {name: one.content for name, one in given.items()})
    found = {name: outcome(partial(from_bytes, one)) for name, one in given.items()}
    with untouched(sandbox.parent, sandbox / "out"):
        ended = run_process(["predict", "images", "--out", "out", "--weights", weights])
    said = sentences(ended)
    assert ended.status == 1
    assert ended.megabytes <= limit
    for name in (name for name, grey in found.items() if isinstance(grey, str)):
        assert sum(line.startswith(f"images/{name}: ") for line in said) == 1, (name, said)
    assert all("images/" in line for line in said)  # the rest are notes on images that were read
    greys = {Path(name).stem: grey for name, grey in found.items() if not isinstance(grey, str)}
    check_masks(Path("out"), greys, Segmenter.load(weights))
