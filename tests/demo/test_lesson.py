"""The lesson's links, and the images that its steps are about."""

from demo import lesson
from demo.images import SAMPLES
from demo.state import PageState
from tests.demo.files import png
from tests.demo.test_state import choose, run
from tests.demo.test_uploads import file


def test_a_step_brings_its_link_unless_the_link_says_everything_itself():
    assert lesson.with_step({"lesson": "7", "weights": "w", "truth": "0"}) == {
        "sample": "Small lens", "threshold": "0.80", "truth": "0", "lesson": "7", "weights": "w",
    }  # fmt: skip
    whole = {"lesson": "7", "threshold": "0.40"}
    assert lesson.with_step(whole) == whole


def test_every_step_is_about_a_sample_and_nonsense_about_none():
    samples = [lesson.sample_of(step) for step in range(1, len(lesson.LINKS) + 1)]
    assert set(samples) <= set(SAMPLES)
    assert lesson.sample_of("7") == "Small lens"
    for unknown in (None, 0, len(lesson.LINKS) + 1, "x", "²", 1.0, [], "9" * 5000):
        assert lesson.sample_of(unknown) is None
        assert lesson.with_step({"lesson": str(unknown)}) == {"lesson": str(unknown)}


def follow(state, step):
    """The viewer came to a step."""
    state.follow_viewer({"threshold": 0.5, "lesson": step, "drawn": state.drawn})
    if wants := state.wants_another_image():
        run(state)
    return wants


def test_another_step_opens_its_image_and_the_user_may_then_open_another():
    state = run(PageState.from_link({"lesson": "6"}))
    assert (state.image_box.value, state.threshold) == ("Salt stock", 0.45)
    assert not follow(state, 6)
    assert follow(state, 7)
    assert state.image.name == "Small lens"
    own = file("own.png", png(state.image.pixels))
    run(state, own)
    assert not follow(state, 7)  # the same step
    assert state.image.name == "own.png"
    assert follow(state, 8)
    assert state.image.name == "Salt stock"
    assert not follow(state, None)
    choose(state, image="Salt sheet")
    assert state.image.name == "Salt sheet"


def test_a_link_to_a_step_with_its_own_image_keeps_that():
    state = run(PageState.from_link({"lesson": "7", "sample": "Salt sheet", "threshold": "0.40"}))
    assert not follow(state, 7)
    assert state.image.name == "Salt sheet"
