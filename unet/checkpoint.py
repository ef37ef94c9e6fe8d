"""Weights on disk: NAME.safetensors holds the tensors, NAME.json beside it the card that rebuilds and judges them."""

import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, BinaryIO

import safetensors.torch
from safetensors import SafetensorError

from unet.model import UNet, UNetConfig, channels_last

Card = dict[str, Any]


class CheckpointError(ValueError):
    """Weights that cannot be loaded; the message says why."""


def write_atomically(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Writes a file so that a crash at any moment leaves either the old one or the new one, whole.

    The temporary file is in the same folder, because only a rename within one file system is atomic.
    """
    temporary = path.with_name(path.name + ".tmp")
    try:
        with temporary.open("wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:  # a full disk, Ctrl-C: no half of a file stays behind
        temporary.unlink(missing_ok=True)
        raise
    if os.name == "posix":  # the rename itself must reach the disk too
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def save(path: Path, model: UNet, card: Card) -> Card:
    """Writes ``path`` (.safetensors) and its card.

    Args:
        path: where the tensors go; the card goes beside them.
        model: the network, on any device.
        card: what is known of it; ``config``, ``sites``, ``parameters`` and ``sha256`` are filled in here.

    Returns:
        The card as written.
    """
    # A state dict of one memory layout, so that the same weights always have the same hash.
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}
    content = safetensors.torch.save(tensors)
    card = {
        **card,
        "config": asdict(model.config),
        "sites": [asdict(site) for site in model.sites()],
        "parameters": sum(p.numel() for p in model.parameters()),
        "sha256": hashlib.sha256(content).hexdigest(),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, lambda file: file.write(content))
    text = json.dumps(card, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    write_atomically(path.with_suffix(".json"), lambda file: file.write(text.encode()))
    return card


def load(path: Path) -> tuple[UNet, Card]:
    """Rebuilds a network from its card and fills it with its tensors.

    Args:
        path: NAME.safetensors; NAME.json must stand beside it.

    Returns:
        The network in eval mode with frozen parameters, on the CPU, and the card.

    Raises:
        CheckpointError: a file is missing or damaged, the tensors are not those the card was written for, or they do
            not fit the card's configuration.
    """
    card = read_card(path)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read ({error.strerror})") from None
    digest = hashlib.sha256(content).hexdigest()
    if digest != card["sha256"]:
        raise CheckpointError(
            f"{path}: these are not the tensors its card was written for "
            f"(sha256 {digest[:12]}..., card {str(card['sha256'])[:12]}...); copy both files again"
        )
    try:
        model = UNet(UNetConfig(**card["config"]))
        model.load_state_dict(safetensors.torch.load(content))
    except (SafetensorError, RuntimeError, TypeError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise CheckpointError(f"{path}: the tensors do not fit the configuration in the card ({reason})") from None
    model.eval()
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    return channels_last(model), card


def read_card(path: Path) -> Card:
    """The card of NAME.safetensors; raises ``CheckpointError`` where it is missing or not a card."""
    card_path = path.with_suffix(".json")
    try:
        card: Card = json.loads(card_path.read_text(encoding="utf-8"))
    except OSError as error:
        raise CheckpointError(f"{card_path}: the card of {path.name} cannot be read ({error.strerror})") from None
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{card_path}: not a JSON card ({error})") from None
    missing = {"config", "sha256", "threshold", "input"} - (card.keys() if isinstance(card, dict) else set())
    if missing or not isinstance(card["config"], dict):
        raise CheckpointError(f"{card_path}: not a card of this program, {sorted(missing) or 'config'} missing")
    threshold = card["threshold"]
    if not isinstance(threshold, int | float) or not 0 < threshold < 1:
        raise CheckpointError(f"{card_path}: expected a threshold between 0 and 1, got {threshold!r}")
    temperature = card.get("temperature", 1)
    number = isinstance(temperature, int | float) and not isinstance(temperature, bool)
    if not number or not 0.05 < temperature <= 20:
        raise CheckpointError(
            f"{card_path}: expected a temperature above 0.05 and up to 20, got {temperature!r}; "
            "a card without one means 1"
        )
    return card
