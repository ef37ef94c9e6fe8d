"""The report against answers worked by hand, and against the scores it is made of."""

import json

import msgspec
import numpy as np
import pytest

from unet import bootstrap, metrics, report, typed
from unet.calibration import calibration_bins, calibration_curve
from unet.report import Group, Predictions, Report
from unet.threshold import choose_threshold


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
            (group,) = report.by_coverage([sure(truth)], [truth], 0.5)
            assert (group.name, group.count) == (name, 1), count


def test_scores_by_coverage_by_hand():
    # Parts: 10 of 20 pixels found (IoU 0.5, score 0), and 40 of 40 with 10 too many (IoU 0.8, score 0.6).
    # Empty: rightly empty (score 1), and 5 false pixels (score 0).
    truths = [first(20), first(0), first(40), first(0), first(100)]
    predicted = [first(10), first(0), first(50), first(5), first(100)]
    assert report.by_coverage([sure(mask) for mask in predicted], truths, 0.5) == [
        Group(name="empty", count=2, mAP=0.5, iou=0.0, dice=0.0),
        Group(name="part", count=2, mAP=pytest.approx(0.3), iou=50 / 70, dice=100 / 120),
        Group(name="nearly full", count=1, mAP=1.0, iou=1.0, dice=1.0),
    ]


def test_scores_by_section_by_hand():
    given = ["a", "b", "c"], [sure(first(60)), sure(first(100)), sure(first(80))], [first(100)] * 3, 0.5
    assert report.by_section(*given, {"a": "7", "c": "7", "elsewhere": "8"}) == [
        Group(name="in a known section", count=2, mAP=pytest.approx(0.4), iou=0.7, dice=280 / 340),
        Group(name="in no known section", count=1, mAP=1.0, iou=1.0, dice=1.0),
    ]
    (rest,) = report.by_section(*given, {})
    assert (rest.name, rest.count) == ("in no known section", 3)
    assert report.by_section(*given, None) == []


def test_the_worst_come_by_score_then_iou_then_id():
    truths = {"a": 100, "b": 100, "d": 0, "c": 0, "e": 100, "f": 100}
    found = {"a": 100, "b": 45, "d": 9, "c": 30, "e": 20, "f": 72}
    masks = [first(n) for n in truths.values()]
    tiles = report.worst(list(truths), [sure(first(n)) for n in found.values()], masks, 0.5)
    assert [(tile.id, tile.score, tile.iou, tile.salt_share, tile.predicted_share) for tile in tiles] == [
        ("c", 0.0, 0.0, 0.0, 0.3),
        ("d", 0.0, 0.0, 0.0, 0.09),
        ("e", 0.0, 0.2, 1.0, 0.2),
        ("b", 0.0, 0.45, 1.0, 0.45),
        ("f", 0.5, 0.72, 1.0, 0.72),
        ("a", 1.0, 1.0, 1.0, 1.0),
    ]
    given = [f"{i:02}" for i in range(30)], [sure(first(100 - i)) for i in range(30)], [first(100)] * 30, 0.5
    for count in (20, 2):
        assert [tile.id for tile in report.worst(*given, count)] == [f"{i:02}" for i in range(29, 29 - count, -1)]
    assert report.worst(*given) == report.worst(*given, 20)


@pytest.mark.parametrize("claim_tta", [False, True])
def test_all_but_the_scores_is_computed_the_way_the_claim_is_made(claim_tta):
    generator = np.random.default_rng(0)
    ids = ["a", "b", "c", "d"]
    truths = [generator.random((10, 10)) < share for share in (0, 0.03, 0.3, 0.98)]
    plain, tta, uncorrected = (
        [np.clip(t * 0.4 + generator.normal(0.3, 0.2, t.shape), 0, 1).astype(np.float32) for t in truths]
        for _ in range(3)
    )
    synthetic = {"easy": metrics.evaluate(plain[1:], truths[1:], 0.4), "hard": metrics.evaluate(tta, truths, 0.4)}
    sections = {"b": "1", "d": "1"}
    found = report.make_report(ids, Predictions(plain, tta, claim_tta, uncorrected), truths, 0.4, sections, synthetic)
    claimed = tta if claim_tta else plain
    ways, units = {"plain": plain, "tta": tta}, bootstrap.units(ids, sections)
    scores = {name: metrics.evaluate(way, truths, 0.4) for name, way in ways.items()}
    written = msgspec.to_builtins(found)
    assert written == msgspec.to_builtins(
        {
            "count": 4,
            "scores": scores,
            "intervals": {name: metrics.intervals(way, truths, 0.4, units) for name, way in ways.items()},
            "chosen_threshold": {name: choose_threshold(metrics.sweep(way, truths)) for name, way in ways.items()},
            "calibration_tenths": {name: calibration_bins(way, truths) for name, way in ways.items()},
            "synthetic": synthetic,
            "coverage": report.by_coverage(claimed, truths, 0.4),
            "sections": report.by_section(ids, claimed, truths, 0.4, sections),
            "thresholds": metrics.sweep(claimed, truths),
            "calibration": calibration_curve(claimed, truths),
            "calibration_uncorrected": calibration_curve(uncorrected, truths),
            "worst": report.worst(ids, claimed, truths, 0.4),
        }
    )
    assert found.scores.plain != found.scores.tta
    assert found.calibration_tenths.plain != found.calibration_tenths.tta
    # The groups make up the whole, and the curve passes through the scores at the threshold.
    own = scores["tta" if claim_tta else "plain"]
    for groups in (found.coverage, found.sections):
        assert sum(group.count for group in groups) == 4
        assert sum(group.mAP * group.count for group in groups) / 4 == pytest.approx(own.mAP)
    assert [(p.mAP, p.iou) for p in found.thresholds if p.threshold == 0.4] == [(own.mAP, own.iou)]
    assert typed.convert(typed.parse(json.dumps(written, allow_nan=False).encode()), Report) == found


def test_tiles_that_do_not_belong_together_are_refused():
    with pytest.raises(ValueError, match="at least one"):
        report.make_report([], Predictions([], [], True, []), [], 0.5, None, {})
    with pytest.raises(ValueError, match="shorter"):
        report.worst(["a", "b"], [sure(first(1))], [first(1)], 0.5)
