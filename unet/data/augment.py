"""Augmentation of a whole batch of training tiles at once, on the device that trains.

Every tile goes through one affine map and one change of grey, straight into the padded input.  Some tiles of every
batch are varied further, as another survey would: see ``unet.data.survey``.  All numbers are drawn before an epoch
begins, so no step waits for the processor.
"""

from dataclasses import dataclass, fields

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from unet.data.survey import STRETCH, SurveyVariants, draw_survey_variants, vary
from unet.image import MEAN, SPREAD, Padding

SHIFT = 0.12  # of the side, to either side
ZOOM = 1.25  # between 1 / ZOOM and ZOOM
ROTATION = 6.0  # degrees, to either side; layers stay layers
SHEAR = 0.1
CONTRAST = 1.25  # between 1 / CONTRAST and CONTRAST
BRIGHTNESS = 0.1  # of the full grey range, up or down


@dataclass(frozen=True)
class Variants:
    """Random variants of the tiles in the batches of an epoch, and those of one batch when it is indexed.

    Attributes:
        affine: (..., N, 2, 3) float32, maps of (column, row, 1) from padded output to image.
        contrast: (..., N) float32, factors about a grey of one half.
        brightness: (..., N) float32, to add.
        varied: (M,) int64, positions in every batch of the tiles that are varied as other surveys would.
        survey: how, (..., M); contrast and brightness above are for the others.
    """

    affine: Tensor
    contrast: Tensor
    brightness: Tensor
    varied: Tensor
    survey: SurveyVariants

    def __getitem__(self, step: int) -> "Variants":
        return Variants(self.affine[step], self.contrast[step], self.brightness[step], self.varied, self.survey[step])

    def to(self, device: torch.device) -> "Variants":
        """The same on a device."""
        return Variants(*(getattr(self, field.name).to(device) for field in fields(self)))


def draw_variants(
    shape: tuple[int, ...],
    survey_share: float,
    size: tuple[int, int],
    padding: Padding,
    generator: np.random.Generator,
    world_size: int = 1,
    rank: int = 0,
) -> Variants:
    """The variants of an epoch, for one of several processes.

    Args:
        shape: (steps, N), the batches of each process and the tiles in each of them.
        survey_share: share of the tiles in the batches of one step that are varied as other surveys would.
        size: (H, W) of the tiles.
        padding: of the output; where its height and width are smaller than the tile's, so is what is drawn.
        generator: draws the variants; every process passes an equal one.
        world_size: number of processes.
        rank: index of this process.
    """
    steps, batch_size = shape
    places = np.arange(world_size * batch_size)
    survey = np.floor((places + 1) * survey_share) > np.floor(places * survey_share)  # spread evenly
    shape = (steps, len(places))
    affine = _affine_maps(shape, survey, size, padding, generator)
    contrast = CONTRAST ** generator.uniform(-1, 1, shape)
    brightness = generator.uniform(-BRIGHTNESS, BRIGHTNESS, shape)
    variants = draw_survey_variants((steps, int(survey.sum())), generator)
    own = slice(rank * batch_size, (rank + 1) * batch_size)
    before = int(survey[: own.start].sum())
    varied = torch.from_numpy(np.flatnonzero(survey[own]))

    def chosen(values: NDArray[np.float64]) -> Tensor:
        return torch.from_numpy(values[:, own].astype(np.float32))

    survey_variants = variants[:, before : before + len(varied)]
    return Variants(chosen(affine), chosen(contrast), chosen(brightness), varied, survey_variants)


def _affine_maps(
    shape: tuple[int, ...],
    survey: NDArray[np.bool_],
    size: tuple[int, int],
    padding: Padding,
    generator: np.random.Generator,
) -> NDArray[np.float64]:
    """(*shape, 2, 3) maps from padded output to image: flip, zoom, rotation, shear and shift about the centre."""
    zoom = ZOOM ** generator.uniform(-1, 1, shape)
    angle = np.deg2rad(generator.uniform(-ROTATION, ROTATION, shape))
    shear = generator.uniform(-SHEAR, SHEAR, shape)
    flip = np.where(generator.random(shape) < 0.5, -1.0, 1.0)
    shift = generator.uniform(-SHIFT, SHIFT, (*shape, 2)) * (size[1], size[0])
    stretch = np.where(survey[:, None], STRETCH ** generator.uniform(-1, 1, (*shape, 2)), 1 / zoom[..., None])
    cosine, sine, none = np.cos(angle), np.sin(angle), np.zeros(shape)
    rotated = _matrices(cosine, -sine, sine, cosine) @ _matrices(flip, none, shear, none + 1)
    coarser = np.array([size[1] / padding.width, size[0] / padding.height])  # input pixels per output pixel
    linear = (stretch * coarser)[..., None] * rotated
    # The centre of the image stays in the centre, then moves by the shift.
    centre_in = np.array([(size[1] - 1) / 2, (size[0] - 1) / 2])
    centre_out = np.array([(padding.width - 1) / 2 + padding.left, (padding.height - 1) / 2 + padding.top])
    offset = centre_in + shift - linear @ centre_out
    return np.concatenate([linear, offset[..., None]], axis=-1)


def _matrices(
    a: NDArray[np.float64], b: NDArray[np.float64], c: NDArray[np.float64], d: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Four (...) arrays -> (..., 2, 2) matrices, row by row."""
    return np.stack([a, b, c, d], axis=-1).reshape(*a.shape, 2, 2)


def augment(images: Tensor, targets: Tensor, padding: Padding, variants: Variants) -> tuple[Tensor, Tensor]:
    """One variant of every tile of a batch, padded and normalised.

    Args:
        images: (N, H, W) uint8.
        targets: (N, H, W) uint8, 0 = not salt, 255 = salt, between = a teacher's probability.
        padding: that the variants were drawn for.
        variants: of one step.

    Returns:
        (N, 1, h, w) float32 network input and (N, 1, h, w) float32 target, 0 to 1, of the padded size.
    """
    grey, target = warp(images, targets, padding, variants.affine)
    contrast, brightness = variants.contrast[:, None, None], variants.brightness[:, None, None]
    changed = ((grey - 0.5) * contrast + (0.5 + brightness)).clamp(0, 1)
    if len(variants.varied):
        other_grey, other_target = vary(grey[variants.varied], target[variants.varied], variants.survey)
        changed = changed.index_copy(0, variants.varied, other_grey)
        target = target.index_copy(0, variants.varied, other_target)
    x = (changed - MEAN) / SPREAD
    return x[:, None].contiguous(memory_format=torch.channels_last), target[:, None]


def warp(images: Tensor, targets: Tensor, padding: Padding, affine: Tensor) -> tuple[Tensor, Tensor]:
    """Images and targets through affine maps (output -> input) into the padded size, mirrored beyond the edges.

    Args:
        images: (N, H, W) uint8.
        targets: (N, H, W) uint8.
        padding: its padded size is that of the output.
        affine: (N, 2, 3) float32, in pixels.

    Returns:
        (N, h, w) float32 greys and (N, h, w) float32 targets, both in [0, 1].
    """
    both = torch.stack([images, targets], dim=1).float() / 255
    height, width = images.shape[1:]
    rows, columns = (torch.arange(n, device=both.device) for n in (padding.padded_height, padding.padded_width))
    row, column = torch.meshgrid(rows.float(), columns.float(), indexing="ij")
    output = torch.stack([column, row, torch.ones_like(row)], dim=-1).flatten(0, 1)  # (h * w, 3)
    pixels = (output @ affine.mT).view(len(both), *row.shape, 2)  # (N, h, w, 2)
    # grid_sample counts from -1 in the centre of the first pixel to 1 in that of the last.
    grid = torch.stack([2 * pixels[..., 0] / (width - 1) - 1, 2 * pixels[..., 1] / (height - 1) - 1], dim=-1)
    sampled = functional.grid_sample(both, grid, padding_mode="reflection", align_corners=True)
    return sampled[:, 0], sampled[:, 1]
