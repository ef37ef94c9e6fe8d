import copy
import itertools
import statistics
from concurrent.futures import ThreadPoolExecutor

import captum.attr
import numpy as np
import pytest
import torch
from torch import nn

from unet import Segmenter, explain, pretrained
from unet.card import Card
from unet.image import MEAN, RULE, SPREAD, grey
from unet.margin import margin
from unet.model import UNet, UNetConfig
from unet.synthetic import sections

CARD = Card(threshold=0.4, input=RULE, temperature=1.7)
BOX = (30, 52, 7, 9)


@pytest.fixture(scope="module")
def segmenter(small_model):
    return Segmenter(small_model, CARD)


def network(*config):
    torch.manual_seed(1)
    return Segmenter(UNet(UNetConfig(*config)).eval(), CARD)


# --- Ablation -----------------------------------------------------------------------------------------------


def test_a_part_is_replaced_by_zeros_by_its_means_or_by_another_images(segmenter, image):
    sites, others = segmenter.trace(image).sites, segmenter.trace(image.T).sites
    zero, mean, lent = (explain.replacements(segmenter, image, fill) for fill in ("zero", "mean", image.T))
    assert explain.parts(segmenter) == ("skip1", "skip2", "skip3", "bottleneck")
    assert tuple(zero) == tuple(mean) == tuple(lent) == explain.parts(segmenter)
    for name in zero:
        expected = np.broadcast_to(sites[name].mean((1, 2), keepdims=True), sites[name].shape)
        np.testing.assert_array_equal(zero[name][0], np.zeros_like(expected))
        np.testing.assert_allclose(mean[name][0], expected, atol=1e-6)
        np.testing.assert_array_equal(lent[name][0], others[name])


@pytest.mark.parametrize("fill", ["zero", "mean", "image"])
@pytest.mark.parametrize("config", [(4, 3), (2, 1), (2, 4, "residual", "transposed")])
def test_every_row_of_the_table_is_the_probability_with_those_parts_cut(image, fill, config):
    segmenter, fill = network(*config), image.T if fill == "image" else fill
    table = explain.cut_table(segmenter, image, fill)
    parts = explain.parts(segmenter)
    assert (table.shape, table.dtype) == ((2 ** len(parts), 101, 101), np.float32)
    instead = explain.replacements(segmenter, image, fill)
    for index, row in enumerate(table):
        edit = {name: instead[name] for bit, name in enumerate(parts) if index >> bit & 1}
        np.testing.assert_allclose(row, segmenter.trace(image, edit).probability, atol=1e-5)
    assert len({row.tobytes() for row in table}) == len(table)


def test_every_part_of_an_image_gives_that_images_prediction(segmenter, image):
    for lent in (image, image.T):
        table = explain.cut_table(segmenter, image, lent)
        np.testing.assert_allclose(table[-1], segmenter.probability(lent), atol=1e-6)


def test_all_cuts_share_one_encoder(small_model, image):
    runs = []

    class Watched(UNet):
        def encode(self, x, *tap):
            runs.append(len(x))
            return super().encode(x, *tap)

    model = Watched(small_model.config)
    model.load_state_dict(small_model.state_dict())
    explain.cut_table(Segmenter(model.eval(), CARD), image)
    assert runs == [1]


@pytest.mark.parametrize("explanation", [explain.replacements, explain.cut_table])
def test_what_cannot_fill_is_refused(segmenter, image, explanation):
    for fill, sentence in [("noise", "'zero', 'mean' or an image to fill with, got 'noise'"), (image[1:], "got 100 x")]:
        with pytest.raises(ValueError, match=sentence):
            explanation(segmenter, image, fill)


@pytest.mark.parametrize("config", [(4, 3), (5, 2, "plain", "transposed")])
def test_an_effect_is_what_the_probability_changes_without_that_channel(image, config):
    segmenter = network(*config)
    whole = segmenter.trace(image)
    for site in segmenter.model.sites()[:-1]:
        effect = explain.channel_effects(segmenter, image, site.name)
        some = explain.channel_effects(segmenter, image, site.name, [site.channels - 1, 0])
        np.testing.assert_allclose(some, effect[[-1, 0]], atol=1e-6)
        assert (effect.shape, effect.dtype) == ((site.channels,), np.float32)
        for channel in {0, site.channels // 2, site.channels - 1}:
            maps = torch.from_numpy(whole.sites[site.name].copy())[None]
            maps[:, channel] = 0
            cut = segmenter.trace(image, {site.name: maps}).probability
            assert effect[channel] == pytest.approx(np.abs(cut - whole.probability).mean(), abs=1e-6)
        assert effect.max() > 0


def test_of_every_explanation_a_flat_image_is_0_and_a_large_one_asks_for_a_window(segmenter):
    flat, large = np.full((64, 48), 90, np.uint8), np.random.default_rng(0).random((257, 64))
    for explanation in (
        explain.cut_table,
        lambda *given: explain.channel_effects(*given, "skip1"),
        lambda *given: explain.explain_pixel(*given, (3, 4, 1, 1), samples=2).probability,
        lambda segmenter, image: segmenter.trace(image).probability,
    ):
        assert not np.any(explanation(segmenter, flat))
        with pytest.raises(ValueError, match="at most 256 pixels a side, got 257 x 64; pass a window"):
            explanation(segmenter, large)


# --- The network with random weights ------------------------------------------------------------------------


def test_the_twin_is_another_network_drawn_from_its_own_seed(segmenter, image):
    before, trained = torch.get_rng_state(), segmenter.probability(image)
    twin, again, another = (explain.random_twin(segmenter, seed).probability(image) for seed in (3, 3, 4))
    assert torch.equal(torch.get_rng_state(), before)
    np.testing.assert_array_equal(segmenter.probability(image), trained)
    np.testing.assert_array_equal(twin, again)
    assert min(np.abs(twin - other).max() for other in (another, trained)) > 1e-3


@pytest.mark.parametrize("fast", [False, True])
def test_the_twin_is_as_after_one_batch(small_model, fast):
    segmenter = Segmenter(small_model, CARD, fast)
    twin = explain.random_twin(segmenter)
    assert (twin.fast, twin.card) == (fast, CARD)
    assert not any(module.training for module in twin.model.modules())
    assert not any(parameter.requires_grad for parameter in twin.model.parameters())
    for layer in twin.model.modules():
        if isinstance(layer, nn.Conv2d):
            fan_in = layer.weight[0].numel()
            assert layer.weight.std().item() == pytest.approx((2 / fan_in) ** 0.5, rel=0.6 if fan_in < 40 else 0.15)
        if isinstance(layer, nn.Conv2d | nn.BatchNorm2d):
            assert layer.bias is None or not layer.bias.any()
    # In training mode a norm uses the batch's own statistics: on that batch both modes compute the same.
    batch = torch.cat([segmenter.network_input(image)[0] for image in sections(8)[0]])
    with torch.inference_mode():
        logits, fresh = twin.model(batch), copy.deepcopy(twin.model).train()(batch)
    # An unbiased variance is remembered and a biased one used: the smallest maps have 8 * 14 * 14 values.
    torch.testing.assert_close(logits, fresh, rtol=0.02, atol=0.02)
    assert torch.sigmoid(logits).std() > 0.05
    assert 0.1 < torch.sigmoid(logits).mean() < 0.9


# --- Attribution --------------------------------------------------------------------------------------------


class MeanLogit(nn.Module):
    """Grey values of whole images -> the mean logit in a box, without anything of `unet.explain`: for Captum."""

    def __init__(self, segmenter, box):
        super().__init__()
        self.model, self.box = copy.deepcopy(segmenter.model), box

    def forward(self, grey):
        padded = nn.functional.pad(grey, (1, 2, 1, 2), mode="reflect")  # 101 pixels to 104
        top, left, rows, columns = self.box
        logits = self.model((padded - MEAN) / SPREAD)[:, 0, 1 + top :, 1 + left :]
        return logits[:, :rows, :columns].mean((1, 2))


def as_grey(image):
    return torch.from_numpy(image / np.float32(255))[None, None]


def assert_near(found, expected):
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-5 * max(np.abs(expected).max(), 1e-6))


@pytest.mark.parametrize("box", [BOX, (0, 0, 1, 1), (100, 100, 1, 1), (0, 0, 101, 101)])
def test_gradient_logit_and_probability_are_those_of_the_box(segmenter, image, box):
    explanation = explain.explain_pixel(segmenter, image, box)
    saliency = captum.attr.Saliency(MeanLogit(segmenter, box))
    assert_near(explanation.gradient, saliency.attribute(as_grey(image).requires_grad_(), abs=False)[0, 0].numpy())
    np.testing.assert_array_equal(explanation.influence, np.abs(explanation.gradient))
    trace, inside = segmenter.trace(image), np.s_[box[0] : box[0] + box[2], box[1] : box[1] + box[3]]
    assert explanation.logit == pytest.approx(trace.crop("logits")[0][inside].mean(), abs=1e-5)
    assert explanation.probability == pytest.approx(trace.probability[inside].mean(), abs=1e-6)


def test_the_cams_are_captums(segmenter, image):
    cams = explain.explain_pixel(segmenter, image, BOX).cams
    forward = MeanLogit(segmenter, BOX)
    layers = [*forward.model.encoder, *reversed(forward.model.decoder)]
    assert list(cams) == ["encoder1", "encoder2", "encoder3", "bottleneck", "decoder3", "decoder2", "decoder1"]
    padding = segmenter.trace(image).padding
    for name, layer in zip(cams, layers, strict=True):
        grad_cam = captum.attr.LayerGradCam(forward, layer)
        expected = grad_cam.attribute(as_grey(image), relu_attributions=True)[0, 0].detach().numpy()
        assert_near(cams[name], padding.crop(expected, 104 // expected.shape[0]))
    assert sum(cam.max() > 0 for cam in cams.values()) >= 3


def test_noisy_copies_give_the_mean_of_captums_saliency_over_them(segmenter, image):
    with torch.no_grad():  # the caller's mode does not matter
        plain = explain.explain_pixel(segmenter, image, BOX)
    with torch.inference_mode():
        noisy = explain.explain_pixel(segmenter, image, BOX, samples=11, noise=0.2, seed=7)
    grey, generator = as_grey(image), torch.Generator().manual_seed(7)
    drawn = torch.cat([torch.randn(n, 101 * 101, generator=generator) for n in (8, 3)])
    copies = grey + 0.2 * (grey.max() - grey.min()) * drawn.reshape(11, 1, 101, 101)
    saliency = captum.attr.Saliency(MeanLogit(segmenter, BOX))
    signed = saliency.attribute(copies.requires_grad_(), abs=False)[:, 0].numpy()
    assert_near(noisy.gradient, signed.mean(0))
    assert_near(noisy.influence, np.abs(signed).mean(0))
    np.testing.assert_array_equal(explain.smooth_gradient(segmenter, image, BOX, 11, 0.2, seed=7), noisy.gradient)
    assert (noisy.logit, noisy.probability) == (plain.logit, plain.probability)
    assert all(np.array_equal(noisy.cams[name], cam) for name, cam in plain.cams.items())
    assert_near(explain.explain_pixel(segmenter, image, BOX, samples=3, noise=0).gradient, plain.gradient)


@pytest.mark.parametrize(
    "box", [(-1, 0, 1, 1), (0, -1, 1, 1), (0, 0, 0, 1), (0, 0, 1, 0), (101, 0, 1, 1), (95, 95, 6, 7)]
)
def test_a_box_outside_the_image_is_refused(segmenter, image, box):
    sentence = "expected a box of at least one pixel inside the image of 101 x 101, got top"
    with pytest.raises(ValueError, match=sentence):
        explain.explain_pixel(segmenter, image, box)
    with pytest.raises(ValueError, match=sentence):
        explain.influence_box(np.ones((101, 101), np.float32), box, 0.5)


def test_a_site_noise_or_a_share_that_cannot_be_is_refused(segmenter, image):
    for site in ("logits", "skip9"):
        with pytest.raises(ValueError, match=f"expected one of the sites encoder1, .*, decoder1, got '{site}'"):
            explain.channel_effects(segmenter, image, site)
    for channels in ([], [-1], [0, 99]):
        with pytest.raises(ValueError, match="expected channels of skip1 from 0 to 3, at least one, got"):
            explain.channel_effects(segmenter, image, "skip1", channels)
    for samples, noise in [(0, 0.1), (2, float("nan"))]:
        with pytest.raises(ValueError, match="expected at least one sample and noise of 0 or more"):
            explain.smooth_gradient(segmenter, image, BOX, samples, noise)
    for samples, noise in [(-1, 0.1), (2, -0.1), (2, float("nan")), (2, float("inf"))]:
        with pytest.raises(ValueError, match="expected samples and noise of 0 or more"):
            explain.explain_pixel(segmenter, image, BOX, samples, noise)
    for share in (0, -0.5, 1.01, float("nan")):
        with pytest.raises(ValueError, match="expected a share above 0 and up to 1"):
            explain.influence_box(np.ones((101, 101), np.float32), BOX, share)


def test_eight_threads_share_one_model_and_leave_nothing_on_it(segmenter, small_model):
    images = [np.random.default_rng(i).integers(0, 256, (64, 64), dtype=np.uint8) for i in range(8)]

    def compute(index):
        found = explain.explain_pixel(segmenter, images[index], (index, 2 * index, 3, 3), samples=index % 3)
        table = explain.cut_table(segmenter, images[index], ("zero", "mean", images[0])[index % 3])
        effects = explain.channel_effects(segmenter, images[index], "up2")
        trace = segmenter.trace(images[index], {"skip1": 0.0})
        return [found.gradient, found.influence, *found.cams.values(), table, effects, trace.probability]

    expected = list(map(compute, range(8))) * 2
    with ThreadPoolExecutor(8) as threads:
        for alone, together in zip(expected, threads.map(compute, [*range(8)] * 2), strict=True):
            assert all(map(np.array_equal, alone, together))
    assert all(parameter.grad is None for parameter in small_model.parameters())
    assert not any(module.training for module in small_model.modules())
    assert not any(module._forward_hooks or module._backward_hooks for module in small_model.modules())


@pytest.mark.parametrize("seed", range(8))
def test_the_box_is_the_smallest_of_all(seed):
    generator = np.random.default_rng(seed)
    height, width = generator.integers(4, 11, 2)
    influence = (generator.random((height, width)) ** 4).astype(np.float32)
    top, left = generator.integers(0, height - 1), generator.integers(0, width - 1)
    rows, columns = (int(generator.integers(1, n + 1)) for n in (height - top, width - left))
    boxes = itertools.product(
        range(top + 1), range(left + 1), range(top + rows, height + 1), range(left + columns, width + 1)
    )
    shares = {
        (a, b, c - a, d - b): influence[a:c, b:d].sum(dtype=np.float64) / influence.sum(dtype=np.float64)
        for a, b, c, d in boxes
    }
    for share in (0.3, 0.5, 0.9, 1.0):
        enough = {box: box[2] * box[3] for box, held in shares.items() if held >= share - 1e-9}
        found = explain.influence_box(influence, (int(top), int(left), rows, columns), share)
        assert enough[found] == min(enough.values())
    assert explain.influence_box(np.zeros((6, 7), np.float32), (4, 4, 2, 2), 0.9) == (4, 4, 2, 2)


# --- Uncertainty --------------------------------------------------------------------------------------------


class Stub:
    """A network that answers every image alike, whatever is in it."""

    def __init__(self, answer):
        self.answer = answer

    def probabilities(self, images):
        assert {image.shape for image in images} == {self.answer.shape}
        return [self.answer] * len(images)


def test_the_spread_by_hand(image):
    """A network that sees only where it is: its answer rises by 0.01 a column, or by 0.005 a row."""
    rows, columns = np.mgrid[:101, :101]
    across = explain.uncertainty(Stub((columns / 100).astype(np.float32)), image)
    # The middle column: six answers of 0.50, and 0.47 and 0.53, plain and mirrored.
    np.testing.assert_allclose(across[3:-3, 50], np.sqrt(4 * 0.03**2 / 10), rtol=1e-5)
    # Column 0: 0.00, 0.00, 0.00, 0.03 (the copy moved left has lost it), and mirrored 1.00, 1.00, 1.00, 0.97.
    np.testing.assert_allclose(across[3:-3, 0], np.std([0, 0, 0, 0.03, 1, 1, 1, 0.97]), rtol=1e-5)
    down = explain.uncertainty(Stub((rows / 200).astype(np.float32)), image)
    np.testing.assert_allclose(down[3:-3, 3:-3], np.sqrt(4 * 0.015**2 / 10), rtol=1e-5)
    assert (down.shape, down.dtype) == (image.shape, np.float32)


def test_a_network_that_is_always_as_sure_has_no_spread(image):
    for probability in (0.0, 0.1, 1 / 3, 1.0):
        assert not explain.uncertainty(Stub(np.full((101, 101), probability, np.float32)), image).any()


def test_the_spread_is_that_of_copies_made_pixel_by_pixel(segmenter):
    image = np.random.default_rng(0).random((40, 33), np.float32)
    height, width = image.shape
    answers = {place: [] for place in itertools.product((0, 2, 3, 20, 39), (0, 1, 16, 30, 32))}
    for (down, right), mirrored in itertools.product(((0, 0), (3, 0), (-3, 0), (0, 3), (0, -3)), (False, True)):
        # Beyond the last row comes the one before it, and before the first the one after it.
        rows = [height - 1 - abs(height - 1 - abs(row - down)) for row in range(height)]
        columns = [width - 1 - abs(width - 1 - abs(column - right)) for column in range(width)]
        moved = image[rows][:, columns]
        found = segmenter.probability(moved[:, ::-1])[:, ::-1] if mirrored else segmenter.probability(moved)
        for (row, column), of in answers.items():
            if 0 <= row + down < height and 0 <= column + right < width:
                of.append(float(found[row + down, column + right]))
    spread = explain.uncertainty(segmenter, image)
    for place, of in answers.items():
        assert spread[place] == pytest.approx(statistics.pstdev(of), rel=1e-4), place
    assert {len(of) for of in answers.values()} == {6, 8, 10}


def test_a_margin_has_no_spread_and_no_part_in_that_of_the_section(segmenter, image):
    image = np.maximum(image, 40)
    framed = np.zeros((105, 110), np.uint8)
    framed[:101, 2:103] = image
    spread = explain.uncertainty(segmenter, framed)
    assert margin(grey(framed)).sum() == framed.size - image.size
    np.testing.assert_array_equal(spread[:101, 2:103], explain.uncertainty(segmenter, image))
    spread[:101, 2:103] = 0
    assert not spread.any()
    assert not explain.uncertainty(segmenter, np.full((50, 40), 7, np.uint8)).any()


# --- The receptive field ------------------------------------------------------------------------------------


def passing(model):
    """The network with averages for weights and nothing that stops a gradient: only what reaches what is left."""
    model = model.double().eval()
    for module in model.modules():
        if isinstance(inner := getattr(module, "_depthwise_conv", None), pretrained.Float32OnCPU):
            module._depthwise_conv = inner.inner  # float64 all the way: the corners' gradients are tiny
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.constant_(module.weight, 1 / module.weight[0].numel())
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    if isinstance(model.pool, nn.MaxPool2d):
        model.pool = nn.AvgPool2d(2)
    return model


def reached(config, height):
    """The most rows of a tall, narrow image that any logit has a gradient on."""
    x = torch.full((1, 1, height, config.stride), 1e-3, dtype=torch.float64, requires_grad=True)
    logits = passing(UNet(config))(x)
    middle = height // 2 // config.stride * config.stride
    spans = []
    for row in range(middle, middle + config.stride):
        (gradient,) = torch.autograd.grad(logits[0, 0, row, 0], x, retain_graph=True)
        rows = torch.nonzero(gradient[0, 0].any(dim=1))
        assert 0 < rows.min() <= rows.max() < height - 1  # the image is large enough
        spans.append(int(rows.max() - rows.min()) + 1)
    return max(spans)


@pytest.mark.parametrize("block", ["plain", "residual"])
@pytest.mark.parametrize("upsample", ["bilinear", "transposed"])
@pytest.mark.parametrize("depth", [1, 2, 3, 4])
def test_the_receptive_field_is_where_a_gradient_can_reach(depth, upsample, block):
    config = UNetConfig(width=1, depth=depth, block=block, upsample=upsample)
    field = explain.receptive_field(config)
    assert reached(config, 2 * field // config.stride * config.stride + 4 * config.stride) == field


def test_the_receptive_field_of_an_encoder_that_halves_by_itself():
    pytest.importorskip("efficientnet_lite_pytorch", reason="the extra `pretrained` is not installed")
    config = UNetConfig(encoder=pretrained.NAME)
    assert explain.receptive_field(config) == reached(config, 960)
