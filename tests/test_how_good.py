"""The page "How good is it?": what it reads, what it refuses, and what it shows."""

import copy
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from streamlit.testing.v1 import AppTest

from demo import core, quality
from tests.test_app import box
from unet import checkpoint
from unet.cli import main as cli
from unet.image import RULE
from unet.model import UNet, UNetConfig

APP = Path(__file__).parents[1] / "demo" / "app.py"
PAGE = "views/how_good_is_it.py"
CARD = {
    "threshold": 0.42,
    "temperature": 1.25,
    "input": RULE,
    "claim": {"metric": "mAP", "value": 0.8, "split": "val", "count": 9, "tta": True, "threshold": 0.42},
    "threshold_chosen": {"on": "val"},
    "split": {"by": "section", "train": [], "val": []},
}
PLAIN = {
    "count": 9,
    "threshold": 0.42,
    "mAP": 0.75,
    "iou": 0.81,
    "dice": 0.895,
    "iou_per_image": 0.7,
    "dice_per_image": 0.8,
    "pixel_accuracy": 0.95,
    "calibration_error": 0.031,
}
TTA = {**PLAIN, "mAP": 0.76, "iou": 0.82, "dice": 0.901, "calibration_error": 0.012}
REPORT = {
    "name": "first",
    "weights": "weights/first.safetensors",
    "sha256": "",
    "parameters": 1_234_567,
    "threshold": 0.42,
    "temperature": 1.25,
    "split": "val",
    "missing": 0,
    "count": 9,
    "scores": {"plain": PLAIN, "tta": TTA},
    "best_threshold": {
        "plain": {"threshold": 0.3, "mAP": 0.76, "flat_from": 0.28, "flat_to": 0.31},
        "tta": {"threshold": 0.42, "mAP": 0.76, "flat_from": 0.4, "flat_to": 0.45},
    },
    "coverage": [
        {"name": "empty", "count": 4, "mAP": 0.75, "iou": 0.0, "dice": 0.0},
        {"name": "part", "count": 5, "mAP": 0.78, "iou": 0.82, "dice": 0.9},
    ],
    "sections": [
        {"name": "in a known section", "count": 2, "mAP": 0.6, "iou": 0.7, "dice": 0.8},
        {"name": "in no known section", "count": 7, "mAP": 0.8, "iou": 0.85, "dice": 0.92},
    ],
    "thresholds": [
        {"threshold": 0.05, "mAP": 0.4, "iou": 0.5, "precision": 0.55, "recall": 0.99},
        {"threshold": 0.42, "mAP": 0.76, "iou": 0.82, "precision": 0.9, "recall": 0.88},
        {"threshold": 0.95, "mAP": 0.6, "iou": 0.65, "precision": 1.0, "recall": 0.65},
    ],
    "calibration": [
        {"mean_probability": 0.02, "salt_fraction": 0.03, "pixels": 5000},
        {"mean_probability": 0.97, "salt_fraction": 0.96, "pixels": 800},
    ],
    "calibration_uncorrected": [
        {"mean_probability": 0.01, "salt_fraction": 0.03, "pixels": 5100},
        {"mean_probability": 0.99, "salt_fraction": 0.96, "pixels": 700},
    ],
    "worst": [
        {"id": "ab_*12*", "score": 0.0, "iou": 0.0, "salt_share": 0.0, "predicted_share": 0.125},
        {"id": "cd34", "score": 0.3, "iou": 0.64, "salt_share": 0.5, "predicted_share": 0.32},
    ],
}
HISTORY = [
    {"epoch": 1, "seconds": 30.0, "mAP": 0.2, "iou": 0.1},
    {"epoch": 2, "seconds": 90.0, "mAP": 0.5, "iou": 0.4},
]
PARENT = {"name": "p", "sha256": "0", "training": {"seconds": 600.0, "started_from": None}}
SIZES = "name,parameters,minutes,mAP,mAP_tta,iou_tta\nsmall,50000,12.5,0.6,0.61,0.7\nlarge,7000000,200,0.8,0.82,0.85\n"


def edited(where, value):
    """REPORT with one entry changed, or taken out where the value is None; ``where`` is a dotted path."""
    report = copy.deepcopy(REPORT)
    *parents, last = [int(name) if name.isdigit() else name for name in where.split(".")]
    inner = report
    for name in parents:
        inner = inner[name]
    assert inner[last] != value
    if value is None:
        del inner[last]
    else:
        inner[last] = value
    return report


@pytest.fixture
def weights(tmp_path, monkeypatch):
    """Untrained weights in a checkout of their own, their report, and what other networks reached."""
    torch.manual_seed(0)
    path = tmp_path / "weights" / "first.safetensors"
    card = {**CARD, "training": {"seconds": 90.0, "started_from": PARENT, "history": HISTORY}}
    checkpoint.save(path, UNet(UNetConfig(width=4, depth=3)).eval(), card)
    write(path, REPORT)
    (tmp_path / "experiments").mkdir()
    (tmp_path / "experiments" / "sizes.csv").write_text(SIZES)
    monkeypatch.setattr(core, "ROOT", tmp_path)
    monkeypatch.setattr(core, "shipped_weights", lambda: path)
    return path


def card_of(weights):
    return checkpoint.read_card(weights)


def write(weights, report):
    """Puts a report on these weights beside them; a text is written as it is."""
    if isinstance(report, dict):
        report = json.dumps({**report, "sha256": report["sha256"] or card_of(weights)["sha256"]})
    quality.evaluation_path(weights).write_text(report)


def read(weights):
    return quality.read_evaluation(weights, card_of(weights))


# --- The report


def test_a_report_is_read_as_it_was_written(weights):
    assert read(weights) == {**REPORT, "sha256": card_of(weights)["sha256"]}


def test_weights_nobody_evaluated_have_no_report(weights):
    quality.evaluation_path(weights).unlink()
    assert read(weights) is None


def test_what_the_command_line_writes_is_read(tmp_path, small_weights, capsys):
    random = np.random.default_rng(0)
    for folder in ("images", "masks"):
        (tmp_path / "data" / folder).mkdir(parents=True)
        for number in range(3):
            pixels = random.integers(0, 256, (33, 40), np.uint8)
            if folder == "masks":
                pixels = (pixels > 100 * number).astype(np.uint8) * 255
            Image.fromarray(pixels).save(tmp_path / "data" / folder / f"t{number}.png")
    path = quality.evaluation_path(small_weights)
    words = ["--weights", small_weights, "--split", "all", "--json", path]
    assert cli.main(["evaluate", *map(str, [tmp_path / "data", *words])]) == 0

    found = read(small_weights)
    assert found == json.loads(path.read_text())
    assert found["count"] == sum(group["count"] for group in found["coverage"]) == 3
    numbers = quality.headline(found, card_of(small_weights), 1000)
    assert numbers["mAP"] == f"{found['scores']['plain']['mAP']:.3f}"
    assert numbers["Parameters"] == f"{card_of(small_weights)['parameters'] / 1e6:.2f} M"


@pytest.mark.parametrize(
    ("report", "reason"),
    [
        (edited("sha256", "0" * 64), "a report on other weights than these"),
        (edited("threshold", 0.5), "made at threshold 0.5, but the weights' card says 0.42"),
        (edited("temperature", 1.0), "made at temperature 1, but the weights' card says 1.25"),
    ],
)
def test_a_report_of_something_else_is_refused(weights, report, reason):
    write(weights, report)
    with pytest.raises(quality.ReportError) as refused:
        read(weights)
    assert str(refused.value) == f"first.evaluation.json: {reason}"


@pytest.mark.parametrize(
    ("report", "reason"),
    [
        ("", "not a JSON file"),
        ('{"name": "cut sho', "not a JSON file"),
        ("[" * 100_000, "not a JSON file"),
        ("[]", r"expected it to be an object, got \[\]"),
        (edited("scores", None), "no scores in it"),
        (edited("scores.tta", None), "expected plain and tta in scores, got plain"),
        (edited("scores.plain.iou", "0.8"), "expected scores plain iou to be a number from 0 to 1, got '0.8'"),
        (edited("coverage.1.mAP", 1.5), "expected coverage 2 mAP to be a number from 0 to 1, got 1.5"),
        (edited("coverage.0", 7), "expected coverage 1 to be an object, got 7"),
        (edited("coverage.0.name", "n" * 201), "expected coverage 1 name to be a short text, got 'nnn"),
        (edited("worst", {}), "expected worst to be a list, got {}"),
        (edited("worst.0.id", 5), "expected worst 1 id to be a short text, got 5"),
        (edited("thresholds", []), "no thresholds in it"),
        (edited("thresholds.2.recall", float("nan")), "expected thresholds 3 recall .* got nan"),
        (edited("calibration.0.pixels", 0.5), "calibration 1 pixels to be a whole number from 0, got 0.5"),
        (edited("calibration.0.pixels", -1), "calibration 1 pixels to be a whole number from 0, got -1"),
        (edited("count", True), "expected count to be a whole number from 0, got True"),
        (edited("temperature", float("inf")), "expected temperature to be a number"),
        (edited("best_threshold.tta.flat_to", None), "no flat_to in best_threshold tta"),
        (edited("worst", "x" * quality.LARGEST_REPORT), "larger than 4,000,000 bytes"),
    ],
)
def test_a_damaged_report_is_refused_in_a_sentence(weights, report, reason):
    write(weights, report)
    with pytest.raises(quality.ReportError, match=f"^first.evaluation.json: .*{reason}") as refused:
        read(weights)
    assert len(str(refused.value)) < 200
    assert "\n" not in str(refused.value)


def test_a_report_that_is_no_text_is_refused(weights):
    quality.evaluation_path(weights).write_bytes(b"\xff\xfe\x00")
    with pytest.raises(quality.ReportError, match=r"^first.evaluation.json: cannot be read$"):
        read(weights)


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/c/weights/a.safetensors", "--weights weights/a.safetensors --json weights/a.evaluation.json`"),
        ("/c/runs/b/b.safetensors", "--weights runs/b/b.safetensors --json runs/b/b.evaluation.json`"),
        ("/else/where/a.safetensors", "--weights a.safetensors --json a.evaluation.json`"),
        ("/c/weights/a b.safetensors", "--weights 'weights/a b.safetensors' --json 'weights/a b.evaluation.json'`"),
    ],
)
def test_the_command_can_be_copied_and_names_no_path_of_the_machine(path, said):
    sentence = quality.how_to_evaluate(Path(path), Path("/c"))
    assert sentence == f"run `python -m unet evaluate data/tgs-salt {said}, then reload this page."


# --- What it says


def test_the_headline_holds_both_ways_and_the_claim_s_own():
    assert quality.headline(REPORT, CARD, 7_269_628) == {
        "mAP": "0.750",
        "mAP, flip TTA": "0.760",
        "Flip TTA adds": "+0.010",
        "IoU, flip TTA": "0.820",
        "Dice, flip TTA": "0.901",
        "Calibration error": "0.012",
        "Tiles": "9",
        "Threshold": "0.42",
        "Parameters": "1.23 M",
        "File": "7.3 MB",
    }


@pytest.mark.parametrize("claim", [None, {"tta": False}, "damaged"])
def test_without_a_claim_for_flip_tta_scores_are_the_plain_ones(claim):
    numbers = quality.headline(REPORT, {**CARD, "claim": claim}, 1)
    assert (numbers["IoU"], numbers["Dice"], numbers["Calibration error"]) == ("0.810", "0.895", "0.031")


@pytest.mark.parametrize(
    ("report", "card", "said"),
    [
        (REPORT, CARD, "No known seismic section has tiles both here and in training; 2 of these tiles lie in one."),
        (REPORT, CARD, "The same tiles chose the threshold and the temperature, so new tiles may score a little"),
        (edited("temperature", 1.0), CARD, "The same tiles chose the threshold, so"),
        (REPORT, {**CARD, "split": {"by": "tile"}}, "neighbours may be in training, and the scores too good"),
        (edited("split", "train"), CARD, "The network was trained on these tiles"),
        (edited("split", "all"), CARD, "The network was trained on many of these tiles"),
        (edited("missing", 3), CARD, "Split `val`, 9 tiles; 3 more of it were not there."),
        (edited("split", "*x*"), {**CARD, "split": None, "threshold_chosen": 1}, "Split `*x*`, 9 tiles."),
    ],
)
def test_the_meaning_says_what_the_tiles_have_seen(report, card, said):
    assert said in quality.meaning(report, card)


def test_what_does_not_hold_is_not_said():
    meaning = quality.meaning(edited("split", "all"), {**CARD, "threshold_chosen": {"on": "val"}})
    assert "chose" not in meaning
    assert "No known seismic section" not in meaning


# --- Training and size


def test_the_time_before_a_run_counts_too():
    grandparent = {"name": "g", "sha256": "1", "training": {"seconds": 60}}
    parent = {"name": "p", "sha256": "0", "training": {"seconds": 600.0, "started_from": grandparent}}
    card = {"training": {"seconds": 90.0, "started_from": parent, "history": HISTORY, "taught_by": [{"name": "t"}]}}

    assert quality.training_history(card) == quality.Training(HISTORY, 660.0, True)


@pytest.mark.parametrize("card", [{}, {"training": None}, {"training": {"seconds": 3, "started_from": None}}])
def test_a_card_without_a_history_is_no_fault(card):
    assert quality.training_history(card) == quality.Training([], 0.0, False)


@pytest.mark.parametrize(
    ("training", "reason"),
    [
        ({"history": {"seconds": 1}}, "expected history to be a list"),
        ({"history": [{"seconds": -1, "mAP": 0, "iou": 0}]}, "expected history 1 seconds to be a number"),
        ({"history": [{"seconds": 1, "mAP": 0}]}, "no iou in history 1"),
        ({"history": [], "started_from": {"training": {"seconds": "long"}}}, "expected seconds to be .* got 'long'"),
    ],
)
def test_a_damaged_history_is_refused_in_a_sentence(training, reason):
    with pytest.raises(quality.ReportError, match=reason):
        quality.training_history({"training": training})


def test_sizes_are_read_where_they_are(weights, tmp_path):
    small, large = quality.read_sizes()
    assert small == {
        "name": "small",
        "parameters": 50_000,
        "minutes": 12.5,
        "mAP": 0.6,
        "mAP_tta": 0.61,
        "iou_tta": 0.7,
    }
    assert large["parameters"] == 7_000_000
    assert quality.read_sizes(tmp_path / "elsewhere") == []


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (SIZES.replace("0.82", "82"), "expected row 2 mAP_tta to be a number from 0 to 1, got 82.0"),
        (SIZES.replace("0.82", "nan"), "expected row 2 mAP_tta to be a number from 0 to 1, got nan"),
        (SIZES.replace("0.82", "good"), "expected numbers in the columns name, parameters"),
        (SIZES.replace("parameters,", ""), "expected numbers in the columns name, parameters"),
        (SIZES + "short\n", "expected numbers in the columns"),
    ],
)
def test_damaged_sizes_are_refused_in_a_sentence(weights, tmp_path, text, reason):
    (tmp_path / "experiments" / "sizes.csv").write_text(text)
    with pytest.raises(quality.ReportError, match=f"^sizes.csv: {reason}"):
        quality.read_sizes()


# --- The page


def run(app):
    app = app.run()
    assert not app.exception, app.exception
    return app


def opened():
    app = run(AppTest.from_file(str(APP), default_timeout=60))
    return run(app.switch_page(PAGE))


def titles(app):
    return [subheader.value for subheader in app.subheader]


def figures(app):
    """Title -> figure as it is sent to the browser."""
    specs = [json.loads(chart.proto.spec) for chart in app.get("plotly_chart")]
    return dict(zip([title for title in titles(app) if title != "Worst tiles"], specs, strict=True))


def trace(figure, name):
    (found,) = [trace for trace in figure["data"] if trace.get("name") == name]
    return found


REPORT_VIEWS = [
    "By how much of a tile is salt",
    "By seismic section",
    "Precision and recall",
    "Scores against the threshold",
    "Calibration",
    "Worst tiles",
]
OTHER_VIEWS = ["Accuracy against training time", "Accuracy against size"]


def test_the_page_shows_the_report(weights):
    app = opened()

    size = weights.stat().st_size
    shown = {metric.label: metric.value for metric in app.metric}
    assert shown == quality.headline(REPORT, CARD, size)
    assert quality.meaning(REPORT, CARD) in [markdown.value for markdown in app.markdown]
    assert titles(app) == REPORT_VIEWS + OTHER_VIEWS
    assert len(app.caption) >= len(REPORT_VIEWS + OTHER_VIEWS)
    assert not app.warning
    assert not app.info


def test_the_numbers_of_every_group_stand_below_its_bars(weights):
    app = opened()
    coverage, sections, worst = (frame.value for frame in app.dataframe)

    assert coverage.to_dict("list") == {
        "Group": ["empty", "part"],
        "Tiles": [4, 5],
        "mAP": [0.75, 0.78],
        "IoU": [0.0, 0.82],
        "Dice": [0.0, 0.9],
    }
    bars = figures(app)["By how much of a tile is salt"]
    assert trace(bars, "mAP")["x"] == [0.75, 0.78]
    assert trace(bars, "IoU")["x"] == [0.0, 0.82]
    assert sections["Tiles"].tolist() == [2, 7]
    assert worst.to_dict("list") == {
        "Tile": ["ab_*12*", "cd34"],
        "Score": [0.0, 0.3],
        "IoU": [0.0, 0.64],
        "Is salt": [0.0, 50.0],
        "Called salt": [12.5, 32.0],
    }


def test_the_card_s_threshold_is_marked_on_the_curves(weights):
    app = opened()
    app.session_state["threshold"] = 0.3
    run(app)
    curve, scores = (figures(app)[title] for title in ("Precision and recall", "Scores against the threshold"))

    assert trace(curve, "thresholds 0.05 to 0.95")["y"] == [0.55, 0.9, 1.0]
    assert trace(curve, "thresholds 0.05 to 0.95")["x"] == [0.99, 0.88, 0.65]
    assert (trace(curve, "card 0.42")["x"], trace(curve, "card 0.42")["y"]) == ([0.88], [0.9])
    assert trace(scores, "mAP")["y"] == [0.4, 0.76, 0.6]
    assert trace(scores, "card 0.42")["x"] == [0.42, 0.42]
    assert trace(scores, "now 0.30")["x"] == [0.3, 0.3]
    assert any(caption.value.startswith("From 0.40 to 0.45, mAP is within") for caption in app.caption)


def test_calibration_shows_what_the_temperature_did(weights):
    figure = figures(opened())["Calibration"]
    assert trace(figure, "these weights")["x"] == [0.02, 0.97]
    assert trace(figure, "uncorrected")["x"] == [0.01, 0.99]
    assert trace(figure, "perfect")["x"] == trace(figure, "perfect")["y"] == [0, 1]
    assert [t["y"] for t in figure["data"] if t["type"] == "bar"] == [[5000, 800]]

    checkpoint.save(weights, checkpoint.load(weights)[0], {**CARD, "temperature": 1.0})
    write(weights, {**REPORT, "temperature": 1.0, "sections": []})
    app = opened()
    assert [t["name"] for t in figures(app)["Calibration"]["data"] if "name" in t] == ["perfect", "these weights"]
    # without known sections, and without a history, nothing claims to show them
    assert titles(app) == [title for title in REPORT_VIEWS if "section" not in title] + ["Accuracy against size"]


def test_training_counts_from_the_weights_it_started_from(weights):
    app = opened()
    figure = figures(app)["Accuracy against training time"]

    assert trace(figure, "mAP")["x"] == [10.5, 11.5]
    assert trace(figure, "mAP")["y"] == [0.2, 0.5]
    assert trace(figure, "IoU")["y"] == [0.1, 0.4]
    assert any("The weights it started from had 10 minutes." in caption.value for caption in app.caption)


def test_the_chosen_weights_stand_among_the_other_sizes(weights):
    figure = figures(opened())["Accuracy against size"]
    assert figure["layout"]["xaxis"]["type"] == "log"
    assert trace(figure, "mAP")["x"] == [50_000, 7_000_000]
    assert trace(figure, "mAP")["y"] == [0.61, 0.82]
    assert trace(figure, "IoU")["y"] == [0.7, 0.85]
    star = trace(figure, "chosen weights")
    assert (star["x"], star["y"]) == ([1_234_567] * 2, [0.76, 0.82])

    write(weights, {**REPORT, "split": "all"})  # other tiles: no place beside these
    assert "chosen weights" not in [t["name"] for t in figures(opened())["Accuracy against size"]["data"]]


def test_names_in_a_report_are_no_markup(weights):
    report = edited("coverage.0.name", "<a href='http://evil'>empty</a>")
    write(weights, report)
    names = trace(figures(opened())["By how much of a tile is salt"], "mAP")["y"]
    assert names[0] == "&lt;a href=&#x27;http://evil&#x27;&gt;empty&lt;/a&gt;<br>4 tiles"


def test_without_a_report_the_page_says_how_to_get_one(weights):
    quality.evaluation_path(weights).unlink()
    app = opened()

    assert app.info[0].value == f"Nobody has evaluated these weights yet; {quality.how_to_evaluate(weights)}"
    assert not app.warning
    assert not app.metric
    assert titles(app) == OTHER_VIEWS


@pytest.mark.parametrize(
    ("report", "reason"),
    [
        (edited("sha256", "0" * 64), "a report on other weights than these"),
        (edited("scores.plain.mAP", "*bad*"), "got '\\*bad\\*'"),
        ("{", "not a JSON file"),
    ],
)
def test_a_report_that_cannot_be_used_is_said_and_the_rest_goes_on(weights, report, reason):
    write(weights, report)
    app = opened()

    (warning,) = app.warning
    assert warning.value.startswith("`first.evaluation.json`: ")
    assert reason in warning.value
    assert warning.value.endswith(quality.how_to_evaluate(weights))
    assert str(weights.parent) not in warning.value
    assert not app.metric
    assert titles(app) == OTHER_VIEWS


def test_a_damaged_history_and_damaged_sizes_are_said_too(weights, tmp_path):
    training = {"history": "none"}
    checkpoint.save(weights, checkpoint.load(weights)[0], {**CARD, "training": training})
    (tmp_path / "experiments" / "sizes.csv").write_text("name\nx\n")
    app = opened()

    assert titles(app) == REPORT_VIEWS
    assert [warning.value.split(":")[0] for warning in app.warning] == ["`first.json`", "`sizes.csv`"]
    assert "the training in this card is damaged (expected history to be a list, got 'none')" in app.warning[0].value


def test_the_page_leaves_image_and_threshold_to_the_others(weights):
    app = run(AppTest.from_file(str(APP), default_timeout=60))
    app.session_state["threshold"] = 0.3
    run(app)
    run(box(app, "Image").set_value("Hanging keel"))
    run(app.switch_page(PAGE))
    assert app.session_state["threshold"] == 0.3
    run(app.switch_page("views/explore.py"))

    assert app.session_state["threshold"] == 0.3
    assert box(app, "Image").value == "Hanging keel"
