import pytest
import torch
from torch import nn

from unet import pretrained
from unet.model import Bilinear, Residual, UNet, UNetConfig

SHAPES = [(4, 3), (4, 4, "plain", "transposed"), (2, 1, "residual", "transposed")]


@pytest.mark.parametrize(
    "config", [*(UNetConfig(*shape) for shape in SHAPES), UNetConfig(encoder=pretrained.NAME)], ids=str
)
def test_taps(config):
    """They are called at the sites in order; what they keep stays as it was, and what they return is used."""
    if config.encoder == pretrained.NAME:
        pytest.importorskip("efficientnet_lite_pytorch", reason="the extra `pretrained` is not installed")
    model, x, kept = UNet(config).eval(), torch.randn(1, 1, 48, 32), []

    def tap(name, tensor):
        kept.append((name, tensor, tensor.clone()))
        return tensor

    logits = model(x, tap)
    assert logits.shape == (1, 1, 48, 32)
    assert torch.equal(model(x), logits)
    seen = [(name, tensor.shape[1], 48 // tensor.shape[2], 32 // tensor.shape[3]) for name, tensor, _ in kept]
    assert seen == [(s.name, s.channels, s.stride, s.stride) for s in model.sites()]
    assert all(torch.equal(tensor, copy) for _, tensor, copy in kept)  # no in-place operation follows a tap
    for site in model.sites():
        changed = model(x, lambda name, tensor, site=site: tensor + 1 if name == site.name else tensor)
        assert not torch.equal(changed, logits), site.name


@pytest.mark.parametrize("block", ["plain", "residual"])
def test_every_parameter_learns_and_an_image_does_not_depend_on_its_batch(block):
    model = UNet(UNetConfig(width=4, depth=2, block=block, upsample="transposed"))
    model(torch.randn(2, 1, 32, 32)).square().mean().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in model.parameters())
    x = torch.randn(4, 1, 16, 16)
    torch.testing.assert_close(model.eval()(x)[2:3], model(x[2:3]))


def test_a_residual_block_computed_by_hand():
    block = Residual(1, 1).eval()
    with torch.no_grad():
        for conv, centre in ((block.first[0], 2.0), (block.second[0], -3.0)):
            conv.weight.zero_()
            conv.weight[0, 0, 1, 1] = centre
        for norm in (block.first[1], block.second[1]):
            norm.eps = 0.0  # running mean 0, variance 1: the norm passes everything through
    x = torch.tensor([[[[-1.0, 1.0], [2.0, 4.0]]]])
    # first: relu(2x) = 0 2 4 8; second: -3 * that = 0 -6 -12 -24; sum: 0 -4 -8 -16; relu: all 0
    assert torch.equal(block(x), torch.zeros(1, 1, 2, 2))
    with torch.no_grad():
        block.second[0].weight.mul_(-1)  # second: 0 6 12 24; sum: 0 8 16 32
    assert torch.equal(block(x), torch.tensor([[[[0.0, 8.0], [16.0, 32.0]]]]))


def test_projecting_before_upsampling_equals_projecting_after_it():
    up = Bilinear(3, 2)
    x = torch.randn(1, 3, 5, 4)
    after = up.project(nn.functional.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False))
    torch.testing.assert_close(up(x), after)


def test_cutting_a_skip_equals_zeroing_the_weights_that_read_it():
    model = UNet(UNetConfig(width=2, depth=2)).eval()
    x = torch.randn(1, 1, 16, 16)
    cut = model(x, lambda name, tensor: tensor * 0 if name == "skip1" else tensor)
    with torch.no_grad():
        model.decoder[0].first[0].weight[:, :2] = 0  # the skip is the first half of what is concatenated
    torch.testing.assert_close(model(x), cut)


def test_the_shipped_shape_is_small_and_the_reference_is_milesials():
    reference = UNetConfig(width=64, depth=4, block="plain", upsample="transposed")
    shipped, other = (sum(p.numel() for p in UNet(config).parameters()) for config in (UNetConfig(), reference))
    assert shipped == 1_811_729
    assert other == 31_037_633 - 2 * 9 * 64  # milesial/Pytorch-UNet with one input channel instead of three


@pytest.mark.parametrize(
    ("shape", "sentence"),
    [
        ((1, 1, 101, 96), "multiples of 16, got 101 x 96; pad the image to 112 x 96"),
        *((shape, r"\(N, 1, H, W\), got") for shape in [(1, 3, 16, 16), (1, 16, 16), (16, 16)]),
    ],
)
def test_an_input_that_does_not_fit_is_refused(shape, sentence):
    with pytest.raises(ValueError, match=sentence):
        UNet(UNetConfig(width=1))(torch.zeros(shape))


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"width": 0}, "expected a width of 1 to 256 channels, got 0"),
        *(({"depth": depth}, f"expected a depth of 1 to 6 halvings, got {depth}") for depth in (0, 7)),
        ({"block": "dense"}, "expected the block 'plain' or 'residual', got 'dense'"),
        ({"upsample": "nearest"}, "expected the upsampling 'bilinear' or 'transposed', got 'nearest'"),
        ({"encoder": "resnet34"}, "expected the encoder 'blocks' or 'efficientnet-lite0', got 'resnet34'"),
        ({"encoder": pretrained.NAME, "width": 8}, "expected width 16 and depth 4 with .*, got 8 and 4; leave both"),
    ],
)
def test_a_shape_that_cannot_be_is_refused(options, sentence):
    with pytest.raises(ValueError, match=sentence):
        UNetConfig(**options)
