"""What a card says of a network, against networks whose faults are known, and against ``python -m unet evaluate``."""

import json

import numpy as np
import pytest
import torch
from PIL import Image

from unet import checkpoint, metrics, synthetic
from unet.card import Card, Split
from unet.cli import main as cli
from unet.data.dataset import Dataset
from unet.data.tiles import Tiles
from unet.evaluation import choose_temperature, evaluate_network, scores, validation_split
from unet.image import RULE
from unet.model import UNet, UNetConfig
from unet.segmenter import Segmenter

CARD = Card(threshold=0.5, input=RULE)
FACTOR = 2.5


class Overconfident(UNet):
    """The share of salt is how grey a pixel is; the network's logits are too large, and larger on the right."""

    def __init__(self, slant=0.0):
        super().__init__(UNetConfig(width=1, depth=1))
        self.slant = slant

    def forward(self, x, tap=None):
        share = (x * RULE["spread"] + RULE["mean"]).clamp(0.01, 0.99)
        return FACTOR * torch.logit(share) + self.slant * torch.linspace(-1, 1, x.shape[3])


class Table(UNet):
    """Dark pixels are salt at 0.6, light ones at 0.999."""

    def __init__(self):
        super().__init__(UNetConfig(width=1, depth=1))

    def forward(self, x, tap=None):
        dark, light = torch.logit(torch.tensor([0.6, 0.999]))
        return torch.where(x < 0, dark, light)


def grey_tiles(seed, count=12):
    """Tiles whose grey is the share of salt."""
    generator = np.random.default_rng(seed)
    images = generator.integers(20, 236, (count, 64, 64), dtype=np.uint8)
    return Tiles([f"{seed}-{i}" for i in range(count)], images, generator.random(images.shape) < images / 255)


@pytest.fixture(scope="module")
def dataset():
    return Dataset(None, grey_tiles(0), grey_tiles(1, count=3), Split([], [], "section"))


def test_the_temperature_makes_up_for_large_logits(dataset):
    segmenter = Segmenter(Overconfident().eval(), CARD)
    assert choose_temperature(segmenter, dataset.val) == pytest.approx(FACTOR, rel=0.03)
    # What the card said before has no part in it.
    assert choose_temperature(segmenter.at_temperature(7.0), dataset.val) == pytest.approx(FACTOR, rel=0.03)


def test_a_temperature_that_calibrates_worse_is_not_taken():
    """Most pixels, at 0.6, are right; a few, at 0.999, are salt at 0.9 only, and cost the cross-entropy dearly."""
    image = np.full((1, 100, 100), 60, np.uint8)
    image[:, 95:] = 200
    image[:, ::2] += 1  # an area of one single grey would be no part of a section
    truth = np.zeros((1, 100, 100), bool)
    truth[:, :95, :60] = True
    truth[:, 95:, :90] = True
    segmenter = Segmenter(Table().eval(), CARD)
    tiles = Tiles(["a"], image, truth)
    plain = segmenter.probabilities(list(image))
    fitted = metrics.fit_temperature(plain, list(truth))
    corrected = segmenter.at_temperature(fitted).probabilities(list(image))
    assert fitted > 1.2
    assert metrics.calibration_error(corrected, list(truth)) > metrics.calibration_error(plain, list(truth))
    assert choose_temperature(segmenter, tiles) == 1.0


def test_every_entry_is_of_the_corrected_probabilities(dataset):
    segmenter = Segmenter(Overconfident(slant=2.0).eval(), CARD)
    entries = evaluate_network(segmenter, dataset)
    temperature, threshold = entries["temperature"], entries["threshold"]
    assert temperature > 2
    corrected = Segmenter(segmenter.model, {**CARD, "temperature": temperature})
    truths = list(dataset.val.masks)
    plain, tta = (corrected.probabilities(list(dataset.val.images), tta) for tta in (False, True))
    unseen = corrected.probabilities(list(dataset.unseen.images))
    best = metrics.best_threshold(tta, truths)
    assert threshold == best["threshold"]
    assert entries["threshold_chosen"] == {"on": "val", "tta": True, **best}
    assert entries["metrics"] == {
        "val": metrics.evaluate(plain, truths, threshold),
        "val, flip TTA": metrics.evaluate(tta, truths, threshold),
        "synthetic": metrics.evaluate(unseen, list(dataset.unseen.masks), threshold),
    }
    assert entries["metrics"]["val"] != entries["metrics"]["val, flip TTA"]
    curve = metrics.calibration_curve(tta, truths)
    assert entries["calibration"] == [b._asdict() for b in curve if b.pixels]
    assert entries["claim"] == {
        "metric": "mAP", "value": best["mAP"], "split": "val", "count": 12, "tta": True, "threshold": threshold,
    }  # fmt: skip
    assert scores(corrected, dataset.val, threshold) == entries["metrics"]["val"]
    before = metrics.calibration_error(segmenter.probabilities(list(dataset.val.images)), truths)
    assert entries["metrics"]["val"]["calibration_error"] < before / 2
    json.dumps(entries, allow_nan=False)


def test_without_data_the_synthetic_sections_judge(dataset):
    synthetic = Dataset(None, dataset.unseen, dataset.unseen, None)
    assert validation_split(synthetic) == "synthetic"
    entries = evaluate_network(Segmenter(Overconfident().eval(), CARD), synthetic)
    assert set(entries["metrics"]) == {"synthetic", "synthetic, flip TTA"}
    assert (entries["claim"]["split"], entries["claim"]["count"]) == ("synthetic", 3)


def test_evaluate_finds_again_what_the_card_says(small_model, tmp_path):
    images, masks = synthetic.sections(10, 0, 40, 50)
    for i, (image, mask) in enumerate(zip(images, masks, strict=True)):
        for part, array in (("images", image), ("masks", mask.astype(np.uint8) * 255)):
            (tmp_path / "data" / part).mkdir(parents=True, exist_ok=True)
            Image.fromarray(array).save(tmp_path / "data" / part / f"{i}.png")
    ids = [str(i) for i in range(10)]
    tiles = Tiles(ids, images, masks)
    split = Split([], ids[2:], "tile")
    dataset = Dataset(None, tiles.subset(split.val), tiles.subset(ids[:2]), split)
    card = evaluate_network(Segmenter(small_model, CARD), dataset)
    assert card["temperature"] != 1
    weights = tmp_path / "small.safetensors"
    checkpoint.save(weights, small_model, {"input": RULE, "split": {"train": [], "val": split.val}, **card})

    words = ["evaluate", str(tmp_path / "data"), "--weights", str(weights), "--json", str(tmp_path / "a.json")]
    assert cli.main(words) == 0
    report = json.loads((tmp_path / "a.json").read_text())
    near = {"abs": 5e-5, "rel": 0}
    assert (report["threshold"], report["temperature"]) == (card["threshold"], card["temperature"])
    assert report["scores"]["plain"] == pytest.approx(card["metrics"]["val"], **near)
    assert report["scores"]["tta"] == pytest.approx(card["metrics"]["val, flip TTA"], **near)
    assert report["scores"]["tta"]["mAP"] == pytest.approx(card["claim"]["value"], **near)
    assert report["count"] == card["claim"]["count"] == 8
    chosen = {k: v for k, v in card["threshold_chosen"].items() if k not in ("on", "tta")}
    assert report["best_threshold"]["tta"] == pytest.approx(chosen, **near)
    assert len(report["calibration"]) == len(card["calibration"])
    for found, said in zip(report["calibration"], card["calibration"], strict=True):
        assert found == pytest.approx(said, **near)
