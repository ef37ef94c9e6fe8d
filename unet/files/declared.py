"""What an image file declares of its numbers: bits, sign, which end is white, pages, palettes.

Pillow gives many numbers as they are stored.  Without this, twelve bits would be divided by the white of sixteen and
come out black, signed bytes would wrap, and all pages but the first would be dropped silently.
"""

import io
import struct
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, TiffImagePlugin

from unet.files.printable import LONGEST_REASON, printable
from unet.image import ImageArray

# TIFF 6.0, and its supplements.
NEW_SUBFILE_TYPE, BITS, PHOTOMETRIC, MAX_VALUE, SAMPLE_FORMAT = 254, 258, 262, 281, 339
REDUCED_OR_MASK = 0b101  # pages that are another page made smaller, or its mask
WHITE_IS_ZERO = 0
UNSIGNED, SIGNED, FLOATING = 1, 2, 3
FORMATS = {UNSIGNED: "unsigned", SIGNED: "signed", FLOATING: "floating-point"}
MOST_PAGES = 100  # that are looked at

FIRST_FRAME = "an animation: its first frame was taken"
WHOLE_NUMBERS = "32-bit integers: 65535 was taken as white"
NOT_DARKEST = "a mask with a palette is read by its indices; index 0, not salt, is not the darkest colour of this one"

_MODES = {  # alpha holds nothing of the rock
    "1": "L", "LA": "L", "P": "RGB", "PA": "RGB", "RGBA": "RGB", "RGBX": "RGB", "CMYK": "RGB", "YCbCr": "RGB",
}  # fmt: skip


class UnreadableError(ValueError):
    """An image that is damaged or of an unsupported kind; the message is the reason without the file's name."""


@dataclass(frozen=True)
class Decoded:
    """An image as its file holds it.

    Attributes:
        array: its numbers, of a shape and type that ``unet.image.read`` and ``salt`` check.
        notes: what was guessed or left out, in plain sentences.
        indices: (H, W) uint8 palette indices where it has a palette; ``array`` then holds the colours.
        palette_notes: notes that apply where the indices are read as a mask.
        lossy: whether its compression changes numbers.
    """

    array: ImageArray
    notes: tuple[str, ...] = ()
    indices: NDArray[np.uint8] | None = None
    palette_notes: tuple[str, ...] = ()
    lossy: bool = False


def read(image: Image.Image, significant: int | None) -> Decoded:
    """The numbers of an opened image, scaled to the white that it declares.

    Args:
        image: opened by Pillow and upright, its size checked.
        significant: bits in use that the file declares (a PNG's sBIT); None where it declares none.

    Returns:
        (H, W) or (H, W, 3), uint8 or uint16; int8 or int16 from a TIFF of signed numbers, int32 or uint32 from one
        beyond 16 bits, float32 from one of floating point.  Alpha is dropped, palettes and CMYK become RGB.

    Raises:
        UnreadableError: numbers or colours of an unsupported kind.
    """
    notes: list[str] = []
    if image.format in ("PNG", "GIF", "WEBP") and getattr(image, "n_frames", 1) > 1:
        notes.append(FIRST_FRAME)
    lossy = image.format in ("JPEG", "WEBP")
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        return Decoded(_of_tiff(image, notes), tuple(notes), *_indices(image))
    array = _of_mode(image)
    if significant is not None and significant < 8 * array.itemsize:
        array = _of_bits(array, significant, notes)
    return Decoded(array, tuple(notes), *_indices(image), lossy)


def describe_unread_tiff(content: bytes) -> str:
    """What is unusual about a TIFF that Pillow cannot read; empty where it is no TIFF, or damaged."""
    try:
        header = content[:8]
        tags = TiffImagePlugin.ImageFileDirectory_v2(header)
        order = "<" if header.startswith(b"II") else ">"
        stream = io.BytesIO(content)
        stream.seek(struct.unpack(order + "I", header[4:])[0])
        tags.load(stream)
        bits, kind, white = _bits(tags), _format(tags), tags.get(PHOTOMETRIC)
    except Exception:  # of a damaged one it raises many types
        return ""
    if not bits:
        return ""
    named = f"{'+'.join(map(str, bits[:4]))} bits, {FORMATS.get(kind, 'of another format')}, photometric {white}"
    named = printable(named)[:LONGEST_REASON]  # damaged tags may hold any text
    return f"expected a TIFF of another kind, got one of {named}; save it as 8-bit or 16-bit grey, or as NPY"


def check_pages(image: Image.Image) -> None:
    """Raises ``UnreadableError`` for a TIFF with a second page, unless that is the first made smaller, or its mask."""
    if not isinstance(image, TiffImagePlugin.TiffImageFile):
        return
    for page in range(1, MOST_PAGES):
        try:
            image.seek(page)
        except EOFError:
            break
        if not image.tag_v2.get(NEW_SUBFILE_TYPE, 0) & REDUCED_OR_MASK:
            raise UnreadableError("expected one page, got several; save each as a file of its own")
    image.seek(0)


def _of_tiff(image: TiffImagePlugin.TiffImageFile, notes: list[str]) -> ImageArray:
    tags = image.tag_v2
    bits, kind, inverted = _bits(tags), _format(tags), tags.get(PHOTOMETRIC) == WHITE_IS_ZERO
    mode = image.mode
    if kind == SIGNED and bits == (16,):
        return np.asarray(image).astype(np.int16)
    array = _of_mode(image)
    if kind == SIGNED and bits == (8,):
        return array.view(np.int8)
    if kind == SIGNED and mode != "I":
        raise UnreadableError("expected unsigned numbers in colours, got signed ones; save it as 8-bit or 16-bit grey")
    if inverted and array.dtype.kind == "f":
        raise UnreadableError("expected floating point whose 0 is black, got one whose 0 is white; save it as NPY")
    if mode == "I" and array.dtype == np.uint16:
        notes.append(WHOLE_NUMBERS)
    if array.dtype == np.int32 and kind == UNSIGNED:  # Pillow has no larger type
        return array.view(np.uint32)
    if mode.startswith("I;16") and bits[:1] < (16,):
        array = _of_bits(array, bits[0], notes)
    elif mode.startswith("I;16") and isinstance(highest := tags.get(MAX_VALUE), tuple) and 255 <= highest[0] < 65535:
        array = _of_bits(array, int(highest[0]).bit_length(), notes)
    if inverted and mode.startswith("I;16"):  # fewer bits Pillow turns around itself
        array = np.subtract(65535, array, dtype=np.uint16)
    return array


def _of_bits(array: ImageArray, bits: int, notes: list[str]) -> ImageArray:
    """uint8 or uint16 numbers of ``bits`` bits, scaled to the white of their type unless they fill it already."""
    white, own = 2**bits - 1, 2 ** (8 * array.itemsize) - 1
    if array.size == 0 or array.max() > white:  # as PNG asks for: the bits in use are the upper ones
        return array
    notes.append(f"{bits} bits are in use: {white} was taken as white")
    scaled: ImageArray = ((array.astype(np.uint32) * own + white // 2) // white).astype(array.dtype)
    return scaled


def _of_mode(image: Image.Image) -> ImageArray:
    if image.mode.startswith("I;16"):  # of either byte order
        return np.asarray(image).astype(np.uint16)
    if image.mode == "I":
        values = np.asarray(image)
        return values.astype(np.uint16 if values.min() >= 0 and values.max() <= 65535 else np.int32)
    if image.mode in ("L", "RGB", "F"):
        return np.array(image)
    if image.mode not in _MODES:
        raise UnreadableError(f"expected grey or RGB, got colours of the kind {image.mode}; save it as grey or RGB")
    return np.array(image.convert(_MODES[image.mode]))


def _indices(image: Image.Image) -> tuple[NDArray[np.uint8] | None, tuple[str, ...]]:
    """The palette indices of an image, and the notes on them as a mask; None without a palette."""
    if image.mode != "P":
        return None, ()
    indices = np.array(image)
    colours = np.array(image.getpalette("RGB") or [0, 0, 0]).reshape(-1, 3).sum(1)
    used = [int(colours[index]) for index in np.unique(indices) if 0 < index < len(colours)]
    return indices, (NOT_DARKEST,) if used and colours[0] > min(used) else ()


def _bits(tags: TiffImagePlugin.ImageFileDirectory_v2) -> tuple[int, ...]:
    return tuple(tags.get(BITS, (1,)))


def _format(tags: TiffImagePlugin.ImageFileDirectory_v2) -> int:
    return int(tags.get(SAMPLE_FORMAT, (UNSIGNED,))[0])
