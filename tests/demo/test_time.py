"""The network as it was during its run, as the viewer asks for it."""

from pathlib import Path

import numpy as np
import pytest
import torch
from msgspec.structs import replace

from demo import explorer, messages
from demo import snapshots as snapshots_of_demo
from demo.images import SeismicImage
from demo.snapshots import open_snapshot
from demo.view import ViewState, changes
from demo.viewer_responses import Refusal
from unet import Segmenter, checkpoint, explain, snapshots
from unet.card import Card
from unet.image import RULE
from unet.model import UNet
from unet.tiling import window

LARGE = SeismicImage("large.png", np.random.default_rng(0).random((150, 140), np.float32))
EPOCHS = (0, 2, 5)
HISTORY = [{"epoch": 2, "iou": 0.25, "mAP": 0.2}, {"epoch": 9, "iou": 0.75, "mAP": 0.5}]


@pytest.fixture(scope="module")
def run(tmp_path_factory, small_model):
    """A network with three snapshots, and the key of its weights."""
    path = tmp_path_factory.mktemp("run") / "a.safetensors"
    found = []
    for epoch in EPOCHS:
        torch.manual_seed(epoch)
        found.append(snapshots.save(path, UNet(small_model.config).eval(), epoch))
    training = {"epochs": 9, "history": HISTORY}
    card = Card(threshold=0.5, input=RULE, temperature=2.0, snapshots=tuple(found), training=training)
    checkpoint.save(path, small_model, card)
    return Segmenter.load(path), (str(path), 1, "")


def respond(run, image=LARGE, **request):
    asked = {"id": 7, "key": "k", "window": [9, 5], **request}
    return explorer.respond(asked, image, run[0], "k", run[1])


def networks(run):
    """The snapshots and the finished network, opened by hand."""
    segmenter, (path, *_) = run
    for epoch in EPOCHS:
        yield Segmenter(snapshots.load(Path(path), segmenter.card, epoch), segmenter.card)
    yield segmenter


@pytest.mark.parametrize("small", [snapshots_of_demo.SMALL, 0])
def test_the_masks_of_all_epochs_are_those_of_their_networks(run, small, monkeypatch):
    monkeypatch.setattr(snapshots_of_demo, "SMALL", small)
    found = respond(run, kind="epochs", epoch=3)  # whatever epoch is open
    probability = ((256 * found.high.astype(int) + found.low) / 4095).astype(np.float32)
    part = window(LARGE.grey, 9, 5)
    for row, network in zip(probability, networks(run), strict=True):
        expected = network.trace(part).probability
        np.testing.assert_allclose(row, expected, atol=1 / 4095)
        np.testing.assert_array_equal(row > np.float32(0.5), expected > 0.5)
    np.testing.assert_array_equal(found.validation, np.array([np.nan, 0.25, np.nan, 0.75], np.float32))
    assert np.ptp(probability, axis=0).max() > 0.1  # they differ


def test_every_request_is_answered_by_the_snapshot_that_is_chosen(run):
    part, network = window(LARGE.grey, 9, 5), list(networks(run))[1]
    predicted = respond(run, kind="predict", epoch=2).probability
    np.testing.assert_allclose(predicted, network.probability(part), atol=1e-6)
    maps = respond(run, kind="maps", epoch=2).sites["encoder1"]
    np.testing.assert_allclose(maps.high, network.trace(part).crop("encoder1").max(axis=(1, 2)), rtol=1e-6)
    cuts = respond(run, kind="cuts", epoch=2)
    last = (256 * cuts.high[-1].astype(int) + cuts.low[-1]) / 4095
    np.testing.assert_allclose(last, explain.cut_table(network, part)[-1], atol=1 / 4095)
    pixel = respond(run, kind="pixel", epoch=2, box=[30, 40, 1, 1])
    assert pixel.probability == pytest.approx(network.trace(part).probability[21, 35], abs=1e-6)
    assert open_snapshot(*run, 2) is open_snapshot(*run, 2)


def test_a_map_is_shown_as_it_formed(run):
    found = respond(run, kind="formed", site="encoder2", channel=3, epoch=5).maps
    maps = np.stack([network.trace(window(LARGE.grey, 9, 5)).crop("encoder2")[3] for network in networks(run)])
    assert (found.channels, found.height, found.width) == maps.shape
    steps = ((found.high - found.low) / 255)[:, None, None]
    np.testing.assert_allclose(found.low[:, None, None] + found.values * steps, maps, atol=float(steps.max()))


def test_the_browser_knows_which_epochs_there_are(run, segmenter):
    for (network, key), expected in ((run, (EPOCHS, 9)), ((segmenter, ("salt-unet.safetensors", 0, "")), ((), None))):
        probability = np.zeros(LARGE.grey.shape, np.float32)
        sent = messages.make_message(LARGE, probability, network, key, threshold=0.5, revision=1, link={}).network
        assert sent.epochs == expected[0]
        assert expected[1] in (None, sent.learned)


@pytest.mark.parametrize(
    ("request_of", "sentence"),
    [
        ({"kind": "predict", "epoch": 3}, "expected one of the epochs 0, 2, 5, got epoch 3"),
        ({"kind": "maps", "epoch": -1}, "epoch"),
        ({"kind": "maps", "epoch": 2, "random": True}, "expected random weights or epoch 2, got both"),
        ({"kind": "formed", "site": "logits", "channel": 0}, "expected one of encoder1"),
        ({"kind": "formed", "site": "encoder1", "channel": 99}, "expected a channel of encoder1 from 0 to 3, got 99"),
    ],
)
def test_what_is_not_there_is_refused_in_a_sentence(run, request_of, sentence):
    found = respond(run, **request_of)
    assert isinstance(found, Refusal)
    assert sentence in found.error


def test_weights_without_snapshots_say_so(segmenter):
    bare = segmenter, ("salt-unet.safetensors", 0, "")
    assert respond(bare, kind="predict", epoch=3).error == "expected weights with snapshots, got epoch 3"
    assert respond(bare, kind="epochs").high.shape[0] == 1


def test_a_snapshot_that_cannot_be_read_is_named_without_its_path(run, tmp_path):
    segmenter, _ = run
    path = tmp_path / "a.safetensors"
    for epoch in EPOCHS:
        snapshots.path_of(path, epoch).parent.mkdir(exist_ok=True)
        snapshots.path_of(path, epoch).write_bytes(b"no tensors")
    for kind in ("epochs", "predict"):
        found = respond((segmenter, (str(path), 1, "")), kind=kind, epoch=0)
        assert found.error.startswith(
            "the snapshot of epoch 0 cannot be read: expected the tensors its card was written"
        )
        assert str(tmp_path) not in found.error


def test_a_history_of_another_kind_gives_no_validation(run):
    segmenter, key = run
    other = Segmenter(segmenter.model, replace(segmenter.card, training={"epochs": 9, "history": "long"}))
    assert np.isnan(respond((other, key), kind="epochs").validation).all()


def test_what_is_exported_says_which_epoch_it_shows():
    assert (
        changes(ViewState(epoch=5, cuts=("skip1",))) == "without skip1 (zero in their place), as it was after epoch 5"
    )
