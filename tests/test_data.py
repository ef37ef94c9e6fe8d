import shutil
import unicodedata
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.conftest import TGS
from unet.checkpoint import read_card
from unet.data import tiles as data
from unet.data.places import DataError, sections_file, shown
from unet.data.sections import match_sections, read_sections, split_tiles
from unet.data.tiles import load_tiles, load_unlabelled
from unet.files.images import ImageError
from unet.files.listing import find_images
from unet.segmenter import shipped_weights

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


def zipped(folder):
    """A zip of a folder, beside it."""
    path = folder.parent / f"{folder.name}.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for file in folder.rglob("*.png"):
            archive.write(file, file.relative_to(folder))
    return path


def test_folders_and_zips_give_the_same_tiles(tgs_like):
    root, grey, salt = tgs_like
    check(load_tiles(root), grey, salt)
    check(load_tiles(root / "train"), grey, salt)
    archive = zipped(root / "train")
    check(load_tiles(archive), grey, salt)
    shutil.rmtree(root / "train")
    check(load_tiles(root), grey, salt)


def test_of_two_places_neither_is_taken_silently(tgs_like):
    root, grey, salt = tgs_like
    folder, archive = root / "train", zipped(root / "train")
    with pytest.raises(DataError, match=f"got both, .* --data {folder} or --data {archive}$"):
        load_tiles(root)
    check(load_tiles(folder), grey, salt)
    check(load_tiles(archive), grey, salt)
    shutil.copytree(folder, root, dirs_exist_ok=True)
    shutil.rmtree(folder)
    with pytest.raises(DataError, match=r"got train\.zip and images/ with masks/, .* --data .*train\.zip, or move it"):
        load_tiles(root)
    archive.unlink()
    check(load_tiles(root), grey, salt)

    (root / "test").mkdir()
    zipped(root / "test")
    with pytest.raises(DataError, match=r"expected one of test\.zip and test/, got both"):
        load_unlabelled(root, [])


def test_a_subset_keeps_the_order_asked_for(tgs_like):
    root, grey, _ = tgs_like
    subset = load_tiles(root).subset(["c", "a"])
    assert subset.ids == ["c", "a"]
    np.testing.assert_array_equal(subset.images, grey[[0, 1]])


def test_an_image_of_a_kind_that_is_not_read_is_told(tgs_like):
    root, *_ = tgs_like
    np.savez(root / "train" / "images" / "d.npz", np.zeros((20, 24)))
    (root / "train" / "model.bin").write_bytes(b"")  # nobody's image
    (note,) = (note for note in load_tiles(root).notes if "left out" in note)
    assert "1 files are left out" in note
    assert "d.npz" in note


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
    with pytest.raises(ImageError, match=r"b\.npy: expected a mask of"):
        load_tiles(root)


def test_grey_values_in_a_mask_are_salt(tgs_like):
    root, grey, _ = tgs_like
    write(root / "train", "b", grey[2], grey[0])
    np.testing.assert_array_equal(load_tiles(root).masks[1], grey[0] > 0)


def test_a_image_is_not_its_own_mask(tgs_like):
    root, *_ = tgs_like
    with pytest.raises(DataError, match="found no images there"):
        load_tiles(root / "train" / "images" / "a.png")


def test_images_that_no_memory_holds_are_refused_before_they_are_read(tgs_like, monkeypatch):
    root, *_ = tgs_like
    monkeypatch.setattr(data, "LARGEST_PIXELS", 3 * 20 * 24)
    load_tiles(root)
    monkeypatch.setattr(data, "LARGEST_PIXELS", 3 * 20 * 24 - 1)
    with pytest.raises(DataError, match="3 images of 20 x 24 as a are more than 1,439 pixels in all"):
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


def lines(tmp_path, *folders):
    """A data set of several lines, a tile 1 in each, and its images."""
    images = {folder: np.random.default_rng(n).integers(1, 256, (16, 16), np.uint8) for n, folder in enumerate(folders)}
    for folder, image in images.items():
        write(tmp_path / folder, "1", image, (image > 99).astype(np.uint8))
    return images


def test_lines_that_count_alike_keep_their_own_masks(tmp_path):
    images = lines(tmp_path / "survey", "lineA", "lineB")
    write(tmp_path / "survey" / "lineB", "2", images["lineA"], images["lineA"])
    for place in (tmp_path / "survey", zipped(tmp_path / "survey")):
        tiles = load_tiles(place)
        assert tiles.ids == ["2", "lineA/1", "lineB/1"]
        for row, folder in ((1, "lineA"), (2, "lineB")):
            np.testing.assert_array_equal(tiles.images[row], images[folder])
            np.testing.assert_array_equal(tiles.masks[row], images[folder] > 99)


@pytest.mark.parametrize("folders", [("images", "masks"), ("Images", "MASKS"), (".", ".")])
def test_masks_named_as_carvanas(tmp_path, folders):
    image = np.arange(256, dtype=np.uint8).reshape(16, 16)
    for folder, name, array in ((folders[0], "é", image), (folders[1], "e\u0301_mask", (image > 99).astype(np.uint8))):
        (tmp_path / folder).mkdir(exist_ok=True)
        assert cv2.imwrite(str(tmp_path / folder / f"{name}.png"), array)
    tiles = load_tiles(tmp_path)
    assert tiles.ids == [unicodedata.normalize("NFC", "é")]
    np.testing.assert_array_equal(tiles.masks[0], image > 99)


def test_two_masks_of_one_image_are_refused_and_a_mask_of_none_is_told(tgs_like):
    root, grey, salt = tgs_like
    write(root / "train", "lonely", None, grey[0])
    tiles = load_tiles(root)
    check(tiles, grey, salt)
    assert "1 masks belong to no image and are left out, first masks/lonely.png" in tiles.notes
    write(root / "train", "a_mask", None, grey[0])
    with pytest.raises(DataError, match=r"images/a\.png: expected one mask, there are .*a\.png and .*a_mask\.png"):
        load_tiles(root)


def written(tmp_path, *values):
    """Two tiles, each with a mask of these values."""
    image = np.arange(256, dtype=np.uint8).reshape(16, 16)
    for name in "ab":
        mask = np.resize(np.array(values, np.uint8), (16, 16, *np.shape(values)[1:]))
        write(tmp_path, name, image, mask)
    return tmp_path


@pytest.mark.parametrize(
    ("values", "named"), [((1, 2), "1 and 2"), (((84, 1, 68), (37, 231, 253)), r"\(68, 1, 84\) and \(253, 231, 37\)")]
)
def test_masks_in_which_nothing_is_0_are_refused(tmp_path, values, named):
    with pytest.raises(DataError, match=f"they hold {named}, .*; save 0 where there is no salt"):
        load_tiles(written(tmp_path, *values))


@pytest.mark.parametrize(
    ("values", "note"),
    [
        ((255,), "no mask holds a pixel without salt: all of them are 255 throughout"),
        ((0,), "no mask holds a pixel of salt: all of them are 0 throughout"),
        ((0, 1, 255), "the masks hold more than two values, 0, 1 and 255: every one but 0 counts as salt"),
        (range(9), "the masks hold more than two values, 0, 1, 2, 3, 4, 5 and others: every one but 0 counts as salt"),
        ((0, 7), None),
    ],
)
def test_what_is_doubtful_in_masks_is_told(tmp_path, values, note):
    tiles = load_tiles(written(tmp_path, *values))
    assert tiles.notes == tiles.subset(["b"]).notes == (() if note is None else (note,))


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_sections_as_a_spreadsheet_leaves_them(tmp_path, separator):
    rows = [
        ("\ufeffSection ", " ID", "note"),
        ("4 ", " x.png", ""),
        ("", "y", "gone"),
        ("4", "x.png", ""),
        ("", "", ""),
    ]
    (tmp_path / "sections.csv").write_text("\r\n".join(separator.join(row) for row in rows), encoding="utf-8")
    assert read_sections(tmp_path) == {"x.png": "4", "y": ""}
    (tmp_path / "sections.csv").write_text("id,section\nx,3\nx,7\n")
    with pytest.raises(DataError, match=r"x is in section 3 and in section 7; expected one"):
        read_sections(tmp_path)


def test_sections_are_found_beside_what_is_read(tmp_path, monkeypatch):
    lines(tmp_path, "train")
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "sections.csv"
    file.write_text("id,section\n1,4\n")
    for root in (Path(), Path("train"), zipped(tmp_path / "train")):
        if root == Path():
            assert sections_file(Path("train")).samefile(file)
            continue
        assert shown(sections_file(root)) == "sections.csv"
        assert read_sections(root) == {"1": "4"}
    (tmp_path / "train" / "sections.csv").write_text("id,section\n1,5\n")
    with pytest.raises(DataError, match=r"differs from .*sections\.csv, which lies beside the tiles; keep one"):
        read_sections(tmp_path / "train")


def test_sections_join_however_their_names_are_written():
    ids = ["00a00", "01a01", "007", "Öl-1", "x"]
    table = {
        "00A00.png": "1",
        " 01a01": "1",
        "7": "2",
        unicodedata.normalize("NFD", "Öl-1.TIF"): "2",
        "x": "",
        "y": "1",
    }
    found = match_sections(ids, table)
    assert found.of == {"00a00": "1", "01a01": "1", "007": "2", "Öl-1": "2"}
    assert found.others == {"y": "1"}
    assert (found.lines, found.blank, found.ambiguous) == (6, 1, 0)
    for seed in range(9):
        split = split_tiles(ids, table, 0.3, seed)
        sides = {name: side for side, names in (("train", split.train), ("val", split.val)) for name in names}
        assert sides["00a00"] == sides["01a01"]
        assert sides["007"] == sides["Öl-1"]
        assert split.left_out == (["y"] if sides["00a00"] == "val" else [])
    assert split.sections["lines_used"] == split.sections["tiles_in_one"] == 4


def test_what_contradicts_itself_in_a_table_is_not_guessed():
    found = match_sections(["a", "b", "Ab", "aB"], {"a.png": "1", "a.PNG ": "2", "ab": "3", "b": "4"})
    assert found.of == {"b": "4"}
    assert found.ambiguous == 3
    assert found.summary(4)["notes"] == [
        "3 lines fit several tiles, or others contradict them: they are not used",
        "fewer than half of the tiles lie in a known section; neighbours among the others may stand on both sides of a "
        "split, and scores may be too good",
    ]


def test_what_must_not_teach_is_left_out_however_its_name_is_written(tmp_path):
    image = np.arange(256, dtype=np.uint8).reshape(16, 16)
    for name in ("a", "b", "c", "D", "007"):
        write(tmp_path, name, image, None)
    found = load_unlabelled(tmp_path, ["a.png", "7"], ["d", "e"])
    assert found.ids == ["b", "c"]
    assert found.notes == (
        "2 tiles without labels lie in sections that validate, and are left out",
        "1 of the images have labels, and are left out",
    )


@pytest.mark.data
def test_the_split_of_the_shipped_weights_is_drawn_again():
    ids = sorted(file.stem for file in find_images(TGS / "train.zip"))
    split, said = split_tiles(ids, read_sections(TGS)), read_card(shipped_weights())["split"]
    assert split.sha256 == said["sha256"]
    assert split.left_out == said["left_out"]


@pytest.mark.data
def test_the_real_tiles():
    tiles = load_tiles(TGS)
    assert tiles.images.shape == (len(tiles.ids), 101, 101)
    assert 0.38 < (~tiles.masks.any(axis=(1, 2))).mean() < 0.40  # the organisers left 39 % empty
    assert not tiles.masks.all(axis=(1, 2)).any()
    flat = tiles.images.reshape(len(tiles.ids), -1).std(axis=1) == 0
    assert not tiles.masks[flat].any()  # which is why an image of one grey is defined to have no salt
