"""The causal effect of channels: what changes when one alone is 0."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from unet import bootstrap, metrics
from unet.data.tiles import Tiles
from unet.explain.ablation import without_channels
from unet.explain.dossier.file import Effect, Estimate, rounded
from unet.segmenter import Segmenter

DECIMALS = 6  # what is smaller is the rounding of float32


def measure_effects(
    segmenter: Segmenter, site: str, tiles: Tiles, of_unit: NDArray[np.intp], advance: Callable[[int], None]
) -> list[Effect]:
    """The effect of every channel of a site on the probability and on the IoU with the ground truth.

    Args:
        segmenter: the network; the IoU is taken at its threshold.
        site: any name of ``UNet.sites()`` but ``logits``.
        tiles: each with salt in its mask.
        of_unit: (N,) the unit of each tile, from ``bootstrap.units``.
        advance: called with the number of channels that are done in a tile.
    """
    changes, ious = [], []
    for image, truth in zip(tiles.images, tiles.masks, strict=True):
        whole, cut = without_channels(segmenter, image, site)
        changes.append(np.abs(cut - whole).mean(axis=(1, 2)))
        both = metrics.mask(np.concatenate([whole[None], cut]), segmenter.threshold)
        iou = (both & truth).sum(axis=(1, 2)) / (both | truth).sum(axis=(1, 2))
        ious.append(iou[1:] - iou[0])
        advance(len(cut))
    estimates = (_estimates(np.array(values, np.float64), of_unit) for values in (changes, ious))
    return [Effect(change=change, iou=iou) for change, iou in zip(*estimates, strict=True)]


def _estimates(values: NDArray[np.float64], of_unit: NDArray[np.intp]) -> list[Estimate]:
    """The means of (N, C) values over tiles."""
    low, high = bootstrap.mean_intervals(values, of_unit)
    parts = zip(values.mean(axis=0).tolist(), low.tolist(), high.tolist(), strict=True)
    return [Estimate(*(round(rounded(value), DECIMALS) for value in part)) for part in parts]
