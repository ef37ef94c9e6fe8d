import copy
import itertools
import threading

import captum.attr
import numpy as np
import pytest
import torch
from torch import nn

from unet import Segmenter, explain, pretrained
from unet.card import Card
from unet.image import MEAN, RULE, SPREAD
from unet.model import UNet, UNetConfig
from unet.synthetic import sections

CARD = Card(threshold=0.4, input=RULE, temperature=1.7)
BOX = (30, 52, 7, 9)


@pytest.fixture(scope="module")
def segmenter(small_model):
    return Segmenter(small_model, CARD)


@pytest.fixture
def other():
    return np.random.default_rng(5).integers(0, 256, (101, 101), dtype=np.uint8)


def network(**config):
    torch.manual_seed(1)
    return Segmenter(UNet(UNetConfig(**config)).eval(), CARD)


# --- Cutting ------------------------------------------------------------------------------------------------


def test_what_can_be_cut_are_the_skips_and_the_bottleneck(segmenter):
    assert explain.parts(segmenter) == ("skip1", "skip2", "skip3", "bottleneck")


def test_a_part_is_replaced_by_nothing_by_its_means_or_by_another_images(segmenter, image, other):
    sites, others = segmenter.trace(image).sites, segmenter.trace(other).sites
    zero, mean, lent = (explain.replacements(segmenter, image, fill) for fill in ("zero", "mean", other))
    assert list(zero) == list(mean) == list(lent) == list(explain.parts(segmenter))
    for name in zero:
        assert zero[name].shape == mean[name].shape == (1, *sites[name].shape)
        assert not zero[name].any()
        expected = np.broadcast_to(sites[name].mean((1, 2), keepdims=True), sites[name].shape)
        np.testing.assert_allclose(mean[name][0], expected, atol=1e-6)
        np.testing.assert_array_equal(lent[name][0], others[name])


@pytest.mark.parametrize("fill", ["zero", "mean", "image"])
@pytest.mark.parametrize("config", [None, {"width": 2, "depth": 1}, {"width": 2, "depth": 4, "upsample": "transposed"}])
def test_every_row_of_the_table_is_what_the_network_says_with_those_parts_cut(segmenter, image, other, fill, config):
    segmenter = network(**config) if config else segmenter
    fill = other if fill == "image" else fill
    table = explain.cut_table(segmenter, image, fill)
    parts = explain.parts(segmenter)
    assert table.shape == (2 ** len(parts), 101, 101)
    assert table.dtype == np.float32
    np.testing.assert_allclose(table[0], segmenter.probability(image), atol=1e-6)
    instead = explain.replacements(segmenter, image, fill)
    for index, row in enumerate(table):
        edit = {name: instead[name] for bit, name in enumerate(parts) if index >> bit & 1}
        np.testing.assert_allclose(row, segmenter.trace(image, edit).probability, atol=1e-5)
    assert len({row.tobytes() for row in table}) == len(table)


def test_cutting_to_zero_is_the_factor_0(segmenter, image):
    cut = segmenter.trace(image, {"skip1": 0.0, "bottleneck": 0.0}).probability
    np.testing.assert_allclose(explain.cut_table(segmenter, image)[0b1001], cut, atol=1e-6)


def test_patching_with_the_same_image_changes_nothing(segmenter, image):
    table = explain.cut_table(segmenter, image, image)
    np.testing.assert_allclose(table, np.broadcast_to(table[0], table.shape), atol=1e-6)


def test_with_every_part_of_another_image_the_answer_is_that_ones(segmenter, image, other):
    table = explain.cut_table(segmenter, image, other)
    np.testing.assert_allclose(table[-1], segmenter.probability(other), atol=1e-6)


def test_the_encoder_runs_for_one_image_only(small_model, image):
    seen = []

    class Watched(UNet):
        def forward(self, x, tap=None):
            def watch(name, tensor):
                seen.append((name, len(tensor)))
                return tap(name, tensor)

            return super().forward(x, watch)

    model = Watched(small_model.config)
    model.load_state_dict(small_model.state_dict())
    explain.cut_table(Segmenter(model.eval(), CARD), image)
    assert {count for name, count in seen if name.startswith(("encoder", "bottleneck", "skip"))} == {1}
    assert dict(seen)["decoder3"] == 2  # the bottleneck has its own pass
    assert dict(seen)["decoder1"] == 8


@pytest.mark.parametrize(
    ("fill", "sentence"),
    [
        ("noise", "expected 'zero', 'mean' or an image to fill with, got 'noise'"),
        (np.zeros((101, 102), np.uint8), "expected an image of 101 x 101 to fill with, got 101 x 102"),
    ],
)
def test_what_cannot_fill_is_refused(segmenter, image, fill, sentence):
    for ask in (explain.replacements, explain.cut_table):
        with pytest.raises(ValueError, match=sentence):
            ask(segmenter, image, fill)


def test_a_large_image_asks_for_a_window(segmenter):
    large = np.random.default_rng(0).integers(0, 256, (257, 64), dtype=np.uint8)
    for ask in (
        explain.cut_table,
        lambda *given: explain.channel_effects(*given, "skip1"),
        lambda *given: explain.explain_pixel(*given, BOX),
    ):
        with pytest.raises(ValueError, match="at most 256 pixels a side, got 257 x 64"):
            ask(segmenter, large)


# --- Channels -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("config", [None, {"width": 5, "depth": 2, "upsample": "transposed", "block": "plain"}])
def test_an_effect_is_what_the_probability_changes_without_that_channel(segmenter, image, config):
    segmenter = network(**config) if config else segmenter
    whole = segmenter.trace(image)
    for site in segmenter.model.sites()[:-1]:
        effect = explain.channel_effects(segmenter, image, site.name)
        assert effect.shape == (site.channels,)
        assert effect.dtype == np.float32
        for channel in {0, site.channels // 2, site.channels - 1}:
            maps = torch.from_numpy(whole.sites[site.name].copy())[None]
            maps[:, channel] = 0
            silenced = segmenter.trace(image, {site.name: maps}).probability
            assert effect[channel] == pytest.approx(np.abs(silenced - whole.probability).mean(), abs=1e-6)
        assert effect.max() > 0


@pytest.mark.parametrize("site", ["logits", "skip9"])
def test_a_site_without_channels_to_silence_is_refused(segmenter, image, site):
    with pytest.raises(ValueError, match=f"unknown site '{site}'; channels can be silenced at encoder1"):
        explain.channel_effects(segmenter, image, site)


def test_a_flat_image_is_0_whatever_is_cut(segmenter):
    flat = np.full((64, 48), 90, np.uint8)
    assert not explain.cut_table(segmenter, flat).any()
    assert not explain.channel_effects(segmenter, flat, "skip1").any()
    assert explain.explain_pixel(segmenter, flat, (3, 4, 1, 1), samples=2).probability == 0


# --- The twin -----------------------------------------------------------------------------------------------


def test_the_twin_is_another_network_drawn_from_its_own_seed(segmenter, image):
    before = torch.get_rng_state()
    weights = copy.deepcopy(segmenter.model.state_dict())
    twin, again, else_ = (explain.random_twin(segmenter, seed) for seed in (3, 3, 4))
    assert torch.equal(torch.get_rng_state(), before)
    for name, tensor in segmenter.model.state_dict().items():
        assert torch.equal(tensor, weights[name])
    np.testing.assert_array_equal(twin.probability(image), again.probability(image))
    assert np.abs(twin.probability(image) - else_.probability(image)).max() > 1e-3
    assert np.abs(twin.probability(image) - segmenter.probability(image)).max() > 1e-3
    assert twin.card == segmenter.card
    assert twin.temperature == segmenter.temperature


@pytest.mark.parametrize("fast", [False, True])
def test_the_twin_is_as_before_training(small_model, fast):
    twin = explain.random_twin(Segmenter(small_model, CARD, fast))
    assert twin.fast == fast
    assert not any(module.training for module in twin.model.modules())
    assert not any(parameter.requires_grad for parameter in twin.model.parameters())
    convolutions = [module for module in twin.model.modules() if isinstance(module, nn.Conv2d)]
    norms = [module for module in twin.model.modules() if isinstance(module, nn.BatchNorm2d)]
    for layer in convolutions:
        fan_in = layer.weight[0].numel()
        assert layer.weight.std().item() == pytest.approx((2 / fan_in) ** 0.5, rel=0.6 if fan_in < 40 else 0.15)
        assert layer.bias is None or not layer.bias.any()
    for norm in norms:
        assert not norm.bias.any()
        assert (norm.weight == 1).all()
    assert convolutions
    assert norms


def test_the_twin_has_seen_one_batch(small_model):
    """In training mode a norm uses the batch's own statistics: on that batch both modes say the same."""
    segmenter = Segmenter(small_model, CARD)
    twin = explain.random_twin(segmenter)
    batch = torch.cat([segmenter.network_input(image)[0] for image in sections(8)[0]])
    with torch.inference_mode():
        logits = twin.model(batch)
        fresh = copy.deepcopy(twin.model).train()(batch)
    # An unbiased variance is remembered and a biased one used: the smallest maps have 8 * 14 * 14 values.
    torch.testing.assert_close(logits, fresh, rtol=0.02, atol=0.02)
    assert torch.sigmoid(logits).std() > 0.05
    assert 0.1 < torch.sigmoid(logits).mean() < 0.9


# --- Asking a pixel -----------------------------------------------------------------------------------------


class Answer(nn.Module):
    """Grey values of whole images -> the mean logit in a box, without anything of `unet.explain`: for Captum."""

    def __init__(self, segmenter, box):
        super().__init__()
        self.model = copy.deepcopy(segmenter.model)
        self.box = box

    def forward(self, grey):
        height, width = grey.shape[2:]
        above, left = (-height % 8) // 2, (-width % 8) // 2
        pad = (left, -width % 8 - left, above, -height % 8 - above)
        logits = self.model((nn.functional.pad(grey, pad, mode="reflect") - MEAN) / SPREAD)
        top, first, rows, columns = self.box
        return logits[:, 0, top + above :, first + left :][:, :rows, :columns].mean((1, 2))


def as_grey(image):
    return torch.from_numpy(image / np.float32(255))[None, None]


@pytest.mark.parametrize("box", [BOX, (0, 0, 1, 1), (100, 100, 1, 1), (0, 0, 101, 101)])
def test_the_gradient_is_captums(segmenter, image, box):
    explanation = explain.explain_pixel(segmenter, image, box)
    saliency = captum.attr.Saliency(Answer(segmenter, box))
    signed = saliency.attribute(as_grey(image).requires_grad_(), abs=False)[0, 0].numpy()
    np.testing.assert_allclose(explanation.gradient, signed, rtol=1e-3, atol=1e-5 * np.abs(signed).max())
    np.testing.assert_array_equal(explanation.influence, np.abs(explanation.gradient))
    assert explanation.gradient.shape == (101, 101)
    assert explanation.gradient.dtype == explanation.influence.dtype == np.float32


def test_the_gradient_foretells_what_a_small_change_does(small_model):
    """Also at the edge, where a pixel is shown again in the padding."""
    segmenter = Segmenter(copy.deepcopy(small_model).double(), CARD)
    segmenter._tensor = lambda padded: torch.from_numpy((np.stack(padded)[:, None] - MEAN) / SPREAD).double()
    grey = np.random.default_rng(2).random((29, 35)).astype(np.float32)
    gradient = explain.explain_pixel(segmenter, grey, (2, 3, 4, 4)).gradient
    for row, column in [(0, 0), (1, 1), (4, 5), (28, 34), (15, 2)]:
        step = np.float32(1e-4)
        logits = []
        for sign in (-1, 1):
            changed = grey.copy()
            changed[row, column] += sign * step
            logits.append(explain.explain_pixel(segmenter, changed, (2, 3, 4, 4)).logit)
        assert (logits[1] - logits[0]) / (2 * step) == pytest.approx(gradient[row, column], rel=0.02, abs=1e-4)


def test_the_cams_are_captums(segmenter, image):
    explanation = explain.explain_pixel(segmenter, image, BOX)
    answer = Answer(segmenter, BOX)
    layers = {f"encoder{level + 1}": answer.model.encoder[level] for level in range(3)}
    layers |= {"bottleneck": answer.model.encoder[3]}
    layers |= {f"decoder{level + 1}": answer.model.decoder[level] for level in (2, 1, 0)}
    assert list(explanation.cams) == list(layers)
    padding = segmenter.trace(image).padding
    for name, layer in layers.items():
        grad_cam = captum.attr.LayerGradCam(answer, layer)
        expected = grad_cam.attribute(as_grey(image), relu_attributions=True)[0, 0].detach().numpy()
        cropped = padding.crop(expected, 104 // expected.shape[0])
        assert explanation.cams[name].shape == cropped.shape
        assert explanation.cams[name].dtype == np.float32
        np.testing.assert_allclose(explanation.cams[name], cropped, rtol=1e-3, atol=1e-5 * max(expected.max(), 1e-6))
    assert sum(cam.max() > 0 for cam in explanation.cams.values()) >= 3


def test_noisy_copies_give_the_mean_of_captums_saliency_over_them(segmenter, image):
    explanation = explain.explain_pixel(segmenter, image, BOX, samples=11, noise=0.2, seed=7)
    grey = as_grey(image)
    drawn = torch.cat(
        [torch.randn(n, 101 * 101, generator=g) for g in [torch.Generator().manual_seed(7)] for n in (8, 3)]
    )
    copies = grey + 0.2 * (grey.max() - grey.min()) * drawn.reshape(11, 1, 101, 101)
    signed = captum.attr.Saliency(Answer(segmenter, BOX)).attribute(copies.requires_grad_(), abs=False)[:, 0]
    for found, expected in [(explanation.gradient, signed.mean(0)), (explanation.influence, signed.abs().mean(0))]:
        np.testing.assert_allclose(found, expected.numpy(), rtol=1e-3, atol=1e-5 * float(expected.abs().max()))
    plain = explain.explain_pixel(segmenter, image, BOX)
    assert explanation.logit == plain.logit
    assert explanation.probability == plain.probability
    for name in plain.cams:
        np.testing.assert_array_equal(explanation.cams[name], plain.cams[name])


def test_without_noise_the_copies_say_what_the_image_says(segmenter, image):
    plain = explain.explain_pixel(segmenter, image, BOX)
    same = explain.explain_pixel(segmenter, image, BOX, samples=3, noise=0)
    np.testing.assert_allclose(same.gradient, plain.gradient, rtol=1e-3, atol=1e-5 * np.abs(plain.gradient).max())
    np.testing.assert_allclose(same.influence, np.abs(same.gradient), rtol=1e-3, atol=1e-8)


def test_logit_and_probability_are_the_means_of_the_box(segmenter, image):
    explanation = explain.explain_pixel(segmenter, image, BOX)
    rows, columns = slice(30, 37), slice(52, 61)
    trace = segmenter.trace(image)
    assert explanation.logit == pytest.approx(trace.crop("logits")[0][rows, columns].mean(), abs=1e-5)
    assert explanation.probability == pytest.approx(trace.probability[rows, columns].mean(), abs=1e-6)


@pytest.mark.parametrize(
    "box", [(-1, 0, 1, 1), (0, -1, 1, 1), (0, 0, 0, 1), (0, 0, 1, 0), (101, 0, 1, 1), (95, 95, 6, 7)]
)
def test_a_box_outside_the_image_is_refused(segmenter, image, box):
    with pytest.raises(ValueError, match="expected a box of at least one pixel inside the image of 101 x 101, got"):
        explain.explain_pixel(segmenter, image, box)
    with pytest.raises(ValueError, match="expected a box of at least one pixel inside the image of 101 x 101, got"):
        explain.influence_box(np.ones((101, 101), np.float32), box, 0.5)


@pytest.mark.parametrize(("samples", "noise"), [(-1, 0.1), (2, -0.1), (2, float("nan")), (2, float("inf"))])
def test_noise_that_cannot_be_is_refused(segmenter, image, samples, noise):
    with pytest.raises(ValueError, match="expected samples and noise of 0 or more"):
        explain.explain_pixel(segmenter, image, BOX, samples, noise)


def test_eight_threads_share_one_model_and_leave_nothing_on_it(segmenter, small_model):
    images = [np.random.default_rng(i).integers(0, 256, (64, 64), dtype=np.uint8) for i in range(8)]

    def ask(index):
        found = explain.explain_pixel(segmenter, images[index], (index, 2 * index, 3, 3), samples=index % 3)
        table = explain.cut_table(segmenter, images[index], ("zero", "mean", images[0])[index % 3])
        effects = explain.channel_effects(segmenter, images[index], "up2")
        return [found.gradient, found.influence, *found.cams.values(), table, effects]

    expected = [ask(index) for index in range(8)]
    results = [[] for _ in range(8)]

    def work(index):
        for _ in range(3):
            results[index].append(ask(index))

    threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for alone, answers in zip(expected, results, strict=True):
        assert len(answers) == 3
        for one, other in itertools.product([alone], answers):
            for array, again in zip(one, other, strict=True):
                np.testing.assert_array_equal(array, again)
    assert all(parameter.grad is None for parameter in small_model.parameters())
    assert not any(module.training for module in small_model.modules())
    assert not any(module._forward_hooks or module._backward_hooks for module in small_model.modules())


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_the_callers_mode_does_not_matter(segmenter, image, mode):
    expected = explain.explain_pixel(segmenter, image, BOX, samples=1)
    with mode():
        found = explain.explain_pixel(segmenter, image, BOX, samples=1)
    np.testing.assert_array_equal(found.gradient, expected.gradient)


# --- How far influence reaches ------------------------------------------------------------------------------


def test_the_box_of_a_hand_made_influence():
    influence = np.zeros((6, 7), np.float32)
    influence[2, 3] = 5
    influence[2, 5] = 3
    influence[0, 3] = 1
    influence[5, 0] = 1
    assert explain.influence_box(influence, (2, 3, 1, 1), 0.5) == (2, 3, 1, 1)
    assert explain.influence_box(influence, (2, 3, 1, 1), 0.8) == (2, 3, 1, 3)
    assert explain.influence_box(influence, (2, 3, 1, 1), 0.9) == (0, 3, 3, 3)
    assert explain.influence_box(influence, (2, 3, 1, 1), 1.0) == (0, 0, 6, 6)
    assert explain.influence_box(influence, (4, 4, 2, 2), 0.1) == (2, 4, 4, 2)  # it contains the box
    assert explain.influence_box(np.zeros((6, 7), np.float32), (4, 4, 2, 2), 0.9) == (4, 4, 2, 2)


@pytest.mark.parametrize("seed", range(8))
def test_the_box_is_the_smallest_of_all(seed):
    generator = np.random.default_rng(seed)
    height, width = generator.integers(4, 11, 2)
    influence = (generator.random((height, width)) ** 4).astype(np.float32)
    top, left = generator.integers(0, height - 1), generator.integers(0, width - 1)
    box = (int(top), int(left), *(int(generator.integers(1, n + 1)) for n in (height - top, width - left)))
    for share in (0.3, 0.5, 0.9, 1.0):
        areas = [
            (bottom - above) * (right - first)
            for above in range(box[0] + 1)
            for bottom in range(box[0] + box[2], height + 1)
            for first in range(box[1] + 1)
            for right in range(box[1] + box[3], width + 1)
            if influence[above:bottom, first:right].sum(dtype=np.float64)
            >= share * influence.sum(dtype=np.float64) - 1e-9
        ]
        found = explain.influence_box(influence, box, share)
        assert found[2] * found[3] == min(areas)
        inside = influence[found[0] : found[0] + found[2], found[1] : found[1] + found[3]]
        assert inside.sum(dtype=np.float64) >= share * influence.sum(dtype=np.float64) - 1e-9
        assert found[0] <= box[0]
        assert found[1] <= box[1]
        assert found[0] + found[2] >= box[0] + box[2]
        assert found[1] + found[3] >= box[1] + box[3]


@pytest.mark.parametrize("share", [0, -0.5, 1.01, float("nan")])
def test_a_share_that_cannot_be_is_refused(share):
    with pytest.raises(ValueError, match="expected a share above 0 and up to 1"):
        explain.influence_box(np.ones((4, 4), np.float32), (1, 1, 1, 1), share)


CONFIGS = [
    UNetConfig(width=1, depth=depth, block=block, upsample=upsample)
    for depth, block, upsample in itertools.product((1, 2, 3, 4), ("plain", "residual"), ("bilinear", "transposed"))
]


def passing(model):
    """The network with averages for weights and nothing that stops a gradient: only what reaches what is left."""
    model = model.double().eval()
    for module in model.modules():
        if isinstance(inner := getattr(module, "_depthwise_conv", None), pretrained.Float32):
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
    model = passing(UNet(config))
    x = torch.full((1, 1, height, config.stride), 1e-3, dtype=torch.float64, requires_grad=True)
    logits = model(x)
    middle = height // 2 // config.stride * config.stride
    spans = []
    for row in range(middle, middle + config.stride):
        (gradient,) = torch.autograd.grad(logits[0, 0, row, 0], x, retain_graph=True)
        rows = torch.nonzero(gradient[0, 0].any(dim=1))
        assert rows.min() > 0  # the image is large enough
        assert rows.max() < height - 1
        spans.append(int(rows.max() - rows.min()) + 1)
    return max(spans)


@pytest.mark.parametrize("config", CONFIGS, ids=lambda c: f"{c.depth} {c.block} {c.upsample}")
def test_the_receptive_field_is_where_a_gradient_can_reach(config):
    field = explain.receptive_field(config)
    assert reached(config, 2 * field // config.stride * config.stride + 4 * config.stride) == field


def test_the_receptive_field_of_an_encoder_that_halves_by_itself():
    pytest.importorskip("efficientnet_lite_pytorch", reason="the extra `pretrained` is not installed")
    config = UNetConfig(encoder=pretrained.NAME)
    assert explain.receptive_field(config) == reached(config, 960)


def test_known_receptive_fields():
    assert explain.receptive_field(UNetConfig(width=1, depth=1, upsample="transposed")) == 18
    assert explain.receptive_field(UNetConfig()) == explain.receptive_field(UNetConfig(width=2, block="plain")) == 236
