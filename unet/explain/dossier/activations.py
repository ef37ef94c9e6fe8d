"""What the channels of every site do over many tiles: where they are highest, and how far they resemble each other."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from unet.explain.ablation import AT_ONCE
from unet.image import Padding
from unet.segmenter import Segmenter

Floats = NDArray[np.float64]
NOISE = 1e-6  # of its values: a map that differs by no more is the same everywhere, up to rounding


def record(segmenter: Segmenter, x: Tensor, sites: Sequence[str]) -> dict[str, Tensor]:
    """The activations of some sites: name -> (N, C, h, w), of the network's input (N, 1, h, w)."""
    found: dict[str, Tensor] = {}

    def tap(name: str, tensor: Tensor) -> Tensor:
        if name in sites:
            found[name] = tensor
        return tensor

    with torch.inference_mode():
        segmenter.network(x, tap)
    return found


@dataclass(frozen=True)
class Peaks:
    """The highest value of every channel in every tile, (T, C) each; rows and columns are pixels of the tile."""

    values: NDArray[np.float32]
    rows: NDArray[np.intp]
    columns: NDArray[np.intp]


class Totals:
    """Running totals of a site's maps over positions and tiles.

    Args:
        channels: of the site.
    """

    def __init__(self, channels: int) -> None:
        self.positions = 0
        self._sums = np.zeros(channels)
        self._products = np.zeros((channels, channels))
        self._above = np.zeros(channels)
        self.lowest = np.full(channels, np.inf)
        self.highest = np.full(channels, -np.inf)

    def add(self, maps: Tensor) -> None:
        """Counts (N, C, h, w) maps in."""
        values = maps.transpose(0, 1).flatten(1).double()  # in float32 the sums of millions would be off
        self.positions += values.shape[1]
        self._sums += values.sum(1).cpu().numpy()
        self._products += (values @ values.T).cpu().numpy()
        self._above += (values > 0).sum(1).cpu().numpy()
        self.lowest = np.minimum(self.lowest, values.amin(1).cpu().numpy())
        self.highest = np.maximum(self.highest, values.amax(1).cpu().numpy())

    @property
    def dead(self) -> NDArray[np.bool_]:
        """(C,) whether a channel is the same at every position of every tile, up to rounding."""
        size = np.maximum(np.abs(self.lowest), np.abs(self.highest))
        return np.asarray(self.highest - self.lowest <= NOISE * size)

    @property
    def active(self) -> Floats:
        """(C,) the share of positions above 0."""
        return self._above / self.positions

    def correlations(self) -> Floats:
        """(C, C) Pearson correlations of channels; NaN in the rows and columns of dead ones."""
        mean = self._sums / self.positions
        covariance = self._products / self.positions - np.outer(mean, mean)
        variance = np.diag(covariance)
        spread = np.sqrt(np.where(self.dead | (variance <= 0), np.nan, variance))  # 0 or below by rounding alone
        found: Floats = np.clip(covariance / np.outer(spread, spread), -1, 1)
        return found


def watch(
    segmenter: Segmenter,
    images: NDArray[np.uint8],
    totals: dict[str, Totals],
    advance: Callable[[int], None],
) -> dict[str, Peaks]:
    """Counts the activations of tiles in, and finds their peaks.

    Args:
        segmenter: the network.
        images: (T, H, W) uint8 tiles, at most 256 pixels a side.
        totals: site -> its totals so far; only these sites are watched.
        advance: called with the number of tiles that are done.

    Returns:
        Site -> its peaks.  Maps are taken without the padding; where a channel has its highest value several times in
        a tile, the first in reading order counts.
    """
    strides = {site.name: site.stride for site in segmenter.model.sites()}
    found: dict[str, list[tuple[NDArray[np.float32], NDArray[np.intp], NDArray[np.intp]]]] = {
        name: [] for name in totals
    }
    for start in range(0, len(images), AT_ONCE):
        batch = [segmenter.network_input(image) for image in images[start : start + AT_ONCE]]
        padding = batch[0][1]
        for name, padded in record(segmenter, torch.cat([x for x, _ in batch]), list(totals)).items():
            stride = strides[name]
            maps = _crop(padded, padding, stride)
            totals[name].add(maps)
            highest, cells = maps.flatten(2).max(2)
            rows, columns = np.divmod(cells.cpu().numpy(), maps.shape[3])
            found[name].append(
                (
                    highest.cpu().numpy(),
                    _pixels(rows, stride, padding.top, padding.height),
                    _pixels(columns, stride, padding.left, padding.width),
                )
            )
        advance(len(batch))
    return {name: Peaks(*map(np.concatenate, zip(*parts, strict=True))) for name, parts in found.items() if parts}


def _crop(maps: Tensor, padding: Padding, stride: int) -> Tensor:
    """As ``Padding.crop``, where the tensor is."""
    bottom, right = -(-(padding.top + padding.height) // stride), -(-(padding.left + padding.width) // stride)
    return maps[..., padding.top // stride : bottom, padding.left // stride : right]


def _pixels(cells: NDArray[np.intp], stride: int, before: int, length: int) -> NDArray[np.intp]:
    """The pixels in the middle of cells along an axis that ``before`` pixels were added to."""
    return np.clip(cells * stride + stride // 2 - before % stride, 0, length - 1)
