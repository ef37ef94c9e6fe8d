"""What other surveys bring: another wavelet, polarity, gain, noise and scale, dead traces and gaps.

A network that has seen one survey alone takes that survey's look for the rule.  Here a batch of tiles is varied as
surveys differ, each property by a random amount, so that what stays the same is the shape of salt.  Randomising what
must not matter is domain randomisation (Tobin et al. 2017).
"""

from dataclasses import dataclass, fields
from functools import cache

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

STRETCH = 2.0  # rows and columns apart from each other, between 1 / STRETCH and STRETCH
CORNERS = (0.15, 0.6)  # of the wavelet's low-pass, in cycles per row: 0.5 and above leave everything
PHASE = 90.0  # degrees of constant phase rotation, to either side
TAPS = 31  # of the filter that changes the wavelet, in rows
REVERSED = 0.25  # share of tiles with the other polarity
CONTRAST = 2.0  # between 1 / CONTRAST and CONTRAST
RAMP = 2.0  # the gain at the bottom over that at the top, between 1 / RAMP and RAMP
GAMMA = 1.6  # between 1 / GAMMA and GAMMA
NOISE = 0.1  # the largest deviation of noise, of the full grey range
RECTANGLES = 3  # flat ones of a tile: dead traces and gaps, each there or not
DEAD = 0.15  # share of rectangles that are dead traces, 1 to 3 columns wide
GAPS = 0.07  # share of rectangles that are gaps, up to half a side
FIELD = 512  # rows and columns of the noise from which pieces are taken


@dataclass(frozen=True)
class SurveyVariants:
    """How tiles are varied, of any leading shape (...); all float32 but ``place``.

    Attributes:
        kernel: (..., TAPS), a filter along the rows.
        polarity: (...), 1 or -1.
        contrast: (...), factors about the middle grey.
        ramp: (...), the natural logarithm of the gain at the bottom over that at the top.
        gamma: (...), exponents.
        noise: (...), deviations.
        place: (..., 2) int64, row and column of the noise.
        rectangles: (..., RECTANGLES, 4), top, left, bottom and right as shares of the tile; empty where top = bottom.
        flat: (..., RECTANGLES), their grey.
    """

    kernel: Tensor
    polarity: Tensor
    contrast: Tensor
    ramp: Tensor
    gamma: Tensor
    noise: Tensor
    place: Tensor
    rectangles: Tensor
    flat: Tensor

    def __getitem__(self, index: int | slice | tuple[slice | int, ...]) -> "SurveyVariants":
        return SurveyVariants(*(getattr(self, field.name)[index] for field in fields(self)))

    def to(self, device: torch.device) -> "SurveyVariants":
        """The same on a device."""
        return SurveyVariants(*(getattr(self, field.name).to(device) for field in fields(self)))


def draw_survey_variants(shape: tuple[int, ...], generator: np.random.Generator) -> SurveyVariants:
    """Random variants of ``shape``, whose affine maps are drawn apart from them: see ``unet.data.augment``."""

    def factors(largest: float) -> NDArray[np.float64]:
        return largest ** generator.uniform(-1, 1, shape)

    values = {
        "kernel": wavelet_filters(
            CORNERS[0] * (CORNERS[1] / CORNERS[0]) ** generator.random(shape), generator.uniform(-PHASE, PHASE, shape)
        ),
        "polarity": np.where(generator.random(shape) < REVERSED, -1.0, 1.0),
        "contrast": factors(CONTRAST),
        "ramp": np.log(factors(RAMP)),
        "gamma": factors(GAMMA),
        "noise": generator.uniform(0, NOISE, shape) * (generator.random(shape) < 0.5),
    }
    rectangles = _rectangles(shape, generator)
    flat = generator.choice([0.0, 0.5, 1.0], size=(*shape, RECTANGLES))
    tensors = {name: torch.from_numpy(value.astype(np.float32)) for name, value in values.items()}
    return SurveyVariants(
        **tensors,
        place=torch.from_numpy(generator.integers(0, FIELD, (*shape, 2))),
        rectangles=torch.from_numpy(rectangles.astype(np.float32)),
        flat=torch.from_numpy(flat.astype(np.float32)),
    )


def wavelet_filters(corners: NDArray[np.float64], degrees: NDArray[np.float64]) -> NDArray[np.float64]:
    """Filters that change the wavelet: a Gaussian low-pass and a constant phase rotation.

    Args:
        corners: (...), the frequency of which half of the energy is left, in cycles per row.
        degrees: (...), of the rotation.

    Returns:
        (..., TAPS), to be correlated with the rows, as ``torch.nn.functional.conv2d`` does.
    """
    frequency = np.fft.rfftfreq(4 * TAPS)
    passed = np.exp(-np.log(2) / 2 * (frequency / corners[..., None]) ** 2)
    spectrum = passed * np.exp(1j * np.deg2rad(degrees[..., None]))
    impulse = np.roll(np.fft.irfft(spectrum, 4 * TAPS), TAPS // 2, axis=-1)[..., :TAPS]
    # A rotated impulse decays slowly: tapered, its ends do not ring.
    return (impulse * np.hanning(TAPS + 2)[1:-1])[..., ::-1]


def vary(grey: Tensor, target: Tensor, variants: SurveyVariants) -> tuple[Tensor, Tensor]:
    """Tiles as another survey would have recorded them.

    Args:
        grey: (N, h, w) float32 in [0, 1].
        target: (N, h, w) float32 in [0, 1].
        variants: (N,) of them.

    Returns:
        Greys and targets of the same shapes.  What is flat now is not salt.
    """
    tiles, height, width = grey.shape
    middle = grey.mean(dim=(1, 2), keepdim=True)
    # Each tile is a channel with a filter of its own; mirrored beyond top and bottom, as tiles are padded.
    half = min(TAPS // 2, height - 1)  # a lower tile has no more to mirror
    kernel = variants.kernel[:, TAPS // 2 - half : TAPS // 2 + half + 1]
    mirrored = functional.pad((grey - middle)[None], (0, 0, half, half), mode="reflect")
    deviation = functional.conv2d(mirrored, kernel[:, None, :, None], groups=tiles)[0]
    rows = torch.linspace(-0.5, 0.5, height, device=grey.device, dtype=grey.dtype)
    gain = variants.polarity * variants.contrast
    deviation = deviation * gain[:, None, None] * torch.exp(variants.ramp[:, None] * rows)[:, :, None]
    grey = (0.5 + variants.polarity[:, None, None] * (middle - 0.5) + deviation).clamp(0, 1)
    grey = grey ** variants.gamma[:, None, None]
    grey = (grey + variants.noise[:, None, None] * _noise(variants.place, height, width)).clamp(0, 1)

    x = (torch.arange(width, device=grey.device) + 0.5) / width
    y = (torch.arange(height, device=grey.device) + 0.5) / height
    for index in range(RECTANGLES):
        top, left, bottom, right = variants.rectangles[:, index, :, None].unbind(1)  # (N, 1) each
        inside = ((y >= top) & (y < bottom))[:, :, None] & ((x >= left) & (x < right))[:, None, :]
        grey = torch.where(inside, variants.flat[:, index, None, None], grey)
        target = target.masked_fill(inside, 0)
    return grey, target


def _noise(place: Tensor, height: int, width: int) -> Tensor:
    """Pieces of one field of unit deviation, (N, height, width), so that noise depends on nothing but its place."""
    rows = (place[:, 0, None] + torch.arange(height, device=place.device)) % FIELD
    columns = (place[:, 1, None] + torch.arange(width, device=place.device)) % FIELD
    return _field(place.device)[rows[:, :, None], columns[:, None, :]]


@cache
def _field(device: torch.device) -> Tensor:
    """The noise, (FIELD, FIELD) float32: half of it white, half as coarse as reflections are."""
    white, coarse = np.random.default_rng(0).standard_normal((2, FIELD, FIELD), dtype=np.float32)
    coarse = cv2.GaussianBlur(coarse, (0, 0), sigmaX=4.0, sigmaY=1.5, borderType=cv2.BORDER_REFLECT_101)
    field = white + coarse / coarse.std()
    return torch.from_numpy(field / field.std()).to(device)


def _rectangles(shape: tuple[int, ...], generator: np.random.Generator) -> NDArray[np.float64]:
    """(..., RECTANGLES, 4): dead traces from top to bottom, gaps anywhere, or nothing."""
    size = (*shape, RECTANGLES)
    kind = generator.random(size)
    dead, gap = kind < DEAD, (kind >= DEAD) & (kind < DEAD + GAPS)
    centre = generator.random((2, *size))
    span = generator.uniform(0.02, 0.5, (2, *size)) / 2
    width = np.where(dead, generator.uniform(0.01, 0.03, size) / 2, span[1])
    top, bottom = (np.where(dead, end, centre[0] + sign * span[0]) for end, sign in ((0.0, -1), (1.0, 1)))
    there = dead | gap
    corners = [top, centre[1] - width, np.where(there, bottom, top), centre[1] + width]
    return np.stack(corners, axis=-1)
