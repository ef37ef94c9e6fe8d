"""The losses of training: cross-entropy first, then mostly the symmetric Lovász hinge, which follows the IoU.

The hinge is from Berman, Triki and Blaschko, "The Lovász-Softmax loss" (CVPR 2018).  Averaging it over salt
and not-salt, and putting ELU + 1 in place of the ReLU, come from the solutions of the TGS Salt challenge:
without salt in an image the plain hinge looks at one pixel only, and the ReLU gives a pixel no gradient once it
is right by a margin of one.
"""

import torch
import torch.nn.functional as F
from torch import Tensor


def segmentation_loss(logits: Tensor, target: Tensor, lovasz: float) -> Tensor:
    """Return the loss of one batch.

    Args:
        logits: shape (N, 1, H, W), float32; positive means salt.
        target: shape (N, 1, H, W), the probability of salt, 0 to 1.
        lovasz: the share of ``symmetric_lovasz`` with the targets as 0 or 1, 0 to 1; the rest is cross-entropy with
            the targets as they are.

    Returns:
        A scalar, float32, zero or more.
    """
    loss = torch.zeros((), device=logits.device)
    if lovasz < 1:
        loss = loss + (1 - lovasz) * F.binary_cross_entropy_with_logits(logits, target)
    if lovasz > 0:
        loss = loss + lovasz * symmetric_lovasz(logits, (target > 0.5).float())
    return loss


def symmetric_lovasz(logits: Tensor, target: Tensor) -> Tensor:
    """Return the mean over images of the Lovász hinge, averaged over salt and not-salt.

    Per image it is ``0.5 * (hinge(logits, target) + hinge(-logits, 1 - target))``, where ``hinge`` is the
    Lovász hinge with ELU + 1 of the errors in place of their ReLU.

    Args:
        logits: shape (N, 1, H, W), any floating dtype; positive means salt.
        target: shape (N, 1, H, W), 1 for salt and 0 for not salt.

    Returns:
        A scalar, float32, zero or more.

    Raises:
        ValueError: If the shapes differ.
    """
    if logits.shape != target.shape:
        raise ValueError(
            f"expected logits and target of one shape, got {tuple(logits.shape)} and {tuple(target.shape)}; "
            "give the target a channel axis of length 1"
        )
    target = target.float().flatten(1)  # (N, P)
    errors = 1 - logits.float().flatten(1) * (2 * target - 1)
    # Swapping salt with not-salt flips both signs in the product, so the two hinges share errors and order.
    errors, order = torch.sort(errors, dim=1, descending=True)
    target = target.gather(1, order)
    weights = 0.5 * (_jaccard_steps(target) + _jaccard_steps(1 - target))
    return ((F.elu(errors) + 1) * weights).sum(dim=1).mean()


def _jaccard_steps(target: Tensor) -> Tensor:
    """Return how much the Jaccard loss of ``target``, (N, P), grows as each next pixel becomes wrong."""
    missed = target.cumsum(dim=1)  # wrong pixels of the class so far
    added = (1 - target).cumsum(dim=1)  # wrong pixels outside it so far
    total = missed[:, -1:]
    # The union is at least 1: every pixel either belongs to the total or is added.
    loss = 1 - (total - missed) / (total + added)
    return torch.diff(loss, dim=1, prepend=torch.zeros_like(total))
