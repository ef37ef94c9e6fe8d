"""The mean of several networks, from weights to a card."""

from pathlib import Path

import numpy as np
import pytest
import torch

from unet import checkpoint
from unet.card import Card, Split
from unet.cli.main import main
from unet.data import dataset
from unet.data.dataset import load_dataset
from unet.image import RULE
from unet.model import UNet, UNetConfig
from unet.training.averaging import load_networks, mean_network
from unet.training.errors import TrainingError

SPLIT = Split(by="tile", train=("00", "01"), val=("02", "03", "04"))


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(dataset, "UNSEEN_COUNT", 4)


def saved(name, seed=0, width=2, split=SPLIT):
    torch.manual_seed(seed)
    card = Card(threshold=0.5, input=RULE, name=name, split=split, licence="free", training={"command": f"make {name}"})
    model = UNet(UNetConfig(width=width, depth=2)).eval()
    checkpoint.save(Path(f"{name}.safetensors"), model, card)
    return Path(f"{name}.safetensors")


def test_every_weight_is_the_mean_and_the_card_says_of_what(tgs, capsys):
    paths = [saved(name, seed) for seed, name in enumerate("abc")]
    assert main(["average", *map(str, paths), "--data", str(tgs), "--out", "mean.safetensors"]) == 0
    assert "mean.safetensors: mAP" in capsys.readouterr().err
    mean, card = checkpoint.load(Path("mean.safetensors"))
    states = [checkpoint.load(path)[0].state_dict() for path in paths]
    for name, tensor in mean.state_dict().items():
        if tensor.is_floating_point():
            expected = np.mean([state[name].double().numpy() for state in states], axis=0)
            np.testing.assert_allclose(tensor, expected, rtol=1e-6, atol=1e-8)
    assert (card.name, card.licence, card.split.val) == ("mean", "free", SPLIT.val)
    assert [part["name"] for part in card.training["mean_of"]] == ["a", "b", "c"]
    assert [part["training"]["command"] for part in card.training["mean_of"]] == ["make a", "make b", "make c"]
    assert card.claim.count == len(load_dataset(tgs, 0, 0, SPLIT).val.ids)


def test_the_mean_of_one_network_with_itself_is_that_network():
    model = UNet(UNetConfig(width=2, depth=2))
    for name, tensor in mean_network([model, model]).state_dict().items():
        assert torch.equal(tensor, model.state_dict()[name])


@pytest.mark.parametrize(
    ("other", "sentence"),
    [
        ({"width": 3}, "b.safetensors: expected a network shaped as a.safetensors"),
        (
            {"split": Split(train=("00",), val=("02",))},
            "b.safetensors: expected the split of a.safetensors, got another",
        ),
    ],
)
def test_what_does_not_belong_together_is_refused(other, sentence):
    first = saved("a")
    with pytest.raises(TrainingError, match=sentence):
        load_networks([first, saved("b", **other)])
    with pytest.raises(TrainingError, match="expected two or more weights to average, got 1"):
        load_networks([first])


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--out", "mean.bin"], "expected a name that ends in .safetensors, got .bin"),
        (["--out", "a.safetensors"], "expected no files but those that this program wrote, got a.safetensors"),
        (["--out", "new.safetensors", "--data", "nowhere"], "nowhere: no such file or folder"),
    ],
)
def test_the_command_says_what_is_wrong_before_it_begins(words, sentence, capsys):
    weights = [str(saved("a")), str(saved("b", 1))]
    assert main(["average", *weights, *words]) == 2
    assert sentence in capsys.readouterr().err
    assert not Path("new.safetensors").exists()


def test_networks_are_not_evaluated_on_other_tiles_than_their_own(capsys, tgs):
    """Without the tiles of the split the mean is refused, and not scored on synthetic sections without a word."""
    assert main(["average", str(saved("a")), str(saved("b", 1)), "--out", "mean.safetensors"]) == 2
    assert "expected the labelled tiles of the networks' split, got none" in capsys.readouterr().err
    synthetic = [str(saved(name, split=None)) for name in "cd"]
    assert main(["average", *synthetic, "--data", str(tgs), "--out", "mean.safetensors"]) == 2
    assert "expected no tiles for networks of synthetic sections alone" in capsys.readouterr().err
    assert not Path("mean.safetensors").exists()
    assert main(["average", *synthetic, "--out", "mean.safetensors"]) == 0
    assert checkpoint.read_card(Path("mean.safetensors")).claim.split == "synthetic"
