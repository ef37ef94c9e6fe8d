"""Python that is taken along of every view prints the page's numbers."""

import contextlib
import io
import re

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from demo.images import open_upload
from demo.surveys import SectionChoice
from demo.weights import find_weights
from tests.seismic.surveys import amplitudes, write_segy
from tests.viewer.page import open_viewer, viewer_page
from tests.viewer.panels import settle
from tests.viewer.take.dialog import STOCK, SVG, figure, leave, save, take, texts
from unet import Segmenter, explain

pytestmark = pytest.mark.browser

NUMBER = re.compile(r"[-−]?\d[\d,]*\.?\d*(?:e[-+]?\d+)?")


def code_of(page, view):
    take(page, "python", view)
    text = page.get_by_test_id("python-code").text_content()
    leave(page)
    return text


def run(code):
    """What a script prints."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        exec(compile(code, "copied.py", "exec"), {"__name__": "__main__"})
    return said.getvalue()


def numbers(text):
    return [float(found.replace(",", "").replace("−", "-")) for found in NUMBER.findall(text)]


def text(page, testid):
    return page.get_by_test_id(testid).text_content()


def readout(page, said):
    """The lines below the image: salt in per cent and pixels, IoU and mAP."""
    _, *shown = numbers(text(page, "salt-readout"))
    scores = numbers(text(page, "salt-scores"))
    assert numbers(said)[: len(shown + scores)] == pytest.approx(shown + scores, abs=0.011)


def pixel_and_spread(page, said):
    row, column, *shown = numbers(text(page, "salt-cursor"))[:4]
    *_, probability, largest = numbers(said)
    spread = explain.uncertainty(page.shown[1], page.shown[0].grey)
    assert (probability, largest) == pytest.approx((shown[0], spread.max()), abs=0.006)
    assert f"row {row:.0f}, column {column:.0f}" in said
    assert shown[1] == pytest.approx(spread[int(row), int(column)], abs=0.006)


def curve(page, said):
    """The IoU at the page's threshold, which is a multiple of 0.05."""
    threshold, overlap, _ = numbers(text(page, "salt-curve-values"))
    assert f"{threshold:.2f}: IoU {overlap:.2f}" in said


def chosen_map(page, said):
    """The numbers beside the map; the page has 256 levels of it."""
    mean, highest, quiet, lowest = (
        numbers(shown)[0] for shown in page.get_by_test_id("chosen-map").locator("dd").all_text_contents()[:4]
    )
    found = numbers(said)
    assert found[:2] + found[3:] == pytest.approx([mean, highest, lowest], rel=0.02, abs=0.002)
    assert found[2] == pytest.approx(quiet, abs=1)


def answer_map(page, said):
    shown = page.get_by_test_id("chosen-map").locator("dd").all_text_contents()
    assert numbers(said) == pytest.approx([numbers(one)[0] for one in shown], rel=0.006)


def cut_table(page, said):
    """Of either side salt, mean probability and, where there is a truth, IoU; then the mean change."""
    salt, *overlap, mean, (change,) = side_by_side(page, "cut-result")
    sides = [[row[side] for row in (salt, mean, *overlap)] for side in (0, 1)]
    assert numbers(said) == pytest.approx([*sides[0], *sides[1], change], abs=0.0051)


def influence(page, said):
    probability, logit = numbers(text(page, "why-value"))[-2:]
    ninety, high, wide, fifty, *rest = numbers(text(page, "why-sentence"))
    found = numbers(said)
    assert found[:2] == pytest.approx([probability, logit], abs=0.011)
    assert [found[2:5], found[7:10]] == [[ninety, high, wide], [fifty, *rest]]


def values(page, said):
    for line in said.splitlines()[:-2]:
        name, (channel, value) = line.split(":")[0], numbers(line.split(":", 1)[1])
        shown = numbers(text(page, f"core-{name}").replace("all are 0", "0 0"))
        assert shown == pytest.approx([channel, value], rel=0.02), name
    assert numbers(said)[-1] == numbers(text(page, "core-logits"))[0]


def compared(page, said):
    shown = (
        page.get_by_test_id("compare-result")
        .locator("tbody tr")
        .evaluate_all(
            "(rows) => rows.map((row) => [...row.querySelectorAll('td')].map((cell) => parseFloat(cell.textContent)))"
        )
    )
    area, mean, distance = shown[0], shown[-2], shown[-1]
    overlap = numbers(page.get_by_test_id("compare-result").locator("caption").text_content())[-1]
    expected = [area[0], mean[0], area[1], mean[1], overlap, distance[0]]
    assert numbers(said) == pytest.approx(expected, abs=0.0051)


def held(page, said):
    """In how many of ten tries the order by influence is better, and what the first tenth does."""
    page.get_by_test_id("faithfulness").click()
    sentence = page.get_by_test_id("faithfulness-sentence")
    expect(sentence).to_contain_text("tries", timeout=30_000)
    deletion, ten, insertion, *_ = numbers(sentence.text_content())
    after = float(re.search(r"probability (?:from \S+ to|at) ([\d.]+)", sentence.text_content())[1])
    found = numbers(said)
    assert found[:3] == [deletion, ten, insertion]
    assert found[-1] == pytest.approx(after, abs=0.006)


def touched(page, said):
    rows = side_by_side(page, "touch-result")
    (salt, mean), distance = (rows[0], rows[-2]), rows[-1][0]
    assert numbers(said)[:5] == pytest.approx([salt[0], mean[0], salt[1], mean[1], distance], abs=0.051)
    assert numbers(said)[5] >= distance


def side_by_side(page, testid):
    """The numbers of a comparison, row by row."""
    return (
        page.get_by_test_id(testid)
        .locator("tbody tr")
        .evaluate_all(
            "(rows) => rows.map((row) => [...row.querySelectorAll('td')].map((cell) => parseFloat(cell.textContent)))"
        )
    )


# A link, and what is taken along of it: view -> how its code is checked.
CUT = "cuts=skip2,skip3&layer=encoder2&channel=3&tab=cut"
SCENES = {
    "whole": (
        "pixel=40,52&layer=encoder2&channel=5&other=salt-unet-tiny&threshold=0.45",
        {
            "image": readout,
            "curves": curve,
            "maps": chosen_map,
            "why": influence,
            "values": values,
            "compare": compared,
        },
    ),
    "box": ("pixel=42,54&box=40,50,5,9&layer=logits", {"why": influence, "maps": answer_map}),
    "flip TTA": ("tta=1", {"image": readout}),
    "cut": (CUT, {"image": readout, "maps": chosen_map, "cut": cut_table}),
    "mean in place": (f"{CUT}&fill=mean", {"cut": cut_table}),
    "a sample in place": (f"{CUT}&fill=Salt+sheet", {"image": readout}),
    "random weights": ("random=1&pixel=40,52&layer=encoder1&channel=2", {"maps": chosen_map, "why": influence}),
}
LARGE_SCENES = {
    "whole": ("pixel=60,90&window=10,30", {"image": readout, "why": influence, "values": values}),
    "cut": ("cuts=skip2&fill=Salt+sheet&window=10,30", {"image": readout, "cut": cut_table}),
}


def check_scene(page, query, checks, **shown):
    open_viewer(page, query, **shown)
    expect(page.get_by_test_id("salt-altered")).not_to_contain_text("computed …")
    if "tta" in query:
        expect(page.get_by_test_id("salt-readout")).to_contain_text("flip TTA")
    for view, check in checks.items():
        if view not in ("image", "curves"):
            page.get_by_test_id(f"tab-{view}").click()
        if check is influence:
            expect(page.get_by_test_id("why-sentence")).to_contain_text("influence")
        if check is compared:
            expect(page.get_by_test_id("compare-result").locator("caption")).to_contain_text("IoU of the two")
        check(page, run(code_of(page, view)))


@pytest.mark.parametrize(("query", "checks"), SCENES.values(), ids=SCENES)
def test_the_code_computes_what_is_shown(page, query, checks, folder, monkeypatch):
    monkeypatch.chdir(folder)
    check_scene(page, query, checks)


@pytest.mark.parametrize(("query", "checks"), LARGE_SCENES.values(), ids=LARGE_SCENES)
def test_the_code_opens_a_file_of_any_name_and_its_part(page, large, query, checks, folder, monkeypatch):
    monkeypatch.chdir(folder)
    check_scene(page, query, checks, image=large)


def test_the_code_knows_the_gaps_of_a_line(page, folder, monkeypatch):
    monkeypatch.chdir(folder)
    cube = write_segy(folder / "cube.sgy", amplitudes(18, 24, 40), missing={(9, column) for column in range(5, 12)})
    image = open_upload("cube.sgy", cube.read_bytes(), section=SectionChoice("inline", 109))
    assert image.missing is not None
    check_scene(page, "cuts=skip2", {"image": readout, "cut": cut_table}, image=image)


def test_the_spread_is_computed_too(page, folder, monkeypatch):
    monkeypatch.chdir(folder)
    open_viewer(page, "pixel=40,52")
    page.get_by_test_id("uncertainty").check(force=True)
    expect(page.get_by_test_id("salt-cursor")).to_contain_text("spread")
    pixel_and_spread(page, run(code_of(page, "image")))


# --- Changed inputs and other networks ------------------------------------------------------------------------


def test_a_changed_input_is_saved_for_the_code(page, folder, monkeypatch):
    monkeypatch.chdir(folder)
    open_viewer(page, "edits=dead:40,9&pixel=40,52&tab=why")
    expect(page.get_by_test_id("salt-readout")).to_be_visible()
    expect(page.get_by_test_id("why-sentence")).to_contain_text("influence")
    take(page, "python", "image")
    assert save(page, "python-input", folder) == "changed.png"
    leave(page)
    with Image.open(folder / "changed.png") as changed:
        assert changed.mode == "L"
        np.testing.assert_array_equal(np.array(changed)[:, 40:49], 128)
        np.testing.assert_array_equal(np.array(changed)[:, 49:], STOCK.pixels[:, 49:])
    readout(page, run(code_of(page, "image")))
    influence(page, run(code_of(page, "why")))
    page.get_by_test_id("tab-touch").click()
    touched(page, run(code_of(page, "touch")))


def test_the_code_asks_whether_an_answer_holds(page, folder, monkeypatch):
    monkeypatch.chdir(folder)
    open_viewer(page, "pixel=40,46&tab=why")
    held(page, run(code_of(page, "hold")))


def test_the_code_says_what_maps_are_sorted_by(page, folder, monkeypatch):
    monkeypatch.chdir(folder)
    open_viewer(page, "layer=encoder2&channel=5")
    shown = page.get_by_test_id("chosen-map").locator("dd")
    page.get_by_test_id("measure").click()
    expect(shown.nth(5)).to_contain_text("of probability")
    for sort, place in (("agreement", 4), ("effect", 5)):
        page.get_by_test_id("sort").select_option(sort)
        settle(page)
        (expected,) = numbers(shown.nth(place).text_content())
        assert numbers(run(code_of(page, "maps")))[-1] == pytest.approx(expected, rel=0.02, abs=0.002)
    page.keyboard.press("Escape")
    for sort, order in (("sparsity", "largest share"), ("agreement", "from +1"), ("mean", "highest mean")):
        page.get_by_test_id("sort").select_option(sort)
        expect(page.get_by_test_id("maps-status")).to_contain_text(order)  # the tiles no longer show the sort before
        first = page.get_by_test_id("tiles").get_by_role("button").first
        channel, value = numbers(first.text_content().replace(" %", ""))[:2]
        found = numbers(run(code_of(page, "maps")).splitlines()[1])
        assert found == pytest.approx([channel, value], rel=0.06, abs=0.01 + 0.5 * (sort == "sparsity"))


def test_the_code_of_alike_places(page, folder, monkeypatch):
    monkeypatch.chdir(folder)
    open_viewer(page, "layer=encoder2&pixel=40,52")
    page.get_by_test_id("alike").click()
    expect(page.get_by_test_id("alike-status")).to_contain_text("Half of all places")
    said = run(code_of(page, "maps"))
    assert numbers(said) == pytest.approx(numbers(text(page, "alike-status"))[:2], abs=0.011)
    _, root = figure(page, "maps", folder)
    assert "cosine similarity" in texts(root)


@contextlib.contextmanager
def shipped(browser, name):
    """The viewer of weights that are shipped."""
    weights = next(one for one in find_weights() if one.name == name)
    with viewer_page(browser, STOCK, Segmenter.load(weights.path), weights.key, accept_downloads=True) as page:
        yield page


def test_the_code_of_an_epoch_and_of_all(browser, folder, monkeypatch):
    monkeypatch.chdir(folder)
    with shipped(browser, "synthetic-run") as page:
        open_viewer(page, "tab=time&epoch=5&layer=encoder1&channel=2")
        found = page.get_by_test_id("epoch-found")
        expect(found).to_contain_text("IoU")
        salt, _, overlap, *_ = numbers(found.text_content())
        said = run(code_of(page, "time"))
        assert f"epoch 5: salt {salt:.1f} %, IoU {overlap:.2f}" in said
        assert len(said.splitlines()) == len(page.shown[1].card.snapshots) + 1
        readout(page, run(code_of(page, "image")))
        _, root = figure(page, "time", folder)
        assert len(list(root.iter(f"{SVG}image"))) == 2 * len(said.splitlines())  # image and mask of each
        leave(page)
        page.get_by_test_id("tab-maps").click()
        expect(page.get_by_test_id("chosen-map")).to_be_visible()
        chosen_map(page, run(code_of(page, "maps")))


def test_the_code_of_shipped_weights_and_a_dossier(browser, folder, monkeypatch):
    monkeypatch.chdir(folder)
    with shipped(browser, "salt-unet") as page:
        open_viewer(page, "layer=encoder2&channel=5")
        readout(page, run(code_of(page, "image")))
        expect(page.get_by_test_id("dossier-verdict")).to_contain_text("effect")
        effect, tiles = re.search(r"effect (\S+) over (\d+) tiles", text(page, "dossier-verdict")).groups()
        assert f"effect {effect} over {tiles} tiles" in run(code_of(page, "dossier"))
