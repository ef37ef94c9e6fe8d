"""What a card says of a network, against networks whose faults are known, and against ``python -m unet evaluate``."""

import json

import msgspec
import numpy as np
import pytest
import torch
from PIL import Image

from unet import bootstrap, checkpoint, evaluation, metrics, synthetic, typed
from unet.calibration import calibration_curve, calibration_error, fit_temperature
from unet.card import Card, Claim, Split, ThresholdChoice
from unet.cli import main as cli
from unet.data.dataset import Dataset
from unet.data.tiles import Tiles
from unet.evaluation import choose_temperature, evaluate_network, scores, validation_split
from unet.image import RULE
from unet.model import UNet, UNetConfig
from unet.runtime import PLAIN
from unet.segmenter import Segmenter
from unet.threshold import RULE as THRESHOLD_RULE
from unet.threshold import choose_threshold

CARD = Card(threshold=0.5, input=RULE)
FACTOR = 2.5


class Formula(UNet):
    """Logits by a formula of the grey, 0 to 1, and the column, -1 to 1."""

    def __init__(self, logits):
        super().__init__(UNetConfig(width=1, depth=1))
        self.logits = logits

    def forward(self, x, tap=None):
        return self.logits(x * RULE["spread"] + RULE["mean"], torch.linspace(-1, 1, x.shape[3]))


def overconfident(slant=0.0):
    """The share of salt is how grey a pixel is; the logits are too large, and larger on the right."""
    formula = Formula(lambda grey, column: FACTOR * torch.logit(grey.clamp(0.01, 0.99)) + slant * column)
    return Segmenter(formula.eval(), CARD, runtime=PLAIN)


def grey_tiles(seed, count=12):
    """Tiles whose grey is the share of salt."""
    generator = np.random.default_rng(seed)
    images = generator.integers(20, 236, (count, 64, 64), dtype=np.uint8)
    return Tiles([f"{seed}-{i}" for i in range(count)], images, generator.random(images.shape) < images / 255)


@pytest.fixture(scope="module")
def dataset():
    return Dataset(None, grey_tiles(0), Split(by="section", val_sections={"0-1": "a", "0-2": "a", "0-5": "b"}))


@pytest.fixture(autouse=True)
def synthetic_sets(monkeypatch):
    """A few synthetic sections instead of hundreds."""
    sets = {"synthetic": grey_tiles(1, count=3), "synthetic, hard": grey_tiles(2, count=2)}
    monkeypatch.setattr(evaluation, "SYNTHETIC_SETS", {name: lambda tiles=tiles: tiles for name, tiles in sets.items()})
    return sets


def test_the_temperature_makes_up_for_large_logits(dataset):
    for before in (1.0, 7.0):  # the temperature of the card is not used
        segmenter = overconfident().at_temperature(before)
        assert choose_temperature(segmenter, dataset.val) == pytest.approx(FACTOR, rel=0.03)


def test_a_temperature_that_calibrates_worse_is_not_taken():
    """Dark pixels, at 0.6, are right; a few light ones, at 0.999, are salt at 0.9 only: a large cross-entropy."""
    image = np.full((1, 100, 100), 60, np.uint8)
    image[:, 95:] = 200
    image[:, ::2] += 1  # an area of one single grey would be a margin
    truth = np.zeros((1, 100, 100), bool)
    truth[:, :95, :60] = True
    truth[:, 95:, :90] = True
    dark, light = torch.logit(torch.tensor([0.6, 0.999]))
    segmenter = Segmenter(
        Formula(lambda grey, column: torch.where(grey < 0.47, dark, light)).eval(), CARD, runtime=PLAIN
    )
    plain = segmenter.probabilities(list(image))
    fitted = fit_temperature(plain, list(truth))
    corrected = segmenter.at_temperature(fitted).probabilities(list(image))
    assert fitted > 1.2
    assert calibration_error(corrected, list(truth)) > calibration_error(plain, list(truth))
    assert choose_temperature(segmenter, Tiles(["a"], image, truth)) == 1.0


def test_every_entry_is_of_the_corrected_probabilities(dataset, synthetic_sets):
    segmenter = overconfident(slant=2.0)
    card = evaluate_network(segmenter, dataset)
    assert card.temperature > 2
    corrected = segmenter.at_temperature(card.temperature)
    truths = list(dataset.val.masks)
    plain, tta = (corrected.probabilities(list(dataset.val.images), tta) for tta in (False, True))
    best = choose_threshold(metrics.sweep(tta, truths))
    given = {"val": (plain, truths), "val, flip TTA": (tta, truths)}
    given |= {n: (corrected.probabilities(list(t.images)), list(t.masks)) for n, t in synthetic_sets.items()}
    expected = {split: metrics.evaluate(*pairs, best.threshold) for split, pairs in given.items()}
    units = bootstrap.units(dataset.val.ids, dataset.split.val_sections)
    intervals = {name: metrics.intervals(*given[name], best.threshold, units) for name in ("val", "val, flip TTA")}
    error = intervals["val, flip TTA"].mAP
    assert card == Card(
        threshold=best.threshold,
        input=RULE,
        temperature=card.temperature,
        threshold_chosen=ThresholdChoice(on="val", tta=True, rule=THRESHOLD_RULE, **msgspec.structs.asdict(best)),
        metrics=msgspec.to_builtins(expected),
        intervals={name: msgspec.structs.asdict(of) for name, of in intervals.items()},
        calibration=tuple(calibration_curve(tta, truths)),
        claim=Claim(
            metric="mAP", value=best.mAP, split="val", count=12, tta=True, threshold=best.threshold, interval=error
        ),
    )
    assert error.units == 11
    assert intervals["val"].iou.low < expected["val"].iou < intervals["val"].iou.high
    assert expected["val"] != expected["val, flip TTA"]
    assert scores(corrected, dataset.val, best.threshold) == expected["val"]
    before = calibration_error(segmenter.probabilities(list(dataset.val.images)), truths)
    assert expected["val"].calibration_error < before / 2


def test_cards_from_before_there_were_intervals_are_read():
    claim = {"metric": "mAP", "value": 0.8, "split": "val", "count": 9, "tta": True, "threshold": 0.42}
    chosen = {"on": "val", "tta": True, "threshold": 0.42, "mAP": 0.8, "flat_from": 0.4, "flat_to": 0.45}
    card = typed.convert({"threshold": 0.42, "input": RULE, "claim": claim, "threshold_chosen": chosen}, Card)
    assert (card.claim.interval, card.intervals) == (None, {})
    assert (card.threshold_chosen.rule, card.threshold_chosen.highest_mAP) == ("", None)


def test_without_data_the_synthetic_sections_validate(synthetic_sets):
    synthetic = Dataset(None, synthetic_sets["synthetic"], None)
    assert validation_split(synthetic) == "synthetic"
    card = evaluate_network(overconfident(), synthetic)
    assert set(card.metrics) == {"synthetic", "synthetic, flip TTA", "synthetic, hard"}
    assert (card.claim.interval.units, card.intervals.keys()) == (3, {"synthetic", "synthetic, flip TTA"})
    assert (card.claim.split, card.claim.count) == ("synthetic", 3)


def test_evaluate_finds_again_what_the_card_says(small_model, tmp_path):
    images, masks = synthetic.sections(10, 0, 40, 50)
    for part, arrays in (("images", images), ("masks", masks.astype(np.uint8) * 255)):
        (tmp_path / "data" / part).mkdir(parents=True)
        for i, array in enumerate(arrays):
            Image.fromarray(array).save(tmp_path / "data" / part / f"{i}.png")
    sections = {"2": "7", "3": "7", "9": "8"}
    (tmp_path / "data" / "sections.csv").write_text("id,section\n2,7\n3,7\n9,8\n")
    tiles, split = Tiles(list("0123456789"), images, masks), Split(by="section", val=tuple("23456789"))
    split = msgspec.structs.replace(split, val_sections=sections)
    dataset = Dataset(None, tiles.subset(split.val), split)
    card = evaluate_network(Segmenter(small_model, CARD), dataset)
    assert card.temperature != 1
    weights = tmp_path / "small.safetensors"
    checkpoint.save(weights, small_model, msgspec.structs.replace(card, split=split))

    assert cli.main(["evaluate", str(tmp_path / "data"), "--weights", str(weights), "--json", str(tmp_path / "a")]) == 0
    report, card = json.loads((tmp_path / "a").read_text()), card.to_json()
    chosen = {name: card["threshold_chosen"][name] for name in report["chosen_threshold"]["tta"]}
    assert (report["threshold"], report["temperature"]) == (card["threshold"], card["temperature"])
    assert report["count"] == card["claim"]["count"] == 8
    for found, said in [
        (report["scores"]["plain"], card["metrics"]["val"]),
        (report["scores"]["tta"], card["metrics"]["val, flip TTA"]),
        (report["scores"]["tta"]["mAP"], card["claim"]["value"]),
        (report["chosen_threshold"]["tta"], chosen),
        (report["intervals"]["tta"]["mAP"], card["claim"]["interval"]),
        (report["intervals"]["plain"]["iou"], card["intervals"]["val"]["iou"]),
        *((report["synthetic"][name], card["metrics"][name]) for name in ("synthetic", "synthetic, hard")),
        *zip(report["calibration"], card["calibration"], strict=True),
    ]:
        assert found == pytest.approx(said, abs=5e-5, rel=0)
