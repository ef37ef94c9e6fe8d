"""Does it hold? What is requested, the sentence, and the curves that are drawn."""

import numpy as np
import pytest
from playwright.sync_api import expect

from tests.viewer.panels import change, encode, settle, state
from tests.viewer.test_pixel import noisy, response, show

pytestmark = pytest.mark.browser
SHARES = np.array([0, 5, *range(10, 101, 10)]) / 100
# Of the curves the requests of a page get one after the other, once it says so; all others are answered at once.
SERVE = """(text) => {
  const { pixel, pieces, curves } = decode(text), waiting = [];
  window.asked = [];
  explorer.request = (request) => {
    if (request.kind === "pixel") return Promise.resolve(pixel);
    if (request.kind === "smooth") return Promise.resolve(pieces[request.seed]);
    asked.push(request);
    return new Promise((resolve, reject) => waiting.push({ resolve, reject }));
  };
  window.serve = async (count) => {
    while (count--) {
      while (!waiting.length) await new Promise((done) => setTimeout(done, 5));
      waiting.shift().resolve(curves[asked.length - 1]);
    }
  };
  window.refuse = (sentence) => waiting.shift().reject(new Error(sentence));
}"""


def curves_of(deletion, insertion):
    answer = deletion[0]
    curves = {"deletion": deletion, "insertion": insertion}
    areas = {f"{name}_area": np.trapezoid(np.abs(curve - answer), SHARES) for name, curve in curves.items()}
    return {"shares": SHARES, **curves, **areas}


def falling(power):
    """From an answer of 0.9 to 0.1: the higher the power, the later."""
    return 0.9 - 0.8 * SHARES**power


def serve(page, curves):
    show(page)
    page.evaluate(SERVE, encode({"pixel": response(1), "pieces": noisy(2), "curves": curves}))
    change(page, pixel=[9, 8])


def open_it(page):
    page.get_by_test_id("faithfulness").click()


def text_of(page):
    return page.get_by_test_id("faithfulness-sentence").inner_text()


# The order by influence is the second best by deletion, and the best by insertion.
POWERS = [0.5, 0.4, *np.linspace(0.6, 3, 9)]
MIXED = [curves_of(falling(power), falling(1 / (1 + at))[::-1]) for at, power in enumerate(POWERS)]


def test_the_curves_are_asked_for_one_after_the_other_and_judged(page):
    serve(page, MIXED)
    settle(page)
    assert page.evaluate("asked") == []  # nobody has asked
    open_it(page)
    page.evaluate("serve(11)")
    page.wait_for_function("document.querySelector('[data-testid=faithfulness-sentence] b').textContent")
    place = {"kind": "faithfulness", "box": [9, 8, 1, 1], "random": False}
    assert page.evaluate("asked") == [place | {"seed": seed} for seed in (None, *range(10))]

    at = 2  # a tenth of the image
    own, *others = (curves["deletion"][at] for curves in MIXED)
    areas = np.array([[curves["deletion_area"], curves["insertion_area"]] for curves in MIXED])
    deletion, insertion = (areas[1:, 0] < areas[0, 0]).sum(), (areas[1:, 1] > areas[0, 1]).sum()
    assert (deletion, insertion) == (9, 10)
    assert text_of(page) == (
        "The explanation holds in one of two ways here: the order by influence beats random orders in 9 of 10 tries by "
        "deletion, in 10 of 10 by insertion. Blurring the most influential 10 % takes the probability from 0.90 to "
        f"{own:.2f}; a random 10 %: {np.mean(others):.2f} on average, {min(others):.2f} to {max(others):.2f}."
    )
    expect(page.get_by_test_id("faithfulness-chart")).to_be_visible()
    expect(page.locator(".why-maps")).to_be_hidden()
    assert state(page, "answer").startswith("Row 9, column 8: the explanation holds in one of two ways here: ")
    assert page.evaluate("said.at(-1)").startswith("The explanation holds in one of two ways here")
    open_it(page)
    expect(page.locator(".why-maps")).to_be_visible()
    assert state(page, "answer").startswith("Row 9, column 8: probability")


def test_what_is_drawn_are_the_curves_and_the_range_of_the_random_ones(page):
    serve(page, MIXED)
    open_it(page)
    page.evaluate("serve(11)")
    page.wait_for_function("said.length")
    for chart, name in zip(page.locator(".faithfulness svg").all(), ("deletion", "insertion"), strict=True):
        lines = chart.locator(".grid line").evaluate_all(
            "all => all.map((line) => ['x1', 'x2', 'y1'].map((one) => Number(line.getAttribute(one))))"
        )
        (left, right, bottom), (*_, top) = lines[0], lines[-1]

        def drawn(kind, chart=chart, left=left, right=right, bottom=bottom, top=top):
            path = chart.locator(f"path.{kind}").get_attribute("d").strip("MZ").split("L")
            across, down = np.array([point.split() for point in path], float).T
            return (across - left) / (right - left), (bottom - down) / (bottom - top)

        others = np.array([curves[name] for curves in MIXED[1:]])
        for kind, values in (("own", MIXED[0][name]), ("mean", others.mean(axis=0))):
            across, values_drawn = drawn(kind)
            np.testing.assert_allclose(across, SHARES, atol=1e-3)
            np.testing.assert_allclose(values_drawn, values, atol=1e-3)
        _, band = drawn("band")
        np.testing.assert_allclose(band, [*others.min(axis=0), *others.max(axis=0)[::-1]], atol=1e-3)
        np.testing.assert_allclose(drawn("answer")[1], 0.9, atol=1e-3)
        label = chart.get_attribute("aria-label")
        assert f"at 20 % {MIXED[0][name][3]:.2f}, in random orders {others.mean(axis=0)[3]:.2f}" in label


LATE = [curves_of(falling(power), falling(1)[::-1]) for power in (2, *[1] * 10)]
EARLY = [curves_of(falling(power), falling(1 / power)[::-1]) for power in (0.1, *[1] * 10)]
STILL = [curves_of(np.full(12, 0.02), np.full(12, 0.023))] * 11


@pytest.mark.parametrize(
    ("curves", "words"),
    [
        (
            LATE,
            "The explanation does not hold here: the order by influence beats random orders in 0 of 10 tries by del",
        ),
        (
            EARLY,
            "The explanation holds here: the order by influence beats random orders in 10 of 10 tries by deletion, ",
        ),
        (STILL, "Nothing to compare: the probability stays 0.02 whatever is blurred."),
    ],
)
def test_the_verdict_is_what_the_areas_say(page, curves, words):
    serve(page, curves)
    open_it(page)
    page.evaluate("serve(11)")
    page.wait_for_function("said.length")
    assert text_of(page).startswith(words)


def test_of_another_pixel_it_is_asked_anew_and_an_error_once_more(page):
    serve(page, MIXED)
    open_it(page)
    page.evaluate("serve(3)")
    page.wait_for_function("asked.length === 4")
    change(page, pixel=[2, 3])
    page.evaluate("serve(1)")  # of the first pixel: too late
    page.wait_for_function("asked.length === 5")
    assert [page.evaluate("asked.at(-1)")[name] for name in ("box", "seed")] == [[2, 3, 1, 1], None]
    assert text_of(page).strip() == "…"
    page.evaluate("refuse('The server does not answer.')")
    box = page.locator(".faithfulness")
    expect(box.get_by_role("alert")).to_have_text("The server does not answer.")
    box.get_by_role("button", name="Ask again").click()
    page.wait_for_function("asked.length === 6")
    expect(box.get_by_role("alert")).to_be_hidden()
    open_it(page)  # closed: the one under way is the last
    page.evaluate("serve(1)")
    page.wait_for_timeout(250)
    assert page.evaluate("asked.length") == 6
