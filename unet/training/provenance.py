"""Where weights come from, as their card says it: data, split, command, machine, time."""

import os
import platform
import shlex
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import msgspec
import torch

from unet.card import Card
from unet.data.dataset import Dataset
from unet.training.config import TrainingConfig

LICENCE = (
    "Trained on tiles of the TGS Salt Identification Challenge, whose rules allow non-commercial, research and "
    "educational use; read them before any other use of these weights."
)
MIT = "MIT, as the code: learned from synthetic sections only."


def with_origin(
    card: Card,
    config: TrainingConfig,
    dataset: Dataset,
    history: list[dict[str, Any]],
    processes: int,
    precision: str,
    parents: dict[str, Any],
    sources: dict[str, Any],
) -> Card:
    """A card with where the weights come from: name, split, training, licence.

    Args:
        card: what is known of them so far.
        config: the run's options.
        dataset: what it learns from.
        history: an entry for each epoch that is done.
        processes: how many share the work.
        precision: the number format of the forward pass.
        parents: ``started_from`` and ``taught_by``: what is known of the weights the run began with, and of its
            teachers; None and empty where it has none.
        sources: ``data`` and ``unlabelled``: what was read, as ``unet.training.data_record.summary`` says it.
    """
    split = dataset.split
    if split is not None:
        split = msgspec.structs.replace(split, seed=config.seed, val_share=config.val_share)
    return msgspec.structs.replace(
        card,
        name=config.name,
        split=split,
        training={
            "command": _command(processes),
            "options": config.to_json(),
            **sources,
            **parents,
            "epochs": len(history),
            "seconds": round(history[-1]["seconds"], 1),
            "history": [
                {"epoch": e["epoch"], "seconds": round(e["seconds"], 1), "mAP": e["mAP"], "iou": e["iou"]}
                for e in history
            ],
            "code": _version(),
            "torch": torch.__version__,
            "precision": precision,
            "processes": processes,
            "threads": torch.get_num_threads(),
            "machine": f"{platform.machine()}, {os.cpu_count()} cores, {torch.backends.cpu.get_cpu_capability()}",
        },
        licence=_licence(split is not None, parents),
    )


def lineage(card: Card) -> dict[str, Any]:
    """What a card tells its descendants: its name, its tensors, its training; not every epoch of it again."""
    training = {key: value for key, value in (card.training or {}).items() if key != "history"}
    return {"name": card.name, "sha256": card.sha256, "licence": card.licence, "training": training}


def _licence(tiles: bool, parents: dict[str, Any]) -> str:
    """Of what was learned from tiles, by these weights or by those they come from."""
    before = parents["started_from"]
    if tiles:
        return LICENCE
    if before is None:
        return MIT
    return before["licence"] or f"That of the weights it began with, {before['name']}, whose card names none."


def _command(processes: int) -> str:
    launcher = ["python"] if processes == 1 else ["torchrun", "--standalone", f"--nproc-per-node={processes}"]
    options = [word for word in sys.argv[1:] if word != "--resume"]
    return shlex.join([*launcher, Path(sys.argv[0]).name, *options])


def _version() -> str:
    """The package's version, and the commit where it runs from a checkout."""
    version = metadata.version("salt-unet")
    git = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty"]
    try:
        return f"{version}+{subprocess.run(git, capture_output=True, text=True, check=True).stdout.strip()}"
    except (OSError, subprocess.CalledProcessError):
        return version
