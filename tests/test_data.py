"""Tiles and sections; tests/robustness has the odd and damaged datasets."""

import shutil
import unicodedata
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import TGS
from tests.robustness.hostile_files import encoded, plant
from unet.checkpoint import read_card
from unet.data.places import DataError, labelled_place, sections_file, shown
from unet.data.sections import describe, match_sections, read_sections, split_tiles
from unet.data.tiles import find_tiles, load_tiles, load_unlabelled, read_tiles, read_unlabelled
from unet.files.listing import find_images
from unet.segmenter import shipped_weights

GENERATOR = np.random.default_rng(0)
GREY = GENERATOR.integers(1, 256, (3, 20, 24), np.uint8)
SALT = GENERATOR.random((3, 20, 24)) > 0.5
SALT[2] = False
IMAGE, OTHER = encoded(GREY[0]), encoded(GREY[1])


def zipped(folder):
    """A ZIP of a folder, beside it."""
    return Path(shutil.make_archive(str(folder), "zip", folder))


@pytest.fixture
def tgs_like(tmp_path):
    """Three tiles: an RGB image with a 16-bit mask, a grey one with an 8-bit mask, and an empty one."""
    arrays = {
        "images/c": np.repeat(GREY[0, ..., None], 3, axis=2), "images/a": GREY[1], "images/b": GREY[2],
        "masks/c": SALT[0].astype(np.uint16) * 65535, "masks/a": SALT[1].astype(np.uint8) * 255, "masks/b": SALT[2],
    }  # fmt: skip
    return plant(tmp_path / "train", {f"{name}.png": encoded(array) for name, array in arrays.items()}).parent


def check(tiles):
    assert tiles.ids == ["a", "b", "c"]
    np.testing.assert_array_equal(tiles.images, GREY[[1, 2, 0]])
    np.testing.assert_array_equal(tiles.masks, SALT[[1, 2, 0]])


def test_folders_and_zips_give_the_same_tiles_and_of_two_neither_is_taken(tgs_like):
    folder, archive = tgs_like / "train", zipped(tgs_like / "train")
    with pytest.raises(DataError, match=f"got both, .* --data {folder} or --data {archive}$"):
        load_tiles(tgs_like)
    check(load_tiles(folder))
    check(load_tiles(archive))
    shutil.copytree(folder, tgs_like, dirs_exist_ok=True)
    shutil.rmtree(folder)
    with pytest.raises(DataError, match=r"got train\.zip and images/ with masks/, .* --data .*train\.zip, or move it"):
        load_tiles(tgs_like)
    archive.unlink()
    check(load_tiles(tgs_like))
    (tgs_like / "test").mkdir()
    zipped(tgs_like / "test")
    with pytest.raises(DataError, match=r"expected one of test\.zip and test/, got both"):
        load_unlabelled(tgs_like, [])


def test_some_of_the_tiles_and_notes_on_the_rest(tgs_like):
    place = plant(tgs_like / "train", {"images/d.npz": b"", "model.bin": b"", "masks/lonely.png": IMAGE})
    tiles = load_tiles(tgs_like)
    check(tiles)
    assert tiles.notes[:2] == (
        "1 masks belong to no image and are left out, first masks/lonely.png",
        f"1 files are left out, first {place}/images/d.npz; expected PNG, JPEG, TIFF, BMP, GIF, WebP, PNM or NPY",
    )
    subset = tiles.subset(["c", "a"])
    assert (subset.ids, subset.notes) == (["c", "a"], tiles.notes)
    np.testing.assert_array_equal(subset.images, GREY[[0, 1]])
    some = read_tiles(place, ["c"])
    assert (some.ids, some.notes[0]) == (["c"], "2 other tiles there are not used")
    for read, ids in ((read_tiles, ["c", "gone"]), (read_unlabelled, ["gone", "c"])):
        with pytest.raises(DataError, match="expected 2 tiles, got all but 1, first gone"):
            read(place, ids)


def test_two_masks_of_an_image_are_refused(tgs_like):
    plant(tgs_like / "train", {"masks/a_mask.png": IMAGE, "masks/b_mask.png": IMAGE})
    expected = r"images/a\.png: expected one mask, got .*a\.png and .*a_mask\.png; keep one \(and 1 more such\)"
    with pytest.raises(DataError, match=expected):
        load_tiles(tgs_like)


def test_nothing_to_read(tmp_path):
    with pytest.raises(DataError, match="expected train.zip, train/"):
        load_tiles(tmp_path)
    with pytest.raises(DataError, match="expected a zip or a folder of images without labels"):
        load_unlabelled(tmp_path, [])


def test_lines_that_count_alike_keep_their_own_masks(tmp_path):
    masks = encoded(GREY[0] > 99), encoded(GREY[1] > 99)
    files = {"A/images/1.png": IMAGE, "A/masks/1.png": masks[0], "B/images/1.png": OTHER, "B/masks/1.png": masks[1]}
    survey = plant(tmp_path / "survey", {**files, "B/images/2.png": IMAGE, "B/masks/2.png": masks[0]})
    for place in (survey, zipped(survey)):
        tiles = load_tiles(place)
        assert tiles.ids == ["2", "A/1", "B/1"]
        np.testing.assert_array_equal(tiles.images, GREY[[0, 0, 1]])
        np.testing.assert_array_equal(tiles.masks, GREY[[0, 0, 1]] > 99)


@pytest.mark.parametrize("folders", [("images", "masks"), ("Images", "MASKS"), (".", ".")])
def test_masks_named_as_carvanas(tmp_path, folders):
    names = f"{folders[0]}/é.png", f"{folders[1]}/e\u0301_mask.png"
    tiles = load_tiles(plant(tmp_path, {names[0]: IMAGE, names[1]: encoded(GREY[0] > 99)}))
    assert tiles.ids == ["é"]
    np.testing.assert_array_equal(tiles.masks[0], GREY[0] > 99)


MORE = "the masks hold more than two values, {}: every one but 0 counts as salt"


@pytest.mark.parametrize(
    ("values", "note"),
    [
        ((255,), "no mask holds a pixel without salt: all of them are 255 throughout"),
        ((0,), "no mask holds a pixel of salt: all of them are 0 throughout"),
        ((0, 1, 255), MORE.format("0, 1 and 255")),
        (range(9), MORE.format("0, 1, 2, 3, 4, 5 and others")),
        ((0, 7), None),
        ((1, 2), "expected 0 in a mask, got 1 and 2 alone, so that everything would be salt; save 0 where there is"),
        (((37, 231, 253), (84, 1, 68)), "got (37, 231, 253) and (84, 1, 68) alone, so that everything would be salt"),
    ],
)
def test_what_is_doubtful_in_masks(tmp_path, values, note):
    mask = np.resize(np.array(values, np.uint8), (20, 24, *np.shape(values)[1:]))
    plant(tmp_path, {"images/a.png": IMAGE, "masks/a.png": encoded(mask)})
    if note and "alone" in note:
        with pytest.raises(DataError) as caught:
            load_tiles(tmp_path)
        assert note in str(caught.value)
        return
    tiles = load_tiles(tmp_path)
    np.testing.assert_array_equal(tiles.masks[0], mask > 0)  # the organisers' rule
    assert tiles.notes == (() if note is None else (note,))


SPREADSHEET = "Section , ID,note\r\n4 , x,\r\n,y,gone\r\n4,x,\r\n,,\r\n"


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ("id,section,row,col\nx,4,0,1\ny,4,0,2\n", {"x": "4", "y": "4"}),
        ("\ufeffid,section\r\nx,4\r\n", {"x": "4"}),
        *((SPREADSHEET.replace(",", separator), {"x": "4", "y": ""}) for separator in ",;\t"),
        ("id,section\nx,3\nx,7\n", "expected one section for x, got 3 and 7; keep the right line"),
        ("id,section\n,7\n", "expected an id in each line, got none in line 2"),
        ("tile,part\nx,4\n", "expected the columns id and section, got tile, part"),
    ],
)
def test_a_table_of_sections(tmp_path, content, found):
    assert read_sections(tmp_path) is None
    (tmp_path / "sections.csv").write_text(content, encoding="utf-8", newline="")
    if isinstance(found, dict):
        assert read_sections(tmp_path) == found
    else:
        with pytest.raises(DataError, match=rf"sections\.csv: {found}"):
            read_sections(tmp_path)


def test_sections_are_found_beside_what_is_read(tmp_path, monkeypatch):
    plant(tmp_path, {"train/images/1.png": IMAGE, "sections.csv": b"id,section\n1,4\n"})
    monkeypatch.chdir(tmp_path)
    for root in (Path(), Path("train"), zipped(tmp_path / "train").rename(tmp_path / "other.zip")):
        assert shown(sections_file(root)) == "sections.csv"
        assert read_sections(root) == {"1": "4"}
    (tmp_path / "train" / "sections.csv").write_text("id,section\n1,5\n")
    with pytest.raises(
        DataError, match=r"the same as in .*sections\.csv beside the tiles, got another table; keep one"
    ):
        read_sections(tmp_path / "train")


def test_sections_join_however_their_names_are_written():
    ids = ["00a00", "01a01", "007", "Öl-1", "x"]
    oil = unicodedata.normalize("NFD", "Öl-1.TIF")
    table = {"00A00.png": "1", " 01a01": "1", "7": "2", oil: "2", "x": "", "y": "1"}
    found = match_sections(ids, table)
    assert found.of == {"00a00": "1", "01a01": "1", "007": "2", "Öl-1": "2"}
    assert (found.others, found.lines, found.blank, found.ambiguous) == ({"y": "1"}, 6, 1, 0)
    for seed in range(9):
        split = split_tiles(ids, table, 0.3, seed)
        assert ("00a00" in split.val) == ("01a01" in split.val) == (split.left_out == ("y",))
        assert ("007" in split.val) == ("Öl-1" in split.val)
    assert describe(found.summary(5, "s.csv")) == [
        "s.csv: 4 of its 6 lines name tiles, and 4 of 5 tiles lie in a known section",
        "warning: s.csv: 1 lines have no section",
    ]


def test_what_contradicts_itself_in_a_table_is_not_guessed():
    found = match_sections(["a", "b", "Ab", "aB"], {"a.png": "1", "a.PNG ": "2", "ab": "3", "b": "4"})
    assert (found.of, found.ambiguous) == ({"b": "4"}, 3)
    lines, half = found.summary(4).notes
    assert lines == "3 lines fit several tiles, or others contradict them: they are not used"
    assert half.startswith("fewer than half of the tiles lie in a known section")


def test_a_split_depends_on_its_seed_alone():
    ids = [f"{number:03}" for number in range(200)]
    sections = {name: str(number // 7) for number, name in enumerate(ids[:150])}
    first, again, other = (split_tiles(ids[::step], sections, 0.2, seed) for step, seed in ((1, 0), (-1, 0), (1, 1)))
    assert first == again
    assert first.sha256 == again.sha256 != other.sha256
    assert 40 <= len(first.val) < 40 + 7
    assert (first.by, split_tiles(ids, None).by) == ("section", "tile")


def test_what_must_not_be_learned_from_is_left_out_however_its_name_is_written(tmp_path):
    plant(tmp_path, {f"images/{name}.png": IMAGE for name in ("a", "b", "c", "D", "007")})
    found = load_unlabelled(tmp_path, ["a.png", "7"], ["d", "e"])
    assert found.ids == ["b", "c"]
    assert found.notes == (
        "2 tiles without labels lie in sections that validate, and are left out",
        "1 of the images have labels, and are left out",
    )


@pytest.mark.data
def test_the_split_of_the_shipped_weights_is_drawn_again():
    ids = sorted(file.stem for file in find_images(TGS / "train.zip"))
    split, shipped = split_tiles(ids, read_sections(TGS)), read_card(shipped_weights()).split
    assert (split.sha256, split.left_out) == (shipped.sha256, shipped.left_out)


@pytest.mark.data
def test_the_real_tiles():
    place = labelled_place(TGS)
    tiles = read_tiles(place, sorted(find_tiles(place).images)[::10])
    assert tiles.images.shape == (len(tiles.ids), 101, 101)
    assert 0.35 < (~tiles.masks.any(axis=(1, 2))).mean() < 0.45  # the organisers left 39 % empty
    assert not tiles.masks.all(axis=(1, 2)).any()
    flat = tiles.images.reshape(len(tiles.ids), -1).std(axis=1) == 0
    assert not tiles.masks[flat].any()  # which is why an image of one grey is defined to have no salt
