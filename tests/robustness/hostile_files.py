"""Files as an attacker or a broken disk leaves them, made byte by byte."""

import io
import struct
import zipfile
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

from unet.synthetic import section

GREY, SALT = section(7, 40, 48)
EXPECTED = (GREY / 255).astype(np.float32)
NOISE = np.random.default_rng(0).integers(0, 256, (40, 48), np.uint8)


def encoded(image: np.ndarray | Image.Image, kind: str = "PNG", **options) -> bytes:
    stream = io.BytesIO()
    (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(stream, kind, **options)
    return stream.getvalue()


def npy(array: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def npy_header(text: str, version: int = 1) -> bytes:
    """An NPY file with this header and no numbers."""
    return b"\x93NUMPY" + bytes([version, 0]) + struct.pack("<H" if version == 1 else "<I", len(text)) + text.encode()


def npy_of(dtype: str, shape: str) -> bytes:
    """An NPY file that declares numbers and holds none."""
    return npy_header(f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}, }}\n")


def png(width: int, height: int, pixels: bytes = b"\0", chunks: tuple[tuple[bytes, bytes], ...] = ()) -> bytes:
    """A grey PNG that declares a size, and holds further chunks and these bytes."""
    header = (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    packed = (b"IDAT", zlib.compress(pixels, 1))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in (header, *chunks, packed, (b"IEND", b""))
    )


def animated_png(width: int, height: int, *sizes: tuple[int, int]) -> bytes:
    """A PNG that begins as an animation, and declares its size again for each of ``sizes``."""
    headers = ((b"IHDR", struct.pack(">IIBBBBB", *size, 8, 0, 0, 0, 0)) for size in sizes)
    frame = struct.pack(">IIIIIHHBB", 0, 16, 16, 0, 0, 1, 1, 0, 0)
    return png(width, height, chunks=(*headers, (b"acTL", struct.pack(">II", 1, 0)), (b"fcTL", frame)))


def jpeg_of_size(width: int, height: int) -> bytes:
    """A small JPEG whose header declares another size."""
    return encoded(GREY, "JPEG").replace(struct.pack(">HH", *GREY.shape), struct.pack(">HH", height, width), 1)


def tiff(entry: tuple[int, int, int, int], by: tuple[int, int, int, int]) -> bytes:
    """A TIFF with one entry replaced: its tag, type, count and value."""
    return encoded(GREY, "TIFF").replace(struct.pack("<HHII", *entry), struct.pack("<HHII", *by))


def flipped(content: bytes, bit: int) -> bytes:
    """The bytes with one bit inverted."""
    return (int.from_bytes(content, "little") ^ 1 << bit).to_bytes(len(content), "little")


def places(length: int, count: int | None) -> list[int]:
    """``count`` numbers below ``length``, spread evenly; all of them for None."""
    return list(range(length)) if count is None else np.unique(np.linspace(0, length - 1, count).astype(int)).tolist()


def zipped(path: Path, entries: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in entries.items():
            archive.writestr(zipfile.ZipInfo(name), content, method)
    return path


def raw_zip(name: bytes, packed: bytes, size: int, crc: int, method=8, flags=0, listed=1) -> bytes:
    """A ZIP with one entry that declares of itself what it likes, and stands ``listed`` times in the directory."""
    common = struct.pack("<HHHHHIIIHH", 20, flags, method, 0, 33, crc, len(packed), size, len(name), 0)
    local = b"PK\x03\x04" + common + name + packed
    central = b"PK\x01\x02" + struct.pack("<H", 20) + common + struct.pack("<HHHII", 0, 0, 0, 0, 0) + name
    count = min(listed, 65535)
    end = struct.pack("<HHHHIIH", 0, 0, count, count, len(central) * listed, len(local), 0)
    return local + central * listed + b"PK\x05\x06" + end


def plant(folder: Path, files: dict[str, bytes | str | None]) -> Path:
    """Writes files below a folder: bytes are a file, a text the target of a link, None a folder."""
    for name, content in files.items():
        path = folder / name
        (path if content is None else path.parent).mkdir(parents=True, exist_ok=True)
        if isinstance(content, str):
            path.symlink_to(content)
        elif content is not None:
            path.write_bytes(content)
    return folder
