import unicodedata
from pathlib import PurePosixPath

import pytest

from unet.data.pairing import Pairs, join, masks_beside, names_of, pair


def paths(*names):
    return [PurePosixPath(name) for name in names]


@pytest.mark.parametrize(
    ("images", "masks", "expected"),
    [
        (["A/images/1.png", "B/images/1.png"], ["B/masks/1.png", "A/Masks/1.tif"], [1, 0]),  # each in its own folder
        (["B/images/2.png", "4.png"], ["A/masks/2.png"], [None, None]),
        (["3.jpg"], ["MASKS/3.png"], [0]),
        ([unicodedata.normalize("NFC", "Öl/images/é.png")], [unicodedata.normalize("NFD", "Öl/masks/é.png")], [0]),
        # x_mask, unless there is an image of this name.
        (["images/x.jpg"], ["masks/x_mask.gif"], [0]),
        (["images/x.jpg"], ["x_mask.png"], [0]),
        (["images/x.jpg"], ["masks/x_MASK.png"], [0]),
        (["images/x.jpg", "images/x_mask.jpg"], ["masks/x_mask.gif"], [None, 0]),
        # Masks in a folder around the images, of names that occur once.
        (["photos/x.png", "y.png"], ["masks/x_mask.png"], [0, None]),
        (["a/images/x.png", "b/images/y.png"], ["masks/y.png", "masks/x.png"], [1, 0]),
        (["a/images/x.png", "b/images/x.png"], ["masks/x.png"], [None, None]),  # of which?
        (["photos/x.png"], ["masks/x.png", "masks/x_mask.png"], [None]),
        (["a/images/x.png"], ["b/masks/x.png"], [None]),  # another line's
    ],
)
def test_the_mask_of_each_image(images, masks, expected):
    found = pair(paths(*images), paths(*masks))
    assert found == Pairs(list(enumerate(expected)), [n for n in range(len(masks)) if n not in expected])


@pytest.mark.parametrize("masks", [("masks/x.png", "masks/x.tif"), ("masks/x.png", "masks/x_mask.png")])
def test_two_masks_for_one_image_are_reported_and_none_wins(masks):
    found = pair(paths("images/x.png", "images/y.png"), paths(*masks, "masks/y.png"))
    assert found.pairs == [(0, None), (1, 2)]
    assert found.ambiguous == [f"images/x.png: expected one mask, got {masks[0]} and {masks[1]}; keep one"]


def test_two_images_of_one_name_are_reported_and_neither_gets_the_mask():
    found = pair(paths("images/x.png", "images/x.jpg"), paths("masks/x.png"))
    assert found.pairs == [(0, None), (1, None)]
    assert found.twice == ["images/x.jpg: expected one file of each name, got images/x.png too"]
    assert found.ambiguous == ["masks/x.png: expected one image of its name, got images/x.png and images/x.jpg"]
    assert pair(paths("x.png", "x.jpg"), []).ambiguous == []


def test_names_of_tiles_and_masks_beside_them():
    beside = masks_beside(paths("x.jpg", "x_mask.gif", "d/x_mask.png", "y_mask.png", "é_mask.png", "e\u0301.png"))
    assert beside == {1, 4}
    assert names_of(paths("images/1.png", "B/images/1.png", "B/images/e\u0301.png")) == ["1", "B/1", "é"]


WRITTEN = ["00a", "00a.png", "00A.PNG", " 00a ", "\ufeff00a", "00a\u00a0", "images/00a.png", "00A.jpeg"]


@pytest.mark.parametrize(
    ("names", "known", "table", "found", "ambiguous"),
    [
        *(([name], ["00a", "00b"], False, {name: "00a"}, {}) for name in WRITTEN),
        (["0a", "00a1", "00a.0001", "x_00a", "", "00a_mask"], ["00a", "00b"], True, {}, {}),
        (["ab", "AB"], ["ab", "AB"], False, {"ab": "ab", "AB": "AB"}, {}),
        (["AB.png", "ab"], ["ab"], False, {"ab": "ab"}, {}),  # the other may be another tile
        (["Ab", "AB.png"], ["ab", "AB"], False, {"AB.png": "AB"}, {"Ab": ["AB", "ab"]}),
        # What a table may have lost is forgiven in a table alone.
        (
            ["7", "a/images/1.png", "x/b/1", "2"],
            ["007", "a/1", "b/1", "b/2"],
            True,
            {"7": "007", "a/images/1.png": "a/1", "x/b/1": "b/1", "2": "b/2"},
            {},
        ),
        (["1", "c/2"], ["a/1", "b/1", "b/2"], True, {}, {"1": ["a/1", "b/1"]}),
        (["7", "2", "x/b/1"], ["007", "a/1", "b/1", "b/2"], False, {}, {}),
    ],
)
def test_a_name_stands_for_the_known_one_written_alike(names, known, table, found, ambiguous):
    joined = join(names, known, table)
    assert (joined.known, joined.ambiguous) == (found, ambiguous)
    assert joined.possible() == {*found.values(), *(name for several in ambiguous.values() for name in several)}
