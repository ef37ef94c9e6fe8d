"""How good a trained network is, as its card says it: temperature, threshold, scores on named splits, claim.

What it says of the data's tiles, ``python -m unet evaluate DATA --json FILE`` finds again.
"""

import msgspec

from unet import metrics, report
from unet.card import CalibrationPoint, Card, Claim, ThresholdChoice
from unet.data.dataset import Dataset
from unet.data.tiles import Tiles
from unet.image import RULE
from unet.segmenter import Segmenter


def validation_split(dataset: Dataset) -> str:
    """The name of the split that chooses temperature and threshold and makes the claim."""
    return "val" if dataset.split is not None else "synthetic"


def scores(segmenter: Segmenter, tiles: Tiles, threshold: float) -> metrics.Scores:
    """The scores of a network on tiles, without flip TTA."""
    return metrics.evaluate(segmenter.probabilities(list(tiles.images)), list(tiles.masks), threshold)


def evaluate_network(segmenter: Segmenter, dataset: Dataset) -> Card:
    """The card's entries that say how good a network is.

    Args:
        segmenter: the network; the temperature and the threshold of its card have no part in it.
        dataset: its validation tiles choose first the temperature, as in ``choose_temperature``, and then the
            threshold: the best for the mAP with flip TTA, whose curve is the smoother one.  The claim is that mAP.

    Returns:
        ``temperature``, ``threshold``, ``threshold_chosen``, ``metrics``, ``calibration`` and ``claim``.  All are of
        probabilities at this temperature, all metrics at this threshold, and ``calibration`` is of the claim's
        probabilities, with flip TTA.
    """
    chosen = choose_temperature(segmenter, dataset.val)
    segmenter = segmenter.at_temperature(chosen)
    images, truths = list(dataset.val.images), list(dataset.val.masks)
    mirrored = segmenter.probabilities(images, tta=True)
    best = metrics.best_threshold(mirrored, truths)
    threshold = best["threshold"]
    scored = metrics.evaluate(mirrored, truths, threshold)
    split = validation_split(dataset)
    return Card(
        threshold=threshold,
        input=RULE,
        temperature=chosen,
        threshold_chosen=ThresholdChoice(on=split, tta=True, **best),
        metrics={
            split: msgspec.to_builtins(scores(segmenter, dataset.val, threshold)),
            f"{split}, flip TTA": msgspec.to_builtins(scored),
            "synthetic": msgspec.to_builtins(scores(segmenter, dataset.unseen, threshold)),
        },
        calibration=tuple(CalibrationPoint(**point) for point in report.calibration(mirrored, truths)),
        claim=Claim(
            metric="mAP",
            value=scored["mAP"],
            split=split,
            count=scored["count"],
            tta=True,
            threshold=threshold,
        ),
    )


def choose_temperature(segmenter: Segmenter, tiles: Tiles) -> float:
    """The temperature that fits the network's probabilities without flip TTA to the truth.

    It is 1.0 where the fitted one does not lower the calibration error: it is fitted to the cross-entropy, which may
    ask for another.
    """
    images, truths = list(tiles.images), list(tiles.masks)
    plain = segmenter.at_temperature(1.0).probabilities(images)
    fitted = metrics.fit_temperature(plain, truths)
    corrected = segmenter.at_temperature(fitted).probabilities(images)
    better = metrics.calibration_error(corrected, truths) < metrics.calibration_error(plain, truths)
    return fitted if better else 1.0
