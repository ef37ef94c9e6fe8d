"""Calibration against answers worked by hand, torchmetrics, and brute force."""

import numpy as np
import pytest
import torch
from torchmetrics.functional.classification import binary_calibration_error

from unet.calibration import (
    CalibrationBin,
    calibration_bins,
    calibration_curve,
    calibration_error,
    fit_temperature,
)
from unet.card import CalibrationPoint


def calibrated(seed, factor, shape=(500, 500)):
    """Probabilities of a calibrated model whose logits were multiplied by a factor, and truths drawn from it."""
    generator = np.random.default_rng(seed)
    logits = generator.normal(-0.5, 2, (2, *shape))
    truths = generator.random(logits.shape) < 1 / (1 + np.exp(-logits))
    return list((1 / (1 + np.exp(-factor * logits))).astype(np.float32)), list(truths)


@pytest.mark.parametrize("bins", [10, 15])
def test_the_error_agrees_with_torchmetrics(bins):
    # Strictly inside the bins: torchmetrics puts 1.0 in a bin of its own, and rounds edges in float32.
    generator = np.random.default_rng(0)
    position = generator.integers(0, bins, (40, 40)) + generator.uniform(0.01, 0.99, (40, 40))
    probability = (position / bins).astype(np.float32)
    truth = generator.random((40, 40)) < probability**2
    p, t = torch.from_numpy(probability), torch.from_numpy(truth).int()
    expected = binary_calibration_error(p, t, n_bins=bins, norm="l1").item()
    assert calibration_error([probability], [truth], bins) == pytest.approx(expected, rel=1e-4)


def test_the_curve_by_hand():
    probability = np.array([[0.0, 0.25, 0.5, 0.75, 1.0]], dtype=np.float32)
    truth = np.array([[False, True, False, True, True]])
    assert calibration_curve([probability], [truth], bins=2) == [
        CalibrationPoint(mean_probability=0.125, salt_fraction=0.5, pixels=2),
        CalibrationPoint(mean_probability=0.75, salt_fraction=2 / 3, pixels=3),  # 0.5 opens the bin, 1.0 closes it
    ]
    error = calibration_error([probability], [truth], bins=2)
    assert error == pytest.approx(0.375 * 2 / 5 + (0.75 - 2 / 3) * 3 / 5)
    (only,) = calibration_curve([probability[:, 3:]], [truth[:, 3:]], bins=2)  # a bin without pixels is left out
    assert only == CalibrationPoint(mean_probability=0.875, salt_fraction=1, pixels=2)


def test_what_each_tenth_has_meant_by_hand():
    probability = np.array([[0.0, 0.09, 0.25, 0.29, 0.5, 0.95, 1.0]], dtype=np.float32)
    truth = np.array([[False, False, True, False, True, True, False]])
    second = np.array([[0.21]], np.float32), np.array([[True]])
    assert calibration_bins([probability, second[0]], [truth, second[1]]) == [
        CalibrationBin(low=0.0, high=0.1, share=0, pixels=2),
        CalibrationBin(low=0.2, high=0.3, share=2 / 3, pixels=3),  # a tenth without pixels is left out
        CalibrationBin(low=0.5, high=0.6, share=1, pixels=1),  # 0.5 opens its tenth
        CalibrationBin(low=0.9, high=1.0, share=1 / 2, pixels=2),  # 1.0 closes the last one
    ]


def test_a_pixel_counts_in_the_tenth_whose_edges_lie_around_it():
    """Of every float32 next to an edge, as the browser compares them."""
    edges = np.linspace(0, 1, 11).astype(np.float32)
    for value in np.unique(np.clip([edges, *(np.nextafter(edges, np.float32(to)) for to in (-1, 2))], 0, 1)):
        (found,) = calibration_bins([np.full((1, 1), value, np.float32)], [np.ones((1, 1), bool)])
        assert found.low <= float(value) < found.high or value == found.high == 1


@pytest.mark.parametrize("factor", [0.4, 1.0, 2.5])
def test_the_temperature_undoes_a_factor_on_the_logits(factor):
    assert fit_temperature(*calibrated(0, factor)) == pytest.approx(factor, rel=0.02)


@pytest.mark.parametrize("seed", range(5))
def test_the_temperature_is_the_minimum_of_the_cross_entropy(seed):
    """Against every hundredth there is, on pixels few enough not to be exact by chance."""
    probabilities, truths = calibrated(seed, 1 + seed / 2, (6, 7))
    logits = torch.logit(torch.from_numpy(np.stack(probabilities)).double())
    target = torch.from_numpy(np.stack(truths)).double()

    def entropy(temperature):
        return torch.nn.functional.binary_cross_entropy_with_logits(logits / temperature, target).item()

    fitted = fit_temperature(probabilities, truths)
    assert fitted == pytest.approx(min((i / 100 for i in range(6, 2001)), key=entropy), abs=0.011)
    assert fitted == round(fitted, 2) != 1


def test_a_defined_zero_has_no_part_in_the_temperature():
    probabilities, truths = calibrated(0, 2.0, (50, 50))
    zero, salt = np.zeros((50, 50), np.float32), np.ones((50, 50), bool)
    assert fit_temperature([*probabilities, zero], [*truths, salt]) == fit_temperature(probabilities, truths)


def test_the_temperature_stays_in_its_range():
    always_right, always_wrong = (0.9, True, 0.06), (0.9, False, 20)
    for probability, salt, temperature in [
        always_right,
        always_wrong,
        (1.0, False, 20),
        (0.5, True, 1),
        (0.0, True, 1),
    ]:
        assert fit_temperature([np.full((4, 4), probability, np.float32)], [np.full((4, 4), salt)]) == temperature


def test_pixels_that_do_not_belong_together_are_refused():
    for compute in (calibration_bins, calibration_curve, calibration_error, fit_temperature):
        with pytest.raises(ValueError, match="at least one, got 0 and 0"):
            compute([], [])
        with pytest.raises(ValueError, match=r"one shape, got \(2, 3\) and \(3, 2\); resize one"):
            compute([np.full((2, 3), 0.5, np.float32)], [np.ones((3, 2), bool)])
