import contextlib
import dataclasses
import errno
import io
import os
import struct
import zipfile
import zlib

import numpy as np
import pytest
from PIL import Image

from unet.files import listing
from unet.files.atomic import write_atomically
from unet.files.images import ImageError, decode
from unet.files.listing import find_images, find_left_out

GREY = np.arange(20 * 30, dtype=np.uint16).reshape(20, 30)
GREY8 = (GREY % 256).astype(np.uint8)
NOISE = np.random.default_rng(0).integers(0, 256, (20, 30), np.uint8)
COLOUR = np.stack([GREY8, GREY8.T.reshape(20, 30), 255 - GREY8], axis=2)


def encoded(image, kind="PNG", **options):
    stream = io.BytesIO()
    image = image if isinstance(image, Image.Image) else Image.fromarray(image)
    image.save(stream, kind, **options)
    return stream.getvalue()


def npy(array, **options):
    stream = io.BytesIO()
    np.save(stream, array, **options)
    return stream.getvalue()


def npy_header(text, version=(1, 0)):
    """An NPY file with this header and no numbers."""
    length = struct.pack("<H" if version == (1, 0) else "<I", len(text))
    return b"\x93NUMPY" + bytes(version) + length + text.encode()


def png_of(*chunks):
    """A PNG of these chunks, each a kind and its bytes."""
    blocks = [
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(blocks)


def size(width, height):
    """The chunk that declares a PNG's size."""
    return b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)


PIXELS, END = (b"IDAT", zlib.compress(b"\0")), (b"IEND", b"")


def png_header(width, height):
    """A PNG that declares a size and holds no pixels."""
    return png_of(size(width, height), PIXELS, END)


def animated_png(*sizes):
    """A PNG that begins as an animation of one frame and declares these sizes."""
    frame = struct.pack(">IIIIIHHBB", 0, 16, 16, 0, 0, 1, 1, 0, 0)
    animation = [(b"acTL", struct.pack(">II", 1, 0)), (b"fcTL", frame)]
    return png_of(*(size(*of) for of in sizes), *animation, PIXELS, END)


def zip_of(path, entries):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return path


class TestRightAnswers:
    @pytest.mark.parametrize(
        ("content", "expected"),
        [
            (encoded(GREY8), GREY8),
            (encoded(GREY * 100), GREY * 100),  # 16-bit PNG
            (encoded(GREY * 100, "TIFF"), GREY * 100),
            (encoded(GREY8, "TIFF", compression="tiff_lzw"), GREY8),
            (encoded(GREY.astype(np.int32), "TIFF"), GREY),
            (encoded((GREY / 1024).astype(np.float32), "TIFF"), (GREY / 1024).astype(np.float32)),
            (encoded(COLOUR), COLOUR),
            (encoded(np.dstack([COLOUR, GREY8])), COLOUR),  # alpha
            (encoded(Image.merge("LA", [Image.fromarray(GREY8), Image.new("L", (30, 20), 7)])), GREY8),
            (encoded(Image.fromarray(GREY8 > 99)), np.where(GREY8 > 99, np.uint8(255), np.uint8(0))),
            (encoded(Image.fromarray(GREY8).convert("P")), np.dstack([GREY8] * 3)),
            (encoded(GREY8, save_all=True, append_images=[Image.fromarray(255 - GREY8)]), GREY8),  # animated
            (npy(GREY), GREY),
            (npy(GREY / 1024), GREY / 1024),
            (npy(np.asfortranarray(GREY)), GREY),
            (npy(GREY.astype(">u2")), GREY),
        ],
    )
    def test_pixels(self, content, expected):
        image = decode(content, "image")
        np.testing.assert_array_equal(image, expected)
        assert image.dtype == expected.dtype
        assert image.dtype.isnative

    def test_jpeg_is_close(self):
        smooth = np.tile(np.linspace(0, 255, 32).astype(np.uint8), (32, 1))
        assert np.abs(decode(encoded(smooth, "JPEG", quality=95), "a.jpg").astype(int) - smooth).max() <= 6

    def test_cmyk_becomes_rgb(self):
        red = encoded(Image.new("CMYK", (20, 20), (0, 255, 255, 0)), "TIFF")
        np.testing.assert_array_equal(decode(red, "red"), np.full((20, 20, 3), [255, 0, 0], np.uint8))

    def test_exif_rotation_is_applied(self):
        exif = Image.Exif()
        exif[0x0112] = 6  # to be turned clockwise
        np.testing.assert_array_equal(decode(encoded(GREY8, exif=exif), "turned"), np.rot90(GREY8, -1))

    def test_the_bytes_decide_not_the_name(self, tmp_path):
        path = tmp_path / "renamed.jpg"
        path.write_bytes(encoded(GREY8))
        np.testing.assert_array_equal(find_images(path)[0].read(), GREY8)

    def test_grey_is_scaled(self, tmp_path):
        path = tmp_path / "a.png"
        path.write_bytes(encoded(GREY8))
        np.testing.assert_allclose(find_images(path)[0].read_grey(), GREY8 / 255, atol=1e-7)


class TestRefusals:
    @pytest.mark.parametrize(
        ("content", "reason"),
        [
            (b"", "the file is empty"),
            (b"GIF89a" + bytes(50), "not a PNG, JPEG, TIFF, BMP, GIF, WebP, PNM or NPY image"),
            (b"not an image", "not a PNG, JPEG, TIFF, BMP, GIF, WebP, PNM or NPY image"),
            (encoded(GREY8, "ICO"), "not a PNG, JPEG, TIFF, BMP, GIF, WebP, PNM or NPY image"),
            (encoded(NOISE)[:-60], "damaged or cut short"),
            (encoded(COLOUR, "JPEG")[:400], "damaged or cut short"),
            (encoded(COLOUR, "TIFF")[:900], "damaged or cut short"),
            (b"\x89PNG\r\n\x1a\n", "damaged or cut short (no end)"),
            (encoded(NOISE)[:-12], "damaged or cut short (no end)"),
            (png_of(PIXELS, size(20, 20), END), "no header at its head"),
            (encoded(Image.new("LAB", (20, 20)), "TIFF"), "colours of the kind LAB are not read"),
            (png_header(30_000, 30_000), "more than 50,000,000 pixels"),
            (png_header(8_000, 8_000), "8,000 x 8,000 is more than 50,000,000 pixels"),
            (png_header(2**31 - 1, 2**31 - 1), "more than 50,000,000 pixels"),
            # Pillow takes the memory for an animation as soon as it opens it: 22 GB for these 150 bytes.
            (animated_png((100_000, 60_000)), "60,000 x 100,000 is more than 50,000,000 pixels"),
            (animated_png((16, 16), (100_000, 60_000)), "no header at its head, or a second one"),
            (encoded(GREY.astype(np.int32) * 1000, "TIFF"), "32-bit integers outside 0 to 65535"),
            (npy(np.array([{}]), allow_pickle=True), "holds Python objects, which are never loaded"),
            (npy(GREY)[:-1], "cut short"),
            (
                npy_header("{'descr': '<f8', 'fortran_order': False, 'shape': (1000000, 1000000), }\n"),
                "more than",
            ),
            (npy_header("{'descr': '<f8', 'fortran_order': False, 'shape': (9000000000,), }\n"), "cut short"),
            (
                npy_header("{'descr': '<f8', 'fortran_order': False, 'shape': (-5, 5), }\n"),
                "damaged or cut short",
            ),
            (npy_header("(" * 5000), "damaged or cut short"),
            (npy_header(" " * 100_000, (2, 0)), "damaged or cut short"),
            (
                npy_header("{'descr': '<f8', 'fortran_order': False, 'shape': (5, 5), }\n", (3, 0)),
                "format 1.0 or 2.0",
            ),
            (b"\x93NUMPY", "damaged or cut short"),
        ],
        ids=lambda value: value if isinstance(value, str) else "",
    )
    def test_one_sentence_with_the_name(self, content, reason):
        with pytest.raises(ImageError) as caught:
            decode(content, "the file.png")
        message = str(caught.value)
        assert message.startswith("the file.png: ")
        assert reason in message
        assert "\n" not in message

    def test_every_flipped_bit_of_a_png_is_seen(self):
        whole = encoded(NOISE)
        for bit in range(0, 8 * len(whole), 5):
            content = bytearray(whole)
            content[bit // 8] ^= 1 << bit % 8
            with pytest.raises(ImageError):
                decode(bytes(content), "flipped.png")

    def test_strips_that_leave_out_a_part(self):
        content = bytearray(encoded(GREY8, "TIFF"))
        height = content.index(struct.pack("<HHI", 257, 4, 1)) + 8
        content[height : height + 4] = struct.pack("<I", 500)
        with pytest.raises(ImageError, match="cut short .it holds a part of its 500 x 30 pixels"):
            decode(bytes(content), "tall.tif")

    def test_nothing_is_written_past_the_message(self, capfd, recwarn):
        deflated = bytearray(encoded(NOISE, "TIFF", compression="tiff_adobe_deflate"))
        deflated[200:220] = bytes(20)
        old = npy_header("{'descr': '<i4', 'fortran_order': False, 'shape': (20L, 20L), }\n") + bytes(1600)
        samples = bytearray(encoded(COLOUR, "TIFF"))
        place = samples.index(struct.pack("<HHI", 277, 3, 1)) + 8
        samples[place] = 40
        for content in (bytes(deflated), old, bytes(samples)):
            with contextlib.suppress(ImageError):
                decode(content, "odd")
        assert capfd.readouterr() == ("", "")
        assert not list(recwarn)

    def test_npz_is_no_image(self):
        stream = io.BytesIO()
        np.savez(stream, GREY)
        with pytest.raises(ImageError, match="not a PNG"):
            decode(stream.getvalue(), "a.npz")

    @pytest.mark.parametrize("array", [GREY8[:1], np.full((20, 20), np.nan), GREY.astype(np.int16), GREY8[0, 0]])
    def test_no_image_to_grey(self, tmp_path, array):
        path = tmp_path / "odd.npy"
        path.write_bytes(npy(array))
        with pytest.raises(ImageError, match=r"odd\.npy: expected "):
            find_images(path)[0].read_grey()

    @pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "npy"])
    def test_flipped_bits_give_a_image_or_a_sentence(self, kind, recwarn):
        whole = npy(COLOUR) if kind == "npy" else encoded(COLOUR, kind)
        generator = np.random.default_rng(0)
        sentences = []
        for _ in range(300):
            content = bytearray(whole)
            for place in generator.integers(0, min(len(content), 600), size=3):
                content[place] ^= 1 << int(generator.integers(8))
            try:
                assert isinstance(decode(bytes(content), "flipped"), np.ndarray)
            except ImageError as error:
                sentences.append(str(error))
        assert sentences
        assert all(sentence.startswith("flipped: ") and "\n" not in sentence for sentence in sentences)
        assert not [warning for warning in recwarn if "PIL" in warning.filename]


class TestFolders:
    def test_sorted_by_name_and_only_images(self, tmp_path):
        for name in ("b.PNG", "a.tif", "c.npy", ".hidden.png", "notes.txt", "._a.png"):
            (tmp_path / name).write_bytes(encoded(GREY8))
        (tmp_path / "folder.png").mkdir()
        found = find_images(tmp_path)
        assert [image.stem for image in found] == ["a", "b", "c"]
        assert found[0].path == tmp_path / "a.tif"
        assert found[0].name == str(tmp_path / "a.tif")

    def test_images_alone_where_there_is_one(self, tmp_path):
        for folder in ("", "images", "masks"):
            (tmp_path / folder).mkdir(exist_ok=True)
            (tmp_path / folder / f"{folder or 'root'}.png").write_bytes(encoded(GREY8))
        assert [p.stem for p in find_images(tmp_path)] == ["images"]
        assert [p.stem for p in find_images(tmp_path, "masks")] == ["masks"]
        assert find_images(tmp_path, "nothing") == []

    def test_folders_in_folders_are_looked_through_as_in_a_zip(self, tmp_path):
        names = ["0.png", "line1/1.png", "line1/deep/2.PNG", "line1/.hidden/3.png", "masks/4.png", "cube.sgy", "a.txt"]
        for name in names:
            (tmp_path / "folder" / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / "folder" / name).write_bytes(encoded(GREY8))
        path = zip_of(tmp_path / "a.zip", dict.fromkeys(names, encoded(GREY8)))
        for place in (tmp_path / "folder", path):
            assert [image.stem for image in find_images(place)] == ["0", "1", "2"]
            assert [file.inside.name for file in find_left_out(place)] == ["cube.sgy"]

    def test_what_lies_outside_images_is_left_out_and_named(self, tmp_path):
        for name in ("Images/a.png", "images/line/b.png", "c.png", "Masks/a.png", "images/d.npz"):
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_bytes(encoded(GREY8))
        assert [image.stem for image in find_images(tmp_path)] == ["a", "b"]
        assert [str(file.inside) for file in find_left_out(tmp_path)] == ["c.png", "images/d.npz"]

    def test_a_folder_called_images_may_be_a_link_elsewhere(self, tmp_path):
        (tmp_path / "disk").mkdir()
        (tmp_path / "disk" / "a.png").write_bytes(encoded(GREY8))
        (tmp_path / "data").mkdir()
        (tmp_path / "data" / "images").symlink_to("../disk")
        assert [image.stem for image in find_images(tmp_path / "data")] == ["a"]
        (tmp_path / "disk" / "images").symlink_to(".")
        with pytest.raises(ImageError, match="is a link a circle"):
            find_images(tmp_path / "data")

    def test_a_image_has_no_folders(self, tmp_path):
        path = tmp_path / "a.png"
        path.write_bytes(encoded(GREY8))
        assert find_images(path, "masks") == []

    def test_what_is_neither_a_file_nor_a_folder(self, tmp_path):
        os.mkfifo(tmp_path / "pipe.png")
        (tmp_path / "up.png").symlink_to("..")  # not followed
        for image in find_images(tmp_path):
            with pytest.raises(ImageError, match=r"(pipe|up)\.png: cannot be read \(not a file"):
                image.read()
        assert len(find_images(tmp_path)) == 2
        with pytest.raises(ImageError, match="neither a file nor a folder"):
            find_images(tmp_path / "pipe.png")

    def test_nothing_there(self, tmp_path):
        with pytest.raises(ImageError, match=r"gone: no such file or folder"):
            find_images(tmp_path / "gone")
        with pytest.raises(ImageError, match="cannot be opened"):
            find_images(tmp_path / ("long" * 100))

    def test_a_broken_link_and_a_file_that_is_gone(self, tmp_path):
        (tmp_path / "link.png").symlink_to(tmp_path / "gone")
        (tmp_path / "a.png").write_bytes(encoded(GREY8))
        image, broken = find_images(tmp_path)
        with pytest.raises(ImageError, match=r"link\.png: cannot be read \(No such file or directory\)"):
            broken.read()
        (tmp_path / "a.png").unlink()
        with pytest.raises(ImageError, match=r"a\.png: cannot be read \(No such file or directory\)"):
            image.read()

    def test_too_many_bytes(self, tmp_path, monkeypatch):
        monkeypatch.setattr(listing, "LIMITS", dataclasses.replace(listing.LIMITS, entry_bytes=50))
        (tmp_path / "a.png").write_bytes(encoded(GREY8))
        with pytest.raises(ImageError, match="larger than"):
            find_images(tmp_path / "a.png")[0].read()


class TestZips:
    def test_images_of_images_in_any_depth(self, tmp_path):
        path = zip_of(
            tmp_path / "a.zip",
            {
                "train/images/b.png": encoded(GREY8),
                "images/a.npy": npy(GREY),
                "masks/a.png": b"",
                "c.png": b"",
            },
        )
        found = find_images(path)
        assert [image.stem for image in found] == ["a", "b"]
        assert found[0].name == f"{path}:images/a.npy"
        assert found[0].path is None
        np.testing.assert_array_equal(found[0].read(), GREY)
        np.testing.assert_array_equal(found[1].read(), GREY8)

    def test_all_images_without_images(self, tmp_path):
        path = zip_of(
            tmp_path / "a.zip",
            {
                "mine/b.png": b"",
                "mine/a.png": b"",
                "__MACOSX/mine/._a.png": b"",
                "mine/._b.png": b"",
                "x.txt": b"",
            },
        )
        assert [image.stem for image in find_images(path)] == ["a", "b"]

    def test_the_archive_closes_with_its_last_image(self, tmp_path, monkeypatch):
        opened = []

        class Spy(zipfile.ZipFile):
            def __init__(self, path):
                super().__init__(path)
                opened.append(self.fp)

        monkeypatch.setattr(zipfile, "ZipFile", Spy)
        path = tmp_path / "a.zip"
        with zipfile.ZipFile.__mro__[1](path, "w") as archive:
            archive.writestr("a.png", encoded(GREY8))
            archive.writestr("b.png", encoded(GREY8))
        first, second = find_images(path)
        first.read()
        del first
        second.read()
        assert len(opened) == 1
        assert not opened[0].closed
        del second
        assert opened[0].closed

    def test_hostile_names_give_tame_stems(self, tmp_path):
        names = [
            "../../up.png",
            "/absolute.png",
            "..\\..\\back.png",
            "C:\\drive.png",
            "a/../../b.png",
            "x\x1b[31m.png",
        ]
        found = find_images(zip_of(tmp_path / "a.zip", dict.fromkeys(names, b"")))
        assert sorted(p.stem for p in found) == ["absolute", "b", "back", "drive", "up", "x\x1b[31m"]
        assert all(p.name.isprintable() for p in found)

    def test_no_zip(self, tmp_path):
        (tmp_path / "a.zip").write_bytes(encoded(GREY8))
        with pytest.raises(ImageError, match=r"a\.zip: not a readable zip"):
            find_images(tmp_path / "a.zip")

    def test_damage_and_password_are_named(self, tmp_path):
        path = zip_of(tmp_path / "a.zip", {"a.png": encoded(GREY8), "b.png": encoded(COLOUR)})
        content = bytearray(path.read_bytes())
        place = content.index(b"b.png") + 40
        content[place : place + 20] = bytes(20)
        entry = content.rindex(b"PK\x01\x02", 0, content.rindex(b"PK\x01\x02"))
        content[entry + 8] |= 1  # the first entry claims to be encrypted
        path.write_bytes(content)
        locked, damaged = find_images(path)
        with pytest.raises(ImageError, match=r"a\.png: cannot be read \(.*password"):
            locked.read()
        with pytest.raises(ImageError, match=r"b\.png: cannot be read"):
            damaged.read()

    @pytest.mark.parametrize("size", [10, 4_000_000_000])
    def test_a_size_that_lies(self, tmp_path, size):
        path = zip_of(tmp_path / "a.zip", {"a.png": encoded(NOISE)})
        content = bytearray(path.read_bytes())
        place = content.index(b"PK\x01\x02") + 24
        content[place : place + 4] = struct.pack("<I", size)
        path.write_bytes(content)
        with pytest.raises(ImageError, match=r"a\.png: cannot be read \((.*Bad CRC-32|larger than 400 MB)"):
            find_images(path)[0].read()

    @pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
    def test_what_cannot_be_unpacked_in_pieces_is_not_unpacked(self, tmp_path, method):
        path = tmp_path / "a.zip"
        with zipfile.ZipFile(path, "w", method) as archive:
            archive.writestr("a.png", encoded(GREY8))
        with pytest.raises(ImageError, match="packed by another method than deflate"):
            find_images(path)[0].read()

    def test_an_entry_without_a_name(self, tmp_path):
        path = zip_of(tmp_path / "a.zip", {"a.png": encoded(GREY8)})
        path.write_bytes(path.read_bytes().replace(b"a.png", b"\0.png"))  # names end at the first zero
        assert find_images(path) == []

    def test_a_link_in_a_zip_is_its_text(self, tmp_path):
        link = zipfile.ZipInfo("link.png")
        link.external_attr = 0o120777 << 16
        path = zip_of(tmp_path / "a.zip", {})
        with zipfile.ZipFile(path, "a") as archive:
            archive.writestr(link, "/etc/passwd")
        with pytest.raises(ImageError, match="not a PNG"):
            find_images(path)[0].read()

    def test_a_bomb_is_never_unpacked(self, tmp_path, monkeypatch):
        monkeypatch.setattr(listing, "LIMITS", dataclasses.replace(listing.LIMITS, entry_bytes=2**20))
        path = zip_of(tmp_path / "bomb.zip", {"a.png": bytes(50_000_000)})
        with pytest.raises(ImageError, match=r"a\.png: cannot be read \(larger than 1 MB\)"):
            find_images(path)[0].read()

    def test_too_many_entries(self, tmp_path, monkeypatch):
        monkeypatch.setattr(listing, "LIMITS", dataclasses.replace(listing.LIMITS, entries=3))
        path = zip_of(tmp_path / "a.zip", {f"{i}.png": b"" for i in range(4)})
        with pytest.raises(ImageError, match="4 entries, more than 3"):
            find_images(path)


class TestWrites:
    def test_a_link_in_the_way_is_not_followed(self, tmp_path):
        other, path = tmp_path / "other", tmp_path / "file"
        other.write_bytes(b"keep me")
        for link in (path, tmp_path / "file.tmp"):
            link.symlink_to(other)
        write_atomically(path, b"new")
        assert other.read_bytes() == b"keep me"
        assert path.read_bytes() == b"new"
        assert not path.is_symlink()

    def test_a_failed_write_leaves_the_old_file_and_names_it(self, tmp_path, monkeypatch):
        path = tmp_path / "file"
        path.write_bytes(b"old")
        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(OSError(errno.ENOSPC, "disk full")))
            with pytest.raises(OSError, match="disk full") as caught:
                write_atomically(path, b"half of the new")
        assert caught.value.filename == str(path)
        assert path.read_bytes() == b"old"
        assert list(tmp_path.iterdir()) == [path]
        write_atomically(path, b"new")
        assert path.read_bytes() == b"new"
