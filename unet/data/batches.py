"""The tiles of an epoch and its batches.

Everything random is drawn from (seed, epoch, tile), never from what ran before it, so a run that was stopped and
resumed sees what one that never stopped sees, and a tile is augmented the same way on whichever process it lands.
"""

from collections.abc import Iterator

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from unet.data.augment import augment
from unet.data.dataset import Images, Targets, TrainingSet
from unet.data.places import DataError
from unet.data.tiles import Tiles
from unet.image import Padding
from unet.synthetic import sections


def epoch_tiles(
    train: TrainingSet | None,
    pseudo_labelled: TrainingSet | None,
    epoch: int,
    synthetic_share: float,
    unlabelled_share: float,
    sections_per_epoch: int,
) -> TrainingSet:
    """The tiles of one epoch, none of them twice: all labelled ones, the next pseudo-labelled ones, synthetic sections.

    Args:
        train: the labelled tiles; None where everything is synthetic.
        pseudo_labelled: the tiles with a teacher's targets, of which every epoch takes the next ones in turn; None
            without.
        epoch: from 0; every epoch has other synthetic sections.
        synthetic_share: how much of the epoch is synthetic, 0 to below 1.
        unlabelled_share: how much of it is ``pseudo_labelled``, where there are so many; both shares together stay
            below 1.
        sections_per_epoch: how many sections where there are no tiles.
    """
    if train is None:
        return _synthetic_sections(sections_per_epoch, epoch)
    whole = len(train.images) / (1 - synthetic_share - (0 if pseudo_labelled is None else unlabelled_share))
    parts = [train]
    if pseudo_labelled is not None:
        count = min(round(whole * unlabelled_share), len(pseudo_labelled.images))
        rows = np.random.default_rng(0).permutation(len(pseudo_labelled.images))
        rows = rows.take(range(epoch * count, (epoch + 1) * count), mode="wrap")
        ids = [pseudo_labelled.ids[row] for row in rows]
        parts.append(TrainingSet(ids, pseudo_labelled.images[rows], pseudo_labelled.targets[rows]))
    count = round(whole * synthetic_share)
    if count:
        parts.append(_synthetic_sections(count, epoch, *train.images.shape[1:]))
    return TrainingSet(
        [name for part in parts for name in part.ids],
        np.concatenate([part.images for part in parts]),
        np.concatenate([part.targets for part in parts]),
    )


def _synthetic_sections(count: int, epoch: int, *size: int) -> TrainingSet:
    """The synthetic sections of one epoch; the number in an id is the seed that ``unet.synthetic`` draws it from."""
    first = epoch * count
    ids = [f"synthetic section {first + i}" for i in range(count)]
    return TrainingSet.labelled(Tiles(ids, *sections(count, first, *size)))


def shrink(tiles: TrainingSet, share: float) -> TrainingSet:
    """Tiles at ``share`` of their height and width, images and targets averaged over the area."""
    size = (round(tiles.images.shape[2] * share), round(tiles.images.shape[1] * share))
    images, targets = (
        np.stack([cv2.resize(image, size, interpolation=cv2.INTER_AREA) for image in part])
        for part in (tiles.images, tiles.targets)
    )
    return TrainingSet(tiles.ids, images, targets)


def epoch_order(count: int, seed: int, epoch: int, batch_size: int, world_size: int, rank: int) -> NDArray[np.int64]:
    """Indices of the tiles in this process's batches, (steps, batch_size) int64.

    Every epoch is one shuffle of all tiles; what does not fill a batch on every process is left out, other tiles each
    time, and no tile comes twice.  The batches of one step on all processes together are the batch that one process
    would have with ``batch_size * world_size``.

    Args:
        count: number of tiles.
        seed: of the run.
        epoch: from 0.
        batch_size: on each process.
        world_size: number of processes.
        rank: index of this process.

    Raises:
        DataError: too few tiles for one batch on every process.
    """
    order = np.random.default_rng([seed, epoch]).permutation(count)
    steps = count // (batch_size * world_size)
    if steps == 0:
        raise DataError(
            f"expected tiles for one batch of {batch_size} on {world_size} processes, got {count}; lower --batch-size"
        )
    return order[: steps * world_size * batch_size].reshape(steps, world_size, batch_size)[:, rank]


def batches(
    images: Images, targets: Targets, order: NDArray[np.int64], stride: int, seed: int, epoch: int
) -> Iterator[tuple[Tensor, Tensor]]:
    """Augmented (N, 1, h, w) float32 inputs and targets in [0, 1], one pair for each row of ``order``.

    Args:
        images: of the tiles of the epoch.
        targets: likewise.
        order: (steps, N) int64, from ``epoch_order``.
        stride: of the network; ``h`` and ``w`` are multiples of it.
        seed: of the run.
        epoch: from 0.
    """
    padding = Padding.to_multiple(images.shape[1], images.shape[2], stride)
    for indices in order:
        pairs = [augment(images[i], targets[i], padding, np.random.default_rng([seed, epoch, int(i)])) for i in indices]
        x, y = (torch.from_numpy(np.stack(side))[:, None] for side in zip(*pairs, strict=True))
        yield x.contiguous(memory_format=torch.channels_last), y
