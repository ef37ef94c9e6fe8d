"""The Streamlit app's wiring, without a browser."""

import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from streamlit.testing.v1 import AppTest

from demo import core, session
from unet import Segmenter, checkpoint
from unet.card import Card
from unet.image import RULE
from unet.model import UNet, UNetConfig

APP = Path(__file__).parents[1] / "demo" / "app.py"


@pytest.fixture
def weights(tmp_path, monkeypatch):
    """A folder with two untrained networks in it, and nothing else the app could find."""
    for seed, name in enumerate(("first", "second")):
        torch.manual_seed(seed)
        model = UNet(UNetConfig(width=4, depth=3)).eval()
        card = Card(threshold=0.45 + 0.1 * seed, input=RULE)
        checkpoint.save(tmp_path / "weights" / f"{name}.safetensors", model, card)
    monkeypatch.setattr(core, "ROOT", tmp_path)
    monkeypatch.setattr(core, "shipped_weights", lambda: tmp_path / "weights" / "first.safetensors")
    return tmp_path / "weights"


@pytest.fixture
def app(weights):
    return run(AppTest.from_file(str(APP), default_timeout=60))


def run(app_or_widget):
    app = app_or_widget.run()
    assert not app.exception, app.exception
    return app


def opened(app):
    return app.session_state["opened"]


def state(app, name):
    return app.session_state[name]


def box(app, label):
    """The box to choose an image or weights in."""
    return next(box for box in app.selectbox if box.label == label)


def png(array):
    file = io.BytesIO()
    Image.fromarray(array).save(file, "PNG")
    return file.getvalue()


def npy(array):
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


TILE = np.arange(400, dtype=np.uint8).reshape(20, 20)


def with_link(**values):
    app = AppTest.from_file(str(APP), default_timeout=60)
    for name, value in values.items():
        app.query_params[name] = value
    return run(app)


def upload(app, *files, key="uploads"):
    """Puts files of these names and contents in place of what was there."""
    app.file_uploader(key=key).set_value([(name, content, "application/octet-stream") for name, content in files])
    return run(app)


# --- Images, weights, threshold


def test_the_first_sample_is_open_at_the_cards_threshold(app):
    assert box(app, "Image").value == opened(app).name == "Salt stock"
    assert (state(app, "threshold"), state(app, "revision"), state(app, "view")) == (0.45, 1, None)
    assert state(app, "link") == {"sample": "Salt stock", "weights": "first"}
    assert not app.warning


def test_a_run_in_which_nothing_moved_leaves_the_viewer_alone(app):
    before = opened(app)
    run(app)

    assert state(app, "revision") == 1
    assert opened(app) is before  # not opened anew


def test_other_weights_bring_their_own_threshold(app):
    run(box(app, "Weights").select_index(1))

    assert (state(app, "threshold"), state(app, "revision")) == (0.55, 2)
    assert state(app, "link")["weights"] == state(app, "weights_name") == "second"


def test_weights_written_anew_by_a_run_leave_the_threshold_alone(app, weights):
    app.session_state["threshold"] = 0.3
    before = state(app, "weights")
    torch.manual_seed(5)
    model = UNet(UNetConfig(width=4, depth=3)).eval()
    checkpoint.save(weights / "first.safetensors", model, Card(threshold=0.45, input=RULE))
    run(app)

    assert state(app, "weights") != before
    assert (state(app, "threshold"), state(app, "revision")) == (0.3, 1)


def test_weights_that_do_not_fit_their_card_get_a_sentence_without_a_path(app, weights):
    (weights / "second.safetensors").write_bytes(b"other tensors")
    run(box(app, "Weights").select_index(1))

    assert "second: expected the tensors its card was written for" in app.error[0].value
    assert str(weights) not in app.error[0].value


def test_an_upload_survives_weights_that_do_not_load(app, weights):
    (weights / "second.safetensors").write_bytes(b"other tensors")
    upload(app, ("a.png", png(TILE)))
    run(box(app, "Weights").select_index(1))
    run(box(app, "Weights").select_index(0))

    assert opened(app).name == "a.png"


def test_without_weights_the_page_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setattr(core, "ROOT", tmp_path)
    monkeypatch.setattr(core, "shipped_weights", lambda: tmp_path / "none.safetensors")
    app = run(AppTest.from_file(str(APP), default_timeout=60))

    assert "python train.py" in app.error[0].value


def test_a_page_that_is_opened_anew_is_told_where_everything_stands(app):
    run(app.switch_page("views/how_good_is_it.py"))
    run(app.switch_page("views/explore.py"))

    assert state(app, "revision") == 3


# --- Uploads


def test_an_upload_opens_at_once_and_its_mask_joins_it(app):
    image, mask = core.sample("Hanging keel").pixels, core.sample("Hanging keel").truth
    upload(app, ("line_7.png", png(image)))
    assert box(app, "Image").value == "line_7.png"
    np.testing.assert_array_equal(opened(app).pixels, image)
    assert opened(app).truth is None

    upload(app, ("line_7.png", png(mask.astype(np.uint8))), key="masks")
    np.testing.assert_array_equal(opened(app).truth, mask)


def test_an_upload_cannot_travel_in_a_link_and_the_page_says_so(app):
    upload(app, ("a.png", png(TILE)))

    assert state(app, "link") == {"sample": None, "weights": "first"}
    assert "A link cannot carry an upload" in app.sidebar.caption[0].value


def test_a_bad_upload_is_named_and_the_rest_go_on(app):
    good = png(core.sample("Small lens").pixels)
    upload(
        app,
        ("empty.png", b""),
        ("*text*.png", b"no image"),
        ("good.png", good),
        ("cut.png", good[: len(good) // 2]),
    )

    assert box(app, "Image").value == "good.png"
    sentences = app.warning[0].value.splitlines()
    assert [line.split("`")[1] for line in sentences] == ["empty.png", "*text*.png", "cut.png"]
    assert "the file is empty" in sentences[0]


def test_a_image_larger_than_allowed_is_named(app, monkeypatch):
    monkeypatch.setattr(core, "LARGEST_UPLOAD", 1)
    upload(app, ("a.npy", bytes(2**20 + 1)))

    assert "`a.npy`: larger than 1 MB" in app.warning[0].value


def test_a_mask_that_does_not_fit_is_named_and_the_image_still_opens(app):
    upload(app, ("a.png", png(TILE)))
    upload(app, ("a.png", png(TILE[:9, :9])), ("b.png", png(TILE)), key="masks")

    assert "b.png" in app.warning[0].value
    assert "size 20 x 20, got 9 x 9" in app.warning[0].value
    assert opened(app).truth is None


def test_more_images_than_allowed_are_named_and_left_out(app, monkeypatch):
    monkeypatch.setattr(core, "MOST_FILES", 2)
    upload(app, *[(f"{name}.png", png(TILE)) for name in "abcdefghijklm"])

    assert "`c.png`, `d.png`" in app.warning[0].value
    assert app.warning[0].value.endswith("`j.png` and 3 more")
    assert state(app, "uploads_open") == ["a.png", "b.png"]


def test_two_files_of_one_name_can_both_be_opened(app):
    images = [core.sample(name).pixels for name in ("Small lens", "Hanging keel")]
    upload(app, *[("a.png", png(image)) for image in images])
    run(box(app, "Image").set_value("a.png (2)"))

    np.testing.assert_array_equal(opened(app).pixels, images[1])


def test_an_upload_that_is_taken_back_leaves_a_sample_open(app):
    upload(app, ("a.png", png(TILE)))
    upload(app)

    assert box(app, "Image").value == "Salt stock"
    assert state(app, "known") == {}


def test_what_the_browser_says_of_the_box_before_is_void(app):
    """A question may leave the browser after an upload arrived and before the browser shows that it was opened."""
    before = next(state for state in app._tree.get_widget_states().widgets if "image" in state.id)
    upload(app, ("a.png", png(TILE)))
    question = app._tree.get_widget_states()
    new = next(state for state in question.widgets if "image" in state.id)
    question.widgets.remove(new)
    question.widgets.append(before)
    assert not app._run(question).exception
    assert box(app, "Image").value == opened(app).name == "a.png"


def test_a_file_is_looked_into_once(app, monkeypatch):
    upload(app, ("a.png", png(TILE)), ("bad.png", b"no image"), ("c.zip", b"no zip"))
    monkeypatch.setattr(core, "open_upload", lambda *_: pytest.fail("decoded again"))
    monkeypatch.setattr(session, "read", lambda *_: pytest.fail("unpacked again"))
    run(app)

    assert len(app.warning[0].value.splitlines()) == 2


# --- Links


def test_a_link_opens_its_sample_with_its_weights_at_its_threshold(weights):
    app = with_link(sample="Small lens", weights="second", threshold="0.31", layer="encoder1")

    assert box(app, "Image").value == "Small lens"
    assert state(app, "weights_name") == "second"
    assert (state(app, "threshold"), state(app, "revision")) == (0.31, 1)
    assert not app.warning


def test_a_link_is_read_once(weights):
    app = with_link(sample="Small lens", weights="second", threshold="0.31")
    run(box(app, "Image").set_value("Salt stock"))
    run(box(app, "Weights").select_index(0))

    assert state(app, "link") == {"sample": "Salt stock", "weights": "first"}
    assert state(app, "threshold") == 0.45


@pytest.mark.parametrize("threshold", ["", "half", "1.5", "-0.1", "nan", "inf"])
def test_what_a_link_says_in_vain_is_ignored_and_named(weights, threshold):
    app = with_link(sample="`gone`", weights="<b>other</b>", threshold=threshold)

    assert state(app, "link") == {"sample": "Salt stock", "weights": "first"}
    assert state(app, "threshold") == 0.45
    sentences = app.warning[0].value
    assert "`` `gone` ``" in sentences
    assert "`<b>other</b>`" in sentences
    assert f"and says {core.literal(threshold)}" in sentences

    run(box(app, "Image").set_value("Small lens"))
    assert not app.warning


def test_other_pages_say_in_their_address_what_is_open(app):
    run(box(app, "Image").set_value("Small lens"))
    run(app.switch_page("views/how_good_is_it.py"))

    assert dict(app.query_params) == {"sample": "Small lens", "weights": "first", "threshold": "0.45"}


# --- Take it away


def strip(app):
    (found,) = app.get("bidi_component")
    return json.loads(found.proto.json)


@pytest.fixture
def strip_page(app):
    return run(app.switch_page("views/take_it_away.py"))


def test_the_strip_shows_the_samples_where_nothing_was_uploaded(strip_page, weights):
    rows = {row["name"]: row for row in strip(strip_page)["rows"]}
    sample = core.sample("Salt sheet")
    probability = Segmenter.load(weights / "first.safetensors").probability(sample.grey)
    finding = core.find(probability, 0.45, sample.truth)

    assert list(rows) == list(core.SAMPLES)
    row = rows["Salt sheet"]
    assert (row["share"], row["highest"]) == (finding.share, finding.highest)
    assert (row["iou"], row["competition"]) == (finding.iou, finding.competition)
    assert "these are the 8 samples" in strip_page.text[0].value
    assert strip(strip_page)["open"] == "Salt stock"


def test_the_strip_follows_uploads_masks_and_threshold(strip_page):
    images = [core.sample(name).pixels for name in ("Small lens", "Hanging keel")]
    upload(strip_page, *[(f"{i}.png", png(image)) for i, image in enumerate(images)])
    assert [(row["name"], row["iou"]) for row in strip(strip_page)["rows"]] == [("0.png", None), ("1.png", None)]
    key = strip(strip_page)["key"]
    run(strip_page)
    assert strip(strip_page)["key"] == key

    upload(strip_page, ("1.png", png(core.sample("Hanging keel").truth)), key="masks")
    assert strip(strip_page)["rows"][1]["iou"] is not None
    strip_page.session_state["threshold"] = 1.0
    run(strip_page)
    assert [row["share"] for row in strip(strip_page)["rows"]] == [0, 0]


def test_two_hundred_images_weigh_less_than_a_megabyte(strip_page):
    rng = np.random.default_rng(0)
    noise = [rng.integers(0, 256, (101, 101), np.uint8) for _ in range(200)]  # nothing compresses worse
    upload(strip_page, *[(f"{i}.png", png(image)) for i, image in enumerate(noise)])
    (found,) = strip_page.get("bidi_component")

    assert len(strip(strip_page)["rows"]) == 200
    assert len(found.proto.json) < 2_000_000


# --- A session that comes back


@pytest.fixture
def left_behind(app):
    """A session with two uploads, one of them with its truth, and other weights than the first."""
    upload(app, ("a.png", png(core.sample("Hanging keel").pixels)), ("c.npy", npy(TILE / 255)))
    upload(app, ("a.png", png(core.sample("Hanging keel").truth)), key="masks")
    return run(box(app, "Weights").select_index(1))


def taken_away(app, image="c.npy", weights="second", sha256=None, view=None, labels=None):
    choices = state(app, "choices")
    sources = {label: choices[label] for label in labels or state(app, "uploads_open")}
    known = session.State(image, weights, sha256 or state(app, "segmenter").card["sha256"], 0.21, view)
    return session.Gallery(sources, state(app, "segmenter"), "weights", session.ByteCache(10**7)).zip(known)


def reopened(content):
    return upload(run(AppTest.from_file(str(APP), default_timeout=60)), ("session.zip", content))


def test_a_session_comes_back_with_everything(left_behind):
    view = session.View("encoder1", 2, ("skip1",), "Salt sheet", (3, 4), None, True, (0, 0))
    app = reopened(taken_away(left_behind, view=view))

    assert state(app, "uploads_open") == ["a.png", "c.npy"]
    assert (opened(app).name, opened(app).digest) == ("c.npy", state(left_behind, "choices")["c.npy"].open().digest)
    first = state(app, "choices")["a.png"].open()
    np.testing.assert_array_equal(first.grey, core.sample("Hanging keel").grey)
    np.testing.assert_array_equal(first.truth, core.sample("Hanging keel").truth)
    assert state(app, "weights_name") == "second"
    assert (state(app, "threshold"), state(app, "revision")) == (0.21, 2)
    assert session.read_view(json.loads(json.dumps(state(app, "view")))) == view
    assert not app.warning


def test_a_session_is_restored_once(left_behind):
    app = reopened(taken_away(left_behind))
    run(box(app, "Weights").select_index(0))
    run(box(app, "Image").set_value("a.png"))

    assert (state(app, "weights_name"), state(app, "threshold")) == ("first", 0.45)
    assert opened(app).name == "a.png"


def test_a_session_of_samples_opens_the_samples_that_are_here(app):
    reopened_app = reopened(taken_away(app, "Small lens", "first", labels=["Salt stock", "Small lens"]))

    assert state(reopened_app, "uploads_open") == []
    assert state(reopened_app, "link")["sample"] == "Small lens"
    assert state(reopened_app, "threshold") == 0.21


def test_a_session_with_weights_that_are_not_here_says_so(left_behind):
    app = reopened(taken_away(left_behind, weights="gone", sha256="0" * 64))
    assert "There are no weights called `gone` here" in app.warning[0].value
    assert (state(app, "weights_name"), state(app, "threshold")) == ("first", 0.21)

    app = reopened(taken_away(left_behind, weights="first", sha256="0" * 64))
    assert "The weights called `first` here are not those of the session" in app.warning[0].value

    app = reopened(taken_away(left_behind, weights="renamed"))
    assert state(app, "weights_name") == "second"
    assert not app.warning


def test_a_session_whose_image_is_not_in_it_says_so(left_behind):
    app = reopened(taken_away(left_behind, image="Survey tile 7"))

    assert "There is no image called `Survey tile 7` here" in app.warning[0].value
    assert opened(app).name == "a.png"


def test_a_zip_of_images_opens_them_with_their_masks(app):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("x/images/b.png", png(TILE))
        archive.writestr("x/masks/b.png", png(TILE))
        archive.writestr("x/images/a.png", b"no image")
    upload(app, ("x.zip", file.getvalue()))

    assert state(app, "uploads_open") == ["b.png"]
    np.testing.assert_array_equal(opened(app).truth, TILE != 0)
    assert "`a.png`: not a PNG" in app.warning[0].value


def test_a_zip_that_cannot_be_opened_is_named(app):
    upload(app, ("<b>.zip", b"no zip"), ("a.png", png(TILE)))

    assert app.warning[0].value == "- `<b>.zip`: not a readable zip (File is not a zip file)"
    assert opened(app).name == "a.png"
