import sys
from functools import partial

import numpy as np
import pytest
from PIL import Image

from experiments import f3
from unet import Segmenter
from unet.image import from_amplitude
from unet.seismic.fill import no_data
from unet.seismic.section import predict_section, resize
from unet.seismic.volume import open_volume

RNG = np.random.default_rng(0)


def test_the_regions_are_apart_and_the_core_has_the_area_of_its_outline():
    known = np.ones(f3.SHAPE, bool)
    known[:9, 20:40] = False
    core, outside = f3.regions(known)
    rows, columns = np.array(f3.CORE, float).T
    doubled = rows * np.roll(columns, -1) - columns * np.roll(rows, -1)  # the shoelace formula
    assert core.sum() == pytest.approx(abs(doubled.sum()) / 2, rel=0.05)  # the outline itself is inside
    assert (core[385, 500], core[340, 480]) == (True, False)
    assert outside.sum() == known.size - 180 - 108 * 300
    assert not ((core | ~known) & outside).any()


def test_a_row_is_the_mean_in_the_core_and_what_is_above_one_half():
    probability = np.array([[0.2, 0.6, 1.0, 0.6], [0.9, 0.1, 0.5, 0.0]], np.float32)
    core, outside = np.zeros((2, 2, 4), bool)
    core[0, :3] = outside[1] = True
    assert f3.row(probability, core, outside) == "0.60 | 66.67% | 25.00%"


def test_the_white_edge_of_the_labels_is_cut_off(tmp_path):
    pixels = np.full((9, 12, 3), 255, np.uint8)
    pixels[2:7, 3:10] = (0, 0, 255)
    pixels[3:5, 3:5] = 255  # unlabelled
    Image.fromarray(pixels).save(tmp_path / "labels.png")
    np.testing.assert_array_equal(f3.read_labels(tmp_path / "labels.png"), pixels[2:7, 3:10])


def test_the_script_prints_its_tables_and_draws(monkeypatch, capsys, tmp_path, small_weights):
    monkeypatch.chdir(tmp_path)  # without the competition's tiles
    monkeypatch.setattr(sys, "argv", ["", "--data", ".", "--image", "f3.png", "--weights", str(small_weights)])
    monkeypatch.setattr(f3, "SETTINGS", [f3.NAIVE, f3.CHOSEN])
    monkeypatch.setattr(f3, "find_scale", partial(f3.find_scale, scales=((1.0, 0.25), (0.5, 0.5))))
    assert f3.main() == 1
    assert capsys.readouterr().err.startswith("error: expected inline_300.npy, got no such file; ")
    amplitudes = RNG.normal(0, 3000, f3.SHAPE).astype(np.float32)
    amplitudes[:9, 20:40] = 0
    np.save("inline_300.npy", amplitudes.T)
    assert f3.main() == 1
    assert "error: expected amplitudes of shape (398, 887), got (887, 398); " in capsys.readouterr().err
    np.save("inline_300.npy", amplitudes)
    labels = np.full((60, 90, 3), (0, 0, 255), np.uint8)
    labels[30:, 40:50] = (255, 0, 0)
    Image.fromarray(np.pad(labels, ((4, 4), (4, 4), (0, 0)), constant_values=255)).save("inline_339_labels.png")
    assert f3.main() == 0
    lines = capsys.readouterr().out.splitlines()
    rows = [line for line in lines if line.startswith("small |")]
    segmenter, volume = Segmenter.load(small_weights), open_volume(tmp_path / "inline_300.npy")
    regions = f3.regions(~no_data(amplitudes))
    for row, setting in zip(rows, f3.SETTINGS, strict=False):
        probability = predict_section(segmenter, amplitudes, setting.of(volume))
        assert row == f"small | {setting} | {f3.row(probability, *regions)}"
    assert len(rows) == 3
    assert any(line.startswith("small: the scale is ") for line in lines)
    height = round(f3.WIDTH * f3.SHAPE[0] / f3.SHAPE[1])
    with Image.open("f3.png") as image:
        assert image.size == (2 * f3.WIDTH + f3.GAP, 2 * height + f3.GAP)
        pixels = np.asarray(image.convert("RGB"), float)
    grey = resize(from_amplitude(amplitudes, *f3.NAIVE.of(volume).limits), height, f3.WIDTH)
    top = pixels[20:height, : f3.WIDTH].mean(axis=2)
    assert np.corrcoef(top.ravel(), grey[20:].ravel())[0, 1] > 0.9  # the input is on top, but for few colours
    label = pixels[height + f3.GAP :, f3.WIDTH + f3.GAP :]
    np.testing.assert_allclose(label[height // 4, 20], (0, 0, 255), atol=12)
    np.testing.assert_allclose(label[-20, f3.WIDTH // 2], (255, 0, 0), atol=12)
