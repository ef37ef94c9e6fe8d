"""What a set of labelled tiles says about a network: arrays in, one typed report out, ready to be written as JSON.

Everywhere ``mAP`` is a mean over tiles; ``iou``, ``dice``, ``precision`` and ``recall`` of several tiles are taken over
all their pixels together.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from msgspec import Struct

from unet import bootstrap, metrics
from unet.calibration import CalibrationBin, calibration_bins, calibration_curve
from unet.card import CalibrationPoint
from unet.image import Mask, Probability
from unet.metrics import Differences, Intervals, Scores, ThresholdPoint
from unet.threshold import ChosenThreshold, choose_threshold
from unet.typed import Count, Share, Word

# name -> the largest percentage of salt in a tile of that class; a tile belongs to the first class that takes it.
COVERAGE = {"empty": 0, "sliver": 5, "part": 50, "most": 95, "nearly full": 100}
WORST = 20


class Group(Struct, frozen=True, kw_only=True):
    """The scores of some of the tiles; ``iou`` and ``dice`` are over all their pixels.

    Of tiles without salt both are 0 as soon as one pixel is predicted, and 1 where none is; their ``mAP`` says more.
    """

    name: Word
    count: Count
    mAP: Share
    iou: Share
    dice: Share


class TileScore(Struct, frozen=True, kw_only=True):
    """One tile: its score in the competition, its IoU, and which share of it is salt and is predicted as salt."""

    id: Word
    score: Share
    iou: Share
    salt_share: Share
    predicted_share: Share


class ScoresBothWays(Struct, frozen=True, kw_only=True):
    """The scores without and with flip TTA."""

    plain: Scores
    tta: Scores


class IntervalsBothWays(Struct, frozen=True, kw_only=True):
    """The 95 % intervals of the scores without and with flip TTA."""

    plain: Intervals
    tta: Intervals


class ThresholdsBothWays(Struct, frozen=True, kw_only=True):
    """The threshold that these tiles would choose without and with flip TTA."""

    plain: ChosenThreshold
    tta: ChosenThreshold


class CalibrationBothWays(Struct, frozen=True, kw_only=True):
    """What a probability has meant without and with flip TTA, by tenths; see ``unet.calibration.calibration_bins``."""

    plain: list[CalibrationBin] = []
    tta: list[CalibrationBin] = []


class Comparison(Struct, frozen=True, kw_only=True):
    """How much better a network is than another one on the tiles that neither was trained on.

    Attributes:
        weights, sha256, threshold, temperature: of the other network; each is scored at its own card's.
        count: tiles.
        tta: whether both use flip TTA.
        difference: the scores of the network minus those of the other.
    """

    weights: str
    sha256: str
    threshold: Share
    temperature: float
    count: Count
    tta: bool
    difference: Differences


class Report(Struct, frozen=True, kw_only=True):
    """What ``make_report`` returns; older ones have no intervals, choices, synthetic sets or tenths.

    Attributes:
        count: tiles.
        scores, intervals, chosen_threshold, calibration_tenths: without flip TTA and with it; all that follows, but
            for ``synthetic``, is of the claim's way alone.
        synthetic: name of a set of synthetic sections -> its scores, without flip TTA.
        coverage: groups of tiles by their true share of salt.
        sections: tiles in a known seismic section and the rest; empty where no section is known.
        thresholds: scores at each of ``unet.metrics.THRESHOLDS``.
        calibration: the reliability diagram.
        calibration_uncorrected: the same at temperature 1.
        worst: the worst tiles, worst first.
    """

    count: Count
    scores: ScoresBothWays
    intervals: IntervalsBothWays | None = None
    chosen_threshold: ThresholdsBothWays | None = None
    calibration_tenths: CalibrationBothWays = CalibrationBothWays()
    synthetic: dict[str, Scores] = {}
    coverage: list[Group]
    sections: list[Group]
    thresholds: list[ThresholdPoint]
    calibration: list[CalibrationPoint]
    calibration_uncorrected: list[CalibrationPoint]
    worst: list[TileScore]


@dataclass(frozen=True)
class Predictions:
    """The probabilities of the same tiles, computed in several ways, each a list of (H, W) float32 in [0, 1].

    Attributes:
        plain: one forward pass.
        tta: averaged with the mirrored tile.
        claim_tta: whether the claim in the card is made with flip TTA.
        uncorrected: as the claim is made, but at temperature 1.
    """

    plain: Sequence[Probability]
    tta: Sequence[Probability]
    claim_tta: bool
    uncorrected: Sequence[Probability]

    @property
    def claimed(self) -> Sequence[Probability]:
        """With flip TTA or without it, as the claim is made."""
        return self.tta if self.claim_tta else self.plain


def make_report(
    ids: Sequence[str],
    predictions: Predictions,
    truths: Sequence[Mask],
    threshold: float,
    sections: Mapping[str, str] | None,
    synthetic: Mapping[str, Scores],
) -> Report:
    """Everything there is to say about a set of tiles.

    Args:
        ids: the names of the tiles.
        predictions: of these tiles, in this order.
        truths: one boolean (H, W) mask per tile.
        threshold: the card's, in [0, 1].
        sections: tile -> its seismic section, where that is known; None where none is.
        synthetic: name of a set of synthetic sections -> its scores, which become part of the report.

    Raises:
        ValueError: no tiles, or lengths or shapes differ.
    """
    plain, tta, claimed = predictions.plain, predictions.tta, predictions.claimed
    units = bootstrap.units(ids, sections or {})
    return Report(
        count=len(ids),
        scores=ScoresBothWays(
            plain=metrics.evaluate(plain, truths, threshold), tta=metrics.evaluate(tta, truths, threshold)
        ),
        intervals=IntervalsBothWays(
            plain=metrics.intervals(plain, truths, threshold, units),
            tta=metrics.intervals(tta, truths, threshold, units),
        ),
        chosen_threshold=ThresholdsBothWays(
            plain=choose_threshold(metrics.sweep(plain, truths)), tta=choose_threshold(metrics.sweep(tta, truths))
        ),
        calibration_tenths=CalibrationBothWays(
            plain=calibration_bins(plain, truths), tta=calibration_bins(tta, truths)
        ),
        synthetic=dict(synthetic),
        coverage=by_coverage(claimed, truths, threshold),
        sections=by_section(ids, claimed, truths, threshold, sections),
        thresholds=metrics.sweep(claimed, truths),
        calibration=calibration_curve(claimed, truths),
        calibration_uncorrected=calibration_curve(predictions.uncorrected, truths),
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
    sections: Mapping[str, str] | None,
) -> list[Group]:
    """Scores of the tiles whose seismic section is known, and of the rest; empty where ``sections`` is None."""
    if sections is None:
        return []
    known, unknown = "in a known section", "in no known section"
    names = [known if name in sections else unknown for name in ids]
    return _groups(names, [known, unknown], probabilities, truths, threshold)


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
    return sorted(tiles, key=lambda tile: (tile.score, tile.iou, tile.id))[:count]


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
            groups.append(Group(name=name, count=len(rows), mAP=scores.mAP, iou=scores.iou, dice=scores.dice))
    return groups
