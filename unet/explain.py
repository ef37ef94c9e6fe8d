"""Why the network says what it says: skips that are cut, channels that are silenced, pixels that are asked.

Everything here is a tap or a gradient of its own.  Nothing is hooked and nothing stays on the model, so any number of
threads may ask one ``Segmenter``.  All of it is about one image and these weights: a cut shows what this network
relies on, not what one trained without skips would learn.
"""

import copy
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from unet.image import SPREAD, ImageArray, Padding, grey
from unet.margin import margin
from unet.model import UNet, UNetConfig
from unet.segmenter import Segmenter
from unet.synthetic import sections

Fill = Literal["zero", "mean"] | ImageArray  # what stands where something was cut; an image lends its own tensors
Box = tuple[int, int, int, int]  # top, left, height, width
Maps = NDArray[np.float32]

AT_ONCE = 8  # images: measured on two cores, 32 take twice as long each, because they leave the cache
EXPANDED = 3  # parts whose choices are 2**3 = 8 at once


def parts(segmenter: Segmenter) -> tuple[str, ...]:
    """What can be cut: every skip, full resolution first, and the bottleneck."""
    return (*(f"skip{level + 1}" for level in range(segmenter.model.config.depth)), "bottleneck")


def replacements(segmenter: Segmenter, image: ImageArray, fill: Fill = "zero") -> dict[str, Tensor]:
    """What stands in a part's place when it is cut, ready to be given to ``Segmenter.trace`` as an edit.

    Args:
        segmenter: the network.
        image: the image, at most 256 pixels a side.
        fill: ``zero`` is nothing at all; ``mean`` is every channel's mean over the image, spread out, which keeps
            what there is and loses where; another image of the same size lends its own tensors.

    Returns:
        part -> (1, C, h, w) float32.

    Raises:
        ValueError: an image that ``Segmenter.trace`` does not take, two images of different sizes, or another word.
    """
    kept: dict[str, Tensor] = {}

    def tap(name: str, tensor: Tensor) -> Tensor:
        kept[name] = tensor
        return tensor

    x, padding = segmenter.network_input(image)
    if not isinstance(fill, str):
        size = (padding.height, padding.width)
        x, padding = segmenter.network_input(fill)
        if (padding.height, padding.width) != size:
            raise ValueError(
                f"expected an image of {size[0]} x {size[1]} to fill with, got {padding.height} x {padding.width}"
            )
    with torch.inference_mode():
        segmenter.model(x, tap)
        return {name: _filled(kept[name], fill) if isinstance(fill, str) else kept[name] for name in parts(segmenter)}


def cut_table(segmenter: Segmenter, image: ImageArray, fill: Fill = "zero") -> NDArray[np.float32]:
    """What the network says for every choice of parts that are cut.

    The choices of the three uppermost parts are one batch: on the way up each part doubles it, once kept and once
    cut, so the encoder runs for one image and a level only for the choices that differ there.

    Args:
        segmenter: the network.
        image: the image, at most 256 pixels a side.
        fill: as for ``replacements``.

    Returns:
        (2**P, H, W) float32 probabilities.  In row i the parts whose bit is set in i are cut, the first part being the
        lowest bit: row 0 is the whole network.  An image of one single grey has 0 everywhere.

    Raises:
        ValueError: as for ``replacements``.
    """
    x, padding = segmenter.network_input(image)
    lent = {} if isinstance(fill, str) else replacements(segmenter, image, fill)
    names = parts(segmenter)
    uppermost = names[:EXPANDED]
    tables = []
    with torch.inference_mode():
        for choice in range(0, 2 ** len(names), 2 ** len(uppermost)):

            def tap(name: str, tensor: Tensor, choice: int = choice) -> Tensor:
                if name in names:
                    cut = _filled(tensor, fill) if isinstance(fill, str) else lent[name]
                    bit = names.index(name)
                    if name not in uppermost:
                        return cut if choice >> bit & 1 else tensor
                    return torch.cat([tensor, cut] * 2 ** (len(uppermost) - 1 - bit))
                # What comes up meets its skip kept and cut, side by side.
                doubled = name.replace("up", "skip") in uppermost
                return tensor.repeat_interleave(2, dim=0) if doubled else tensor

            tables.append(_probability(segmenter, image, padding, segmenter.model(x, tap)))
    return np.concatenate(tables)


def channel_effects(segmenter: Segmenter, image: ImageArray, site: str) -> NDArray[np.float32]:
    """How much the probability changes when one channel of a site is zero.

    Args:
        segmenter: the network.
        image: the image, at most 256 pixels a side.
        site: any name of ``UNet.sites()`` but ``logits``.

    Returns:
        (C,) float32: the mean over the image's pixels of how far the probability moves, 0 to 1.

    Raises:
        ValueError: an image that ``Segmenter.trace`` does not take, or an unknown site.
    """
    x, padding = segmenter.network_input(image)
    channels = {found.name: found.channels for found in segmenter.model.sites() if found.name != "logits"}
    if site not in channels:
        raise ValueError(f"unknown site {site!r}; channels can be silenced at {', '.join(channels)}")
    order = list(channels)
    # Two tensors that are concatenated need the same batch: what comes up meets a skip that was there before it.
    batched = order[order.index(site.replace("up", "skip")) :]
    keep = 1 - torch.eye(channels[site], device=x.device)[..., None, None]  # row i: all channels but i

    effects = []
    with torch.inference_mode():
        whole = _probability(segmenter, image, padding, segmenter.model(x))
        for rows in torch.split(keep, AT_ONCE):

            def tap(name: str, tensor: Tensor, rows: Tensor = rows) -> Tensor:
                if name == site:
                    return tensor * rows
                return tensor.expand(len(rows), -1, -1, -1) if name in batched else tensor

            silenced = _probability(segmenter, image, padding, segmenter.model(x, tap))
            effects.append(np.abs(silenced - whole).mean(axis=(1, 2)))
    return np.concatenate(effects)


def random_twin(segmenter: Segmenter, seed: int = 0) -> Segmenter:
    """The same network as it might have been before training: what does not differ in it was not learned.

    Args:
        segmenter: stays as it is.
        seed: of a generator of its own; torch's global one is not touched.

    Returns:
        Another network with the same card, frozen, in eval mode: every convolution drawn anew (He et al. 2015) without
        a bias, every batch norm as after its first batch, of eight synthetic sections.
    """
    model = copy.deepcopy(segmenter.model)
    generator = torch.Generator().manual_seed(seed)
    first_batch = torch.cat([segmenter.network_input(image)[0] for image in sections(8)[0]])
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
                drawn = torch.empty(module.weight.shape)  # of one memory layout, so that a seed means one network
                module.weight.copy_(nn.init.kaiming_normal_(drawn, nonlinearity="relu", generator=generator))
                if module.bias is not None:
                    module.bias.zero_()
            elif isinstance(module, nn.BatchNorm2d):
                module.reset_parameters()
                module.momentum = None  # the statistics of the batch themselves
        # Norms that never saw a batch would let the activations grow from block to block.
        model.train()(first_batch)
    return Segmenter(model.eval().requires_grad_(False), segmenter.card, segmenter.fast)


@dataclass(frozen=True)
class Explanation:
    """What the network's answer in a box depends on.

    Attributes:
        gradient: (H, W) float32: by how much the box's logit rises per unit of grey, signed; with noisy copies their
            mean (SmoothGrad, Smilkov et al. 2017).
        influence: (H, W) float32, 0 or more: the size of the gradient; with noisy copies the mean of its sizes.
        cams: site -> (h, w) float32, 0 or more, at the site's own resolution and without the padding: where the
            site's maps speak for salt in the box (Grad-CAM, Selvaraju et al. 2017; Vinogradova et al. 2020).
        logit: the mean over the box, not yet divided by the temperature.
        probability: the mean over the box, 0 to 1; of an image of one single grey 0, as everywhere.
    """

    gradient: Maps
    influence: Maps
    cams: dict[str, Maps]
    logit: float
    probability: float


def explain_pixel(
    segmenter: Segmenter, image: ImageArray, box: Box, samples: int = 0, noise: float = 0.1, seed: int = 0
) -> Explanation:
    """Asks why the network says what it says in a box, by gradients of the box's mean logit.

    A gradient says what a small change would do.  It does not say what the network has seen there.

    Args:
        segmenter: the network.
        image: the image, at most 256 pixels a side.
        box: top, left, height, width; one pixel is (row, column, 1, 1).
        samples: how many noisy copies the gradient is averaged over; 0 takes the image's own.
        noise: standard deviation of that noise, as a share of the image's range of grey.
        seed: of the noise.

    Returns:
        Gradient, influence, Grad-CAM of every encoder, the bottleneck and every decoder, logit and probability.
        Grad-CAM, logit and probability are always those of the image itself.

    Raises:
        ValueError: an image that ``Segmenter.trace`` does not take, a box that does not lie in it, a negative number
            of samples, or a noise that is not finite and 0 or more.
    """
    if samples < 0 or not 0 <= noise < np.inf:
        raise ValueError(f"expected samples and noise of 0 or more, got {samples} and {noise}")
    with torch.inference_mode(False):  # gradients, whatever mode the caller is in
        x, padding = segmenter.network_input(image)
        _check(box, padding.height, padding.width)
        strides = {site.name: site.stride for site in segmenter.model.sites() if _has_cam(site.name)}
        kept: dict[str, Tensor] = {}

        def tap(name: str, tensor: Tensor) -> Tensor:
            if name in strides:
                kept[name] = tensor
            return tensor

        x.requires_grad_()
        logits = segmenter.model(x, tap)
        target = _in_box(logits, box, padding).sum()
        own, *at_sites = torch.autograd.grad(target, [x, *kept.values()])
        cams = {
            name: padding.crop(_cam(kept[name].detach(), slope), strides[name])
            for name, slope in zip(kept, at_sites, strict=True)
        }
        x = x.detach()
        gradient = _of_grey(own, padding)[0]
        influence = gradient.abs()
        if samples:
            gradient, influence = _smooth(segmenter, x, padding, box, samples, noise, seed)
        top, left, height, width = box
        probability = _probability(segmenter, image, padding, logits.detach())[0]
    return Explanation(
        gradient=gradient.cpu().numpy(),
        influence=influence.cpu().numpy(),
        cams=cams,
        logit=target.item(),
        probability=float(probability[top : top + height, left : left + width].mean(dtype=np.float64)),
    )


def influence_box(influence: NDArray[np.float32], box: Box, share: float) -> Box:
    """The smallest rectangle around a box that holds a share of all influence.

    Args:
        influence: (H, W), 0 or more.
        box: top, left, height, width; the rectangle contains it.
        share: above 0, up to 1.

    Returns:
        top, left, height, width of the rectangle of least area, the first of equals from the top.

    Raises:
        ValueError: a box that does not lie in the image, or a share that is not above 0 and up to 1.
    """
    height, width = influence.shape
    _check(box, height, width)
    if not 0 < share <= 1:
        raise ValueError(f"expected a share above 0 and up to 1, got {share}")
    integral = np.zeros((height + 1, width + 1))
    integral[1:, 1:] = influence.cumsum(0, dtype=np.float64).cumsum(1)
    wanted = share * integral[-1, -1] * (1 - 1e-12)  # sums in another order round differently

    # For every pair of a top and a bottom two walls walk to the right.  While too little lies between them the right
    # one takes a step, otherwise the left one: it passes every narrowest rectangle.  All pairs walk at once.
    top, left, rows, columns = box
    tops, bottoms = (grid.ravel() for grid in np.meshgrid(range(top + 1), range(top + rows, height + 1), indexing="ij"))
    strips = (integral[bottoms] - integral[tops]).ravel()  # of each pair, what lies left of each column
    base = np.arange(len(tops)) * (width + 1)
    first, last = base.copy(), base + left + columns
    ends, starts = base + width, base + left  # how far the walls may go
    best = np.full(len(tops), width + 1)
    best_first = first.copy()
    for _ in range(left + 1 + width - left - columns + 1):
        enough = strips[last] - strips[first] >= wanted
        better = enough & (last - first < best) & (first <= starts)
        best[better] = (last - first)[better]
        best_first[better] = first[better]
        first += enough & (first <= starts)
        last += ~enough & (last < ends)
    pair = int(np.argmin(np.where(best <= width, best * (bottoms - tops), np.inf)))
    return int(tops[pair]), int(best_first[pair] - base[pair]), int(bottoms[pair] - tops[pair]), int(best[pair])


def receptive_field(config: UNetConfig) -> int:
    """How many pixels a side a logit can depend on at most, by the arithmetic of kernels and strides.

    A logit's field depends on its place in the grid of the bottleneck; this is the widest.  Most of it has hardly any
    influence: ``influence_box`` says which part has.

    Args:
        config: of the network; ``efficientnet-lite0`` needs its extra here too.

    Raises:
        ValueError: the encoder's package is not installed.

    Example:
        >>> receptive_field(UNetConfig(depth=1, upsample="transposed"))
        18
    """
    with torch.device("meta"):  # shapes without numbers
        model = UNet(config)
    fields = [_field(model, pixel) for pixel in range(config.stride)]
    return max(last - first + 1 for first, last in fields)


def _field(model: UNet, pixel: int) -> tuple[int, int]:
    """The first and the last input row that the logit of one row depends on, far from every edge."""
    first = last = pixel
    skips = []
    for block in model.decoder:  # from full resolution down
        first, last = _through(block, first, last)
        skips.append((first, last))
        if model.config.upsample == "bilinear":  # between the two nearest rows below
            first, last = (first - 1) // 2, (last + 1) // 2
        else:
            first, last = first // 2, last // 2
    first, last = _through(model.encoder[-1], first, last)
    for block, (skip_first, skip_last) in zip(reversed(model.encoder[:-1]), reversed(skips), strict=True):
        if isinstance(model.pool, nn.MaxPool2d):
            first, last = 2 * first, 2 * last + 1
        first, last = _through(block, min(first, skip_first), max(last, skip_last))
    return first, last


def _through(block: nn.Module, first: int, last: int) -> tuple[int, int]:
    """The input rows behind some output rows of the convolutions in a block, which pad to keep or halve the size."""
    for layer in reversed([layer for layer in block.modules() if isinstance(layer, nn.Conv2d)]):
        size, stride = layer.kernel_size[0], layer.stride[0]
        above = (size - stride) // 2
        first, last = first * stride - above, last * stride - above + size - 1
    return first, last


def _filled(tensor: Tensor, fill: Literal["zero", "mean"]) -> Tensor:
    if fill == "zero":
        return torch.zeros_like(tensor)
    if fill == "mean":
        return tensor.mean((2, 3), keepdim=True).expand_as(tensor)
    raise ValueError(f"expected 'zero', 'mean' or an image to fill with, got {fill!r}")


def _probability(segmenter: Segmenter, image: ImageArray, padding: Padding, logits: Tensor) -> NDArray[np.float32]:
    """(N, 1, h, w) logits of the padded image -> (N, H, W) probabilities, by the segmenter's own rules."""
    probability = np.ascontiguousarray(padding.crop(segmenter.sigmoid(logits[:, 0]).cpu().numpy()))
    probability[:, margin(grey(image))] = 0
    return probability


def _check(box: Box, height: int, width: int) -> None:
    top, left, rows, columns = box
    if min(top, left) < 0 or min(rows, columns) < 1 or top + rows > height or left + columns > width:
        raise ValueError(
            f"expected a box of at least one pixel inside the image of {height} x {width}, "
            f"got top {top}, left {left}, height {rows}, width {columns}"
        )


def _has_cam(name: str) -> bool:
    return name == "bottleneck" or name.startswith(("encoder", "decoder"))


def _in_box(logits: Tensor, box: Box, padding: Padding) -> Tensor:
    """(N, 1, h, w) logits of padded images -> (N,): their means over a box of the image itself."""
    top, left, height, width = box
    top, left = top + padding.top, left + padding.left
    return logits[:, 0, top : top + height, left : left + width].mean((1, 2))


def _cam(maps: Tensor, slope: Tensor) -> Maps:
    """Grad-CAM: (1, C, h, w) maps, each weighted with its mean slope -> (h, w)."""
    cam: Maps = (slope.mean((2, 3), keepdim=True) * maps).sum(1)[0].relu().cpu().numpy()
    return cam


def _shown(padding: Padding, device: torch.device) -> Tensor:
    """(h * w,): which pixel of the image each pixel of the padded one shows."""
    numbers = np.arange(padding.height * padding.width, dtype=np.float32)  # exact up to 4096 pixels a side
    shown = padding.pad(numbers.reshape(padding.height, padding.width)).ravel()
    return torch.from_numpy(shown).to(device, torch.int64)


def _of_grey(gradient: Tensor, padding: Padding) -> Tensor:
    """(N, 1, h, w) with respect to the network's input -> (N, H, W) with respect to grey.

    A pixel near the edge is shown again in the padding, and its gradient is the sum.
    """
    folded = gradient.new_zeros(len(gradient), padding.height * padding.width)
    folded.index_add_(1, _shown(padding, gradient.device), gradient.flatten(1))
    return folded.reshape(-1, padding.height, padding.width) / SPREAD


def _smooth(
    segmenter: Segmenter, x: Tensor, padding: Padding, box: Box, samples: int, noise: float, seed: int
) -> tuple[Tensor, Tensor]:
    """SmoothGrad: the mean over noisy copies of the gradient, and of its size, both (H, W)."""
    generator = torch.Generator().manual_seed(seed)
    shown = _shown(padding, x.device)
    spread = noise * (x.max() - x.min())
    gradient = x.new_zeros(padding.height, padding.width)
    influence = torch.zeros_like(gradient)
    for start in range(0, samples, AT_ONCE):
        count = min(AT_ONCE, samples - start)
        drawn = torch.randn(count, padding.height * padding.width, generator=generator).to(x.device)
        copies = x + spread * drawn[:, shown].reshape(count, *x.shape[1:])
        copies.requires_grad_()
        target = _in_box(segmenter.model(copies), box, padding).sum()
        slopes = _of_grey(torch.autograd.grad(target, copies)[0], padding)
        gradient += slopes.sum(0)
        influence += slopes.abs().sum(0)
    return gradient / samples, influence / samples
