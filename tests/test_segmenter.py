import subprocess
import sys

import numpy as np
import pytest
import torch

from unet import Segmenter
from unet.card import Card
from unet.image import RULE, Padding
from unet.model import UNet, UNetConfig
from unet.runtime import folded
from unet.tiling import STEP, window

CARD = Card(threshold=0.4, input=RULE)


@pytest.fixture(scope="module")
def segmenter(small_model):
    return Segmenter(small_model, CARD)


def noise(height, width, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width), dtype=np.uint8)


def test_a_probability_is_the_sigmoid_of_the_networks_logits(segmenter, small_model, image):
    padding = Padding.to_multiple(101, 101, 8)
    x = (np.pad(image / 255, ((padding.top, 104 - 101 - padding.top),) * 2, mode="reflect") - 0.47) / 0.16
    read, found = segmenter.network_input(image)
    assert found == padding
    np.testing.assert_allclose(read[0, 0], x, atol=1e-5)
    with torch.no_grad():
        logits = small_model(torch.from_numpy(x)[None, None].float())[0, 0]
    for temperature in (1, 2.5):
        expected = torch.sigmoid(logits / temperature)[padding.top :, padding.left :][:101, :101]
        probability = segmenter.at_temperature(temperature).probability(image)
        np.testing.assert_allclose(probability, expected, atol=1e-5)
        assert probability.dtype == np.float32


def test_the_mask_is_what_lies_above_the_threshold(segmenter, image):
    probability = segmenter.probability(image)
    middle = float(np.median(probability))
    np.testing.assert_array_equal(segmenter.mask(image), probability > np.float32(0.4))
    np.testing.assert_array_equal(segmenter.mask(image, threshold=middle), probability > middle)
    with pytest.raises(ValueError, match=r"threshold in \[0, 1\], got 1.5"):
        segmenter.mask(image, threshold=1.5)
    card = Card(threshold=middle, input=RULE, temperature=0.06)
    assert (Segmenter(segmenter.model, card).temperature, Segmenter(segmenter.model, card).threshold) == (0.06, middle)


def test_an_image_depends_neither_on_the_others_nor_on_the_batch(segmenter):
    shapes = [(50, 60), (16, 16), (50, 60), (140, 60), (17, 101), (128, 128), (129, 50), (300, 257), (50, 60)]
    images = [noise(*shape, seed) for seed, shape in enumerate(shapes)]
    alone = [segmenter.probability(p) for p in images]
    for size in (1, 2, 32):
        for one, other, image in zip(alone, segmenter.probabilities(images, batch_size=size), images, strict=True):
            np.testing.assert_allclose(one, other, atol=1e-5)
            assert other.shape == image.shape
            assert 0 <= other.min() < other.max() <= 1
    assert segmenter.probabilities([]) == []


def test_blending_has_no_seams(segmenter):
    image = np.broadcast_to(((np.sin(np.arange(512) / 5) + 1) * 127).astype(np.uint8), (64, 512))
    jumps = np.abs(np.diff(segmenter.probability(image), axis=1))
    assert jumps[:, STEP - 1 : 512 - STEP : STEP].max() <= np.quantile(jumps, 0.999) + 1e-3


def test_a_window_lies_inside_the_image():
    image = noise(150, 90)
    np.testing.assert_array_equal(window(image, 22, 0), image[22:])
    for top, left in [(23, 0), (-1, 0), (0, 1)]:
        with pytest.raises(ValueError, match=f"inside 150 x 90 pixels, top 0 to 22 and left 0 to 0, got top {top} and"):
            window(image, top, left)


@pytest.mark.parametrize("side", [101, 200])
def test_a_constant_image_has_no_salt(segmenter, side):
    for value in (0, 128, 255):
        image = np.full((side, side), value, np.uint8)
        assert not segmenter.probability(image).any()
        assert not segmenter.trace(image).probability.any()


@pytest.mark.parametrize("temperature", [1, 2.5])
def test_flip_tta_is_the_mean_with_the_mirrored_image(segmenter, image, temperature):
    """Each of the two passes is corrected by the temperature, not their mean."""
    segmenter, even = segmenter.at_temperature(temperature), image[:96, :96]  # no padding
    expected = (segmenter.probability(even) + segmenter.probability(even[:, ::-1])[:, ::-1]) / 2
    np.testing.assert_allclose(segmenter.probability(even, tta=True), expected, atol=1e-6)


@pytest.mark.parametrize("temperature", [0.5, 1, 2.5])
def test_the_fast_path_gives_the_same(small_model, segmenter, image, temperature):
    exact, fast = (one.at_temperature(temperature) for one in (segmenter, Segmenter(small_model, CARD, fast=True)))
    assert (fast.temperature, fast.fast) == (temperature, True)
    np.testing.assert_allclose(fast.probability(image), exact.probability(image), atol=0.03)
    np.testing.assert_array_equal(fast.trace(image).probability, exact.trace(image).probability)
    x, network = fast.network_input(image)[0], folded(small_model)  # without bfloat16 nearly exact
    torch.testing.assert_close(network(x), small_model(x), rtol=1e-4, atol=1e-4)
    assert [any(isinstance(m, torch.nn.BatchNorm2d) for m in n.modules()) for n in (network, small_model)] == [0, 1]


def test_a_trace_holds_every_site_and_the_same_probability(segmenter, small_model, image):
    trace = segmenter.trace(image)
    assert list(trace.sites) == [site.name for site in small_model.sites()]
    for site in small_model.sites():
        assert trace.sites[site.name].shape == (site.channels, 104 // site.stride, 104 // site.stride)
        assert trace.sites[site.name].dtype == np.float32
    np.testing.assert_array_equal(trace.sites["skip2"], trace.sites["encoder2"])
    warm = segmenter.at_temperature(2.5).trace(image)
    np.testing.assert_array_equal(warm.sites["logits"], trace.sites["logits"])  # as they were computed
    for found, temperature in [(trace, 1), (warm, 2.5)]:
        sigmoid = 1 / (1 + np.exp(-found.crop("logits")[0] / temperature))
        for expected in (sigmoid, segmenter.at_temperature(temperature).probability(image)):
            np.testing.assert_allclose(found.probability, expected, atol=1e-6)


def test_an_edit_changes_what_follows_and_nothing_before(segmenter, image):
    whole, cut = segmenter.trace(image), segmenter.trace(image, edit={"skip2": 0.0})
    assert not cut.sites["skip2"].any()
    for name in whole.sites:
        later = name in ("skip2", "decoder2", "up1", "decoder1", "logits")
        assert np.array_equal(cut.sites[name], whole.sites[name]) != later, name
    np.testing.assert_array_equal(segmenter.trace(image, edit={"skip2": 1.0}).probability, whole.probability)
    np.testing.assert_allclose(segmenter.trace(image, edit={"logits": 0.0}).probability, 0.5)


def test_a_tensor_takes_a_sites_place(segmenter, image):
    whole, other = segmenter.trace(image), segmenter.trace(image[::-1])
    lent = {name: torch.from_numpy(maps)[None] for name, maps in other.sites.items()}
    patched = segmenter.trace(image, edit={"skip2": lent["skip2"].double(), "skip1": 0.5})
    np.testing.assert_array_equal(patched.sites["skip2"], other.sites["skip2"])
    np.testing.assert_array_equal(patched.sites["skip1"], whole.sites["skip1"] * np.float32(0.5))
    np.testing.assert_array_equal(patched.sites["up2"], whole.sites["up2"])
    assert not np.array_equal(patched.probability, whole.probability)
    everything = {name: lent[name] for name in ("skip1", "skip2", "skip3", "bottleneck")}
    swapped = segmenter.trace(image, edit=everything)
    np.testing.assert_allclose(swapped.probability, other.probability, atol=1e-6)


@pytest.mark.parametrize(
    ("edit", "sentence"),
    [
        ({"skip1": torch.zeros(1, 4, 101, 101)}, r"shape \(1, 4, 104, 104\) for skip1, got \(1, 4, 101, 101\)"),
        ({"skip2": torch.zeros(8, 52, 52)}, r"shape \(1, 8, 52, 52\) for skip2, got \(8, 52, 52\)"),
        ({"skip1": torch.full((1, 4, 104, 104), torch.nan)}, "finite values for skip1, got NaN or infinity"),
        *(({"skip9": edit}, "one of the sites encoder1, .*, logits, got 'skip9'") for edit in (torch.zeros(1), 0.0)),
        ({"skip1": np.nan}, "finite factor for skip1"),
    ],
)
def test_an_edit_that_cannot_be_is_refused(segmenter, image, edit, sentence):
    with pytest.raises(ValueError, match=sentence):
        segmenter.trace(image, edit=edit)


def test_a_model_in_training_or_another_input_rule_is_refused():
    model = UNet(UNetConfig(width=1, depth=1))
    with pytest.raises(ValueError, match="eval mode"):
        Segmenter(model, CARD)
    for rule in ({**RULE, "mean": 0.5}, {"x" * 10**6: 1}):
        with pytest.raises(ValueError, match="input rule .* got .*; use the version") as caught:
            Segmenter(model.eval(), Card(threshold=0.5, input=rule))
        assert len(str(caught.value)) < 300


def test_importing_the_package_loads_no_front_end():
    front_ends = "('streamlit', 'gradio', 'plotly', 'cv2', 'torch', 'lightning_fabric')"
    code = f"import sys, unet; print([name for name in {front_ends} if name in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
