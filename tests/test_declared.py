"""What files declare of their numbers, in files made byte by byte."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from unet.files.images import ImageError, decode, read_image, read_mask

GREY = np.random.default_rng(0).integers(0, 256, (20, 30), np.uint8)
GREY[0, :2] = 0, 255
TWELVE = GREY.astype(np.uint16) << 4 | GREY >> 4  # the same greys in twelve bits
SHORT, LONG = "H", "I"


def tiff(array, bits, sample_format=1, photometric=1, pages=1, order="<", **tags):
    """An uncompressed grey TIFF of (H, W) numbers, written into as many bits as it says."""
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
        size = 2 + 12 * len(entries) + 4
        entries[273] = len(content) + size
        content += struct.pack(order + "H", len(entries))
        for tag, value in sorted(entries.items()):
            kind = LONG if tag in (273, 279) else SHORT
            padding = b"" if kind == LONG else b"\0\0"
            content += struct.pack(order + f"HHI{kind}", tag, 4 if kind == LONG else 3, 1, value) + padding
        content += struct.pack(order + "I", 0 if page == pages - 1 else len(content) + 4 + len(data)) + data
    return content


def png(array, significant=None, depth=16):
    """A grey PNG that says how many bits are in use."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    height, width = array.shape
    rows = b"".join(b"\0" + row.astype(">u2" if depth == 16 else "u1").tobytes() for row in array)
    says = b"" if significant is None else chunk(b"sBIT", bytes([significant]))
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + says + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


SIGNED8 = (GREY.astype(int) - 128).astype(np.int8)
SIXTEEN = GREY.astype(np.uint16) * 257


@pytest.mark.parametrize(
    ("array", "bits", "says", "note"),
    [
        (GREY, 8, {}, None),
        (255 - GREY, 8, {"photometric": 0}, None),
        (SIXTEEN, 16, {}, None),
        (65535 - SIXTEEN, 16, {"photometric": 0}, None),
        (SIGNED8, 8, {"sample_format": 2}, "signed bytes"),
        (TWELVE, 12, {}, "12 bits are in use: 4095 was taken as white"),
        (TWELVE, 16, {"t281": 4095}, "12 bits are in use"),
        (SIXTEEN, 16, {"order": ">"}, None),
        (SIGNED8, 8, {"sample_format": 2, "order": ">"}, "signed bytes"),
        (TWELVE, 16, {"t281": 4095, "order": ">"}, "12 bits are in use"),
    ],
)
def test_a_tiff_gives_the_greys_it_declares(array, bits, says, note):
    reading = read_image(tiff(array, bits, **says), "a.tif")
    np.testing.assert_allclose(reading.grey, GREY / 255, atol=1.01 / 4095 if bits != 8 else 1e-6)
    assert [note in said for said in reading.notes] == ([True] if note else [])


@pytest.mark.parametrize(
    ("array", "significant", "depth", "note"),
    [
        (TWELVE, 12, 16, True),  # as cameras write them, though the standard asks for the upper bits
        (TWELVE << 4, 12, 16, False),
        (GREY >> 4, 4, 8, True),
        (SIXTEEN, 16, 16, False),
        (SIXTEEN, 0, 16, False),
    ],
)
def test_a_png_gives_the_greys_it_declares(array, significant, depth, note):
    reading = read_image(png(array, significant, depth), "a.png")
    np.testing.assert_allclose(reading.grey, GREY / 255, atol=1 / 15 if depth == 8 else 1e-3)
    assert bool(reading.notes) == note
    assert reading.grey.max() > 0.99


def test_what_fills_a_sixteenth_of_its_numbers_is_said():
    for content in (tiff(TWELVE, 16), png(TWELVE)):
        (said,) = read_image(content, "a").notes
        assert "far below white" in said
    assert not read_image(png(SIXTEEN), "a").notes


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (tiff(SIGNED8.astype(np.int16) * 256, 16, sample_format=2), "got int16; for seismic amplitudes"),
        (tiff((GREY / 255).astype(np.float16), 16, sample_format=3), "not read (16 bits, floating-point"),
        (tiff((GREY / 255).astype(np.float32), 32, sample_format=3, photometric=0), "whose 0 is white"),
        (tiff(GREY, 8, pages=2), "several pages; save each as a file of its own"),
        (tiff(GREY, 14), "not read (14 bits, unsigned"),
        (tiff(65535 - SIXTEEN, 16, photometric=0, order=">"), "not read (16 bits, unsigned, photometric 0)"),
    ],
)
def test_what_is_declared_and_not_read_is_refused_with_the_reason(content, reason):
    with pytest.raises(ImageError) as caught:
        read_image(content, "a.tif")
    assert str(caught.value).startswith("a.tif: ")
    assert reason in str(caught.value)


def test_a_smaller_copy_of_the_first_page_is_no_second_page():
    np.testing.assert_array_equal(decode(tiff(GREY, 8, pages=2, t254=1), "a.tif"), GREY)


def test_an_animation_is_said():
    stream = io.BytesIO()
    Image.fromarray(GREY).save(stream, "PNG", save_all=True, append_images=[Image.fromarray(255 - GREY)])
    reading = read_image(stream.getvalue(), "a.png")
    np.testing.assert_allclose(reading.grey, GREY / 255, atol=1e-6)
    assert reading.notes == ("an animation: its first frame was taken",)


class TestMasks:
    SALT = GREY > 99

    def test_a_palette_is_read_by_its_indices(self):
        viridis, upside_down = (68, 1, 84, 253, 231, 37), (255, 255, 255, 0, 0, 0)
        for palette, notes in ((viridis, 0), (upside_down, 1)):
            image = Image.frombytes("P", (30, 20), self.SALT.astype(np.uint8).tobytes())
            image.putpalette(palette)
            for kind in ("PNG", "GIF", "TIFF"):
                stream = io.BytesIO()
                image.save(stream, kind)
                mask = read_mask(stream.getvalue(), "a")
                np.testing.assert_array_equal(mask.salt, self.SALT)
                assert mask.values == {0, 1}
                assert len(mask.notes) == notes

    def test_values_are_told_apart(self):
        colours = np.where(self.SALT[..., None], np.uint8([253, 231, 37]), np.uint8([68, 1, 84]))
        for array, values in ((1 + self.SALT.astype(np.uint8), {1, 2}), (colours, {(68, 1, 84), (253, 231, 37)})):
            stream = io.BytesIO()
            Image.fromarray(array).save(stream, "PNG")
            mask = read_mask(stream.getvalue(), "a")
            assert mask.values == values
            assert mask.salt.all()  # every value but 0: who reads a data set says what is wrong

    def test_a_jpeg_has_lost_its_zeros(self):
        salt = np.zeros((64, 64), bool)
        salt[10:40, 20:50] = True
        stream = io.BytesIO()
        Image.fromarray(salt.astype(np.uint8) * 255).save(stream, "JPEG", quality=60)
        assert (decode(stream.getvalue(), "a") > 0).sum() > salt.sum()
        mask = read_mask(stream.getvalue(), "a")
        np.testing.assert_array_equal(mask.salt, salt)
        assert "with losses" in mask.notes[0]
        assert len(mask.values) == 2

    @pytest.mark.parametrize("bits", [8, 16, 32])
    def test_signed_numbers(self, bits):
        array = np.where(self.SALT, -1, 0).astype(f"i{bits // 8}")
        if bits == 32:
            array = -array  # Pillow's own 32 bits are read up to 65535
        np.testing.assert_array_equal(read_mask(tiff(array, bits, sample_format=2), "a").salt, self.SALT)
