"""ImageArray files from anywhere, trusted no further than needed: bytes -> array; what folders and zips hold.

Nothing is unpickled, nothing is unpacked to disk, and every size is checked before memory is taken for it.
"""

import contextlib
import ctypes
import io
import logging
import os
import posixpath
import struct
import warnings
import zipfile
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import NoReturn, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError, _imaging

from unet import image
from unet.files import declared
from unet.files.declared import BLURRED, FIRST_FRAME, Decoded
from unet.image import Grey, ImageArray, Reading, salt

FORMATS = "PNG, JPEG, TIFF, BMP, GIF, WebP, PNM or NPY"
SUFFIXES = (
    ".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".tif", ".tiff", ".bmp", ".gif", ".webp",
    ".pgm", ".ppm", ".pbm", ".pnm", ".npy",
)  # fmt: skip
IMAGES, MASKS = "images", "masks"  # what folders are called
BESIDE = (".txt", ".csv", ".json", ".md", ".xml", ".yml", ".yaml", ".log", ".html", ".ini", ".db")  # no images
LARGEST_PIXELS = 50_000_000  # a section of 25,000 traces by 2,000 samples
LARGEST_BYTES = 400_000_000  # the same as float64
LARGEST_COUNT = 200_000  # files of one folder or zip
DEEPEST = 20  # folders in folders

_PNG = b"\x89PNG\r\n\x1a\n"
_FORMATS = ("PNG", "JPEG", "TIFF", "BMP", "GIF", "WEBP", "PPM")
_ZIP_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # Python unpacks the others whole, however large that is
_LONGEST_REASON = 200  # characters: some libraries quote the file itself
_NPY_HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
MOST_VALUES = 16  # of a mask that are told apart

_Read = TypeVar("_Read")


class ImageError(ValueError):
    """A file that cannot be used as an image; the message is one sentence with its name and the reason."""


class MissingError(ImageError):
    """Nothing stands where images were looked for, or it may not be opened."""


@dataclass(frozen=True)
class Mask:
    """A ground-truth mask.

    Attributes:
        salt: (H, W) bool.
        values: the different values in its file, at most ``MOST_VALUES``: numbers, indices of a palette, or the red,
            green and blue of colours.
        notes: what of it was guessed, in plain sentences.
    """

    salt: NDArray[np.bool_]
    values: frozenset[float | tuple[int, ...]]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class ImageFile:
    """One image in a folder or a zip.

    Attributes:
        name: what to call it in messages; always printable.
        stem: its own name without folders and suffix, as it stands on disk or in the zip; not to be trusted
            as the name of a new file.
        content: reads its bytes.
        path: where it is on disk; None in a zip.
        inside: where it is below the folder or in the zip that was listed.
    """

    name: str
    stem: str
    content: Callable[[], bytes]
    path: Path | None = None
    inside: PurePosixPath = PurePosixPath()

    def read(self) -> ImageArray:
        """The image itself, as ``decode`` gives it; raises ``ImageError``."""
        return decode(self.load(), self.name)

    def read_image(self) -> Reading:
        """The image as (H, W) float32 in [0, 1], and what of it was guessed; raises as ``read_image``."""
        return read_image(self.load(), self.name)

    def read_grey(self) -> Grey:
        """The image alone."""
        return self.read_image().grey

    def read_mask(self) -> Mask:
        """The mask in it; raises as ``read_mask``."""
        return read_mask(self.load(), self.name)

    def load(self) -> bytes:
        """The file itself; raises ``ImageError``."""
        try:
            return self.content()
        except Exception as error:  # broken archives raise many types, and all mean the same
            raise ImageError(f"{self.name}: cannot be read ({_reason(error)})") from None


def read_image(content: bytes, name: str, largest: int = LARGEST_PIXELS) -> Reading:
    """The grey of an image file, and what of it was guessed or left out.

    Raises:
        ImageError: more than the ``largest`` pixels that a page takes, or what ``decode`` or ``unet.image.grey`` does
            not take.
    """
    decoded = _decoded(content, name)
    if decoded.array.ndim >= 2:
        _check_size(decoded.array.shape[0], decoded.array.shape[1], name, largest)
    reading = _understood(image.read, decoded.array, name)
    return Reading(reading.grey, (*decoded.notes, *reading.notes))


def read_mask(content: bytes, name: str) -> Mask:
    """The salt of a mask file, by the organisers' rule: every value but 0, of a palette every index but 0.

    Raises:
        ImageError: what ``decode`` or ``unet.image.salt`` does not take.
    """
    decoded = _decoded(content, name)
    array, notes = decoded.array, tuple(note for note in decoded.notes if note == FIRST_FRAME)  # no matter how bright
    if decoded.indices is not None:
        array, notes = decoded.indices, (*notes, *decoded.palette_notes)
    marked = _understood(salt, array, name)
    values = _values(array)
    if decoded.lossy and len(values) > 2:  # its zeros are not all zero any more
        brightness = array if array.ndim == 2 else array[..., :3].max(axis=2)
        marked = np.asarray(brightness > brightness.max() / 2)
        values, notes = frozenset({0.0, float(brightness.max())}), (*notes, BLURRED)
    return Mask(marked, values, notes)


def _values(mask: ImageArray) -> frozenset[float | tuple[int, ...]]:
    if mask.ndim == 3 and (mask[..., :3] == mask[..., :1]).all():
        mask = mask[..., 0]
    if mask.ndim == 2:
        return frozenset(np.unique(mask)[:MOST_VALUES].tolist())
    colours = np.unique(mask[..., :3].reshape(-1, 3), axis=0)[:MOST_VALUES].tolist()
    return frozenset(tuple(colour) for colour in colours)


def _understood(meaning: Callable[[ImageArray], _Read], image: ImageArray, name: str) -> _Read:
    try:
        return meaning(image)
    except ValueError as error:
        raise ImageError(f"{name}: {error}") from None


def decode(content: bytes, name: str) -> ImageArray:
    """The array in the bytes of a PNG, JPEG, TIFF, BMP, GIF, WebP, PNM or NPY file.

    Args:
        content: the whole file; what it is is read from the bytes, never from its name.
        name: what to call the file in an error.

    Returns:
        From an image (H, W) or (H, W, 3), uint8 or uint16, spread out to the white that the file declares (from a
        TIFF of signed numbers int8 or int16, of floating point float32): alpha is dropped, palettes and CMYK become
        RGB, an EXIF rotation is applied, of an animation the first frame is taken.  From NPY whatever array it holds;
        ``unet.image.grey`` says whether that is an image.

    Raises:
        ImageError: empty, truncated, no image, of a kind or with several pages that are not read, or larger than
            50 million pixels.
    """
    return _decoded(content, name).array


def _decoded(content: bytes, name: str) -> Decoded:
    """The same with what the file declares."""
    if not content:
        raise ImageError(f"{name}: the file is empty")
    try:
        with warnings.catch_warnings():
            # They warn of what we decide ourselves.  Only their own warnings: threads share these filters.
            warnings.filterwarnings("ignore", module="PIL")
            warnings.filterwarnings("ignore", message="Reading `.npy`|invalid ")  # of an NPY's header
            if content.startswith(np.lib.format.MAGIC_PREFIX):
                return Decoded(_decode_npy(content, name))
            return _decode_image(content, name)
    except ImageError:
        raise
    except Exception as error:  # decoders raise many types on broken files, and all mean the same
        raise ImageError(f"{name}: damaged or cut short ({_reason(error)})") from None


def _decode_image(content: bytes, name: str) -> Decoded:
    significant = _check_png(content, name) if content.startswith(_PNG) else None
    try:
        with Image.open(io.BytesIO(content), formats=_FORMATS) as image:
            _check_size(image.height, image.width, name)
            declared.check_pages(image, lambda reason: ImageError(f"{name}: {reason}"))
            if image.format == "TIFF":
                _check_cover(image, name)
            image.load()
            ImageOps.exif_transpose(image, in_place=True)
            return declared.read(image, significant, lambda reason: ImageError(f"{name}: {reason}"))
    except Image.DecompressionBombError:  # far beyond our own limit
        raise ImageError(f"{name}: {_TOO_LARGE}") from None
    except UnidentifiedImageError:
        reason = declared.unread_tiff(content) or f"not a {FORMATS} image, or damaged at its head"
        raise ImageError(f"{name}: {reason}") from None


def _check_png(content: bytes, name: str) -> int | None:
    """How many bits are in use, where the file says so; raises ``ImageError`` for what Pillow notices too late.

    It skips the checksums of pixels, so that a flipped bit would go unseen, and of an animation it takes memory for
    the whole image as soon as it is opened, however large the header says it is.
    """
    place, whole, significant = len(_PNG), memoryview(content), None
    while place + 12 <= len(content):
        length, kind = struct.unpack(">I4s", whole[place : place + 8])
        end = place + 8 + length
        if end + 4 > len(content):
            break
        if zlib.crc32(whole[place + 4 : end]) != int.from_bytes(whole[end : end + 4]):
            raise ImageError(f"{name}: damaged or cut short (wrong checksum)")
        if (kind == b"IHDR") != (place == len(_PNG)) or (kind == b"IHDR" and length != 13):
            raise ImageError(f"{name}: damaged or cut short (no header at its head, or a second one)")
        if kind == b"IHDR":
            width, height = struct.unpack(">II", whole[place + 8 : place + 16])
            _check_size(height, width, name)
        if kind == b"sBIT" and length:  # of several channels the finest, an alpha not counted
            channels = bytes(whole[place + 8 : end])
            significant = max(channels[:-1] if length in (2, 4) else channels)
        if kind == b"IEND":
            return significant or None
        place = end + 4
    raise ImageError(f"{name}: damaged or cut short (no end)")


def _check_cover(image: Image.Image, name: str) -> None:
    """Raises ``ImageError`` where the strips of a TIFF leave out a part of it, which Pillow would fill with black."""
    boxes = [tile[1] for tile in getattr(image, "tile", [])]
    covered = sum((right - left) * (lower - upper) for left, upper, right, lower in boxes)
    if covered < image.width * image.height:
        raise ImageError(f"{name}: cut short (it holds a part of its {image.height:,} x {image.width:,} pixels)")


def _decode_npy(content: bytes, name: str) -> ImageArray:
    stream = io.BytesIO(content)
    version = np.lib.format.read_magic(stream)
    if version not in _NPY_HEADERS:  # 3.0 only differs in the names of a table's columns
        raise ImageError(f"{name}: expected a plain array of numbers in NPY format 1.0 or 2.0, got {version}")
    shape, _, dtype = _NPY_HEADERS[version](stream)
    if dtype.hasobject:
        raise ImageError(f"{name}: holds Python objects, which are never loaded; save an array of numbers")
    if len(shape) >= 2:
        _check_size(shape[0], shape[1], name)
    # NumPy would take the memory that the header asks for before it looks whether the numbers are there.
    if int(np.prod([*shape, dtype.itemsize], dtype=object)) > len(content):
        raise ImageError(f"{name}: cut short (its header promises more than the file holds)")
    stream.seek(0)
    array: ImageArray = np.load(stream, allow_pickle=False)
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

_TOO_LARGE = f"more than {LARGEST_PIXELS:,} pixels; cut it into smaller images"


def _check_size(height: int, width: int, name: str, largest: int = LARGEST_PIXELS) -> None:
    if height * width > LARGEST_PIXELS:
        raise ImageError(f"{name}: {height:,} x {width:,} is {_TOO_LARGE}")
    if height * width > largest:
        raise ImageError(
            f"{name}: {height:,} x {width:,} is more than the {largest:,} pixels this page takes; "
            "cut it into smaller images, or use python -m unet predict"
        )


def find_images(path: Path, folder: str | None = None) -> list[ImageFile]:
    """The images of a file, a folder or a zip, sorted by name.

    Hidden files, and what macOS adds to a zip, are left out.  A zip stays open for as long as one of its
    images is kept: opening it anew for each of 18,000 would take far longer than reading them.

    Args:
        path: an image file, a folder or a .zip; folders in it are looked through alike.
        folder: read only what lies in folders of this name, for example ``masks``; by default what lies in those
            called ``images``, and where there is none, every image that lies in none called ``masks``.

    Returns:
        The images found; an empty list where there are none.

    Raises:
        MissingError: nothing stands at ``path``, or it may not be opened.
        ImageError: a zip that is damaged, or too many files.
    """
    found = _listed(path)
    if found is None:
        return [_on_disk(path)] if folder is None else []
    return [found[index] for index in choose([file.inside for file in found], folder)]


def choose(paths: Sequence[PurePosixPath], folder: str | None = None) -> list[int]:
    """Which paths are read as images; as ``find_images``, which says what ``folder`` does."""
    images = [index for index, path in enumerate(paths) if path.suffix.lower() in SUFFIXES]
    if folder is not None:
        return [index for index in images if is_in(paths[index], folder)]
    images = [index for index in images if not is_in(paths[index], MASKS)]
    return [index for index in images if is_in(paths[index], IMAGES)] or images


def left_out(paths: Sequence[PurePosixPath]) -> list[int]:
    """Which paths are not read though somebody may have meant them to be.

    Not among them are texts and tables (``BESIDE``), and what lies in folders called ``masks``.
    """
    taken = set(choose(paths))
    return [
        index
        for index, path in enumerate(paths)
        if index not in taken and not is_in(path, MASKS) and path.suffix.lower() not in BESIDE
    ]


def find_left_out(path: Path) -> list[ImageFile]:
    """The files of a folder or a zip that ``left_out`` tells of; raises as ``find_images``."""
    found = _listed(path) or []
    return [found[index] for index in left_out([file.inside for file in found])]


def _listed(path: Path) -> list[ImageFile] | None:
    """Every file of a folder or a zip that is not hidden, sorted by name; None for a file of its own."""
    try:
        if path.is_dir():
            return _in_folder(path)
        if path.is_file():
            return _in_zip(path) if path.suffix.lower() == ".zip" else None
        if path.exists():
            raise MissingError(f"{printable(path)}: neither a file nor a folder")
    except OSError as error:
        raise MissingError(f"{printable(path)}: cannot be opened ({_reason(error)})") from None
    raise MissingError(f"{printable(path)}: no such file or folder")


def _on_disk(path: Path, inside: PurePosixPath | None = None) -> ImageFile:
    def content() -> bytes:
        if path.exists() and not path.is_file():  # a pipe would never end
            raise ValueError("not a file, or a link to none")
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            _limit(size)
            return file.read(size)

    return ImageFile(printable(path), path.stem, content, path, inside or PurePosixPath(path.name))


def _in_folder(root: Path) -> list[ImageFile]:
    def refuse(error: OSError) -> NoReturn:
        raise error

    found: list[ImageFile] = []
    for folder, folders, names in os.walk(root, onerror=refuse, followlinks=True):
        # A link leads anywhere, also to a folder around this one: only those that say what they are for are followed.
        linked = [
            name for name in folders if Path(folder, name).is_symlink() and name.casefold() not in (IMAGES, MASKS)
        ]
        folders[:] = [name for name in folders if name not in linked and not _is_hidden(name)]
        paths = [Path(folder, name) for name in [*names, *linked] if not _is_hidden(name)]
        found += [_on_disk(path, PurePosixPath(path.relative_to(root).as_posix())) for path in paths]
        if len(PurePosixPath(folder).relative_to(root).parts) > DEEPEST:
            raise ImageError(f"{printable(root)}: folders in folders, more than {DEEPEST} deep; is a link a circle?")
        _check_count(root, len(found))
    return sorted(found, key=lambda file: file.inside.parts)  # paths compare otherwise in other Pythons


def _in_zip(path: Path) -> list[ImageFile]:
    try:
        archive = zipfile.ZipFile(path)  # closed with the last ImageFile that holds it
    except Exception as error:  # zipfile raises many types on broken archives
        raise ImageError(f"{printable(path)}: not a readable zip ({_reason(error)})") from None
    entries = archive.infolist()
    _check_count(path, len(entries))
    # Some archives from Windows separate folders by backslashes.
    named = [(PurePosixPath(e.filename.replace("\\", "/")), e) for e in entries if not e.filename.endswith("/")]
    named = [pair for pair in named if pair[0].name and not is_hidden(pair[0])]
    named.sort(key=lambda pair: pair[0].parts)
    return [
        ImageFile(printable(f"{path}:{inside}"), inside.stem, _zip_reader(archive, entry), None, inside)
        for inside, entry in named
    ]


def _check_count(path: Path, count: int) -> None:
    if count > LARGEST_COUNT:
        raise ImageError(f"{printable(path)}: {count:,} entries, more than {LARGEST_COUNT:,}; split it up")


def is_in(path: PurePosixPath, folder: str) -> bool:
    """Whether a file lies in a folder of this name, in capitals or not, at any depth."""
    return any(part.casefold() == folder for part in posixpath.normpath(path.parent).split("/"))


def is_hidden(path: PurePosixPath) -> bool:
    """Whether a file, or a folder it is in, is none of the user's: macOS adds such to zips."""
    return any(_is_hidden(part) for part in path.parts)


def _is_hidden(name: str) -> bool:
    """Whether a file or a folder is none of the user's; ``..`` in a zip is only a name to be tamed."""
    return (name.startswith(".") and name not in (".", "..")) or name == "__MACOSX"


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


def printable(text: Path | str) -> str:
    """A name that is safe to show: what a terminal would act on or UTF-8 cannot say is spelled out."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in str(text))


def _reason(error: Exception) -> str:
    """What a library says went wrong, in one line."""
    text = str(getattr(error, "strerror", None) or error).strip()
    return printable(text.splitlines()[0])[:_LONGEST_REASON] if text else type(error).__name__
