"""Resume checkpoints: everything a stopped run goes on from, in two files that are written in turns.

While one is written the other stays whole, so a run that is killed at any moment has a checkpoint to go on from.
"""

import hashlib
import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import torch
from msgspec import Struct
from torch import Tensor

from unet.card import Snapshot
from unet.files.atomic import write_atomically
from unet.training.config import TrainingConfig, plain, unused_options
from unet.training.data_record import DataRecord
from unet.training.errors import TrainingError
from unet.training.signals import signals_held

CHECKPOINTS = ("resume-even.pt", "resume-odd.pt")  # after an even and after an odd number of validations
_DIGEST = hashlib.sha256().digest_size  # bytes before the content


class HistoryEntry(Struct, frozen=True, kw_only=True):
    """An epoch that was validated.

    Attributes:
        epoch: its number, from 1.
        loss: its mean.
        mAP, iou: of the validation tiles at threshold 0.5 without TTA.
        tiles_per_second: that were learned from.
        seconds: since the run began.
        learning_rate: at its end.
        lovasz: share of the Lovász hinge in its loss.
    """

    epoch: int
    loss: float
    mAP: float
    iou: float
    tiles_per_second: float
    seconds: float
    learning_rate: float
    lovasz: float


class ResumeState(Struct, frozen=True, kw_only=True):
    """What a resume checkpoint holds.

    Attributes:
        config: the options of the run.
        model, moving_average, optimizer: state dicts of the network, of the average of its weights and of AdamW.
        history: one entry for every validation.
        data_record: what the run learns from.
        snapshots: those written so far.
    """

    config: TrainingConfig
    model: dict[str, Tensor]
    moving_average: dict[str, Tensor]
    optimizer: dict[str, Any]
    history: tuple[HistoryEntry, ...]
    data_record: DataRecord = msgspec.field(name="learns_from")
    snapshots: tuple[Snapshot, ...] = ()

    @property
    def epochs(self) -> int:
        """How many are complete."""
        return self.history[-1].epoch


def write_state(folder: Path, state: ResumeState) -> None:
    """Writes ``metrics.jsonl`` and then the resume checkpoint, each whole or not at all.

    A run that is killed in between repeats the epoch and writes both again.
    """
    lines = "".join(json.dumps(plain(entry)) + "\n" for entry in state.history)
    write_atomically(folder / "metrics.jsonl", lines.encode())
    buffer = io.BytesIO()
    torch.save(plain(state), buffer)
    content = buffer.getvalue()
    write_atomically(folder / CHECKPOINTS[len(state.history) % 2], hashlib.sha256(content).digest() + content)


def read_state(path: Path) -> ResumeState | None:
    """Reads a resume checkpoint; None where it is missing, damaged, of another version or something else."""
    try:
        content = path.read_bytes()
        if hashlib.sha256(content[_DIGEST:]).digest() != content[:_DIGEST]:
            return None
        values = torch.load(io.BytesIO(content[_DIGEST:]), map_location="cpu", weights_only=True)
        return msgspec.convert(values, ResumeState, dec_hook=lambda kind, value: Path(value) if kind is Path else value)
    except Exception:  # torch.load raises many types, and all of them mean the same
        return None


class Start(NamedTuple):
    """How a run starts.

    Attributes:
        config: its options.
        state: what it goes on from, under its present name; None where it begins.
        messages: sentences for the user.
        earlier: its weights under the name that it had before; None where that is the same.
    """

    config: TrainingConfig
    state: ResumeState | None
    messages: list[str]
    earlier: Path | None = None


def find_start(given: TrainingConfig) -> Start:
    """Looks into the folder of a run for what it goes on from.

    Args:
        given: the options of the command; of a resumed run only some of them are used.

    Raises:
        TrainingError: the run exists and is not to be resumed, or none of its checkpoints can be used.
    """
    folder = given.folder
    names = [name for name in CHECKPOINTS if (folder / name).exists()]
    if not given.resume:
        if names or given.weights.exists():
            raise TrainingError(f"{folder} holds a run already; pass --resume to go on, or another --name")
        return Start(given, None, [])
    if not names:
        message = f"{folder} holds no complete checkpoint: starting from the beginning, with the options given now"
        return Start(replace(given, resume=False), None, [message])
    whole = {name: state for name in names if (state := read_state(folder / name)) is not None}
    damaged = " and ".join(name for name in names if name not in whole)
    if not whole:
        raise TrainingError(
            f"{folder}: expected a whole checkpoint of this version, got {damaged}, damaged or of another one; "
            f"begin again under another --name, or from the weights there with --start-from {given.weights}"
        )
    name, state = max(whole.items(), key=lambda found: len(found[1].history))
    warning = f"{damaged} is damaged or of another version, {name} is whole; " if damaged else ""
    messages = [f"{folder}: {warning}going on after epoch {state.epochs} with the run's own options"]
    own = replace(state.config, name=given.name)  # the folder may be a copy
    if unused := unused_options(given, own):
        messages.append(f"not used, because a resumed run keeps its own options: {', '.join(unused)}")
    earlier = None if state.config.name == own.name else folder / state.config.weights.name
    return Start(own, msgspec.structs.replace(state, config=own), messages, earlier)


@contextmanager
def writing_to(folder: Path) -> Iterator[None]:
    """Makes the folder of a run, and holds Ctrl-C and SIGTERM back until everything in the block is written.

    Raises:
        TrainingError: the disk refused something.
    """
    try:
        with signals_held():
            folder.mkdir(parents=True, exist_ok=True)
            yield
    except OSError as error:
        raise TrainingError(
            f"{folder} cannot be written ({error.strerror}); what it holds is whole: "
            "when that is mended, start again with --resume"
        ) from error
