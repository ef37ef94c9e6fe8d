"""Weights on disk: NAME.safetensors holds the tensors, NAME.json beside it the card that describes them."""

import hashlib
import json
import os
import reprlib
from dataclasses import fields
from pathlib import Path

import msgspec
import safetensors.torch
import torch
from torch import Tensor

from unet import typed
from unet.card import Card
from unet.files.atomic import write_atomically
from unet.model import UNet, UNetConfig
from unet.runtime import channels_last

_NEEDED = {"config", "sha256", "threshold", "input"}  # in a card on disk; one in memory may hold less
LARGEST_CARD = 50_000_000  # bytes; a card that lists 100,000 tiles has 2 million
LARGEST_HEADER = 1_000_000  # bytes of a weights file before its tensors; a few thousand in the shipped ones
_LONGEST_REASON = 200  # characters; some libraries quote the whole file


class CheckpointError(ValueError):
    """Weights that cannot be loaded; the message says why."""


def save(path: Path, model: UNet, card: Card) -> Card:
    """Writes ``path`` (.safetensors) and its card.

    Args:
        path: where the tensors go; the card goes beside them.
        model: the network, on any device.
        card: what is known about it; ``config``, ``sites``, ``parameters`` and ``sha256`` are filled in here.

    Returns:
        The card as written.
    """
    # A state dict of one memory layout, so that the same weights always have the same hash.
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}
    content = safetensors.torch.save(tensors)
    card = msgspec.structs.replace(
        card,
        config=model.config,
        sites=tuple(model.sites()),
        parameters=_parameters(model),
        sha256=hashlib.sha256(content).hexdigest(),
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, content)
    text = json.dumps(card.to_json(), indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    write_atomically(path.with_suffix(".json"), text.encode())
    return card


def load(path: Path) -> tuple[UNet, Card]:
    """Rebuilds a network from its card and fills it with its tensors.

    Args:
        path: NAME.safetensors; NAME.json must stand beside it.

    Returns:
        The network in eval mode with frozen parameters, on the CPU, and the card.

    Raises:
        CheckpointError: a file is missing or damaged, the tensors are not those the card was written for, they do
            not fit the card's configuration, or the network does not compute finite numbers.
    """
    card = read_card(path)
    model = outline(path, card)
    return fill(path, model, read_tensors(path, model.state_dict(), card.sha256)), card


def outline(path: Path, card: Card) -> UNet:
    """The network of a card on the meta device: shapes alone.

    Args:
        path: of the weights, for messages.
        card: from ``read_card``.

    Raises:
        CheckpointError: there is no such network, or the card contradicts itself.
    """
    assert card.config is not None  # read_card asks for it
    try:
        with torch.device("meta"):  # shapes alone: no memory is taken before the tensors are known to fit
            model = UNet(card.config)
    except (ValueError, RuntimeError) as error:
        raise CheckpointError(f"{path.with_suffix('.json')}: {_reason(error)}") from None
    for name, own in (("sites", tuple(model.sites())), ("parameters", _parameters(model))):
        if getattr(card, name) not in (None, own):
            raise CheckpointError(
                f"{path.with_suffix('.json')}: expected the {name} of its config, got others; copy both files again"
            )
    return model


def read_tensors(path: Path, wanted: dict[str, Tensor], sha256: str) -> dict[str, Tensor]:
    """The tensors of a file that is not trusted.

    Args:
        path: of the .safetensors file.
        wanted: tensors of the names, shapes and types that it has to have, on any device; their values do not matter.
        sha256: of the file, as the card says it.

    Raises:
        CheckpointError: the file is missing or damaged, not the one the card was written for, or holds other tensors
            than those or values that are not finite.
    """
    try:
        content = _read(path, sum(tensor.nbytes for tensor in wanted.values()) + LARGEST_HEADER)
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read ({error.strerror})") from None
    except ValueError as error:
        raise CheckpointError(f"{path}: the tensors do not fit the configuration in the card ({error})") from None
    digest = hashlib.sha256(content).hexdigest()
    if digest != sha256:
        raise CheckpointError(
            f"{path}: expected the tensors its card was written for, got others "
            f"(sha256 {digest[:12]}..., card {sha256[:12]!r}...); copy both files again"
        )
    try:
        tensors = safetensors.torch.load(content)
    except Exception as error:  # safetensors raises many types, and all of them mean the same
        raise CheckpointError(f"{path}: expected a file of tensors, got something else ({_reason(error)})") from None
    _check_tensors(path, tensors, {name: (tuple(tensor.shape), tensor.dtype) for name, tensor in wanted.items()})
    return tensors


def fill(path: Path, model: UNet, tensors: dict[str, Tensor]) -> UNet:
    """Fills a network on the meta device with its tensors.

    Args:
        path: of the file that the tensors come from, for messages.
        model: its shape.
        tensors: its whole state dict, of finite float32 values.

    Returns:
        The network in eval mode with frozen parameters, on the CPU.

    Raises:
        CheckpointError: it does not compute finite numbers.
    """
    model.to_empty(device="cpu").load_state_dict(tensors)
    model.eval()
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    with torch.inference_mode():  # values that are finite one by one may still overflow together
        side = model.config.stride
        if not model(torch.linspace(-3, 3, side * side).reshape(1, 1, side, side)).isfinite().all():
            raise CheckpointError(f"{path}: expected weights that give finite logits, got NaN or infinity")
    return channels_last(model)


def _parameters(model: UNet) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


def _read(path: Path, limit: int) -> bytes:
    """All of a file; raises ``ValueError`` where it is larger than ``limit`` bytes."""
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        if size > limit:
            raise ValueError(f"expected at most {limit:,} bytes, got {size:,}")
        return file.read(size)  # never more: a device such as /dev/zero has no end


def _check_tensors(
    path: Path, tensors: dict[str, Tensor], wanted: dict[str, tuple[tuple[int, ...], torch.dtype]]
) -> None:
    """Raises ``CheckpointError`` for a tensor too many, one too few, of another shape or type, or not finite."""
    found = {name: (tuple(tensor.shape), tensor.dtype) for name, tensor in tensors.items()}
    for name in sorted(wanted.keys() | found.keys()):
        if found.get(name) != wanted.get(name):
            expected, got = (str(of.get(name, ("nothing",))[0]) for of in (wanted, found))
            raise CheckpointError(
                f"{path}: the tensors do not fit the configuration in the card "
                f"({reprlib.repr(name)}: expected {expected}, got {got})"
            )
        if not tensors[name].isfinite().all():
            raise CheckpointError(f"{path}: expected finite values in {name}, got NaN or infinity")


def read_card(path: Path) -> Card:
    """The card of NAME.safetensors; raises ``CheckpointError`` where it is missing, damaged or not a card."""
    try:
        card_path = path.with_suffix(".json")
    except ValueError:  # "/" and ".." have no name
        raise CheckpointError(f"{path}: expected the name of a weights file, got none") from None
    try:
        values = typed.parse(_read(card_path, LARGEST_CARD))
        known = {name for name, value in values.items() if value is not None} if isinstance(values, dict) else set()
        if missing := _NEEDED - known:
            raise ValueError(f"expected the card of weights, got one without {', '.join(sorted(missing))}")
        card = typed.convert(values, Card)
        unknown = values["config"].keys() - {field.name for field in fields(UNetConfig)}
        if unknown:
            raise ValueError(f"expected the config of a U-Net, got one with {reprlib.repr(sorted(unknown)[0])}")
    except OSError as error:
        raise CheckpointError(f"{card_path}: the card of {path.name} cannot be read ({error.strerror})") from None
    except ValueError as error:
        raise CheckpointError(f"{card_path}: {error}; copy both files again") from None
    return card


def _reason(error: Exception) -> str:
    """A library's error message as one printable line."""
    lines = str(error).splitlines()
    return repr(lines[0][:_LONGEST_REASON])[1:-1] if lines else type(error).__name__
