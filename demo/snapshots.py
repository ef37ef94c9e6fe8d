"""The chosen network as it was during its run, where ``train.py --snapshots`` kept that.

Snapshots are opened when they are wanted.  Four at a time stay in memory, and all of two runs with small networks, for
all users.
"""

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from demo.viewer_requests import RequestError
from demo.weights import WeightsKey
from unet import snapshots, typed
from unet.checkpoint import CheckpointError
from unet.segmenter import Segmenter
from unet.typed import Count, Share

SMALL = 64_000_000  # bytes of a run's networks that stay in memory
BYTES = 8  # of a weight: in float32, and once more where the batch norms are folded


class _Validated(Struct, frozen=True):
    """An epoch that was validated, in the history of a card."""

    epoch: Count
    iou: Share


def kept_epochs(segmenter: Segmenter, weights: WeightsKey) -> tuple[int, ...]:
    """The epochs with a snapshot, earliest first, without that of the finished network."""
    return snapshots.kept(Path(weights[0]), segmenter.card)


@lru_cache(maxsize=4)
def open_snapshot(segmenter: Segmenter, weights: WeightsKey, epoch: int) -> Segmenter:
    """The network as it was after an epoch, with the card, and so the temperature, of the finished one.

    Raises:
        RequestError: there is no snapshot of the epoch, or it cannot be read.
    """
    epochs = kept_epochs(segmenter, weights)
    if epoch not in epochs:
        expected = f"one of the epochs {', '.join(map(str, epochs))}" if epochs else "weights with snapshots"
        raise RequestError(f"expected {expected}, got epoch {epoch}")
    return _load(segmenter, weights, epoch)


def networks(segmenter: Segmenter, weights: WeightsKey) -> Iterator[Segmenter]:
    """The network as it was after every epoch that is kept, one at a time, and last the finished one.

    Raises:
        RequestError: a snapshot cannot be read.
    """
    epochs = kept_epochs(segmenter, weights)
    if BYTES * len(epochs) * sum(parameter.numel() for parameter in segmenter.model.parameters()) <= SMALL:
        yield from _open_all(segmenter, weights, epochs)
    else:
        for epoch in epochs:
            yield _load(segmenter, weights, epoch)
    yield segmenter


def validation_iou(segmenter: Segmenter, weights: WeightsKey) -> NDArray[np.float32]:
    """The IoU of the validation tiles by each of ``networks``, as the card's history has it; NaN where it has none."""
    training = segmenter.card.training or {}
    try:
        history = typed.convert(training.get("history", []), tuple[_Validated, ...])
    except ValueError:  # of another version
        history = ()
    found = {entry.epoch: entry.iou for entry in history}
    epochs = (*kept_epochs(segmenter, weights), snapshots.learned_epochs(segmenter.card))
    return np.array([found.get(epoch, np.nan) for epoch in epochs], np.float32)


@lru_cache(maxsize=2)
def _open_all(segmenter: Segmenter, weights: WeightsKey, epochs: tuple[int, ...]) -> tuple[Segmenter, ...]:
    return tuple(_load(segmenter, weights, epoch) for epoch in epochs)


def _load(segmenter: Segmenter, weights: WeightsKey, epoch: int) -> Segmenter:
    path = Path(weights[0])
    try:
        return Segmenter(snapshots.load(path, segmenter.card, epoch), segmenter.card)
    except CheckpointError as error:
        reason = str(error).removeprefix(f"{snapshots.path_of(path, epoch)}: ")
        raise RequestError(f"the snapshot of epoch {epoch} cannot be read: {reason}") from None
