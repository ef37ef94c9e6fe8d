import json
import subprocess
import sys
import threading

import numpy as np
import pytest
import torch

from unet import Segmenter
from unet.card import Card
from unet.checkpoint import CheckpointError
from unet.image import RULE, Padding
from unet.model import UNet, UNetConfig
from unet.segmenter import STEP, TILE, _windows

CARD = Card(threshold=0.4, input=RULE)


@pytest.fixture(scope="module")
def segmenter(small_model):
    return Segmenter(small_model, CARD)


def test_a_probability_is_the_sigmoid_of_the_networks_logits(segmenter, small_model, image):
    padding = Padding.to_multiple(101, 101, 8)
    x = (np.pad(image / 255, ((padding.top, 104 - 101 - padding.top),) * 2, mode="reflect") - 0.47) / 0.16
    with torch.no_grad():
        logits = small_model(torch.from_numpy(x)[None, None].float())[0, 0]
    expected = torch.sigmoid(logits)[padding.top :, padding.left :][:101, :101]
    np.testing.assert_allclose(segmenter.probability(image), expected, atol=1e-5)


def test_the_mask_is_what_lies_above_the_threshold(segmenter, image):
    probability = segmenter.probability(image)
    np.testing.assert_array_equal(segmenter.mask(image), probability > np.float32(0.4))
    middle = float(np.median(probability))
    np.testing.assert_array_equal(segmenter.mask(image, threshold=middle), probability > middle)
    with pytest.raises(ValueError, match=r"threshold in \[0, 1\], got 1.5"):
        segmenter.mask(image, threshold=1.5)


@pytest.mark.parametrize("shape", [(16, 16), (17, 101), (128, 128), (129, 50), (300, 257)])
def test_any_size_gives_a_probability_of_that_size(segmenter, shape):
    image = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    probability = segmenter.probability(image)
    assert probability.shape == shape
    assert probability.dtype == np.float32
    assert 0 <= probability.min() < probability.max() <= 1


def test_a_image_does_not_depend_on_its_company_or_the_batch(segmenter):
    generator = np.random.default_rng(1)
    images = [generator.integers(0, 256, (h, 60), dtype=np.uint8) for h in (50, 60, 50, 140, 60, 50)]
    alone = [segmenter.probability(p) for p in images]
    for size in (1, 2, 32):
        together = segmenter.probabilities(images, batch_size=size)
        for one, other in zip(alone, together, strict=True):
            np.testing.assert_allclose(one, other, atol=1e-5)
    assert segmenter.probabilities([]) == []


def test_tiles_cover_every_pixel_and_the_inside_twice():
    for height, width in [(129, 129), (300, 500), (128, 400), (40, 1000)]:
        seen = np.zeros((height, width), int)
        for rows, columns in _windows(height, width):
            assert rows.stop - rows.start == min(TILE, height)
            seen[rows, columns] += 1
        assert seen.min() >= 1
        if width > 2 * TILE:
            assert seen[:, STEP:-STEP].min() >= 2


def test_blending_constant_tiles_gives_the_constant(small_model):
    """A network that answers 0.7 everywhere: whatever the weights, their mean is 0.7."""

    class Constant(UNet):
        def forward(self, x, tap=None):
            return torch.full_like(x, float(torch.logit(torch.tensor(0.7))))

    segmenter = Segmenter(Constant(small_model.config).eval(), CARD)
    image = np.random.default_rng(0).integers(0, 256, (310, 290), dtype=np.uint8)
    np.testing.assert_allclose(segmenter.probability(image), 0.7, atol=1e-6)


def test_blending_has_no_seams(segmenter):
    """Far from its edges a wide image gets what one pass over all of it gives, within the tiles' border effects."""
    columns = np.arange(512)
    image = np.broadcast_to(((np.sin(columns / 5) + 1) * 127).astype(np.uint8), (64, 512))
    blended = segmenter.probability(image)
    jumps = np.abs(np.diff(blended, axis=1))
    at_seams = jumps[:, STEP - 1 : 512 - STEP : STEP].max()
    assert at_seams <= np.quantile(jumps, 0.999) + 1e-3


@pytest.mark.parametrize("value", [0, 128, 255])
@pytest.mark.parametrize("side", [101, 200])
def test_a_constant_image_has_no_salt(segmenter, value, side):
    image = np.full((side, side), value, np.uint8)
    assert not segmenter.probability(image).any()
    assert not segmenter.trace(image).probability.any()


def test_flip_tta_is_the_mean_with_the_mirrored_image(segmenter, image):
    expected = (segmenter.probability(image) + segmenter.probability(image[:, ::-1])[:, ::-1]) / 2
    # 101 pads to 5 and 6 pixels, so the mirror of the padded image is not the padded mirror: near, not equal.
    result = segmenter.probability(image, tta=True)
    np.testing.assert_allclose(result[10:-10, 10:-10], expected[10:-10, 10:-10], atol=0.1)
    even = image[:96, :96]  # no padding, and the two are one
    expected = (segmenter.probability(even) + segmenter.probability(even[:, ::-1])[:, ::-1]) / 2
    np.testing.assert_allclose(segmenter.probability(even, tta=True), expected, atol=1e-6)


def test_the_fast_path_gives_the_same(small_model, segmenter, image):
    fast = Segmenter(small_model, CARD, fast=True)
    np.testing.assert_allclose(fast.probability(image), segmenter.probability(image), atol=0.03)
    assert any(isinstance(m, torch.nn.BatchNorm2d) for m in small_model.modules())  # the original is untouched


def test_a_trace_holds_every_site_and_the_same_probability(segmenter, small_model, image):
    trace = segmenter.trace(image)
    for site in small_model.sites():
        assert trace.sites[site.name].shape == (site.channels, 104 // site.stride, 104 // site.stride)
        assert trace.sites[site.name].dtype == np.float32
    assert list(trace.sites) == [site.name for site in small_model.sites()]
    np.testing.assert_allclose(trace.probability, segmenter.probability(image), atol=1e-6)
    sigmoid = 1 / (1 + np.exp(-trace.crop("logits")[0]))
    np.testing.assert_allclose(sigmoid, trace.probability, atol=1e-6)
    np.testing.assert_array_equal(trace.sites["skip2"], trace.sites["encoder2"])


@pytest.mark.parametrize("fast", [False, True])
@pytest.mark.parametrize("temperature", [0.5, 2.5])
def test_a_temperature_divides_the_logits(small_model, image, temperature, fast):
    plain = Segmenter(small_model, CARD, fast)
    warm = Segmenter(small_model, {**CARD, "temperature": temperature}, fast)
    assert (plain.temperature, warm.temperature) == (1, temperature)

    def corrected(probability):
        logit = np.log(probability / (1 - probability.astype(np.float64)))
        return 1 / (1 + np.exp(-logit / temperature))

    expected = corrected(plain.probability(image))
    np.testing.assert_allclose(warm.probability(image), expected, atol=1e-5)
    assert np.abs(warm.probability(image) - plain.probability(image)).max() > 0.02
    np.testing.assert_array_equal(plain.at_temperature(temperature).probability(image), warm.probability(image))
    # Each of the two passes of flip TTA is corrected, not their mean.
    even = image[:96, :96]
    both = [corrected(plain.probability(even)), corrected(plain.probability(even[:, ::-1]))[:, ::-1]]
    np.testing.assert_allclose(warm.probability(even, tta=True), sum(both) / 2, atol=1e-5)


def test_a_trace_shows_the_logits_as_they_were_computed(segmenter, image):
    trace = segmenter.at_temperature(2.5).trace(image)
    np.testing.assert_array_equal(trace.sites["logits"], segmenter.trace(image).sites["logits"])
    np.testing.assert_allclose(1 / (1 + np.exp(-trace.crop("logits")[0] / 2.5)), trace.probability, atol=1e-6)


def test_temperature_1_changes_no_bit(small_model, segmenter, image):
    same = Segmenter(small_model, {**CARD, "temperature": 1})
    trace = same.trace(image)
    expected = torch.sigmoid(torch.from_numpy(trace.sites["logits"][0])).numpy()
    np.testing.assert_array_equal(trace.probability, trace.padding.crop(expected))
    for tta in (False, True):
        np.testing.assert_array_equal(same.probability(image, tta), segmenter.probability(image, tta))


@pytest.mark.parametrize("temperature", [0, 0.05, 20.01, -1, "2", None, True, [1], float("nan"), float("inf")])
def test_a_card_with_no_such_temperature_is_refused(small_weights, temperature):
    card = small_weights.with_suffix(".json")
    card.write_text(json.dumps({**json.loads(card.read_text()), "temperature": temperature}))
    with pytest.raises(CheckpointError, match=r"expected a temperature above 0.05 and up to 20, got .*; a card"):
        Segmenter.load(small_weights)


@pytest.mark.parametrize("temperature", [0.06, 1, 20])
def test_the_temperature_is_the_cards(small_weights, temperature):
    card = small_weights.with_suffix(".json")
    card.write_text(json.dumps({**json.loads(card.read_text()), "temperature": temperature}))
    assert Segmenter.load(small_weights).temperature == temperature


def test_an_edit_changes_what_follows_and_nothing_before(segmenter, image):
    whole, cut = segmenter.trace(image), segmenter.trace(image, edit={"skip2": 0.0})
    assert not cut.sites["skip2"].any()
    for name in ("encoder1", "encoder2", "encoder3", "bottleneck", "skip3", "decoder3", "up2"):
        np.testing.assert_array_equal(cut.sites[name], whole.sites[name])
    for name in ("decoder2", "decoder1", "logits"):
        assert not np.array_equal(cut.sites[name], whole.sites[name])
    same = segmenter.trace(image, edit={"skip2": 1.0})
    np.testing.assert_array_equal(same.probability, whole.probability)
    np.testing.assert_allclose(segmenter.trace(image, edit={"logits": 0.0}).probability, 0.5)  # no opinion is one half


def test_a_tensor_takes_a_sites_place(segmenter, image):
    other = segmenter.trace(image[::-1])
    tensor = torch.from_numpy(other.sites["skip2"])[None]
    patched = segmenter.trace(image, edit={"skip2": tensor, "skip1": 0.5})
    whole = segmenter.trace(image)
    np.testing.assert_array_equal(patched.sites["skip2"], other.sites["skip2"])
    np.testing.assert_array_equal(patched.sites["skip1"], whole.sites["skip1"] * np.float32(0.5))
    np.testing.assert_array_equal(patched.sites["up2"], whole.sites["up2"])
    assert not np.array_equal(patched.probability, whole.probability)
    zero = segmenter.trace(image, edit={"skip2": torch.zeros_like(tensor)})
    np.testing.assert_array_equal(zero.probability, segmenter.trace(image, edit={"skip2": 0.0}).probability)
    own = segmenter.trace(image, edit={"skip2": torch.from_numpy(whole.sites["skip2"])[None].double()})
    np.testing.assert_allclose(own.probability, whole.probability, atol=1e-6)
    bottleneck = torch.from_numpy(other.sites["bottleneck"])[None]
    everything = {f"skip{k}": torch.from_numpy(other.sites[f"skip{k}"])[None] for k in (1, 2, 3)}
    swapped = segmenter.trace(image, edit={**everything, "bottleneck": bottleneck})
    np.testing.assert_allclose(swapped.probability, other.probability, atol=1e-6)


def test_the_network_reads_the_padded_image(segmenter, small_model, image):
    x, padding = segmenter.network_input(image)
    assert x.shape == (1, 1, 104, 104)
    np.testing.assert_allclose(padding.crop(x[0, 0].numpy()), (image / 255 - 0.47) / 0.16, atol=1e-5)
    warm = segmenter.at_temperature(2.5)
    with torch.no_grad():
        probability = warm.sigmoid(small_model(x))[0, 0].numpy()
    np.testing.assert_allclose(padding.crop(probability), warm.probability(image), atol=1e-6)


@pytest.mark.parametrize(
    ("edit", "sentence"),
    [
        ({"skip1": torch.zeros(1, 4, 101, 101)}, r"shape \(1, 4, 104, 104\) for skip1, got \(1, 4, 101, 101\)"),
        ({"skip2": torch.zeros(8, 52, 52)}, r"shape \(1, 8, 52, 52\) for skip2, got \(8, 52, 52\)"),
        ({"skip1": torch.full((1, 4, 104, 104), torch.nan)}, "finite values for skip1, got NaN or infinity"),
        ({"skip9": torch.zeros(1)}, "unknown site 'skip9'"),
        ({"skip9": 0.0}, "unknown site 'skip9'; this network has encoder1"),
        ({"skip1": np.nan}, "finite factor for skip1"),
    ],
)
def test_an_edit_that_cannot_be_is_refused(segmenter, image, edit, sentence):
    with pytest.raises(ValueError, match=sentence):
        segmenter.trace(image, edit=edit)


def test_a_trace_of_a_large_image_asks_for_a_window(segmenter):
    image = np.random.default_rng(0).integers(0, 256, (257, 100), dtype=np.uint8)
    with pytest.raises(ValueError, match="at most 256 pixels a side, got 257 x 100; pass a window"):
        segmenter.trace(image)
    assert segmenter.trace(image[:256]).probability.shape == (256, 100)


def test_a_model_in_training_or_another_input_rule_is_refused():
    model = UNet(UNetConfig(width=1, depth=1))
    with pytest.raises(ValueError, match="eval mode"):
        Segmenter(model, CARD)
    with pytest.raises(ValueError, match="input rule"):
        Segmenter(model.eval(), {"threshold": 0.5, "input": {**RULE, "mean": 0.5}})


def test_eight_threads_share_one_segmenter(segmenter):
    images = [np.random.default_rng(i).integers(0, 256, (64, 64), dtype=np.uint8) for i in range(8)]
    edits = [{}, {"skip1": 0.0}, {"skip2": 0.0}, {"bottleneck": 0.0}] * 2
    expected = [segmenter.trace(p, e).probability for p, e in zip(images, edits, strict=True)]
    results = [None] * 8

    def work(index):
        for _ in range(5):
            results[index] = segmenter.trace(images[index], edits[index]).probability

    threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for one, other in zip(expected, results, strict=True):
        np.testing.assert_array_equal(one, other)


def test_importing_the_package_loads_no_front_end():
    front_ends = "('streamlit', 'gradio', 'plotly', 'cv2', 'lightning_fabric')"
    code = f"import sys, unet; print([name for name in {front_ends} if name in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
