import sys

import numpy as np
import pytest
from PIL import Image

from experiments import f3
from unet import Segmenter

RNG = np.random.default_rng(0)


def test_only_the_zeros_above_a_trace_are_not_recorded_and_do_not_move_the_clip():
    amplitudes = np.array([[0, 5, 0], [0, 0, 0], [3, 0, 0], [0, -2, 0]], np.float32)
    np.testing.assert_array_equal(f3.recorded(amplitudes), [[0, 1, 0], [0, 1, 0], [1, 1, 0], [1, 1, 0]])
    amplitudes = RNG.normal(0, 3000, (60, 80)).astype(np.float32)
    muted = np.vstack([np.zeros_like(amplitudes), amplitudes])
    np.testing.assert_array_equal(f3.image(muted, f3.NAIVE)[60:], f3.image(amplitudes, f3.NAIVE))


def test_the_clip_is_the_share_of_black_and_of_white_and_the_other_polarity_the_negative():
    amplitudes = RNG.permutation(np.arange(1, 10_001, dtype=np.float32)).reshape(100, 100)
    grey = f3.image(amplitudes, f3.Setting(clip=5))
    for end in (0, 1):
        assert (grey == end).mean() == pytest.approx(0.05, abs=0.0002)
    np.testing.assert_allclose(f3.image(amplitudes, f3.Setting(clip=5, reverse=True)), 1 - grey, atol=1e-6)


def test_another_size_is_averaged_or_smooth_and_keeps_the_range():
    stripes = np.tile(np.array([0, 1], np.float32), (20, 30))  # every other trace white
    np.testing.assert_allclose(f3.resize(stripes, 40, 30), 0.5, atol=1e-6)
    ramp = np.linspace(0.1, 0.9, 80, dtype=np.float32)[:, None].repeat(30, 1)
    expected = np.interp((np.arange(240) + 0.5) / 3 - 0.5, np.arange(80), ramp[:, 0])  # pixel centres
    np.testing.assert_allclose(f3.resize(ramp, 240, 30)[12:-12, 0], expected[12:-12], atol=0.01)
    steps = f3.resize(np.repeat(np.array([0, 1, 0], np.float32), 10)[:, None].repeat(20, 1), 90, 20)
    assert (steps.min(), steps.max()) == (0, 1)


def test_periods_of_waves_that_are_known():
    rows, columns = np.mgrid[:398, :887]
    windows = f3.cut((np.sin(2 * np.pi * rows / 8) + np.sin(2 * np.pi * columns / 20)).astype(np.float32))
    assert len(windows) == 6 * 16  # they overlap by half
    assert f3.periods(windows) == pytest.approx((8, 20), rel=0.03)


def test_the_prediction_is_the_segmenters_at_another_scale(small_weights):
    segmenter = Segmenter.load(small_weights)
    amplitudes = RNG.normal(0, 3000, (80, 100)).astype(np.float32)
    grey = f3.image(amplitudes, f3.NAIVE)
    plain = f3.predict(segmenter, amplitudes, f3.Setting(tta=False))
    np.testing.assert_allclose(plain, segmenter.probability(grey), atol=1e-6)
    expected = f3.resize(segmenter.probability(f3.resize(grey, 160, 50), tta=True), 80, 100)
    scaled = f3.predict(segmenter, amplitudes, f3.Setting(down=2, along=0.5))
    np.testing.assert_allclose(scaled, expected, atol=1e-6)


def test_a_row_counts_salt_where_something_was_recorded():
    known, predicted, reference = np.ones((4, 5), bool), np.zeros((4, 5), bool), np.zeros((4, 5), bool)
    known[0, :2] = False
    predicted[0, 1:3] = predicted[3] = reference[3, :3] = True
    # 6 of 18 recorded, 1 of 8 in the upper half, 1 of 2 not recorded; 3 in common of 6
    assert f3.row(predicted, reference, known) == "33.3% | 12.5% | 50.0% | 0.50"


def test_the_script_prints_its_tables_and_draws(monkeypatch, capsys, tmp_path, small_weights):
    monkeypatch.chdir(tmp_path)  # without the competition's tiles
    monkeypatch.setattr(sys, "argv", ["", "--data", ".", "--image", "f3.png", "--weights", str(small_weights)])
    assert f3.main() == 1
    assert capsys.readouterr().err.startswith("error: expected inline_300.npy, got no such file; ")
    amplitudes = RNG.normal(0, 3000, (130, 150)).astype(np.float32)
    amplitudes[:9, 20:40] = 0
    np.save("inline_300.npy", amplitudes)
    assert f3.main() == 0
    rows = [line for line in capsys.readouterr().out.splitlines() if line.startswith("small |")]
    for row, setting in zip(rows, f3.SETTINGS, strict=True):
        assert row.startswith(f"small | {setting} | ")
        assert setting != f3.CHOSEN or row.endswith(" | 1.00")  # the chosen setting agrees with itself
    with Image.open("f3.png") as image:
        assert image.size == (f3.WIDTH, round(f3.WIDTH * (3 * 130 + 2 * f3.GAP) / 150))
        top = np.asarray(image.convert("L"), float)[20 : round(f3.WIDTH * 120 / 150)]
    grey = f3.resize(f3.image(amplitudes, f3.NAIVE), round(f3.WIDTH * 130 / 150), f3.WIDTH)[20 : len(top) + 20]
    assert np.corrcoef(top.ravel(), grey.ravel())[0, 1] > 0.95  # the input is on top, but for 32 colours
