"""Image files, folders and archives; tests/robustness has the damaged and hostile ones."""

import errno
import io
import os
import struct
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.robustness.hostile_files import encoded, npy, plant, raw_zip, zipped
from unet.files import listing
from unet.files.archives import Archive, ArchiveError, Limits
from unet.files.atomic import write_atomically
from unet.files.images import ImageError, decode, quiet_decoders, read_image
from unet.files.listing import find_images, find_left_out
from unet.files.printable import printable, reason

GREY = (np.arange(20 * 30) % 256).astype(np.uint8).reshape(20, 30)
NOISE = np.random.default_rng(0).integers(0, 256, (20, 30), np.uint8)
CRC = zlib.crc32(b"A")
COLOUR = np.stack([GREY, NOISE, 255 - GREY], axis=2)


def packed(entries, method=zipfile.ZIP_STORED):
    """The bytes of a ZIP."""
    return zipped(io.BytesIO(), entries, method).getvalue()


def unpack(archive):
    contents = [archive.read(entry) for entry in archive.entries]
    archive.check_total(archive.entries)
    return contents


@pytest.fixture
def folder_and_zip(tmp_path):
    """Writes the same files to a folder and to a ZIP, and returns both."""

    def make(names, content=b""):
        files = dict.fromkeys(names, content)
        return plant(tmp_path / "folder", files), zipped(tmp_path / "a.zip", files)

    return make


class TestImages:
    @pytest.mark.parametrize(
        ("content", "expected"),
        [
            (encoded(np.dstack([COLOUR, GREY])), COLOUR),  # alpha
            (encoded(Image.fromarray(GREY).convert("P")), np.dstack([GREY] * 3)),
            (encoded(Image.new("CMYK", (20, 20), (0, 255, 255, 0)), "TIFF"), np.full((20, 20, 3), [255, 0, 0], "u1")),
            (encoded(GREY.astype(np.int32) * 9, "TIFF"), GREY.astype(np.uint16) * 9),
            (encoded((GREY / 1024).astype(np.float32), "TIFF"), (GREY / 1024).astype(np.float32)),
            (npy(GREY / 1024), GREY / 1024),
            (npy(np.asfortranarray(GREY)), GREY),
            (npy(GREY.astype(">u2")), GREY.astype(np.uint16)),
        ],
    )
    def test_the_array_in_a_file(self, content, expected):
        array = decode(content, "image").array
        np.testing.assert_array_equal(array, expected)
        assert (array.dtype, array.dtype.isnative) == (expected.dtype, True)

    def test_a_refusal_is_one_sentence_with_the_name(self):
        stream = io.BytesIO()
        np.savez(stream, GREY)
        for content in (stream.getvalue(), encoded(NOISE)[:-60], npy(GREY[:1]), b""):
            with pytest.raises(ImageError, match=r"\Athe file\.png: [^\n]+\Z"):
                read_image(content, "the file.png")
        with pytest.raises(ImageError, match=r"a: expected at most 599 pixels, got 20 x 30; .* predict"):
            read_image(encoded(GREY), "a", largest=599)

    def test_quiet_decoders_write_nothing_past_the_sentence(self, capfd, recwarn):
        quiet_decoders()
        deflated = bytearray(encoded(NOISE, "TIFF", compression="tiff_adobe_deflate"))
        samples = bytearray(encoded(COLOUR, "TIFF"))
        deflated[200:220] = bytes(20)
        samples[samples.index(struct.pack("<HHI", 277, 3, 1)) + 8] = 40
        for content in (deflated, samples):
            with pytest.raises(ImageError):
                decode(bytes(content), "odd")
        assert capfd.readouterr() == ("", "")
        assert not list(recwarn)

    def test_what_a_terminal_would_act_on_is_spelled_out(self):
        assert printable("a\x1b[31m\n\u202e\udcffé") == r"a\x1b[31m\n\u202e\udcffé"
        errors = ValueError("first\nsecond"), KeyError(), OSError(errno.ENOENT, "No such file"), ValueError("x" * 999)
        assert [reason(error) for error in errors] == ["first", "KeyError", "No such file", "x" * 200]


class TestListing:
    @pytest.mark.parametrize(
        ("names", "found", "masks", "left_out"),
        [
            ("b.PNG a.tif c.npy .h.png n.txt ._a.png x.SGY", "a.tif b.PNG c.npy", "", "x.SGY"),
            ("0.png l/1.png l/deep/2.png l/.h/3.png masks/4.png", "0.png l/1.png l/deep/2.png", "masks/4.png", ""),
            (
                "Images/a.png t/images/b/c.png d.png Masks/a.png",
                "Images/a.png t/images/b/c.png",
                "Masks/a.png",
                "d.png",
            ),
            ("images/a.png images/d.npz", "images/a.png", "", "images/d.npz"),
            ("__MACOSX/a.png masks/a.png", "", "masks/a.png", ""),
        ],
    )
    def test_images_of_folders_and_zips(self, folder_and_zip, names, found, masks, left_out):
        for place in folder_and_zip(names.split()):
            listed = find_images(place), find_images(place, "masks"), find_left_out(place)
            assert [" ".join(str(file.inside) for file in files) for files in listed] == [found, masks, left_out]

    def test_what_an_image_of_a_folder_or_a_zip_knows(self, folder_and_zip):
        folder, archive = folder_and_zip(["images/a\x1b.png"], encoded(GREY))
        for place, path, name in ((folder, folder / "images/a\x1b.png", f"{folder}/"), (archive, None, f"{archive}:")):
            [file] = find_images(place)
            assert (file.stem, file.path, file.name) == ("a\x1b", path, name + r"images/a\x1b.png")
            np.testing.assert_allclose(file.read_image().grey, GREY / 255, atol=1e-7)
            assert file.read_mask().salt.sum() == (GREY > 0).sum()
        assert find_images(folder / "images/a\x1b.png", "masks") == []

    def test_links_are_followed_where_they_are_named_for_images(self, tmp_path):
        plant(tmp_path, {"disk/a.png": encoded(GREY), "data/images": "../disk"})
        assert [image.stem for image in find_images(tmp_path / "data")] == ["a"]
        (tmp_path / "disk" / "images").symlink_to(".")
        with pytest.raises(ImageError, match="is a link a circle"):
            find_images(tmp_path / "data")

    def test_more_or_larger_files_than_the_limits(self, folder_and_zip, monkeypatch):
        for place in folder_and_zip(["0.png", "1.png"], bytes(2**20 + 1)):
            monkeypatch.setattr(listing, "LIMITS", Limits(entries=2, directory_bytes=2000, entry_bytes=2**20))
            with pytest.raises(ImageError, match=r"0\.png: cannot be read \(larger than 1 MB\)"):
                find_images(place)[0].read_image()
            monkeypatch.setattr(listing, "LIMITS", Limits(entries=1, directory_bytes=2000, entry_bytes=2**20))
            with pytest.raises(ImageError, match=f"{place}: expected at most 1 entries, got "):
                find_images(place)


class TestArchives:
    LIMITS = Limits(entries=3, directory_bytes=2000, entry_bytes=2**20, total_bytes=2**21, ratio=100)

    @pytest.mark.parametrize(
        ("content", "why"),
        [
            (b"PK\x03\x04 and then nothing", "expected a ZIP, got"),
            (packed({"a": b"A"})[:-9], "expected a ZIP, got"),
            (packed(dict.fromkeys("abcd", b"")), "expected at most 3 entries, got 4; split it up"),
            (
                packed(dict.fromkeys(["x" * 1000, "y" * 1000], b"")),
                "expected a table of contents of at most 2,000 bytes",
            ),
            (packed({"a": bytes(2**20 + 1)}), "larger than 1 MB"),
            (packed({n: bytes(2**20 - (n > "a")) for n in "abc"}), "at most 2 MB unpacked"),
            (packed(dict.fromkeys("ab", bytes(2**20)), zipfile.ZIP_DEFLATED), "expected at most 100 times its size"),
            (packed({"a": b"A"}, zipfile.ZIP_BZIP2), "packed by another method than deflate"),
            (packed({"a": b"A"}, zipfile.ZIP_LZMA), "packed by another method than deflate"),
            (raw_zip(b"a", b"A", 1, CRC, method=0, flags=1), "encrypted; pack the archive again without a password"),
            (raw_zip(b"a", b"AB", 1, zlib.crc32(b"AB"), method=0), "damaged or cut short: Bad CRC-32"),
            (raw_zip(b"a", b"A", 2**32 - 2, CRC, method=0), "larger than 1 MB"),
            (raw_zip(b"a", b"A", 1, CRC ^ 1, method=0), "damaged or cut short: Bad CRC-32"),
        ],
    )
    @pytest.mark.parametrize("on_disk", [False, True])
    def test_what_is_refused(self, content, why, on_disk, tmp_path):
        (tmp_path / "a.zip").write_bytes(content)
        with pytest.raises(ArchiveError, match=why):
            unpack(Archive(tmp_path / "a.zip" if on_disk else content, self.LIMITS))

    def test_what_is_just_within_the_limits_is_read(self):
        content = {"b": b"B" * 2**20, "dir\\a": np.random.default_rng(0).bytes(2**20), "c/": b""}
        archive = Archive(packed(content), self.LIMITS)
        assert unpack(archive) == [content["b"], content["dir\\a"]]
        assert [str(entry.path) for entry in archive.entries] == ["b", "dir/a"]
        with pytest.raises(ArchiveError, match="larger than 0 MB"):
            archive.read(archive.entries[0], largest=2**20 - 1)

    def test_nothing_is_unpacked_to_find_that_it_is_too_much(self, monkeypatch):
        archive = Archive(packed({n: bytes(2**20) for n in "abc"}), self.LIMITS)
        monkeypatch.setattr(zipfile.ZipFile, "open", lambda *_: pytest.fail("unpacked"))
        with pytest.raises(ArchiveError, match="at most 2 MB unpacked"):
            archive.check_total(archive.entries)

    def test_a_file_closes_with_the_last_image_of_it(self, folder_and_zip, recwarn):
        def still_open(path):
            return path in [file.resolve() for file in Path("/proc/self/fd").iterdir()]

        _, path = folder_and_zip(["a.png", "b.png"], encoded(GREY))
        first, second = find_images(path)
        first.read_image()
        del first
        second.read_image()
        assert still_open(path)
        del second
        assert not still_open(path)
        assert not list(recwarn)


class TestWrites:
    def test_a_link_in_the_way_is_not_followed(self, tmp_path):
        other, path = tmp_path / "other", tmp_path / "file"
        other.write_bytes(b"keep me")
        for link in (path, tmp_path / "file.tmp"):
            link.symlink_to(other)
        write_atomically(path, b"new")
        assert (other.read_bytes(), path.read_bytes(), path.is_symlink()) == (b"keep me", b"new", False)

    def test_a_failed_write_leaves_the_old_file_and_names_it(self, tmp_path, monkeypatch):
        def fail(_):
            raise OSError(errno.ENOSPC, "disk full")

        path = tmp_path / "file"
        path.write_bytes(b"old")
        monkeypatch.setattr(os, "fsync", fail)
        with pytest.raises(OSError, match="disk full") as caught:
            write_atomically(path, b"half of the new")
        assert caught.value.filename == str(path)
        assert [(file.name, file.read_bytes()) for file in tmp_path.iterdir()] == [("file", b"old")]
