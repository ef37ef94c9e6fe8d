"""What a set of labelled tiles says of a network: arrays in, plain values out, ready to be written as JSON.

Everywhere ``mAP`` is a mean over tiles; ``iou``, ``dice``, ``precision`` and ``recall`` of several tiles are taken over
all their pixels together.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TypedDict

import numpy as np

from unet import metrics
from unet.metrics import BestThreshold, Mask, Probability, Scores

# name -> the largest percentage of salt in a tile of that class; a tile belongs to the first class that takes it.
COVERAGE = {"empty": 0, "sliver": 5, "part": 50, "most": 95, "nearly full": 100}
WORST = 20


class Group(TypedDict):
    """The scores of some of the tiles; ``iou`` and ``dice`` are over all their pixels.

    Of tiles without salt both are 0 as soon as one pixel is predicted, and 1 where none is; their ``mAP`` says more.
    """

    name: str
    count: int
    mAP: float
    iou: float
    dice: float


class ThresholdPoint(TypedDict):
    """The scores of all tiles at one threshold; ``precision`` is 1.0 by convention where no salt is predicted."""

    threshold: float
    mAP: float
    iou: float
    precision: float
    recall: float


class CalibrationPoint(TypedDict):
    """One bin of ``unet.metrics.calibration_curve`` that holds pixels."""

    mean_probability: float
    salt_fraction: float
    pixels: int


class TileScore(TypedDict):
    """One tile: its score in the competition (0 to 1), its IoU, and how much of it is salt and is called salt."""

    id: str
    score: float
    iou: float
    salt_share: float
    predicted_share: float


class Report(TypedDict):
    """What ``findings`` returns."""

    count: int
    scores: dict[str, Scores]
    best_threshold: dict[str, BestThreshold]
    coverage: list[Group]
    sections: list[Group]
    thresholds: list[ThresholdPoint]
    calibration: list[CalibrationPoint]
    calibration_uncorrected: list[CalibrationPoint]
    worst: list[TileScore]


@dataclass(frozen=True)
class Predictions:
    """What a network says of the same tiles in several ways, each a list of (H, W) float32 in [0, 1].

    Attributes:
        plain: one pass.
        tta: averaged with the mirrored tile.
        claim_tta: whether the network's claim is made with flip TTA.
        uncorrected: the claim's way, at temperature 1.
    """

    plain: Sequence[Probability]
    tta: Sequence[Probability]
    claim_tta: bool
    uncorrected: Sequence[Probability]

    @property
    def claimed(self) -> Sequence[Probability]:
        """The claim's way."""
        return self.tta if self.claim_tta else self.plain


def make_report(
    ids: Sequence[str],
    predictions: Predictions,
    truths: Sequence[Mask],
    threshold: float,
    sections: Collection[str] | None,
) -> Report:
    """Everything there is to say of a set of tiles.

    Args:
        ids: the names of the tiles.
        predictions: of these tiles, in this order.
        truths: one boolean (H, W) mask per tile.
        threshold: the card's, in [0, 1].
        sections: the ids of the tiles whose seismic section is known; None where none is.

    Returns:
        ``scores`` and ``best_threshold`` both ways, "plain" and "tta"; all else the claim's way.

    Raises:
        ValueError: no tiles, or lengths or shapes differ.
    """
    ways = {"plain": predictions.plain, "tta": predictions.tta}
    claimed = predictions.claimed
    return Report(
        count=len(ids),
        scores={name: metrics.evaluate(way, truths, threshold) for name, way in ways.items()},
        best_threshold={name: metrics.best_threshold(way, truths) for name, way in ways.items()},
        coverage=by_coverage(claimed, truths, threshold),
        sections=by_section(ids, claimed, truths, threshold, sections),
        thresholds=by_threshold(claimed, truths),
        calibration=calibration(claimed, truths),
        calibration_uncorrected=calibration(predictions.uncorrected, truths),
        worst=worst(ids, claimed, truths, threshold),
    )


def by_coverage(probabilities: Sequence[Probability], truths: Sequence[Mask], threshold: float) -> list[Group]:
    """Scores by how much of a tile is salt, in the order of ``COVERAGE``; a class without tiles is left out."""
    return _groups([_coverage(truth) for truth in truths], list(COVERAGE), probabilities, truths, threshold)


def by_section(
    ids: Sequence[str],
    probabilities: Sequence[Probability],
    truths: Sequence[Mask],
    threshold: float,
    sections: Collection[str] | None,
) -> list[Group]:
    """Scores of the tiles whose seismic section is known, and of the rest; empty where ``sections`` is None."""
    if sections is None:
        return []
    known, unknown = "in a known section", "in no known section"
    names = [known if name in sections else unknown for name in ids]
    return _groups(names, [known, unknown], probabilities, truths, threshold)


def by_threshold(probabilities: Sequence[Probability], truths: Sequence[Mask]) -> list[ThresholdPoint]:
    """Scores of all tiles at each of ``unet.metrics.THRESHOLDS``."""
    return [
        ThresholdPoint(threshold=p.threshold, mAP=p.mAP, iou=p.iou, precision=p.precision, recall=p.recall)
        for p in metrics.sweep(probabilities, truths)
    ]


def calibration(probabilities: Sequence[Probability], truths: Sequence[Mask]) -> list[CalibrationPoint]:
    """The calibration curve of all pixels, without the bins that hold none."""
    return [
        CalibrationPoint(mean_probability=b.mean_probability, salt_fraction=b.salt_fraction, pixels=b.pixels)
        for b in metrics.calibration_curve(probabilities, truths)
        if b.pixels
    ]


def worst(
    ids: Sequence[str],
    probabilities: Sequence[Probability],
    truths: Sequence[Mask],
    threshold: float,
    count: int = WORST,
) -> list[TileScore]:
    """The worst tiles, worst first: by score, then IoU, then id."""
    tiles = []
    for name, probability, truth in zip(ids, probabilities, truths, strict=True):
        predicted = metrics.mask(probability, threshold)
        tiles.append(
            TileScore(
                id=name,
                score=metrics.average_precision(predicted, truth),
                iou=metrics.iou(metrics.confusion(predicted, truth)),
                salt_share=float(truth.mean()),
                predicted_share=float(predicted.mean()),
            )
        )
    return sorted(tiles, key=lambda tile: (tile["score"], tile["iou"], tile["id"]))[:count]


def _coverage(truth: Mask) -> str:
    salt = int(np.count_nonzero(truth))
    # Whole numbers: exactly 5 % must not be more than 5 % by a rounding error.
    return next(name for name, percent in COVERAGE.items() if 100 * salt <= percent * truth.size)


def _groups(
    names: Sequence[str],
    order: Sequence[str],
    probabilities: Sequence[Probability],
    truths: Sequence[Mask],
    threshold: float,
) -> list[Group]:
    groups = []
    for name in order:
        rows = [row for row, of in enumerate(names) if of == name]
        if rows:
            scores = metrics.evaluate([probabilities[row] for row in rows], [truths[row] for row in rows], threshold)
            groups.append(Group(name=name, count=len(rows), mAP=scores["mAP"], iou=scores["iou"], dice=scores["dice"]))
    return groups
