"""Snapshots of a run: the network as it was after some of its epochs, in half precision.

Those of ``NAME.safetensors`` are files of tensors in the folder ``NAME.snapshots`` beside it, one an epoch, and its
card lists them.  They hold what a state dict has of floating-point numbers, as float16.
"""

import hashlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import safetensors.torch
import torch
from torch import Tensor

from unet import checkpoint
from unet.card import Card, Snapshot
from unet.files.atomic import write_atomically
from unet.model import UNet

MOST = 16  # snapshots of a run
LARGEST = torch.finfo(torch.float16).max


class SnapshotError(ValueError):
    """A network of which half precision cannot keep a snapshot."""


def schedule(epochs: int) -> tuple[int, ...]:
    """The epochs of a run that snapshots are kept of.

    Args:
        epochs: how many the run has.

    Returns:
        At most ``MOST``, earliest first: 0, which is before learning, and others evenly spaced on a logarithmic scale,
        because a network changes most in its first epochs.  The last epoch is not among them: its network is the
        weights themselves.

    Example:
        >>> schedule(60)
        (0, 1, 2, 3, 4, 5, 7, 9, 12, 15, 20, 26, 35, 46)
    """
    spaced = np.rint(np.geomspace(1, epochs, MOST)).astype(int).tolist()
    return (0, *sorted(set(spaced) - {epochs}))


def folder(weights: Path) -> Path:
    """Where the snapshots of NAME.safetensors are."""
    return weights.with_suffix(".snapshots")


def path_of(weights: Path, epoch: int) -> Path:
    """The file of the snapshot of an epoch."""
    return folder(weights) / f"{epoch:04d}.safetensors"


def save(weights: Path, model: UNet, epoch: int) -> Snapshot:
    """Writes a snapshot, whole or not at all.

    Args:
        weights: NAME.safetensors of the run; it need not be there yet.
        model: the network, on any device.
        epoch: how many are complete.

    Returns:
        What the card is to say of it.

    Raises:
        SnapshotError: a weight is larger than half precision can say.
        OSError: it cannot be written.
    """
    tensors = {name: tensor.detach().cpu().half() for name, tensor in _floating(model).items()}
    for name, tensor in tensors.items():
        if not tensor.isfinite().all():
            raise SnapshotError(f"expected values up to {LARGEST:,.0f}, as half precision has them, got more in {name}")
    content = safetensors.torch.save({name: tensor.contiguous() for name, tensor in tensors.items()})
    path = path_of(weights, epoch)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, content)
    return Snapshot(epoch=epoch, sha256=hashlib.sha256(content).hexdigest())


def copy(source: Path, weights: Path, listed: Iterable[Snapshot]) -> None:
    """Copies snapshots of a run that goes on under another name; those that are missing stay so.

    Args:
        source: NAME.safetensors of the run under its earlier name.
        weights: under the name it has now.
        listed: what its card says of them.

    Raises:
        OSError: one cannot be read or written.
    """
    for snapshot in listed:
        old, new = path_of(source, snapshot.epoch), path_of(weights, snapshot.epoch)
        if old.is_file() and not new.exists():
            new.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(new, old.read_bytes())


def kept(weights: Path, card: Card) -> tuple[int, ...]:
    """The epochs, earliest first, whose snapshots are beside weights and of an earlier epoch than these."""
    complete = learned_epochs(card)
    found = (snapshot.epoch for snapshot in card.snapshots if path_of(weights, snapshot.epoch).is_file())
    return tuple(epoch for epoch in found if epoch < complete)


def learned_epochs(card: Card) -> int:
    """How many epochs the weights of a card learned for, as far as it says so; 0 where it does not."""
    said = (card.training or {}).get("epochs")
    return said if isinstance(said, int) and said > 0 else 0


def load(weights: Path, card: Card, epoch: int) -> UNet:
    """The network as it was after an epoch.

    Args:
        weights: NAME.safetensors of the run.
        card: its card, from ``checkpoint.read_card``.
        epoch: one of those that the card lists.

    Returns:
        The network in eval mode with frozen parameters, in float32 and on the CPU.

    Raises:
        CheckpointError: the card does not list the epoch, or its file is missing, damaged, not the one the card was
            written for, or holds tensors that do not fit the card's configuration.
    """
    path = path_of(weights, epoch)
    found = {snapshot.epoch: snapshot.sha256 for snapshot in card.snapshots}
    if epoch not in found:
        raise checkpoint.CheckpointError(f"{path}: expected a snapshot that the card lists, got none of epoch {epoch}")
    model = checkpoint.outline(weights, card)
    wanted = {name: tensor.half() for name, tensor in _floating(model).items()}
    tensors = {name: tensor.float() for name, tensor in checkpoint.read_tensors(path, wanted, found[epoch]).items()}
    state = model.state_dict()
    counts = {name: torch.zeros_like(state[name], device="cpu") for name in state.keys() - tensors.keys()}
    return checkpoint.fill(path, model, counts | tensors)


def _floating(model: UNet) -> dict[str, Tensor]:
    """The state dict without the number of batches that a norm has seen, which nothing uses."""
    return {name: tensor for name, tensor in model.state_dict().items() if tensor.is_floating_point()}
