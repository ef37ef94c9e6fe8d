"""The symmetric Lovász hinge against answers worked by hand and a loop written from the definition."""

import math
from collections.abc import Sequence

import pytest
import torch
from torch import Tensor

from unet.training.losses import segmentation_loss, symmetric_lovasz


def image(*values: float) -> Tensor:
    """Return a batch of one 2x2 image."""
    return torch.tensor(values, dtype=torch.float32).view(1, 1, 2, 2)


def softened(error: float) -> float:
    """ELU + 1 by its definition."""
    return error + 1 if error > 0 else math.exp(error)


def jaccard_loss(salt: set[int], wrong: set[int]) -> float:
    """1 - IoU between the salt pixels and a prediction that is wrong in exactly these pixels."""
    predicted = salt ^ wrong
    union = salt | predicted
    return 1 - len(salt & predicted) / len(union) if union else 0.0


def slow_hinge(logits: list[float], target: list[int]) -> float:
    """The Lovász extension of the Jaccard loss at the softened errors, one set of wrong pixels at a time."""
    salt = {i for i, value in enumerate(target) if value}
    errors = [1 - logit * (1 if value else -1) for logit, value in zip(logits, target, strict=True)]
    order = sorted(range(len(errors)), key=lambda i: -errors[i])
    loss, wrong, before = 0.0, set[int](), 0.0
    for i in order:
        wrong.add(i)
        after = jaccard_loss(salt, wrong)
        loss += softened(errors[i]) * (after - before)
        before = after
    return loss


def slow_symmetric(logits: Tensor, target: Tensor) -> float:
    losses = []
    for row, truth in zip(logits.flatten(1).tolist(), target.flatten(1).int().tolist(), strict=True):
        salt = slow_hinge(row, truth)
        background = slow_hinge([-value for value in row], [1 - value for value in truth])
        losses.append(0.5 * (salt + background))
    return sum(losses) / len(losses)


MEAN = (4 + 2.5 + 1.5 + math.exp(-1)) / 4


@pytest.mark.parametrize(
    ("logits", "target", "salt", "background"),
    [
        # Errors 3, 1.5, 0.5, -1 in this order; softened 4, 2.5, 1.5, 1/e.
        # Salt is pixels 0 and 2: losses 1/2, 2/3, 1, 1, so steps 1/2, 1/6, 1/3, 0.
        # Not salt is pixels 1 and 3: losses 1/3, 2/3, 3/4, 1, so steps 1/3, 1/3, 1/12, 1/4.
        ((-2, 0.5, 0.5, -2), (1, 0, 1, 0), 4 / 2 + 2.5 / 6 + 1.5 / 3, 4 / 3 + 2.5 / 3 + 1.5 / 12 + math.exp(-1) / 4),
        # One class: the absent one sees the worst pixel alone (error 3), the present one the mean of all four.
        ((2, 0.5, -0.5, -2), (0, 0, 0, 0), 4, MEAN),
        ((-2, -0.5, 0.5, 2), (1, 1, 1, 1), MEAN, 4),
    ],
)
def test_four_pixels_by_hand(logits: Sequence[float], target: Sequence[float], salt: float, background: float) -> None:
    loss = symmetric_lovasz(image(*logits), image(*target))
    assert loss.item() == pytest.approx((salt + background) / 2, rel=1e-6)


@pytest.mark.parametrize("seed", range(5))
def test_matches_the_definition(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    logits = 3 * torch.randn((4, 1, 5, 7), generator=generator)
    target = (torch.rand((4, 1, 5, 7), generator=generator) < 0.3).float()
    target[0], target[1] = 0, 1
    assert symmetric_lovasz(logits, target).item() == pytest.approx(slow_symmetric(logits, target), rel=1e-5)


@pytest.mark.parametrize("salt", [(1, 0, 1, 0), (0, 0, 0, 0), (1, 1, 1, 1)])
def test_every_pixel_learns_and_the_gradient_matches_finite_differences(salt: Sequence[int]) -> None:
    logits, target = image(-2.0, 0.5, 0.7, -2.3).requires_grad_(), image(*salt)
    symmetric_lovasz(logits, target).backward()
    plain, steps = logits.detach(), 0.01 * torch.eye(4).view(4, 1, 1, 2, 2)
    slopes = [(slow_symmetric(plain + step, target) - slow_symmetric(plain - step, target)) / 0.02 for step in steps]
    assert logits.grad is not None
    assert logits.grad.flatten().tolist() == pytest.approx(slopes, abs=1e-4)
    assert ((logits.grad < 0) == target.bool()).all()
    assert (logits.grad != 0).all()


def test_low_precision_logits_give_a_float32_loss() -> None:
    logits, target = image(-2.0, 0.5, 0.5, -2.0), image(1.0, 0.0, 1.0, 0.0)  # exact in bfloat16
    loss = symmetric_lovasz(logits.bfloat16(), target)
    assert loss.dtype == torch.float32
    assert loss.item() == symmetric_lovasz(logits, target).item()


def test_the_loss_mixes_soft_cross_entropy_with_the_hinge_of_hard_targets() -> None:
    logits, target = image(-2.0, 0.5, 0.5, -2.0), image(0.9, 0.0, 0.6, 0.3)
    p = torch.sigmoid(logits)
    entropy = -(target * p.log() + (1 - target) * (1 - p).log()).mean()
    torch.testing.assert_close(segmentation_loss(logits, target, lovasz=0.0), entropy)
    hinge = symmetric_lovasz(logits, image(1.0, 0.0, 1.0, 0.0))
    torch.testing.assert_close(segmentation_loss(logits, target, lovasz=1.0), hinge)
    torch.testing.assert_close(segmentation_loss(logits, target, lovasz=0.75), 0.75 * hinge + 0.25 * entropy)


def test_a_missing_channel_axis_is_an_error() -> None:
    with pytest.raises(ValueError, match="one shape"):
        symmetric_lovasz(torch.zeros(2, 1, 4, 4), torch.zeros(2, 4, 4))
