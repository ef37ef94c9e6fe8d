"""What a run learns from and is judged by: tiles, invented sections, and batches of both.

Everything random in an epoch is drawn from (seed, epoch, tile), never from what ran before it, so a run that was
stopped and resumed sees what one that never stopped sees, and a tile is augmented the same way whichever process of
several meets it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from unet.augment import augment
from unet.data import DEFAULT, DataError, Split, Tiles, load_tiles, read_sections, split_tiles
from unet.image import Padding
from unet.synthetic import sections

Images = NDArray[np.uint8]  # (N, H, W)
Masks = NDArray[np.bool_]  # (N, H, W), True = salt

UNSEEN_SEED = 1_000_000_000  # synthetic sections from here on judge a network; training draws from 0 upwards
UNSEEN_COUNT = 200


@dataclass(frozen=True)
class Material:
    """What a run learns from and is judged by; ``train`` is None where everything is invented."""

    train: Tiles | None
    val: Tiles
    unseen: Tiles
    split: Split | None


def load_material(root: Path | None, val_share: float, seed: int) -> Material:
    """Loads and splits the data.

    Args:
        root: as for ``load_tiles``; None takes data/tgs-salt if it is there, and otherwise everything is invented.
        val_share: the share of tiles to hold back.
        seed: of the split.

    Raises:
        DataError: ``root`` has no tiles, or too few for both sides.
    """
    if root is None and DEFAULT.exists():
        root = DEFAULT
    unseen = Tiles([f"synthetic-{i}" for i in range(UNSEEN_COUNT)], *sections(UNSEEN_COUNT, UNSEEN_SEED))
    if root is None:
        return Material(None, unseen, unseen, None)
    tiles = load_tiles(root)
    split = split_tiles(tiles.ids, read_sections(root), val_share, seed)
    if not split.val or not split.train:
        raise DataError(
            f"{root}: {len(tiles.ids)} tiles leave {len(split.train)} to train and {len(split.val)} to validate; "
            "give more tiles or another --val-share"
        )
    return Material(tiles.subset(split.train), tiles.subset(split.val), unseen, split)


def epoch_tiles(
    train: Tiles | None, epoch: int, synthetic_share: float, sections_per_epoch: int
) -> tuple[Images, Masks]:
    """Images and masks of one epoch: the training tiles and this epoch's fresh invented sections.

    Args:
        train: the tiles; None where everything is invented.
        epoch: from 0; another epoch, other sections.
        synthetic_share: how much of the epoch is invented, 0 to below 1.
        sections_per_epoch: how many sections where there are no tiles.
    """
    if train is None:
        return sections(sections_per_epoch, epoch * sections_per_epoch)
    count = round(len(train.ids) * synthetic_share / (1 - synthetic_share))
    if count == 0:
        return train.images, train.masks
    height, width = train.images.shape[1:]
    images, masks = sections(count, epoch * count, height, width)
    return np.concatenate([train.images, images]), np.concatenate([train.masks, masks])


def shrunk(images: Images, masks: Masks, share: float) -> tuple[Images, Masks]:
    """Tiles at ``share`` of their height and width: grey averaged, a pixel salt where most of its area was."""
    size = (round(images.shape[2] * share), round(images.shape[1] * share))
    areas = [cv2.resize(mask.astype(np.float32), size, interpolation=cv2.INTER_AREA) for mask in masks]
    return np.stack([cv2.resize(i, size, interpolation=cv2.INTER_AREA) for i in images]), np.stack(areas) > 0.5


def epoch_order(count: int, seed: int, epoch: int, batch_size: int, world_size: int, rank: int) -> NDArray[np.int64]:
    """Indices of this process's batches, (steps, batch_size).

    Every epoch is one shuffle of all tiles; what does not fill a batch on every process is left out, other tiles each
    time, and no tile comes twice.
    """
    order = np.random.default_rng([seed, epoch]).permutation(count)
    steps = count // (batch_size * world_size)
    if steps == 0:
        raise DataError(
            f"{count} tiles do not fill one batch of {batch_size} on {world_size} processes; lower --batch-size"
        )
    return order[: steps * world_size * batch_size].reshape(steps, world_size, batch_size)[:, rank]


def batches(
    images: Images, masks: Masks, order: NDArray[np.int64], stride: int, seed: int, epoch: int
) -> Iterator[tuple[Tensor, Tensor]]:
    """Augmented (N, 1, h, w) float32 inputs and 0/1 targets, a pair per row of ``order``."""
    padding = Padding.to_multiple(images.shape[1], images.shape[2], stride)
    for indices in order:
        pairs = [augment(images[i], masks[i], padding, np.random.default_rng([seed, epoch, int(i)])) for i in indices]
        x, y = (torch.from_numpy(np.stack(side))[:, None] for side in zip(*pairs, strict=True))
        yield x.contiguous(memory_format=torch.channels_last), y
