"""Picture files from anywhere, trusted no further than needed: bytes -> array; what folders and zips hold.

Nothing is unpickled, nothing is unpacked to disk, and every size is checked before memory is taken for it.
"""

import contextlib
import ctypes
import io
import logging
import os
import struct
import warnings
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError, _imaging

from unet.image import Grey, Picture, grey, salt

SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".npy")
LARGEST_PIXELS = 50_000_000  # a section of 25,000 traces by 2,000 samples
LARGEST_BYTES = 400_000_000  # the same as float64
LARGEST_COUNT = 200_000  # entries of one zip

_PNG = b"\x89PNG\r\n\x1a\n"
_FORMATS = ("PNG", "JPEG", "TIFF")
_MODES = {
    "1": "L",
    "LA": "L",
    "P": "RGB",
    "PA": "RGB",
    "RGBA": "RGB",  # alpha says nothing about the rock
    "RGBX": "RGB",
    "CMYK": "RGB",
    "YCbCr": "RGB",
}
_ZIP_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # Python unpacks the others whole, however large that is
_LONGEST_REASON = 200  # characters: some libraries quote the file itself
_NPY_HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


_Value = TypeVar("_Value", bound=np.generic)


class PictureError(ValueError):
    """A file that cannot be used as a picture; the message is one sentence with its name and the reason."""


class MissingError(PictureError):
    """Nothing stands where pictures were looked for, or it may not be opened."""


@dataclass(frozen=True)
class PictureFile:
    """One picture in a folder or a zip.

    Attributes:
        name: what to call it in messages; always printable.
        stem: its own name without folders and suffix, as it stands on disk or in the zip; not to be trusted
            as the name of a new file.
        content: reads its bytes.
        path: where it is on disk; None in a zip.
    """

    name: str
    stem: str
    content: Callable[[], bytes]
    path: Path | None = None

    def read(self) -> Picture:
        """The picture itself, as ``decode`` gives it; raises ``PictureError``."""
        try:
            content = self.content()
        except Exception as error:  # broken archives raise many types, and all mean the same
            raise PictureError(f"{self.name}: cannot be read ({_reason(error)})") from None
        return decode(content, self.name)

    def read_grey(self) -> Grey:
        """The picture as (H, W) float32 in [0, 1]; raises ``PictureError`` also for what ``grey`` refuses."""
        return self._read_as(grey)

    def read_salt(self) -> NDArray[np.bool_]:
        """The salt of a mask, (H, W) bool; raises ``PictureError`` also for what ``salt`` refuses."""
        return self._read_as(salt)

    def _read_as(self, meaning: Callable[[Picture], NDArray[_Value]]) -> NDArray[_Value]:
        picture = self.read()
        try:
            return meaning(picture)
        except ValueError as error:
            raise PictureError(f"{self.name}: {error}") from None


def decode(content: bytes, name: str) -> Picture:
    """The array in the bytes of a PNG, JPEG, TIFF or NPY file.

    Args:
        content: the whole file; what it is is read from the bytes, never from its name.
        name: what to call the file in an error.

    Returns:
        From a picture (H, W) or (H, W, 3), uint8 or uint16 (float32 from a floating-point TIFF): alpha is
        dropped, palettes and CMYK become RGB, an EXIF rotation is applied, of an animation the first frame is
        taken.  From NPY whatever array it holds; ``unet.image.grey`` says whether that is a picture.

    Raises:
        PictureError: empty, truncated, no picture, or larger than 50 million pixels.
    """
    if not content:
        raise PictureError(f"{name}: the file is empty")
    try:
        with warnings.catch_warnings():
            # They warn of what we decide ourselves.  Only their own warnings: threads share these filters.
            warnings.filterwarnings("ignore", module="PIL")
            warnings.filterwarnings("ignore", message="Reading `.npy`|invalid ")  # of an NPY's header
            if content.startswith(np.lib.format.MAGIC_PREFIX):
                return _decode_npy(content, name)
            return _decode_picture(content, name)
    except PictureError:
        raise
    except UnidentifiedImageError:
        raise PictureError(f"{name}: not a PNG, JPEG, TIFF or NPY picture, or damaged at its head") from None
    except Exception as error:  # decoders raise many types on broken files, and all mean the same
        raise PictureError(f"{name}: damaged or cut short ({_reason(error)})") from None


def _decode_picture(content: bytes, name: str) -> Picture:
    if content.startswith(_PNG):
        _check_png(content, name)
    try:
        with Image.open(io.BytesIO(content), formats=_FORMATS) as picture:
            _check_size(picture.height, picture.width, name)
            _check_cover(picture, name)
            picture.load()
            ImageOps.exif_transpose(picture, in_place=True)
            return _to_array(picture, name)
    except Image.DecompressionBombError:  # far beyond our own limit
        raise PictureError(f"{name}: {_TOO_LARGE}") from None


def _check_png(content: bytes, name: str) -> None:
    """Raises ``PictureError`` for what Pillow lets pass, or notices too late.

    It skips the checksums of pixels, so that a flipped bit would go unseen, and of an animation it takes memory for
    the whole picture as soon as it is opened, however large the header says it is.
    """
    place, whole = len(_PNG), memoryview(content)
    while place + 12 <= len(content):
        length, kind = struct.unpack(">I4s", whole[place : place + 8])
        end = place + 8 + length
        if end + 4 > len(content):
            break
        if zlib.crc32(whole[place + 4 : end]) != int.from_bytes(whole[end : end + 4]):
            raise PictureError(f"{name}: damaged or cut short (wrong checksum)")
        if (kind == b"IHDR") != (place == len(_PNG)) or (kind == b"IHDR" and length != 13):
            raise PictureError(f"{name}: damaged or cut short (no header at its head, or a second one)")
        if kind == b"IHDR":
            width, height = struct.unpack(">II", whole[place + 8 : place + 16])
            _check_size(height, width, name)
        if kind == b"IEND":
            return
        place = end + 4
    raise PictureError(f"{name}: damaged or cut short (no end)")


def _check_cover(picture: Image.Image, name: str) -> None:
    """Raises ``PictureError`` where the strips of a TIFF leave out a part of it, which Pillow would fill with black."""
    boxes = [tile[1] for tile in getattr(picture, "tile", [])]
    covered = sum((right - left) * (lower - upper) for left, upper, right, lower in boxes)
    if covered < picture.width * picture.height:
        raise PictureError(f"{name}: cut short (it holds a part of its {picture.height:,} x {picture.width:,} pixels)")


def _to_array(picture: Image.Image, name: str) -> Picture:
    if picture.mode.startswith("I;16"):  # of either byte order
        return np.asarray(picture).astype(np.uint16)
    if picture.mode == "I":
        values = np.asarray(picture)
        if values.min() < 0 or values.max() > 65535:
            raise PictureError(f"{name}: 32-bit integers outside 0 to 65535; save it as 8-bit, 16-bit or NPY")
        return values.astype(np.uint16)
    if picture.mode in ("L", "RGB", "F"):
        return np.array(picture)
    if picture.mode not in _MODES:
        raise PictureError(f"{name}: colours of the kind {picture.mode} are not read; save it as grey or RGB")
    return np.array(picture.convert(_MODES[picture.mode]))


def _decode_npy(content: bytes, name: str) -> Picture:
    stream = io.BytesIO(content)
    version = np.lib.format.read_magic(stream)
    if version not in _NPY_HEADERS:  # 3.0 only differs in the names of a table's columns
        raise PictureError(f"{name}: expected a plain array of numbers in NPY format 1.0 or 2.0, got {version}")
    shape, _, dtype = _NPY_HEADERS[version](stream)
    if dtype.hasobject:
        raise PictureError(f"{name}: holds Python objects, which are never loaded; save an array of numbers")
    if len(shape) >= 2:
        _check_size(shape[0], shape[1], name)
    # NumPy would take the memory that the header asks for before it looks whether the numbers are there.
    if int(np.prod([*shape, dtype.itemsize], dtype=object)) > len(content):
        raise PictureError(f"{name}: cut short (its header promises more than the file holds)")
    stream.seek(0)
    array: Picture = np.load(stream, allow_pickle=False)
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def _quiet_pillow() -> None:
    """Keeps Pillow, and libtiff in it, from writing to the terminal what they dislike; what we raise says it once.

    Pillow cannot be asked to quiet libtiff, so the library is, where it is one of its own as in the packages for Linux.
    """
    logging.getLogger("PIL").addHandler(logging.NullHandler())
    with contextlib.suppress(AttributeError, OSError):
        library = ctypes.CDLL(_imaging.__file__)
        library.TIFFSetErrorHandler(None)
        library.TIFFSetWarningHandler(None)


_quiet_pillow()

_TOO_LARGE = f"more than {LARGEST_PIXELS:,} pixels; cut it into smaller pictures"


def _check_size(height: int, width: int, name: str) -> None:
    if height * width > LARGEST_PIXELS:
        raise PictureError(f"{name}: {height:,} x {width:,} is {_TOO_LARGE}")


def find_pictures(path: Path, folder: str | None = None) -> list[PictureFile]:
    """The pictures of a file, a folder or a zip, sorted by name.

    Hidden files, and what macOS adds to a zip, are left out.  A zip stays open for as long as one of its
    pictures is kept: opening it anew for each of 18,000 would take far longer than reading them.

    Args:
        path: a picture file, a folder or a .zip.
        folder: read only this folder in it, for example ``masks``; by default ``images`` where there is one,
            and otherwise every picture directly in the folder, or anywhere in the zip.

    Returns:
        The pictures found; an empty list where there are none.

    Raises:
        MissingError: nothing stands at ``path``, or it may not be opened.
        PictureError: a zip that is damaged or has too many entries.
    """
    try:
        if path.is_dir():
            return _in_folder(path, folder)
        if path.is_file():
            if path.suffix.lower() == ".zip":
                return _in_zip(path, folder)
            return [_on_disk(path)] if folder is None else []
        if path.exists():
            raise MissingError(f"{printable(path)}: neither a file nor a folder")
    except OSError as error:
        raise MissingError(f"{printable(path)}: cannot be opened ({_reason(error)})") from None
    raise MissingError(f"{printable(path)}: no such file or folder")


def _on_disk(path: Path) -> PictureFile:
    def content() -> bytes:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            _limit(size)
            return file.read(size)

    return PictureFile(printable(path), path.stem, content, path)


def _in_folder(root: Path, folder: str | None) -> list[PictureFile]:
    inner = root / (folder or "images")
    if not inner.is_dir():
        if folder is not None:
            return []
        inner = root
    return [_on_disk(path) for path in sorted(inner.iterdir()) if _is_picture(path) and path.is_file()]


def _in_zip(path: Path, folder: str | None) -> list[PictureFile]:
    try:
        archive = zipfile.ZipFile(path)  # closed with the last PictureFile that holds it
    except Exception as error:  # zipfile raises many types on broken archives
        raise PictureError(f"{printable(path)}: not a readable zip ({_reason(error)})") from None
    entries = archive.infolist()
    if len(entries) > LARGEST_COUNT:
        raise PictureError(
            f"{printable(path)}: {len(entries):,} entries, more than {LARGEST_COUNT:,}; split the archive"
        )
    # Some archives from Windows separate folders by backslashes.
    named = [(PurePosixPath(e.filename.replace("\\", "/")), e) for e in entries if not e.filename.endswith("/")]
    pictures = [pair for pair in named if _is_picture(pair[0]) and "__MACOSX" not in pair[0].parts]
    pictures.sort(key=lambda pair: pair[0])
    chosen = [(inside, entry) for inside, entry in pictures if inside.parent.name == (folder or "images")]
    if folder is None and not chosen:
        chosen = pictures
    return [
        PictureFile(printable(f"{path}:{inside}"), inside.stem, _zip_reader(archive, entry)) for inside, entry in chosen
    ]


def _zip_reader(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> Callable[[], bytes]:
    def content() -> bytes:
        _limit(entry.file_size)
        if entry.compress_type not in _ZIP_METHODS:
            raise ValueError("packed by another method than deflate; pack the archive again")
        with archive.open(entry) as stream:
            return stream.read(entry.file_size)  # no more is unpacked, and the checksum shows a size that lies

    return content


def _limit(size: int) -> None:
    if size > LARGEST_BYTES:
        raise ValueError(f"larger than {LARGEST_BYTES // 10**6} MB")


def _is_picture(path: Path | PurePosixPath) -> bool:
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".")


def printable(text: Path | str) -> str:
    """A name that is safe to show: what a terminal would act on or UTF-8 cannot say is spelled out."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in str(text))


def _reason(error: Exception) -> str:
    """What a library says went wrong, in one line."""
    text = str(getattr(error, "strerror", None) or error).strip()
    return printable(text.splitlines()[0])[:_LONGEST_REASON] if text else type(error).__name__
