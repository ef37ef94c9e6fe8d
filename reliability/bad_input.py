"""Odd, damaged and hostile files, all of them made by code, and what must come of each.

Nothing here is checked: ``reliability.corpus`` sends them through every door of the program, and ``reliability.fuzz``
begins with them.
"""

import bz2
import io
import json
import lzma
import os
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch
import torch
from numpy.typing import NDArray
from PIL import Image

from unet import checkpoint
from unet.files.listing import ImageFile
from unet.image import RULE, Grey, normalise
from unet.model import UNet, UNetConfig
from unet.synthetic import section

THRESHOLD = 0.5
GREY, SALT = section(7, 40, 48)
EXPECTED: Grey = (GREY / 255).astype(np.float32)
NOISE = np.random.default_rng(0).integers(0, 256, (40, 48), np.uint8)


# --- Files, made by code ------------------------------------------------------------------------------------


def encoded(image: NDArray[Any] | Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    """An image as a file of some kind, by Pillow."""
    stream = io.BytesIO()
    image = image if isinstance(image, Image.Image) else Image.fromarray(image)
    image.save(stream, kind, **options)
    return stream.getvalue()


def npy(array: NDArray[Any], **options: Any) -> bytes:
    """An array as an NPY file."""
    stream = io.BytesIO()
    np.save(stream, array, **options)
    return stream.getvalue()


def npy_header(text: str, version: tuple[int, int] = (1, 0)) -> bytes:
    """An NPY file with this header and no numbers."""
    length = struct.pack("<H" if version == (1, 0) else "<I", len(text))
    return b"\x93NUMPY" + bytes(version) + length + text.encode()


def png(width: int, height: int, pixels: bytes = b"\0", between: Sequence[tuple[bytes, bytes]] = ()) -> bytes:
    """A grey PNG that declares a size and holds these bytes, and further chunks before them."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    extra = b"".join(chunk(kind, data) for kind, data in between)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + extra
        + chunk(b"IDAT", zlib.compress(pixels))
        + chunk(b"IEND", b"")
    )


def animated_png(width: int, height: int, *sizes: tuple[int, int]) -> bytes:
    """A PNG that begins as an animation; it declares its size again for each of ``sizes``."""
    frame = struct.pack(">IIIIIHHBB", 0, 16, 16, 0, 0, 1, 1, 0, 0)
    headers = [(b"IHDR", struct.pack(">IIBBBBB", *size, 8, 0, 0, 0, 0)) for size in sizes]
    return png(width, height, between=[*headers, (b"acTL", struct.pack(">II", 1, 0)), (b"fcTL", frame)])


def jpeg_of_size(width: int, height: int) -> bytes:
    """A small JPEG whose header declares another size."""
    content = bytearray(encoded(GREY, "JPEG"))
    place = content.index(b"\xff\xc0") + 5
    content[place : place + 4] = struct.pack(">HH", height, width)
    return bytes(content)


def tiff_of_count(count: int) -> bytes:
    """A TIFF whose one tag promises many values."""
    return b"II*\0" + struct.pack("<IHHHIII", 8, 1, 258, 3, count, 64, 0) + bytes(64)


def tiff_of_height(height: int) -> bytes:
    """A TIFF of 40 rows whose header declares another number of them."""
    content = bytearray(encoded(GREY, "TIFF"))
    place = content.index(struct.pack("<HHI", 257, 4, 1)) + 8
    content[place : place + 4] = struct.pack("<I", height)
    return bytes(content)


def exif(orientation: int) -> Image.Exif:
    """EXIF data that turn an image."""
    found = Image.Exif()
    found[0x0112] = orientation
    return found


def pickled(path: Path) -> bytes:
    """A pickle that would make a file if anybody unpickled it."""
    return b"cpathlib\nPath\n(S'" + str(path).encode() + b"'\ntRp0\ncbuiltins\ngetattr\n(g0\nS'touch'\ntR(tR."


def flipped(content: bytes, bit: int) -> bytes:
    """The bytes with one bit the other way."""
    damaged = bytearray(content)
    damaged[bit // 8] ^= 1 << bit % 8
    return bytes(damaged)


def zipped(path: Path, entries: Mapping[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    """A zip with these entries."""
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in entries.items():
            archive.writestr(zipfile.ZipInfo(name), content, method)
    return path


def raw_zip(name: bytes, packed: bytes, size: int, crc: int, method: int = 8, flags: int = 0) -> bytes:
    """A zip with one entry, which may say of itself what it likes."""
    common = struct.pack("<HHHHHIIIHH", 20, flags, method, 0, 33, crc, len(packed), size, len(name), 0)
    local = b"PK\x03\x04" + common + name + packed
    central = b"PK\x01\x02" + struct.pack("<H", 20) + common + struct.pack("<HHHII", 0, 0, 0, 0, 0) + name
    end = struct.pack("<HHHHIIH", 0, 0, 1, 1, len(central), len(local), 0)
    return local + central + b"PK\x05\x06" + end


def tensors_file(header: bytes, data: bytes = b"", length: int | None = None) -> bytes:
    """A safetensors file with this header, which may say of itself what it likes."""
    return struct.pack("<Q", len(header) if length is None else length) + header + data


def small_weights(folder: Path) -> Path:
    """A small random network with its card; half of the pixels of ``GREY`` are salt to it."""
    torch.manual_seed(0)
    model = UNet(UNetConfig(width=4, depth=3)).eval()
    with torch.no_grad():
        model.head.bias -= model(torch.from_numpy(normalise(EXPECTED))[None, None]).median()
    path = folder / "small.safetensors"
    split = {"by": "tile", "train": ["a"], "val": ["b", "c"]}
    claim = {"metric": "mAP", "value": 0.5, "split": "val", "count": 2, "tta": True, "threshold": THRESHOLD}
    checkpoint.save(path, model, {"threshold": THRESHOLD, "input": RULE, "split": split, "claim": claim})
    return path


# --- Images -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ImageInput:
    """The bytes of a file, and what must come of them.

    Attributes:
        name: the name it is given; its stem is unique.
        content: all of it.
        grey: the right answer; None where there is none, or it cannot be known.
        refusal: words of the one sentence it ends in; None where it must be read.  With both either will do, and with
            neither any image or sentence will: damage that no checksum shows.
        off: how far a lossy format may be from ``grey``.
    """

    name: str
    content: bytes
    grey: Grey | None = None
    refusal: str | None = None
    off: float = 0

    def file(self) -> ImageFile:
        """As it would be found on a disk."""
        return ImageFile(self.name, Path(self.name).stem, lambda: self.content)


def images(folder: Path) -> list[ImageInput]:
    """Every odd, damaged or hostile image; ``folder`` is where a pickle would leave its mark."""
    smooth = np.tile(np.linspace(0, 255, 48).astype(np.uint8), (40, 1))
    palette = np.arange(768).reshape(256, 3).astype(np.uint8)
    indexed = Image.fromarray(GREY).convert("P")
    indexed.putpalette(palette.tobytes())
    rgb = np.dstack([GREY, NOISE, 255 - GREY])
    luminance = (rgb @ [0.299, 0.587, 0.114] / 255).astype(np.float32)
    through_palette = (palette[GREY] @ [0.299, 0.587, 0.114] / 255).astype(np.float32)
    wide = GREY.astype(np.uint16) * 257
    nan, inf = EXPECTED.copy(), EXPECTED.copy()
    nan[3, 4], inf[5, 6] = np.nan, np.inf
    other = Image.fromarray(255 - GREY)
    red = Image.new("CMYK", (48, 40), (0, 255, 255, 0))

    right = {
        "grey.png": encoded(GREY),
        "wide.png": encoded(wide),
        "wide.tif": encoded(wide, "TIFF"),
        "wide-big-endian.tiff": encoded(Image.fromarray(wide.astype(">u2")), "TIFF"),
        "deflated.tif": encoded(GREY, "TIFF", compression="tiff_adobe_deflate"),
        "integers.tif": encoded(wide.astype(np.int32), "TIFF"),
        "float.tif": encoded(EXPECTED, "TIFF"),
        "float64.npy": npy(GREY / 255),
        "columns-first.npy": npy(np.asfortranarray(wide)),
        "big-endian.npy": npy(wide.astype(">u2")),
        "palette-grey.png": encoded(Image.fromarray(GREY).convert("P")),
        "alpha.png": encoded(np.dstack([GREY, GREY, GREY, NOISE])),
        "alpha-grey.png": encoded(Image.merge("LA", [Image.fromarray(GREY), Image.fromarray(NOISE)])),
        "alpha-nan.npy": npy(np.dstack([EXPECTED, EXPECTED, EXPECTED, nan])),
        "animated.png": encoded(GREY, save_all=True, append_images=[other]),
        "frames.gif": encoded(GREY, "GIF", save_all=True, append_images=[other]),
        "bitmap.bmp": encoded(GREY, "BMP"),
        "lossless.webp": encoded(GREY, "WEBP", lossless=True),
        "portable.pgm": encoded(GREY, "PPM"),
        "signed-bytes.npy": npy((GREY.astype(int) - 128).astype(np.int8)),
        "one-channel.npy": npy(GREY[..., None]),
        "renamed-png.jpg": encoded(GREY),
        "renamed-npy.png": npy(wide),
        "CAPITALS.PNG": encoded(GREY),
    }
    found = [ImageInput(name, content, EXPECTED) for name, content in right.items()]
    found += [
        ImageInput("palette.png", encoded(indexed), through_palette),
        ImageInput("palette-alpha.png", encoded(indexed, transparency=5), through_palette),
        ImageInput("colour.png", encoded(rgb), luminance),
        ImageInput("cmyk.tif", encoded(red, "TIFF"), np.full((40, 48), 0.299, np.float32)),
        ImageInput("cmyk.jpg", encoded(red, "JPEG"), np.full((40, 48), 0.299, np.float32), off=0.02),
        ImageInput("bilevel.png", encoded(Image.fromarray(GREY > 99)), (GREY > 99).astype(np.float32)),
        ImageInput("lossy.jpg", encoded(smooth, "JPEG", quality=95), (smooth / 255).astype(np.float32), off=0.02),
    ]
    turned: dict[int, Callable[[NDArray[Any]], NDArray[Any]]] = {
        2: lambda a: a[:, ::-1],
        3: lambda a: a[::-1, ::-1],
        4: lambda a: a[::-1],
        5: lambda a: a.T,
        6: lambda a: a.T[:, ::-1],
        7: lambda a: a.T[::-1, ::-1],
        8: lambda a: a.T[::-1],
    }
    for number, turn in turned.items():
        ramp = smooth.astype(np.float32) / 255
        found += [
            ImageInput(f"turned{number}.png", encoded(GREY, exif=exif(number)), turn(EXPECTED)),
            ImageInput(f"turned-wide{number}.png", encoded(wide, exif=exif(number)), turn(EXPECTED)),
            ImageInput(f"turned-tiff{number}.tif", encoded(GREY, "TIFF", tiffinfo={274: number}), turn(EXPECTED)),
            ImageInput(
                f"turned-jpeg{number}.jpg", encoded(smooth, "JPEG", quality=95, exif=exif(number)), turn(ramp), off=0.02
            ),
        ]

    object_array = npy_header("{'descr': '|O', 'fortran_order': False, 'shape': (20, 20), }\n")
    refused = {
        "empty.png": (b"", "the file is empty"),
        "text.png": (b"not an image", "not a PNG, JPEG, TIFF"),
        "page.png": (b"<html><script>alert(1)</script></html>", "not a PNG, JPEG, TIFF"),
        "icon.png": (encoded(GREY, "ICO"), "not a PNG"),
        "pages.tif": (encoded(GREY, "TIFF", save_all=True, append_images=[other]), "several pages"),
        "zip.png": (b"PK\x05\x06" + bytes(18), "not a PNG"),
        "pickle.npy": (pickled(folder / "unpickled"), "not a PNG"),
        "objects.npy": (object_array + pickled(folder / "unpickled"), "holds Python objects, which are never loaded"),
        "no-pixels.png": (png(0, 0), ""),
        "no-rows.npy": (npy(np.zeros((0, 20), np.uint8)), "empty array"),
        "one-row.png": (encoded(GREY[:1]), "at least 16 x 16 pixels, got 1 x 48"),
        "one-column.tif": (encoded(GREY[:, :1], "TIFF"), "at least 16 x 16 pixels, got 40 x 1"),
        "one-long-row.png": (png(40_000_000, 1, bytes(40_000_001)), "at least 16 x 16 pixels, got 1 x 40000000"),
        "one-row.npy": (npy(GREY[0]), "of shape (H, W)"),
        "scalar.npy": (npy(np.array(3.0)), "of shape (H, W)"),
        "volume.npy": (npy(np.zeros((20, 20, 20), np.uint8)), "one section of a volume at a time"),
        "nan.tif": (encoded(nan, "TIFF"), "finite values, got NaN or infinity"),
        "inf.tif": (encoded(inf, "TIFF"), "finite values, got NaN or infinity"),
        "nan.npy": (npy(nan), "finite values, got NaN or infinity"),
        "inf.npy": (npy(-inf), "finite values, got NaN or infinity"),
        "half-nan.npy": (npy(nan.astype(np.float16)), "finite values, got NaN or infinity"),
        "amplitudes.npy": (npy(EXPECTED * 9000 - 4000), "floating point in [0, 1], got -1776.47 to"),
        "huge.npy": (npy(np.full((20, 20), 1e300)), "floating point in [0, 1]"),
        "signed.npy": (npy(GREY.astype(np.int16)), "got int16"),
        "complex.npy": (npy(GREY.astype(complex)), "got complex128"),
        "words.npy": (npy(np.full((20, 20), "salt")), "got <U4"),
        "table.npy": (npy(np.zeros((20, 20), [("a", "u1"), ("b", "f4")])), "got a table"),
        "integers-outside.tif": (encoded(wide.astype(np.int32) * 1000, "TIFF"), "32-bit integers outside 0 to 65535"),
        "lab.tif": (encoded(Image.new("LAB", (48, 40)), "TIFF"), "colours of the kind LAB are not read"),
        "declares-a-plain.png": (png(2**31 - 1, 2**31 - 1), "more than 50,000,000 pixels"),
        "declares-an-animation.png": (animated_png(100_000, 60_000), "more than 50,000,000 pixels"),
        "declares-two-sizes.png": (animated_png(16, 16, (100_000, 60_000)), "no header at its head, or a second one"),
        "declares-more-than-it-has.png": (png(7000, 7000), "damaged or cut short"),
        "declares-a-plain.jpg": (jpeg_of_size(65_500, 65_500), "more than 50,000,000 pixels"),
        "declares-many-values.tif": (tiff_of_count(2**32 - 1), ""),
        "declares-more-than-it-has.tif": (tiff_of_height(520_000), "holds a part of its 520,000 x 48 pixels"),
        "declares-a-plain.npy": (
            npy_header("{'descr': '<f8', 'fortran_order': False, 'shape': (9000000, 9000000), }\n"),
            "more than 50,000,000 pixels",
        ),
        "declares-a-line.npy": (
            npy_header("{'descr': '<f8', 'fortran_order': False, 'shape': (9000000000,), }\n"),
            "its header promises more than the file holds",
        ),
        "declares-less-than-nothing.npy": (
            npy_header("{'descr': '<f8', 'fortran_order': False, 'shape': (-20, -20), }\n"),
            "",
        ),
        "deep.npy": (npy_header("(" * 9000), "damaged or cut short"),
        "long-header.npy": (npy_header(" " * 100_000, (2, 0)), "damaged or cut short"),
        "other-version.npy": (npy_header("{}", (3, 0)), "NPY format 1.0 or 2.0"),
    }
    return found + [ImageInput(name, content, refusal=words) for name, (content, words) in refused.items()]


def damaged_images(cuts: int, flips: int) -> Iterator[ImageInput]:
    """Images cut short and images with one bit flipped, at places that are spread evenly.

    A PNG has checksums, and damage to it must be seen.  NPY has none: a flipped bit in its numbers is another number.
    """
    files = {
        "damaged-png": ("png", encoded(NOISE)),
        "damaged-wide": ("png", encoded(NOISE.astype(np.uint16) * 257)),
        "damaged-jpeg": ("jpg", encoded(np.dstack([NOISE] * 3), "JPEG")),
        "damaged-tiff": ("tif", encoded(NOISE, "TIFF")),
        "damaged-deflated": ("tif", encoded(NOISE, "TIFF", compression="tiff_adobe_deflate")),
        "damaged-npy": ("npy", npy(NOISE)),
    }
    right = (NOISE / 255).astype(np.float32)
    for name, (suffix, content) in files.items():
        for cut in np.linspace(1, len(content) - 1, cuts).astype(int):
            # The last bytes of a JPEG or a TIFF may be nothing that its pixels need.
            whole = None if suffix == "npy" else right
            refusal = None if suffix in ("jpg", "tif") else ""
            given = ImageInput(f"{name}-cut{cut}.{suffix}", content[:cut], whole if refusal == "" else None, refusal)
            yield given
        for bit in np.unique(np.linspace(0, 8 * len(content) - 1, flips).astype(int)):
            damaged = flipped(content, int(bit))
            grey, may_refuse = None, None
            if suffix == "png":
                grey, may_refuse = right, ""
            elif suffix == "npy" and bit >= 8 * 128:  # the header ends there
                grey = (np.frombuffer(damaged[128:], np.uint8).reshape(40, 48) / 255).astype(np.float32)
            yield ImageInput(f"{name}-bit{bit}.{suffix}", damaged, grey, may_refuse)


# --- Archives and folders -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Scene:
    """Files and folders to predict from, and what must come of them.

    Attributes:
        name: what is odd about them.
        make: writes them below a folder and returns the inputs to name on the command line.
        greys: stem -> the image whose mask must be written.
        words: of each sentence that must be said.
        status: the exit status, if it must be one; otherwise 0 without words, 1 or 2 with them.
    """

    name: str
    make: Callable[[Path], list[Path]]
    greys: Mapping[str, Grey] = field(default_factory=dict)
    words: Sequence[str] = ()
    status: int | None = None


def scenes(many: int) -> list[Scene]:
    """Every odd, damaged or hostile archive and folder; ``many`` entries are in the largest archive."""
    good, twin = encoded(GREY), encoded(255 - GREY)
    crc, packed = zlib.crc32(good), zlib.compress(good)[2:-4]
    one = {"a": EXPECTED}
    none = ("no images in it that can be read",)

    def entries(names: Mapping[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Callable[[Path], list[Path]]:
        return lambda inside: [zipped(inside / "a.zip", names, method)]

    def content(data: bytes, name: str = "a.zip") -> Callable[[Path], list[Path]]:
        def make(inside: Path) -> list[Path]:
            (inside / name).write_bytes(data)
            return [inside / name]

        return make

    def raw(name: bytes, data: bytes, size: int, crc: int, **options: int) -> Callable[[Path], list[Path]]:
        return content(raw_zip(name, data, size, crc, **options))

    def cut(inside: Path) -> list[Path]:
        path = zipped(inside / "a.zip", {"a.png": good, "b.png": twin})
        path.write_bytes(path.read_bytes()[:-30])
        return [path]

    def hostile(inside: Path) -> list[Path]:
        outside = inside.parent / "absolute.png"
        names = ["../../up.png", str(outside), "..\\..\\back.png", "C:\\drive.png", "a/../../b.png"]
        return [zipped(inside / "a.zip", dict.fromkeys(names, good))]

    def overlapping(inside: Path) -> list[Path]:
        path = zipped(inside / "a.zip", {"a.png": good, "b.png": good})
        whole = bytearray(path.read_bytes())
        second = whole.rindex(b"PK\x01\x02")
        whole[second + 42 : second + 46] = bytes(4)  # the second entry begins where the first one does
        path.write_bytes(whole)
        return [path]

    def linked_entry(inside: Path) -> list[Path]:
        link = zipfile.ZipInfo("link.png")
        link.external_attr = 0o120777 << 16
        with zipfile.ZipFile(inside / "a.zip", "w") as archive:
            archive.writestr(link, str(inside.parent / "bystander.png"))
        return [inside / "a.zip"]

    def not_utf8(inside: Path) -> list[Path]:
        Path(inside, os.fsdecode(b"\xff\xfe.png")).write_bytes(good)
        (inside / "a.png").write_bytes(good)
        return [inside]

    def links(inside: Path) -> list[Path]:
        place = inside / "images"
        place.mkdir()
        (inside / "elsewhere").write_bytes(twin)
        (place / "a.png").write_bytes(good)
        (place / "folder.png").mkdir()
        os.mkfifo(place / "pipe.png")
        targets = {"linked": "../elsewhere", "gone": "gone", "loop": "loop.png", "zero": "/dev/zero", "up": ".."}
        for name, target in targets.items():
            (place / f"{name}.png").symlink_to(target)
        return [place]

    def planted(inside: Path) -> list[Path]:
        (inside / "out").mkdir()
        (inside / "out" / "a.png.tmp").symlink_to("../../bystander.png")
        (inside / "a.tif").write_bytes(encoded(GREY, "TIFF"))
        return [inside / "a.tif"]

    def large(inside: Path) -> list[Path]:
        path = inside / "a.zip"
        with zipfile.ZipFile(path, "w") as archive:
            for number in range(many):
                archive.writestr(zipfile.ZipInfo(f"{number % 97}/{number}.txt"), b"")
            archive.writestr("images/a.png", good)
        return [path]

    cannot = "characters that cannot be in a file name"
    return [
        Scene("a good zip", entries({"images/a.png": good, "masks/a.png": b"", "notes.txt": b""}), one),
        Scene("images outside images", entries({"images/a.png": good, "b.png": twin}), one, ["b.png: left out"], 1),
        Scene(
            "files of other kinds", entries({"a.png": good, "b.npz": b"", "c.sgy": b""}), one, ["c.sgy: left out"], 1
        ),
        Scene("a Mac's zip", entries({"a.png": good, "__MACOSX/._a.png": b"", "._b.png": b""}), one),
        Scene("an empty zip", entries({}), words=none, status=2),
        Scene("a zip without images", entries({"a.txt": b"", "b.csv": b"PK"}), words=none, status=2),
        Scene("an empty folder", lambda inside: [inside], words=none, status=2),
        Scene("a zip cut short", cut, words=["not a readable zip"], status=1),
        Scene("a zip of no bytes", content(b""), words=["not a readable zip"], status=1),
        Scene("an image called .zip", content(good), words=["not a readable zip"], status=1),
        Scene("a zip called .png", content(b"PK\x05\x06" + bytes(18), "a.png"), words=["not a PNG"], status=1),
        Scene(
            "names with ../ and absolute ones",
            hostile,
            dict.fromkeys(["up", "absolute", "back", "drive", "b"], EXPECTED),
        ),
        Scene(
            "names that no file can have",
            entries({"line\nbreak.png": good, "\x1b[31mred.png": good, "x" * 245 + ".png": good, "a.png": good}),
            one,
            ["line\\nbreak.png: its name holds " + cannot, "\\x1b[31mred.png: ", "longer than 240 bytes"],
            status=1,
        ),
        Scene("one name twice", entries({"1/a.png": good, "2/a.png": twin}), words=["written to one file"], status=2),
        Scene("one name in capitals", entries({"1/a.png": good, "A.tif": twin}), words=["to one file"], status=2),
        Scene(
            "a zip's name that is no UTF-8",
            raw(b"\xff\xfe.png", packed, len(good), crc, flags=0x800),
            words=["not a readable zip"],
            status=1,
        ),
        Scene("a zip's name in a code page", raw(b"\x81.png", packed, len(good), crc), {"ü": EXPECTED}),
        Scene("a file's name that is no UTF-8", not_utf8, one, [cannot], status=1),
        Scene(
            "links, a pipe and a folder called .png",
            links,
            {**one, "linked": ((255 - GREY) / 255).astype(np.float32)},
            [f"{name}.png: cannot be read" for name in ("pipe", "gone", "loop", "zero", "up")],
            status=1,
        ),
        Scene("a link planted in the output folder", planted, one),
        Scene("a link in a zip", linked_entry, words=["not a PNG"], status=1),
        Scene("a zip with a password", raw(b"a.png", packed, len(good), crc, flags=1), words=["password"], status=1),
        Scene("a wrong checksum", raw(b"a.png", packed, len(good), crc ^ 1), words=["Bad CRC-32"], status=1),
        Scene("a size too small", raw(b"a.png", packed, 10, crc), words=["Bad CRC-32"], status=1),
        Scene("a size too large", raw(b"a.png", packed, 10**8, crc), one),  # the checksum says that all is there
        Scene("a size beyond all", raw(b"a.png", packed, 2**32 - 2, crc), words=["larger than 400 MB"], status=1),
        Scene("entries that overlap", overlapping, one, ["b.png: cannot be read"], status=1),
        Scene(
            "another method",
            entries({"a.png": good}, zipfile.ZIP_BZIP2),
            words=["packed by another method than deflate"],
            status=1,
        ),
        Scene("an unknown method", raw(b"a.png", packed, 10, 0, method=99), words=["another method"], status=1),
        Scene("nothing there", lambda inside: [inside / "gone.png"], words=["no such file or folder"], status=2),
        Scene("a name too long", lambda inside: [inside / ("x" * 300)], words=["cannot be opened"], status=2),
        Scene("a device", lambda _: [Path("/dev/zero")], words=["neither a file nor a folder"], status=2),
        Scene(f"a zip of {many:,} entries", large, one),
    ]


# --- Weights --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class WeightsInput:
    """Weights and a card, and what must come of them.

    Attributes:
        name: what is odd about them.
        make: is given NAME.safetensors, good and with its card beside it, and spoils either.
        words: of the one sentence; None where they must be loaded and give the right probabilities.
    """

    name: str
    make: Callable[[Path], None]
    words: str | None


def weights_inputs() -> list[WeightsInput]:
    """Every odd, damaged or hostile pair of weights and card."""

    def change(**entries: Any) -> Callable[[Path], None]:
        def make(path: Path) -> None:
            card = json.loads(path.with_suffix(".json").read_text())
            path.with_suffix(".json").write_text(json.dumps({**card, **entries}))

        return make

    def without(*names: str) -> Callable[[Path], None]:
        def make(path: Path) -> None:
            card = json.loads(path.with_suffix(".json").read_text())
            path.with_suffix(".json").write_text(json.dumps({k: v for k, v in card.items() if k not in names}))

        return make

    def card(content: bytes) -> Callable[[Path], None]:
        def make(path: Path) -> None:
            path.with_suffix(".json").write_bytes(content)

        return make

    def content(spoil: Callable[[bytes], bytes], trusted: bool = True) -> Callable[[Path], None]:
        """Other bytes, and a card that was written for them (``trusted``) or was not."""

        def make(path: Path) -> None:
            spoilt = spoil(path.read_bytes())
            path.write_bytes(spoilt)
            if trusted:
                change(sha256=sha256(spoilt).hexdigest())(path)

        return make

    def tensors(spoil: Callable[[dict[str, Any]], Any]) -> Callable[[Path], None]:
        def spoilt(whole: bytes) -> bytes:
            found = safetensors.torch.load(whole)
            spoil(found)
            return safetensors.torch.save(found)

        return content(spoilt)

    def header(spoil: Callable[[dict[str, Any]], Any]) -> Callable[[Path], None]:
        def spoilt(whole: bytes) -> bytes:
            end = 8 + struct.unpack("<Q", whole[:8])[0]
            found = json.loads(whole[8:end])
            spoil(found)
            return tensors_file(json.dumps(found).encode(), whole[end:])

        return content(spoilt)

    def gone(suffix: str, folder: bool = False) -> Callable[[Path], None]:
        def make(path: Path) -> None:
            path.with_suffix(suffix).unlink()
            if folder:
                path.with_suffix(suffix).mkdir()

        return make

    def unpickled(path: Path) -> None:
        content(lambda whole: pickled(path.parent.parent / "unpickled"))(path)

    def long_card(path: Path) -> None:
        with path.with_suffix(".json").open("ab") as file:
            file.truncate(50_000_001)

    def linked(path: Path) -> None:
        path.with_suffix(".json").unlink()
        path.with_suffix(".json").symlink_to("/dev/zero")

    name = "head.weight"
    huge = {"dtype": "F32", "shape": [2**31, 2**31], "data_offsets": [0, 2**64 - 1]}
    claim = {"metric": "mAP", "value": 0.5, "split": "val", "count": 2, "tta": True, "threshold": 0.5}
    misfit = "do not fit the configuration"
    no_file = "expected a file of tensors"
    rows: list[tuple[Any, ...]] = [
        ("good ones", lambda path: None, None),
        ("a card of the least entries", without("split", "claim", "sites", "parameters"), None),
        ("a card with entries nobody knows", change(colour="blue", metrics=[1]), None),
        ("a claim and a split of nothing", change(claim=None, split=None), None),
        ("weights cut short", content(lambda whole: whole[:-1], trusted=False), "the tensors its card"),
        ("weights with a bit flipped", content(lambda whole: flipped(whole, 90_000), trusted=False), "the tensors its"),
        ("another network's weights", content(lambda whole: whole[::-1], trusted=False), "the tensors its card"),
        ("another sha256", change(sha256="0" * 64), "card '000000000000'"),
        ("a sha256 of control characters", change(sha256="\x1b[31m\n" * 9), "card '\\x1b[31m\\n"),
        ("a sha256 that is none", change(sha256=7), "the entry sha256 is damaged"),
        ("weights of no bytes", content(lambda whole: b""), no_file),
        ("weights cut in their header", content(lambda whole: whole[:20]), no_file),
        ("weights cut in their tensors", content(lambda whole: whole[:-100]), no_file),
        ("a header of 2**64 bytes", content(lambda whole: tensors_file(b"{}", length=2**64 - 1)), no_file),
        ("a header of 90 MB", content(lambda whole: tensors_file(b"{}", length=90_000_000)), no_file),
        ("a header that is no JSON", content(lambda whole: tensors_file(b"{" * 500)), no_file),
        ("shapes beyond all memory", header(lambda found: found.update({name: huge})), no_file),
        ("offsets behind the end", header(lambda f: f[name].update(data_offsets=[0, 10**9])), no_file),
        ("offsets that overlap", header(lambda f: f[name].update(data_offsets=[0, 16])), no_file),
        ("a type nobody knows", header(lambda found: found[name].update(dtype="F3")), no_file),
        ("a type of half a byte", header(lambda found: found[name].update(dtype="F4")), ""),
        ("a pickle", unpickled, no_file),
        ("a tensor too few", tensors(lambda found: found.pop(name)), misfit),
        ("a tensor too many", tensors(lambda f: f.update({"\x1b[31m": torch.zeros(1)})), misfit),
        ("a tensor of another shape", tensors(lambda f: f.update({name: f[name][0]})), misfit),
        ("a tensor of another type", tensors(lambda f: f.update({name: f[name].double()})), misfit),
        ("NaN in a tensor", tensors(lambda found: found[name].fill_(torch.nan)), "got NaN or infinity"),
        (
            "tensors far too large",
            tensors(lambda found: [t.mul_(1e30) for t in found.values() if t.is_floating_point()]),
            "finite logits, got NaN",
        ),
        ("more tensors than a network", content(lambda whole: whole + bytes(2_000_000)), misfit),
        ("a missing card", gone(".json"), "small.json: the card of small.safetensors cannot be read"),
        ("missing weights", gone(".safetensors"), "small.safetensors: cannot be read"),
        ("a folder for a card", gone(".json", folder=True), "cannot be read"),
        ("a folder for weights", gone(".safetensors", folder=True), "cannot be read"),
        ("a card without end", linked, "not a JSON card"),
        ("a card of 50 MB", long_card, "expected at most 50,000,000 bytes, got 50,000,001"),
        ("a card of no bytes", card(b""), "not a JSON card"),
        ("a card that is an image", card(encoded(GREY)), "not a JSON card"),
        ("a card in Latin-1", card(b'{"name": "s\xe9l"}'), "not a JSON card"),
        ("a card that is a list", card(b"[]"), "not a card of this program"),
        ("a card of brackets", card(b"[" * 100_000), "not a JSON card"),
        ("a number of 5,000 digits", card(b'{"threshold": ' + b"9" * 5000 + b"}"), "not a JSON card"),
        ("another input rule", change(input={**RULE, "mean": 0.5}), "input rule"),
        ("an input rule of text", change(input="grey"), "the entry input is damaged"),
        ("an input rule of a megabyte", change(input={"x" * 10**6: 1}), ""),
        ("another shape of network", change(config={"width": 8, "depth": 3}), "of its config, got others"),
        ("sites of another network", change(sites=[{"name": "encoder1"}]), "channels in sites.0, got none"),
        ("sites that are none", change(sites="encoder1"), "the entry sites is damaged"),
        ("parameters of another network", change(parameters=5), "the parameters of its config"),
        ("parameters of 400 digits", change(parameters=10**400), "the entry parameters is damaged"),
        ("a name that is none", change(name=["small"]), "the entry name is damaged"),
        ("a training that is none", change(training="long"), "the entry training is damaged"),
    ]
    configs: list[Any] = ["big", None, {"width": 1e9}, {"width": "4"}, {"width": 2.5}, {"layers": 3}, {"depth": 60}]
    configs += [{"block": "x" * 10**6}, {"encoder": ["efficientnet-lite0"]}, {"width": float("nan")}]
    thresholds = [0, 1, -3, "0.5", None, float("nan"), True, 10**400, [0.5], "x" * 10**6]
    temperatures = [0, 0.05, 20.01, -1, "2", None, True, [1], float("nan"), float("inf")]
    claims: list[Any] = ["high", ["mAP", 0.9], {}, {"tta": True}, 7]
    claims += [{**claim, "value": value} for value in ("0.9", None, float("nan"), 83.0, -1)]
    claims += [{**claim, "count": "many"}, {**claim, "tta": "yes"}, {**claim, "threshold": None}]
    splits: list[Any] = [
        "val",
        [],
        {"val": "abc"},
        {"val": [1, 2]},
        {"val": [["a"]]},
        {"train": None},
        {"val": ["a", "a"]},
    ]
    for kind, values, words in (
        ("config", configs, ""),
        ("threshold", thresholds, "expected a threshold between 0 and 1, got "),
        ("temperature", temperatures, "expected a temperature above 0.05 and up to 20, got "),
        ("claim", claims, "the entry claim is damaged"),
        ("split", splits, "the entry split is damaged"),
    ):
        for value in values:
            rows.append((f"a {kind} of {repr(value)[:40]}", change(**{kind: value}), words))
    return [WeightsInput(*row) for row in rows]


# --- Labelled data --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class DataInput:
    """A data set, and what must come of it.

    Attributes:
        name: what is odd about it.
        make: writes it below a folder and returns what to name on the command line.
        masks: id -> the mask that must be read with the image ``GREY``; None where it must be refused.
        words: of the one sentence.
    """

    name: str
    make: Callable[[Path], Path]
    masks: Mapping[str, NDArray[np.bool_]] | None = None
    words: str = ""


def data_set(folder: Path, images: Mapping[str, bytes], masks: Mapping[str, bytes]) -> Path:
    """A folder with images/ and masks/."""
    for part, files in (("images", images), ("masks", masks)):
        (folder / part).mkdir(parents=True)
        for name, content in files.items():
            (folder / part / name).write_bytes(content)
    return folder


def data_inputs() -> list[DataInput]:
    """Every odd or damaged data set."""
    image, mask = encoded(GREY), encoded(SALT)
    images, masks = {"a.png": image, "b.png": image}, {"a.png": mask, "b.png": mask}
    both = {"a": SALT, "b": SALT}
    shades = np.where(SALT, NOISE | 1, 0).astype(np.uint8)  # every value but 0 is salt
    shaded = np.where(GREY > 128, GREY, 0).astype(np.uint8)
    clear = np.dstack([shaded] * 3 + [NOISE])
    nan = np.where(SALT, 1, np.nan)

    def plain(images: Mapping[str, bytes], masks: Mapping[str, bytes]) -> Callable[[Path], Path]:
        return lambda inside: data_set(inside / "data", images, masks)

    def with_mask(content: bytes, name: str = "b.png") -> Callable[[Path], Path]:
        return plain(images, {"a.png": mask, name: content})

    def archived(name: str, entries: Mapping[str, bytes]) -> Callable[[Path], Path]:
        def make(inside: Path) -> Path:
            (inside / "data").mkdir()
            zipped(inside / "data" / name, entries)
            return inside / "data"

        return make

    def linked(inside: Path) -> Path:
        data = data_set(inside / "data", {"a.png": image}, {})
        (inside / "elsewhere").mkdir()
        (inside / "elsewhere" / "salt").write_bytes(mask)
        (inside / "elsewhere" / "a.png").symlink_to("salt")
        (data / "masks").rmdir()
        (data / "masks").symlink_to("../elsewhere")
        return data

    def broken_link(inside: Path) -> Path:
        data = data_set(inside / "data", images, {"a.png": mask})
        (data / "masks" / "b.png").symlink_to("gone")
        return data

    def single(inside: Path) -> Path:
        (inside / "a.png").write_bytes(image)
        return inside / "a.png"

    def sections(content: bytes | None, link: str = "") -> Callable[[Path], Path]:
        def make(inside: Path) -> Path:
            data = data_set(inside / "data", images, masks)
            if link:
                (data / "sections.csv").symlink_to(link)
            elif content is None:
                (data / "sections.csv").mkdir()
            else:
                (data / "sections.csv").write_bytes(content)
            return data

        return make

    inside_zip = {f"images/{name}": data for name, data in images.items()}
    inside_zip |= {f"masks/{name}": data for name, data in masks.items()}
    wide = encoded(SALT.astype(np.uint16) * 65535)
    another = "expected a mask of 40 x 48 as its image, got "
    rows: list[tuple[Any, ...]] = [
        ("a good folder", plain(images, masks), both),
        ("a good zip in a folder", archived("train.zip", inside_zip), both),
        (
            "masks of 16 bits, as an array, as a TIFF",
            plain(
                {"a.png": image, "b.png": image, "c.png": image},
                {"a.png": wide, "b.npy": npy(SALT), "c.tif": encoded(SALT.astype(np.uint8), "TIFF")},
            ),
            {"a": SALT, "b": SALT, "c": SALT},
        ),
        (
            "masks with grey values",
            plain(images, {"a.png": encoded(shades), "b.png": encoded(shaded)}),
            {"a": SALT, "b": GREY > 128},
        ),
        (
            "masks in colour, with alpha",
            plain(images, {"a.png": encoded(clear), "b.png": encoded(clear)}),
            dict.fromkeys("ab", GREY > 128),
        ),
        ("a mask too many", plain(images, {**masks, "c.png": b""}), both),
        ("masks behind links", linked, {"a": SALT}),
        ("a mask missing", plain(images, {"a.png": mask}), None, "1 images have no mask"),
        ("a mask behind a link to nothing", broken_link, None, "b.png: cannot be read"),
        ("no masks", plain(images, {}), None, "2 images have no mask"),
        ("no images", plain({}, masks), None, "found no images there"),
        ("a name of control characters", plain({"\x1b[31m\n.png": image}, {}), None, "\\x1b[31m\\n"),
        ("a mask of another size", with_mask(encoded(SALT[1:])), None, another + "39 x 48"),
        ("a mask turned", with_mask(encoded(SALT.T.copy())), None, another + "48 x 40"),
        ("an image of another size", plain({**images, "b.png": encoded(GREY[:, 1:])}, masks), None, "got 40 x 47"),
        ("a mask of no bytes", with_mask(b""), None, "b.png: the file is empty"),
        ("a mask cut short", with_mask(mask[:-20]), None, "damaged or cut short"),
        ("a mask of text", with_mask(b"salt"), None, "not a PNG"),
        ("a mask of NaN", with_mask(npy(nan), "b.npy"), None, "finite values"),
        ("a mask of one row", with_mask(npy(SALT[0]), "b.npy"), None, "got (48,)"),
        ("a mask of one number", with_mask(npy(np.array(1)), "b.npy"), None, "got ()"),
        ("a mask of many sections", with_mask(npy(np.zeros((40, 48, 9), bool)), "b.npy"), None, "got (40, 48, 9)"),
        ("a mask of words", with_mask(npy(np.full((40, 48), "salt")), "b.npy"), None, "real numbers, got <U4"),
        ("a mask that is a table", with_mask(npy(np.zeros((40, 48), "u1,u1")), "b.npy"), None, "got a table"),
        ("an image of NaN", plain({**images, "b.npy": npy(nan)}, masks), None, "one file of each name"),
        ("an image of one row", plain({"a.png": encoded(GREY[:1])}, {"a.png": mask}), None, "at least 16 x 16"),
        ("a single image", single, None, "found no images there"),
        ("nothing there", lambda inside: inside / "gone", None, "no such file or folder"),
        ("a name too long", lambda inside: inside / ("x" * 300), None, "cannot be opened"),
        ("sections of a spreadsheet", sections(b"\xef\xbb\xbfid,section\r\na,1\r\n"), both),
        ("a folder for sections", sections(None), both),
        ("sections behind a link to itself", sections(None, "sections.csv"), both),
        ("sections of other columns", sections(b"tile,line\n"), None, "expected the columns id and section"),
        ("sections of no bytes", sections(b""), None, "expected the columns id and section"),
        ("sections in Latin-1", sections(b"id,section\na,s\xe9l\n"), None, "not a CSV file in UTF-8"),
        ("sections that are an image", sections(image), None, "not a CSV file in UTF-8"),
        ("sections with a line cut short", sections(b"id,section\na,1\nb\n"), None, "a line is cut short"),
        ("sections with a field too long", sections(b"id,section\na," + b"1" * 200_000), None, "not a CSV file"),
    ]
    return [DataInput(*row) for row in rows]


# --- Bombs ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Bomb:
    """A small input that would like to be large.

    Attributes:
        name: what it is.
        make: writes it below a folder and returns the command that meets it.
        words: of the sentence it ends in; None where it is read.
    """

    name: str
    make: Callable[[Path], list[str | Path]]
    words: str | None = ""


def bombs() -> list[Bomb]:
    """Every input whose memory is measured; the first is an ordinary image, to compare with."""

    def predicts(name: str, content: Callable[[], bytes]) -> Callable[[Path], list[str | Path]]:
        def make(inside: Path) -> list[str | Path]:
            (inside / name).write_bytes(content())
            return ["predict", inside / name, "--out", inside / "out"]

        return make

    def zeros(compressor: Any, megabytes: int) -> bytes:
        block = bytes(1_000_000)
        packed: bytes = b"".join(compressor.compress(block) for _ in range(megabytes)) + compressor.flush()
        return packed

    def deflate() -> Any:
        return zlib.compressobj(9, zlib.DEFLATED, -15)

    def configured(inside: Path) -> list[str | Path]:
        card = {
            "threshold": 0.5,
            "input": RULE,
            "config": {"width": 256, "depth": 6},
            "sha256": sha256(b"").hexdigest(),
        }
        (inside / "big.json").write_text(json.dumps(card))
        (inside / "big.safetensors").write_bytes(b"")
        (inside / "a.png").write_bytes(encoded(GREY))
        return ["predict", inside / "a.png", "--out", inside / "out", "--weights", inside / "big.safetensors"]

    def tiles(count: int) -> Callable[[Path], list[str | Path]]:
        def make(inside: Path) -> list[str | Path]:
            content = png(7000, 7000, bytes(7001 * 7000))
            names = [f"{part}/{number}.png" for part in ("images", "masks") for number in range(count)]
            zipped(inside / "a.zip", dict.fromkeys(names, content), zipfile.ZIP_STORED)
            return ["evaluate", inside / "a.zip", "--split", "all"]

        return make

    def striped() -> bytes:
        return encoded(np.tile(np.repeat(np.array([60, 200], np.uint8), 50), (7000, 70)))

    def many(count: int) -> Callable[[Path], list[str | Path]]:
        def make(inside: Path) -> list[str | Path]:
            names = (f"{number}.png" for number in range(count))
            path = zipped(inside / "a.zip", dict.fromkeys(names, b""), zipfile.ZIP_STORED)
            return ["predict", path, "--out", inside / "out"]

        return make

    def fax() -> bytes:
        return encoded(Image.new("1", (30_000, 30_000)), "TIFF", compression="group4")

    def comment(kind: bytes) -> bytes:
        data = b"name\0\0" + zlib.compress(bytes(300_000_000))
        return png(48, 40, b"".join(b"\0" + bytes(row) for row in GREY), [(kind, data)])

    rows: list[tuple[Any, ...]] = [
        ("an ordinary image", predicts("a.png", lambda: encoded(GREY)), None),
        (
            "a PNG that declares 2**31 x 2**31",
            predicts("a.png", lambda: png(2**31 - 1, 2**31 - 1)),
            "more than 50,000,000",
        ),
        (
            "an animated PNG that declares 24 GB",
            predicts("a.png", lambda: animated_png(100_000, 60_000)),
            "more than 50,000,000",
        ),
        (
            "a PNG of 20,000 x 20,000 zeros",
            predicts("a.png", lambda: png(20_000, 20_000, bytes(400_020_000))),
            "more than",
        ),
        ("a PNG with 300 MB of text", predicts("a.png", lambda: comment(b"zTXt")), "damaged"),
        ("a PNG with 300 MB of colour profile", predicts("a.png", lambda: comment(b"iCCP")), "damaged"),
        ("a fax of 30,000 x 30,000", predicts("a.tif", fax), "more than 50,000,000"),
        ("a JPEG that declares 65,500 x 65,500", predicts("a.jpg", lambda: jpeg_of_size(65_500, 65_500)), "more than"),
        ("a TIFF that declares 2**32 values", predicts("a.tif", lambda: tiff_of_count(2**32 - 1))),
        (
            "an NPY that declares 72 GB",
            predicts(
                "a.npy", lambda: npy_header("{'descr': '<f8', 'fortran_order': False, 'shape': (9000000000,), }\n")
            ),
            "promises more",
        ),
        (
            "a zip with 1 GB of zeros",
            predicts("a.zip", lambda: raw_zip(b"a.png", zeros(deflate(), 1000), 10**9, 0)),
            "larger than 400 MB",
        ),
        (
            "a zip with 1 GB that says 1 kB",
            predicts("a.zip", lambda: raw_zip(b"a.png", zeros(deflate(), 1000), 1000, 0)),
            "Bad CRC-32",
        ),
        (
            "a zip with 1 GB by bzip2",
            predicts("a.zip", lambda: raw_zip(b"a.png", zeros(bz2.BZ2Compressor(), 1000), 1000, 0, method=12)),
            "another method",
        ),
        (
            "a zip with 1 GB by LZMA",
            predicts(
                "a.zip",
                lambda: raw_zip(
                    b"a.png",
                    b"\x09\x04\x05\0"
                    + zeros(lzma.LZMACompressor(lzma.FORMAT_RAW, filters=[{"id": lzma.FILTER_LZMA1}]), 1000),
                    1000,
                    0,
                    method=14,
                ),
            ),
            "another method",
        ),
        ("a zip of 100,000 empty images", many(100_000), "the file is empty"),
        ("a zip of 200,001 entries", many(200_001), "200,001 entries, more than 200,000"),
        ("a card of a network of 30 GB", configured),
        ("a data set of 30 x 49 million pixels", tiles(30), "more than 1,000,000,000 pixels in all"),
        ("the largest image, 7000 x 7000", predicts("a.png", striped), None),
    ]
    return [Bomb(*row) for row in rows]
