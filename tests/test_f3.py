import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from experiments import f3
from unet import Segmenter, render

RNG = np.random.default_rng(0)


def test_only_the_zeros_above_a_trace_are_not_recorded():
    amplitudes = np.array([[0, 5, 0], [0, 0, 0], [3, 0, 0], [0, -2, 0]], np.float32)
    expected = [[False, True, False], [False, True, False], [True, True, False], [True, True, False]]
    assert f3.recorded(amplitudes).tolist() == expected


def test_what_was_not_recorded_does_not_move_the_clip():
    amplitudes = RNG.normal(0, 3000, (60, 80)).astype(np.float32)
    muted = np.vstack([np.zeros_like(amplitudes), amplitudes])
    np.testing.assert_array_equal(f3.image(muted, f3.NAIVE)[60:], f3.image(amplitudes, f3.NAIVE))


def test_the_clip_is_the_share_of_black_and_of_white():
    amplitudes = RNG.permutation(np.arange(1, 10_001, dtype=np.float32)).reshape(100, 100)
    grey = f3.image(amplitudes, f3.Setting(clip=5))
    assert (grey == 0).mean() == pytest.approx(0.05, abs=0.0002)
    assert (grey == 1).mean() == pytest.approx(0.05, abs=0.0002)


def test_the_other_polarity_is_the_negative():
    amplitudes = RNG.gamma(2, 1000, (50, 70)).astype(np.float32) - 500
    negative = f3.image(amplitudes, f3.Setting(reverse=True))
    np.testing.assert_allclose(negative, 1 - f3.image(amplitudes, f3.Setting()), atol=1e-6)


def test_shrinking_averages_and_does_not_pick():
    stripes = np.tile(np.array([0, 1], np.float32), (20, 30))  # every other trace white
    np.testing.assert_allclose(f3.resize(stripes, 40, 30), 0.5, atol=1e-6)


def test_stretching_keeps_a_smooth_image_and_the_range():
    wave = (np.sin(2 * np.pi * np.arange(80, dtype=np.float32) / 20)[:, None].repeat(30, 1) + 1) / 2
    stretched = f3.resize(wave, 240, 30)
    rows = (np.arange(240) + 0.5) / 3 - 0.5  # pixel centres
    expected = (np.sin(2 * np.pi * rows / 20) + 1) / 2
    np.testing.assert_allclose(stretched[12:-12, 0], expected[12:-12], atol=0.01)
    steps = np.repeat(np.array([0, 1, 0], np.float32), 10)[:, None].repeat(20, 1)
    assert f3.resize(steps, 90, 20).min() == 0
    assert f3.resize(steps, 90, 20).max() == 1


def test_periods_of_waves_that_are_known():
    rows, columns = np.mgrid[:101, :101]
    waves = np.sin(2 * np.pi * rows / 8) + np.sin(2 * np.pi * columns / 20)
    down, along = f3.periods(np.stack([waves, waves + 5]).astype(np.float32))
    assert down == pytest.approx(8, rel=0.02)
    assert along == pytest.approx(20, rel=0.03)


def test_windows_overlap_by_half():
    values = RNG.random((398, 887), np.float32)
    windows = f3.cut(values)
    assert len(windows) == 6 * 16
    np.testing.assert_array_equal(windows[17], values[50:151, 50:151])


def test_ask_is_the_segmenter_at_another_scale(small_weights):
    segmenter = Segmenter.load(small_weights)
    amplitudes = RNG.normal(0, 3000, (80, 100)).astype(np.float32)
    plain = f3.Setting(tta=False)
    expected = segmenter.probability(f3.image(amplitudes, plain))
    np.testing.assert_allclose(f3.ask(segmenter, amplitudes, plain), expected, atol=1e-6)
    scaled = f3.ask(segmenter, amplitudes, f3.Setting(down=2, along=0.5))
    assert scaled.shape == (80, 100)
    expected = segmenter.probability(f3.resize(f3.image(amplitudes, plain), 160, 50), tta=True)
    np.testing.assert_allclose(scaled, f3.resize(expected, 80, 100), atol=1e-6)


def run(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    monkeypatch.setattr(sys, "argv", ["f3.py", *map(str, arguments)])
    return f3.main()


def test_the_script_prints_its_tables_and_draws(monkeypatch, capsys, tmp_path: Path, small_weights):
    monkeypatch.chdir(tmp_path)  # without the competition's tiles
    amplitudes = RNG.normal(0, 3000, (130, 150)).astype(np.float32)
    amplitudes[:9, 20:40] = 0
    np.save(tmp_path / "inline_300.npy", amplitudes)
    drawing = tmp_path / "f3.png"
    assert run(monkeypatch, "--data", tmp_path, "--image", drawing, "--weights", small_weights) == 0
    rows = [line for line in capsys.readouterr().out.splitlines() if line.startswith("small |")]
    assert len(rows) == len(f3.SETTINGS)
    chosen = rows[f3.SETTINGS.index(f3.CHOSEN)]
    assert chosen.startswith(f"small | {f3.CHOSEN} | ")
    assert chosen.endswith(" | 1.00")  # the chosen setting agrees with itself
    with Image.open(drawing) as image:
        assert image.size == (f3.WIDTH, round(f3.WIDTH * (3 * 130 + 2 * f3.GAP) / 150))
        top = np.asarray(image.convert("RGB"), float)[20 : round(f3.WIDTH * 120 / 150)]
    grey = f3.resize(f3.image(amplitudes, f3.NAIVE), round(f3.WIDTH * 130 / 150), f3.WIDTH)[20 : len(top) + 20]
    assert np.corrcoef(top.mean(axis=2).ravel(), grey.ravel())[0, 1] > 0.95  # the input is on top, but for 32 colours


def test_without_the_inline_one_sentence(monkeypatch, capsys, tmp_path: Path):
    assert run(monkeypatch, "--data", tmp_path / "nowhere") == 1
    error = capsys.readouterr().err
    assert error.startswith("error: expected ")
    assert "inline_300.npy" in error
    assert error.count("\n") == 1


def test_a_panel_tints_what_is_salt_and_leaves_the_rest():
    grey = np.full((40, 40), 0.4, np.float32)
    probability = np.zeros((40, 40), np.float32)
    probability[10:30, 10:30] = 1
    drawn = f3.panel(grey, probability)
    assert drawn[5, 5].tolist() == [102, 102, 102]
    assert drawn[20, 20].tolist() == [round(0.3 * 102 + 0.7 * salt) for salt in render.SALT]
    assert drawn[10, 20].tolist() == list(render.SALT)  # the outline


def test_a_row_counts_what_was_recorded_and_what_was_not():
    known = np.ones((4, 5), bool)
    known[0, :2] = False
    called = np.zeros((4, 5), bool)
    called[0, 1:3] = True  # one of the two that were not recorded, one that was
    called[3] = True
    reference = np.zeros((4, 5), bool)
    reference[3, :3] = True
    # 6 of 18 recorded, 1 of 8 in the upper half, 1 of 2 not recorded; 3 in common of 6
    assert f3.row(called, reference, known) == "33.3% | 12.5% | 50.0% | 0.50"
