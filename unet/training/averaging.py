"""The mean of the weights of several networks: a model soup (Wortsman et al. 2022).

Networks that were trained on from the same weights, each with other options, lie in one basin of the loss, and their
mean is often better than each of them.  It costs no more to predict with than one.
"""

from collections.abc import Sequence
from pathlib import Path

import torch
from msgspec.structs import replace
from torch import Tensor

from unet import checkpoint
from unet.card import Card
from unet.data.dataset import Dataset
from unet.evaluation import evaluate_network
from unet.image import RULE
from unet.model import UNet
from unet.segmenter import Segmenter
from unet.training.config import plain
from unet.training.data_record import Lineage
from unet.training.errors import TrainingError
from unet.training.provenance import command, version


def load_networks(paths: Sequence[Path]) -> list[tuple[UNet, Card]]:
    """Loads networks that can be averaged.

    Args:
        paths: two or more weights, .safetensors with their cards.

    Raises:
        CheckpointError: one cannot be read.
        TrainingError: there is only one, or they differ in their shape or in the split they were trained on.
    """
    if len(paths) < 2:
        raise TrainingError(f"expected two or more weights to average, got {len(paths)}")
    networks = [checkpoint.load(path) for path in paths]
    (first, card), *others = networks
    for path, (model, other) in zip(paths[1:], others, strict=True):
        if model.config != first.config:
            raise TrainingError(f"{path}: expected a network shaped as {paths[0]}, {first.config}, got {model.config}")
        if (card.split and card.split.sha256) != (other.split and other.split.sha256):
            raise TrainingError(f"{path}: expected the split of {paths[0]}, got another; train both on one --split")
    return networks


def mean_network(models: Sequence[UNet]) -> UNet:
    """The mean of the weights and batch statistics of networks of one shape, in eval mode."""
    mean = UNet(models[0].config)
    states = [model.state_dict() for model in models]
    mean.load_state_dict({name: _mean([state[name] for state in states]) for name in states[0]})
    return mean.eval().requires_grad_(False)


def save_average(networks: Sequence[tuple[UNet, Card]], dataset: Dataset, path: Path) -> Card:
    """Averages networks, evaluates the mean, and writes it with its card.

    Args:
        networks: from ``load_networks``.
        dataset: of their split; its validation tiles choose temperature and threshold.
        path: where the weights go (.safetensors); the card goes beside them.

    Returns:
        The card as written.

    Raises:
        OSError: the files cannot be written.
    """
    cards = [card for _, card in networks]
    mean = mean_network([model for model, _ in networks])
    found = evaluate_network(Segmenter(mean, Card(threshold=0.5, input=RULE)), dataset)
    lineages = [plain(Lineage.of(card)) for card in cards]
    return checkpoint.save(
        path,
        mean,
        replace(
            found,
            name=path.stem,
            split=dataset.split,  # with the sections of its tiles, which older cards do not list
            licence=cards[0].licence,
            training={"command": command(), "mean_of": lineages, "code": version(), "torch": str(torch.__version__)},
        ),
    )


def _mean(tensors: Sequence[Tensor]) -> Tensor:
    """In double precision; counters, which are whole numbers, are those of the first."""
    if not tensors[0].is_floating_point():
        return tensors[0]
    return torch.stack([tensor.double() for tensor in tensors]).mean(dim=0).to(tensors[0].dtype)
