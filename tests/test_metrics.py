"""Scores against answers worked by hand, torchmetrics, and the slow way of doing each."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torchmetrics.functional import accuracy, jaccard_index
from torchmetrics.functional.classification import (
    binary_calibration_error,
    binary_f1_score,
    binary_precision,
    binary_recall,
)

from unet import metrics
from unet.metrics import Counts

torch.set_num_threads(1)

EMPTY = np.zeros((10, 10), dtype=bool)
FULL = np.ones((10, 10), dtype=bool)


def first(pixels: int) -> NDArray[np.bool_]:
    """Return a 10x10 mask whose first pixels are salt."""
    return (np.arange(100) < pixels).reshape(10, 10)


def random_set(seed: int, count: int = 12) -> tuple[list[NDArray[np.float32]], list[NDArray[np.bool_]]]:
    """Return probabilities on thresholds and in between, and masks, some without salt, of three sizes."""
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


def test_confusion_of_four_pixels() -> None:
    predicted = np.array([[True, True, False, False]])
    truth = np.array([[True, False, True, False]])
    assert metrics.confusion(predicted, truth) == Counts(tp=1, fp=1, fn=1, tn=1)


def test_scores_from_counts() -> None:
    counts = Counts(tp=3, fp=1, fn=2, tn=4)
    assert metrics.iou(counts) == 3 / 6
    assert metrics.dice(counts) == 6 / 9
    assert metrics.pixel_accuracy(counts) == 7 / 10
    assert metrics.precision(counts) == 3 / 4
    assert metrics.recall(counts) == 3 / 5
    assert counts + Counts(1, 1, 1, 1) == Counts(4, 2, 3, 5)


def test_two_empty_masks_agree() -> None:
    counts = metrics.confusion(EMPTY, EMPTY)
    assert counts == Counts(tn=100)
    assert metrics.iou(counts) == metrics.dice(counts) == metrics.pixel_accuracy(counts) == 1.0
    assert metrics.precision(counts) == metrics.recall(counts) == 1.0


def test_precision_of_nothing_predicted_and_recall_of_no_salt_are_1() -> None:
    missed, synthetic = metrics.confusion(EMPTY, FULL), metrics.confusion(FULL, EMPTY)
    assert (metrics.precision(missed), metrics.recall(missed)) == (1.0, 0.0)
    assert (metrics.precision(synthetic), metrics.recall(synthetic)) == (0.0, 1.0)


def test_the_threshold_itself_is_not_salt() -> None:
    probability = np.array([[0.05, 0.0500001, 0.3, 1.0]], dtype=np.float32)
    assert metrics.mask(probability, 0.05).tolist() == [[False, True, True, True]]
    assert metrics.mask(probability, float(np.float32(0.3))).tolist() == [[False, False, False, True]]
    assert metrics.mask(probability, np.float64(0.3)).tolist() == [[False, False, False, True]]


@pytest.mark.parametrize(
    ("predicted", "truth", "score"),
    [
        (EMPTY, EMPTY, 1.0),
        (first(1), EMPTY, 0.0),
        (FULL, EMPTY, 0.0),
        (EMPTY, FULL, 0.0),
        (EMPTY, first(1), 0.0),
        (FULL, FULL, 1.0),
        (first(1), first(1), 1.0),
        (first(49), FULL, 0.0),
        (first(50), FULL, 0.0),  # an IoU of exactly 0.50 does not exceed 0.50
        (first(51), FULL, 0.1),
        (first(55), FULL, 0.1),
        (first(56), FULL, 0.2),
        (first(72), FULL, 0.5),  # 0.50, 0.55, 0.60, 0.65, 0.70
        (first(95), FULL, 0.9),
        (first(96), FULL, 1.0),
        (FULL, first(72), 0.5),  # too much counts like too little
    ],
)
def test_average_precision(predicted: NDArray[np.bool_], truth: NDArray[np.bool_], score: float) -> None:
    assert metrics.average_precision(predicted, truth) == score


def test_evaluate_by_hand() -> None:
    # Image 1: 60 of 100 salt pixels found.  Image 2: rightly empty.  Image 3: 20 false pixels.
    probabilities = [first(60) * np.float32(0.9), EMPTY.astype(np.float32), first(20) * np.float32(0.9)]
    scores = metrics.evaluate(probabilities, [FULL, EMPTY, EMPTY], threshold=0.5)
    assert scores == pytest.approx(
        {
            "count": 3,
            "threshold": 0.5,
            "mAP": (0.2 + 1 + 0) / 3,
            "iou": 60 / 120,
            "dice": 120 / 180,
            "iou_per_image": (0.6 + 1 + 0) / 3,
            "dice_per_image": (0.75 + 1 + 0) / 3,
            "pixel_accuracy": 240 / 300,
            # 80 pixels at 0.9 of which 60 are salt, 220 at 0 of which 40 are salt
            "calibration_error": (80 * (0.9 - 0.75) + 220 * (40 / 220)) / 300,
        }
    )
    assert {type(value) for value in scores.values()} == {int, float}


@pytest.mark.parametrize("seed", range(3))
def test_agrees_with_torchmetrics(seed: int) -> None:
    probabilities, truths = random_set(seed)
    scores = metrics.evaluate(probabilities, truths, threshold=0.4)
    p = torch.from_numpy(np.concatenate([x.ravel() for x in probabilities]))
    t = torch.from_numpy(np.concatenate([x.ravel() for x in truths])).int()
    assert scores["iou"] == pytest.approx(jaccard_index(p, t, task="binary", threshold=0.4).item(), rel=1e-5)
    assert scores["dice"] == pytest.approx(binary_f1_score(p, t, threshold=0.4).item(), rel=1e-5)
    right = accuracy(p, t, task="binary", threshold=0.4).item()
    assert scores["pixel_accuracy"] == pytest.approx(right, rel=1e-5)
    for point in metrics.sweep(probabilities, truths, (0.2, 0.4, 0.7)):
        found = binary_precision(p, t, threshold=point.threshold).item()
        assert point.precision == pytest.approx(found, rel=1e-5)
        found = binary_recall(p, t, threshold=point.threshold).item()
        assert point.recall == pytest.approx(found, rel=1e-5)
        assert point.precision < 1
    assert point.recall < 1


@pytest.mark.parametrize("bins", [10, 15])
def test_calibration_agrees_with_torchmetrics(bins: int) -> None:
    # Strictly inside the bins: torchmetrics puts 1.0 in a bin of its own, and rounds edges in float32.
    generator = np.random.default_rng(0)
    position = generator.integers(0, bins, (40, 40)) + generator.uniform(0.01, 0.99, (40, 40))
    probability = (position / bins).astype(np.float32)
    truth = generator.random((40, 40)) < probability**2
    expected = binary_calibration_error(
        torch.from_numpy(probability), torch.from_numpy(truth).int(), n_bins=bins, norm="l1"
    )
    assert metrics.calibration_error([probability], [truth], bins) == pytest.approx(expected.item(), rel=1e-4)


def test_calibration_by_hand() -> None:
    probability = np.array([[0.0, 0.25, 0.5, 0.75, 1.0]], dtype=np.float32)
    truth = np.array([[False, True, False, True, True]])
    low, high = metrics.calibration_curve([probability], [truth], bins=2)
    assert low == (0.125, 0.5, 2)
    assert high == pytest.approx((0.75, 2 / 3, 3))  # 0.5 opens the upper bin, 1.0 closes it
    error = metrics.calibration_error([probability], [truth], bins=2)
    assert error == pytest.approx(0.375 * 2 / 5 + (0.75 - 2 / 3) * 3 / 5)


def test_an_empty_calibration_bin_has_no_mean() -> None:
    low, high = metrics.calibration_curve([np.full((2, 2), 0.9, np.float32)], [np.ones((2, 2), bool)], bins=2)
    assert np.isnan(low.mean_probability)
    assert np.isnan(low.salt_fraction)
    assert (low.pixels, high.pixels) == (0, 4)
    assert high.salt_fraction == 1.0


@pytest.mark.parametrize("seed", range(4))
def test_sweep_is_exactly_evaluate_at_each_threshold(seed: int) -> None:
    probabilities, truths = random_set(seed)
    for thresholds in (metrics.THRESHOLDS, (0.0, 0.2, 0.2, 1.0)):
        for point in metrics.sweep(probabilities, truths, thresholds):
            scores = metrics.evaluate(probabilities, truths, point.threshold)
            assert point[:3] == (scores["threshold"], scores["mAP"], scores["iou"])


def test_best_threshold_is_the_middle_of_equals() -> None:
    # Salt at 0.7 and the rest at 0.3: right at 0.30 to 0.69, the middle of which is 0.50.
    probability = np.where(first(60), 0.7, 0.3).astype(np.float32)
    best = metrics.best_threshold([probability], [first(60)])
    assert best == {"threshold": 0.5, "mAP": 1.0, "flat_from": 0.3, "flat_to": 0.69}


def test_the_flat_range_stays_within_the_tolerance() -> None:
    # Image 1 is right from 0.30, image 2 (salt at 0.6) only to 0.59: up to 0.59 scores 1.0, then 0.5.
    probabilities = [np.where(first(60), 0.7, 0.3).astype(np.float32), first(60) * np.float32(0.6)]
    truths = [first(60), first(60)]
    best = metrics.best_threshold(probabilities, truths)
    assert (best["flat_from"], best["flat_to"], best["mAP"]) == (0.3, 0.59, 1.0)
    assert best["threshold"] in (0.44, 0.45)
    assert metrics.best_threshold(probabilities, truths, tolerance=0.5)["flat_to"] == 0.69


def test_best_threshold_is_a_maximum() -> None:
    probabilities, truths = random_set(1)
    best = metrics.best_threshold(probabilities, truths)
    scores = {t: metrics.evaluate(probabilities, truths, t)["mAP"] for t in metrics.THRESHOLDS}
    assert best["mAP"] == max(scores.values()) == scores[best["threshold"]]
    inside = [s for t, s in scores.items() if best["flat_from"] <= t <= best["flat_to"]]
    assert min(inside) >= best["mAP"] - 0.002


def calibrated(seed: int, factor: float, shape: tuple[int, int] = (500, 500)) -> tuple[list, list]:
    """Probabilities of a calibrated model whose logits were multiplied by a factor, and truths drawn from it."""
    generator = np.random.default_rng(seed)
    logits = generator.normal(-0.5, 2, (2, *shape))
    truths = generator.random(logits.shape) < 1 / (1 + np.exp(-logits))
    return list((1 / (1 + np.exp(-factor * logits))).astype(np.float32)), list(truths)


@pytest.mark.parametrize("factor", [0.4, 1.0, 2.5])
def test_the_temperature_undoes_a_factor_on_the_logits(factor: float) -> None:
    assert metrics.fit_temperature(*calibrated(0, factor)) == pytest.approx(factor, rel=0.02)


@pytest.mark.parametrize("seed", range(5))
def test_the_temperature_is_the_minimum(seed: int) -> None:
    """Against LBFGS, and against every hundredth there is, on pixels few enough for neither to be exact by chance."""
    probabilities, truths = calibrated(seed, 1 + seed / 2, (6, 7))
    fitted = metrics.fit_temperature(probabilities, truths)
    logits = torch.logit(torch.from_numpy(np.stack(probabilities)).double())
    target = torch.from_numpy(np.stack(truths)).double()

    def entropy(temperature: torch.Tensor | float) -> torch.Tensor:
        return torch.nn.functional.binary_cross_entropy_with_logits(logits / temperature, target)

    temperature = torch.ones((), dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([temperature], max_iter=200, line_search_fn="strong_wolfe")

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        loss = entropy(temperature)
        loss.backward()
        return loss

    optimizer.step(closure)
    assert fitted == pytest.approx(temperature.item(), abs=0.0052)
    assert fitted != 1
    hundredths = [i / 100 for i in range(6, 2001)]
    assert fitted == pytest.approx(min(hundredths, key=lambda t: entropy(t).item()), abs=0.011)
    assert fitted == round(fitted, 2)


def test_a_defined_zero_has_no_part_in_the_temperature() -> None:
    probabilities, truths = calibrated(0, 2.0, (50, 50))
    alone = metrics.fit_temperature(probabilities, truths)
    zero, salt = np.zeros((50, 50), np.float32), np.ones((50, 50), bool)
    assert metrics.fit_temperature([*probabilities, zero], [*truths, salt]) == alone


def test_the_temperature_stays_in_its_range() -> None:
    probability, truth = np.full((4, 4), 0.9, np.float32), np.ones((4, 4), bool)
    assert metrics.fit_temperature([probability], [truth]) == 0.06  # always right: never sure enough
    assert metrics.fit_temperature([probability], [~truth]) == 20  # always wrong: never unsure enough
    assert metrics.fit_temperature([np.ones((4, 4), np.float32)], [~truth]) == 20
    assert metrics.fit_temperature([np.full((4, 4), 0.5, np.float32)], [truth]) == 1
    assert metrics.fit_temperature([np.zeros((4, 4), np.float32)], [truth]) == 1
    with pytest.raises(ValueError, match="at least one"):
        metrics.fit_temperature([], [])


def test_mistakes_are_errors() -> None:
    probability = np.zeros((10, 10), np.float32)
    with pytest.raises(TypeError, match="boolean predicted mask"):
        metrics.confusion(probability, EMPTY)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="one shape"):
        metrics.confusion(EMPTY, EMPTY[:5])
    with pytest.raises(ValueError, match="at least one"):
        metrics.evaluate([], [], 0.5)
    with pytest.raises(ValueError, match="as many"):
        metrics.sweep([probability], [EMPTY, EMPTY])
    with pytest.raises(ValueError, match="one shape"):
        metrics.calibration_error([probability[:5]], [EMPTY])
    with pytest.raises(ValueError, match="ascending"):
        metrics.sweep([probability], [EMPTY], (0.5, 0.4))
