"""Snapshots of a run: which epochs, what is in them, and what is refused."""

import hashlib
import shutil
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from msgspec.structs import replace
from rich.console import Console

from tests.servers import ROOT
from unet import Segmenter, checkpoint, snapshots
from unet.card import Card, Snapshot
from unet.checkpoint import CheckpointError
from unet.data import dataset
from unet.image import RULE
from unet.model import UNet, UNetConfig
from unet.synthetic import section
from unet.training import resume
from unet.training.config import TrainingConfig
from unet.training.loop import Run, train

TINY = {"epochs": 4, "batch_size": 8, "sections_per_epoch": 16, "model": UNetConfig(width=2, depth=2)}
EXAMPLE = ROOT / "weights" / "synthetic-run.safetensors"


@pytest.fixture
def run_folder(tmp_path, monkeypatch):
    """Where runs are written; they are validated on a few sections."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(dataset, "UNSEEN_COUNT", 4)
    return Path("runs")


@pytest.fixture
def kept(tmp_path, small_model):
    """Weights on disk with two snapshots: of themselves and of a network whose weights are half as large."""
    path = tmp_path / "a.safetensors"
    half = UNet(small_model.config).eval()
    half.load_state_dict({name: tensor / 2 for name, tensor in small_model.state_dict().items()})
    found = (snapshots.save(path, half, 0), snapshots.save(path, small_model, 3))
    card = checkpoint.save(path, small_model, Card(threshold=0.5, input=RULE, snapshots=found, training={"epochs": 9}))
    return path, card


def floating(model):
    return {name: tensor for name, tensor in model.state_dict().items() if tensor.is_floating_point()}


@pytest.mark.parametrize(
    ("epochs", "expected"),
    [
        (1, (0,)),
        (2, (0, 1)),
        (8, (0, 1, 2, 3, 4, 5, 6, 7)),  # 8 ** (i / 15) rounded: 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 4, 5, 5, 6, 7
        (60, (0, 1, 2, 3, 4, 5, 7, 9, 12, 15, 20, 26, 35, 46)),
        (300, (0, 1, 2, 3, 5, 7, 10, 14, 21, 31, 45, 66, 96, 140, 205)),
    ],
)
def test_snapshots_are_of_many_early_epochs_and_of_few_late_ones(epochs, expected):
    assert snapshots.schedule(epochs) == expected
    assert set(expected) == {0, *(round(epochs ** (i / 15)) for i in range(16))} - {epochs}


def test_a_snapshot_is_the_network_to_half_precision(kept, small_model):
    path, card = kept
    for epoch, factor in ((0, 2), (3, 1)):
        found = snapshots.load(path, card, epoch)
        for name, tensor in floating(small_model).items():
            expected = (tensor / factor).numpy().astype(np.float16).astype(np.float32)
            np.testing.assert_array_equal(found.state_dict()[name].numpy(), expected)
        opened = Segmenter.load(path, epoch=epoch).model.state_dict()
        assert all(torch.equal(opened[name], tensor) for name, tensor in found.state_dict().items())
        assert not found.training
        assert not any(parameter.requires_grad for parameter in found.parameters())
    assert snapshots.kept(path, card) == (0, 3)
    shutil.rmtree(snapshots.folder(path))
    assert snapshots.kept(path, card) == ()


def test_a_run_keeps_the_moving_average_and_a_resumed_one_the_same_bytes(run_folder, monkeypatch, capsys):
    console = Console(stderr=True, width=200)
    whole = train(TrainingConfig(name="whole", snapshots=True, **TINY), console)
    assert f"snapshot of epoch 2 in {snapshots.folder(whole)}" in capsys.readouterr().err
    epoch = Run.epoch

    def stop_after_two(run):
        if run.epochs == 2:
            raise KeyboardInterrupt
        epoch(run)

    with monkeypatch.context() as patch:
        patch.setattr(Run, "epoch", stop_after_two)
        with pytest.raises(KeyboardInterrupt):
            train(TrainingConfig(name="stopped", snapshots=True, **TINY), console)
    average = resume.read_state(run_folder / "stopped" / "resume-even.pt").moving_average
    kept = safetensors.torch.load_file(snapshots.path_of(run_folder / "stopped" / "stopped.safetensors", 2))
    assert kept.keys() == {name for name, tensor in average.items() if tensor.is_floating_point()}
    for name, tensor in kept.items():
        np.testing.assert_array_equal(tensor.numpy(), average[name].numpy().astype(np.float16))

    shutil.copytree(run_folder / "stopped", run_folder / "renamed")
    resumed = train(TrainingConfig(name="renamed", resume=True), console)
    cards = [checkpoint.read_card(path) for path in (whole, resumed)]
    assert cards[0].snapshots == cards[1].snapshots
    assert snapshots.kept(resumed, cards[1]) == (0, 1, 2, 3)
    assert [one.epoch for one in cards[0].snapshots] == [0, 1, 2, 3]
    for path in (whole, resumed):
        for one in cards[0].snapshots:
            assert hashlib.sha256(snapshots.path_of(path, one.epoch).read_bytes()).hexdigest() == one.sha256
    first = snapshots.load(whole, cards[0], 0)
    assert all(tensor.eq(0).all() for name, tensor in first.state_dict().items() if name.endswith("running_mean"))


def test_a_run_goes_on_without_a_snapshot_that_half_precision_cannot_keep(run_folder, monkeypatch, capsys):
    def too_large(*arguments):
        raise snapshots.SnapshotError("expected values up to 65,504")

    monkeypatch.setattr(snapshots, "save", too_large)
    path = train(TrainingConfig(name="a", snapshots=True, **TINY | {"epochs": 1}), Console(stderr=True, width=200))
    assert "warning: no snapshot of epoch 0: expected values up to 65,504" in capsys.readouterr().err
    assert checkpoint.read_card(path).snapshots == ()


def test_no_snapshots_are_kept_unless_they_are_wanted(run_folder):
    path = train(TrainingConfig(name="a", **TINY | {"epochs": 1}), Console(quiet=True))
    assert not snapshots.folder(path).exists()
    assert snapshots.kept(path, checkpoint.read_card(path)) == ()


def test_values_that_half_precision_does_not_hold_are_named(tmp_path, small_model):
    model = UNet(small_model.config).eval()
    with torch.no_grad():
        model.head.bias.fill_(70_000)
    with pytest.raises(
        snapshots.SnapshotError, match=r"up to 65,504, as half precision has them, got more in head.bias"
    ):
        snapshots.save(tmp_path / "a.safetensors", model, 1)
    assert not list(tmp_path.rglob("*.safetensors"))


def test_files_that_are_no_snapshot_of_the_card_are_refused(kept, small_model):
    path, card = kept
    file = snapshots.path_of(path, 3)
    tensors = safetensors.torch.load(whole := file.read_bytes())
    name = next(name for name, tensor in tensors.items() if tensor.ndim == 4)
    hostile = {
        "truncated": (whole[:-5], "expected a file of tensors"),
        "float32": ({key: tensor.float() for key, tensor in tensors.items()}, "tensors do not fit the configuration"),
        "another shape": (tensors | {name: tensors[name].flatten()}, "tensors do not fit the configuration"),
        "one too many": (tensors | {"more": torch.zeros(3).half()}, "'more': expected nothing"),
        "NaN": (tensors | {name: tensors[name] * torch.nan}, "expected finite values"),
        "no tensors": (b"\x80\x04K\x01.", "expected a file of tensors"),
    }
    for content, sentence in hostile.values():
        content = content if isinstance(content, bytes) else safetensors.torch.save(content)
        file.write_bytes(content)
        with pytest.raises(CheckpointError, match="expected the tensors its card was written for, got others"):
            snapshots.load(path, card, 3)
        lying = replace(card, snapshots=(Snapshot(epoch=3, sha256=hashlib.sha256(content).hexdigest()),))
        with pytest.raises(CheckpointError, match=sentence):
            snapshots.load(path, lying, 3)
    with file.open("wb") as large:
        large.truncate(10**10)
    with pytest.raises(CheckpointError, match="expected at most"):
        snapshots.load(path, card, 3)
    file.unlink()
    with pytest.raises(CheckpointError, match="cannot be read"):
        snapshots.load(path, card, 3)
    with pytest.raises(CheckpointError, match="got none of epoch 4"):
        snapshots.load(path, card, 4)
    with pytest.raises(ValueError, match="epochs of snapshots once each"):
        Card(threshold=0.5, input=RULE, snapshots=card.snapshots[::-1])


def test_the_example_is_small_free_of_competition_tiles_and_shows_how_it_learned():
    files = [EXAMPLE, EXAMPLE.with_suffix(".json"), *snapshots.folder(EXAMPLE).iterdir()]
    assert sum(file.stat().st_size for file in files) <= 6_000_000
    card = checkpoint.read_card(EXAMPLE)
    assert card.split is None
    assert card.licence == "MIT, as the code: learned from synthetic sections only."
    assert card.training["options"]["data"] is card.training["options"]["start_from"] is None
    assert not card.training["options"]["teacher"]
    assert card.claim.split == "synthetic"
    assert "tgs" not in EXAMPLE.with_suffix(".json").read_text().lower()
    assert snapshots.kept(EXAMPLE, card) == snapshots.schedule(60)
    grey, salt = section(1_000_000_000, 101, 101)  # the first of those that validate
    scores = []
    for epoch in (0, 5, 46):
        mask = Segmenter.load(EXAMPLE, epoch=epoch).mask(grey)
        scores.append((mask & salt).sum() / max(1, (mask | salt).sum()))
    assert scores[0] < 0.5 < scores[1]
    assert scores[2] > 0.8
