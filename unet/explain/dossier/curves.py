"""How channels respond to gain, shift and rotation of the input.

Sections are drawn larger than what the network sees: a shifted or turned window then shows more of the same section,
and no edge moves in.  The map of the changed window is read where the positions of the unchanged one have come to lie,
between cells bilinearly; that is the map shifted and turned back.  Positions are those in the middle of the window, so
that its edge counts little.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from unet.explain.dossier.activations import record
from unet.explain.dossier.file import Curve, rounded_or_none
from unet.image import grey
from unet.segmenter import Segmenter
from unet.synthetic import section

GAINS = (0.5, 0.71, 1.41, 2.0)
SHIFTS = (1, 2, 3, 4, 5, 6, 7, 8)
ANGLES = (5, 10, 20, 45, 90)
WINDOW = 112  # pixels a side that the network sees, or the next multiple of its stride
AROUND = 32  # pixels of section around that: enough for a shift, and for the corners of a turned window
MIDDLE = 64  # pixels a side that are compared


@dataclass(frozen=True)
class Variant:
    """A change of the input: to its contrast, sideways in pixels, counter-clockwise in degrees."""

    gain: float = 1.0
    shift: int = 0
    angle: float = 0.0

    def window(self, section: NDArray[np.float32], side: int) -> NDArray[np.float32]:
        """The changed window, ``side`` x ``side``, of a square section in [0, 1]."""
        whole = len(section)
        if self.angle:
            middle = (whole - 1) / 2
            turned = cv2.warpAffine(
                section, cv2.getRotationMatrix2D((middle, middle), self.angle, 1), (whole, whole), flags=cv2.INTER_CUBIC
            )
            section = np.asarray(turned, np.float32)
        start = (whole - side) // 2
        part = section[start : start + side, start + self.shift : start + self.shift + side]
        mean = part.mean()
        changed: NDArray[np.float32] = np.clip(mean + np.float32(self.gain) * (part - mean), 0, 1)
        return changed

    def grid(self, side: int, middle: int) -> Tensor:
        """Where the middle of the unchanged window lies in this one, (middle, middle, 2) for ``grid_sample``."""
        at = torch.arange(middle, dtype=torch.float64) - (middle - 1) / 2
        down, right = torch.meshgrid(at, at, indexing="ij")
        angle = np.deg2rad(self.angle)
        columns = np.cos(angle) * right + np.sin(angle) * down - self.shift
        rows = np.cos(angle) * down - np.sin(angle) * right
        return (2 * torch.stack([columns, rows], -1) / side).float()


def measure_curves(
    segmenter: Segmenter,
    sites: Sequence[str],
    seeds: Sequence[int],
    advance: Callable[[int], None],
    gains: Sequence[float] = GAINS,
    shifts: Sequence[int] = SHIFTS,
    angles: Sequence[float] = ANGLES,
) -> dict[str, list[tuple[Curve, Curve, Curve]]]:
    """The curves of every channel over synthetic sections.

    Args:
        segmenter: the network.
        sites: names of its sites.
        seeds: of the sections.
        advance: called with the number of windows that went through the network.
        gains: factors of the contrast about the window's mean grey; what leaves the range of grey is clipped.
        shifts: in pixels, at most 32.
        angles: in degrees.

    Returns:
        Site -> gain, shift and rotation of each channel.
    """
    variants = [
        *(Variant(gain=gain) for gain in gains),
        *(Variant(shift=shift) for shift in shifts),
        *(Variant(angle=angle) for angle in angles),
    ]
    stride = segmenter.model.config.stride
    side = -(-WINDOW // stride) * stride
    grids = torch.stack([variant.grid(side, MIDDLE) for variant in (Variant(), *variants)])
    channels = {site.name: site.channels for site in segmenter.model.sites()}
    totals = {name: _Comparison(len(variants), channels[name]) for name in sites}
    for seed in seeds:
        whole = grey(section(seed, side + 2 * AROUND, side + 2 * AROUND)[0])
        windows = [variant.window(whole, side) for variant in (Variant(), *variants)]
        x = torch.cat([segmenter.network_input(window)[0] for window in windows])
        for name, maps in record(segmenter, x, sites).items():
            totals[name].add(functional.grid_sample(maps, grids.to(maps), mode="bilinear", align_corners=False))
        advance(len(windows))
    first, last = len(gains), len(gains) + len(shifts)
    parts = (slice(0, first), slice(first, last), slice(last, None))
    curves = {}
    for name, total in totals.items():
        activation, correlation = total.activation(), total.correlation()
        of_part = [_curves(activation[part], correlation[part]) for part in parts]
        curves[name] = list(zip(*of_part, strict=True))
    return curves


class _Comparison:
    """Running totals of the maps of V variants beside those of the unchanged input."""

    def __init__(self, variants: int, channels: int) -> None:
        self._positions = 0
        # Of the values, their squares, their absolute values, and their products with the unchanged: (1 + V, C) each.
        self._sums = np.zeros((4, 1 + variants, channels))

    def add(self, maps: Tensor) -> None:
        """Counts maps in, (1 + V, C, h, w), the unchanged first."""
        values = maps.flatten(2).double()
        self._positions += values.shape[2]
        parts = (values, values.square(), values.abs(), values * values[:1])
        self._sums += torch.stack([part.sum(2) for part in parts]).cpu().numpy()

    def activation(self) -> NDArray[np.float64]:
        """(V, C), NaN where the unchanged map is 0."""
        absolute = self._sums[2]
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(absolute[:1] > 0, absolute[1:] / absolute[:1], np.nan)

    def correlation(self) -> NDArray[np.float64]:
        """(V, C), NaN where either map is the same everywhere."""
        mean, square, _, product = self._sums / self._positions
        variance = square - mean**2
        variance[variance <= 1e-12 * square] = np.nan  # nothing but rounding
        found: NDArray[np.float64] = (product - mean * mean[:1])[1:] / np.sqrt(variance[1:] * variance[:1])
        return np.clip(found, -1, 1)


def _curves(activation: NDArray[np.float64], correlation: NDArray[np.float64]) -> list[Curve]:
    """The curve of each channel, from (V, C) of each measure."""
    return [
        Curve(activation=tuple(map(rounded_or_none, means)), correlation=tuple(map(rounded_or_none, same)))
        for means, same in zip(activation.T.tolist(), correlation.T.tolist(), strict=True)
    ]
