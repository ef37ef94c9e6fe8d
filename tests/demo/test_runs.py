"""The page Training: what it reads of runs, what it makes of it, and what it shows."""

import json
import time

import numpy as np
import pytest

from demo import predictions, runs
from demo.images import SAMPLES, open_sample
from demo.weights import Weights
from tests.demo.test_app import run, start
from unet import Segmenter
from unet.checkpoint import read_card
from unet.data import dataset
from unet.metrics import confusion, iou
from unet.model import UNetConfig
from unet.training.config import TrainingConfig
from unet.training.loop import train

NOW = 1_800_000_000.0
LINES = [
    {"epoch": 1, "loss": 0.7, "mAP": 0.1, "iou": 0.2, "tiles_per_second": 50.0, "learning_rate": 2e-3, "lovasz": 0.0},
    {"epoch": 2, "loss": 0.5, "mAP": 0.5, "iou": 0.3, "tiles_per_second": 60.0, "learning_rate": 1e-3, "lovasz": 0.0},
    {"epoch": 4, "loss": 0.9, "mAP": 0.4, "iou": 0.4, "tiles_per_second": 55.0, "learning_rate": 5e-4, "lovasz": 0.75},
]
PROGRESS = {
    "epoch": 4.25, "epochs": 8, "loss": 0.8, "learning_rate": 4e-4, "tiles_per_second": 57.0, "seconds_left": 90.0,
    "time": NOW,
}  # fmt: skip
OLD_CARD = {"training": {"options": {"epochs": 2}, "history": [{"epoch": 2, "seconds": 9.0, "mAP": 0.6, "iou": 0.7}]}}


def write(folder, lines=None, progress=None, card=None):
    """The files of a run; text is written as it is."""
    folder.mkdir(parents=True, exist_ok=True)
    if lines is not None:
        text = lines if isinstance(lines, str) else "".join(json.dumps(line) + "\n" for line in lines)
        (folder / "metrics.jsonl").write_text(text)
    if progress is not None:
        (folder / "progress.json").write_text(progress if isinstance(progress, str) else json.dumps(progress))
    if card is not None:
        (folder / f"{folder.name}.json").write_text(json.dumps(card))
    return folder


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The folder of a real run of two epochs, and what its two files hold."""
    config = TrainingConfig(
        name="tiny", epochs=2, batch_size=4, sections_per_epoch=8, model=UNetConfig(width=2, depth=2)
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dataset, "UNSEEN_COUNT", 8)  # synthetic sections, scored after every epoch
        patch.chdir(tmp_path_factory.mktemp("started"))
        folder = train(config).parent.resolve()
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return folder, lines, json.loads((folder / "progress.json").read_text())


# --- What is read


def test_what_training_writes_is_read(trained):
    folder, lines, progress = trained
    (found,) = runs.find_runs(time.time(), folder.parent)
    assert (found.name, found.state, found.position, found.epochs) == ("tiny", "finished", "2 of 2", 2)
    for name in runs.Epoch.__struct_fields__:
        assert [getattr(entry, name) for entry in found.history] == [line[name] for line in lines], name
    assert {name: getattr(found.progress, name) for name in runs.Progress.__struct_fields__} == progress
    assert found.loss_change == 1.5  # Lovász from half of the run on
    assert Segmenter.load(found.weights).threshold == read_card(found.weights).threshold


@pytest.mark.parametrize(
    ("changes", "state", "position", "time_left"),
    [
        ({}, "learning", "4.2 of 8", "2 min"),
        ({"time": NOW - 60}, "learning", "4.2 of 8", "2 min"),
        ({"time": NOW - 61}, "stopped", "4.2 of 8", ""),
        ({"epoch": 8, "time": NOW - 61}, "finished", "8 of 8", ""),
        ({"epoch": 3.9}, "learning", "4 of 8", "2 min"),  # the line of an epoch is newer than what was said within it
    ],
)
def test_a_run_learns_until_it_is_silent_or_complete(tmp_path, changes, state, position, time_left):
    found = runs.read_run(write(tmp_path / "a", LINES, PROGRESS | changes), NOW)
    assert (found.state, found.position, found.time_left) == (state, position, time_left)
    assert (found.best, found.last, found.loss_change) == (0.5, 0.4, 3.0)


def test_what_is_missing_damaged_or_older_is_left_out(tmp_path):
    whole, half = json.dumps(LINES[0]), json.dumps(LINES[1])[:40]
    bad = json.dumps(LINES[1] | {"mAP": 7})
    found = runs.read_run(write(tmp_path / "half", f"{whole}\n{bad}\n{half}", '{"epoch": 1.'), NOW)
    assert [entry.epoch for entry in found.history] == [1]
    assert (found.progress, found.position, found.time_left) == (None, "1", "")

    before = [
        {name: value for name, value in line.items() if name in ("epoch", "loss", "mAP", "iou")} for line in LINES
    ]
    found = runs.read_run(write(tmp_path / "before", before), NOW)
    assert ([entry.loss for entry in found.history], found.history[0].learning_rate) == ([0.7, 0.5, 0.9], None)
    assert found.loss_change is None

    found = runs.read_run(write(tmp_path / "old", card=OLD_CARD), NOW)
    assert (found.state, found.position, found.last, found.history[0].loss) == ("finished", "2 of 2", 0.6, None)

    found = runs.read_run(write(tmp_path / "new", progress=PROGRESS | {"epoch": 0.5}), NOW)
    assert (found.state, found.position, found.best, found.last) == ("learning", "0.5 of 8", None, None)

    assert runs.read_run(write(tmp_path / "nothing", "", "", {"threshold": 0.5}), NOW) is None
    assert runs.find_runs(NOW, tmp_path / "elsewhere") == []


def test_runs_that_learn_come_first_then_the_newest(tmp_path):
    for name, epoch, ago in (("b", 2, 3), ("a", 2, 5), ("old", 8, 900), ("new", 8, 70), ("stopped", 2, 400)):
        write(tmp_path / name, progress=PROGRESS | {"epoch": epoch, "time": NOW - ago})
    (tmp_path / "file").write_text("no run")
    found = runs.find_runs(NOW, tmp_path)
    assert [entry.name for entry in found] == ["a", "b", "new", "stopped", "old"]


def test_the_command_to_go_on_can_be_copied(tmp_path):
    found = runs.read_run(write(tmp_path / "a b", LINES), NOW)
    assert found.resume_command == "python train.py --name 'a b' --resume"


# --- Predictions


def test_predictions_are_those_of_the_weights_at_their_threshold(trained):
    folder, *_ = trained
    path = folder / "tiny.safetensors"
    images = predictions.fixed_images([])
    assert [image.name for image in images] == list(SAMPLES)
    segmenter = Segmenter.load(path)
    for image, found in zip(images, predictions.predict(Weights(path, "tiny", read_card(path)), images), strict=True):
        assert found.iou == iou(confusion(segmenter.mask(image.grey), image.truth))
    shown = predictions.as_html([predictions.Prediction("<b>&", b"png", 0.25)])
    assert "&lt;b&gt;&amp;<br>IoU 0.250" in shown
    assert "<b>" not in shown


def test_the_fixed_images_are_some_of_the_survey_and_as_many_samples_as_there_is_room_for():
    tile = open_sample("Small lens")
    images = predictions.fixed_images([tile, tile, tile])
    assert len(images) == predictions.COUNT
    assert [image.name for image in images[:5]] == list(SAMPLES)[:5]
    assert images[5:] == [tile, tile, tile]


def test_the_colors_say_who_calls_it_salt():
    pixels = np.zeros((2, 2), np.uint8)
    found = predictions.compare(
        pixels, np.array([[True, False], [True, False]]), np.array([[False, True], [True, False]])
    )
    expected = np.rint(0.45 * np.array([[predictions.NETWORK, predictions.TRUTH], [predictions.BOTH, (0, 0, 0)]]))
    np.testing.assert_array_equal(found, expected)


# --- The page


@pytest.fixture
def started(two_weights, tmp_path, monkeypatch):
    """The folder where the app is started; it has weights and no runs."""
    monkeypatch.chdir(tmp_path)
    return tmp_path / "runs"


def opened():
    return run(start().switch_page("views/training.py"))


def traces(app, title):
    """Name -> points of the figure under a title."""
    figures = [json.loads(chart.proto.spec) for chart in app.get("plotly_chart")]
    titles = [subheader.value for subheader in app.subheader if subheader.value != "Predictions"]
    figure = dict(zip(titles, figures, strict=True))[title]
    return {trace["name"]: list(zip(trace["x"], trace["y"], strict=True)) for trace in figure["data"]}, figure["layout"]


def test_without_a_run_the_page_says_how_to_start_one_and_finds_it_when_it_is_asked(started):
    app = opened()
    assert "python train.py --name my-run" in app.info[0].value
    write(started / "my-run", LINES, PROGRESS)  # long ago
    run(app.button[0].click())
    assert not [info for info in app.info if "no runs" in info.value]
    assert app.table[0].value["Run"].tolist() == ["my-run"]


def test_the_page_lists_every_run_and_compares_those_that_are_chosen(started, trained):
    write(started / "a", LINES, PROGRESS | {"time": time.time()})
    write(started / "b", LINES[:2], PROGRESS | {"time": time.time() - 400, "epoch": 2.5})
    (started / "tiny").symlink_to(trained[0])
    app = opened()

    rows = app.table[0].value[["Run", "State", "Last mAP", "Best mAP"]].values.tolist()
    assert rows[0] == ["a", "learning, epoch 4.2 of 8, 2 min left", "0.400", "0.500"]
    assert [row[:2] for row in rows[1:]] == [["tiny", "finished, epoch 2 of 2"], ["b", "stopped, epoch 2.5 of 8"]]
    assert app.pills[0].value == ["a"]
    points, layout = traces(app, "Loss")
    assert points == {"a": [(1, 0.7), (2, 0.5), (4, 0.9)]}
    assert [(shape["x0"], shape["x1"]) for shape in layout["shapes"]] == [(3, 3)]
    assert "Lovász" in layout["annotations"][0]["text"]

    run(app.pills[0].set_value(["b", "tiny"]))
    assert traces(app, "mAP")[0]["b"] == [(1, 0.1), (2, 0.5)]
    assert traces(app, "Tiles per second")[0]["tiny"] == [
        (line["epoch"], line["tiles_per_second"]) for line in trained[1]
    ]
    assert app.info[0].value == "`b` stopped at epoch 2.5 of 8; go on with `python train.py --name b --resume`"
    shown = "\n".join(markdown.value for markdown in app.markdown)
    assert "`tiny` after epoch 2, threshold" in shown

    write(started / "b", LINES, PROGRESS | {"time": time.time()})  # it goes on
    run(app)
    assert app.pills[0].value == ["b", "tiny"]
    assert traces(app, "mAP")[0]["b"] == [(1, 0.1), (2, 0.5), (4, 0.4)]
