from dataclasses import replace

import numpy as np
import pytest

from unet import Segmenter
from unet.amplitude import Limits
from unet.card import Card
from unet.image import RULE, from_amplitude
from unet.seismic.section import SectionSettings, predict_section, resize
from unet.synthetic import section as synthetic

LIMITS = Limits(-900.0, 1100.0)
SETTINGS = SectionSettings(LIMITS)


@pytest.fixture(scope="module")
def small(small_model) -> Segmenter:
    return Segmenter(small_model, Card(threshold=0.5, input=RULE))


@pytest.fixture(scope="module")
def amplitudes() -> np.ndarray:
    return np.random.default_rng(0).normal(100, 400, (80, 100)).astype(np.float32)


def test_at_its_own_scale_the_answer_is_the_segmenters(small, amplitudes):
    expected = small.probability(from_amplitude(amplitudes, *LIMITS))
    np.testing.assert_array_equal(predict_section(small, amplitudes, SETTINGS), expected)
    scaled = SectionSettings(Limits(-9e5, 11e5))
    np.testing.assert_allclose(predict_section(small, amplitudes * 1000, scaled), expected, atol=1e-5)


def test_scale_polarity_and_tta(small, amplitudes):
    grey = from_amplitude(amplitudes, *LIMITS)
    expected = resize(small.probability(resize(grey, 160, 50), tta=True), 80, 100)
    wide = replace(SETTINGS, scales=((2, 0.5),), tta=True)
    np.testing.assert_array_equal(predict_section(small, amplitudes, wide), expected)
    turned = replace(SETTINGS, polarity="reversed")
    np.testing.assert_array_equal(predict_section(small, amplitudes, turned), small.probability(1 - grey))


def test_several_scales_and_polarities_are_averaged(small, amplitudes):
    scales = ((1.0, 1.0), (1.0, 0.5), (1.5, 0.25))
    single = [
        predict_section(small, amplitudes, SectionSettings(LIMITS, (scale,), polarity))
        for scale in scales
        for polarity in ("normal", "reversed")
    ]
    together = predict_section(small, amplitudes, SectionSettings(LIMITS, scales, "both"))
    np.testing.assert_allclose(together, np.mean(single, axis=0), atol=1e-6)


def test_a_section_smaller_than_the_network_takes(small, amplitudes):
    few = predict_section(small, amplitudes[:5, :9], replace(SETTINGS, scales=((0.1, 0.1),)))
    assert few.shape == (5, 9)
    assert np.isfinite(few).all()


def test_no_data_are_nan_and_what_stands_in_them_makes_no_difference(small, amplitudes):
    missing = np.zeros(amplitudes.shape, bool)
    missing[:20, 30:50] = missing[:, 70] = missing[40:60, 10:30] = True
    answers = [predict_section(small, np.where(missing, value, amplitudes), SETTINGS) for value in (np.nan, 0)]
    np.testing.assert_array_equal(np.isnan(answers[0]), missing)
    np.testing.assert_array_equal(*answers)
    assert np.isnan(predict_section(small, np.zeros((40, 30), np.float32), SETTINGS)).all()


@pytest.mark.parametrize("seed", [4, 5])
def test_five_per_cent_missing_traces_keep_the_mask(segmenter, seed):
    image, truth = synthetic(seed, 101, 600)
    line, settings = image.astype(np.float32) - 128, SectionSettings(Limits(-128, 127))
    full = predict_section(segmenter, line, settings) > segmenter.threshold
    assert (full & truth).sum() / (full | truth).sum() > 0.8
    dead = np.random.default_rng(seed).permutation(600)[:30]
    line[:, dead] = 0
    answer = predict_section(segmenter, line, settings)
    np.testing.assert_array_equal(np.flatnonzero(np.isnan(answer).all(axis=0)), np.sort(dead))
    mask = answer > segmenter.threshold  # False where there are no data
    assert (mask & full).sum() / (mask | full).sum() >= 0.8
    known = np.isfinite(answer)
    assert (mask & full)[known].sum() / (mask | full)[known].sum() >= 0.97


def test_a_gap_inside_a_tile_is_not_taken_for_salt(segmenter):
    image, truth = synthetic(2, 101, 101)  # without salt
    assert not truth.any()
    line = image.astype(np.float32) - 128
    line[30:80, 40:60] = np.nan
    answer = predict_section(segmenter, line, SectionSettings(Limits(-128, 127)))
    assert np.nanmax(answer) < 0.1
    flat = np.nan_to_num(line)
    assert segmenter.probability(from_amplitude(flat, -128, 127)).max() > 0.1  # as it is, it would be


def test_resizing_averages_where_it_shrinks():
    stripes = np.tile(np.array([0, 1], np.float32), (40, 60))
    np.testing.assert_allclose(resize(stripes, 40, 30), 0.5, atol=1e-6)
    ramp = np.linspace(0, 1, 120, dtype=np.float32)[:, None].repeat(20, axis=1)
    expected = np.interp((np.arange(240) + 0.5) / 2 - 0.5, np.arange(120), ramp[:, 0])
    np.testing.assert_allclose(resize(ramp, 240, 30)[12:-12, 0], expected[12:-12], atol=0.01)
    edge = np.array([[0, 0, 1, 1]], np.float32).repeat(4, axis=0)
    assert resize(edge, 9, 9).min() >= 0
    assert resize(edge, 9, 9).max() <= 1
