"""Sections of any size as a data set: cut into tiles, split by section, learned from and scored."""

import json
import re
import sys
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from experiments import own_survey, survey
from tests.robustness.checks import run_here
from tests.robustness.hostile_files import encoded, npy, plant
from unet import amplitude, checkpoint
from unet.data import cutting, dataset
from unet.data.dataset import load_dataset
from unet.data.places import DataError
from unet.data.tiles import load_tiles, read_tiles
from unet.model import UNetConfig
from unet.synthetic import section
from unet.training.config import TrainingConfig
from unet.training.errors import TrainingError
from unet.training.loop import Run, train

QUIET = Console(quiet=True)
SIZES = {"a": (150, 220), "b": (150, 220), "line.0007": (101, 330)}
SECTIONS = {name: section(number, *size) for number, (name, size) in enumerate(SIZES.items())}
TINY = {"batch_size": 8, "model": UNetConfig(width=2, depth=2)}


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(dataset, "UNSEEN_COUNT", 8)  # they are drawn and scored after every epoch


@pytest.fixture
def sections(tmp_path):
    """A folder with three sections."""
    files = {f"images/{name}.png": encoded(image) for name, (image, _) in SECTIONS.items()}
    return plant(
        tmp_path / "survey", files | {f"masks/{name}.png": encoded(mask) for name, (_, mask) in SECTIONS.items()}
    )


@pytest.mark.parametrize("size", [(101, 101), (101, 330), (150, 220), (202, 152), (333, 129)])
def test_the_tiles_put_together_again_are_the_section(size):
    whole = np.random.default_rng(0).integers(1, 256, size, np.uint8)
    places, tiles = cutting.places(*size), cutting.cut([whole])
    assert tiles.shape == (len(places), 101, 101)
    again = np.zeros_like(whole)
    for place, tile in zip(places, tiles, strict=True):
        again[place] = tile
    np.testing.assert_array_equal(again, whole)
    for axis in (0, 1):
        starts = sorted({place[axis].start for place in places})
        assert all(0 < step <= 50 for step in np.diff(starts))


def test_a_folder_of_sections_is_read_as_tiles_named_by_their_place(sections):
    tiles = load_tiles(sections)
    assert tiles.ids[:3] == ["a_r0_c0", "a_r0_c50", "a_r0_c100"]
    assert [list(tiles.cut_from.values()).count(name) for name in SIZES] == [8, 8, 6]
    for name, image, mask in zip(tiles.ids, tiles.images, tiles.masks, strict=True):
        of, row, column = name.rsplit("_", 2)
        place = np.s_[int(row[1:]) :, int(column[1:]) :]
        for cut, whole in zip((image, mask), SECTIONS[of], strict=True):
            np.testing.assert_array_equal(cut, whole[place][:101, :101])
    some = read_tiles(sections, ["line.0007_r0_c229", "a_r49_c100"])
    assert some.ids == ["a_r49_c100", "line.0007_r0_c229"]
    np.testing.assert_array_equal(some.images, tiles.subset(some.ids).images)
    with pytest.raises(DataError, match="expected 2 tiles, got all but 1, first a_r9_c9"):
        read_tiles(sections, ["a_r9_c9", "a_r0_c0"])


def test_tiles_stay_tiles_whatever_they_are_called(tmp_path):
    image, mask = section(5, 101, 128)
    names = ("a", "a_r0_c0")
    files = {f"images/{name}.png": encoded(image) for name in names}
    place = plant(tmp_path / "tiles", files | {f"masks/{name}.png": encoded(mask) for name in names})
    assert (load_tiles(place).ids, load_tiles(place).cut_from) == (["a", "a_r0_c0"], {})
    assert read_tiles(place, ["a_r0_c0"]).ids == ["a_r0_c0"]


@pytest.mark.parametrize("table", [None, b"id,section\na,east\nb.png,east\ntest 9,east\n"])
@pytest.mark.parametrize("seed", range(4))
def test_no_section_stands_on_both_sides_of_the_split(sections, table, seed):
    if table:
        (sections / "sections.csv").write_bytes(table)
    said = []
    found = load_dataset(sections, 0.12, seed, log=said.append)
    group = {"a": "east", "b": "east", "line.0007": "line.0007"} if table else {name: name for name in SIZES}
    train, val = ({group[cutting.section_name(name)] for name in ids} for ids in (found.split.train, found.split.val))
    assert train.isdisjoint(val)
    assert train | val == set(group.values())
    assert found.split.by == "section"
    assert found.split.val_sections == {name: group[cutting.section_name(name)] for name in found.split.val}
    assert found.split.left_out == (("test 9",) if table and "east" in val else ())
    assert "3 sections are cut into 22 overlapping tiles of 101 x 101" in said
    assert any("split by section; neighbouring lines" in sentence for sentence in said) == (table is None)
    again = load_dataset(sections, 0.5, 9, found.split)
    assert (again.split.train, again.split.val) == (found.split.train, found.split.val)


IMAGE, MASK = SECTIONS["a"]


@pytest.mark.parametrize(
    ("files", "sentence"),
    [
        ({"masks/b.png": encoded(MASK[1:])}, "b: expected a mask of 150 x 220 as its image, got 149 x 220"),
        (
            {"images/b.png": encoded(IMAGE[:100]), "masks/b.png": encoded(MASK[:100])},
            "b: expected a section of at least 101 x 101 pixels, a tile, got 100 x 220; leave it out, or pad it",
        ),
        (
            {"images/b.png": None, "images/b.npy": npy(IMAGE * 99.0)},
            "--amplitude-limits LOW HIGH or --clip-percentile P",
        ),
        ({"sections.csv": b"id,section\nx,1\n"}, "expected names of tiles, such as a, in the column id, got none in 1"),
    ],
)
def test_what_cannot_be_cut_is_refused_in_a_sentence(sections, files, sentence):
    for name in files:
        (sections / name).unlink(missing_ok=True)
    plant(sections, {name: content for name, content in files.items() if content})
    with pytest.raises(ValueError, match="survey|b: ") as caught:
        load_dataset(sections, 0.12, 0)
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_section_too_large_for_memory_is_refused(sections, monkeypatch):
    monkeypatch.setattr("unet.data.tiles.LARGEST_PIXELS", 20 * 101**2)
    with pytest.raises(DataError, match=r"at most 204,020 pixels in all tiles, got more in the first 3 of 3 images"):
        load_tiles(sections)


def test_amplitudes_have_the_limits_of_the_whole_set(sections):
    for number, (name, (image, _)) in enumerate(SECTIONS.items()):
        (sections / f"images/{name}.png").unlink()
        plant(sections, {f"images/{name}.npy": npy(image * (number + 1.0) - 300)})
    samples = np.concatenate(
        [(image * (number + 1.0) - 300).ravel() for number, (image, _) in enumerate(SECTIONS.values())]
    )
    low, high = np.percentile(samples, [2, 98])
    found = read_tiles(sections, limits=2.0)
    assert found.limits == pytest.approx((low, high))
    expected = np.rint(255 * np.clip((SECTIONS["a"][0][:101, :101] - 300.0 - low) / (high - low), 0, 1))
    assert np.abs(found.images[0] - expected).max() <= 1
    np.testing.assert_array_equal(found.images, read_tiles(sections, limits=found.limits).images)
    with pytest.raises(DataError, match="--clip-percentile: expected amplitudes that differ"):
        read_tiles(sections, limits=49.9999)


def test_two_epochs_on_three_sections_and_their_scores(sections, capsys, monkeypatch):
    weights = train(TrainingConfig(data=sections, name="own", epochs=2, **TINY), QUIET)
    card = checkpoint.read_card(weights)
    assert {cutting.section_name(name) for name in card.split.train}.isdisjoint(card.split.val_sections.values())
    assert card.claim.interval.units == len(set(card.split.val_sections.values()))
    ended = run_here(["evaluate", sections, "--weights", weights, "--tta", "--json", "report.json"])
    assert ended.status == 0, ended.err
    assert f"mAP {card.claim.value:.4f} (95 % interval" in ended.out
    report = json.loads(Path("report.json").read_text())
    assert report["scores"]["tta"]["count"] == card.claim.count == len(card.split.val)
    (name,) = set(card.split.val_sections.values())
    assert re.search(rf"By section\s.*\s{re.escape(name)}\b", ended.out, re.DOTALL)


def test_images_for_a_teacher_are_not_cut(sections, tmp_path):
    weights = train(TrainingConfig(data=sections, name="teacher", epochs=1, **TINY), QUIET)
    unlabelled = plant(tmp_path / "unlabelled", {"images/c.png": encoded(IMAGE)})
    options = {"data": sections, "split": weights.with_suffix(".json"), "teacher": (weights,), **TINY}
    with pytest.raises(
        TrainingError, match="unlabelled: expected tiles of 101 x 101 as those with labels, got 150 x 220"
    ):
        train(TrainingConfig(name="student", unlabelled=unlabelled, **options), QUIET)


def test_a_run_on_amplitudes_goes_on_with_the_limits_it_began_with(sections, monkeypatch):
    for name, (image, _) in SECTIONS.items():
        (sections / f"images/{name}.png").unlink()
        plant(sections, {f"images/{name}.npy": npy(image * 9.0)})
    options = {"data": sections, "epochs": 2, "clip_percentile": 1.0, **TINY}
    whole = checkpoint.read_card(train(TrainingConfig(name="whole", **options), QUIET))
    limits = whole.training["options"]["amplitude_limits"]
    assert limits == pytest.approx(read_tiles(sections, limits=1.0).limits)
    epoch = Run.epoch

    def once(run):
        if run.epochs == 1:
            raise KeyboardInterrupt
        epoch(run)

    with monkeypatch.context() as patch:
        patch.setattr(Run, "epoch", once)
        with pytest.raises(KeyboardInterrupt):
            train(TrainingConfig(name="stopped", **options), QUIET)
    plant(sections, {"images/new.npy": npy(IMAGE * 1e6), "masks/new.png": encoded(MASK)})
    resumed = checkpoint.read_card(train(TrainingConfig(name="stopped", resume=True), QUIET))
    assert resumed.sha256 == whole.sha256


def test_the_documented_example(tmp_path, monkeypatch):
    cube = tmp_path / "cube"
    cube.mkdir()
    survey.make(cube, 12, 130, 140)
    tiny = TINY | {"batch_size": 4, "start_from": None}
    monkeypatch.setattr(own_survey, "train", lambda config: train(TrainingConfig(**vars(config) | tiny), QUIET))
    monkeypatch.setattr(sys, "argv", ["own_survey.py", "cube", "--step", "4", "--block", "6", "--epochs", "1"])
    own_survey.main()
    card = checkpoint.read_card(tmp_path / "runs/own-survey/own-survey.safetensors")
    assert set(card.split.val_sections.values()) in ({"block 0"}, {"block 1"})
    assert {cutting.section_name(name) for name in card.split.train} in ({"inline_100", "inline_104"}, {"inline_108"})
    tiles = read_tiles(tmp_path / "cube/labelled", limits=amplitude.Limits(-1, 1))
    truth = np.lib.format.open_memmap(cube / "truth.npy", "r")
    np.testing.assert_array_equal(tiles.subset(["inline_108_r39_c29"]).masks[0], truth[8].T[39:140, 29:130])
