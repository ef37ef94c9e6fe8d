"""``python -m unet average``: the mean of several networks, evaluated."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg

from unet.card import Split
from unet.checkpoint import CheckpointError
from unet.cli.checks import check_replaceable, check_writable
from unet.cli.console import say
from unet.cli.options import Flag, UsageError
from unet.data.dataset import Dataset, load_dataset, make_dataset


@dataclass(frozen=True)
class Options:
    """Average the weights of networks that were trained on from the same weights, and evaluate the mean.

    Such a mean is often better than each of them, and as fast (model soups, Wortsman et al. 2022).
    """

    weights: Annotated[Positional[tuple[Path, ...]], arg(metavar="WEIGHTS")]
    """Two or more NAME.safetensors with their cards, of one shape and one split."""
    out: Annotated[Path, arg(metavar="FILE")]
    """NAME.safetensors to write; its card goes beside it."""
    data: Annotated[Path | None, arg(metavar="DATA", help_behavior_hint="")] = None
    """The labelled tiles of their split, as for train.py; default: data/tgs-salt."""
    overwrite: Flag = False
    """Replace files that are there already."""


def run(options: Options) -> int:
    """Writes the weights and their card.

    Args:
        options: of the command.

    Returns:
        The exit status.

    Raises:
        UsageError: the weights or the tiles cannot be used, or the files may not be written.
        OSError: the files cannot be written after all.
    """
    from unet.training import averaging  # which needs Lightning Fabric
    from unet.training.errors import TrainingError

    if options.out.suffix != ".safetensors":
        raise UsageError(
            f"{options.out}: expected a name that ends in .safetensors, got {options.out.suffix or 'none'}"
        )
    for path in (options.out, options.out.with_suffix(".json")):
        check_writable(path)
        if path.exists() and not options.overwrite:
            check_replaceable([path])
    try:
        networks = averaging.load_networks(options.weights)
        dataset = _dataset_of(networks[0][1].split, options.data)
    except (CheckpointError, TrainingError, ValueError) as error:  # DataError and ImageError among them
        raise UsageError(error) from None
    card = averaging.save_average(networks, dataset, options.out)
    assert card.claim is not None  # every evaluation makes one
    say(
        f"{options.out}: mAP {card.claim.value:.4f} on {card.claim.count} tiles of {card.claim.split} "
        f"(flip TTA, threshold {card.claim.threshold:.2f})"
    )
    return 0


def _dataset_of(split: Split | None, data: Path | None) -> Dataset:
    """The tiles of a split, or synthetic sections for networks that learned from nothing else."""
    if split is None:
        if data is not None:
            raise UsageError(f"{data}: expected no tiles for networks of synthetic sections alone; leave out --data")
        return make_dataset(None, None)
    dataset = load_dataset(data, 0.0, 0, split, say)
    if dataset.split is None:
        raise UsageError("expected the labelled tiles of the networks' split, got none; name their folder with --data")
    return dataset
