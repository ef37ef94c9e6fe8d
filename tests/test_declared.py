"""What files declare of their numbers, in files made byte by byte."""

import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from tests.robustness.hostile_files import encoded
from unet.amplitude import Limits
from unet.files.images import ImageError, LimitsNeededError, decode, read_amplitudes, read_image, read_mask
from unet.image import DARK

GREY = np.random.default_rng(0).integers(0, 256, (20, 30), np.uint8)
GREY[0, :2] = 0, 255
TWELVE = GREY.astype(np.uint16) << 4 | GREY >> 4  # the same greys in twelve bits
SIXTEEN = GREY.astype(np.uint16) * 257
SIGNED8 = (GREY.astype(int) - 128).astype(np.int8)
FLOAT = (GREY / 255).astype(np.float32)
SALT = GREY > 99
SHORT, LONG = "H", "I"


def tiff(array, bits, sample_format=1, photometric=1, pages=1, order="<", **tags):
    """An uncompressed grey TIFF of (H, W) numbers, written into as many bits as it declares."""
    height, width = array.shape
    if bits == 12:
        pairs = array.reshape(height, -1, 2).astype(int)
        packed = [pairs[..., 0] >> 4, (pairs[..., 0] & 15) << 4 | pairs[..., 1] >> 8, pairs[..., 1] & 255]
        data = np.stack(packed, axis=2).astype(np.uint8).tobytes()
    else:
        data = array.astype(array.dtype.newbyteorder(order)).tobytes()
    content = (b"II" if order == "<" else b"MM") + struct.pack(order + "HI", 42, 8)
    for page in range(pages):
        entries = {
            256: width, 257: height, 258: bits, 259: 1, 262: photometric, 273: 0, 277: 1, 278: height,
            279: len(data), 339: sample_format, **{int(tag[1:]): value for tag, value in tags.items()},
        }  # fmt: skip
        if page:
            entries[254] = tags.get("t254", 0)
        entries[273] = len(content) + 2 + 12 * len(entries) + 4
        content += struct.pack(order + "H", len(entries))
        for tag, value in sorted(entries.items()):
            kind = LONG if tag in (273, 279) else SHORT
            content += struct.pack(order + f"HHI{kind}", tag, 4 if kind == LONG else 3, 1, value).ljust(12, b"\0")
        content += struct.pack(order + "I", 0 if page == pages - 1 else len(content) + 4 + len(data)) + data
    return content


def png(array, significant):
    """A grey PNG that declares how many bits are in use."""
    content, chunk = encoded(array), b"sBIT" + bytes([significant])
    return content[:33] + struct.pack(">I", 1) + chunk + struct.pack(">I", zlib.crc32(chunk)) + content[33:]


TWELVE_BITS, FAR_BELOW = "12 bits are in use: 4095 was taken as white", "far below white"
FIRST_FRAME = "an animation: its first frame was taken"


@pytest.mark.parametrize(
    ("content", "note"),
    [
        (tiff(GREY, 8), None),
        (tiff(255 - GREY, 8, photometric=0), None),
        (tiff(SIXTEEN, 16), None),
        (tiff(SIXTEEN, 16, order=">"), None),
        (tiff(65535 - SIXTEEN, 16, photometric=0), None),
        (tiff(SIGNED8, 8, sample_format=2), "signed bytes"),
        (tiff(SIGNED8, 8, sample_format=2, order=">"), "signed bytes"),
        (tiff(TWELVE, 12), TWELVE_BITS),
        (tiff(TWELVE, 16, t281=4095), TWELVE_BITS),
        (tiff(TWELVE, 16, t281=4095, order=">"), TWELVE_BITS),
        (tiff(TWELVE, 16), FAR_BELOW),
        (tiff(GREY, 8, pages=2, t254=1), None),  # the second page is the first made smaller
        (png(TWELVE, 12), TWELVE_BITS),  # as cameras write them, though the standard asks for the upper bits
        (png(TWELVE << 4, 12), None),
        (png(GREY >> 4, 4), "4 bits are in use: 15 was taken as white"),
        (png(SIXTEEN, 16), None),
        (png(SIXTEEN, 0), None),
        (encoded(TWELVE), FAR_BELOW),
        (encoded(GREY, save_all=True, append_images=[Image.fromarray(255 - GREY)]), FIRST_FRAME),
    ],
)
def test_a_file_gives_the_greys_it_declares(content, note):
    reading = read_image(content, "a")
    white = 4095 / 65535 if note == FAR_BELOW else 1
    bits = 4 if note and note.startswith("4 bits") else 12
    np.testing.assert_allclose(reading.grey, GREY / 255 * white, atol=1.01 / (2**bits - 1))
    assert reading.grey.max() > 0.99 * white
    assert [note in found for found in reading.notes] == ([True] if note else [])


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (tiff(SIGNED8.astype(np.int16) * 256, 16, sample_format=2), "got int16; give seismic amplitudes limits"),
        (tiff(FLOAT.astype(np.float16), 16, sample_format=3), "got one of 16 bits, floating-point"),
        (tiff(FLOAT, 32, sample_format=3, photometric=0), "whose 0 is white"),
        (tiff(GREY, 8, pages=2), "expected one page, got several; save each as a file of its own"),
        (tiff(GREY, 14), "got one of 14 bits, unsigned"),
        (tiff(65535 - SIXTEEN, 16, photometric=0, order=">"), "got one of 16 bits, unsigned, photometric 0"),
    ],
)
def test_what_is_declared_and_not_read_is_refused_with_the_reason(content, reason):
    with pytest.raises(ImageError) as caught:
        read_image(content, "a.tif")
    assert str(caught.value).startswith("a.tif: ")
    assert reason in str(caught.value)


@pytest.mark.parametrize("kind", ["PNG", "GIF", "TIFF"])
@pytest.mark.parametrize(("palette", "notes"), [((68, 1, 84, 253, 231, 37), 0), ((255, 255, 255, 0, 0, 0), 1)])
def test_a_mask_with_a_palette_is_read_by_its_indices(palette, notes, kind):
    image = Image.frombytes("P", (30, 20), SALT.astype(np.uint8).tobytes())
    image.putpalette(palette)
    mask = read_mask(encoded(image, kind), "a")
    np.testing.assert_array_equal(mask.salt, SALT)
    assert (mask.values, len(mask.notes)) == ({0, 1}, notes)


@pytest.mark.parametrize("values", [(1, 2), ((68, 1, 84), (253, 231, 37))])
def test_the_values_of_a_mask_are_told_apart(values):
    mask = read_mask(encoded(np.uint8(values)[SALT.astype(int)]), "a")
    assert mask.values == set(values)
    assert mask.salt.all()  # every value but 0: who reads a dataset notes what is wrong


def test_a_jpeg_of_a_mask_has_lost_its_zeros():
    salt = np.zeros((64, 64), bool)
    salt[10:40, 20:50] = True
    content = encoded(salt.astype(np.uint8) * 255, "JPEG", quality=60)
    assert (decode(content, "a").array > 0).sum() > salt.sum()
    mask = read_mask(content, "a")
    np.testing.assert_array_equal(mask.salt, salt)
    assert "with losses" in mask.notes[0]
    assert len(mask.values) == 2


@pytest.mark.parametrize("bits", [8, 16, 32])
def test_a_mask_of_signed_numbers(bits):
    array = np.where(SALT, -1, 0).astype(f"i{bits // 8}")
    np.testing.assert_array_equal(read_mask(tiff(array, bits, sample_format=2), "a").salt, SALT)


@pytest.mark.parametrize(
    ("array", "bits", "kind"),
    [
        (np.arange(-300, 300).reshape(20, 30).astype(np.int16) * 100, 16, 2),
        (np.arange(-300, 300).reshape(20, 30).astype(np.int32) * 1_000_000, 32, 2),
        (np.arange(-300, 300).reshape(20, 30).astype(np.float32) / 7, 32, 3),
    ],
)
@pytest.mark.parametrize("order", "<>")
def test_numbers_without_a_white_are_amplitudes_of_the_files_own_numbers(array, bits, kind, order):
    content = tiff(array, bits, sample_format=kind, order=order)
    with pytest.raises(LimitsNeededError, match="--amplitude-limits LOW HIGH or --clip-percentile P"):
        read_image(content, "a.tif")
    np.testing.assert_array_equal(read_amplitudes(content, "a.tif"), array)
    low, high = float(array.min()), float(array.max())
    reading = read_image(content, "a.tif", limits=Limits(low, high))
    np.testing.assert_allclose(reading.grey, (array - low) / (high - low), atol=1e-6)
    assert not reading.notes


def test_unsigned_numbers_beyond_what_pillow_holds():
    array = np.arange(600).reshape(20, 30).astype(np.uint32) * 7_000_000  # up to 4.2e9
    np.testing.assert_array_equal(read_amplitudes(tiff(array, 32), "a.tif"), array)


def test_limits_stretch_an_image_that_stays_far_below_its_white():
    content = encoded(np.linspace(0, 4000, 600).round().astype(np.uint16).reshape(20, 30))
    assert read_image(content, "a").notes == (DARK,)
    reading = read_image(content, "a", limits=Limits(4000, 0))  # the other polarity
    np.testing.assert_allclose(reading.grey, np.linspace(1, 0, 600).reshape(20, 30), atol=1 / 4000)
    assert not reading.notes
