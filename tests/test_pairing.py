import unicodedata
from pathlib import PurePosixPath

import pytest

from unet.data.pairing import Pairs, is_mask_beside, join, names_of, pair


def paths(*names):
    return [PurePosixPath(name) for name in names]


def test_a_mask_belongs_to_the_image_of_its_name_in_its_own_folder():
    images = paths("A/images/1.png", "B/images/1.png", "B/images/2.png", "3.jpg", "4.png")
    masks = paths("B/masks/1.png", "A/Masks/1.tif", "MASKS/3.png", "A/masks/2.png")
    assert pair(images, masks) == Pairs([(0, 1), (1, 0), (2, None), (3, 2), (4, None)], unpaired=[3])


def test_a_name_is_the_same_in_every_unicode_form():
    composed, apart = (unicodedata.normalize(form, "Öl/images/é.png") for form in ("NFC", "NFD"))
    assert composed != apart
    assert pair(paths(composed), paths(apart.replace("images", "masks"))).pairs == [(0, 0)]


@pytest.mark.parametrize("mask", ["masks/x_mask.gif", "x_mask.png", "masks/x_MASK.png"])
def test_the_word_mask_after_a_name(mask):
    assert pair(paths("images/x.jpg"), paths(mask)).pairs == [(0, 0)]
    # An image of exactly this name has it for itself.
    stem = PurePosixPath(mask).stem
    assert pair(paths("images/x.jpg", f"images/{stem}.jpg"), paths(mask)).pairs == [(0, None), (1, 0)]


@pytest.mark.parametrize("masks", [("masks/x.png", "masks/x.tif"), ("masks/x.png", "masks/x_mask.png")])
def test_two_masks_for_one_image_are_reported_and_none_wins(masks):
    found = pair(paths("images/x.png", "images/y.png"), paths(*masks, "masks/y.png"))
    assert found.pairs == [(0, None), (1, 2)]
    assert found.ambiguous == [f"images/x.png: expected one mask, there are {masks[0]} and {masks[1]}; keep one"]


def test_two_images_of_one_name_are_reported_and_neither_gets_the_mask():
    found = pair(paths("images/x.png", "images/x.jpg"), paths("masks/x.png"))
    assert found.pairs == [(0, None), (1, None)]
    assert found.twice == ["images/x.jpg: expected one file of each name, there is images/x.png too"]
    assert found.ambiguous == ["masks/x.png: expected one image of its name, got images/x.png and images/x.jpg"]
    assert pair(paths("x.png", "x.jpg"), []).ambiguous == []


@pytest.mark.parametrize(
    ("images", "masks", "expected"),
    [
        (["photos/x.png", "y.png"], ["masks/x_mask.png"], [0, None]),
        (["a/images/x.png", "b/images/y.png"], ["masks/y.png", "masks/x.png"], [1, 0]),
        (["a/images/x.png", "b/images/x.png"], ["masks/x.png"], [None, None]),  # of which?
        (["photos/x.png"], ["masks/x.png", "masks/x_mask.png"], [None]),
        (["a/images/x.png"], ["b/masks/x.png"], [None]),  # another line's
    ],
)
def test_a_folder_of_masks_around_the_images_serves_names_that_are_there_once(images, masks, expected):
    assert [mask for _, mask in pair(paths(*images), paths(*masks)).pairs] == expected


def test_masks_lying_beside_their_images_are_told_from_them():
    assert is_mask_beside(paths("x.jpg", "x_mask.gif", "d/x_mask.png", "y_mask.png", "é_mask.png", "e\u0301.png")) == {
        1,
        4,
    }


def test_tiles_are_called_by_their_stem_and_by_their_folder_where_that_is_needed():
    assert names_of(paths("images/1.png", "B/images/1.png", "B/images/e\u0301.png")) == ["1", "B/1", "é"]


@pytest.mark.parametrize(
    "name", ["00a", "00a.png", "00A.PNG", " 00a ", "\ufeff00a", "00a\u00a0", "images/00a.png", "00A.jpeg"]
)
def test_a_name_is_found_however_it_is_written(name):
    assert join([name], ["00a", "00b"]).known == {name: "00a"}


def test_another_name_is_not_found():
    assert join(["0a", "00a1", "00a.0001", "x_00a", "", "00a_mask"], ["00a", "00b"], table=True).known == {}


def test_an_exact_match_comes_first_and_what_fits_two_is_not_guessed():
    assert join(["ab", "AB"], ["ab", "AB"]).known == {"ab": "ab", "AB": "AB"}
    assert join(["AB.png", "ab"], ["ab"]).known == {"ab": "ab"}  # the other may be another tile
    found = join(["Ab", "AB.png"], ["ab", "AB"])
    assert found.known == {"AB.png": "AB"}
    assert found.ambiguous == {"Ab": ["AB", "ab"]}


def test_what_a_table_may_have_lost_is_forgiven_in_a_table_alone():
    known = ["007", "lineA/1", "lineB/1", "lineB/2"]
    names = ["7", "lineA/images/1.png", "1", "survey/lineB/1", "2", "lineC/2"]
    found = join(names, known, table=True)
    assert found.known == {"7": "007", "lineA/images/1.png": "lineA/1", "survey/lineB/1": "lineB/1", "2": "lineB/2"}
    assert found.ambiguous == {"1": ["lineA/1", "lineB/1"]}
    assert join(["7", "2", "survey/lineB/1"], known).known == {}
