"""Training through its front door: options in, weights, card and resume checkpoints out."""

import copy
import hashlib
import io
import json
import math
import shlex
import shutil
import signal
import sys
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import safetensors
import torch
import tyro
from rich.console import Console

from tests.robustness.hostile_files import flipped, plant
from train import main
from unet import Segmenter, checkpoint, metrics
from unet.card import Card
from unet.cli.main import main as run_command
from unet.data import dataset
from unet.data.batches import epoch_order
from unet.data.places import DataError
from unet.files import atomic
from unet.image import RULE
from unet.model import UNet, UNetConfig
from unet.runtime import computes_bfloat16
from unet.synthetic import sections
from unet.training import loop, resume
from unet.training.config import TrainingConfig, learning_rate, unused_options
from unet.training.data_record import TeacherRecord
from unet.training.distillation import CACHE, CHUNK, Teacher, TeacherError, join_shares, label_share
from unet.training.errors import TrainingError
from unet.training.loop import Run, train
from unet.training.moving_average import MovingAverage

TINY = {"epochs": 3, "batch_size": 8, "sections_per_epoch": 16, "model": UNetConfig(width=2, depth=2)}
ONE = TINY | {"epochs": 1}
QUIET = Console(quiet=True)
UNSEEN = 8


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(dataset, "UNSEEN_COUNT", UNSEEN)  # they are drawn and scored after every epoch


def trained(name, **options):
    """The weights and the card of a run."""
    path = train(TrainingConfig(name=name, **options), QUIET)
    return path, checkpoint.read_card(path)


def resumed(capsys, name, **options):
    """The SHA-256 of the weights a resumed run ends with, and what it prints."""
    path = train(TrainingConfig(name=name, resume=True, **options), Console(stderr=True))
    return checkpoint.read_card(path).sha256, " ".join(capsys.readouterr().err.split())


@pytest.fixture
def stopped(monkeypatch):
    """Stops runs after their first epoch, and returns the SHA-256 of the weights they would have ended with."""

    def stop(*names, **options):
        _, card = trained("whole", **options)
        epoch = Run.epoch

        def once(run):
            if run.epochs == 1:
                raise KeyboardInterrupt
            epoch(run)

        with monkeypatch.context() as patch:
            patch.setattr(Run, "epoch", once)
            with pytest.raises(KeyboardInterrupt):
                train(TrainingConfig(name=names[0], **options), QUIET)
        for name in names[1:]:
            shutil.copytree(f"runs/{names[0]}", f"runs/{name}")
        return card.sha256

    return stop


def invert(path):
    """Changes the pixels of an image file."""
    cv2.imwrite(str(path), 255 - cv2.imread(str(path), 0))


def test_the_learning_rate_rises_falls_and_ends_at_nothing():
    config = TrainingConfig(learning_rate=1.0, warm_up=0.1)
    assert [learning_rate(config, p) for p in (0, 0.05, 0.1, 0.55, 1)] == pytest.approx([0, 0.5, 1, 0.5, 0])


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"name": "../x"}, "expected name to be a plain folder name, got '../x'"),
        ({"epochs": 0}, "expected epochs to be at least 1, got 0"),
        ({"warm_up": float("nan")}, "expected warm_up to be between 0 and 1, got nan"),
        ({"coarse": 0.1}, "expected coarse to be between 0.2 and 1, got 0.1"),
        ({"synthetic_share": 1.0}, "expected synthetic_share below 1"),
        ({"unlabelled_share": 0.95, "teacher": (Path("t"),)}, "leave room for the labelled tiles, got 0.05 and 0.95"),
        ({"validate_every": 0}, "expected validate_every to be at least 1, got 0"),
        ({"teacher_weight": (1.0,)}, "expected a teacher_weight for each teacher, got 1 for 0"),
        ({"teacher": (Path("t"),), "teacher_weight": (-1.0,)}, "every teacher_weight to be a finite number above 0"),
        ({"unlabelled": Path("u")}, "expected a teacher for the unlabelled tiles, got none; name one with --teacher"),
    ],
)
def test_options_that_cannot_be_are_refused(options, sentence):
    with pytest.raises(ValueError, match=sentence):
        TrainingConfig(**options)


def test_options_that_a_resumed_run_does_not_use_are_named(monkeypatch):
    own = TrainingConfig(name="a", data=Path("x"), **TINY)
    assert unused_options(replace(own, resume=True, data=Path("elsewhere")), own) == []
    # The batch size is the default, and counts as given only if it is a word of the command.
    given = replace(own, epochs=9, batch_size=32, split=Path("a card.json"), model=UNetConfig(width=2, depth=3))
    assert unused_options(given, own) == ["--split a card.json", "--epochs 9", "--model.depth 3"]
    monkeypatch.setattr(sys, "argv", ["/somewhere/train.py", "--resume", "--batch_size=32", "--seed", "0"])
    assert unused_options(TrainingConfig(name="a", resume=True), own) == ["--batch-size 32"]


def test_a_run_from_nothing_to_weights_that_say_what_they_are(tmp_path, capsys):
    path = train(TrainingConfig(name="a", **TINY), Console(stderr=True))
    first = f"no --data, and {tmp_path}/data/tgs-salt is not there: learning from synthetic sections alone"
    assert " ".join(capsys.readouterr().err.split()).startswith(first)
    segmenter = Segmenter.load(path)
    claim = segmenter.card.claim
    assert (claim.split, claim.count, claim.tta, claim.threshold) == ("synthetic", UNSEEN, True, segmenter.threshold)
    images, masks = sections(UNSEEN, 1_000_000_000)
    again = metrics.evaluate(segmenter.probabilities(list(images), tta=True), list(masks), claim.threshold)
    assert again.mAP == pytest.approx(claim.value, abs=1e-4)
    history = [json.loads(line) for line in Path("runs/a/metrics.jsonl").read_text().splitlines()]
    assert [entry["epoch"] for entry in history] == [1, 2, 3]
    for _ in range(2):
        with pytest.raises(TrainingError, match="holds a run already; pass --resume"):
            train(TrainingConfig(name="a", **TINY), QUIET)
        for checkpoints in Path("runs/a").glob("*.pt"):  # once more with the weights alone
            checkpoints.unlink()


def test_a_network_learns(monkeypatch):
    """64 steps beat calling everything salt (IoU 0.37) and calling nothing salt (IoU 0)."""
    monkeypatch.setattr(dataset, "UNSEEN_COUNT", 20)
    options = {"epochs": 4, "batch_size": 4, "sections_per_epoch": 64, "model": UNetConfig(width=4, depth=2)}
    _, card = trained("learns", learning_rate=0.01, ema_decay=0.9, seed=1, **options)
    assert card.metrics["synthetic"]["iou"] > 0.4


@pytest.mark.skipif(not computes_bfloat16(), reason="this processor does not compute in bfloat16")
def test_half_precision_trains():
    assert trained("half", precision="bf16-mixed", **TINY)[1].training["precision"] == "bf16-mixed"


def test_a_split_is_of_whole_sections_drawn_once_and_repeated(tgs):
    first, card = trained("first", data=tgs, val_share=0.5, **ONE)
    split = card.split
    assert split.by == "section"
    assert len(split.train) + len(split.val) == 40
    validating = {int(name) // 4 for name in split.val}
    assert not {int(name) // 4 for name in split.train} & validating
    assert list(split.left_out) == [name for name, section in (("40", 0), ("41", 1)) if section in validating]
    (tgs / "sections.csv").unlink()  # as in the competition's own download
    _, again = trained("again", data=tgs, seed=3, split=first.with_suffix(".json"), **ONE)
    for part in ("train", "val", "by", "left_out", "sha256"):
        assert getattr(again.split, part) == getattr(split, part)


def test_other_weights_to_start_from_bring_shape_lineage_and_licence_and_are_not_validated_on_what_they_learned(tgs):
    first, card = trained("first", data=tgs, **ONE)
    # Without a learning rate the weights stay, and only the statistics of the batch norm move.
    second, later = trained("second", start_from=first, learning_rate=0.0, epochs=1, batch_size=8, sections_per_epoch=8)
    before, after = (checkpoint.load(path)[0].parameters() for path in (first, second))
    torch.testing.assert_close(list(before), list(after))
    assert later.config.width == later.training["options"]["model"]["width"] == 2  # and not the default
    assert later.training["started_from"]["sha256"] == card.sha256
    assert later.training["started_from"]["training"]["command"] == card.training["command"]
    assert later.licence == card.licence
    assert "MIT" not in card.licence
    with pytest.raises(TrainingError, match=r"seen no tile that validates .* learned from \d+ .* use the --split"):
        train(TrainingConfig(name="third", data=tgs, start_from=first, seed=1, **ONE), QUIET)


def test_masks_of_one_class_are_refused(tgs):
    for path in (tgs / "train/masks").iterdir():
        cv2.imwrite(str(path), np.zeros((101, 101), np.uint8))
    with pytest.raises(DataError, match="salt and without to learn from, got one kind: .*a pixel of salt"):
        dataset.load_dataset(tgs, 0.1, 0)


def test_a_student_learns_from_its_teacher(tgs, capsys):
    teacher, card = trained("teacher", data=tgs, **ONE)
    options = {"data": tgs, "teacher": (teacher,), **ONE}
    _, student = trained("student", **options)
    assert [lineage["sha256"] for lineage in student.training["taught_by"]] == [card.sha256]
    cache = Path("runs/student") / CACHE
    with safetensors.safe_open(cache, "numpy") as file:
        targets = file.get_tensor("targets")
    names = [f"{i}" for i in range(40, 60) if f"{i}" not in card.split.left_out]
    assert len(targets) == len(names)
    tile = cv2.imread(str(tgs / f"test/images/{names[3]}.png"), 0)
    expected = Segmenter.load(teacher, fast=True).probability(tile, tta=True)
    np.testing.assert_allclose(targets[3] / 255, expected, atol=0.003)

    whole = cache.read_bytes()
    cache.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    assert f"{CACHE} is damaged" in resumed(capsys, "student")[1]
    assert cache.read_bytes() == whole
    # A folder that holds the labelled tiles too: none that validates is labelled, and no tile comes twice.
    for image in (tgs / "train/images").iterdir():
        shutil.copy(image, tgs / "test/images")
    trained("mixed", **options)
    assert Path("runs/mixed", CACHE).read_bytes() == whole
    for path in [*Path("runs/mixed").glob("mixed.*"), *Path("runs/mixed").glob("*.pt")]:
        path.unlink()
    for path in (tgs / "test/images").iterdir():
        invert(path)
    trained("mixed", **options)
    assert Path("runs/mixed", CACHE).read_bytes() != whole
    with pytest.raises(TeacherError, match=r"seen no validation tile .* learned from \d+ .* on the same --split"):
        train(TrainingConfig(name="leak", seed=1, **options), QUIET)
    with pytest.raises(TrainingError, match="expected tiles for the teachers to label, got none"):
        train(TrainingConfig(name="nothing", teacher=(teacher,), **TINY), QUIET)


def test_a_label_does_not_depend_on_how_many_share_the_work(small_model, image):
    """Batches of one composition, on one thread each: then it holds on every processor, whatever its instructions."""
    images = np.stack([np.roll(image, 3 * i, axis=1) for i in range(2 * CHUNK + 5)])
    segmenter, seen = Segmenter(small_model, Card(threshold=0.5, input=RULE), fast=True), []
    predict, teachers = segmenter.probabilities, [Teacher(TeacherRecord(path="t", sha256="0"), segmenter)]
    segmenter.probabilities = lambda tiles, **options: (
        seen.append((len(tiles), torch.get_num_threads())) or predict(tiles, **options)
    )
    found = []
    for processes, threads in ((1, 1), (2, 1), (3, 1), (5, 1), (1, 2)):
        torch.set_num_threads(threads)
        shares = [label_share(teachers, [1.0], images, rank, processes, QUIET) for rank in range(processes)]
        found.append(join_shares(np.stack(shares), len(images)))
        assert torch.get_num_threads() == threads
    torch.set_num_threads(1)
    assert all(np.array_equal(labels, found[0]) for labels in found)
    assert sorted(seen) == [(5, 1)] * 5 + [(CHUNK, 1)] * 10


def test_teachers_count_as_much_as_their_weights_say(small_model, image):
    other = copy.deepcopy(small_model)
    other.head.bias.data += 1
    networks = [Segmenter(model, Card(threshold=0.5, input=RULE)) for model in (small_model, other)]
    teachers = [Teacher(TeacherRecord(path="t", sha256="0"), network) for network in networks]
    labels = label_share(teachers, [1.0, 3.0], image[None], 0, 1, QUIET)
    first, second = (network.probability(image, tta=True) for network in networks)
    np.testing.assert_allclose(labels[0, 0] / 255, (first + 3 * second) / 4, atol=0.002)


def test_epochs_between_two_validations_are_neither_validated_nor_written():
    _, often = trained("often", **TINY | {"epochs": 5})
    _, seldom = trained("seldom", validate_every=2, **TINY | {"epochs": 5})
    assert seldom.sha256 == often.sha256
    assert seldom.training["epochs"] == 5
    assert [entry["epoch"] for entry in seldom.training["history"]] == [2, 4, 5]


def test_a_moving_average_follows_the_weights_fast_at_first():
    model = UNet(UNetConfig(width=1, depth=1)).requires_grad_(False)
    average, expected = MovingAverage(model, decay=0.5), model.head.bias.clone()
    for step, decay in enumerate((0.1, 2 / 11, 0.25)):
        model.head.bias.add_(1)
        average.update(model, step)
        expected = decay * expected + (1 - decay) * model.head.bias
        torch.testing.assert_close(average.network.head.bias.data, expected)
    average.update(model, 1000)
    torch.testing.assert_close(average.network.head.bias.data, (expected + model.head.bias) / 2)


def test_a_resumed_run_goes_on_with_the_tiles_it_began_with_wherever_they_are_and_no_others(tgs, stopped, capsys):
    sha256 = stopped("a", "b", "c", data=tgs, **TINY)
    split = checkpoint.read_card(Path("runs/a/a.safetensors")).split
    # New sections would draw another split, and there are new tiles too.
    (tgs / "sections.csv").write_text("id,section\n" + "".join(f"{i:02},{i % 2}\n" for i in range(40)))
    for part in ("images", "masks"):
        shutil.copy(tgs / "train" / part / "00.png", tgs / "train" / part / "new.png")
    ended, printed = resumed(capsys, "a")
    assert ended == sha256
    assert "1 other tiles there are not used" in printed
    card = checkpoint.read_card(Path("runs/a/a.safetensors"))
    assert (card.split, card.training["data"]["source"]) == (split, "tgs/train")

    moved = Path(shutil.move(tgs, "elsewhere"))
    with pytest.raises(DataError, match=r"^tgs/train: expected the tiles of this run, got no file .* --data where"):
        resumed(capsys, "b")
    ended, printed = resumed(capsys, "b", data=moved / "train")
    assert ended == sha256
    assert "reading elsewhere/train" in printed

    invert(moved / "train/masks/07.png")
    with pytest.raises(DataError, match=r"as they were when this run began, got 1 of 40 changed, first 07; say with"):
        resumed(capsys, "c", data=moved)
    for part in ("images", "masks"):
        (moved / "train" / part / "08.png").unlink()
    with pytest.raises(DataError, match=r"expected 40 tiles, got all but 1, first 08; say with --data where"):
        resumed(capsys, "c", data=moved)


def test_a_run_on_synthetic_sections_stays_one(tgs, stopped, capsys):
    sha256 = stopped("a", **TINY)
    shutil.copytree(tgs, "data/tgs-salt")
    ended, printed = resumed(capsys, "a", seed=9)
    assert ended == sha256
    assert "not used, because a resumed run keeps its own options: --seed 9 " in printed
    assert "learning from synthetic sections alone, as the run began" in printed
    assert checkpoint.read_card(Path("runs/a/a.safetensors")).training["data"] == {"source": "synthetic"}
    with pytest.raises(DataError, match=r"expected to go on with synthetic sections, .* got tgs; begin another"):
        resumed(capsys, "a", data=tgs)


def test_a_resumed_run_goes_on_with_its_teachers_and_their_tiles(tgs, stopped, capsys):
    (teacher, _), (other, _), (first, _) = (trained(name, data=tgs, **ONE) for name in ("teacher", "other", "first"))
    sha256 = stopped("a", "b", data=tgs, teacher=(teacher,), start_from=first, **TINY | {"epochs": 2})
    # Stopped runs of any version hold these names.
    values = torch.load(io.BytesIO(Path("runs/a/resume-odd.pt").read_bytes()[32:]), weights_only=True)
    names = ["config", "model", "moving_average", "optimizer", "history", "learns_from", "snapshots"]
    assert list(values) == names  # the last is new, and may be missing
    assert list(values["learns_from"]) == ["source", "split", "digests", "notes", "unlabelled", "teachers", "parents"]
    before = checkpoint.read_card(Path("runs/a/a.safetensors")).training
    shutil.rmtree("runs/first")  # the weights it started from are not read again
    Path("runs/teacher").rename("runs/moved")
    with pytest.raises(TeacherError, match=r"^runs/teacher/teacher.safetensors: expected a teacher .* with --teacher"):
        resumed(capsys, "a")
    shutil.copy(tgs / "test/images/50.png", tgs / "test/images/new.png")
    shutil.move(tgs / "test", "images")
    moved = {"teacher": (Path("runs/moved/teacher.safetensors"),), "unlabelled": Path("images")}
    ended, printed = resumed(capsys, "a", **moved)
    assert ended == sha256
    assert "reading images" in printed
    assert "other tiles there are not used" in printed
    after = checkpoint.read_card(Path("runs/a/a.safetensors")).training
    assert [after[key] for key in ("taught_by", "started_from")] == [before[k] for k in ("taught_by", "started_from")]

    network, card = checkpoint.load(other)
    network.head.bias.data += 1
    checkpoint.save(other, network, card)
    with pytest.raises(TeacherError, match=r"teachers that this run began with, got also runs/other/other.safetensors"):
        resumed(capsys, "b", **moved | {"teacher": (other,)})
    invert("images/images/50.png")
    with pytest.raises(DataError, match=r"images: expected .* 1 of \d+ changed, first 50; say with --unl"):
        resumed(capsys, "b", **moved)


def test_a_damaged_checkpoint_is_noticed_and_the_one_before_serves(capsys):
    path, card = trained("whole", **TINY)
    content = (path.parent / "resume-odd.pt").read_bytes()  # of epoch 3, the last
    torch.save({"config": {}}, buffer := io.BytesIO())
    other = hashlib.sha256(buffer.getvalue()).digest() + buffer.getvalue()
    bits = np.random.default_rng(0).integers(0, 8 * len(content), 50).tolist()
    damaged = Path(shutil.copytree("runs/whole", "runs/copy"), "resume-odd.pt")
    for left in (content[:1000], other, *(flipped(content, bit) for bit in bits)):
        damaged.write_bytes(left)
        assert resume.read_state(damaged) is None
    ended, printed = resumed(capsys, "copy")
    assert "resume-odd.pt is damaged or of another version, resume-even.pt is whole; going on after e" in printed
    assert ended == card.sha256  # in its own folder, not in that of the run it is a copy of
    for name in resume.CHECKPOINTS:
        (path.parent / name).write_bytes(b"")
    with pytest.raises(TrainingError, match=r"resume-even.pt and resume-odd.pt, damaged or of another.*--start-from"):
        resumed(capsys, "whole")


@pytest.mark.parametrize(
    ("share", "sentence", "epochs"),
    [
        (1 / 3, r"the loss is nan in epoch 2, step 2 \(tiles {tiles}\); the weights of epoch 1 are in", [1]),
        (1 / 6, r"the weights are no longer finite in epoch 1, step 2 .*; no epoch was written", []),  # its last step
    ],
)
def test_an_explosion_stops_the_run_names_the_batch_and_leaves_the_last_weights(share, sentence, epochs, monkeypatch):
    monkeypatch.setattr(loop, "learning_rate", lambda config, progress: math.inf if progress >= share else 1e-3)
    tiles = ", ".join(f"synthetic section {16 + row}" for row in epoch_order(16, 0, 1, 8, 1, 0)[1])
    with pytest.raises(TrainingError, match=sentence.format(tiles=tiles)):
        train(TrainingConfig(name="bad", **TINY), QUIET)
    weights = list(Path("runs/bad").glob("*.safetensors"))
    assert [checkpoint.load(path)[1].training["epochs"] for path in weights] == epochs


def test_ctrl_c_within_a_write_waits_for_its_end(monkeypatch):
    def write(path, content):
        signal.raise_signal(signal.SIGINT)
        atomic.write_atomically(path, content)

    monkeypatch.setattr(checkpoint, "write_atomically", write)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # which a background job would not hear
    try:
        with pytest.raises(KeyboardInterrupt):
            train(TrainingConfig(name="a", **TINY), QUIET)
    finally:
        signal.signal(signal.SIGINT, before)
    written = sorted(path.name for path in Path("runs/a").iterdir())
    assert written == ["a.json", "a.safetensors", "metrics.jsonl", "resume-odd.pt"]
    checkpoint.load(Path("runs/a/a.safetensors"))


def test_a_full_disk_ends_a_run_in_one_sentence_and_it_goes_on_with_more_room(monkeypatch, capsys):
    _, card = trained("whole", **TINY)
    files = iter(range(9))

    def write(path, content):
        if next(files) == 3:  # the card of the second epoch
            raise OSError(28, "No space left on device")
        atomic.write_atomically(path, content)

    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, "write_atomically", write)
        with pytest.raises(TrainingError, match=r"^runs/a cannot be written \(No space left on device\).* --resume$"):
            train(TrainingConfig(name="a", **TINY), QUIET)
    assert resumed(capsys, "a")[0] == card.sha256


def test_the_commands_of_the_readme_make_weights(tgs):
    """Each as it stands there, for one epoch of a tiny network."""
    shutil.copytree(tgs, "data/tgs-salt")
    split = trained("card", data=tgs, **ONE)[0].with_suffix(".json").read_bytes()
    plant(Path("weights"), {"salt-unet.json": split})
    small = ["--model.encoder", "blocks", "--model.width", "2", "--model.depth", "2"]
    tiny = ["--epochs", "1", "--batch-size", "4", "--validate-every", "1", *small]
    readme = (Path(__file__).parents[1] / "README.md").read_text()
    recipe = readme[readme.index("### The recipe") : readme.index("## Results")]
    commands = [shlex.split(line)[1:] for line in recipe.splitlines() if line.startswith("    python ")]
    for program, *words in commands[:-1]:
        assert program == "train.py"
        train(tyro.cli(TrainingConfig, args=words + tiny), QUIET)
    assert commands[-1][:2] == ["-m", "unet"]
    assert run_command(commands[-1][2:]) == 0
    card = checkpoint.read_card(Path("runs/salt-unet.safetensors"))
    assert len(card.training["mean_of"]) == 2
    student = card.training["mean_of"][1]["training"]
    assert len(student["taught_by"]) == 4
    assert card.claim.count == len(card.split.val)


@pytest.mark.parametrize(
    ("words", "status", "sentence"),
    [
        (["--data", "nowhere"], 1, "error: nowhere: no such file or folder"),
        (["--start-from", "no\x1bwhere.safetensors"], 2, "error: no\\x1bwhere.json: the card of"),
        (["--epochs", "many"], 2, "epochs"),
        (["--name", "taken"], 1, "error: runs/taken cannot be written ("),
    ],
)
def test_the_command_line_says_what_is_wrong(words, status, sentence, monkeypatch, capsys):
    plant(Path("runs"), {"taken": b"a file"})
    monkeypatch.setattr(sys, "argv", ["train.py", "--epochs=1", *words])
    monkeypatch.setattr(signal, "signal", lambda *_: None)  # this process keeps its own
    try:
        ended = main()
    except SystemExit as leaving:  # as every parser of command lines does
        ended = leaving.code
    assert ended == status
    assert sentence in capsys.readouterr().err
