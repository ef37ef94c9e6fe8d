"""Image files from anywhere, trusted no further than needed: bytes in, arrays out.

Nothing is unpickled, and every size is checked before memory is taken for it.
"""

import contextlib
import ctypes
import functools
import io
import logging
import struct
import warnings
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError, _imaging

from unet import amplitude, image
from unet.amplitude import Amplitudes, Limits
from unet.files import declared
from unet.files.declared import FIRST_FRAME, WHOLE_NUMBERS, Decoded, UnreadableError
from unet.files.printable import reason
from unet.image import ImageArray, Reading, salt

FORMATS = "PNG, JPEG, TIFF, BMP, GIF, WebP, PNM or NPY"
SUFFIXES = (
    ".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".tif", ".tiff", ".bmp", ".gif", ".webp",
    ".pgm", ".ppm", ".pbm", ".pnm", ".npy",
)  # fmt: skip
LARGEST_PIXELS = 50_000_000  # a section of 25,000 traces by 2,000 samples
MOST_VALUES = 16  # different ones in a mask that are listed
BLURRED = "a mask with losses: what is above half of its largest value was taken as salt"

_PNG = b"\x89PNG\r\n\x1a\n"
_PILLOW_FORMATS = ("PNG", "JPEG", "TIFF", "BMP", "GIF", "WEBP", "PPM")
_NPY_HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
_TOO_LARGE = f"expected at most {LARGEST_PIXELS:,} pixels, got {{}}; cut it into smaller images"
_DAMAGED = "expected a whole file, got one damaged or cut short"


class ImageError(ValueError):
    """A file that cannot be used as an image; the message is one sentence with its name and the reason."""


class LimitsNeededError(ImageError):
    """A file of amplitudes, which are an image once they have limits."""


@dataclass(frozen=True)
class Mask:
    """A ground-truth mask.

    Attributes:
        salt: (H, W) bool.
        values: the different values in its file, at most ``MOST_VALUES``: numbers, palette indices, or the red, green
            and blue of colours.
        notes: what was guessed, in plain sentences.
    """

    salt: NDArray[np.bool_]
    values: frozenset[float | tuple[int, ...]]
    notes: tuple[str, ...] = ()


def read_image(content: bytes, name: str, largest: int = LARGEST_PIXELS, limits: Limits | None = None) -> Reading:
    """An image file as (H, W) float32 in [0, 1], with notes on what was guessed or left out.

    Args:
        content: the whole file.
        name: of the file, for errors.
        largest: pixels that the caller takes.
        limits: the numbers that become black and white; None takes those of the file's type, which amplitudes lack.

    Raises:
        LimitsNeededError: amplitudes, and no limits.
        ImageError: more than ``largest`` pixels, or what ``decode``, ``unet.image.read`` or, with limits,
            ``unet.amplitude.read`` does not take.
    """
    decoded = _decode_at_most(content, name, largest)
    with _named(name):
        reading = image.read(decoded.array) if limits is None else amplitude.read(decoded.array, limits)
    notes = tuple(note for note in decoded.notes if limits is None or note != WHOLE_NUMBERS)
    return Reading(reading.grey, (*notes, *reading.notes))


def read_amplitudes(content: bytes, name: str, largest: int = LARGEST_PIXELS) -> Amplitudes:
    """The numbers of a file, to choose limits by: (H, W), as ``decode`` gives them.

    Raises:
        ImageError: more than ``largest`` pixels, colours, or what ``decode`` does not take.
    """
    decoded = _decode_at_most(content, name, largest)
    with _named(name):
        return amplitude.one_channel(decoded.array)


def _decode_at_most(content: bytes, name: str, largest: int) -> Decoded:
    decoded = decode(content, name)
    with _named(name):
        shape = decoded.array.shape
        if len(shape) >= 2 and shape[0] * shape[1] > largest:
            raise UnreadableError(
                f"expected at most {largest:,} pixels, got {shape[0]:,} x {shape[1]:,}; "
                "cut it into smaller images, or use python -m unet predict"
            )
    return decoded


def read_mask(content: bytes, name: str) -> Mask:
    """A mask file by the organisers' rule: every value but 0 is salt, and of a palette every index but 0.

    Raises:
        ImageError: what ``decode`` or ``unet.image.salt`` does not take.
    """
    decoded = decode(content, name)
    array, notes = decoded.array, tuple(note for note in decoded.notes if note == FIRST_FRAME)  # no matter how bright
    if decoded.indices is not None:
        array, notes = decoded.indices, (*notes, *decoded.palette_notes)
    with _named(name):
        is_salt = salt(array)
    values = _values(array)
    if decoded.lossy and len(values) > 2:  # its zeros are not all zero any more
        brightness = array if array.ndim == 2 else array[..., :3].max(axis=2)
        is_salt = np.asarray(brightness > brightness.max() / 2)
        values, notes = frozenset({0.0, float(brightness.max())}), (*notes, BLURRED)
    return Mask(is_salt, values, notes)


def _values(mask: ImageArray) -> frozenset[float | tuple[int, ...]]:
    if mask.ndim == 3 and (mask[..., :3] == mask[..., :1]).all():
        mask = mask[..., 0]
    if mask.ndim == 2:
        return frozenset(np.unique(mask)[:MOST_VALUES].tolist())
    colours = np.unique(mask[..., :3].reshape(-1, 3), axis=0)[:MOST_VALUES].tolist()
    return frozenset(tuple(colour) for colour in colours)


@contextlib.contextmanager
def _named(name: str) -> Iterator[None]:
    """Raises any ``ValueError`` as an ``ImageError`` that starts with the name of a file."""
    try:
        yield
    except image.AmplitudeError as error:
        raise LimitsNeededError(f"{name}: {error}") from None
    except ValueError as error:
        raise ImageError(f"{name}: {error}") from None


def decode(content: bytes, name: str) -> Decoded:
    """Decodes a PNG, JPEG, TIFF, BMP, GIF, WebP, PNM or NPY file.

    Args:
        content: the whole file; its format is read from the bytes, never from the name.
        name: of the file, for errors.

    Returns:
        The ``array`` of an image is (H, W) or (H, W, 3), uint8 or uint16, scaled to the white that the file declares
        (int8 or int16 from a TIFF of signed numbers, int32 or uint32 from one beyond 16 bits, float32 from one of
        floating point).  Alpha is dropped, palettes and CMYK become RGB, an EXIF rotation is applied, and of an
        animation the first frame is taken.  An NPY gives whatever array it holds; ``unet.image.read`` checks whether
        that is an image.

    Raises:
        ImageError: empty, truncated, no image, of an unsupported kind, with several pages, or larger than 50 million
            pixels.
    """
    with _named(name), warnings.catch_warnings():
        # They warn of what is decided here.  Only their own warnings: threads share these filters.
        warnings.filterwarnings("ignore", module="PIL")
        warnings.filterwarnings("ignore", message="Reading `.npy`|invalid ")  # of an NPY's header
        try:
            if not content:
                raise UnreadableError("expected an image, got an empty file")
            is_npy = content.startswith(np.lib.format.MAGIC_PREFIX)
            return Decoded(_decode_npy(content)) if is_npy else _decode_with_pillow(content)
        except UnreadableError:
            raise
        except Exception as error:  # decoders raise many types on broken files, and all mean the same
            raise UnreadableError(f"{_DAMAGED} ({reason(error)})") from None


def _decode_with_pillow(content: bytes) -> Decoded:
    significant = _check_png(content) if content.startswith(_PNG) else None
    try:
        with Image.open(io.BytesIO(content), formats=_PILLOW_FORMATS) as opened:
            _check_size(opened.height, opened.width)
            declared.check_pages(opened)
            if opened.format == "TIFF":
                _check_strips(opened)
            opened.load()
            ImageOps.exif_transpose(opened, in_place=True)
            return declared.read(opened, significant)
    except Image.DecompressionBombError:  # far beyond our own limit
        raise UnreadableError(_TOO_LARGE.format("more")) from None
    except UnidentifiedImageError:
        unsupported = declared.describe_unread_tiff(content)
        raise UnreadableError(
            unsupported or f"expected a {FORMATS} image, got something else or one damaged at its head"
        ) from None


def _check_png(content: bytes) -> int | None:
    """Raises ``UnreadableError`` for what Pillow notices too late; returns the bits in use, where the file has them.

    Pillow skips the checksums of pixels, so that a flipped bit would go unseen, and for an animation it takes memory
    for the whole image as soon as it is opened, however large the header says it is.
    """
    place, whole, significant = len(_PNG), memoryview(content), None
    while place + 12 <= len(content):
        length, kind = struct.unpack(">I4s", whole[place : place + 8])
        end = place + 8 + length
        if end + 4 > len(content):
            break
        if zlib.crc32(whole[place + 4 : end]) != int.from_bytes(whole[end : end + 4]):
            raise UnreadableError(f"{_DAMAGED} (wrong checksum)")
        if (kind == b"IHDR") != (place == len(_PNG)) or (kind == b"IHDR" and length != 13):
            raise UnreadableError(f"{_DAMAGED} (no header at its head, or a second one)")
        if kind == b"IHDR":
            width, height = struct.unpack(">II", whole[place + 8 : place + 16])
            _check_size(height, width)
        if kind == b"sBIT" and length:  # of several channels the finest, an alpha not counted
            channels = bytes(whole[place + 8 : end])
            significant = max(channels[:-1] if length in (2, 4) else channels)
        if kind == b"IEND":
            return significant or None
        place = end + 4
    raise UnreadableError(f"{_DAMAGED} (no end)")


def _check_strips(tiff: Image.Image) -> None:
    """Raises ``UnreadableError`` where the strips of a TIFF leave out a part of it, which Pillow would make black."""
    boxes = [tile[1] for tile in getattr(tiff, "tile", [])]
    covered = sum((right - left) * (lower - upper) for left, upper, right, lower in boxes)
    if covered < tiff.width * tiff.height:
        raise UnreadableError(f"expected all of its {tiff.height:,} x {tiff.width:,} pixels, got a part of them")


def _decode_npy(content: bytes) -> ImageArray:
    stream = io.BytesIO(content)
    version = np.lib.format.read_magic(stream)
    if version not in _NPY_HEADERS:  # 3.0 only differs in the names of a table's columns
        raise UnreadableError(f"expected a plain array of numbers in NPY format 1.0 or 2.0, got {version}")
    shape, _, dtype = _NPY_HEADERS[version](stream)
    if dtype.hasobject:
        raise UnreadableError("expected numbers, got Python objects, which are never loaded; save an array of numbers")
    if len(shape) >= 2:
        _check_size(shape[0], shape[1])
    # NumPy would take the memory that the header asks for before it looks whether the numbers are there.
    if int(np.prod([*shape, dtype.itemsize], dtype=object)) > len(content):
        raise UnreadableError("expected as many numbers as its header declares, got fewer")
    stream.seek(0)
    array: ImageArray = np.load(stream, allow_pickle=False)
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def _check_size(height: int, width: int) -> None:
    if height * width > LARGEST_PIXELS:
        raise UnreadableError(_TOO_LARGE.format(f"{height:,} x {width:,}"))


@functools.cache
def quiet_decoders() -> None:
    """Keeps Pillow and its libtiff from writing to the terminal; what matters of it is raised as ``ImageError``.

    It changes the whole process, so entry points call it.  Pillow cannot be asked to quiet libtiff, so the library is,
    where it is one of its own as in the packages for Linux.
    """
    logging.getLogger("PIL").addHandler(logging.NullHandler())
    with contextlib.suppress(AttributeError, OSError):
        library = ctypes.CDLL(_imaging.__file__)
        library.TIFFSetErrorHandler(None)
        library.TIFFSetWarningHandler(None)
