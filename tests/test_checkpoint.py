import json
import shutil
from dataclasses import asdict

import pytest
import torch

from unet import checkpoint
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
    card = {"threshold": 0.5, "input": RULE}
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


def test_a_failed_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"old")

    def fail(file):
        file.write(b"half of the n")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        checkpoint.write_atomically(path, fail)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]
    checkpoint.write_atomically(path, lambda file: file.write(b"new"))
    assert path.read_bytes() == b"new"


def test_a_card_rebuilds_every_shape(tmp_path):
    for number, config in enumerate([UNetConfig(2, 1), UNetConfig(3, 2, "plain", "transposed")]):
        path = tmp_path / f"{number}.safetensors"
        checkpoint.save(path, UNet(config), {"threshold": 0.5, "input": RULE})
        moved = tmp_path / "elsewhere"
        moved.mkdir(exist_ok=True)
        for file in (path, path.with_suffix(".json")):
            shutil.move(file, moved / file.name)
        assert checkpoint.load(moved / path.name)[0].config == config
