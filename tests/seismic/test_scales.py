import csv
import itertools
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.robustness.checks import run_here
from unet import Segmenter
from unet.amplitude import Limits
from unet.card import Card
from unet.image import RULE
from unet.render import SALT
from unet.seismic.limits import volume_limits
from unet.seismic.scales import (
    LEAST,
    Answer,
    best,
    explained,
    find_scale,
    middle_section,
    periods,
    sweep,
    windows,
)
from unet.seismic.section import SectionSettings, predict_section, resize
from unet.seismic.sheet import Picture, sheet, thumbnail_size, tinted
from unet.seismic.volume import open_volume
from unet.synthetic import section as synthetic

LIMITS = Limits(-2.0, 2.0)
FEW = ((1.0, 1.0), (0.5, 0.5))


@pytest.fixture(scope="module")
def small(small_model) -> Segmenter:
    return Segmenter(small_model, Card(threshold=0.557, input=RULE))


@pytest.fixture
def section() -> np.ndarray:
    values = np.random.default_rng(0).normal(size=(60, 90)).astype(np.float32)
    values[:10, 20:30] = 0
    return values


def answer(scale, decisiveness, probable=0.1) -> Answer:
    probable = probable if decisiveness else 0.0
    possible = probable / decisiveness if decisiveness else 1.0
    return Answer(scale, (17.0, 20.0), salt=0.0, possible=possible, probable=probable, mean=0.0)


def test_the_numbers_are_of_what_has_data(small, section):
    found = list(sweep(small, section, SectionSettings(LIMITS, tta=True), FEW))
    for (numbers, probability), scale in zip(found, FEW, strict=True):
        expected = predict_section(small, section, SectionSettings(LIMITS, (scale,), tta=True))
        np.testing.assert_array_equal(probability, expected)
        known = expected[np.isfinite(expected)]
        assert len(known) == 60 * 90 - 100
        assert numbers.scale == scale
        shares = numbers.salt, numbers.possible, numbers.probable, numbers.mean
        expected_shares = (known > 0.557).mean(), (known > 0.1).mean(), (known > 0.5).mean(), known.mean()
        assert shares == pytest.approx(expected_shares, abs=1e-6)
        assert 0 < numbers.salt < 1


def test_decisiveness_needs_something_to_judge_by():
    assert answer((1, 1), 0.5, probable=0.2).decisiveness == pytest.approx(0.5)
    assert answer((1, 1), 0.5, probable=LEAST / 2).decisiveness == 0
    assert Answer((1, 1), (1, 1), 0, 0, 0, 0).decisiveness == 0


def test_the_steady_scale_is_chosen_and_not_a_lucky_one():
    times, traces = (0.5, 1.0, 2.0), (0.125, 0.25, 0.5, 1.0)
    values = [[0.0, 0.0, 0.0, 0.0], [0.5, 0.6, 0.5, 0.0], [0.0, 0.5, 0.0, 0.8]]
    answers = [
        answer((time, trace), values[row][column])
        for (row, time), (column, trace) in itertools.product(enumerate(times), enumerate(traces))
    ]
    # (2 x 0.6 + 0.5 + 0.5 + 0 + 0.5) / 6 = 0.45 against (2 x 0.8 + 0 + 0) / 4 = 0.4
    assert best(answers).scale == (1.0, 0.25)
    assert best(answers[::-1]).scale == (1.0, 0.25)


def test_of_equal_scales_the_nearest_to_the_sections_own():
    answers = [answer((time, trace), 0.5) for time, trace in itertools.product((0.5, 1.0, 2.0), (0.25, 0.5, 1.0))]
    assert best(answers).scale == (1.0, 1.0)
    assert best([answer((2.0, 0.5), 0.3)]).scale == (2.0, 0.5)


def test_nothing_to_judge_by_leaves_the_scale_as_it_is():
    scale, sentence = explained([answer((0.5, 0.25), 0.9, probable=0), answer((1.0, 0.25), 0)])
    assert scale == (1.0, 1.0)
    assert "at none of 2 scales is 0.2% of the section probable salt" in sentence


def test_a_scale_is_found_with_a_sentence_about_its_failures(small, section):
    steps = []
    scale, sentence = find_scale(small, section, LIMITS, FEW, lambda: steps.append(1))
    numbers = [numbers for numbers, _ in sweep(small, section, SectionSettings(LIMITS), FEW)]
    assert (scale, sentence) == explained(numbers)
    assert len(steps) == 2
    assert sentence.startswith(f"the scale is {scale[0]:g} x {scale[1]:g}: of 2 tried")
    assert "without labels" in sentence
    with pytest.raises(ValueError, match="none that were recorded"):
        find_scale(small, np.zeros((40, 30), np.float32), LIMITS)


@pytest.mark.parametrize("seed", [5, 9])
def test_salt_is_found_in_a_section_stretched_along_the_line(segmenter, seed):
    image, truth = synthetic(seed, 101, 202)
    line = resize(image.astype(np.float32) / 255, 101, 808)
    wanted = resize(truth.astype(np.float32), 101, 808) > 0.5

    def iou(scale):
        mask = predict_section(segmenter, line, SectionSettings(Limits(0, 1), (scale,))) > segmenter.threshold
        return (mask & wanted).sum() / (mask | wanted).sum()

    scale, _ = find_scale(segmenter, line, Limits(0, 1), tuple(itertools.product((1.0,), (0.125, 0.25, 0.5, 1.0))))
    assert iou(scale) > 0.95
    assert iou((1.0, 1.0)) < 0.3


def test_periods_of_waves_that_are_known():
    rows, columns = np.mgrid[:398, :887]
    waves = (np.sin(2 * np.pi * rows / 8) + np.sin(2 * np.pi * columns / 20)).astype(np.float32)
    assert len(windows(waves)) == 6 * 16  # they overlap by half
    assert periods(waves) == pytest.approx((8, 20), rel=0.03)
    assert periods(waves[:50]) == pytest.approx((8, 20), rel=0.05)
    assert periods(np.ones((40, 40), np.float32)) == (np.inf, np.inf)


def test_the_middle_inline_with_traces(tmp_path):
    cube = np.arange(5 * 3 * 20, dtype=np.float32).reshape(5, 3, 20)
    np.save(tmp_path / "cube.npy", cube)
    volume = open_volume(tmp_path / "cube.npy")
    name, section = middle_section(volume)
    assert name == "inline 2"
    np.testing.assert_array_equal(section, cube[2].T)
    volume.present = np.repeat([[False], [False], [False], [True], [True]], 3, axis=1)
    assert middle_section(volume)[0] == "inline 4"
    np.save(tmp_path / "line.npy", cube[0].T)
    name, section = middle_section(open_volume(tmp_path / "line.npy"))
    assert name == "line"
    np.testing.assert_array_equal(section, cube[0].T)


def test_a_tinted_section():
    grey = np.full((20, 30), 0.5, np.float32)
    probability = np.zeros((20, 30), np.float32)
    probability[5:15, 5:25] = 0.8
    probability[:, 29] = np.nan
    pixels = tinted(grey.T.copy().T, probability, threshold=0.5)
    assert pixels[0, 0].tolist() == [128] * 3
    assert pixels[10, 15].tolist() == np.rint(0.3 * 127.5 + 0.7 * np.array(SALT)).tolist()
    assert pixels[5, 5].tolist() == list(SALT)  # the outline
    assert (pixels[:, 29] == 255).all()


def test_a_sheet_holds_every_picture_at_its_place():
    colours = [[(250, 0, 0), (0, 250, 0)], [(0, 0, 250), (90, 90, 0)]]
    rows = [
        [Picture(np.full((50, 150, 3), colour, np.uint8), "1 x 1", framed=colour[2] == 250) for colour in row]
        for row in colours
    ]
    pixels = np.asarray(sheet(["title"], rows))
    centres = {}
    for colour in itertools.chain(*colours):
        places = np.argwhere((pixels == colour).all(axis=2))
        assert len(places) == 50 * 150
        centres[colour] = tuple(places.mean(axis=0).astype(int))
    (a, b), (c, d) = ([centres[colour] for colour in row] for row in colours)
    assert (a[0], c[0], a[1], b[1]) == (b[0], d[0], c[1], d[1])
    assert a[0] < c[0]
    assert a[1] < b[1]
    assert thumbnail_size(400, 900) == (124, 280)
    assert thumbnail_size(100, 100_000)[0] == 70


@pytest.fixture
def cube(tmp_path, monkeypatch) -> np.ndarray:
    monkeypatch.chdir(tmp_path)
    cube = np.random.default_rng(0).normal(size=(3, 40, 50)).astype(np.float32)
    cube[2, :, :8] = 0
    np.save("cube.npy", cube)
    return cube


def run_sweep(*words, weights) -> tuple[int, list[str]]:
    ended = run_here(
        ["segy", "sweep", "cube.npy", "--out", "sheets", "--weights", str(weights), "--scale-time", "1", "0.5"]
        + ["--scale-trace", "0.5", "1", *words]
    )
    return ended.status, ended.err.splitlines()


def test_sweep_writes_a_sheet_and_numbers(cube, small_weights):
    status, said = run_sweep("--inline", "2", "--polarity", "both", weights=small_weights)
    assert status == 0
    with Path("sheets/cube-inline-2.csv").open() as file:
        rows = list(csv.DictReader(file))
    segmenter, volume = Segmenter.load(small_weights), open_volume(Path() / "cube.npy")
    for row, scale in zip(rows, itertools.product((1, 0.5), (0.5, 1)), strict=True):
        settings = SectionSettings(volume_limits(volume, 0.5), (scale,), "both")
        probability = predict_section(segmenter, cube[2].T, settings)
        known = probability[8:]
        assert np.isnan(probability[:8]).all()
        assert (float(row["scale_time"]), float(row["scale_trace"])) == scale
        for name, value in (
            ("salt", (known > segmenter.threshold).mean()),
            ("above_0.1", (known > 0.1).mean()),
            ("above_0.5", (known > 0.5).mean()),
            ("mean_probability", known.mean()),
        ):
            assert float(row[name]) == pytest.approx(value, abs=1e-5)
    chosen = [row for row in rows if row["auto"] == "yes"]
    assert len(chosen) <= 1
    if chosen:
        assert f"the scale is {chosen[0]['scale_time']} x {chosen[0]['scale_trace']}" in said[-2]
    with Image.open("sheets/cube-inline-2.png") as image:
        pixels = np.asarray(image)
    height, width = thumbnail_size(50, 40)
    assert pixels.shape[0] > 2 * height
    assert pixels.shape[1] > 2 * width


def test_sweep_again_gives_the_same_bytes(cube, small_weights):
    files = {}
    for _ in range(2):
        assert run_sweep("--crossline", "7", "--overwrite", weights=small_weights)[0] == 0
        found = {path.name: path.read_bytes() for path in (Path() / "sheets").iterdir()}
        assert sorted(found) == ["cube-crossline-7.csv", "cube-crossline-7.png"]
        assert files in ({}, found)
        files = found
    assert run_sweep("--crossline", "7", weights=small_weights)[0] == 2  # without --overwrite


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--inline", "3"], "expected --inline with one of the 3 from 0 to 2 of cube.npy, got 3"),
        (["--crossline", "-1"], "expected --crossline with one of the 40 from 0 to 39 of cube.npy, got -1"),
        (["--inline", "1", "--crossline", "1"], "expected --inline or --crossline, got both"),
        (["--scale-time", "0"], "expected scales from 0.02 to 50, got 0"),
        (["--scale-trace", "nan"], "expected scales from 0.02 to 50, got nan"),
        (["--clip-percentile", "50"], "expected --clip-percentile from 0 to 50"),
        (["--inline", "1"], "expected a section with amplitudes, got none that were recorded in inline 1"),
    ],
)
def test_sweep_refuses_what_it_cannot_do(cube, small_weights, words, sentence):
    cube[1] = 0
    np.save("cube.npy", cube)
    status, said = run_sweep(*words, weights=small_weights)
    assert status == 2
    assert sentence in said[-1]
    assert not (Path() / "sheets").exists()


def test_sweep_of_a_line_and_of_a_damaged_file(cube, small_weights):
    np.save("cube.npy", cube[0].T)
    assert "for a 2-D line" in run_sweep("--crossline", "1", weights=small_weights)[1][-1]
    assert run_sweep(weights=small_weights)[0] == 0
    assert sorted(path.name for path in Path("sheets").iterdir()) == ["cube-line.csv", "cube-line.png"]
    (Path() / "cube.npy").write_bytes(b"\x93NUMPY")
    status, said = run_sweep(weights=small_weights)
    assert status == 1
    assert said[-1].startswith("segy sweep: cube.npy: expected")
