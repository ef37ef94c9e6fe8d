"""The lines of Python that open an image are run where its files lie, and give the same image."""

from pathlib import Path

import numpy as np
import pytest

from demo import places, snippets
from demo.amplitudes import LimitsChoice
from demo.images import find_survey, open_sample, open_tile, open_upload, with_truth
from demo.surveys import SectionChoice
from demo.weights import find_weights
from tests.demo.files import npy, png, zipped
from tests.seismic.surveys import amplitudes, write_segy
from unet.card import Card
from unet.image import RULE, grey

HOSTILE = """'; import os  # "x\n\\"""
CUBE = amplitudes(18, 24, 40)
NUMBERS = np.random.default_rng(0).normal(0, 900, (40, 30)).astype(np.float32)


def run(image, folder, monkeypatch):
    """The names that an image's code binds."""
    monkeypatch.chdir(folder)
    names: dict = {}
    exec(image.code, names)
    return names


def same(image, names):
    np.testing.assert_array_equal(grey(names["image"]), image.grey)
    if image.truth is not None:
        np.testing.assert_array_equal(names["truth"], image.truth)
    if image.missing is not None:
        np.testing.assert_array_equal(names["missing"], image.missing)


@pytest.mark.parametrize(
    ("name", "content", "options"),
    [
        (f"{HOSTILE}.png", png(np.arange(400, dtype=np.uint8).reshape(20, 20)), {}),
        (f"{HOSTILE}.npy", npy(NUMBERS), {}),
        ("reversed.npy", npy(NUMBERS), {"choice": LimitsChoice(2.0, reverse=True)}),
        ("cube.npy", npy(CUBE), {"section": SectionChoice("crossline", 5, (1, 2))}),
        ("cube.npy", npy(CUBE), {"choice": LimitsChoice(1.0, reverse=True), "section": SectionChoice("time slice", 7)}),
    ],
    ids=["name", "amplitudes", "polarity", "crossline", "time slice"],
)
def test_a_file_is_opened_as_the_page_opens_it(name, content, options, tmp_path, monkeypatch):
    (tmp_path / name.replace("/", "_")).write_bytes(content)
    image = open_upload(name, content, **options)
    same(image, run(image, tmp_path, monkeypatch))


def test_a_section_with_gaps_knows_what_is_missing(tmp_path, monkeypatch):
    path = write_segy(tmp_path / "cube.sgy", CUBE, missing={(9, 20), (9, 21)})
    image = open_upload("cube.sgy", path.read_bytes(), section=SectionChoice("inline", 109))
    assert image.missing is not None
    same(image, run(image, tmp_path, monkeypatch))


def test_samples_and_a_ground_truth_of_ones_own(tmp_path, monkeypatch):
    sample = open_sample("Small lens")
    same(sample, run(sample, tmp_path, monkeypatch))
    picture, mask = png(sample.pixels), png(np.uint8(255 * sample.truth))
    (tmp_path / "a.png").write_bytes(picture)
    (tmp_path / f"{HOSTILE}.png").write_bytes(mask)
    image = with_truth(open_upload("C:/x/../a.png", picture), f"../{HOSTILE}.png", mask)
    same(image, run(image, tmp_path, monkeypatch))


def test_a_survey_tile_is_read_from_its_archive(tmp_path, monkeypatch):
    place, picture = tmp_path / "data" / "tgs-salt", png(np.arange(900, dtype=np.uint8).reshape(30, 30))
    place.mkdir(parents=True)
    mask = png(np.uint8(255 * (np.mgrid[:30, :30][0] > 20)))
    (place / "train.zip").write_bytes(zipped({"images/it's.png": picture, "masks/it's.png": mask}))
    survey = find_survey(Card(threshold=0.5, input=RULE), root=place)
    image = open_tile(survey.tiles["it's"])
    same(image, run(image, tmp_path, monkeypatch))


def test_weights_are_named_as_they_lie_below_the_working_folder(monkeypatch):
    monkeypatch.chdir(places.ROOT)
    for weights in find_weights()[:2]:
        code = snippets.of_weights(weights.path, places.ROOT)
        assert str(places.ROOT) not in code
        names: dict = {}
        exec(f"from unet import Segmenter\nfrom unet.segmenter import shipped_weights\nfound = {code}", names)
        assert names["found"].card.sha256 == weights.card.sha256
    assert snippets.of_weights(Path("/home/me/secret/a.safetensors"), places.ROOT) == "Segmenter.load('a.safetensors')"
