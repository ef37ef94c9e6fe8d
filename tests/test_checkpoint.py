import hashlib
import json
import shutil
from dataclasses import asdict

import pytest
import safetensors.torch
import torch

from unet import checkpoint
from unet.card import Card
from unet.checkpoint import CheckpointError
from unet.image import RULE
from unet.model import UNet, UNetConfig


def change_card(path, **changes):
    card_path = path.with_suffix(".json")
    card_path.write_text(json.dumps({**json.loads(card_path.read_text()), **changes}))


def test_what_is_loaded_is_what_was_saved(small_weights, small_model):
    model, card = checkpoint.load(small_weights)
    x = torch.randn(1, 1, 16, 16)
    torch.testing.assert_close(model(x), small_model(x))  # another memory layout adds in another order
    assert card["parameters"] == sum(p.numel() for p in small_model.parameters())
    assert [site["name"] for site in card["sites"]] == [site.name for site in small_model.sites()]
    assert not any(p.requires_grad for p in model.parameters())
    assert not model.training


def test_the_same_weights_have_the_same_hash(tmp_path, small_model):
    card = Card(threshold=0.5, input=RULE)
    first = checkpoint.save(tmp_path / "a.safetensors", small_model, card)
    other = UNet(small_model.config).to(memory_format=torch.channels_last)
    other.load_state_dict(small_model.state_dict())
    assert checkpoint.save(tmp_path / "b.safetensors", other, card)["sha256"] == first["sha256"]


def test_one_flipped_bit_is_noticed(small_weights):
    content = bytearray(small_weights.read_bytes())
    content[-1] ^= 1
    small_weights.write_bytes(content)
    with pytest.raises(CheckpointError, match="not the tensors its card was written for"):
        checkpoint.load(small_weights)


def test_a_configuration_that_does_not_fit_is_named(small_weights):
    config = UNetConfig(width=8, depth=3)
    change_card(small_weights, config=asdict(config))
    with pytest.raises(CheckpointError, match="its sites are not those of its config"):
        checkpoint.load(small_weights)
    model = UNet(config)
    change_card(small_weights, sites=[asdict(site) for site in model.sites()])
    with pytest.raises(CheckpointError, match="its parameters are not those of its config"):
        checkpoint.load(small_weights)
    change_card(small_weights, parameters=sum(p.numel() for p in model.parameters()))
    with pytest.raises(CheckpointError, match=r"do not fit the configuration.*expected \(8,.*, got \(4,"):
        checkpoint.load(small_weights)


@pytest.mark.parametrize("config", [{"width": 1e9}, {"width": "4"}, {"layers": 3}, "big", None, {"depth": 60}])
def test_a_hostile_configuration_is_refused_before_anything_is_built(small_weights, config):
    change_card(small_weights, config=config)
    with pytest.raises(CheckpointError):
        checkpoint.load(small_weights)


@pytest.mark.parametrize("threshold", [0, 1, -3, "0.5", None, float("nan")])
def test_a_threshold_must_be_one(small_weights, threshold):
    change_card(small_weights, threshold=threshold)
    with pytest.raises(CheckpointError, match="threshold between 0 and 1"):
        checkpoint.load(small_weights)


@pytest.mark.parametrize("text", ["", "{", "[]", "3", "null", "[" * 100_000])
def test_what_is_no_card_is_refused(small_weights, text):
    small_weights.with_suffix(".json").write_text(text)
    with pytest.raises(CheckpointError):
        checkpoint.load(small_weights)


@pytest.mark.parametrize("suffix", [".safetensors", ".json"])
def test_a_missing_file_is_named(small_weights, suffix):
    small_weights.with_suffix(suffix).unlink()
    with pytest.raises(CheckpointError, match=rf"small{suffix}.*cannot be read"):
        checkpoint.load(small_weights)


CLAIM = {"metric": "mAP", "value": 0.8, "split": "val", "count": 9, "tta": True, "threshold": 0.5}


@pytest.mark.parametrize(
    "entry",
    [
        {"claim": "high"},
        {"claim": {"tta": True}},
        {"claim": {**CLAIM, "value": float("nan")}},
        {"claim": {**CLAIM, "count": None}},
        {"split": "val"},
        {"split": {"val": [1]}},
        {"split": {"val": ["a", "a"]}},
        {"training": "long"},
        {"name": ["a"]},
        {"parameters": 10**400},
        {"sites": {}},
        {"sha256": 7},
        {"input": {"x" * 1000: 1}},
    ],
)
def test_a_damaged_entry_is_named(small_weights, entry):
    change_card(small_weights, **entry)
    with pytest.raises(CheckpointError, match=f"the entry {next(iter(entry))} is damaged, got ") as caught:
        checkpoint.load(small_weights)
    assert len(str(caught.value)) < 500


def test_entries_that_may_be_nothing_or_absent(small_weights):
    change_card(small_weights, claim=CLAIM, split={"train": ["a"], "val": []}, training={}, colour=[1])
    assert checkpoint.load(small_weights)[1]["claim"] == CLAIM
    change_card(small_weights, claim=None, split=None, training=None)
    checkpoint.load(small_weights)


def test_a_network_is_built_only_of_tensors_that_are_there(small_weights):
    """The card's network would take 30 GB."""
    card = small_weights.with_suffix(".json")
    kept = json.loads(card.read_text())
    del kept["sites"], kept["parameters"]
    card.write_text(json.dumps({**kept, "config": {"width": 256, "depth": 6}}))
    with pytest.raises(CheckpointError, match=r"do not fit the configuration in the card .*expected \(256,"):
        checkpoint.load(small_weights)


def test_a_file_larger_than_the_network_is_not_read(small_weights):
    with small_weights.open("ab") as file:
        file.truncate(10**12)  # of which the disk holds nothing
    with pytest.raises(CheckpointError, match="1,000,000,000,000 bytes are more than"):
        checkpoint.load(small_weights)


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lambda tensors: tensors["head.bias"].fill_(torch.inf), "head.bias holds NaN or infinity"),
        (lambda tensors: [t.mul_(1e30) for t in tensors.values() if t.is_floating_point()], "computes NaN or infinity"),
        (lambda tensors: tensors.update(extra=torch.zeros(1)), r"'extra': expected nothing, got \(1,\)"),
        (lambda tensors: tensors.pop("head.bias"), r"'head.bias': expected \(1,\), got nothing"),
        (lambda tensors: tensors.update({"head.bias": tensors["head.bias"].double()}), "'head.bias'"),
    ],
)
def test_tensors_that_are_not_the_networks(small_weights, spoil, sentence):
    tensors = safetensors.torch.load(small_weights.read_bytes())
    spoil(tensors)
    content = safetensors.torch.save(tensors)
    small_weights.write_bytes(content)
    change_card(small_weights, sha256=hashlib.sha256(content).hexdigest())
    with pytest.raises(CheckpointError, match=sentence):
        checkpoint.load(small_weights)


def test_a_card_rebuilds_every_shape(tmp_path):
    for number, config in enumerate([UNetConfig(2, 1), UNetConfig(3, 2, "plain", "transposed")]):
        path = tmp_path / f"{number}.safetensors"
        checkpoint.save(path, UNet(config), Card(threshold=0.5, input=RULE))
        moved = tmp_path / "elsewhere"
        moved.mkdir(exist_ok=True)
        for file in (path, path.with_suffix(".json")):
            shutil.move(file, moved / file.name)
        assert checkpoint.load(moved / path.name)[0].config == config
