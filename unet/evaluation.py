"""How good a trained network is: the temperature, threshold, scores and claim of its card.

``python -m unet evaluate DATA --json FILE`` computes the same scores of the data's tiles again.
"""

import msgspec

from unet import metrics
from unet.calibration import calibration_curve, calibration_error, fit_temperature
from unet.card import Card, Claim, ThresholdChoice
from unet.data.dataset import Dataset
from unet.data.tiles import Tiles
from unet.image import RULE
from unet.metrics import Scores
from unet.segmenter import Segmenter


def validation_split(dataset: Dataset) -> str:
    """The name of the split that chooses temperature and threshold and on which the claim is made."""
    return "val" if dataset.split is not None else "synthetic"


def scores(segmenter: Segmenter, tiles: Tiles, threshold: float) -> Scores:
    """The scores of a network on tiles, without flip TTA."""
    return metrics.evaluate(segmenter.probabilities(list(tiles.images)), list(tiles.masks), threshold)


def evaluate_network(segmenter: Segmenter, dataset: Dataset) -> Card:
    """A card with the entries that say how good a network is.

    Args:
        segmenter: the network; the temperature and the threshold of its own card are not used.
        dataset: its validation tiles choose the temperature first, see ``choose_temperature``, and then the threshold
            with the highest mAP with flip TTA, whose curve is the smoother one.  That mAP is the claim.

    Returns:
        A card with ``temperature``, ``threshold``, ``threshold_chosen``, ``metrics``, ``calibration`` and ``claim``.
        All of them are computed at this temperature and all scores at this threshold; ``calibration`` is that of the
        claim's probabilities, with flip TTA.
    """
    temperature = choose_temperature(segmenter, dataset.val)
    segmenter = segmenter.at_temperature(temperature)
    truths = list(dataset.val.masks)
    probabilities = segmenter.probabilities(list(dataset.val.images), tta=True)
    best = metrics.best_threshold(probabilities, truths)
    claimed = metrics.evaluate(probabilities, truths, best.threshold)
    split = validation_split(dataset)
    found = {
        split: scores(segmenter, dataset.val, best.threshold),
        f"{split}, flip TTA": claimed,
        "synthetic": scores(segmenter, dataset.unseen, best.threshold),
    }
    return Card(
        threshold=best.threshold,
        input=RULE,
        temperature=temperature,
        threshold_chosen=ThresholdChoice(on=split, tta=True, **msgspec.structs.asdict(best)),
        metrics={name: msgspec.structs.asdict(value) for name, value in found.items()},
        calibration=tuple(calibration_curve(probabilities, truths)),
        claim=Claim(
            metric="mAP", value=claimed.mAP, split=split, count=claimed.count, tta=True, threshold=best.threshold
        ),
    )


def choose_temperature(segmenter: Segmenter, tiles: Tiles) -> float:
    """The temperature that fits the network's probabilities without flip TTA to the truth.

    ``fit_temperature`` minimises the cross-entropy, which does not always lower the calibration error too; where it
    does not, the temperature is 1.0.
    """
    images, truths = list(tiles.images), list(tiles.masks)
    plain = segmenter.at_temperature(1.0).probabilities(images)
    fitted = fit_temperature(plain, truths)
    corrected = segmenter.at_temperature(fitted).probabilities(images)
    return fitted if calibration_error(corrected, truths) < calibration_error(plain, truths) else 1.0
