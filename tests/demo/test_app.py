"""The Streamlit app's wiring, without a browser."""

import json
from urllib.parse import parse_qsl

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from demo import session_file
from demo.detection import detect
from demo.gallery import Gallery
from demo.images import SAMPLES, open_sample
from demo.places import HERE
from tests.demo.files import npy, png
from unet import Segmenter

KEEL, LENS = open_sample("Hanging keel"), open_sample("Small lens")


def run(app_or_widget):
    app = app_or_widget.run()
    assert not app.exception, app.exception
    return app


def start(**query):
    app = AppTest.from_file(str(HERE / "app.py"), default_timeout=60)
    for name, value in query.items():
        app.query_params[name] = value
    return run(app)


def state(app):
    return app.session_state["page"]


def box(app, label):
    """The box to choose an image or weights in."""
    return next(box for box in app.selectbox if box.label == label)


def address(app):
    """What the page writes into its address."""
    (script,) = [html.proto.body for html in app.sidebar.get("html") if "replaceState" in html.proto.body]
    return dict(parse_qsl(script.split("'?")[1].split("'")[0]))


def upload(app, *files, key="uploads"):
    """Puts files of these names and contents in place of what was there."""
    app.file_uploader(key=key).set_value([(name, content, "application/octet-stream") for name, content in files])
    return run(app)


@pytest.fixture
def app(two_weights):
    return start()


# --- The sidebar


def test_a_link_is_followed_what_it_says_in_vain_is_shown_and_the_boxes_choose(two_weights):
    app = start(sample="Small lens", weights="gone", threshold="0.31")
    assert (box(app, "Image").value, state(app).image.name, state(app).threshold) == ("Small lens", "Small lens", 0.31)
    assert app.warning[0].value == (
        "- The link: expected weights that are here, got `gone`; others are open, so its numbers do not hold"
    )
    run(box(app, "Image").set_value("Salt stock"))
    run(box(app, "Weights").select_index(1))
    assert (state(app).image.name, state(app).threshold, len(app.warning)) == ("Salt stock", 0.55, 0)


def test_weights_that_do_not_fit_their_card_get_a_sentence_and_the_uploads_stay(app, two_weights):
    (two_weights / "second.safetensors").write_bytes(b"other tensors")
    upload(app, ("a.png", png(LENS.pixels)))
    run(box(app, "Weights").select_index(1))
    assert "No result. `second: expected the tensors its card was written for" in app.main.error[0].value
    assert str(two_weights) not in app.error[0].value
    assert not app.get("bidi_component")
    run(box(app, "Weights").select_index(0))
    assert state(app).image.name == "a.png"


def test_without_weights_the_page_says_what_to_do(checkout):
    assert "python train.py" in start().error[0].value


def test_uploads_open_and_problems_are_listed(app):
    upload(app, ("line_7.png", png(KEEL.pixels)), ("*text*.png", b"no image"))
    assert box(app, "Image").value == state(app).image.name == "line_7.png"
    assert "A link cannot carry an upload" in app.sidebar.caption[0].value
    upload(app, ("line_7.png", png(KEEL.truth.astype(np.uint8))), ("b.png", png(KEEL.truth)), key="masks")
    np.testing.assert_array_equal(state(app).image.truth, KEEL.truth)
    assert [line.split("`")[1] for line in app.warning[0].value.splitlines()] == ["b.png", "*text*.png"]
    upload(app)
    assert box(app, "Image").value == "Salt stock"


def test_a_mask_dropped_with_its_image_is_its_truth_and_the_page_asks(app):
    upload(app, ("a.png", png(KEEL.truth)), ("a.png", png(KEEL.pixels)))
    np.testing.assert_array_equal(state(app).image.truth, KEEL.truth)
    assert "ground truth a.png" in app.main.text[0].value
    assert app.radio(key="twins").label == "`a.png` came twice. The file with no more than two values is"
    run(app.radio(key="twins").set_value("an image by itself"))
    assert list(state(app).uploads.sources) == ["a.png", "a.png (2)"]
    assert state(app).image.truth is None
    run(app.radio(key="twins").set_value("the ground truth of the other"))
    np.testing.assert_array_equal(state(app).image.truth, KEEL.truth)


@pytest.mark.parametrize(("name", "reason"), [("bad.png", "expected a PNG, JPEG, TIFF"), ("bad.zip", "expected a ZIP")])
def test_a_refused_file_shows_its_reason_and_no_result_on_every_page(app, name, reason):
    upload(app, (name, b"nothing"))
    assert box(app, "Image").value == name
    assert app.error[0].value.startswith(f"No result. `{name}`: {reason}")
    assert not app.get("bidi_component")
    assert "sample" not in address(app)
    for path in ("evaluation", "export", "explore"):
        run(app.switch_page(f"views/{path}.py"))
    run(box(app, "Image").set_value("Salt stock"))
    assert (state(app).image.name, len(app.error)) == ("Salt stock", 0)
    assert len(app.get("bidi_component")) == 2  # the viewer and its code


def test_what_the_browser_says_of_the_box_before_is_void(app):
    """A message may leave the browser after an upload arrived and before the browser shows that it was opened."""
    before = next(widget for widget in app._tree.get_widget_states().widgets if "image" in widget.id)
    upload(app, ("a.png", png(LENS.pixels)))
    message = app._tree.get_widget_states()
    message.widgets.remove(next(widget for widget in message.widgets if "image" in widget.id))
    message.widgets.append(before)
    assert not app._run(message).exception
    assert box(app, "Image").value == state(app).image.name == "a.png"


def test_limits_of_amplitudes_and_of_a_dark_image_are_chosen_on_the_page(app):
    def toggle(label):
        return next(box for box in app.toggle if box.label == label)

    amplitudes = np.arange(-1000.0, 1001.0).reshape(69, 29)
    upload(app, ("a.npy", npy(amplitudes)), ("b.png", png((amplitudes + 1000).astype(np.uint16))))
    assert state(app).image.guessed[0].startswith("-990 was taken as black and 990 as white")
    run(app.slider[0].set_value(10 / 4))
    run(toggle("Reverse polarity").set_value(True))
    np.testing.assert_allclose(state(app).image.grey, np.clip((950 - amplitudes) / 1900, 0, 1), atol=1e-6)
    run(box(app, "Image").set_value("b.png"))
    assert not app.slider
    run(toggle("Stretch what is used to black and white").set_value(True))
    np.testing.assert_allclose(state(app).image.grey, np.clip((amplitudes + 990) / 1980, 0, 1), atol=1e-6)
    run(box(app, "Image").set_value("a.npy"))
    assert (app.slider[0].value, toggle("Reverse polarity").value) == (2.5, True)
    run(box(app, "Image").set_value("b.png"))
    run(toggle("Stretch what is used to black and white").set_value(False))
    assert state(app).image.grey.max() == np.float32(2000 / 65535)
    run(box(app, "Image").set_value("Salt stock"))
    assert not app.toggle


# --- Pages


def test_pages_have_their_titles_and_addresses_and_share_what_a_link_says(two_weights):
    app = start(sample="Small lens", weights="second", threshold="0.31", layer="x")
    assert (state(app).image.name, state(app).threshold, len(app.warning)) == ("Small lens", 0.31, 0)
    state(app).move_threshold(0.3)
    for title in ("Evaluation", "Export", "Training"):
        run(app.switch_page(f"views/{title.lower()}.py"))
        assert [header.value for header in app.header] == [title]
        assert address(app) == {"sample": "Small lens", "weights": "second", "threshold": "0.30"}
    run(app.switch_page("views/explore.py"))  # which writes it itself
    assert (state(app).threshold, state(app).image.name) == (0.3, "Small lens")


def gallery(app):
    (found,) = app.get("bidi_component")
    return json.loads(found.proto.json)


def test_the_gallery_shows_samples_then_uploads_with_masks_at_the_threshold(app, two_weights):
    run(app.switch_page("views/export.py"))
    sample = open_sample("Salt sheet")
    probability = Segmenter.load(two_weights / "first.safetensors").probability(sample.grey)
    found = detect(probability, 0.45, sample.truth)
    rows = {row["name"]: row for row in gallery(app)["rows"]}
    assert (list(rows), gallery(app)["open"]) == (list(SAMPLES), "Salt stock")
    shown = ("share", "highest", "iou", "competition")
    assert [rows["Salt sheet"][name] for name in shown] == [getattr(found, name) for name in shown]
    assert "these are the 8 samples" in app.text[0].value

    upload(app, ("0.png", png(LENS.pixels)), ("1.png", png(KEEL.pixels)))
    assert [(row["name"], row["iou"]) for row in gallery(app)["rows"]] == [("0.png", None), ("1.png", None)]
    key = gallery(app)["key"]
    assert gallery(run(app))["key"] == key
    upload(app, ("1.png", png(KEEL.truth)), key="masks")
    assert gallery(app)["rows"][1]["iou"] is not None
    state(app).move_threshold(1.0)
    assert [row["share"] for row in gallery(run(app))["rows"]] == [0, 0]


def test_the_export_says_before_the_click_what_it_leaves_out(app):
    run(app.switch_page("views/export.py"))
    assert len(app.warning) == 0
    state(app).follow_viewer({"threshold": 0.21, "cuts": ["skip1", "*a*"], "random": True})
    run(app)
    assert "the network without skip1, \\*a\\* (zero in their place), with random weights." in app.warning[0].value
    assert "All files are of the whole trained network" in app.warning[0].value
    state(app).follow_viewer({"threshold": 0.21})
    assert len(run(app).warning) == 0


def test_a_session_file_opens_the_session_again(app):
    upload(app, ("a.png", png(KEEL.pixels)), ("c.png", png(LENS.pixels)))
    upload(app, ("a.png", png(KEEL.truth)), key="masks")
    run(box(app, "Weights").select_index(1))
    run(box(app, "Image").set_value("c.png"))
    state(app).follow_viewer({"threshold": 0.21, "layer": "encoder1", "cuts": ["skip1"]})
    left = state(app)
    samples = Gallery(
        {**left.uploads.sources, "Small lens": left.sources["Small lens"]}, left.segmenter, left.weights_key
    )
    content = session_file.pack(left.session(), list(samples.sources), samples.exported())

    app = upload(start(), ("session.zip", content))
    assert list(state(app).uploads.sources) == ["a.png", "c.png"]  # the sample is here already
    assert state(app).session() == left.session()
    assert (box(app, "Image").value, state(app).image.digest) == ("c.png", LENS.digest)
    np.testing.assert_array_equal(state(app).sources["a.png"].open().truth, KEEL.truth)
    said = "The session: expected what its results.csv says, got the network `without skip1 (zero in their place)`"
    assert said in app.warning[0].value
