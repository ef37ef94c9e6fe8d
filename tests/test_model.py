import numpy as np
import pytest
import torch
from torch import nn

from unet.model import Bilinear, Residual, UNet, UNetConfig

SHAPES = [
    UNetConfig(width=4, depth=3),
    UNetConfig(width=4, depth=4, block="plain", upsample="transposed"),
    UNetConfig(width=2, depth=1, block="residual", upsample="transposed"),
]


def parameters(model: nn.Module) -> int:
    return sum(p.numel() for p in model.parameters())


@pytest.mark.parametrize("config", SHAPES, ids=str)
class TestEveryShape:
    def test_logits_have_the_size_of_the_image(self, config):
        assert UNet(config)(torch.zeros(2, 1, 48, 32)).shape == (2, 1, 48, 32)

    def test_taps_are_called_at_the_sites_in_order_with_their_channels_and_size(self, config):
        seen = []

        def tap(name, tensor):
            seen.append((name, tensor.shape[1], 48 // tensor.shape[2], 32 // tensor.shape[3]))
            return tensor

        model = UNet(config)
        model(torch.zeros(1, 1, 48, 32), tap)
        assert seen == [(s.name, s.channels, s.stride, s.stride) for s in model.sites()]

    def test_a_tap_that_returns_what_it_gets_changes_nothing(self, config):
        model, x = UNet(config).eval(), torch.randn(1, 1, 32, 32)
        assert torch.equal(model(x), model(x, lambda name, tensor: tensor))

    def test_what_a_tap_keeps_is_not_changed_later(self, config):
        """No in-place operation may follow a tap: what was recorded stays what it was."""
        model, kept = UNet(config).eval(), {}

        def tap(name, tensor):
            kept[name] = (tensor, tensor.clone())
            return tensor

        model(torch.randn(1, 1, 32, 32), tap)
        assert all(torch.equal(tensor, copy) for tensor, copy in kept.values())

    def test_every_parameter_learns(self, config):
        model = UNet(config)
        model(torch.randn(2, 1, 32, 32)).square().mean().backward()
        # With one level of maps the very last bias may sit still, nothing else.
        assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in model.parameters())


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
    assert parameters(UNet(UNetConfig())) == 1_811_729
    # milesial/Pytorch-UNet with one input channel: 31,037,633 with three, and 2 * 9 * 64 fewer.
    reference = UNetConfig(width=64, depth=4, block="plain", upsample="transposed")
    assert parameters(UNet(reference)) == 31_036_481 == 31_037_633 - 2 * 9 * 64


def test_a_size_that_does_not_fit_names_one_that_does():
    with pytest.raises(ValueError, match=r"multiples of 16, got 101 x 96; pad the image to 112 x 96"):
        UNet(UNetConfig(width=1))(torch.zeros(1, 1, 101, 96))


@pytest.mark.parametrize("shape", [(1, 3, 16, 16), (1, 16, 16), (16, 16)])
def test_anything_but_a_batch_of_grey_images_is_refused(shape):
    with pytest.raises(ValueError, match=r"\(N, 1, H, W\), got"):
        UNet(UNetConfig(width=1))(torch.zeros(shape))


@pytest.mark.parametrize(
    "options", [{"width": 0}, {"depth": 0}, {"depth": 7}, {"block": "dense"}, {"upsample": "nearest"}]
)
def test_a_shape_that_cannot_be_is_refused(options):
    with pytest.raises(ValueError, match=f"{next(iter(options))} must be .* got {next(iter(options.values()))!r}"):
        UNetConfig(**options)


def test_one_image_does_not_depend_on_its_batch():
    model, x = UNet(UNetConfig(width=4, depth=2)).eval(), torch.randn(4, 1, 16, 16)
    with torch.no_grad():
        together, alone = model(x)[2], model(x[2:3])[0]
    np.testing.assert_allclose(together, alone, atol=1e-5)
