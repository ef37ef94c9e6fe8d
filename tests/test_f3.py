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


def test_the_regions_are_apart_and_the_core_has_the_area_of_its_outline():
    known = np.ones(f3.SHAPE, bool)
    known[:9, 20:40] = False
    core, outside, gaps = f3.regions(known)
    rows, columns = np.array(f3.CORE, float).T
    doubled = rows * np.roll(columns, -1) - columns * np.roll(rows, -1)  # the shoelace formula
    assert core.sum() == pytest.approx(abs(doubled.sum()) / 2, rel=0.05)  # the outline itself is inside
    assert (core[385, 500], core[340, 480]) == (True, False)
    assert (gaps.sum(), outside.sum()) == (180, known.size - 180 - 108 * 300)
    assert not ((core | gaps) & outside).any()


def test_a_row_is_the_mean_in_the_core_and_what_is_above_one_half():
    probability = np.array([[0.2, 0.6, 1.0, 0.6], [0.9, 0.1, 0.5, 0.0]], np.float32)
    core, outside, gaps = np.zeros((3, 2, 4), bool)
    core[0, :3] = outside[1] = gaps[0, 3] = True
    assert f3.row(probability, core, outside, gaps) == "0.60 | 66.67% | 25.00% | 100.00%"


def test_the_script_prints_its_tables_and_draws(monkeypatch, capsys, tmp_path, small_weights):
    monkeypatch.chdir(tmp_path)  # without the competition's tiles
    monkeypatch.setattr(sys, "argv", ["", "--data", ".", "--image", "f3.png", "--weights", str(small_weights)])
    monkeypatch.setattr(f3, "SETTINGS", [f3.NAIVE, f3.CHOSEN])
    assert f3.main() == 1
    assert capsys.readouterr().err.startswith("error: expected inline_300.npy, got no such file; ")
    amplitudes = RNG.normal(0, 3000, f3.SHAPE).astype(np.float32)
    amplitudes[:9, 20:40] = 0
    np.save("inline_300.npy", amplitudes.T)
    assert f3.main() == 1
    assert "error: expected amplitudes of shape (398, 887), got (887, 398); " in capsys.readouterr().err
    np.save("inline_300.npy", amplitudes)
    assert f3.main() == 0
    rows = [line for line in capsys.readouterr().out.splitlines() if line.startswith("small |")]
    segmenter, regions = Segmenter.load(small_weights), f3.regions(f3.recorded(amplitudes))
    for row, setting in zip(rows, f3.SETTINGS, strict=True):
        assert row == f"small | {setting} | {f3.row(f3.predict(segmenter, amplitudes, setting), *regions)}"
    height, width = f3.SHAPE
    with Image.open("f3.png") as image:
        assert image.size == (f3.WIDTH, round(f3.WIDTH * (3 * height + 2 * f3.GAP) / width))
        top = np.asarray(image.convert("L"), float)[20 : round(f3.WIDTH * (height - 10) / width)]
    grey = f3.resize(f3.image(amplitudes, f3.NAIVE), round(f3.WIDTH * height / width), f3.WIDTH)[20 : len(top) + 20]
    assert np.corrcoef(top.ravel(), grey.ravel())[0, 1] > 0.95  # the input is on top, but for few colours
