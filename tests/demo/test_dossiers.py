"""The dossier of a channel as the viewer gets it, against the file beside the weights."""

import json
import shutil

import numpy as np
import pytest

from demo import dossiers as responses
from demo import explorer
from demo.images import open_sample
from tests.conftest import TGS
from unet import Segmenter, checkpoint
from unet.explain import dossier as dossiers
from unet.segmenter import shipped_weights
from unet.synthetic import section

STOCK = open_sample("Salt stock")
SHIPPED = shipped_weights()


def respond(segmenter, path=SHIPPED, **request):
    content = {"id": 7, "key": "k", "window": [0, 0], "kind": "dossier", **request}
    return explorer.respond(content, STOCK, segmenter, "k", (str(path), 0, ""))


@pytest.fixture(scope="module")
def shipped():
    return json.loads(dossiers.dossier_path(SHIPPED).read_text())


def test_a_response_holds_what_the_file_says_of_the_channel(segmenter, shipped):
    for site, source, channel in (("decoder2", "decoder2", 5), ("skip1", "encoder1", 3)):
        sent = respond(segmenter, site=site, channel=channel)
        of_site = shipped["sites"][source]
        assert (sent.site, sent.source, sent.channels) == (site, source, len(of_site))
        written = of_site[channel]
        effects = [one["effect"]["change"][0] for one in of_site]
        assert sorted(effects, reverse=True)[sent.rank - 1] == written["effect"]["change"][0]
        assert [*sent.found.gain.activation, *sent.found.rotation.correlation] == [
            *written["gain"]["activation"], *written["rotation"]["correlation"],
        ]  # fmt: skip
        assert sent.is_double == (abs(written["nearest"][1]) > 0.95)
        assert [[tile.seed, tile.value, tile.row, tile.column] for tile in sent.synthetic] == written["synthetic"]
        assert [[tile.id, tile.value, tile.row, tile.column] for tile in sent.real] == written["real"]


def test_the_drawn_tiles_are_highest_where_the_file_says(segmenter):
    sent = respond(segmenter, site="encoder1", channel=3)
    assert len(sent.synthetic) == 5
    for tile in sent.synthetic:
        np.testing.assert_array_equal(tile.grey, section(tile.seed)[0])
        maps = segmenter.trace(tile.grey).crop("encoder1")[3]
        assert (maps.max(), maps[tile.row, tile.column]) == (pytest.approx(tile.value, rel=1e-3), maps.max())


@pytest.mark.data
def test_survey_tiles_are_drawn_where_the_data_are(segmenter):
    for tile in respond(segmenter, site="encoder1", channel=3).real:
        assert tile.grey.shape == (tile.height, tile.width) == (101, 101)
        assert segmenter.trace(tile.grey).crop("encoder1")[3].max() == pytest.approx(tile.value, rel=1e-3)


def test_survey_tiles_that_are_not_there_are_named_and_not_drawn(segmenter, shipped, checkout):
    sent = respond(segmenter, site="encoder1", channel=3)
    assert [(tile.id, tile.grey, tile.height) for tile in sent.real] == [
        (peak[0], None, 0) for peak in shipped["sites"]["encoder1"][3]["real"]
    ]


def test_without_a_dossier_the_command_is_named(checkout, small_model, segmenter):
    path = checkout / "runs" / "my run" / "w.safetensors"
    path.parent.mkdir(parents=True)
    checkpoint.save(path, small_model, segmenter.card)
    refused = respond(Segmenter.load(path), path, site="encoder1", channel=0)
    command = "run python -m unet dossier --weights 'runs/my run/w.safetensors'"
    assert refused.error == f"these weights have none yet; {command}"
    shutil.copy(dossiers.dossier_path(SHIPPED), dossiers.dossier_path(path))
    refused = respond(Segmenter.load(path), path, site="encoder1", channel=0)
    assert refused.error.startswith("w.dossier.json: the dossier of other weights than these")
    assert command in refused.error
    dossiers.dossier_path(path).write_text('{"basis": 1}')
    assert (
        "not a dossier (expected basis to be an object, got 1)" in respond(segmenter, path, site="x", channel=0).error
    )


@pytest.mark.parametrize(
    ("site", "channel", "said"),
    [
        ("encoder1", 16, "got encoder1, channel 16"),
        ("logits", 0, "got logits, channel 0"),
        ("<b>" * 90, 0, "<b><b>"),
        ("x" * 301, 0, "expected site to be text"),
        ("encoder1", -1, "expected channel to be a whole number"),
        (3, 0, "expected site to be text"),
    ],
)
def test_what_no_dossier_knows_is_refused_in_a_sentence(segmenter, site, channel, said):
    error = respond(segmenter, site=site, channel=channel).error
    assert said in error
    assert len(error) < 200


def test_the_data_are_named_in_the_command_where_they_are():
    assert responses.how_to_make(SHIPPED) == (
        "run python -m unet dossier --weights weights/salt-unet.safetensors"
        + (" --data data/tgs-salt" if TGS.exists() else "")
    )
