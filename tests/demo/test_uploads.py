from types import SimpleNamespace

import numpy as np
import pytest

from demo import images, limits, session_file
from demo.amplitudes import LimitsChoice
from demo.images import open_sample
from demo.uploads import Uploads
from tests.demo.files import npy, png, zipped

TILE = np.arange(400, dtype=np.uint8).reshape(20, 20)
KEEL = open_sample("Hanging keel")


def file(name, content=None, identity=None):
    """A file as Streamlit's uploader holds it; without content, an image."""
    content = png(TILE) if content is None else content
    return SimpleNamespace(name=name, file_id=identity or name, size=len(content), getvalue=lambda: content)


def receive(*files, masks=()):
    uploads = Uploads()
    return uploads, uploads.receive(files, masks)


def test_masks_join_their_images():
    uploads, new = receive(
        file("line_7.png", png(KEEL.pixels)),
        file("b.png"),
        file("b_mask.png", png(TILE)),
        masks=[file("line_7.png", png(KEEL.truth), "mask")],
    )
    keel, other = (source.open() for source in uploads.sources.values())

    assert list(new.images) == list(uploads.sources) == ["line_7.png", "b.png"]
    assert keel.digest == KEEL.digest
    np.testing.assert_array_equal(keel.truth, KEEL.truth)
    np.testing.assert_array_equal(other.truth, TILE != 0)
    assert not uploads.problems


def test_a_file_that_cannot_be_used_is_named_and_the_rest_go_on(monkeypatch):
    monkeypatch.setattr(limits, "LARGEST_UPLOAD", 1)
    uploads, new = receive(
        file("empty.png", b""),
        file("*text*.png", b"no image"),
        file("good.png"),
        file("large.npy", bytes(2**20 + 1)),
        file("<b>.zip", b"no zip"),
        masks=[file("c.png"), file("good.png", png(TILE[:9, :9]), "mask")],
    )

    assert (list(uploads.sources), list(new.images)) == (["good.png"], ["good.png"])
    assert new.refused == list(uploads.refused) == ["<b>.zip", "empty.png", "*text*.png", "large.npy"]
    assert set(uploads.refused.values()) <= set(uploads.problems)
    assert uploads.sources["good.png"].open().truth is None
    said = {problem.split("`")[1]: problem for problem in uploads.problems}
    assert set(said) == {"empty.png", "*text*.png", "large.npy", "<b>.zip", "c.png", "good.png"}
    assert len(uploads.problems) == 6
    assert "empty" in said["empty.png"]
    assert "expected at most 1 MB, got 1.0 MB; cut it into" in said["large.npy"]
    assert "expected the image of this mask, got none; drop c.png as well" in said["c.png"]
    assert "size 20 x 20, got 9 x 9" in said["good.png"]


def test_more_images_than_allowed_are_named_and_left_out(monkeypatch):
    monkeypatch.setattr(limits, "MOST_FILES", 2)
    uploads, _ = receive(*(file(f"{name}.png") for name in "abcdefghijklm"))

    (said,) = uploads.problems
    assert said.startswith("expected at most 2 images, got 13; drop fewer, left out are `c.png`, `d.png`")
    assert said.endswith("`j.png` and 3 more")
    assert list(uploads.sources) == ["a.png", "b.png"]


def test_two_images_of_one_name_can_both_be_opened_and_that_is_said():
    uploads, _ = receive(file("a.png"), file("a.png", png(KEEL.pixels), "other"))
    assert uploads.sources["a.png (2)"].open().digest == KEEL.digest
    (said,) = uploads.problems
    assert said.startswith(
        "`a.png`: expected one file of this name, or an image and its mask, got 2 that cannot be told"
    )


EMPTY = np.zeros((20, 20), np.uint8)


@pytest.mark.parametrize("mask", [EMPTY, np.eye(20, dtype=np.uint8) * 255, np.eye(20, dtype=bool)])
@pytest.mark.parametrize("turned", [False, True])
def test_a_mask_of_its_images_name_is_its_truth_unless_the_user_says_otherwise(mask, turned):
    files = [file("a.png"), file("a.png", png(mask), "mask"), file("b.png")][:: -1 if turned else 1]
    uploads, new = receive(*files)
    assert sorted(uploads.sources) == sorted(new.images) == ["a.png", "b.png"]
    image = uploads.sources["a.png"].open()
    np.testing.assert_array_equal(image.truth, mask != 0)
    np.testing.assert_array_equal(image.pixels, TILE)
    assert image.caption == "a.png · 20 × 20 pixels · your image, ground truth a.png"
    assert (uploads.twins, uploads.problems) == (["a.png"], [])

    uploads.join_twins = False
    uploads.receive(files, [])
    assert sorted(uploads.sources) == ["a.png", "a.png (2)", "b.png"]
    assert uploads.sources["a.png"].open().truth is None
    assert uploads.twins == ["a.png"]


def test_masks_of_a_zip_are_found_in_a_folder_of_any_name():
    content = zipped(
        {"x/a.png": png(TILE), "x/b.png": png(TILE), "labels/a.png": png(EMPTY), "labels/c.png": png(EMPTY)}
    )
    uploads, _ = receive(file("x.zip", content))
    assert sorted(uploads.sources) == ["b.png", "c.png", "x/a.png"]
    (said,) = uploads.problems
    assert said.startswith("`c.png`: expected an image, got no more than two values, as a mask has")
    assert uploads.sources["x/a.png"].open().truth is not None
    other = file("y.zip", zipped({"p/a.png": png(TILE), "q/a.png": png(TILE.T)}))
    assert (list(receive(other)[0].sources), receive(other)[0].problems) == (["p/a.png", "q/a.png"], [])


def test_masks_beside_and_of_other_sizes_are_no_twins():
    uploads, _ = receive(file("a.png"), file("a.tif", png(EMPTY[:18]), "mask"))
    assert (list(uploads.sources), uploads.twins, len(uploads.problems)) == (["a.png", "a.tif"], [], 2)


def test_a_file_is_opened_once_and_forgotten_when_it_is_taken_back(monkeypatch):
    files = [file("a.png"), file("bad.png", b"no image"), file("c.zip", b"no zip")]
    uploads, _ = receive(*files)
    monkeypatch.setattr(images, "open_upload", lambda *_: pytest.fail("decoded again"))
    monkeypatch.setattr(session_file, "read", lambda *_: pytest.fail("unpacked again"))

    again = uploads.receive(files, [])
    assert (again.images, again.refused, list(uploads.refused)) == ({}, [], ["c.zip", "bad.png"])
    assert len(uploads.problems) == 2
    uploads.receive([], [])
    assert (uploads.sources, uploads.problems) == ({}, [])
    monkeypatch.undo()
    assert list(uploads.receive(files, []).images) == ["a.png"]


def test_a_zip_of_images_opens_them_with_their_masks():
    content = zipped({
        "x/images/b.png": png(TILE),
        "x/masks/b.png": png(TILE),
        "x/images/a.png": b"no image",
        "x/images/Salt stock": b"",
        "x/other/c.png": b"",
    })  # fmt: skip
    uploads, new = receive(file("x.zip", content))

    assert list(new.images) == ["b.png"]
    np.testing.assert_array_equal(uploads.sources["b.png"].open().truth, TILE != 0)
    assert [problem.split("`")[1] for problem in uploads.problems] == ["x.zip", "a.png"]


def test_limits_are_chosen_for_one_upload_and_a_session_opens_it_as_it_was_shown():
    amplitudes = np.arange(-1000.0, 1001.0).reshape(69, 29)
    files = [file("a.npy", npy(amplitudes)), file("a.npy", npy(amplitudes), "other"), file("b.png")]
    uploads, _ = receive(*files)
    before = dict(uploads.sources)
    uploads.choose_limits("a.npy (2)", LimitsChoice(10, reverse=True))
    uploads.choose_limits("gone.npy", LimitsChoice(10))
    uploads.receive(files, [])
    changed = uploads.sources["a.npy (2)"]

    assert [label for label, source in uploads.sources.items() if source.key != before[label].key] == ["a.npy (2)"]
    np.testing.assert_allclose(changed.open().grey, np.clip((800 - amplitudes) / 1600, 0, 1), atol=1e-6)
    for label, source in uploads.sources.items():
        reopened = images.open_upload(f"x{source.suffix}", source.original())
        assert reopened.digest == source.open().digest, label
        assert reopened.amplitudes is None
    uploads.receive(files[1:], [])  # the label is that of another file now
    assert uploads.sources["a.npy"].open().digest == changed.open().digest
