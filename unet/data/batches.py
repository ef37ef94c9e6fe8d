"""The tiles of an epoch and its batches, all of them on the device that trains.

Everything random is drawn from (seed, epoch), never from what ran before it, so a run that was stopped and resumed sees
what one that never stopped sees, and several processes see what one does with batches as large as theirs together.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from unet.data.augment import Variants, augment
from unet.data.dataset import TrainingSet
from unet.data.places import DataError
from unet.data.tiles import Tiles
from unet.image import Padding
from unet.synthetic import sections

Batch = tuple[Tensor, Tensor]


class Pool(NamedTuple):
    """Tiles of which every epoch takes the next ones in turn, as a share of its own: 0 to below 1."""

    tiles: TrainingSet
    share: float


def epoch_tiles(labelled: TrainingSet, pools: Sequence[Pool], epoch: int) -> TrainingSet:
    """The tiles of one epoch, none of them twice: all labelled ones, and the next ones of every pool.

    Args:
        labelled: tiles.
        pools: others, on the same device; an epoch has fewer of one that is too small to fill its share.
        epoch: from 0.
    """
    parts = [labelled]
    for tiles, share in pools:
        count = min(pool_count(len(labelled.ids), [pool.share for pool in pools], share), len(tiles.ids))
        order = np.random.default_rng(0).permutation(len(tiles.ids))
        parts.append(tiles.take(order.take(range(epoch * count, (epoch + 1) * count), mode="wrap").tolist()))
    return TrainingSet.join(parts)


def pool_count(labelled: int, shares: Sequence[float], share: float) -> int:
    """How many tiles of a pool with ``share`` belong to an epoch.

    Args:
        labelled: the other tiles of the epoch.
        shares: of all pools, together below 1.
        share: of this one.
    """
    return round(labelled / (1 - sum(shares)) * share)


def synthetic_sections(count: int, first: int, *size: int) -> TrainingSet:
    """Synthetic sections; the number in an id is the seed that ``unet.synthetic`` draws it from.

    Args:
        count: how many.
        first: number of the first one.
        size: height and width, if they are not to be 101.
    """
    ids = [f"synthetic section {first + i}" for i in range(count)]
    return TrainingSet.labelled(Tiles(ids, *sections(count, first, *size)))


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


def batches(tiles: TrainingSet, order: NDArray[np.int64], variants: Variants, padding: Padding) -> Iterator[Batch]:
    """Augmented batches, (N, 1, h, w) float32 inputs and targets in [0, 1], one pair for each row of ``order``.

    Nothing here waits for the device: order and variants are on it before the first batch.

    Args:
        tiles: of the epoch.
        order: (steps, N) int64, from ``epoch_order``.
        variants: (steps, N), from ``draw_variants``.
        padding: that the variants were drawn for.
    """
    device = tiles.images.device
    variants = variants.to(device)
    for step, rows in enumerate(torch.from_numpy(order).to(device)):
        yield augment(tiles.images[rows], tiles.targets[rows], padding, variants[step])
