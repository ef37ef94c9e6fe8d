import numpy as np
import pytest

from demo.detection import detect

PROBABILITY = np.array([[0.1, 0.4, 0.5], [0.6, 0.9, 0.25]], np.float32)
TRUTH = np.array([[False, False, True], [True, True, False]])


def test_salt_lies_above_the_threshold_not_on_it():
    found = detect(PROBABILITY, 0.5)

    assert found.mask.tolist() == [[False, False, False], [True, True, False]]
    assert (found.pixels, found.share, found.highest) == (2, 2 / 6, pytest.approx(0.9))
    assert found.iou is None
    assert found.sentence == "threshold 0.50 · salt 33.3 % · 2 pixels"


def test_a_detection_is_scored_against_the_truth():
    found = detect(PROBABILITY, 0.5, TRUTH)
    # the IoU exceeds 0.50, 0.55, 0.60 and 0.65
    assert (found.iou, found.dice, found.competition) == pytest.approx((2 / 3, 4 / 5, 0.4))


def test_where_nothing_passes_the_highest_probability_is_said():
    said = "threshold 0.95 · salt 0.0 % · nothing passes the threshold; highest probability 0.90"
    assert detect(PROBABILITY, 0.95).sentence == said


def test_a_margin_has_no_part_in_the_share_of_salt():
    probability, margin = np.zeros((10, 10), np.float32), np.zeros((10, 10), bool)
    probability[:, 6:], margin[:, :2] = 0.9, True
    found = detect(probability, 0.5, margin=margin)

    assert (found.pixels, found.share, found.left_out) == (40, 0.5, 20)
    assert found.sentence == "threshold 0.50 · salt 50.0 % without the margin · 40 pixels"
    assert detect(np.zeros((4, 4), np.float32), 0.5, margin=np.ones((4, 4), bool)).share == 0
