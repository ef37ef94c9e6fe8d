"""The dossier of a channel, against networks whose channels are known and against brute force."""

import json

import numpy as np
import pytest
import torch
from msgspec.structs import replace

from unet import Segmenter, checkpoint, explain, metrics
from unet.card import Card, Split
from unet.cli.main import main
from unet.data.tiles import Tiles
from unet.explain import dossier as dossiers
from unet.explain.dossier import DossierError, making
from unet.image import RULE
from unet.model import UNet, UNetConfig
from unet.segmenter import shipped_weights
from unet.synthetic import sections

SITES = ("encoder1", "encoder2", "bottleneck", "up2", "decoder2", "up1", "decoder1")
DEAD, ONE, DOUBLE = 0, 1, 2


def network(block="residual"):
    """Encoder1: channel 0 is dead, 2 the double of 1, and 3 is of its own; no kernel sums to anything but 0."""
    torch.manual_seed(3)
    model = UNet(UNetConfig(width=4, depth=2, block=block)).eval()
    first = model.encoder[0].first[0].weight
    with torch.no_grad():
        first -= first.mean((2, 3), keepdim=True)
        for convolution, norm in (model.encoder[0].first, model.encoder[0].second):
            convolution.weight[DOUBLE] = convolution.weight[ONE]
            norm.weight[DEAD] = 0
    return model


def segmenter_of(model, **card):
    return Segmenter(model.requires_grad_(False), Card(**{"threshold": 0.5, "input": RULE, "sha256": "a" * 64} | card))


def made(segmenter, real=None, split="all", **counts):
    basis = dossiers.plan(segmenter, real, split, **counts)
    *_, dossier = dossiers.investigate(segmenter, basis, real)
    return dossier


@pytest.fixture(scope="module", autouse=True)
def few_sections():
    """Curves of fewer sections are as true, and sooner there."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(making, "SECTIONS", 2)
        yield


@pytest.fixture(scope="module")
def segmenter():
    split = Split(by="section", val_sections={"a": "line", "b": "line"})
    whole = segmenter_of(network()).probability(sections(1, 50)[0][0])
    return segmenter_of(network(), threshold=float(np.median(whole)), split=split)


@pytest.fixture(scope="module")
def tiles():
    """Seven labelled tiles; one of a single grey."""
    images, masks = sections(7, first_seed=50)
    images[2] = 9
    return Tiles(list("abcdefg"), images, masks)


@pytest.fixture(scope="module")
def dossier(segmenter, tiles):
    return made(segmenter, tiles, synthetic=9, effect_tiles=3)


@pytest.fixture(scope="module")
def traces(segmenter, tiles):
    """What brute force says: name of a tile -> its trace."""
    drawn = {making.FIRST_SEED + i: image for i, image in enumerate(sections(9, making.FIRST_SEED)[0])}
    labelled = {name: image for name, image in zip(tiles.ids, tiles.images, strict=True) if name != "c"}
    return {name: segmenter.trace(image) for name, image in (drawn | labelled).items()}


def test_a_dead_channel_and_a_double_are_found(dossier):
    assert tuple(dossier.sites) == SITES  # a skip is its encoder
    dead, one, double, other = dossier.sites["encoder1"]
    assert [channel.dead for channel in (dead, one, double, other)] == [True, False, False, False]
    assert (dead.highest, dead.active, dead.nearest, dead.synthetic, dead.real) == (0, 0, None, (), ())
    assert dead.effect.change == dead.effect.iou == dossiers.Estimate(0, 0, 0)
    assert set(dead.gain.activation + dead.shift.correlation) == {None}
    assert (one.double_of.channel, double.double_of.channel) == (DOUBLE, ONE)
    assert one.nearest.correlation == double.nearest.correlation == 1
    assert other.double_of is None
    assert one.synthetic == double.synthetic


def test_the_tiles_that_excite_a_channel_most_are_those_of_brute_force(dossier, traces):
    for site, channels in dossier.sites.items():
        stride = traces["a"].padding.padded_height // traces["a"].sites[site].shape[1]
        for own, channel in enumerate(channels):
            if channel.dead:
                continue
            maps = {name: trace.crop(site)[own] for name, trace in traces.items()}
            lowest = min(values.min() for values in maps.values())
            for kind, peaks in ((int, channel.synthetic), (str, channel.real)):
                highest = {name: values.max() for name, values in maps.items() if isinstance(name, kind)}
                order = sorted(highest, key=lambda name: (-highest[name], name))
                assert [peak.tile for peak in peaks] == [name for name in order if highest[name] > lowest][:5]
                for peak in peaks:
                    assert peak.value == pytest.approx(highest[peak.tile], rel=1e-3, abs=1e-9)
                    padding = traces[peak.tile].padding  # the pixel lies in the cell with that value
                    cell = (peak.row + padding.top) // stride, (peak.column + padding.left) // stride
                    assert traces[peak.tile].sites[site][own][cell] == highest[peak.tile]


def test_activity_and_resemblance_are_over_all_positions_of_all_tiles(dossier, traces):
    for site, channels in dossier.sites.items():
        values = np.concatenate([trace.crop(site).reshape(len(channels), -1) for trace in traces.values()], axis=1)
        with np.errstate(invalid="ignore", divide="ignore"):
            correlations = np.corrcoef(values.astype(np.float64))
        np.fill_diagonal(correlations, np.nan)
        for own, channel in enumerate(channels):
            assert channel.active == pytest.approx((values[own] > 0).mean(), rel=1e-3)
            assert channel.highest == pytest.approx(values[own].max(), rel=1e-3)
            assert channel.dead == (np.ptp(values[own]) == 0)
            if channel.nearest is not None:
                assert abs(channel.nearest.correlation) == pytest.approx(np.nanmax(abs(correlations[own])), abs=2e-4)
                assert channel.nearest.correlation == pytest.approx(
                    correlations[own, channel.nearest.channel], abs=2e-4
                )


def test_an_effect_is_the_mean_over_tiles_with_salt(dossier, segmenter, tiles):
    salty = [i for i, mask in enumerate(tiles.masks) if mask.any()]
    chosen = [salty[0], salty[round((len(salty) - 1) / 2)], salty[-1]]
    assert (dossier.basis.effect_of, dossier.basis.effect_tiles) == ("real", 3)
    for site in ("encoder1", "bottleneck", "up1"):
        changes = np.mean([explain.channel_effects(segmenter, tiles.images[i], site) for i in chosen], axis=0)
        for channel, change in zip(dossier.sites[site], changes, strict=True):
            assert channel.effect.change.value == pytest.approx(change, rel=1e-3, abs=1e-6)
            assert channel.effect.change.low <= channel.effect.change.value <= channel.effect.change.high

    own, falls = 3, []
    for i in chosen:
        whole = segmenter.trace(tiles.images[i])
        without = torch.from_numpy(whole.sites["encoder1"].copy())[None]
        without[:, own] = 0
        cut = segmenter.trace(tiles.images[i], {"encoder1": without, "skip1": without})
        ious = [
            metrics.iou(metrics.confusion(trace.probability > np.float32(segmenter.threshold), tiles.masks[i]))
            for trace in (cut, whole)
        ]
        falls.append(ious[0] - ious[1])
    assert np.ptp(falls) > 0
    assert dossier.sites["encoder1"][own].effect.iou.value == pytest.approx(np.mean(falls), rel=1e-3)


def test_a_channel_without_biases_is_as_strong_as_the_contrast_and_moves_with_the_image():
    channels = made(segmenter_of(network()), synthetic=3, effect_tiles=1).sites["encoder1"][1:]
    for channel in channels:  # exact but for what clips where the contrast grows
        assert channel.shift.correlation == pytest.approx([1] * 8, abs=1e-4)
        assert channel.shift.activation == pytest.approx([1] * 8, abs=0.05)  # other pixels are in the middle
        assert channel.gain.activation == pytest.approx([0.5, 0.71, 1.41, 2], rel=0.05)
        assert channel.gain.activation[:2] == pytest.approx([0.5, 0.71], rel=1e-3)
        assert channel.gain.correlation[:2] == pytest.approx([1, 1], abs=1e-4)
        assert min(channel.gain.correlation) > 0.9


def test_kernels_that_are_the_same_turned_respond_the_same_to_a_turned_image():
    model = network("plain")
    with torch.no_grad():
        for convolution in (model.encoder[0].first[0], model.encoder[0].second[0]):
            turned = torch.stack([convolution.weight.rot90(turns, (2, 3)) for turns in range(4)])
            convolution.weight[:] = turned.mean(0)
        model.encoder[0].first[0].weight[3] = torch.tensor([[1.0, 2, 1], [0, 0, 0], [-1, -2, -1]])  # of level beds
        model.encoder[0].second[0].weight[:, 3] = model.encoder[0].second[0].weight[3] = 0
        model.encoder[0].second[0].weight[3, 3, 1, 1] = 1
    _, one, _, edges = made(segmenter_of(model), synthetic=3, effect_tiles=1).sites["encoder1"]
    assert one.rotation.correlation[-1] == pytest.approx(1, abs=1e-3)  # 90 degrees: no pixel lies between others
    assert one.rotation.activation[-1] == pytest.approx(1, abs=1e-3)
    assert abs(edges.rotation.correlation[-1]) < 0.6 < edges.rotation.correlation[0]
    assert list(edges.rotation.correlation) == sorted(edges.rotation.correlation, reverse=True)


def test_a_dossier_that_was_begun_is_finished_as_if_at_once(dossier, segmenter, tiles):
    basis, steps = dossier.basis, []
    given = list(dossiers.investigate(segmenter, basis, tiles, advance=steps.append))
    assert sum(steps) == dossiers.count_steps(segmenter, basis)
    assert [one.is_finished for one in given] == [False] * len(SITES) + [True]
    assert given[-1] == dossier
    steps.clear()
    resumed = list(dossiers.investigate(segmenter, basis, tiles, given[3], steps.append))
    assert (resumed[-1], len(resumed)) == (dossier, len(SITES) - 3)
    assert sum(steps) == dossiers.count_steps(segmenter, basis)
    assert dossiers.goes_on(given[3], segmenter, basis)
    assert not dossiers.goes_on(replace(given[3], sites={"encoder1": ()}), segmenter, basis)
    other = dossiers.plan(segmenter, tiles, "all", synthetic=8, effect_tiles=3)
    assert len(list(dossiers.investigate(segmenter, other, tiles, given[3]))) == len(SITES) + 1  # anew


def test_tiles_without_salt_are_refused(segmenter, tiles):
    empty = Tiles(tiles.ids, tiles.images, np.zeros_like(tiles.masks))
    with pytest.raises(dossiers.TileError, match="expected tiles with salt"):
        dossiers.plan(segmenter, empty, "all")


# --- Files --------------------------------------------------------------------------------------------------


def test_a_file_gives_the_dossier_back(dossier, tmp_path):
    weights = tmp_path / "w.safetensors"
    assert dossiers.read_dossier(weights, "a" * 64) is None
    dossiers.dossier_path(weights).write_bytes(dossiers.encode_dossier(dossier))
    assert dossiers.read_dossier(weights, "a" * 64) == dossier
    with pytest.raises(DossierError, match=r"^w\.dossier\.json: the dossier of other weights"):
        dossiers.read_dossier(weights, "b" * 64)


@pytest.mark.parametrize(
    ("hurt", "said"),
    [
        (lambda text: text[:-40], "expected JSON"),
        (lambda text: "[" * 100_000, "nested too deeply"),
        (lambda text: " " * (dossiers.LARGEST_DOSSIER + 1), "expected at most"),
        (lambda text: "{}", "expected basis in it, got none"),
        (lambda text: text.replace('"highest":', '"highest":1e300,"was":', 1), "highest to be a number"),
        (lambda text: text.replace('"first_seed":1500000000', '"first_seed":-1'), "first_seed to be a whole number"),
        (lambda text: text.replace('"correlation":[1.0,', '"correlation":[', 1), "points in a curve of encoder1"),
        (lambda text: text.replace('"nearest":[', '"nearest":[9', 1), "expected a channel of encoder1 below 4 nearest"),
    ],
)
def test_a_damaged_or_hostile_file_is_one_sentence(dossier, tmp_path, hurt, said):
    path = tmp_path / "w.dossier.json"
    path.write_text(hurt(dossiers.encode_dossier(dossier).decode()))
    with pytest.raises(DossierError, match=r"^w\.dossier\.json: not a dossier \(.*" + said):
        dossiers.parse_dossier(path)


@pytest.mark.parametrize("name", ["salt-unet", "salt-unet-tiny"])
def test_the_shipped_dossiers_are_those_of_the_shipped_weights(name):
    weights = shipped_weights().with_name(f"{name}.safetensors")
    model, card = checkpoint.load(weights)
    found = dossiers.read_dossier(weights, card.sha256)
    assert found is not None
    assert found.is_finished
    assert dossiers.dossier_path(weights).stat().st_size <= 2_000_000
    channels = {site.name: site.channels for site in model.sites()}
    assert {site: len(of_site) for site, of_site in found.sites.items()} == {
        site: count for site, count in channels.items() if not site.startswith(("skip", "logits"))
    }
    assert (found.basis.synthetic, found.basis.effect_of, found.basis.effect_tiles) == (1000, "real", 50)
    assert (found.basis.real.split, found.basis.real.count) == ("val", len(card.split.val))
    named = {peak.tile for of_site in found.sites.values() for channel in of_site for peak in channel.real}
    assert named <= set(card.split.val)


# --- The command --------------------------------------------------------------------------------------------


def run(*words):
    return main(["dossier", "--synthetic", "3", "--effect-tiles", "1", *map(str, words)])


@pytest.fixture
def weights(tmp_path):
    path = tmp_path / "w.safetensors"
    checkpoint.save(path, network(), Card(threshold=0.5, input=RULE, split=Split(val=("05", "07"))))
    return path


def test_the_command_writes_the_same_file_twice_and_goes_on(weights, tgs, capsys):
    path = dossiers.dossier_path(weights)
    assert run("--weights", weights, "--data", tgs) == 0
    whole = path.read_bytes()
    said = capsys.readouterr().err
    assert "2 validation tiles" in said
    assert f"{path}: {2 * (4 + 8) + 16 + 2 * (8 + 4) - 12} channels, 1 dead" in said
    found = json.loads(whole)
    assert found["basis"]["real"]["split"] == "val"
    for channel in found["sites"]["decoder1"]:
        del channel["effect"]
    path.write_text(json.dumps(found))
    assert run("--weights", weights, "--data", tgs) == 0  # the one site that lacks its effects
    assert "goes on" in capsys.readouterr().err
    assert path.read_bytes() == whole
    assert run("--weights", weights, "--data", tgs) == 0  # all of it
    assert "goes on" not in capsys.readouterr().err
    assert path.read_bytes() == whole


def test_a_foreign_file_is_replaced_where_that_is_asked_for(weights, tmp_path):
    path = tmp_path / "foreign.txt"
    path.write_text("mine")
    assert run("--weights", weights, "--out", path, "--overwrite") == 0
    assert dossiers.parse_dossier(path).basis.real is None


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--synthetic", "0"], "expected --synthetic to be a whole number from 1 to 20,000, got 0"),
        (["--data", "nowhere"], "nowhere: no such file or folder"),
        (["--weights", "nowhere.safetensors"], "nowhere.json"),
        (["--out", "nowhere/x.json"], "in a folder that exists"),
        (["--out", "w.safetensors"], "expected a name for the dossier"),
        (["--out", "foreign.txt"], "pass --overwrite"),
    ],
)
def test_what_the_command_cannot_do_is_one_sentence_and_status_2(weights, words, said, monkeypatch, capsys):
    monkeypatch.chdir(weights.parent)
    (weights.parent / "foreign.txt").write_text("mine")
    assert main(["dossier", "--weights", "w.safetensors", *words]) == 2
    error = capsys.readouterr().err
    assert error.startswith("dossier: ")
    assert said in error
    assert error.count("\n") == 1
    assert (weights.parent / "foreign.txt").read_text() == "mine"
