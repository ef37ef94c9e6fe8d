import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
import safetensors
import torch
from rich.console import Console

from tests.conftest import ROOT
from unet import Segmenter, checkpoint, metrics
from unet.model import UNetConfig
from unet.options import TrainingConfig, learning_rate
from unet.segmenter import computes_bfloat16
from unet.synthetic import sections
from unet.teaching import TeacherError
from unet.training import TrainingError, train

TINY = {"epochs": 3, "batch_size": 8, "sections_per_epoch": 16, "model": UNetConfig(width=2, depth=2)}
QUIET = Console(quiet=True)
OPTIONS = ["--epochs=3", "--batch-size=8", "--sections-per-epoch=24", "--model.width=2", "--model.depth=2"]


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def launch(*arguments, **options):
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, str(ROOT / "train.py"), *OPTIONS, *arguments]
    return subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True, **options)


def test_the_learning_rate_rises_falls_and_ends_at_nothing():
    config = TrainingConfig(learning_rate=1.0, warm_up=0.1)
    rates = [learning_rate(config, p) for p in (0, 0.05, 0.1, 0.55, 1)]
    assert rates == pytest.approx([0, 0.5, 1, 0.5, 0])


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": "../x"},
        {"name": ""},
        {"epochs": 0},
        {"val_share": 2.0},
        {"synthetic_share": 1.0},
        {"unlabelled_share": 0.9, "teacher": (Path("t"),)},
        {"unlabelled": Path("u")},
    ],
)
def test_options_that_cannot_be_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        TrainingConfig(**wrong)


def test_options_survive_json():
    teachers = (Path("a.safetensors"), Path("b.safetensors"))
    config = TrainingConfig(data=Path("x"), start_from=Path("y"), split=Path("z"), teacher=teachers, **TINY)
    assert TrainingConfig.from_json(json.loads(json.dumps(config.to_json()))) == config


def test_a_run_from_nothing_to_weights_that_say_what_they_are():
    path = train(TrainingConfig(name="a", **TINY), QUIET)
    segmenter = Segmenter.load(path)
    card = segmenter.card
    claim = card["claim"]
    assert (claim["split"], claim["count"], claim["tta"]) == ("synthetic", 200, True)
    images, masks = sections(200, 1_000_000_000)
    again = metrics.evaluate(segmenter.probabilities(list(images), tta=True), list(masks), claim["threshold"])
    assert again["mAP"] == pytest.approx(claim["value"], abs=1e-4)
    assert card["threshold"] == claim["threshold"]
    history = [json.loads(line) for line in Path("runs/a/metrics.jsonl").read_text().splitlines()]
    assert [entry["epoch"] for entry in history] == [1, 2, 3]
    with pytest.raises(TrainingError, match="holds a run already; pass --resume"):
        train(TrainingConfig(name="a", **TINY), QUIET)


def test_a_run_on_tiles_keeps_its_split(tgs):
    path = train(TrainingConfig(data=tgs, name="b", **{**TINY, "epochs": 1}), QUIET)
    split = checkpoint.read_card(path)["split"]
    assert split["by"] == "section"
    assert len(split["train"]) + len(split["val"]) == 40
    judging = {int(n) // 4 for n in split["val"]}
    assert not {int(n) // 4 for n in split["train"]} & judging
    assert split["left_out"] == [name for name, section in (("40", 0), ("41", 1)) if section in judging]


def test_a_run_goes_on_from_other_weights_but_is_never_judged_on_what_they_learned(tgs):
    options = {"data": tgs, **TINY, "epochs": 1}
    first = train(TrainingConfig(name="first", **options), QUIET)
    # Without a learning rate the weights stay, and only the statistics of the batch norm move.
    second = train(TrainingConfig(name="second", start_from=first, learning_rate=0.0, **options), QUIET)
    (one, card), (two, later) = checkpoint.load(first), checkpoint.load(second)
    for before, after in zip(one.parameters(), two.parameters(), strict=True):
        torch.testing.assert_close(before, after)
    assert later["training"]["started_from"]["sha256"] == card["sha256"]
    assert later["training"]["started_from"]["training"]["command"] == card["training"]["command"]
    with pytest.raises(TrainingError, match=r"was trained on \d+ of the tiles that would judge this run"):
        train(TrainingConfig(name="third", start_from=first, seed=1, **options), QUIET)


def test_weights_to_start_from_bring_their_shape(tgs):
    first = train(TrainingConfig(data=tgs, name="first", **TINY | {"epochs": 1}), QUIET)
    options = {"epochs": 1, "batch_size": 8}  # and the usual shape, which is another one
    second = train(TrainingConfig(data=tgs, name="second", start_from=first, **options), QUIET)
    card = checkpoint.read_card(second)
    assert card["config"]["width"] == card["training"]["options"]["model"]["width"] == 2


def test_a_split_is_drawn_once_and_repeated(tgs):
    options = {"data": tgs, **TINY, "epochs": 1}
    first = train(TrainingConfig(name="first", val_share=0.5, **options), QUIET)
    (tgs / "sections.csv").unlink()  # as in the competition's own download
    again = train(TrainingConfig(name="again", seed=3, split=first.with_suffix(".json"), **options), QUIET)
    kept, repeated = (checkpoint.read_card(path)["split"] for path in (first, again))
    for part in ("train", "val", "by", "left_out", "sha256"):
        assert kept[part] == repeated[part]


def test_a_student_learns_from_its_teacher(tgs):
    """With the pictures' masks withheld, what the student knows it has from the teacher alone."""
    options = {"data": tgs, **TINY, "epochs": 1}
    teacher = train(TrainingConfig(name="teacher", **options), QUIET)
    left_out = checkpoint.read_card(teacher)["split"]["left_out"]
    student = train(TrainingConfig(name="student", teacher=(teacher,), **options), QUIET)
    card = checkpoint.read_card(student)
    assert [lineage["sha256"] for lineage in card["training"]["taught_by"]] == [checkpoint.read_card(teacher)["sha256"]]
    with safetensors.safe_open("runs/student/taught.safetensors", "numpy") as file:
        targets = file.get_tensor("targets")
    names = [f"{i}" for i in range(40, 60) if f"{i}" not in left_out]
    assert len(targets) == len(names)
    expected = Segmenter.load(teacher, fast=True).probability(
        cv2.imread(str(tgs / f"test/images/{names[3]}.png"), 0), tta=True
    )
    np.testing.assert_allclose(targets[3] / 255, expected, atol=0.003)

    with pytest.raises(TeacherError, match=r"learned from \d+ of the tiles that judge this run"):
        train(TrainingConfig(name="leak", teacher=(teacher,), seed=1, **{**options}), QUIET)
    with pytest.raises(TrainingError, match="a teacher needs tiles to look at"):
        train(TrainingConfig(name="nothing", teacher=(teacher,), **TINY), QUIET)


def test_a_network_learns():
    """A few seconds must beat calling everything salt (IoU 0.25) and calling nothing salt (IoU 0)."""
    options = {"epochs": 4, "batch_size": 16, "sections_per_epoch": 256, "model": UNetConfig(width=4, depth=3)}
    path = train(TrainingConfig(name="learns", learning_rate=5e-3, ema_decay=0.9, **options), QUIET)
    scores = checkpoint.read_card(path)["metrics"]["synthetic"]
    assert scores["iou"] > 0.4


def test_a_loss_that_explodes_stops_the_run_and_keeps_the_last_weights(monkeypatch):
    train(TrainingConfig(name="ok", **{**TINY, "epochs": 1}), QUIET)
    monkeypatch.setattr("unet.training.learning_rate", lambda config, position: float("inf"))
    with pytest.raises(TrainingError, match=r"the loss is nan in epoch 1, step 2"):
        train(TrainingConfig(name="bad", **TINY), QUIET)


def test_killed_at_any_moment_and_resumed_it_ends_with_the_same_weights():
    whole = launch("--name", "whole")
    assert whole.wait(120) == 0, whole.stderr.read()
    expected = checkpoint.read_card(Path("runs/whole/whole.safetensors"))["sha256"]
    for number in range(2):
        name = f"cut{number}"
        run = launch("--name", name)
        began = time.monotonic()
        path = Path(f"runs/{name}/metrics.jsonl")
        # One is killed by the clock, wherever it is; one just after its first epoch.
        while run.poll() is None and time.monotonic() - began < 60:
            if number == 0 and time.monotonic() - began > 4:
                break
            if number == 1 and path.exists():
                break
            time.sleep(0.01)
        run.send_signal(signal.SIGKILL)
        run.wait()
        resumed = launch("--name", name, "--resume")
        assert resumed.wait(120) == 0, resumed.stderr.read()
        assert checkpoint.read_card(Path(f"runs/{name}/{name}.safetensors"))["sha256"] == expected
        assert len(path.read_text().splitlines()) == 3


def test_two_processes_share_one_run(tgs):
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    teacher = train(TrainingConfig(data=tgs, name="teacher", **TINY | {"epochs": 1}), QUIET)
    options = [*OPTIONS, "--epochs=1", "--batch-size=4", "--name=both", f"--data={tgs}", f"--teacher={teacher}"]
    subprocess.run([*command, str(ROOT / "train.py"), *options], env=environment, check=True, capture_output=True)
    card = checkpoint.read_card(Path("runs/both/both.safetensors"))
    assert card["training"]["processes"] == 2
    assert card["training"]["command"].startswith("torchrun --standalone --nproc-per-node=2 ")
    alone = train(TrainingConfig(data=tgs, name="alone", teacher=(teacher,), **TINY | {"epochs": 1}), QUIET)
    labels = [path.parent / "taught.safetensors" for path in (Path("runs/both/both.safetensors"), alone)]
    assert labels[0].read_bytes() == labels[1].read_bytes()  # two halves make the whole


def test_the_command_line_says_what_is_wrong():
    for arguments, code, sentence in [
        (["--data", "nowhere"], 1, "no such file or folder"),
        (["--name", "../up"], 2, "plain folder name"),
        (["--epochs", "many"], 2, "epochs"),
    ]:
        run = launch(*arguments)
        assert run.wait(60) == code
        message = run.stderr.read()
        assert sentence in message
        assert "Traceback" not in message


@pytest.mark.skipif(not computes_bfloat16(), reason="this processor does not compute in bfloat16")
def test_half_precision_trains():
    path = train(TrainingConfig(name="half", precision="bf16-mixed", **TINY), QUIET)
    assert np.isfinite(checkpoint.read_card(path)["claim"]["value"])
