from pathlib import Path
from types import SimpleNamespace

import msgspec
import numpy as np
import pytest

from demo import missing
from demo.images import SAMPLES, Survey, SurveyTile, open_sample
from demo.markdown import literal
from demo.session_file import SessionState, WeightsName
from demo.state import PageState
from demo.view import ViewState
from demo.weights import Weights
from tests.demo.files import png
from tests.demo.test_uploads import file
from unet.card import Card
from unet.files.listing import ImageFile
from unet.image import RULE

NO_SURVEY = Survey({}, [])
TILE_FILE = ImageFile("tile.png", "tile", lambda: png(np.eye(20, dtype=bool)))
VIEW = ViewState("encoder2", 3, ("skip1",), "mean", (4, 5), None, True, window=(0, 7))


def weights(name, threshold, sha256):
    return Weights(Path(name), name, Card(threshold=threshold, input=RULE, sha256=sha256))


FOUND = {"First": weights("first", 0.45, "1" * 64), "Second": weights("second", 0.55, "2" * 64)}


def survey(*offered, part=None):
    """Tiles a and b and those that are offered."""
    tiles = {name: SurveyTile(name, TILE_FILE, TILE_FILE, part) for name in ("a", "b", *offered)}
    return Survey(tiles, list(offered))


def run(state, *files, masks=(), found=FOUND, page="", tiles=NO_SURVEY):
    """What a run of the page does, without the page."""
    state.receive_uploads(files, masks)
    state.choose_weights(found)
    draw(state.weights_box, state.weights_box.value)
    chosen = found[state.weights_box.value]
    state.use_weights(chosen, ("", 0, ""), SimpleNamespace(threshold=chosen.card.threshold, card=chosen.card))
    state.choose_image(tiles, None)
    draw(state.image_box, state.image_box.value)
    state.open_image()
    state.show_page(page, {})
    state.end_run()
    return state


def draw(box, value):
    """What the user chooses in a box, or what it shows."""
    box.renew()
    box.show(value)


def choose(state, *files, image=None, weights=None):
    """The user chooses in the sidebar, and the page runs."""
    state.choose()
    draw(state.image_box, image or state.image_box.value)
    draw(state.weights_box, weights or state.weights_box.value)
    return run(state, *files)


FILES = (file("a.png"), file("b.png", png(open_sample("Small lens").pixels)))


def session(image="b.png", name="second", sha256="2" * 64):
    return SessionState(image=image, weights=WeightsName(name, sha256), threshold=0.21, view=VIEW)


def reopened(**changes):
    """A new page on which a session of the two files arrived."""
    state = PageState()
    state.receive_uploads(FILES, ())
    revision = state.revision
    state.reopen_session(session(**changes), {"a.png": "a.png", "b.png": "b.png"})
    assert state.revision > revision
    return run(state, *FILES)


# --- Images, weights, threshold


def test_the_first_sample_is_open_at_the_cards_threshold():
    state = run(PageState())
    assert state.image.name == state.image_box.value == "Salt stock"
    assert (state.threshold, state.view, state.messages) == (0.45, None, [])
    assert state.link == {"sample": "Salt stock", "upload": None, "weights": "first"}
    # A run in which nothing moved leaves viewer and box alone.
    revision, image, key = state.revision, state.image, state.image_box.key
    run(state)
    assert (state.revision, state.image, state.image_box.key) == (revision, image, key)
    run(state, page="other")  # a page that is opened anew is told where everything stands
    assert state.revision == revision + 1


def test_other_weights_bring_their_threshold_and_those_written_anew_do_not():
    state = run(PageState())
    revision = state.revision
    draw(state.weights_box, "Second")
    run(state)
    assert (state.threshold, state.link["weights"], state.revision) == (0.55, "second", revision + 1)
    state.threshold, revision = 0.3, state.revision
    run(state, found=FOUND | {"Second": weights("second", 0.55, "3" * 64)})
    assert (state.threshold, state.revision) == (0.3, revision)
    run(state, found={"First": FOUND["First"]})  # they are gone
    assert (state.weights.name, state.threshold) == ("first", 0.45)


def test_second_weights_that_are_not_here_are_said_where_a_link_or_a_session_names_them():
    said = missing.other_weights("`gone`")
    assert run(PageState.from_link({"other": "gone"})).messages == [said]
    assert run(PageState.from_link({"other": "second"})).messages == []
    state = PageState()
    state.reopen_session(msgspec.structs.replace(session(), view=ViewState(other="gone")), {})
    assert said in run(state).messages
    state.choose()
    assert said not in run(state).messages


def test_an_upload_is_opened_when_it_arrives_and_a_sample_when_it_is_gone():
    state = run(PageState(), *FILES)
    assert (state.image.name, state.image.truth) == ("a.png", None)
    assert state.link == {"sample": None, "upload": "a.png", "weights": "first"}
    anew = run(PageState.from_link(state.link))  # the page is loaded anew
    assert (anew.image.name, anew.link["upload"]) == ("Salt stock", None)
    assert anew.messages == [missing.upload("`a.png`")]
    run(state, *FILES, masks=[file("a.png", identity="mask")])
    assert state.image.truth is not None
    run(state)
    assert state.image.name == "Salt stock"


def test_a_refused_file_says_why_and_shows_no_image():
    state = run(PageState(), FILES[0])
    refused = file("bad.png", b"no image")
    run(state, FILES[0], refused)
    assert (state.image_box.value, state.image) == ("bad.png", None)
    assert state.fault.startswith("`bad.png`: expected a PNG, JPEG, TIFF")
    assert (state.link["sample"], state.session().image) == (None, "a.png")
    assert choose(state, FILES[0], refused, image="a.png").image.name == "a.png"
    assert state.fault == ""
    assert run(state, *FILES, refused).image.name == "b.png"
    assert run(PageState(), refused, FILES[0]).image.name == "a.png"  # what can be used comes first
    assert run(PageState(), file("s.zip", b"no zip")).fault.startswith("`s.zip`: expected a ZIP")


def test_what_a_stopped_run_did_not_show_is_opened_by_the_next():
    state = PageState()
    state.receive_uploads(FILES, ())
    assert run(state, *FILES).image.name == "a.png"
    assert choose(state, *FILES, image="Small lens").image.name == "Small lens"


# --- Survey tiles


def test_where_there_are_survey_tiles_the_page_opens_with_the_first_that_is_offered():
    state = run(PageState(), tiles=survey("c", "b"))
    assert state.image.name == "c"
    assert list(state.sources) == ["Survey tile c", "Survey tile b", *SAMPLES]
    assert run(PageState(), FILES[0], tiles=survey("c")).image.name == "a.png"


def test_a_link_opens_any_survey_tile_and_what_was_opened_stays():
    link = {"sample": "Survey tile a", "threshold": "0.3"}
    state = run(PageState.from_link(link), tiles=survey("c"))
    assert (state.image.name, state.link["sample"], state.messages) == ("a", "Survey tile a", [])
    assert list(state.sources)[:2] == ["Survey tile c", "Survey tile a"]
    draw(state.image_box, "Small lens")
    run(state, tiles=survey("c"))
    draw(state.image_box, "Survey tile a")
    draw(state.weights_box, "Second")
    run(state, tiles=survey("d", part="train"))  # of other weights
    assert (state.image.name, state.image.note) == ("a", "survey tile the network was trained on")
    assert run(PageState.from_link(link)).messages == [missing.image(missing.LINK, "`Survey tile a`")]  # no data here


def test_a_worst_tile_opens_as_it_was_scored():
    state = run(PageState(view=VIEW), tiles=survey("c"))
    revision = state.revision
    state.open_worst_tile("b", 0.61, True)
    assert state.leaving
    run(state, tiles=survey("c"))
    assert (state.image.name, state.threshold) == ("b", 0.61)
    assert state.view == msgspec.structs.replace(VIEW, truth=True, tta=True)
    assert state.revision > revision


# --- Links


@pytest.mark.parametrize("threshold", ["", "half", "1.5", "-0.1", "nan", "inf"])
def test_what_a_link_names_and_is_not_there_is_named_until_the_user_chooses(threshold):
    state = run(PageState.from_link({"sample": "`gone`", "weights": "<b>other</b>", "threshold": threshold}))

    assert (state.image.name, state.weights.name, state.threshold) == ("Salt stock", "first", 0.45)
    sentences = "\n".join(state.messages)
    assert "`` `gone` ``" in sentences
    assert "`<b>other</b>`" in sentences
    assert f"The link: expected a threshold from 0 to 1, got {literal(threshold)}; " in sentences
    assert all(sentence.startswith("The link: expected ") for sentence in state.messages)
    assert not choose(state).messages


# --- Sessions


def test_a_session_comes_back_with_everything_once():
    state = reopened()
    assert (state.image.name, state.weights.name, state.threshold, state.view) == ("b.png", "second", 0.21, VIEW)
    assert state.session() == session()
    (said,) = state.messages
    assert "got the network `without skip1 (mean in their place), with random weights`" in said
    choose(state, *FILES, image="a.png", weights="First")
    assert (state.image.name, state.threshold) == ("a.png", 0.45)


@pytest.mark.parametrize(
    ("changes", "opened", "used", "said"),
    [
        ({"name": "gone", "sha256": "0"}, "b.png", "first", "expected weights that are here, got `gone`;"),
        (
            {"name": "first", "sha256": "0"},
            "b.png",
            "first",
            "expected the weights `first` it was saved with, got others",
        ),
        ({"name": "renamed"}, "b.png", "second", ""),
        ({"image": "Small lens"}, "Small lens", "second", ""),
        (
            {"image": "Survey tile 7"},
            "a.png",
            "second",
            "The session: expected an image that is here, got `Survey tile 7`;",
        ),
    ],
)
def test_what_a_session_names_and_is_not_there_is_named(changes, opened, used, said):
    state = reopened(**changes)
    assert (state.image.name, state.weights.name, state.threshold) == (opened, used, 0.21)
    assert len(state.messages) == 1 + bool(said)  # that the explorer showed another network is said every time
    assert said in "".join(state.messages)


# --- What comes from the browser


def test_threshold_and_view_follow_the_viewer_and_nonsense_is_ignored():
    state = run(PageState())
    revision = state.revision
    sent = {"threshold": 0.2, "layer": "encoder2", "channel": 3, "cuts": ["skip1"], "fill": "mean", "pixel": [4, 5]}
    state.follow_viewer(sent | {"box": None, "random": True, "window": [0, 7]})
    assert (state.threshold, state.view, state.revision) == (0.2, VIEW, revision)
    for nonsense in (None, {}, sent | {"threshold": 2}, sent | {"cuts": "skip1"}):
        state.follow_viewer(nonsense)
    assert (state.threshold, state.view) == (0.2, VIEW)


def test_the_gallery_opens_what_there_is():
    state = run(PageState.from_link({"sample": "gone"}))
    for nonsense in (None, 7, "gone"):
        state.open_from_gallery(nonsense)
    assert (state.leaving, state.image.name) == (False, "Salt stock")
    state.open_from_gallery("Small lens")
    assert (state.leaving, run(state).image.name, state.messages) == (True, "Small lens", [])


def test_what_changed_beside_a_page_is_seen():
    state = run(PageState())
    before = {state.image_box.key: "a", state.weights_box.key: "w", "uploads": list(FILES), "masks": []}
    state.show_page("", before)

    for change in ({"image 9": "b"}, {"other": 1}, {"masks": None}):  # a box that is gone
        assert not state.has_changed_beside_page(before | change)
    boxes = ({state.image_box.key: "b"}, {state.weights_box.key: "v"})
    for change in (*boxes, {"uploads": FILES[:1]}, {"masks": FILES[:1]}):
        assert state.has_changed_beside_page(before | change)


def test_the_number_of_the_last_request_is_kept_where_it_is_one():
    state = PageState()
    for content, heard in (({"id": 7}, 7), ({"id": 8, "kind": "maps"}, 8), ({"id": 2**53}, None), ("x", None)):
        state.take_request(content)
        assert state.heard == heard


def test_a_viewer_that_does_not_know_the_page_shows_that_it_may_be_incomplete():
    state = run(PageState())
    state.show_page("", {})
    for hear in (state.take_request, state.follow_viewer):
        hear({"drawn": state.drawn})
        assert not state.may_be_incomplete()
        hear({"drawn": state.drawn - 1})
        assert state.may_be_incomplete()
        state.show_page("", {})  # which draws it again
        assert not state.may_be_incomplete()
