"""How good a trained network is: the temperature, threshold, scores and claim of its card.

``python -m unet evaluate DATA --json FILE`` computes the same scores of the data's tiles again.
"""

from collections.abc import Callable

import msgspec

from unet import bootstrap, metrics
from unet.calibration import calibration_curve, calibration_error, fit_temperature
from unet.card import Card, Claim, ThresholdChoice
from unet.data.dataset import Dataset, hard_sections, unseen_sections
from unet.data.tiles import Tiles
from unet.image import RULE
from unet.metrics import Scores
from unet.segmenter import Segmenter
from unet.threshold import RULE as THRESHOLD_RULE
from unet.threshold import choose_threshold

# Name in a card and in a report -> the synthetic sections that evaluate every network.
SYNTHETIC_SETS: dict[str, Callable[[], Tiles]] = {
    "synthetic": unseen_sections,
    "synthetic, hard": hard_sections,
}


def validation_split(dataset: Dataset) -> str:
    """The name of the split that chooses temperature and threshold and on which the claim is made."""
    return "val" if dataset.split is not None else "synthetic"


def scores(segmenter: Segmenter, tiles: Tiles, threshold: float) -> Scores:
    """The scores of a network on tiles, without flip TTA."""
    return metrics.evaluate(segmenter.probabilities(list(tiles.images)), list(tiles.masks), threshold)


def synthetic_scores(segmenter: Segmenter, threshold: float) -> dict[str, Scores]:
    """Name of a set -> the scores of a network on its synthetic sections, without flip TTA; of ``SYNTHETIC_SETS``."""
    return {name: scores(segmenter, tiles(), threshold) for name, tiles in SYNTHETIC_SETS.items()}


def evaluate_network(segmenter: Segmenter, dataset: Dataset) -> Card:
    """A card with the entries that say how good a network is.

    Args:
        segmenter: the network; the temperature and the threshold of its own card are not used.
        dataset: its validation tiles choose the temperature first, see ``choose_temperature``, and then the threshold,
            see ``choose_threshold``, with flip TTA, whose curve is the smoother one.  The mAP there is the claim.

    Returns:
        A card with ``temperature``, ``threshold``, ``threshold_chosen``, ``metrics``, ``intervals``, ``calibration``
        and ``claim``.  All of them are computed at this temperature and all scores at this threshold; ``calibration``
        is that of the claim's probabilities, with flip TTA.
    """
    temperature = choose_temperature(segmenter, dataset.val)
    segmenter = segmenter.at_temperature(temperature)
    images, truths = list(dataset.val.images), list(dataset.val.masks)
    plain, tta = (segmenter.probabilities(images, tta) for tta in (False, True))
    chosen = choose_threshold(metrics.sweep(tta, truths))
    split = validation_split(dataset)
    ways = {split: plain, f"{split}, flip TTA": tta}
    found = {name: metrics.evaluate(way, truths, chosen.threshold) for name, way in ways.items()}
    units = bootstrap.units(dataset.val.ids, dataset.split.val_sections if dataset.split else {})
    intervals = {name: metrics.intervals(way, truths, chosen.threshold, units) for name, way in ways.items()}
    claimed, error = found[f"{split}, flip TTA"], intervals[f"{split}, flip TTA"]
    found |= synthetic_scores(segmenter, chosen.threshold)
    return Card(
        threshold=chosen.threshold,
        input=RULE,
        temperature=temperature,
        threshold_chosen=ThresholdChoice(on=split, tta=True, rule=THRESHOLD_RULE, **msgspec.structs.asdict(chosen)),
        metrics={name: msgspec.structs.asdict(value) for name, value in found.items()},
        intervals={name: msgspec.structs.asdict(value) for name, value in intervals.items()},
        calibration=tuple(calibration_curve(tta, truths)),
        claim=Claim(
            metric="mAP",
            value=claimed.mAP,
            split=split,
            count=claimed.count,
            tta=True,
            threshold=chosen.threshold,
            interval=error.mAP,
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
