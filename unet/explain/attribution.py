"""Attribution: the pixels and the feature maps that the prediction in a box depends on, by gradients.

Gradients are taken with ``torch.autograd.grad`` on tensors of their own: nothing stays on the model, so any number of
threads may share one ``Segmenter``.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from unet.explain.ablation import AT_ONCE
from unet.image import SPREAD, ImageArray, Padding, grey
from unet.segmenter import Segmenter

Box = tuple[int, int, int, int]  # top, left, height, width
Maps = NDArray[np.float32]


@dataclass(frozen=True)
class Explanation:
    """What the prediction in a box depends on.

    Attributes:
        gradient: (H, W) float32: the derivative of the box's logit by each pixel's grey; with noisy copies the mean
            over them (SmoothGrad, Smilkov et al. 2017).
        influence: (H, W) float32, 0 or more: the absolute value of the gradient; with noisy copies the mean of theirs.
        cams: site -> (h, w) float32, 0 or more, at the site's own resolution and without the padding: where the
            site's maps raise the logit in the box (Grad-CAM, Selvaraju et al. 2017; Vinogradova et al. 2020).
        logit: the mean over the box, not yet divided by the temperature.
        probability: the mean over the box, 0 to 1; 0 for an image of one single grey, as everywhere.
    """

    gradient: Maps
    influence: Maps
    cams: dict[str, Maps]
    logit: float
    probability: float


def explain_pixel(
    segmenter: Segmenter, image: ImageArray, box: Box, samples: int = 0, noise: float = 0.1, seed: int = 0
) -> Explanation:
    """Explains the prediction in a box by gradients of the box's mean logit.

    A gradient tells what a small change would do, not what the network has recognised.

    Args:
        segmenter: the network.
        image: the image, at most 256 pixels a side.
        box: top, left, height, width; one pixel is (row, column, 1, 1).
        samples: how many noisy copies the gradient is averaged over; 0 takes that of the image itself.
        noise: standard deviation of that noise, as a share of the image's range of grey.
        seed: of the noise.

    Returns:
        The explanation, with a Grad-CAM of every encoder, the bottleneck and every decoder.  Grad-CAM, logit and
        probability are always those of the image itself.

    Raises:
        ValueError: an image that ``Segmenter.trace`` does not take, a box that does not lie in it, a negative number
            of samples, or a noise that is not finite and 0 or more.
    """
    if samples < 0 or not 0 <= noise < np.inf:
        raise ValueError(f"expected samples and noise of 0 or more, got {samples} and {noise}")
    with torch.inference_mode(False):  # gradients are needed, whatever the caller's mode
        values = grey(image)
        x, padding = segmenter.network_input(values)
        check_box(box, padding.height, padding.width)
        strides = {site.name: site.stride for site in segmenter.model.sites() if _has_cam(site.name)}
        activations: dict[str, Tensor] = {}

        def tap(name: str, tensor: Tensor) -> Tensor:
            if name in strides:
                activations[name] = tensor
            return tensor

        x.requires_grad_()
        logits = segmenter.network(x, tap)
        target = _in_box(logits, box, padding).sum()
        own, *at_sites = torch.autograd.grad(target, [x, *activations.values()])
        cams = {
            name: padding.crop(_cam(activations[name].detach(), gradient), strides[name])
            for name, gradient in zip(activations, at_sites, strict=True)
        }
        x = x.detach()
        gradient = _of_grey(own, padding)[0]
        influence = gradient.abs()
        if samples:
            gradient, influence = _smooth(segmenter, x, padding, box, samples, noise, seed)
        top, left, height, width = box
        probability = segmenter.to_probability(logits.detach(), values, padding)[0]
    return Explanation(
        gradient=gradient.cpu().numpy(),
        influence=influence.cpu().numpy(),
        cams=cams,
        logit=target.item(),
        probability=float(probability[top : top + height, left : left + width].mean(dtype=np.float64)),
    )


def smooth_gradient(
    segmenter: Segmenter, image: ImageArray, box: Box, samples: int, noise: float = 0.1, seed: int = 0
) -> Maps:
    """SmoothGrad alone: the ``gradient`` of ``explain_pixel`` over noisy copies, without all else that it computes.

    The mean of several such means, each of as many copies and from another seed, is that over all their copies.

    Args:
        segmenter: the network.
        image: the image, at most 256 pixels a side.
        box: top, left, height, width.
        samples: how many noisy copies, at least one.
        noise: standard deviation of that noise, as a share of the image's range of grey.
        seed: of the noise.

    Returns:
        (H, W) float32: the mean derivative of the box's logit by each pixel's grey.

    Raises:
        ValueError: as for ``explain_pixel``, or no samples.
    """
    if samples < 1 or not 0 <= noise < np.inf:
        raise ValueError(f"expected at least one sample and noise of 0 or more, got {samples} and {noise}")
    with torch.inference_mode(False):  # gradients are needed, whatever the caller's mode
        x, padding = segmenter.network_input(grey(image))
        check_box(box, padding.height, padding.width)
        return _smooth(segmenter, x, padding, box, samples, noise, seed)[0].cpu().numpy()


def influence_box(influence: NDArray[np.float32], box: Box, share: float) -> Box:
    """The smallest rectangle that contains a box and a share of all influence.

    Args:
        influence: (H, W), 0 or more.
        box: top, left, height, width.
        share: above 0, up to 1.

    Returns:
        top, left, height, width of the rectangle; the uppermost among equals.

    Raises:
        ValueError: a box that does not lie in the image, or a share that is not above 0 and up to 1.
    """
    height, width = influence.shape
    check_box(box, height, width)
    if not 0 < share <= 1:
        raise ValueError(f"expected a share above 0 and up to 1, got {share}")
    integral = np.zeros((height + 1, width + 1))
    integral[1:, 1:] = influence.cumsum(0, dtype=np.float64).cumsum(1)
    needed = share * integral[-1, -1] * (1 - 1e-12)  # sums in another order round differently

    # For every pair of a top and a bottom two walls move to the right.  While too little lies between them the right
    # one takes a step, otherwise the left one, so every narrowest rectangle is met.  All pairs move at once.
    top, left, rows, columns = box
    tops, bottoms = (grid.ravel() for grid in np.meshgrid(range(top + 1), range(top + rows, height + 1), indexing="ij"))
    before = (integral[bottoms] - integral[tops]).ravel()  # of each pair, the influence left of each column
    base = np.arange(len(tops)) * (width + 1)
    first, last = base.copy(), base + left + columns
    ends, starts = base + width, base + left  # how far the walls may go
    best = np.full(len(tops), width + 1)
    best_first = first.copy()
    for _ in range(left + 1 + width - left - columns + 1):
        enough = before[last] - before[first] >= needed
        better = enough & (last - first < best) & (first <= starts)
        best[better] = (last - first)[better]
        best_first[better] = first[better]
        first += enough & (first <= starts)
        last += ~enough & (last < ends)
    pair = int(np.argmin(np.where(best <= width, best * (bottoms - tops), np.inf)))
    return int(tops[pair]), int(best_first[pair] - base[pair]), int(bottoms[pair] - tops[pair]), int(best[pair])


def check_box(box: Box, height: int, width: int) -> None:
    """Raises ``ValueError`` where a box has no pixel or leaves the image."""
    top, left, rows, columns = box
    if min(top, left) < 0 or min(rows, columns) < 1 or top + rows > height or left + columns > width:
        raise ValueError(
            f"expected a box of at least one pixel inside the image of {height} x {width}, "
            f"got top {top}, left {left}, height {rows}, width {columns}"
        )


def _has_cam(name: str) -> bool:
    return name == "bottleneck" or name.startswith(("encoder", "decoder"))


def _in_box(logits: Tensor, box: Box, padding: Padding) -> Tensor:
    """(N, 1, h, w) logits of padded images -> (N,) means over a box of the image itself."""
    top, left, height, width = box
    top, left = top + padding.top, left + padding.left
    return logits[:, 0, top : top + height, left : left + width].mean((1, 2))


def _cam(maps: Tensor, gradient: Tensor) -> Maps:
    """Grad-CAM: (1, C, h, w) maps, each weighted by the mean of its gradient -> (h, w)."""
    cam: Maps = (gradient.mean((2, 3), keepdim=True) * maps).sum(1)[0].relu().cpu().numpy()
    return cam


def _source_pixels(padding: Padding, device: torch.device) -> Tensor:
    """(h * w,) int64: the pixel of the image that each pixel of the padded image repeats."""
    numbers = np.arange(padding.height * padding.width, dtype=np.float32)  # exact up to 4096 pixels a side
    source = padding.pad(numbers.reshape(padding.height, padding.width)).ravel()
    return torch.from_numpy(source).to(device, torch.int64)


def _of_grey(gradient: Tensor, padding: Padding) -> Tensor:
    """(N, 1, h, w) with respect to the network's input -> (N, H, W) with respect to grey.

    The padding repeats pixels near the edge; their gradients are summed.
    """
    folded = gradient.new_zeros(len(gradient), padding.height * padding.width)
    folded.index_add_(1, _source_pixels(padding, gradient.device), gradient.flatten(1))
    return folded.reshape(-1, padding.height, padding.width) / SPREAD


def _smooth(
    segmenter: Segmenter, x: Tensor, padding: Padding, box: Box, samples: int, noise: float, seed: int
) -> tuple[Tensor, Tensor]:
    """SmoothGrad: the means over noisy copies of the gradient and of its absolute value, both (H, W)."""
    generator = torch.Generator().manual_seed(seed)
    source = _source_pixels(padding, x.device)
    spread = noise * (x.max() - x.min())
    gradient = x.new_zeros(padding.height, padding.width)
    influence = torch.zeros_like(gradient)
    for start in range(0, samples, AT_ONCE):
        count = min(AT_ONCE, samples - start)
        drawn = torch.randn(count, padding.height * padding.width, generator=generator).to(x.device)
        copies = x + spread * drawn[:, source].reshape(count, *x.shape[1:])
        copies.requires_grad_()
        target = _in_box(segmenter.network(copies), box, padding).sum()
        slopes = _of_grey(torch.autograd.grad(target, copies)[0], padding)
        gradient += slopes.sum(0)
        influence += slopes.abs().sum(0)
    return gradient / samples, influence / samples
