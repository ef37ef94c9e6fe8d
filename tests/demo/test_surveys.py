"""Lines and cubes as uploads; the files are written by segyio or NumPy."""

import tempfile

import numpy as np
import pytest

from demo import limits, surveys
from demo.amplitudes import UNCHANGED, LimitsChoice
from demo.cache import find_probability
from demo.images import open_upload
from demo.surveys import FIRST, SectionChoice, is_survey, open_section
from demo.uploads import Uploads
from tests.demo.files import npy, png
from tests.demo.test_app import box, run, start, state, upload
from tests.demo.test_uploads import file
from tests.seismic.surveys import amplitudes, write_segy
from unet import Segmenter
from unet.seismic.limits import volume_limits
from unet.seismic.volume import open_volume

CUBE = amplitudes(18, 24, 40)  # sections of 40 x 24, 40 x 18 and 18 x 24
GAP = {(9, 20), (9, 21), (3, 7)}


@pytest.fixture
def segy(tmp_path):
    """The cube as the bytes of a SEG-Y file, without three of its traces."""
    return write_segy(tmp_path / "cube.sgy", CUBE, missing=GAP).read_bytes()


def grey_of(section, low, high):
    return np.clip((section - low) / (high - low), 0, 1)


def test_sections_of_every_direction_are_drawn_with_the_limits_of_the_whole_survey(segy, tmp_path):
    low, high = volume_limits(open_volume(tmp_path / "cube.sgy"), 0.5)
    for choice, expected, name in (
        (SectionChoice("inline", 102), CUBE[2].T, "inline 102"),
        (SectionChoice("crossline", 310), CUBE[:, 5].T, "crossline 310"),
        (SectionChoice("time slice", 120), CUBE[:, :, 30], "time slice 120 ms"),
    ):
        image = open_upload("a.sgy", segy, section=choice)
        assert f"{name} of your cube of 18 inlines, 24 crosslines and 40 samples" in image.caption
        there = ~image.missing if image.missing is not None else np.ones(expected.shape, bool)
        np.testing.assert_allclose(image.grey[there], grey_of(expected, low, high)[there], atol=1e-6)
        assert image.amplitudes.limits == pytest.approx((low, high))
    assert image.missing.sum() == len(GAP)
    assert surveys.SLICE_NOTE in image.guessed


def test_the_middle_section_is_first_and_names_are_those_of_the_survey(segy):
    sections = open_upload("a.SEGY", segy).sections
    assert sections.choice == SectionChoice("inline", 109, (1, 1))
    assert sections.numbers["inline"] == list(range(100, 118))
    assert sections.numbers["crossline"] == list(range(300, 348, 2))
    assert sections.numbers["time slice"] == list(range(0, 160, 4))


def test_missing_traces_are_filled_for_the_network_and_no_data_in_the_picture(segy):
    image, whole = open_upload("a.sgy", segy), open_upload("a.npy", npy(CUBE))
    assert (np.flatnonzero(image.missing.all(axis=0)).tolist(), image.missing.sum()) == ([20, 21], 80)
    assert (image.pixels[:, 20:22] == 255).all()
    near = np.abs(image.grey - whole.grey)[:, 20:22].mean()
    assert near < 0.2 < np.abs(1 - whole.grey)[:, 20:22].mean()
    assert image.margin[:, 20:22].all()
    assert image.digest != whole.digest

    segmenter = Segmenter.load()
    probability = find_probability(image, segmenter, ("a test", 0, 0))
    np.testing.assert_array_equal(probability[:, 20:22], 0)
    np.testing.assert_array_equal(probability[:, :20], segmenter.probability(image.grey)[:, :20])


def test_a_cube_in_npy_is_what_it_is_in_segy_and_other_arrays_stay_images(tmp_path):
    content = write_segy(tmp_path / "a.sgy", CUBE, sorting="crossline").read_bytes()
    for choice in (FIRST, SectionChoice("crossline", None, (0.5, 1.0)), SectionChoice("time slice")):
        left, right = open_upload("a.sgy", content, section=choice), open_upload("a.npy", npy(CUBE), section=choice)
        np.testing.assert_array_equal(left.grey, right.grey)
    assert is_survey("a.npy", npy(CUBE.astype(np.int16)))
    for array in (CUBE[0], np.zeros((20, 20, 3), np.uint8), np.zeros((20, 20, 1), np.float32)):
        assert not is_survey("a.npy", npy(array))
    assert not is_survey("a.sgy", npy(CUBE[0]))  # out of a session file, which holds what was shown


def test_scale_and_polarity(segy):
    plain = open_section("a.sgy", segy, UNCHANGED, FIRST)
    scaled = open_section("a.sgy", segy, LimitsChoice(0.5, reverse=True), SectionChoice(scale=(2.0, 0.7)))
    assert (plain.grey.shape, scaled.grey.shape, scaled.missing.shape) == ((40, 24), (80, 17), (80, 17))
    assert np.corrcoef(scaled.grey.mean(axis=1)[::2], plain.grey.mean(axis=1))[0, 1] < -0.9
    assert scaled.note.endswith("at scale 2 × 0.7")
    # Both sides of a time slice are from trace to trace, and no side becomes smaller than the network takes.
    choice = SectionChoice("time slice", 0, (2.0, 0.7))
    assert open_section("a.sgy", segy, UNCHANGED, choice).grey.shape == (16, 17)


def test_a_section_the_page_cannot_draw_is_not_offered(segy, monkeypatch):
    monkeypatch.setattr(surveys, "LARGEST_PIXELS", 40 * 18)
    sections = open_upload("a.sgy", segy, section=SectionChoice("inline", 102, (2.0, 1.0))).sections
    assert list(sections.numbers) == ["crossline", "time slice"]
    assert sections.choice == SectionChoice("crossline", 324, (1, 1))
    assert (max(sections.time_scales), max(sections.trace_scales)) == (1, 1)
    line = open_upload("a.npy", npy(CUBE[:1, :18]))
    assert line.sections.numbers == {"inline": [0]}
    assert line.note == "your line of 18 traces and 40 samples, at scale 1 × 1"


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.sgy", b"", r"expected a SEG-Y file of at least 3,840 bytes, got 0"),
        ("a.sgy", bytes(9000), r"expected a sample format code .* --format of python -m unet segy predict$"),
        ("a.npy", npy(CUBE[:3, :3]), r"expected sections of at least 16 x 16 .*; use python -m unet segy predict$"),
        ("a.npy", npy(np.full((20, 20, 20), np.nan)), r"expected amplitudes that differ"),
        ("a.npy", npy(CUBE.astype(complex)), r"expected real numbers"),
        ("a.npy", npy(CUBE)[:-9], r"expected a whole file, got one damaged or cut short"),
    ],
)
def test_what_cannot_be_read_gets_one_sentence_and_leaves_nothing(name, content, words, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    uploads = Uploads()
    new = uploads.receive([file(name, content)], [])
    assert (new.refused, list(uploads.sources)) == ([name], [])
    (said,) = uploads.problems
    assert said.count(name) == 1
    with pytest.raises(ValueError, match=rf"^{name}: {words}"):
        open_upload(name, content)
    assert not list(tmp_path.iterdir())


def test_a_cube_above_the_limit_and_a_mask_of_one_are_refused(segy, monkeypatch):
    uploads = Uploads()
    uploads.receive([file("a.sgy", segy)], [file("a.png", png(np.eye(40, 24, dtype=bool)), "mask")])
    assert list(uploads.sources) == ["a.sgy"]
    assert "expected the mask of an image, got one of a line or a cube" in uploads.problems[0]
    monkeypatch.setattr(limits, "LARGEST_UPLOAD", 0)
    uploads.receive([file("b.sgy", segy)], [])
    assert uploads.problems[0].endswith("use python -m unet segy predict FILE")


def test_the_page_chooses_a_section_its_scale_and_its_limits(two_weights, segy):
    app = upload(start(), ("a.sgy", segy))
    assert box(app, "Image").value == "a.sgy"
    assert "inline 109" in state(app).image.caption
    app.segmented_control[0].set_value("crossline").run()
    assert "crossline 324" in state(app).image.caption
    app.select_slider[0].set_value(306).run()
    box(app, "Scale along time").set_value(0.5).run()
    app.toggle[0].set_value(True).run()
    image = state(app).image
    expected = open_upload("a.sgy", segy, LimitsChoice(0.5, True), SectionChoice("crossline", 306, (0.5, 1.0)))
    assert (image.digest, image.caption) == (expected.digest, expected.caption)
    app.segmented_control[0].set_value("time slice").run()
    app.segmented_control[0].set_value("inline").run()
    assert state(app).image.sections.choice == SectionChoice("inline", 109, (0.5, 1.0))
    assert not app.exception


def test_a_file_that_takes_the_name_of_another_has_its_own_sections(two_weights, segy):
    app = upload(start(), ("a.npy", npy(CUBE[:, :, :30])), ("a.npy", npy(CUBE[:, :17])))
    run(app.segmented_control[0].set_value("crossline"))
    run(app.select_slider[0].set_value(20))
    upload(app, ("a.npy", npy(CUBE[:, :17])))
    assert state(app).image.sections.choice == SectionChoice("inline", 9)
    run(app.segmented_control[0].set_value("crossline"))
    assert app.select_slider[0].value == state(app).image.sections.choice.number == 8
