"""What passes between the browser and the network, by value."""

import json
import platform
import re
import struct
import time
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from demo import bundle, core, explorer, give_memory_back
from unet import Segmenter, explain

SCRIPT = bundle.HERE


def unpacked(content):
    """What pack.js makes of a message."""
    content = zlib.decompress(content)
    (length,) = struct.unpack("<I", content[:4])
    arrays = content[4 + length :]

    def place(value):
        if "array" not in value:
            return value
        return np.frombuffer(arrays, "<" + value["array"], value["length"], value["offset"])

    return json.loads(content[4 : 4 + length], object_hook=place)


@pytest.fixture(scope="module")
def segmenter():
    return Segmenter.load()


@pytest.fixture(scope="module")
def opened():
    return core.sample("Salt stock")


@pytest.fixture(scope="module")
def large():
    """Larger than what is opened at once."""
    rng = np.random.default_rng(0)
    return core.SeismicImage("large.png", "large", rng.random((150, 140), np.float32))


def asked(opened, segmenter, **request):
    return explorer.answer({"id": 7, "key": "k", "window": [0, 0], **request}, opened, segmenter, "k")


def test_a_message_keeps_every_value():
    sent = {
        "text": "<b>ä</b>",
        "nothing": None,
        "deep": [{"bytes": np.arange(5, dtype=np.uint8)}],
        "mask": np.array([[True, False]]),
        "numbers": np.array([[0.1, -2.5]], np.float64),
    }

    found = unpacked(explorer.pack(sent))

    assert found["text"] == "<b>ä</b>"
    assert found["nothing"] is None
    assert found["deep"][0]["bytes"].tolist() == [0, 1, 2, 3, 4]
    assert found["mask"].tolist() == [1, 0]
    np.testing.assert_array_equal(found["numbers"], np.array([0.1, -2.5], np.float32))


def test_a_message_refuses_what_it_cannot_hold():
    with pytest.raises(TypeError, match="got set"):
        explorer.pack({"a": set()})


def test_the_image_travels_exactly_and_only_when_wanted(opened, segmenter):
    probability = segmenter.probability(opened.grey)
    options = {"threshold": 0.4, "revision": 3, "link": {"sample": "Salt stock", "weights": "w"}}

    found = unpacked(explorer.pack(explorer.message(opened, probability, segmenter, **options)))
    without = explorer.message(opened, probability, segmenter, **options, with_image=False)

    np.testing.assert_array_equal(found["image"]["probability"], probability.ravel())
    np.testing.assert_array_equal(found["image"]["truth"], opened.truth.ravel())
    np.testing.assert_array_equal(found["image"]["grey"], opened.pixels.ravel())
    assert [site["name"] for site in found["network"]["sites"]] == [site.name for site in segmenter.model.sites()]
    assert without["image"] is None
    assert without["key"] == found["key"]


def test_a_key_names_image_truth_and_network(opened, segmenter, small_model):
    probability = segmenter.probability(opened.grey)
    other = Segmenter(small_model, {**segmenter.card, "sha256": "other"})
    bare = core.SeismicImage(opened.name, opened.stem, opened.grey)

    keys = {
        explorer.key(*of)
        for of in [
            (opened, probability, segmenter),
            (opened, probability, other),
            (bare, probability, segmenter),
            (opened, probability * 0, segmenter),
        ]
    }

    assert len(keys) == 4


def test_maps_are_the_traces_to_a_256th_of_their_range(opened, segmenter):
    found = asked(opened, segmenter, kind="maps")["sites"]
    trace = segmenter.trace(opened.grey)

    assert set(found) == {name for name in trace.sites if not name.startswith("skip")}
    for name, site in found.items():
        maps = trace.crop(name)
        assert (site["channels"], site["height"], site["width"]) == maps.shape
        low, high = site["low"][:, None, None], site["high"][:, None, None]
        np.testing.assert_allclose(low + site["values"] / 255 * (high - low), maps, atol=np.max(high - low) / 500)


def test_maps_of_a_cut_network_are_those_it_goes_on_with(opened, segmenter):
    found = asked(opened, segmenter, kind="maps", cuts=["skip1"], fill="zero")["sites"]
    trace = segmenter.trace(opened.grey, {"skip1": 0.0})

    assert not found["skip1"]["high"].any()
    np.testing.assert_allclose(found["decoder1"]["high"], trace.crop("decoder1").max((1, 2)), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("fill", ["zero", "mean", "Small lens"])
def test_cuts_are_the_table_to_twelve_bits(opened, segmenter, fill):
    found = asked(opened, segmenter, kind="cuts", fill=fill)
    wanted = explain.cut_table(segmenter, opened.grey, fill if fill in ("zero", "mean") else core.sample(fill).grey)

    values = ((found["high"] * 256.0 + found["low"]) / 4095).ravel()
    np.testing.assert_allclose(values, wanted.ravel(), atol=1 / 4095 + 1e-6)
    for percent in range(101):  # whatever the slider says, the browser counts what Python counts
        threshold = np.float32(percent / 100)
        np.testing.assert_array_equal(values.astype(np.float32) > threshold, wanted.ravel() > threshold)


def test_a_window_of_a_large_image_is_answered_in_its_own_place(large, segmenter):
    part = explorer.window(large.grey, 22, 12)
    found = asked(large, segmenter, kind="pixel", window=[22, 12], box=[80, 70, 1, 1], samples=0)
    alone = explain.explain_pixel(segmenter, part, (58, 58, 1, 1))

    assert part.shape == (128, 128)
    np.testing.assert_array_equal(found["gradient"], alone.gradient)
    top, left, height, width = found["boxes"]["90"]
    assert top <= 80 < top + height
    assert left <= 70 < left + width
    assert asked(large, segmenter, kind="cuts", window=[22, 12])["height"] == 128


def test_another_size_gets_a_sample_stretched_to_it():
    assert explorer.donor("Salt stock", (40, 60)).shape == (40, 60)
    np.testing.assert_array_equal(explorer.donor("Salt stock", (101, 101)), core.sample("Salt stock").grey)


def test_random_weights_answer_for_themselves(opened, segmenter):
    trained = asked(opened, segmenter, kind="pixel", box=[50, 50, 1, 1], samples=0)
    random = asked(opened, segmenter, kind="pixel", box=[50, 50, 1, 1], samples=0, random=True)

    assert trained["logit"] != random["logit"]
    assert explorer.random_twin(segmenter) is explorer.random_twin(segmenter)


def test_eight_visitors_at_once_get_what_one_alone_would_get(segmenter):
    """Bit for bit, whatever the others ask meanwhile."""
    questions = [
        {"kind": "maps", "cuts": ["skip2"], "fill": "mean"},
        {"kind": "cuts", "fill": "Small lens"},
        {"kind": "pixel", "box": [40, 52, 3, 2], "samples": 4},
        {"kind": "pixel", "box": [10, 10, 1, 1], "samples": 0, "random": True},
    ]
    samples = [core.sample(name) for name in core.SAMPLES]

    def visit(opened):
        return [explorer.pack(asked(opened, segmenter, **question)) for question in questions]

    alone = [visit(opened) for opened in samples]
    with ThreadPoolExecutor(8) as visitors:
        together = list(visitors.map(visit, samples))

    assert together == alone


def test_two_questions_at_a_time_go_through_the_network(opened, segmenter, monkeypatch):
    under_way, most = [], []

    def slowly(*_):
        under_way.append(1)
        most.append(len(under_way))
        time.sleep(0.02)
        under_way.pop()
        return {}

    monkeypatch.setattr(explorer, "_answered", slowly)
    with ThreadPoolExecutor(8) as visitors:
        list(visitors.map(lambda number: explorer.answer({"id": number}, opened, segmenter, ""), range(16)))
    assert max(most) == 2


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc keeps what was freed")
def test_freed_memory_is_handed_back():
    def own():
        return int(Path("/proc/self/status").read_text().split("RssAnon:")[1].split()[0]) / 1024

    kept = [bytes(20_000) for _ in range(10_000)]
    del kept[:-1]  # the last one stays, so that the heap cannot end before it
    before = own()
    give_memory_back()
    assert own() < before - 100


@pytest.mark.parametrize(
    ("request_", "sentence"),
    [
        (None, "expected a question"),
        ([], "expected a question"),
        ({"kind": "weather"}, "about maps, cuts, effects, pixel, got 'weather'"),
        ({"kind": {"a": 1}}, "expected a question about"),
        ({"kind": "maps", "key": "other"}, "another image"),
        ({"kind": "maps", "window": [1, 0]}, "inside 101 x 101"),
        ({"kind": "maps", "window": [-1, 0]}, "whole numbers from 0 as window"),
        ({"kind": "maps", "window": [0.0, 0]}, "whole numbers from 0 as window"),
        ({"kind": "maps", "window": "00"}, "whole numbers from 0 as window"),
        ({"kind": "maps", "cuts": ["encoder1"]}, "cuts among skip1"),
        ({"kind": "maps", "cuts": [["skip1"]]}, "cuts among skip1"),
        ({"kind": "maps", "cuts": {"skip1": 1}}, "cuts among skip1"),
        ({"kind": "cuts", "fill": "Salt"}, "zero, mean or a sample"),
        ({"kind": "cuts", "fill": ["zero"]}, "zero, mean or a sample"),
        ({"kind": "effects", "site": "logits"}, "expected one of encoder1"),
        ({"kind": "effects", "site": None}, "expected one of encoder1"),
        ({"kind": "pixel", "box": [0, 0, 1]}, "4 whole numbers from 0 as box"),
        ({"kind": "pixel", "box": [0, 0, 0, 1]}, "inside the opened window"),
        ({"kind": "pixel", "box": [100, 0, 2, 1]}, "inside the opened window"),
        ({"kind": "pixel", "box": [0, 0, 1, 1], "samples": 17}, "at most 16 samples"),
        ({"kind": "pixel", "box": [0, 0, 1, 1], "samples": True}, "whole numbers from 0 as samples"),
    ],
)
def test_a_question_that_makes_no_sense_gets_a_sentence(opened, segmenter, request_, sentence):
    if isinstance(request_, dict):
        request_ = {"id": 7, "key": "k", "window": [0, 0], **request_}

    found = explorer.answer(request_, opened, segmenter, "k")

    assert set(found) == {"id", "error"}
    assert sentence in found["error"]


def test_the_files_of_the_viewer_share_one_scope():
    """They are joined into one module: a name may stand only once at the top."""
    names = re.findall(r"^(?:async )?(?:function|const|let|class) (\w+)", bundle.script(), re.MULTILINE)

    assert len(names) == len(set(names))
    assert not re.search(r"^import ", bundle.script(), re.MULTILINE)
    assert sorted(f"{name}.js" for name in bundle.SCRIPTS) == sorted(path.name for path in SCRIPT.glob("*.js"))
    assert sorted(f"{name}.css" for name in bundle.STYLES) == sorted(path.name for path in SCRIPT.glob("*.css"))


def test_every_file_of_the_viewer_imports_what_it_uses():
    exported = {}
    for name in bundle.SCRIPTS:
        source = (SCRIPT / f"{name}.js").read_text()
        exported[name] = set(re.findall(r"^export (?:async )?(?:function|const) (\w+)", source, re.MULTILINE))
    for number, name in enumerate(bundle.SCRIPTS):
        source = (SCRIPT / f"{name}.js").read_text()
        for names, origin in re.findall(r'^import \{ (.*) \} from "\./(\w+)\.js";$', source, re.MULTILINE):
            assert set(names.split(", ")) <= exported[origin], name
            assert origin in bundle.SCRIPTS[:number], name
        assert len(re.findall(r"^import ", source, re.MULTILINE)) == len(
            re.findall(r'^import \{ .* \} from "\./\w+\.js";$', source, re.MULTILINE)
        )
