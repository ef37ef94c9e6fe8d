"""Messages, requests and responses between the browser and the network, by value."""

import base64
import json
import platform
import re
import struct
import time
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import numpy as np
import pytest

from demo import bundle, cache, explorer, messages
from demo.evaluation import evaluation_path
from demo.images import SeismicImage, open_sample
from demo.process import give_memory_back
from demo.weights import find_weights
from unet import Segmenter, explain
from unet.segmenter import shipped_weights
from unet.tiling import window

STOCK = open_sample("Salt stock")
WEIGHTS = ("chosen.safetensors", 0, "")
LARGE = SeismicImage("large.png", np.random.default_rng(0).random((150, 140), np.float32))


def unpacked(content):
    """A message as pack.js reads it."""
    content = zlib.decompress(content)
    (length,) = struct.unpack("<I", content[:4])
    arrays = content[4 + length :]

    def place(value):
        if "array" not in value:
            return value
        return np.frombuffer(arrays, "<" + value["array"], value["length"], value["offset"])

    return json.loads(content[4 : 4 + length], object_hook=place)


def respond(segmenter, image=STOCK, **request):
    return explorer.respond({"id": 7, "key": "k", "window": [0, 0], **request}, image, segmenter, "k", WEIGHTS)


# --- Messages -----------------------------------------------------------------------------------------------


def test_a_message_holds_every_value():
    sent = {"a": "<b>ä</b>", "b": None, "c": [{"d": np.arange(5, dtype=np.uint8)}], "e": np.eye(2, dtype=bool)}
    found = unpacked(messages.pack({**sent, "f": np.array([0.1])}))
    assert (found["a"], found["b"], found["c"][0]["d"].tolist()) == ("<b>ä</b>", None, [0, 1, 2, 3, 4])
    assert (found["e"].tolist(), found["f"]) == ([1, 0, 0, 1], np.float32(0.1))
    with pytest.raises(TypeError, match="got complex"):
        messages.pack({"a": 1j})


def test_the_image_travels_exactly_and_only_when_wanted(segmenter):
    probability = segmenter.probability(STOCK.grey)
    options = {"threshold": 0.4, "revision": 3, "link": {"sample": "Salt stock", "weights": "w"}}
    found = unpacked(messages.pack(messages.make_message(STOCK, probability, segmenter, WEIGHTS, **options)))

    for name, values in (("probability", probability), ("truth", STOCK.truth), ("grey", STOCK.pixels)):
        np.testing.assert_array_equal(found["image"][name], values.ravel())
    assert found["network"]["sites"] == [vars(site) for site in segmenter.model.sites()]
    assert (found["threshold"], found["chosen"]) == (0.4, segmenter.threshold)
    for kind, wanted in (("image", True), ("maps", False)):
        response = respond(segmenter, kind=kind)
        message = messages.make_message(
            STOCK, probability, segmenter, WEIGHTS, **options, response=response, with_image=False
        )
        assert (message.image is not None, message.key) == (wanted, found["key"])
        assert message.response.id == 7


def sent_calibration(segmenter, path):
    """The calibration that travels with a network whose weights lie at a path."""
    probability, key = np.zeros_like(STOCK.grey), (str(path), 0, "")
    message = messages.make_message(STOCK, probability, segmenter, key, threshold=0.4, revision=1, link={})
    return unpacked(messages.pack(message))["network"]["calibration"]


def test_what_probabilities_have_meant_on_validation_tiles_travels_with_the_network(segmenter, tmp_path):
    shipped = evaluation_path(shipped_weights())
    written = json.loads(shipped.read_text())
    sent = sent_calibration(segmenter, shipped_weights())
    assert sent == written["calibration_tenths"]
    for way, scores in written["scores"].items():
        assert sum(tenth["pixels"] for tenth in sent[way]) == scores["count"] * 101 * 101
        assert [tenth["low"] for tenth in sent[way]] == [i / 10 for i in range(10)]
    # The claim's reliability diagram, which is by fifteenths, has its edges at every fifth in common with the tenths.
    points, tenths = written["calibration"], sent["tta"]
    for fifth in range(5):
        thirds, halves = points[3 * fifth : 3 * fifth + 3], tenths[2 * fifth : 2 * fifth + 2]
        assert sum(point["pixels"] for point in thirds) == sum(tenth["pixels"] for tenth in halves)
        salt = sum(tenth["pixels"] * tenth["share"] for tenth in halves)
        assert sum(point["pixels"] * point["salt_fraction"] for point in thirds) == pytest.approx(salt)

    nothing, path = {"plain": [], "tta": []}, tmp_path / "own.safetensors"
    assert sent_calibration(segmenter, path) == nothing
    for edit in ({"split": "train"}, {"sha256": "other"}, {"threshold": 0.01}, {"count": "many"}):
        evaluation_path(path).write_text(json.dumps(written | edit))
        assert sent_calibration(segmenter, path) == nothing
    evaluation_path(path).write_text(
        json.dumps({name: written[name] for name in written.keys() - {"calibration_tenths"}})
    )
    assert sent_calibration(segmenter, path) == nothing
    evaluation_path(path).write_text(json.dumps(written))
    assert sent_calibration(segmenter, path) == sent


def test_a_key_names_image_truth_and_network(segmenter, small_model):
    probability = segmenter.probability(STOCK.grey)
    other = Segmenter(small_model, msgspec.structs.replace(segmenter.card, sha256="other"))
    bare = SeismicImage("a", STOCK.grey)
    several = (STOCK, probability, segmenter), (STOCK, probability, other), (bare, probability, segmenter)
    assert len({messages.key(*one) for one in (*several, (STOCK, probability * 0, segmenter))}) == 4


# --- Responses ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cuts", [[], ["skip1"]])
def test_maps_are_the_traces_to_a_256th_of_their_range(segmenter, cuts):
    found = respond(segmenter, kind="maps", cuts=cuts).sites
    trace = segmenter.trace(STOCK.grey, dict.fromkeys(cuts, 0.0))
    assert set(found) == {name for name in trace.sites if not name.startswith("skip") or name in cuts}
    for name, site in found.items():
        maps = trace.crop(name)
        assert (site.channels, site.height, site.width) == maps.shape
        low, high = site.low[:, None, None], site.high[:, None, None]
        values = low + site.values / 255 * (high - low)
        np.testing.assert_allclose(values, maps, atol=np.max(high - low) / 500 + 1e-5)


def test_the_maps_of_a_sample_are_those_of_the_sample_opened(segmenter):
    lens = open_sample("Small lens")
    for cuts in ([], ["skip2"]):
        wanted = respond(segmenter, lens, kind="maps", cuts=cuts)
        # The open image is larger than its window, and its input was changed.
        changed = base64.b64encode(bytes(128 * 128)).decode()
        found = respond(segmenter, LARGE, kind="maps", cuts=cuts, sample="Small lens", input=changed)
        np.testing.assert_array_equal(found.grey, lens.pixels)
        assert (wanted.grey, found.sites.keys()) == (None, wanted.sites.keys())
        for name, site in wanted.sites.items():
            for part in ("values", "low", "high"):
                np.testing.assert_array_equal(getattr(found.sites[name], part), getattr(site, part))


@pytest.mark.parametrize("fill", ["zero", "mean", "Small lens"])
def test_cuts_are_the_table_to_twelve_bits(segmenter, fill):
    found = respond(segmenter, kind="cuts", fill=fill)
    lent = fill if fill in ("zero", "mean") else open_sample(fill).grey
    wanted = explain.cut_table(segmenter, STOCK.grey, lent).ravel()
    values = ((found.high * 256.0 + found.low) / 4095).ravel()
    np.testing.assert_allclose(values, wanted, atol=1 / 4095 + 1e-6)
    for percent in range(101):  # whatever the threshold is, the browser counts what Python counts
        threshold = np.float32(percent / 100)
        np.testing.assert_array_equal(values.astype(np.float32) > threshold, wanted > threshold)


def test_a_margin_has_no_salt_whatever_is_cut(segmenter):
    grey = np.where(np.arange(140) < 30, 0, LARGE.grey).astype(np.float32)
    image = SeismicImage("margin.png", grey)
    assert image.margin[:, :29].all()
    found = respond(segmenter, image, kind="cuts", window=[22, 12])
    assert not (found.high + found.low)[:, image.margin[22:, 12:]].any()
    assert found.high.any()


def test_effects_come_in_pieces_that_are_those_of_each_channel(segmenter):
    pieces = [respond(segmenter, kind="effects", site="encoder1", first=first, count=8) for first in (0, 8)]
    wanted = explain.channel_effects(segmenter, STOCK.grey, "encoder1")
    np.testing.assert_array_equal(np.concatenate([piece.effect for piece in pieces]), wanted)


def test_smoothgrad_comes_in_pieces_whose_mean_is_that_over_all_copies(segmenter):
    request = {"kind": "smooth", "window": [22, 12], "box": [80, 70, 1, 1], "samples": 2}
    pieces = [respond(segmenter, LARGE, **request, seed=seed).gradient for seed in (0, 1)]
    part = window(LARGE.grey, 22, 12), (58, 58, 1, 1)
    np.testing.assert_array_equal(pieces[0], explain.smooth_gradient(segmenter, *part, 2))
    assert not np.array_equal(*pieces)


@pytest.mark.parametrize("random", [False, True])
def test_faithfulness_is_of_the_influence_or_of_a_random_order_in_the_window(segmenter, small_model, random):
    segmenter = Segmenter(small_model, segmenter.card)
    request = {"kind": "faithfulness", "window": [22, 12], "box": [80, 70, 2, 3], "random": random}
    network = explorer.random_twin(segmenter) if random else segmenter
    part, box = window(LARGE.grey, 22, 12), (58, 58, 2, 3)
    by_influence = explain.order_of(explain.explain_pixel(network, part, box).influence)
    for seed, order in ((None, by_influence), (4, explain.random_order(part.shape, 4))):
        found = respond(segmenter, LARGE, seed=seed, **request)
        wanted = explain.faithfulness(network, part, box, order)
        np.testing.assert_array_equal([found.deletion, found.insertion], [wanted.deletion, wanted.insertion])
        assert (found.deletion_area, found.insertion_area) == (wanted.deletion_area, wanted.insertion_area)
        assert found.shares.tolist() == explain.SHARES.tolist()


def test_a_pixel_of_a_large_image_is_explained_in_its_window(segmenter):
    request = {"kind": "pixel", "window": [22, 12], "box": [80, 70, 1, 1]}
    found = respond(segmenter, LARGE, **request)
    alone = explain.explain_pixel(segmenter, window(LARGE.grey, 22, 12), (58, 58, 1, 1))
    np.testing.assert_array_equal(found.gradient, alone.gradient)
    row, column, height, width = explain.influence_box(alone.influence, (58, 58, 1, 1), 0.9)
    assert found.boxes["90"] == (row + 22, column + 12, height, width)
    assert set(found.cams) == set(alone.cams)


def test_flip_tta_is_of_the_whole_image_by_the_trained_network(segmenter):
    wanted = segmenter.probability(LARGE.grey, tta=True)
    for random in (False, True):
        found = respond(segmenter, LARGE, kind="tta", window=[22, 12], random=random)
        np.testing.assert_array_equal(found.probability, wanted)
    plain = cache.find_probability(LARGE, segmenter, WEIGHTS)
    assert cache.cached_probability(LARGE, WEIGHTS, tta=True) is found.probability is not plain
    np.testing.assert_array_equal(plain, segmenter.probability(LARGE.grey))


@pytest.mark.parametrize("random", [False, True])
def test_uncertainty_is_of_the_opened_window_and_0_in_a_margin(segmenter, random):
    grey = np.where(np.arange(140) < 30, 0, LARGE.grey).astype(np.float32)
    image = SeismicImage("margin.png", grey)
    found = respond(segmenter, image, kind="uncertainty", window=[22, 12], random=random)
    outside = image.margin[22:, 12:]
    network = explorer.random_twin(segmenter) if random else segmenter
    wanted = explain.uncertainty(network, grey[22:, 12:])
    assert (found.height, found.width) == wanted.shape == (128, 128)
    np.testing.assert_array_equal(found.spread, np.where(outside, 0, wanted))
    assert (found.spread[~outside] > 0).all()


def test_other_weights_are_asked_for_by_their_name(segmenter, two_weights):
    (first, second), found = find_weights(), respond(segmenter, kind="other", weights="second")
    network = Segmenter.load(two_weights / "second.safetensors")
    assert (found.name, found.label, found.threshold) == ("second", second.label, network.threshold)
    np.testing.assert_array_equal(found.probability, network.probability(STOCK.grey))
    assert cache.cached_probability(STOCK, second.key) is found.probability

    options = {"threshold": 0.4, "revision": 3, "link": {}}
    message = messages.make_message(STOCK, found.probability, network, second.key, **options)
    assert msgspec.to_builtins(message.network.others) == [
        {"name": "first", "label": first.label, "code": "Segmenter.load('weights/first.safetensors')"}
    ]

    first.path.write_bytes(b"other tensors")
    assert "first: expected the tensors its card" in respond(segmenter, kind="other", weights="first").error
    path = str(two_weights / "second")
    assert respond(segmenter, kind="other", weights=path).error.startswith("expected one of first, second, got /")


def test_another_size_gets_a_sample_stretched_to_it():
    assert explorer.find_fill("Salt stock", (40, 60)).shape == (40, 60)
    np.testing.assert_array_equal(explorer.find_fill("Salt stock", (101, 101)), STOCK.grey)


def test_random_weights_are_one_other_network(segmenter):
    trained, random = (respond(segmenter, kind="pixel", box=[50, 50, 1, 1], random=flag) for flag in (False, True))
    assert trained.logit != random.logit
    assert explorer.random_twin(segmenter) is explorer.random_twin(segmenter)


def test_two_requests_at_a_time_go_through_the_network(segmenter, monkeypatch):
    under_way, most = [], []

    def slowly(*_):
        under_way.append(1)
        most.append(len(under_way))
        time.sleep(0.02)
        under_way.pop()
        return np.zeros(1, np.float32)

    monkeypatch.setattr(explain, "channel_effects", slowly)
    with ThreadPoolExecutor(8) as users:
        list(users.map(lambda _: respond(segmenter, kind="effects", site="encoder1", first=0, count=1), range(16)))
    assert max(most) == 2


@pytest.mark.parametrize(
    ("request_", "sentence"),
    [
        (None, "expected it to be an object, got None"),
        ([], "expected it to be an object"),
        ({"kind": "weather"}, "expected kind to be a known word, got 'weather'"),
        ({"kind": "maps", "key": "other"}, "another image"),
        ({"kind": "maps", "window": [1, 0]}, "inside 101 x 101"),
        ({"kind": "maps", "window": [-1, 0]}, "expected window.0 to be a whole number from 0, got -1"),
        ({"kind": "maps", "window": [0.5, 0]}, "expected window.0 to be a whole number"),
        ({"kind": "maps", "cuts": ["encoder1"]}, "expected one of skip1, skip2, skip3, skip4, bottleneck, got enc"),
        ({"kind": "maps", "sample": "data.png"}, "expected one of Salt stock, Salt sheet"),
        ({"kind": "maps", "sample": 7}, "expected sample to be text or nothing, got 7"),
        ({"kind": "cuts", "fill": "Salt"}, "expected one of zero, mean, Salt stock"),
        ({"kind": "cuts", "fill": "\ud800"}, r"got \ud800"),  # which UTF-8 cannot hold
        ({"kind": "effects", "site": "logits", "first": 0, "count": 1}, "expected one of encoder1"),
        ({"kind": "effects", "site": "encoder1", "first": 9, "count": 8}, "of encoder1 from 0 to 15, got 9 to 16"),
        ({"kind": "effects", "site": "encoder1", "first": 0, "count": 17}, "count to be a whole number up to 16"),
        ({"kind": "smooth", "box": [100, 0, 2, 1], "samples": 1}, "inside the opened window"),
        ({"kind": "faithfulness", "box": [100, 0, 2, 1]}, "inside the opened window"),
        ({"kind": "tta", "window": [1, 0]}, "inside 101 x 101"),
        ({"kind": "uncertainty", "window": [0, 1]}, "inside 101 x 101"),
        ({"kind": "other"}, "expected weights"),
        ({"kind": "other", "weights": 1}, "expected weights to be text, got 1"),
        ({"kind": "other", "weights": "w" * 1001}, "expected weights to be text"),
        ({"kind": "other", "weights": "../salt-unet"}, "expected one of salt-unet, "),
        ({"kind": "pixel", "box": [0, 0, 1]}, "expected box to be a list of length 4"),
        ({"kind": "pixel", "box": [0, 0, 0, 1]}, "inside the opened window"),
        ({"kind": "pixel", "box": [100, 0, 2, 1]}, "inside the opened window"),
        ({"kind": "pixel", "box": [0, 0, 1, 1], "samples": 17}, "expected samples to be a whole number up to 16"),
        ({"kind": "pixel", "box": [0, 0, 1, 1], "samples": True}, "expected samples to be a whole number"),
    ],
)
def test_a_request_that_makes_no_sense_gets_a_sentence(segmenter, request_, sentence):
    if isinstance(request_, dict):
        request_ = {"id": 7, "key": "k", "window": [0, 0], **request_}
    found = msgspec.to_builtins(explorer.respond(request_, STOCK, segmenter, "k", WEIGHTS))
    assert found == {"id": 7 if request_ else None, "error": found["error"]}
    assert sentence in found["error"]


# --- The process and the files ------------------------------------------------------------------------------


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc holds what was freed")
def test_freed_memory_is_handed_back():
    def own():
        return int(Path("/proc/self/status").read_text().split("RssAnon:")[1].split()[0]) / 1024

    held = [bytes(20_000) for _ in range(10_000)]
    del held[:-1]  # the last one stays, so that the heap cannot end before it
    before = own()
    give_memory_back()
    assert own() > before - 10  # not while somebody may be waiting
    end = time.monotonic() + 20
    while own() > before - 100:
        assert time.monotonic() < end
        time.sleep(0.1)


def test_the_files_of_the_viewer_become_one_module():
    """A name may stand only once at the top of all files."""
    sources = "\n".join(path.read_text(encoding="utf-8") for path in bundle.SCRIPTS)  # the script has no indents
    names = re.findall(r"^(?:export )?(?:async )?(?:function|const|let|class) (\w+)", sources, re.MULTILINE)
    assert len(names) == len(set(names))
    assert not re.search(r"^import ", bundle.script(), re.MULTILINE)
