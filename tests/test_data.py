import zipfile

import cv2
import numpy as np
import pytest

from tests.conftest import TGS
from unet import data
from unet.data import DataError, load_tiles, read_sections, split_tiles
from unet.files import PictureError

IDS = [f"{i:03}" for i in range(200)]


def write(folder, name, image, mask):
    for part, array in (("images", image), ("masks", mask)):
        (folder / part).mkdir(parents=True, exist_ok=True)
        if array is not None:
            cv2.imwrite(str(folder / part / f"{name}.png"), array)


@pytest.fixture
def tgs_like(tmp_path):
    """Three tiles: an RGB image with a 16-bit mask, a grey one with an 8-bit mask, and an empty one."""
    generator = np.random.default_rng(0)
    grey = generator.integers(0, 256, (3, 20, 24), dtype=np.uint8)
    salt = generator.random((3, 20, 24)) > 0.5
    salt[2] = False
    folder = tmp_path / "train"
    write(folder, "c", np.repeat(grey[0, ..., None], 3, axis=2), salt[0].astype(np.uint16) * 65535)
    write(folder, "a", grey[1], salt[1].astype(np.uint8) * 255)
    write(folder, "b", grey[2], salt[2].astype(np.uint8))
    return tmp_path, grey, salt


def check(tiles, grey, salt):
    assert tiles.ids == ["a", "b", "c"]
    np.testing.assert_array_equal(tiles.images, grey[[1, 2, 0]])
    np.testing.assert_array_equal(tiles.masks, salt[[1, 2, 0]])


def test_folders_and_zips_give_the_same_tiles(tgs_like):
    root, grey, salt = tgs_like
    check(load_tiles(root), grey, salt)
    check(load_tiles(root / "train"), grey, salt)
    with zipfile.ZipFile(root / "train.zip", "w") as archive:
        for file in (root / "train").rglob("*.png"):
            archive.write(file, file.relative_to(root / "train"))
    check(load_tiles(root), grey, salt)
    check(load_tiles(root / "train.zip"), grey, salt)


def test_a_subset_keeps_the_order_asked_for(tgs_like):
    root, grey, _ = tgs_like
    subset = load_tiles(root).subset(["c", "a"])
    assert subset.ids == ["c", "a"]
    np.testing.assert_array_equal(subset.images, grey[[0, 1]])


def test_a_missing_mask_is_named(tgs_like):
    root, *_ = tgs_like
    (root / "train" / "masks" / "b.png").unlink()
    with pytest.raises(DataError, match="1 images have no mask .* first b"):
        load_tiles(root)


def test_two_images_of_one_name_are_refused(tgs_like):
    root, *_ = tgs_like
    (root / "train" / "images" / "b.jpg").write_bytes((root / "train" / "images" / "b.png").read_bytes())
    with pytest.raises(DataError, match="b.png: expected one file of each name, there is .*b.jpg too"):
        load_tiles(root)


def test_a_mask_of_another_size_is_named(tgs_like):
    root, grey, _ = tgs_like
    write(root / "train", "b", grey[2], np.zeros((20, 25), np.uint8))
    with pytest.raises(DataError, match="b: expected a mask of 20 x 24 as its image, got 20 x 25"):
        load_tiles(root)


@pytest.mark.parametrize("mask", [np.zeros(20), np.array(1), np.full((20, 24), np.nan), np.zeros((20, 24), "u1,u1")])
def test_what_is_no_mask_is_named(tgs_like, mask):
    root, *_ = tgs_like
    (root / "train" / "masks" / "b.png").unlink()
    np.save(root / "train" / "masks" / "b.npy", mask)
    with pytest.raises(PictureError, match=r"b\.npy: expected a mask of"):
        load_tiles(root)


def test_grey_values_in_a_mask_are_salt(tgs_like):
    root, grey, _ = tgs_like
    write(root / "train", "b", grey[2], grey[0])
    np.testing.assert_array_equal(load_tiles(root).masks[1], grey[0] > 0)


def test_a_picture_is_not_its_own_mask(tgs_like):
    root, *_ = tgs_like
    with pytest.raises(DataError, match="found no pictures there"):
        load_tiles(root / "train" / "images" / "a.png")


def test_pictures_that_no_memory_holds_are_refused_before_they_are_read(tgs_like, monkeypatch):
    root, *_ = tgs_like
    monkeypatch.setattr(data, "LARGEST_PIXELS", 3 * 20 * 24)
    load_tiles(root)
    monkeypatch.setattr(data, "LARGEST_PIXELS", 3 * 20 * 24 - 1)
    with pytest.raises(DataError, match="3 pictures of 20 x 24 as a are more than 1,439 pixels in all"):
        load_tiles(root)


def test_no_data_says_what_was_expected(tmp_path):
    with pytest.raises(DataError, match="expected train.zip, train/"):
        load_tiles(tmp_path)
    with pytest.raises(DataError, match="no such file or folder"):
        load_tiles(tmp_path / "nowhere")


def test_no_section_stands_on_both_sides():
    sections = {name: str(i // 7) for i, name in enumerate(IDS[:150])}
    for seed in range(20):
        split = split_tiles(IDS, sections, val_share=0.2, seed=seed)
        assert sorted(split.train + split.val) == IDS
        assert 40 <= len(split.val) < 40 + 7
        crossing = {sections.get(n) for n in split.train} & {sections.get(n) for n in split.val} - {None}
        assert not crossing
        assert split.by == "section"


def test_a_split_depends_on_its_seed_alone():
    first, again, other = (split_tiles(IDS[::step], {}, seed=seed) for step, seed in ((1, 0), (-1, 0), (1, 1)))
    assert first.sha256 == again.sha256 != other.sha256
    assert first == again


def test_without_sections_it_warns_and_splits_by_tile():
    with pytest.warns(UserWarning, match=r"no sections.csv: split by tile"):
        split = split_tiles(IDS, None, val_share=0.1)
    assert len(split.val) == 20
    assert split.by == "tile"


def test_sections_are_read(tmp_path):
    assert read_sections(tmp_path) is None
    (tmp_path / "sections.csv").write_text("id,section,row,col\nx,4,0,1\ny,4,0,2\n")
    assert read_sections(tmp_path) == {"x": "4", "y": "4"}
    (tmp_path / "sections.csv").write_text("tile,part\nx,4\n")
    with pytest.raises(DataError, match="expected the columns id and section"):
        read_sections(tmp_path)
    (tmp_path / "sections.csv").write_bytes(b"\xef\xbb\xbfid,section\r\nx,4\r\n")  # as a spreadsheet writes it
    assert read_sections(tmp_path) == {"x": "4"}


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "expected the columns"),
        (b"id,section\nx,s\xe9l\n", "not a CSV file in UTF-8"),
        (b"id,section\nx," + b"1" * 200_000, "not a CSV file in UTF-8"),
        (b"id,section\nx,4\ny\n", "a line is cut short"),
    ],
)
def test_sections_that_are_none_are_named(tmp_path, content, sentence):
    (tmp_path / "sections.csv").write_bytes(content)
    with pytest.raises(DataError, match=rf"sections\.csv: {sentence}"):
        read_sections(tmp_path)


@pytest.mark.data
def test_the_real_tiles():
    tiles = load_tiles(TGS)
    assert tiles.images.shape == (len(tiles.ids), 101, 101)
    assert 0.38 < (~tiles.masks.any(axis=(1, 2))).mean() < 0.40  # the organisers left 39 % empty
    assert not tiles.masks.all(axis=(1, 2)).any()
    flat = tiles.images.reshape(len(tiles.ids), -1).std(axis=1) == 0
    assert not tiles.masks[flat].any()  # which is why a picture of one grey is defined to have no salt
