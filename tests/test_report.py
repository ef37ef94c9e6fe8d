"""The report against answers worked by hand, and against the scores it is made of."""

import json

import numpy as np
import pytest
import torch
from torchmetrics.functional.classification import binary_precision, binary_recall

from unet import metrics, report
from unet.report import Predictions


def first(pixels, size=100):
    """A mask of 10 columns whose first pixels are salt."""
    return (np.arange(size) < pixels).reshape(-1, 10)


def sure(mask, value=0.9):
    """A probability that is ``value`` on the mask and 0 elsewhere."""
    return mask * np.float32(value)


def test_a_tile_belongs_to_one_class_and_the_edges_belong_below():
    salt = {"empty": [0], "sliver": [1, 50], "part": [51, 500], "most": [501, 950], "nearly full": [951, 1000]}
    for name, counts in salt.items():
        for count in counts:
            truth = first(count, 1000)
            groups = report.by_coverage([sure(truth)], [truth], 0.5)
            assert [(group["name"], group["count"]) for group in groups] == [(name, 1)], count


def test_scores_by_coverage_by_hand():
    # Parts: 10 of 20 pixels found (IoU 0.5, score 0), and 40 of 40 with 10 too many (IoU 0.8, score 0.6).
    # Empty: rightly empty (score 1), and 5 pixels synthetic (score 0).
    truths = [first(20), first(0), first(40), first(0), first(100)]
    predicted = [first(10), first(0), first(50), first(5), first(100)]
    groups = report.by_coverage([sure(mask) for mask in predicted], truths, 0.5)
    assert groups == [
        {"name": "empty", "count": 2, "mAP": 0.5, "iou": 0.0, "dice": 0.0},
        {"name": "part", "count": 2, "mAP": pytest.approx(0.3), "iou": 50 / 70, "dice": 100 / 120},
        {"name": "nearly full", "count": 1, "mAP": 1.0, "iou": 1.0, "dice": 1.0},
    ]


def test_scores_by_section_by_hand():
    truths = [first(100), first(100), first(100)]
    probabilities = [sure(first(60)), sure(first(100)), sure(first(80))]
    groups = report.by_section(["a", "b", "c"], probabilities, truths, 0.5, {"a": "7", "c": "7", "elsewhere": "8"})
    assert groups == [
        {"name": "in a known section", "count": 2, "mAP": pytest.approx(0.4), "iou": 0.7, "dice": 280 / 340},
        {"name": "in no known section", "count": 1, "mAP": 1.0, "iou": 1.0, "dice": 1.0},
    ]
    (rest,) = report.by_section(["a", "b", "c"], probabilities, truths, 0.5, {})
    assert (rest["name"], rest["count"]) == ("in no known section", 3)
    assert report.by_section(["a", "b", "c"], probabilities, truths, 0.5, None) == []


def test_the_curve_over_thresholds_by_hand():
    # 100 pixels of salt: 60 at 0.9, 40 at 0.3.  100 of none: 20 at 0.6.
    probability = np.where(first(60), 0.9, 0.3).astype(np.float32)
    points = report.by_threshold([probability, sure(first(20), 0.6)], [first(100), first(0)])
    assert [point["threshold"] for point in points] == list(metrics.THRESHOLDS)
    at = {point["threshold"]: point for point in points}
    rows = {
        0.2: (0.5, 100 / 120, 100 / 120, 1.0),
        0.5: (0.1, 60 / 120, 60 / 80, 0.6),
        0.8: (0.6, 60 / 100, 60 / 60, 0.6),
        0.95: (0.5, 0.0, 1.0, 0.0),  # nothing is predicted any more: precision is 1 by convention
    }
    for threshold, row in rows.items():
        names = ("mAP", "iou", "precision", "recall")
        assert [at[threshold][name] for name in names] == pytest.approx(row), threshold


def test_the_curve_agrees_with_torchmetrics():
    generator = np.random.default_rng(0)
    truths = [generator.random((30, 30)) < share for share in (0.1, 0.5, 0.7)]
    probabilities = [
        np.clip(0.4 * t + generator.normal(0.3, 0.2, t.shape), 0.01, 0.99).astype(np.float32) for t in truths
    ]
    p, t = torch.from_numpy(np.stack(probabilities)), torch.from_numpy(np.stack(truths)).int()
    points = report.by_threshold(probabilities, truths)
    for point in points[::6]:
        assert point["precision"] == pytest.approx(binary_precision(p, t, threshold=point["threshold"]).item())
        assert point["recall"] == pytest.approx(binary_recall(p, t, threshold=point["threshold"]).item())
    assert len({point["precision"] for point in points[::6]}) > 10


def test_calibration_leaves_out_the_bins_without_pixels():
    points = report.calibration([sure(first(60))], [first(40)])
    assert points == [
        {"mean_probability": 0.0, "salt_fraction": 0.0, "pixels": 40},
        {"mean_probability": pytest.approx(0.9), "salt_fraction": pytest.approx(2 / 3), "pixels": 60},
    ]


def test_the_worst_come_by_score_then_iou_then_id():
    truths = {"a": 100, "b": 100, "d": 0, "c": 0, "e": 100, "f": 100}
    found = {"a": 100, "b": 45, "d": 9, "c": 30, "e": 20, "f": 72}
    tiles = report.worst(
        list(truths), [sure(first(n)) for n in found.values()], [first(n) for n in truths.values()], 0.5
    )
    assert tiles == [
        {"id": "c", "score": 0.0, "iou": 0.0, "salt_share": 0.0, "predicted_share": 0.3},
        {"id": "d", "score": 0.0, "iou": 0.0, "salt_share": 0.0, "predicted_share": 0.09},
        {"id": "e", "score": 0.0, "iou": 0.2, "salt_share": 1.0, "predicted_share": 0.2},
        {"id": "b", "score": 0.0, "iou": 0.45, "salt_share": 1.0, "predicted_share": 0.45},
        {"id": "f", "score": 0.5, "iou": 0.72, "salt_share": 1.0, "predicted_share": 0.72},
        {"id": "a", "score": 1.0, "iou": 1.0, "salt_share": 1.0, "predicted_share": 1.0},
    ]


def test_of_many_tiles_the_twenty_worst():
    ids = [f"{i:02}" for i in range(30)]
    probabilities = [sure(first(100 - i)) for i in range(30)]
    tiles = report.worst(ids, probabilities, [first(100)] * 30, 0.5)
    assert [tile["id"] for tile in tiles] == [f"{i:02}" for i in range(29, 9, -1)]
    short = report.worst(ids, probabilities, [first(100)] * 30, 0.5, count=2)
    assert [tile["id"] for tile in short] == ["29", "28"]


@pytest.mark.parametrize("claim_tta", [False, True])
def test_all_but_the_scores_is_taken_the_way_the_claim_is_made(claim_tta):
    generator = np.random.default_rng(0)
    ids = ["a", "b", "c", "d"]
    truths = [generator.random((10, 10)) < share for share in (0, 0.03, 0.3, 0.98)]

    def guess():
        return [np.clip(t * 0.4 + generator.normal(0.3, 0.2, t.shape), 0, 1).astype(np.float32) for t in truths]

    plain, tta, uncorrected = guess(), guess(), guess()
    found = report.make_report(ids, Predictions(plain, tta, claim_tta, uncorrected), truths, 0.4, {"b": "1"})
    claimed = tta if claim_tta else plain
    assert found == {
        "count": 4,
        "scores": {"plain": metrics.evaluate(plain, truths, 0.4), "tta": metrics.evaluate(tta, truths, 0.4)},
        "best_threshold": {"plain": metrics.best_threshold(plain, truths), "tta": metrics.best_threshold(tta, truths)},
        "coverage": report.by_coverage(claimed, truths, 0.4),
        "sections": report.by_section(ids, claimed, truths, 0.4, {"b": "1"}),
        "thresholds": report.by_threshold(claimed, truths),
        "calibration": report.calibration(claimed, truths),
        "calibration_uncorrected": report.calibration(uncorrected, truths),
        "worst": report.worst(ids, claimed, truths, 0.4),
    }
    assert found["scores"]["plain"] != found["scores"]["tta"]
    # The parts make up the whole, and the curve goes through the scores at the threshold.
    scores = found["scores"]["tta" if claim_tta else "plain"]
    for part in ("coverage", "sections"):
        assert sum(group["count"] for group in found[part]) == 4
        assert sum(group["mAP"] * group["count"] for group in found[part]) / 4 == pytest.approx(scores["mAP"])
    assert sum(point["pixels"] for point in found["calibration"]) == 400
    (point,) = (point for point in found["thresholds"] if point["threshold"] == 0.4)
    assert (point["mAP"], point["iou"]) == (scores["mAP"], scores["iou"])
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_tiles_that_do_not_belong_together_are_refused():
    predictions = Predictions([], [], True, [])
    with pytest.raises(ValueError, match="at least one"):
        report.make_report([], predictions, [], 0.5, None)
    with pytest.raises(ValueError, match="shorter"):
        report.worst(["a", "b"], [sure(first(1))], [first(1)], 0.5)
