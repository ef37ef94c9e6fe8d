import hashlib
import io
import json
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
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
from unet.card import Card
from unet.files.atomic import write_atomically
from unet.data import dataset as dataset
from unet.data.dataset import epoch_order
from unet.data.tiles import DataError
from unet.image import RULE
from unet.model import UNetConfig
from unet.runtime import computes_bfloat16
from unet.synthetic import sections
from unet.training.config import TrainingConfig, differing, learning_rate
from unet.training.distillation import CHUNK, TeacherError, share_of, whole_of
from unet.training.loop import Run, TrainingError, read_checkpoint, train

TINY = {"epochs": 3, "batch_size": 8, "sections_per_epoch": 16, "model": UNetConfig(width=2, depth=2)}
QUIET = Console(quiet=True)
UNSEEN = 20
OPTIONS = ["--epochs=3", "--batch-size=8", "--sections-per-epoch=24", "--model.width=2", "--model.depth=2"]


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(dataset, "UNSEEN_COUNT", UNSEEN)  # to be drawn and looked at after every epoch


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
    assert (claim["split"], claim["count"], claim["tta"]) == ("synthetic", UNSEEN, True)
    images, masks = sections(UNSEEN, 1_000_000_000)
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
    """With the images' masks withheld, what the student knows it has from the teacher alone."""
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
    for image in (tgs / "train/images").iterdir():
        shutil.copy(image, tgs / "test/images")
    train(TrainingConfig(name="mixed", teacher=(teacher,), **options), QUIET)
    assert Path("runs/mixed/taught.safetensors").read_bytes() == whole

    with pytest.raises(TeacherError, match=r"learned from \d+ of the tiles that judge this run"):
        train(TrainingConfig(name="leak", teacher=(teacher,), seed=1, **{**options}), QUIET)
    with pytest.raises(TrainingError, match="a teacher needs tiles to look at"):
        train(TrainingConfig(name="nothing", teacher=(teacher,), **TINY), QUIET)


RESUMED = "runs/a/a.safetensors"


def stopped(monkeypatch, **options):
    """Stops a run ``a`` after its first epoch; the digest it would have ended with."""
    whole = train(TrainingConfig(name="whole", **options), QUIET)
    with monkeypatch.context() as patch:
        epoch = Run.epoch

        def stop(run):
            if len(run.history) == 1:
                raise KeyboardInterrupt
            epoch(run)

        patch.setattr(Run, "epoch", stop)
        with pytest.raises(KeyboardInterrupt):
            train(TrainingConfig(name="a", **options), QUIET)
    return checkpoint.read_card(whole)["sha256"]


def resumed(capsys, name="a", **options):
    """The digest that a resumed run ends with, and what it says."""
    path = train(TrainingConfig(name=name, resume=True, **options), Console(stderr=True))
    return checkpoint.read_card(path)["sha256"], " ".join(capsys.readouterr().err.split())


def test_a_resumed_run_goes_on_with_the_tiles_it_began_with_and_no_others(tgs, monkeypatch, capsys):
    digest = stopped(monkeypatch, data=tgs, **TINY)
    split = checkpoint.read_card(Path(RESUMED))["split"]
    # New sections would draw another split, and there are new tiles too.
    (tgs / "sections.csv").write_text("id,section\n" + "".join(f"{i:02},{i % 2}\n" for i in range(40)))
    for part in ("images", "masks"):
        shutil.copy(tgs / "train" / part / "00.png", tgs / "train" / part / "new.png")
    ended, said = resumed(capsys)
    assert ended == digest
    assert "1 other tiles there are not used" in said
    card = checkpoint.read_card(Path(RESUMED))
    assert card["split"] == split
    assert card["training"]["data"]["source"] == "tgs/train"
    assert card["training"]["data"]["tiles"] == 40


def test_the_tiles_of_a_run_may_move_but_not_change(tgs, monkeypatch, capsys):
    digest = stopped(monkeypatch, data=tgs, **TINY)
    shutil.copytree("runs/a", "runs/b")
    moved = Path(shutil.move(tgs, "elsewhere"))
    with pytest.raises(DataError, match=r"^tgs/train: no such file or folder any more, .* --data where those are"):
        train(TrainingConfig(name="a", resume=True), QUIET)
    ended, said = resumed(capsys, data=moved / "train")
    assert ended == digest
    assert "reading elsewhere/train" in said

    mask = moved / "train/masks/07.png"
    cv2.imwrite(str(mask), 255 - cv2.imread(str(mask), 0))
    with pytest.raises(DataError, match=r"1 of 40 tiles are not what they were .*began, first 07; say with"):
        train(TrainingConfig(name="b", resume=True, data=moved), QUIET)
    for part in ("images", "masks"):
        (moved / "train" / part / "08.png").unlink()
    with pytest.raises(DataError, match=r"1 of 40 tiles are not there, first 08; say with --data where"):
        train(TrainingConfig(name="b", resume=True, data=moved), QUIET)


def test_a_run_on_synthetic_sections_stays_one(tgs, monkeypatch, capsys):
    digest = stopped(monkeypatch, **TINY)
    shutil.copytree(tgs, "data/tgs-salt")
    ended, said = resumed(capsys, seed=9)
    assert ended == digest
    assert "not used, because a resumed run keeps its own options: --seed 9 " in said
    assert "learning from synthetic sections alone, as the run began" in said
    assert checkpoint.read_card(Path(RESUMED))["training"]["data"] == {"source": "synthetic"}
    with pytest.raises(DataError, match=r"learns from synthetic sections and cannot go on with tgs; begin another"):
        train(TrainingConfig(name="a", resume=True, data=tgs), QUIET)


def test_what_taught_a_run_is_in_its_checkpoint(tgs, monkeypatch, capsys):
    options = {"data": tgs, **TINY, "epochs": 1}
    teacher, other = (train(TrainingConfig(name=name, **options), QUIET) for name in ("teacher", "other"))
    first = train(TrainingConfig(name="first", **options), QUIET)
    options = {"data": tgs, "teacher": (teacher,), "start_from": first, **TINY, "epochs": 2}
    digest = stopped(monkeypatch, **options)
    before = checkpoint.read_card(Path(RESUMED))["training"]
    shutil.copytree("runs/a", "runs/b")
    shutil.rmtree("runs/first")  # the weights it began with are not read again
    Path("runs/teacher").rename("runs/moved")
    with pytest.raises(TeacherError, match=r"^runs/teacher/teacher.safetensors: this teacher .* with --teacher where"):
        train(TrainingConfig(name="a", resume=True), QUIET)
    image = tgs / "test/images/50.png"
    shutil.copy(image, tgs / "test/images/new.png")
    shutil.move(tgs / "test", "images")
    moved = {"teacher": (Path("runs/moved/teacher.safetensors"),), "unlabelled": Path("images")}
    ended, said = resumed(capsys, **moved)
    assert ended == digest
    assert "reading images" in said
    assert "other tiles there are not used" in said
    after = checkpoint.read_card(Path(RESUMED))["training"]
    assert [after[key] for key in ("taught_by", "started_from")] == [before[k] for k in ("taught_by", "started_from")]

    weights, card = (other.with_suffix(suffix) for suffix in (".safetensors", ".json"))
    network, entries = checkpoint.load(weights)
    network.head.bias.data += 1
    checkpoint.save(weights, network, entries)
    with pytest.raises(TeacherError, match=r"^runs/other/other.safetensors is not a teacher that this run began with"):
        train(TrainingConfig(name="b", resume=True, **moved | {"teacher": (other,)}), QUIET)
    image = Path("images/images/50.png")
    cv2.imwrite(str(image), 255 - cv2.imread(str(image), 0))
    with pytest.raises(DataError, match=r"images: 1 of \d+ tiles are not what they were .* first 50; say with --unl"):
        train(TrainingConfig(name="b", resume=True, **moved), QUIET)


def test_a_checkpoint_of_an_earlier_version_is_not_called_damaged():
    train(TrainingConfig(name="a", **TINY | {"epochs": 1}), QUIET)
    path = Path("runs/a/resume-odd.pt")
    state = read_checkpoint(path)
    del state["data_record"]
    buffer = io.BytesIO()
    torch.save(state, buffer)
    path.write_bytes(hashlib.sha256(buffer.getvalue()).digest() + buffer.getvalue())
    with pytest.raises(TrainingError, match=r"resume-odd.pt is of an earlier version, .*--start-from runs/a/a.safet"):
        train(TrainingConfig(name="a", resume=True), QUIET)


def test_options_that_a_resumed_run_does_not_use_are_named(monkeypatch):
    own = TrainingConfig(name="a", data=Path("x"), **TINY)
    assert differing(replace(own, resume=True, data=Path("elsewhere")), own) == []
    given = TrainingConfig(
        name="a", resume=True, epochs=9, split=Path("a card.json"), model=UNetConfig(width=2, depth=3)
    )
    assert differing(given, own) == ["--split a card.json", "--epochs 9", "--model.depth 3"]
    # A usual value is no option given, unless the command says so.
    monkeypatch.setattr(sys, "argv", ["/somewhere/train.py", "--resume", "--batch_size=32", "--seed", "0"])
    assert differing(TrainingConfig(name="a", resume=True), own) == ["--batch-size 32"]


def test_images_exported_anew_are_labelled_anew(tgs):
    options = {"data": tgs, **TINY, "epochs": 1}
    teacher = train(TrainingConfig(name="teacher", **options), QUIET)
    train(TrainingConfig(name="a", teacher=(teacher,), **options), QUIET)
    cache = Path("runs/a/taught.safetensors")
    before = cache.read_bytes()
    for checkpoints in Path("runs/a").glob("a.*"), Path("runs/a").glob("*.pt"):
        for path in checkpoints:
            path.unlink()
    for path in (tgs / "test/images").iterdir():
        cv2.imwrite(str(path), 255 - cv2.imread(str(path), 0))
    train(TrainingConfig(name="a", teacher=(teacher,), **options), QUIET)
    assert cache.read_bytes() != before


def test_without_data_the_first_line_says_what_was_looked_for_and_what_happens(tmp_path, capsys):
    train(TrainingConfig(name="a", **TINY | {"epochs": 1}), Console(stderr=True))
    first = " ".join(capsys.readouterr().err.split())
    assert first.startswith(
        f"no --data, and {tmp_path}/data/tgs-salt is not there: learning from synthetic sections alone"
    )


@pytest.mark.parametrize(("value", "named"), [(255, "a pixel without salt"), (0, "a pixel of salt")])
def test_masks_that_teach_nothing_are_refused(tgs, value, named):
    for path in (tgs / "train/masks").iterdir():
        cv2.imwrite(str(path), np.full((101, 101), value, np.uint8))
    with pytest.raises(DataError, match=rf"expected masks with salt and without to learn from; no mask holds {named}"):
        train(TrainingConfig(data=tgs, name="a", **TINY), QUIET)


def test_weights_from_tiles_keep_their_licence(tgs):
    options = TINY | {"epochs": 1}
    first = train(TrainingConfig(data=tgs, name="first", **options), QUIET)
    second = train(TrainingConfig(name="second", start_from=first, **options), QUIET)
    assert checkpoint.read_card(second)["licence"] == checkpoint.read_card(first)["licence"]
    assert "MIT" not in checkpoint.read_card(second)["licence"]


def test_a_label_does_not_depend_on_how_many_share_the_work(small_model, image):
    """Batches of one composition, on one thread each: then it holds on every processor, whatever its instructions."""
    images = np.stack([np.roll(image, 3 * i, axis=1) for i in range(2 * CHUNK + 5)])
    teachers = [Segmenter(small_model, Card(threshold=0.5, input=RULE), fast=True)]
    seen = []
    network = teachers[0]._network.forward

    def recorded(x):
        seen.append((x.shape[0], torch.get_num_threads()))
        return network(x)

    teachers[0]._network.forward = recorded
    labels = _labels(teachers, images, processes=1)
    assert sorted(seen) == [(5, 1)] * 2 + [(CHUNK, 1)] * 4
    for processes in (2, 3, 5):
        np.testing.assert_array_equal(labels, _labels(teachers, images, processes))
    assert torch.get_num_threads() == 1
    torch.set_num_threads(2)
    try:
        np.testing.assert_array_equal(labels, _labels(teachers, images, 1))
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(1)
    assert {threads for _, threads in seen} == {1}


def _labels(teachers, images, processes):
    """The labels that processes together make, one after the other."""
    shares = [share_of(teachers, images, rank, processes, QUIET) for rank in range(processes)]
    return whole_of(shares, len(images))


def test_a_network_learns():
    """A few seconds must beat calling everything salt (IoU 0.25) and calling nothing salt (IoU 0)."""
    options = {"epochs": 4, "batch_size": 16, "sections_per_epoch": 256, "model": UNetConfig(width=4, depth=3)}
    path = train(TrainingConfig(name="learns", learning_rate=5e-3, ema_decay=0.9, **options), QUIET)
    scores = checkpoint.read_card(path)["metrics"]["synthetic"]
    assert scores["iou"] > 0.4


def test_a_loss_that_explodes_stops_the_run_names_the_batch_and_keeps_the_last_weights(monkeypatch):
    real = learning_rate
    rate = lambda config, progress: float("inf") if progress >= 1 / 3 else real(config, progress)  # noqa: E731
    monkeypatch.setattr("unet.training.loop.learning_rate", rate)
    with pytest.raises(TrainingError) as error:
        train(TrainingConfig(name="bad", **TINY), QUIET)
    tiles = ", ".join(f"synthetic section {16 + row}" for row in epoch_order(16, 0, 1, 8, 1, 0)[1])
    assert f"the loss is nan in epoch 2, step 2 (tiles {tiles}); the weights of epoch 1 are kept" in str(error.value)
    assert checkpoint.load(Path("runs/bad/bad.safetensors"))[1]["training"]["epochs"] == 1


def test_weights_that_explode_in_an_epochs_last_step_are_not_kept(monkeypatch):
    monkeypatch.setattr("unet.training.loop.learning_rate", lambda config, progress: float("inf") if progress else 0.0)
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
        patch.setattr("unet.training.loop.write_atomically", write)
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
    # Two halves make the whole, on every processor: the same tiles are computed together, on one thread.
    assert labels[0].read_bytes() == labels[1].read_bytes()


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
