"""The page Evaluation: what it reads, what it refuses, and what it shows."""

import base64
import copy
import io
import json
from functools import reduce
from operator import getitem
from pathlib import Path

import msgspec
import numpy as np
import pytest
from PIL import Image

from demo import evaluation
from demo.predictions import compare
from demo.view import ViewState
from tests.demo.files import png, zipped
from tests.demo.test_app import run, start
from tests.demo.test_app import state as page_state
from unet import Segmenter, checkpoint, typed
from unet.card import Card
from unet.cli import main as cli
from unet.data import dataset
from unet.image import RULE
from unet.model import UNet, UNetConfig
from unet.report import Predictions, make_report

CARD = {
    "threshold": 0.42,
    "temperature": 1.25,
    "input": RULE,
    "claim": {"metric": "mAP", "value": 0.8, "split": "val", "count": 9, "tta": True, "threshold": 0.42},
    "threshold_chosen": {"on": "val", "tta": True, "threshold": 0.42, "mAP": 0.76, "flat_from": 0.4, "flat_to": 0.45},
    "split": {"by": "section", "train": [], "val": []},
}
RANDOM = np.random.default_rng(0)
TRUTHS = [RANDOM.random((8, 8)) < share for share in (0, 0, 0.04, 0.3, 0.5, 1)]
PREDICTIONS = [(0.6 * truth + 0.4 * RANDOM.random((8, 8))).astype(np.float32) for truth in TRUTHS]
MADE = make_report(
    ["ab_*12*", "b", "c", "d", "e", "f"],
    Predictions(PREDICTIONS, PREDICTIONS, True, [p**2 for p in PREDICTIONS]),
    TRUTHS,
    0.42,
    {"b": "1", "c": "1"},
    {},
)
PLAIN = msgspec.to_builtins(MADE.scores.plain) | {"mAP": 0.75, "iou": 0.81, "dice": 0.895, "calibration_error": 0.031}
TTA = PLAIN | {"mAP": 0.76, "iou": 0.82, "dice": 0.901, "calibration_error": 0.012}
ENDS = {"plain": {"mAP": (0.71, 0.79), "iou": (0.7, 0.9)}, "tta": {"mAP": (0.72, 0.8), "iou": (0.77, 0.8714)}}
INTERVALS = {
    way: {name: {"low": low, "high": high, "units": 5} for name, (low, high) in scores.items()}
    for way, scores in ENDS.items()
}
REPORT = msgspec.to_builtins(MADE) | {
    "sha256": "", "parameters": 1_234_567, "threshold": 0.42, "temperature": 1.25, "split": "val", "missing": 0,
    "scores": {"plain": PLAIN, "tta": TTA}, "intervals": INTERVALS,
}  # fmt: skip
HISTORY = [{"seconds": 30.0, "mAP": 0.2, "iou": 0.1}, {"seconds": 90.0, "mAP": 0.5, "iou": 0.4}]
PARENT = {"name": "p", "sha256": "0", "training": {"seconds": 600.0, "started_from": None}}
SIZES = "name,parameters,minutes,mAP,mAP_tta,iou_tta\nsmall,50000,12.5,0.6,0.61,0.7\nlarge,7000000,200,0.8,0.82,0.85\n"


def edited(where, value):
    """REPORT with one entry changed, or taken out where the value is None; ``where`` is a dotted path."""
    report = copy.deepcopy(REPORT)
    *parents, last = [int(name) if name.isdigit() else name for name in where.split(".")]
    inner = reduce(getitem, parents, report)
    assert inner[last] != value
    inner[last] = value
    if value is None:
        del inner[last]
    return report


def card(**changes):
    return typed.convert(CARD | changes, Card)


def found(report=REPORT):
    return typed.convert(report, evaluation.Evaluation)


def save(path, **changes):
    """Untrained weights with the card."""
    checkpoint.save(path, UNet(UNetConfig(width=4, depth=3)), card(**changes))


def write(weights, report):
    """Puts a report on these weights beside them; a text is written as it is."""
    if isinstance(report, dict):
        report = json.dumps(report | {"sha256": report["sha256"] or checkpoint.read_card(weights).sha256})
    evaluation.evaluation_path(weights).write_text(report)


def read(weights):
    return evaluation.read_evaluation(weights, checkpoint.read_card(weights))


@pytest.fixture
def weights(checkout):
    """Untrained weights in a checkout of their own, their report, and what other networks reached."""
    path = checkout / "weights" / "first.safetensors"
    save(path, training={"seconds": 90.0, "started_from": PARENT, "history": HISTORY})
    write(path, REPORT)
    (checkout / "experiments").mkdir()
    (checkout / "experiments" / "sizes.csv").write_text(SIZES)
    return path


# --- The report


def test_what_the_command_line_writes_is_read(tgs, small_weights, monkeypatch):
    monkeypatch.setattr(dataset, "UNSEEN_COUNT", 8)  # synthetic sections, which every report draws and scores
    path = evaluation.evaluation_path(small_weights)
    assert read(small_weights) is None
    assert cli.main(["evaluate", str(tgs), "--weights", str(small_weights), "--split", "all", "--json", str(path)]) == 0
    report = read(small_weights)
    assert msgspec.to_builtins(report).items() <= json.loads(path.read_text()).items()
    assert report.count == sum(group.count for group in report.coverage) == 40


@pytest.mark.parametrize(
    ("report", "reason"),
    [
        (edited("sha256", "0" * 64), "a report on other weights than these"),
        (edited("threshold", 0.5), "made at threshold 0.5, but the card says 0.42"),
        (edited("temperature", 1.0), "made at temperature 1, but the card says 1.25"),
        ('{"name": "cut sho', "not a report of this program .expected JSON"),
        ("[]", r"expected it to be an object, got \[\]"),
        (edited("scores.tta", None), "expected tta in scores, got none"),
        (edited("scores.plain.iou", "0.8"), "expected scores.plain.iou to be a number, got '0.8'"),
        (edited("coverage.1.mAP", 1.5), "expected coverage.1.mAP to be a number up to 1, got 1.5"),
        (edited("thresholds", []), "expected thresholds to be a list"),
        (edited("thresholds.2.recall", float("nan")), "expected JSON"),
        (edited("calibration.0.pixels", -1), "expected calibration.0.pixels to be a whole number from 0, got -1"),
        ("x" * (evaluation.LARGEST_REPORT + 1), "larger than 4,000,000 bytes"),
    ],
)
def test_a_report_that_cannot_be_used_is_refused_in_a_sentence(weights, report, reason):
    write(weights, report)
    with pytest.raises(evaluation.ReportError, match=f"^first.evaluation.json: .*{reason}") as refused:
        read(weights)
    assert len(str(refused.value)) < 200
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("path", "shown"),
    [("/c/weights/a b.safetensors", "'weights/a b{}'"), ("/else/where/a.safetensors", "a{}")],
)
def test_the_command_can_be_copied_and_names_no_path_of_the_machine(path, shown):
    options = f"--weights {shown.format('.safetensors')} --json {shown.format('.evaluation.json')}"
    assert evaluation.how_to_evaluate(Path(path), Path("/c")) == (
        f"run `python -m unet evaluate data/tgs-salt {options}`, then reload this page."
    )


# --- What it says


def test_the_headline_holds_both_ways_and_the_claim_s_own():
    assert evaluation.headline(found(), card(), 7_269_628) == {
        "mAP": "0.750", "mAP, flip TTA": "0.760", "Flip TTA adds": "+0.010", "IoU, flip TTA": "0.820",
        "Dice, flip TTA": "0.901", "Calibration error, flip TTA": "0.012", "Tiles": "6", "Threshold": "0.42",
        "Parameters": "1.23 M", "File": "7.3 MB",
    }  # fmt: skip
    plain = evaluation.headline(found(), card(claim=None), 1)
    assert (plain["IoU"], plain["Dice"], plain["Calibration error"]) == ("0.810", "0.895", "0.031")


def test_the_headline_has_intervals_the_way_the_claim_is_made():
    both = {"mAP": "0.710 to 0.790", "mAP, flip TTA": "0.720 to 0.800"}
    assert evaluation.intervals(found(), card()) == both | {"IoU, flip TTA": "0.770 to 0.871"}
    assert evaluation.intervals(found(), card(claim=None)) == both | {"IoU": "0.700 to 0.900"}
    assert "95 % intervals by the bootstrap over 5 seismic sections" in evaluation.meaning(found(), card())
    old = found({name: value for name, value in REPORT.items() if name not in ("intervals", "chosen_threshold")})
    assert evaluation.intervals(old, card()) == {}
    assert "interval" not in evaluation.meaning(old, card())
    assert evaluation.threshold_choice(old, card()) == "The curve does not say which threshold suits another survey."


def test_the_choice_of_the_threshold_is_told_as_the_card_and_the_tiles_have_it():
    chosen = dict(threshold=0.41, mAP=0.803, highest_mAP=0.8071, flat_from=0.3, flat_to=0.55)
    report = found(REPORT | {"chosen_threshold": {"tta": chosen, "plain": chosen | {"threshold": 0.4}}})
    own = card(threshold_chosen=CARD["threshold_chosen"] | {"rule": "highest mAP nearby"})
    assert evaluation.threshold_choice(report, own) == (
        "The card's threshold, 0.42, has the highest mAP nearby. From 0.30 to 0.55, mAP is at most 0.003 below "
        "that at 0.41; the highest anywhere is 0.807. The curve does not say which threshold suits another survey."
    )
    assert "below that at 0.40;" in evaluation.threshold_choice(report, card(claim=None))


@pytest.mark.parametrize(
    ("report", "changes", "said"),
    [
        (REPORT, {}, "No known seismic section has tiles both here and in training; 2 of these tiles lie in one."),
        (REPORT, {}, "The same tiles chose the threshold and the temperature, so new tiles may score a little"),
        (edited("temperature", 1.0), {}, "The same tiles chose the threshold, so"),
        (REPORT, {"split": {"by": "tile"}}, "neighbours may be in training, and the scores too good"),
        (edited("split", "train"), {}, "The network was trained on these tiles"),
        (edited("split", "all"), {}, "The network was trained on many of these tiles: new ones may score lower."),
        (edited("missing", 3), {}, "Split `val`, 6 tiles; 3 more of it were not there."),
        (edited("split", "*x*"), {"split": None}, "Split `*x*`, 6 tiles."),
    ],
)
def test_the_meaning_says_what_the_tiles_have_seen(report, changes, said):
    meaning = evaluation.meaning(found(report), card(**changes))
    assert said in meaning
    if report["split"] != "val":  # what does not hold is not said
        assert "chose" not in meaning
        assert "No known seismic section" not in meaning


def test_every_number_says_what_it_is_of():
    assert evaluation.basis(found(), card()) == (
        "On the 6 tiles of split `val`, at threshold 0.42, with flip TTA (off on *Explore* until you switch it on)"
    )
    assert evaluation.basis(found(), card(claim=None)).endswith("at threshold 0.42, without flip TTA")
    known, rest = found().sections
    assert (
        f"in a known section (2 tiles) mAP {known.mAP:.3f} and IoU {known.iou:.3f}, "
        f"in no known section (4 tiles) mAP {rest.mAP:.3f} and IoU {rest.iou:.3f}."
    ) in evaluation.meaning(found(), card())


# --- Training and size


def test_the_time_before_a_run_counts_too():
    parent = {"seconds": 600, "started_from": {"name": "g", "training": {"seconds": 60}}}
    training = {"history": HISTORY, "taught_by": [{"name": "t"}], "started_from": {"training": parent}}
    epochs = [msgspec.convert(entry, evaluation.Epoch) for entry in HISTORY]
    assert evaluation.training_history(card(training=training)) == (epochs, 660.0, True)
    for bare in (None, {"seconds": 3, "started_from": None}, {"started_from": {"training": {}}, "taught_by": []}):
        assert evaluation.training_history(card(training=bare)) == ([], 0.0, False)


def test_sizes_are_read_where_they_are(weights, tmp_path):
    small, large = evaluation.read_sizes()
    assert small == evaluation.Size("small", 50_000, 12.5, 0.6, 0.61, 0.7)
    assert large.parameters == 7_000_000
    assert evaluation.read_sizes(tmp_path / "elsewhere") == []


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (SIZES.replace("0.82", "82"), "row 2: .*expected mAP_tta to be a number up to 1, got 82.0"),
        (SIZES.replace("parameters,", ""), "row 1: expected numbers in the columns name, parameters"),
        (SIZES + "short\n", "row 3: expected numbers in the columns"),
    ],
)
def test_damaged_sizes_are_refused_in_a_sentence(weights, checkout, text, reason):
    (checkout / "experiments" / "sizes.csv").write_text(text)
    with pytest.raises(evaluation.ReportError, match=f"^sizes.csv: {reason}"):
        evaluation.read_sizes()


# --- The page


def opened():
    return run(start().switch_page("views/evaluation.py"))


def titles(app):
    return [subheader.value for subheader in app.subheader]


def traces(app, title):
    """Name -> trace of a figure, as it is sent to the browser."""
    specs = [json.loads(chart.proto.spec) for chart in app.get("plotly_chart")]
    figures = dict(zip([title for title in titles(app) if title != "Worst tiles"], specs, strict=True))
    return {trace.get("name", trace["type"]): trace for trace in figures[title]["data"]}


def column(rows, name):
    return [getattr(row, name) for row in rows]


BY_SALT, BY_SECTION, CURVE = "By how much of a tile is salt", "By seismic section", "Precision and recall"
SCORES, BY_TIME, BY_SIZE = "Scores against the threshold", "Accuracy against training time", "Accuracy against size"
REPORT_VIEWS = ["Worst tiles", BY_SALT, BY_SECTION, CURVE, SCORES, "Calibration"]


def test_the_page_shows_the_report_and_every_number_of_it(weights):
    app = start()
    page_state(app).move_threshold(0.3)
    app, report = run(app.switch_page("views/evaluation.py")), found()

    shown = {metric.label: metric.value for metric in app.metric}
    assert shown == evaluation.headline(report, card(), weights.stat().st_size)
    assert {metric.label: metric.delta for metric in app.metric if metric.delta} == evaluation.intervals(report, card())
    assert evaluation.meaning(report, card()) in [markdown.value for markdown in app.markdown]
    assert titles(app) == [*REPORT_VIEWS, BY_TIME, BY_SIZE]
    assert not [*app.warning, *app.info]
    captions = "\n".join(caption.value for caption in app.caption)
    assert evaluation.threshold_choice(report, card()) in captions
    assert "The weights it started from had 10 minutes." in captions

    worst, *groups = (frame.value.values.tolist() for frame in app.dataframe)
    for shown_rows, rows in zip(groups, (report.coverage, report.sections), strict=True):
        assert [row[:3] for row in shown_rows] == [[group.name, group.count, group.mAP] for group in rows]
        of_overlap = [[np.nan] * 2 if group.name == "empty" else [group.iou, group.dice] for group in rows]
        np.testing.assert_equal([row[3:] for row in shown_rows], of_overlap)
    assert worst == [[t.id, t.score, t.iou, 100 * t.salt_share, 100 * t.predicted_share] for t in report.worst]
    points, own = report.thresholds, [point for point in report.thresholds if point.threshold == 0.42]
    mean, share = "mean_probability", "salt_fraction"
    for title, trace, x, y in (
        (CURVE, "thresholds 0.05 to 0.95", column(points, "recall"), column(points, "precision")),
        (CURVE, "card 0.42", column(own, "recall"), column(own, "precision")),
        (SCORES, "mAP", column(points, "threshold"), column(points, "mAP")),
        (SCORES, "IoU", column(points, "threshold"), column(points, "iou")),
        (SCORES, "card 0.42", [0.42, 0.42], [0, 1]),
        (SCORES, "now 0.30", [0.3, 0.3], [0, 1]),
        ("Calibration", "these weights", column(report.calibration, mean), column(report.calibration, share)),
        ("Calibration", "bar", column(report.calibration, mean), column(report.calibration, "pixels")),
        ("Calibration", "perfect", [0, 1], [0, 1]),
        (BY_TIME, "mAP", [10.5, 11.5], [0.2, 0.5]),
        (BY_TIME, "IoU", [10.5, 11.5], [0.1, 0.4]),
        (BY_SIZE, "mAP", [50_000, 7_000_000], [0.61, 0.82]),
        (BY_SIZE, "IoU", [50_000, 7_000_000], [0.7, 0.85]),
        (BY_SIZE, "chosen weights", [1_234_567] * 2, [0.76, 0.82]),
    ):
        drawn = traces(app, title)[trace]
        assert (drawn["x"], drawn["y"]) == (x, y), (title, trace)
    assert traces(app, "Calibration")["uncorrected"]["y"] == column(report.calibration_uncorrected, share)
    assert traces(app, BY_SALT)["IoU"]["x"] == column(report.coverage, "iou")


def test_worst_tiles_that_are_here_open_as_they_were_scored(weights, checkout):
    here, elsewhere = found().worst[1], [tile.id for tile in found().worst if tile.id != found().worst[1].id]
    image, truth = RANDOM.integers(0, 256, (20, 20), np.uint8), np.arange(400).reshape(20, 20) % 20 < 7
    tile = {f"images/{here.id}.png": png(image), f"masks/{here.id}.png": png(truth)}
    (checkout / "data" / "tgs-salt").mkdir(parents=True)
    (checkout / "data" / "tgs-salt" / "train.zip").write_bytes(zipped(tile))
    app = run(start(sample="Small lens").switch_page("views/evaluation.py"))

    (button,) = (button for button in app.button if button.key.startswith("worst"))
    picture, *lines = button.label.split("  \n")
    assert picture.endswith(f" **{here.id}**")
    assert lines == evaluation.tile_scores(here)
    probability = Segmenter.load(weights).probability(image, tta=True)
    drawn = np.asarray(Image.open(io.BytesIO(base64.b64decode(picture.split("base64,")[1].split(")")[0]))))
    np.testing.assert_array_equal(drawn, compare(image, probability > 0.42, truth))
    assert app.dataframe[0].value["Tile"].tolist() == elsewhere

    run(button.click())
    assert page_state(app).image_box.value == f"Survey tile {here.id}"
    np.testing.assert_array_equal(page_state(app).image.truth, truth)
    assert (page_state(app).threshold, page_state(app).view) == (0.42, ViewState(truth=True, tta=True))
    assert len(app.get("bidi_component")) == 2  # the explorer and its code


def test_what_a_report_does_not_have_is_not_shown_and_names_are_no_markup(weights):
    save(weights, temperature=1.0)
    group = REPORT["coverage"][0] | {"name": "<a href='http://evil'>empty</a>"}
    write(weights, REPORT | {"temperature": 1.0, "sections": [], "split": "all", "coverage": [group]})
    app = opened()

    assert set(traces(app, "Calibration")) == {"perfect", "these weights", "bar"}
    assert titles(app) == [title for title in REPORT_VIEWS if "section" not in title] + [BY_SIZE]
    assert "chosen weights" not in traces(app, BY_SIZE)  # other tiles: no place beside these
    assert traces(app, BY_SALT)["mAP"]["y"] == ["&lt;a href=&#x27;http://evil&#x27;&gt;empty&lt;/a&gt;<br>2 tiles"]


def test_without_a_report_the_page_says_how_to_get_one(weights):
    evaluation.evaluation_path(weights).unlink()
    app = opened()

    assert app.info[0].value == f"Nobody has evaluated these weights yet; {evaluation.how_to_evaluate(weights)}"
    assert not [*app.warning, *app.metric]
    assert titles(app) == [BY_TIME, BY_SIZE]


def test_what_cannot_be_used_is_said_and_the_rest_goes_on(weights, checkout):
    write(weights, edited("scores.plain.mAP", "*bad*"))
    app = opened()
    (warning,) = app.warning
    assert warning.value.startswith("`first.evaluation.json`: ")
    assert "got '\\*bad\\*'" in warning.value
    assert warning.value.endswith(evaluation.how_to_evaluate(weights))
    assert str(checkout) not in warning.value
    assert titles(app) == [BY_TIME, BY_SIZE]

    save(weights, training={"history": HISTORY, "started_from": {"training": {"seconds": -1}}})
    write(weights, REPORT)
    (checkout / "experiments" / "sizes.csv").write_text("name\nx\n")
    app = opened()
    assert titles(app) == REPORT_VIEWS
    assert [warning.value.split(":")[0] for warning in app.warning] == ["`first.json`", "`sizes.csv`"]
    assert "damaged (expected started_from.training.seconds to be a number" in app.warning[0].value
