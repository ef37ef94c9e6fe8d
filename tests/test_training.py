import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import safetensors
import torch
from rich.console import Console

from tests.conftest import ROOT
from train import main
from unet import Segmenter, checkpoint, metrics
from unet.checkpoint import write_atomically
from unet.material import epoch_order
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
    for _ in range(2):
        with pytest.raises(TrainingError, match="holds a run already; pass --resume"):
            train(TrainingConfig(name="a", **TINY), QUIET)
        for checkpoints in Path("runs/a").glob("*.pt"):  # once more with the weights alone
            checkpoints.unlink()


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


def test_a_student_learns_from_its_teacher(tgs, capsys):
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

    path = Path("runs/student/taught.safetensors")
    whole = path.read_bytes()
    path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    train(TrainingConfig(name="student", resume=True), Console(stderr=True))
    assert "taught.safetensors is damaged" in " ".join(capsys.readouterr().err.split())
    assert path.read_bytes() == whole

    # A folder that holds the labelled tiles too: those that judge must not teach, and no tile comes twice.
    for picture in (tgs / "train/images").iterdir():
        shutil.copy(picture, tgs / "test/images")
    train(TrainingConfig(name="mixed", teacher=(teacher,), **options), QUIET)
    assert Path("runs/mixed/taught.safetensors").read_bytes() == whole

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


def test_a_loss_that_explodes_stops_the_run_names_the_batch_and_keeps_the_last_weights(monkeypatch):
    real = learning_rate
    rate = lambda config, progress: float("inf") if progress >= 1 / 3 else real(config, progress)  # noqa: E731
    monkeypatch.setattr("unet.training.learning_rate", rate)
    with pytest.raises(TrainingError) as error:
        train(TrainingConfig(name="bad", **TINY), QUIET)
    tiles = ", ".join(f"synthetic section {16 + row}" for row in epoch_order(16, 0, 1, 8, 1, 0)[1])
    assert f"the loss is nan in epoch 2, step 2 (tiles {tiles}); the weights of epoch 1 are kept" in str(error.value)
    assert checkpoint.load(Path("runs/bad/bad.safetensors"))[1]["training"]["epochs"] == 1


def test_weights_that_explode_in_an_epochs_last_step_are_not_kept(monkeypatch):
    monkeypatch.setattr("unet.training.learning_rate", lambda config, progress: float("inf") if progress else 0.0)
    with pytest.raises(TrainingError, match=r"no longer finite in epoch 1, step 2 .*no epoch was complete"):
        train(TrainingConfig(name="bad", **TINY), QUIET)
    assert not any(Path("runs/bad").iterdir())


def test_a_damaged_checkpoint_is_noticed_and_the_one_before_serves(capsys):
    path = train(TrainingConfig(name="whole", **TINY), QUIET)
    expected = checkpoint.read_card(path)["sha256"]
    content = (path.parent / "resume-odd.pt").read_bytes()  # of epoch 3, the last
    for number, damaged in enumerate([content[:1000], content[:-1] + bytes([content[-1] ^ 1])]):
        copy = Path(shutil.copytree("runs/whole", f"runs/copy{number}"))
        (copy / "resume-odd.pt").write_bytes(damaged)
        config = TrainingConfig(name=copy.name, resume=True)
        again = train(config, Console(stderr=True))
        said = " ".join(capsys.readouterr().err.split())
        assert "resume-odd.pt is damaged on disk, resume-even.pt is whole; going on after epoch 2" in said
        assert again.parent == copy  # not the folder of the run it is a copy of
        assert checkpoint.read_card(again)["sha256"] == expected
    for name in ("resume-odd.pt", "resume-even.pt"):
        (path.parent / name).write_bytes(b"")
    with pytest.raises(TrainingError, match=r"resume-even.pt and resume-odd.pt cannot be gone on from.*--start-from"):
        train(TrainingConfig(name="whole", resume=True), QUIET)
    assert checkpoint.load(path)[1]["sha256"] == expected


def test_ctrl_c_within_a_write_waits_for_its_end(monkeypatch):
    def write(path, content):
        signal.raise_signal(signal.SIGINT)
        write_atomically(path, content)

    with monkeypatch.context() as patch:
        patch.setattr("unet.training.write_atomically", write)
        with pytest.raises(KeyboardInterrupt):
            train(TrainingConfig(name="a", **TINY), QUIET)
    assert sorted(path.name for path in Path("runs/a").iterdir()) == [
        "a.json", "a.safetensors", "metrics.jsonl", "resume-odd.pt",
    ]  # fmt: skip
    checkpoint.load(Path("runs/a/a.safetensors"))


def test_a_folder_that_cannot_be_made_is_told_before_anything_is_learned():
    Path("runs").write_text("a file")
    with pytest.raises(TrainingError, match=r"runs/a cannot be written \("):
        train(TrainingConfig(name="a", **TINY), QUIET)


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


@pytest.mark.parametrize(
    ("words", "status", "sentence"),
    [
        (["--data", "nowhere"], 1, "error: nowhere: no such file or folder"),
        (["--start-from", "no\x1bwhere.safetensors"], 2, "error: no\\x1bwhere.json: the card of"),
        (["--name", "../up"], 2, "plain folder name"),
        (["--epochs", "many"], 2, "epochs"),
    ],
)
def test_the_command_line_says_what_is_wrong(words, status, sentence, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["train.py", *OPTIONS, *words])
    monkeypatch.setattr(signal, "signal", lambda *_: None)  # this process keeps its own
    try:
        ended = main()
    except SystemExit as leaving:  # as every parser of command lines does
        ended = leaving.code
    assert ended == status
    assert sentence in capsys.readouterr().err


@pytest.mark.skipif(not computes_bfloat16(), reason="this processor does not compute in bfloat16")
def test_half_precision_trains():
    path = train(TrainingConfig(name="half", precision="bf16-mixed", **TINY), QUIET)
    assert np.isfinite(checkpoint.read_card(path)["claim"]["value"])
