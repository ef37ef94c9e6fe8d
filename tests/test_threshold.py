"""The choice of a threshold on curves drawn by hand, whose right answer is plain to see."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unet import metrics
from unet.metrics import THRESHOLDS, ThresholdPoint
from unet.threshold import ChosenThreshold, choose_threshold


def curve(height):
    """The points of a curve, by the height at each threshold."""
    return [ThresholdPoint(threshold=t, mAP=height(t), iou=0.5, precision=0.5, recall=0.5) for t in THRESHOLDS]


def plateau(low, high, at, beside):
    """A curve that is ``at`` from ``low`` to ``high``, and ``beside`` elsewhere."""
    return lambda t: at if low - 1e-9 <= t <= high + 1e-9 else beside


@pytest.mark.parametrize(("low", "high"), [(0.3, 0.7), (0.05, 0.95), (0.45, 0.55), (0.2, 0.9), (0.5, 0.5)])
def test_the_middle_of_a_plateau(low, high):
    found = choose_threshold(curve(plateau(low, high, 0.8, 0.7)))
    assert found == ChosenThreshold(
        threshold=pytest.approx((low + high) / 2), mAP=0.8, highest_mAP=0.8, flat_from=low, flat_to=high
    )


def test_a_threshold_that_cuts_nothing_off_is_the_middle_of_a_network_s_own_gap():
    # Salt at 0.7 and the rest at 0.3: right at 0.30 to 0.69, the middle of which is 0.50.
    salt = np.arange(100).reshape(10, 10) < 60
    points = metrics.sweep([np.where(salt, 0.7, 0.3).astype(np.float32)], [salt])
    assert choose_threshold(points) == ChosenThreshold(
        threshold=0.5, mAP=1.0, highest_mAP=1.0, flat_from=0.3, flat_to=0.69
    )


@pytest.mark.parametrize("width", [0, 0.02, 0.06])
@pytest.mark.parametrize("at", [0.1, 0.26, 0.8])
def test_a_stray_peak_is_not_followed(at, width):
    smooth = plateau(0.35, 0.65, 0.80, 0.78)
    peak = plateau(at - width / 2, at + width / 2, 0.81, 0)
    found = choose_threshold(curve(lambda t: max(smooth(t), peak(t))))
    assert found.threshold == pytest.approx(0.5, abs=0.06)
    assert (found.mAP, found.highest_mAP) == (0.80, 0.81)
    assert (found.flat_from, found.flat_to) == (0.35, 0.65)


def test_a_peak_above_the_middle_does_not_narrow_the_flat_range():
    found = choose_threshold(curve(lambda t: 0.802 if t == 0.5 else plateau(0.3, 0.7, 0.8, 0.7)(t)))
    assert (found.threshold, found.mAP, found.flat_from, found.flat_to) == (0.5, 0.802, 0.3, 0.7)


def test_of_two_plateaus_the_wide_one():
    narrow, wide = plateau(0.1, 0.2, 0.802, 0), plateau(0.5, 0.8, 0.8, 0.75)
    found = choose_threshold(curve(lambda t: max(narrow(t), wide(t))))
    assert found.threshold == pytest.approx(0.65)


@given(st.lists(st.floats(0, 1), min_size=len(THRESHOLDS), max_size=len(THRESHOLDS)))
def test_the_threshold_has_the_best_surroundings_of_all(scores):
    of = dict(zip(THRESHOLDS, scores, strict=True))
    found = choose_threshold(curve(of.__getitem__))

    def surroundings(threshold):
        return np.mean([score for t, score in of.items() if abs(t - threshold) < 0.155])

    # Means that differ by less than 1e-9 count as equal, and then the middle is chosen.
    assert surroundings(found.threshold) == pytest.approx(max(map(surroundings, THRESHOLDS)), abs=1.01e-9)
    assert (found.mAP, found.highest_mAP) == (of[found.threshold], max(scores))
    assert found.flat_from <= found.threshold <= found.flat_to
    assert min(s for t, s in of.items() if found.flat_from <= t <= found.flat_to) >= found.mAP - 0.003001
