"""The top of salt: against a search trace by trace in the whole cube, and the files of the command."""

import csv
from pathlib import Path

import numpy as np
import pytest
import zarr
from PIL import Image
from scipy import ndimage

from tests.seismic.test_grid import check, read_cps3, read_irap_classic, survey
from tests.servers import ROOT
from unet import Segmenter
from unet.cli import main as cli
from unet.render import SALT
from unet.seismic.horizon import MEASURED, NONE, find_horizon, threshold
from unet.seismic.store import Store
from unet.seismic.volume import ArrayVolume

SIZE = (7, 8, 30)
INLINES, CROSSLINES = 100 + np.arange(7), 200 + 2 * np.arange(8)
AXES = (("inline", INLINES), ("crossline", CROSSLINES))
PERCENTILES = (10.0, 50.0, 90.0)
NO_TOP, PAPER, BAND = (205, 205, 205), (255, 255, 255), (250, 219, 150)


def probability():
    """A dome below noise, a small and a larger body above it, and a trace without data."""
    rng = np.random.default_rng(0)
    inline, crossline, sample = np.mgrid[tuple(map(slice, SIZE))]
    depth = sample - 14 - ((inline - 3) ** 2 + (crossline - 4) ** 2) / 2
    noise = ndimage.gaussian_filter(rng.normal(size=SIZE), 1) * 6
    cube = (1 / (1 + np.exp(-(depth + noise) / 2))).astype(np.float32)
    cube[1, 1:3, 1], cube[4:6, 5:8, 2:4] = 0.99, 0.97  # 2 and 12 samples
    cube[2, 6] = np.nan
    return cube


CUBE = probability()


def store(path, cube=CUBE, interval=4.0, coordinates=None, finished=True, sha256=None):
    """What ``segy predict`` writes."""
    weights = {"name": "some.safetensors", "sha256": sha256 or next(iter(MEASURED))}
    volume = ArrayVolume(Path("cube.npy"), cube, interval)
    volume.inlines, volume.crosslines = INLINES[: len(cube)], CROSSLINES[: cube.shape[1]]
    made = Store.create(path, volume, {"sample_interval": interval, "weights": weights}, False)
    for block in made.blocks("inline")[: None if finished else -2]:
        made.write(block, cube[block.start : block.stop], [])
    if coordinates is not None:
        zarr.open_group(path, mode="r+").create_array("coordinates", data=coordinates)
    return path


def first_salt(cube, level, smallest):
    """Trace by trace: the first sample of a component that is large enough in the whole cube."""
    labels, _ = ndimage.label(np.nan_to_num(cube) > level)
    large = [label for label, size in enumerate(np.bincount(labels.ravel())) if label and size >= smallest]
    answer = np.full(cube.shape[:2], NONE)
    for cell in np.ndindex(answer.shape):
        samples = [sample for sample, label in enumerate(labels[cell]) if label in large]
        answer[cell] = samples[0] if samples else NONE
    return answer


def rows(path):
    """The lines of a CSV below its comments."""
    lines = path.read_text().splitlines()
    return list(csv.DictReader(line for line in lines if not line.startswith("#")))


def run(*options):
    return cli.main(["segy", "horizon", *map(str, options)])


@pytest.mark.parametrize(("percentile", "temperature", "level"), [(10, 1, 0.1), (90, 1, 0.9), (50, 3, 0.5)])
def test_a_threshold_is_the_percentile_at_temperature_one(percentile, temperature, level):
    assert threshold(percentile, temperature) == pytest.approx(level)


def test_a_threshold_turns_the_temperature_round():
    level = threshold(20, 1.7)
    assert 1 / (1 + np.exp(-np.log(level / (1 - level)) / 1.7)) == pytest.approx(0.2)


@pytest.mark.parametrize("step", [1, 3, 7])
@pytest.mark.parametrize("smallest", [1, 3, 20])
def test_tops_are_the_first_salt_of_a_large_body_at_each_threshold(step, smallest):
    blocks = [CUBE[start : start + step] for start in range(0, len(CUBE), step)]
    found = find_horizon(lambda: iter(blocks), (90, 10, 50), smallest, 0.4, 1.3)
    assert found.percentiles == PERCENTILES
    for percentile, tops in zip(PERCENTILES, found.tops, strict=True):
        np.testing.assert_array_equal(tops, first_salt(CUBE, threshold(percentile, 1.3), smallest))
    deep = np.where(found.tops == NONE, SIZE[2], found.tops)
    assert (np.diff(deep, axis=0) >= 0).all()
    np.testing.assert_array_equal(found.body > 0, first_salt(CUBE, 0.4, smallest) != NONE)
    np.testing.assert_array_equal(np.argwhere(~found.known), [[2, 6]])
    assert not found.body[2, 6]


def test_a_body_too_small_hides_nothing_below_it():
    large, small = (find_horizon(lambda: [CUBE], (50,), smallest) for smallest in (3, 1))
    assert small.tops[0, 1, 1] == 1
    assert large.tops[0, 1, 1] > 4


def test_the_table_has_every_trace_and_the_other_every_body(tmp_path, capsys):
    coordinates = survey(33.3, -1, 7, 8)
    path = store(tmp_path / "salt.zarr", coordinates=coordinates)
    assert run(path, "--out", tmp_path / "top.csv", "--smallest", 3) == 0
    found = find_horizon(lambda: [CUBE], PERCENTILES, 3)
    table = rows(tmp_path / "top.csv")
    assert len(table) == found.known.sum() == 55
    for row in table:
        cell = tuple(np.searchsorted(axis, int(row[name])) for name, axis in AXES)
        assert (float(row["x"]), float(row["y"])) == pytest.approx(tuple(coordinates[cell]))
        for percentile, tops in zip(PERCENTILES, found.tops, strict=True):
            value = row[f"top_p{percentile:g}_ms"]
            assert (float(value) / 4 if value else NONE) == tops[cell]
        assert int(row["body"] or 0) == found.body[cell]
    bodies = rows(tmp_path / "top.bodies.csv")
    assert [int(body["voxels"]) for body in bodies] == found.bodies.voxels.tolist()
    ends = ["first_inline", "last_inline", "first_crossline", "last_crossline", "top_ms", "base_ms"]
    small = next(body for body in bodies if body["voxels"] == "12")
    assert [int(small[name]) for name in ends] == [104, 105, 210, 214, 8, 12]
    for text in (capsys.readouterr().err, (tmp_path / "top.csv").read_text().splitlines()[0]):
        assert "not how sure a geologist is" in text


def test_without_interval_and_coordinates_there_are_samples_and_no_places(tmp_path):
    path = store(tmp_path / "salt.zarr", interval=0.0)
    assert run(path, "--out", tmp_path / "top", "--percentiles", "50", "--smallest", 3) == 0
    table = rows(tmp_path / "top")
    assert {(row["x"], row["y"]) for row in table} == {("", "")}
    tops = first_salt(CUBE, 0.5, 3)[find_horizon(lambda: [CUBE], (50,), 3).known]
    assert [int(row["top_p50_sample"] or NONE) for row in table] == tops.tolist()
    assert (tmp_path / "top.bodies.csv").exists()


def test_the_interval_is_that_of_the_weights(tmp_path, capsys):
    for name, weights, options, temperature in (
        ("tiny", Segmenter.load(ROOT / "weights" / "salt-unet-tiny.safetensors").card.sha256, [], 1.6),
        ("other", "0" * 64, [], 1.2),
        ("given", "0" * 64, ["--temperature", 2], 2),
    ):
        path, out = store(tmp_path / f"{name}.zarr", sha256=weights), tmp_path / f"{name}.csv"
        assert run(path, "--out", out, "--smallest", 3, *options) == 0
        assert ("not measured for the weights some.safetensors" in capsys.readouterr().err) == (name == "other")
        found = find_horizon(lambda: [CUBE], PERCENTILES, 3, 0.5, temperature)
        tops = [int(row["top_p10_ms"] or -4) // 4 for row in rows(out)]
        assert tops == found.tops[0][found.known].tolist()


def test_the_interval_was_measured_for_what_is_shipped(segmenter):
    assert segmenter.card.sha256 in MEASURED


def test_grids_hold_the_tops_of_the_table(tmp_path):
    coordinates = survey(90, -1, 7, 8)
    path = store(tmp_path / "salt.zarr", coordinates=coordinates)
    given = ["--out", tmp_path / "t.csv", "--irap", tmp_path / "t.irap", "--cps3", tmp_path / "t.cps", "--smallest", 3]
    assert run(path, *given) == 0
    for percentile in (10, 50, 90):
        tops = first_salt(CUBE, threshold(percentile), 3)
        values = np.where(tops == NONE, np.nan, 4.0 * tops)
        for suffix, read in (("irap", read_irap_classic), ("cps", read_cps3)):
            text = (tmp_path / f"t_p{percentile}.{suffix}").read_text()
            check(*read(text), coordinates, values)


def test_the_map_is_light_where_the_top_is_deep(tmp_path):
    cube = np.zeros((4, 4, 10), np.float32)
    cube[:, 0, 2:], cube[:, 1, 8:], cube[:, 3] = 1, 1, np.nan
    path = store(tmp_path / "salt.zarr", cube)
    assert run(path, "--out", tmp_path / "t.csv", "--map", tmp_path / "t.png", "--smallest", 1) == 0
    image = np.asarray(Image.open(tmp_path / "t.png"))
    left, upper, side = 10, image.shape[0] - 720 - 27, 720
    shallow, deep, none, unknown = (image[upper + side // 2, left + side * n // 8].tolist() for n in (1, 3, 5, 7))
    assert shallow[2] > shallow[0]  # dark blue
    assert deep[0] > 200 > deep[2]  # yellow
    assert (tuple(none), tuple(unknown)) == (NO_TOP, PAPER)


def test_a_line_is_drawn_as_a_profile(tmp_path):
    cube = np.zeros((1, 3, 101), np.float32)
    cube[0, 0, 20:], cube[0, 0, 60:], cube[0, 0, 100:], cube[0, 2] = 0.3, 0.7, 0.99, np.nan  # P10, P50, P90
    path = store(tmp_path / "salt.zarr", cube)
    assert run(path, "--out", tmp_path / "t.csv", "--map", tmp_path / "t.png", "--smallest", 1) == 0
    image = np.asarray(Image.open(tmp_path / "t.png"))
    profile = image[-400 - 27 :, 10:730]  # below it a line of text
    colours = [tuple(profile[row, 120]) for row in (10, 20 + 90, 20 + 180, 20 + 270, 390)]
    assert colours == [NO_TOP, BAND, SALT, BAND, NO_TOP]
    assert (tuple(profile[200, 360]), tuple(profile[200, 600])) == (NO_TOP, PAPER)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--irap", "t.irap"], "expected traces with coordinates for a grid"),
        (["--percentiles", "10", "10"], "expected --percentiles from 0.1 to 99.9, each once, got 10 10"),
        (["--percentiles", "0"], "expected --percentiles from 0.1 to 99.9"),
        (["--smallest", "0"], "expected --smallest to be a whole number of at least 1"),
        (["--threshold", "1"], "expected --threshold to be between 0 and 1"),
        (["--temperature", "0"], "expected --temperature above 0"),
        (["--map", "t.csv"], "expected another name for each file"),
        (["--map", "old.png"], "expected no files but those that this program wrote, got old.png"),
        (["--map", "nowhere/t.png"], "nowhere/t.png: expected a file in a folder that exists"),
    ],
)
def test_what_cannot_be_done_is_said_before_anything_is_written(tmp_path, monkeypatch, capsys, options, sentence):
    monkeypatch.chdir(tmp_path)
    store(Path("salt.zarr"))
    Path("old.png").touch()
    assert run("salt.zarr", "--out", "t.csv", *options) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"segy horizon: {sentence}")
    assert error.count("\n") == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["old.png", "salt.zarr"]


def test_another_folder_and_an_unfinished_prediction_are_refused(tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    unfinished = store(tmp_path / "unfinished.zarr", finished=False)
    sentences = {
        "none": "expected predictions in Zarr, got no folder",
        "empty": "expected predictions in Zarr, got none",
        unfinished.name: "expected a finished prediction, got one with 2 of 7 blocks to do",
    }
    for name, sentence in sentences.items():
        assert run(tmp_path / name, "--out", tmp_path / "t.csv") == 2
        assert sentence in capsys.readouterr().err
    assert not (tmp_path / "t.csv").exists()
