"""Bootstrap intervals against cases worked by hand and the normal distribution."""

import numpy as np
import pytest

from unet.bootstrap import Difference, Interval, Ratio, difference, interval, mean_intervals, units


def mean(values):
    """The mean of some scores as a ratio."""
    values = np.asarray(values, dtype=np.float64)
    return Ratio(values, np.ones(len(values)))


def test_tiles_of_one_section_are_one_unit():
    sections = {"b": "7", "d": "7", "e": "a"}  # a section may have the name of a tile
    assert units(["a", "b", "c", "d", "e"], sections).tolist() == [0, 1, 2, 1, 3]
    assert units(["a", "b"], {}).tolist() == [0, 1]


def test_equal_tiles_have_no_error():
    assert interval(mean([0.7] * 9), np.arange(9)) == Interval(low=pytest.approx(0.7), high=pytest.approx(0.7), units=9)
    assert interval(mean([0.2, 0.6]), np.zeros(2, int)) == Interval(low=0.4, high=0.4, units=1)


def test_two_units_by_hand():
    # Drawn are 0, 0 or 0, 1 or 1, 1 with chances of 1/4, 1/2 and 1/4: the ends are the units' own scores.
    assert interval(mean([0.2, 0.6]), np.arange(2)) == Interval(low=0.2, high=0.6, units=2)
    # With 3 tiles in one section and 1 in the other, a draw of both weights them 3 to 1, as the score does.
    score, of_unit = mean([0.5, 0.5, 0.5, 0.9]), np.array([0, 0, 0, 1])
    assert score.value() == pytest.approx(0.6)
    assert interval(score, of_unit) == Interval(low=0.5, high=0.9, units=2)
    # Sums over pixels: 10 of 20 and 30 of 30.
    assert interval(Ratio(np.array([10.0, 30.0]), np.array([20.0, 30.0])), np.arange(2)).low == 0.5


def test_empty_denominators_count_as_right():
    nothing = Ratio(np.zeros(2), np.array([0.0, 4.0]))
    assert nothing.value() == 0
    assert interval(nothing, np.arange(2)) == Interval(low=0, high=1, units=2)  # both drawn empty: an IoU of 1


def test_a_network_does_not_differ_from_itself():
    scores = mean(np.random.default_rng(0).random(50))
    found = difference(scores, scores, np.arange(50))
    assert found == Difference(value=0, interval=Interval(low=0, high=0, units=50))
    assert found.interval.contains(0)


def test_what_is_hard_for_both_falls_out_of_the_difference():
    generator = np.random.default_rng(0)
    hard, of_unit = generator.random(200) * 0.9, np.arange(200)
    found = difference(mean(hard + 0.05 + 0.01 * generator.random(200)), mean(hard), of_unit)
    assert found.value == pytest.approx(0.055, abs=0.001)
    assert not found.interval.contains(0)
    assert found.interval.high - found.interval.low < 0.002
    single = interval(mean(hard), of_unit)
    assert single.high - single.low > 0.06
    reverse = difference(mean(hard), mean(hard + 0.05), of_unit)
    assert (reverse.value, reverse.interval.high) == (pytest.approx(-0.05), pytest.approx(-0.05))


def test_of_many_tiles_the_interval_is_that_of_the_normal_distribution():
    scores = np.random.default_rng(1).beta(4, 2, 500)
    found, error = interval(mean(scores), np.arange(500)), scores.std() / np.sqrt(500)
    low, high = scores.mean() - 1.96 * error, scores.mean() + 1.96 * error
    assert (found.low, found.high) == pytest.approx((low, high), abs=0.15 * error)


def test_the_interval_holds_the_truth_as_often_as_it_says():
    """Sections of 4 tiles that share a level: 19 of 20 intervals hold it; with tiles drawn singly, far fewer."""
    generator, tiles = np.random.default_rng(0), np.arange(160)
    held = {"sections": 0, "tiles": 0}
    for _ in range(60):
        scores = mean(0.5 + 0.1 * generator.standard_normal(40).repeat(4) + 0.05 * generator.standard_normal(160))
        held["sections"] += interval(scores, tiles // 4).contains(0.5)
        held["tiles"] += interval(scores, tiles).contains(0.5)
    assert 52 <= held["sections"] <= 60
    assert held["tiles"] < 50


@pytest.mark.parametrize("of_unit", [np.arange(2), np.arange(0), np.arange(4)])
def test_units_that_do_not_fit_are_refused(of_unit):
    with pytest.raises(ValueError, match="expected one unit for each tile and at least one, got"):
        interval(mean([0.1, 0.2, 0.3]), of_unit)
    with pytest.raises(ValueError, match="at least one, got 0 for 0 tiles"):
        interval(mean([]), np.arange(0))


def test_many_means_at_once_have_the_intervals_of_each():
    rng = np.random.default_rng(4)
    values, of_unit = rng.normal(size=(12, 3)) / 4, np.array([0, 0, 1, 2, 3, 3, 3, 4, 5, 6, 7, 7])
    low, high = mean_intervals(values, of_unit)
    for column in range(3):
        one = interval(mean(values[:, column]), of_unit)
        assert (low[column], high[column]) == (pytest.approx(one.low), pytest.approx(one.high))
