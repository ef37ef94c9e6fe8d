"""Scores against answers worked by hand, torchmetrics, and the slow way of doing each."""

import msgspec
import numpy as np
import pytest
import torch
from torchmetrics.functional import accuracy, jaccard_index
from torchmetrics.functional.classification import binary_f1_score, binary_precision, binary_recall

from unet import metrics
from unet.metrics import Counts

EMPTY = np.zeros((10, 10), dtype=bool)
FULL = np.ones((10, 10), dtype=bool)
RATIOS = (metrics.iou, metrics.dice, metrics.pixel_accuracy, metrics.precision, metrics.recall)


def first(pixels):
    """A 10 x 10 mask whose first pixels are salt."""
    return (np.arange(100) < pixels).reshape(10, 10)


def random_set(seed, count=12):
    """Probabilities on thresholds and in between, and masks, some without salt, of three sizes."""
    generator = np.random.default_rng(seed)
    probabilities, truths = [], []
    for i in range(count):
        shape = [(20, 20), (13, 17), (101, 101)][i % 3]
        truth = generator.random(shape) < (0 if i % 4 == 0 else 0.5)
        probability = np.clip(0.6 * truth + generator.normal(0.2, 0.15, shape), 0, 1)
        if i % 2:
            probability = probability.round(2)  # exactly on the grid of thresholds
        probabilities.append(probability.astype(np.float32))
        truths.append(truth)
    return probabilities, truths


@pytest.mark.parametrize(
    ("predicted", "truth", "counts", "ratios"),
    [
        (np.array([[1, 1, 0, 0]]) > 0, np.array([[1, 0, 1, 0]]) > 0, (1, 1, 1, 1), (1 / 3, 1 / 2, 1 / 2, 1 / 2, 1 / 2)),
        (first(4), first(5) & ~first(1), (3, 1, 1, 95), (3 / 5, 3 / 4, 98 / 100, 3 / 4, 3 / 4)),
        (first(8) & ~first(4), first(7) & ~first(2), (3, 1, 2, 94), (3 / 6, 6 / 9, 97 / 100, 3 / 4, 3 / 5)),
        (EMPTY, EMPTY, (0, 0, 0, 100), (1, 1, 1, 1, 1)),  # two empty masks agree
        (EMPTY, FULL, (0, 0, 100, 0), (0, 0, 0, 1, 0)),  # precision of nothing predicted is 1 by convention
        (FULL, EMPTY, (0, 100, 0, 0), (0, 0, 0, 0, 1)),  # and so is recall of no salt
    ],
)
def test_counts_and_what_follows_from_them(predicted, truth, counts, ratios):
    found = metrics.confusion(predicted, truth)
    assert found == Counts(*counts)
    assert tuple(ratio(found) for ratio in RATIOS) == ratios
    assert found + Counts(1, 2, 3, 4) == Counts(counts[0] + 1, counts[1] + 2, counts[2] + 3, counts[3] + 4)


@pytest.mark.parametrize(("threshold", "salt"), [(0.05, [0, 1, 1, 1]), (np.float64(0.3), [0, 0, 0, 1])])
def test_the_threshold_itself_is_not_salt(threshold, salt):
    probability = np.array([[0.05, 0.0500001, 0.3, 1.0]], dtype=np.float32)
    np.testing.assert_array_equal(metrics.mask(probability, threshold), [np.array(salt, bool)])


def test_average_precision():
    # 0.50 is not exceeded by an IoU of exactly 0.50; 72 pixels exceed 0.50, 0.55, 0.60, 0.65 and 0.70.
    scores = {49: 0.0, 50: 0.0, 51: 0.1, 55: 0.1, 56: 0.2, 72: 0.5, 95: 0.9, 96: 1.0, 100: 1.0}
    for pixels, score in scores.items():
        assert metrics.average_precision(first(pixels), FULL) == score
        assert metrics.average_precision(FULL, first(pixels)) == score  # too much counts like too little
    for predicted, truth, score in [(EMPTY, EMPTY, 1), (first(1), EMPTY, 0), (FULL, EMPTY, 0), (EMPTY, first(1), 0)]:
        assert metrics.average_precision(predicted, truth) == score


def test_evaluate_by_hand():
    # Image 1: 60 of 100 salt pixels found.  Image 2: rightly empty.  Image 3: 20 false pixels.
    probabilities = [first(60) * np.float32(0.9), EMPTY.astype(np.float32), first(20) * np.float32(0.9)]
    scores = metrics.evaluate(probabilities, [FULL, EMPTY, EMPTY], threshold=0.5)
    expected = {"count": 3, "threshold": 0.5, "mAP": (0.2 + 1 + 0) / 3, "iou": 60 / 120, "dice": 120 / 180}
    expected |= {"iou_per_image": (0.6 + 1 + 0) / 3, "dice_per_image": (0.75 + 1 + 0) / 3, "pixel_accuracy": 240 / 300}
    # 80 pixels at 0.9 of which 60 are salt, 220 at 0 of which 40 are salt
    expected |= {"calibration_error": (80 * (0.9 - 0.75) + 220 * (40 / 220)) / 300}
    assert msgspec.structs.asdict(scores) == pytest.approx(expected)


@pytest.mark.parametrize("seed", range(3))
def test_agrees_with_torchmetrics(seed):
    probabilities, truths = random_set(seed)
    scores = metrics.evaluate(probabilities, truths, threshold=0.4)
    p, t = (torch.from_numpy(np.concatenate([x.ravel() for x in arrays])) for arrays in (probabilities, truths))
    t = t.int()
    assert scores.iou == pytest.approx(jaccard_index(p, t, task="binary", threshold=0.4).item(), rel=1e-5)
    assert scores.dice == pytest.approx(binary_f1_score(p, t, threshold=0.4).item(), rel=1e-5)
    assert scores.pixel_accuracy == pytest.approx(accuracy(p, t, task="binary", threshold=0.4).item(), rel=1e-5)
    points = metrics.sweep(probabilities, truths)
    assert [point.threshold for point in points] == list(metrics.THRESHOLDS)
    for point in points[::6]:
        for found, reference in [(point.precision, binary_precision), (point.recall, binary_recall)]:
            assert found == pytest.approx(reference(p, t, threshold=point.threshold).item(), rel=1e-5)


@pytest.mark.parametrize("seed", range(2))
def test_the_sweep_is_exactly_evaluate_at_each_threshold(seed):
    probabilities, truths = random_set(seed)
    for thresholds in (metrics.THRESHOLDS[::5], (0.0, 0.2, 0.2, 1.0)):
        for point in metrics.sweep(probabilities, truths, thresholds):
            scores = metrics.evaluate(probabilities, truths, point.threshold)
            assert (point.threshold, point.mAP, point.iou) == (scores.threshold, scores.mAP, scores.iou)


def test_intervals_and_differences_are_of_the_same_scores():
    # Two tiles without false pixels, 60 and 100 of 100 found: of the four ways to draw two units, a quarter each gives
    # the first tile twice and the second twice.
    sure = [first(60) * np.float32(0.9), FULL * np.float32(0.9)]
    found = metrics.intervals(sure, [FULL, FULL], 0.5, np.array([0, 1]))
    assert (found.mAP.low, found.mAP.high, found.mAP.units) == (pytest.approx(0.2), 1.0, 2)
    assert (found.iou.low, found.iou.high, found.iou.units) == (pytest.approx(0.6), 1.0, 2)
    together = metrics.intervals(sure, [FULL, FULL], 0.5, np.array([0, 0]))
    assert (together.mAP.low, together.iou.high) == (pytest.approx(0.6), 160 / 200)  # one section: nothing to draw

    # Against another network that finds all of the first and 60 of the second, at a threshold of its own.
    other = [FULL * np.float32(0.3), first(60) * np.float32(0.3)]
    better = metrics.differences((sure, 0.5), (other, 0.25), [FULL, FULL], np.array([0, 1]))
    assert (better.mAP.value, better.iou.value) == (pytest.approx(0), pytest.approx(0))
    assert (better.mAP.interval.low, better.mAP.interval.high) == (pytest.approx(-0.8), pytest.approx(0.8))
    assert (better.iou.interval.low, better.iou.interval.high) == (pytest.approx(-0.4), pytest.approx(0.4))
    nothing = metrics.differences((sure, 0.5), (other, 0.5), [FULL, FULL], np.array([0, 1]))
    assert (nothing.mAP.value, nothing.iou.value) == (pytest.approx(0.6), 0.8)


def test_mistakes_are_errors():
    probability = np.zeros((10, 10), np.float32)
    with pytest.raises(TypeError, match="expected a boolean predicted mask, got float32; compare it"):
        metrics.confusion(probability, EMPTY)
    with pytest.raises(ValueError, match="expected two masks of one shape"):
        metrics.confusion(EMPTY, EMPTY[:5])
    with pytest.raises(ValueError, match="at least one, got 0 and 0"):
        metrics.evaluate([], [], 0.5)
    with pytest.raises(ValueError, match="as many probabilities as truths and at least one, got 1 and 2"):
        metrics.sweep([probability], [EMPTY, EMPTY])
    with pytest.raises(ValueError, match="ascending"):
        metrics.sweep([probability], [EMPTY], (0.5, 0.4))
