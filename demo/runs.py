"""The training runs in a folder: what train.py writes of each, typed, and put into words.

A run may be writing while it is read, or be of an earlier version: what is missing or damaged is left out.  Nothing
here knows Streamlit, changes anything between calls, or writes to disk.
"""

import shlex
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Literal, TypeAlias, TypeVar

from msgspec import Meta, Struct

from demo.evaluation import Amount
from unet import typed
from unet.typed import Count, Share

SILENT = 60.0  # seconds after which a run that wrote nothing is taken to be stopped; it writes every two seconds
LARGEST_FILE = 4_000_000  # bytes of a file that is read whole; 10,000 epochs have half of that
Loss: TypeAlias = Annotated[float, Meta(ge=-1e15, le=1e15)]
State: TypeAlias = Literal["learning", "stopped", "finished"]
T = TypeVar("T")


class Progress(Struct, frozen=True, kw_only=True):
    """Where a run is, as progress.json has it.

    Attributes:
        epoch: complete epochs with the fraction of the next.
        epochs: how many there are to be.
        loss: of the last batch.
        learning_rate: now.
        tiles_per_second: of this epoch.
        seconds_left: until the last epoch is complete.
        time: when this was written, in seconds since 1970.
    """

    epoch: Amount
    epochs: Count
    loss: Loss
    learning_rate: Amount
    tiles_per_second: Amount
    seconds_left: Amount
    time: Amount


class Epoch(Struct, frozen=True, kw_only=True):
    """An epoch that was validated, a line of metrics.jsonl.

    Attributes:
        epoch: its number, from 1.
        mAP, iou: of the validation tiles at threshold 0.5 without flip TTA.
        loss: the mean over its batches.
        tiles_per_second: that were learned from.
        learning_rate: at its end.
        lovasz: share of the Lovász hinge in the loss.
    """

    epoch: Count
    mAP: Share
    iou: Share
    loss: Loss | None = None
    tiles_per_second: Amount | None = None
    learning_rate: Amount | None = None
    lovasz: Share | None = None


class _Options(Struct, frozen=True):
    epochs: Count


class _Training(Struct, frozen=True):
    options: _Options
    history: list[Epoch] = []


class _Card(Struct, frozen=True):
    """What is read of a card, where the run has no other file."""

    training: _Training


@dataclass(frozen=True)
class Run:
    """A run as it is on disk.

    Attributes:
        name: of its folder.
        weights: where its newest weights are, if it has any.
        history: the epochs that were validated, in order.
        epoch: complete epochs, with the fraction of the next where that is known.
        epochs: how many there are to be; None where no file says so.
        progress: what it said last; None of an earlier version.
        heard: when it last wrote something, in seconds since 1970.
        state: whether it learns.
    """

    name: str
    weights: Path
    history: tuple[Epoch, ...]
    epoch: float
    epochs: int | None
    progress: Progress | None
    heard: float
    state: State

    @property
    def position(self) -> str:
        """How far it is, as in "3.4 of 30"."""
        done = f"{self.epoch:.0f}" if self.epoch == int(self.epoch) else f"{self.epoch:.1f}"
        return done if self.epochs is None else f"{done} of {self.epochs}"

    @property
    def time_left(self) -> str:
        """How long it is going to learn; empty where it does not learn."""
        return duration(self.progress.seconds_left) if self.progress and self.state == "learning" else ""

    @property
    def best(self) -> float | None:
        """The highest mAP of any epoch."""
        return max((entry.mAP for entry in self.history), default=None)

    @property
    def last(self) -> float | None:
        """The mAP of the last epoch that was validated."""
        return self.history[-1].mAP if self.history else None

    @property
    def loss_change(self) -> float | None:
        """Where the Lovász hinge joined the loss: between two validated epochs; None where no file says so."""
        for before, after in pairwise(self.history):
            if before.lovasz == 0 and after.lovasz:
                return (before.epoch + after.epoch) / 2
        return None

    @property
    def resume_command(self) -> str:
        """How to go on with it."""
        return shlex.join(["python", "train.py", "--name", self.name, "--resume"])


def find_runs(now: float, folder: Path | None = None) -> list[Run]:
    """The runs in a folder: those that learn, by name, then the others, the newest first.

    Args:
        now: the time, in seconds since 1970.
        folder: by default ``runs`` where the app was started, which is where train.py writes.
    """
    folder = folder or Path("runs")
    try:
        inside = sorted(path for path in folder.iterdir() if path.is_dir())
    except OSError:
        return []
    found = [run for path in inside if (run := read_run(path, now)) is not None]
    learning = [run for run in found if run.state == "learning"]  # by what they wrote last they would change places
    others = [run for run in found if run.state != "learning"]
    return learning + sorted(others, key=lambda run: run.heard, reverse=True)


def read_run(folder: Path, now: float) -> Run | None:
    """The run in a folder; None where it holds none.

    Args:
        folder: with any of progress.json, metrics.jsonl and NAME.json.
        now: the time, in seconds since 1970.
    """
    name = folder.name
    paths = progress_path, metrics_path, card_path = [
        folder / name for name in ("progress.json", "metrics.jsonl", f"{name}.json")
    ]
    progress = _convert(_read(progress_path), Progress)
    history = [entry for line in _read(metrics_path).splitlines() if (entry := _convert(line, Epoch)) is not None]
    card = _convert(_read(card_path), _Card) if progress is None or not history else None
    if card is not None and not history:
        history = card.training.history
    if progress is None and card is None and not history:
        return None
    epochs = progress.epochs if progress else card.training.options.epochs if card else None
    epoch = max(progress.epoch if progress else 0.0, history[-1].epoch if history else 0.0)
    heard = progress.time if progress else max(map(_changed, paths))
    state: State = "learning" if now - heard <= SILENT else "stopped"
    if epochs is not None and epoch >= epochs:
        state = "finished"
    return Run(name, folder / f"{name}.safetensors", tuple(history), epoch, epochs, progress, heard, state)


def duration(seconds: float) -> str:
    """A time in words.

    Example:
        >>> duration(41.6), duration(100), duration(3700)
        ('42 s', '2 min', '1 h 02 min')
    """
    if seconds < 59.5:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02} min"


def _read(path: Path) -> bytes:
    """The content of a file; nothing where it is missing, too large or cannot be read."""
    try:
        return path.read_bytes() if path.stat().st_size <= LARGEST_FILE else b""
    except OSError:
        return b""


def _convert(content: bytes, kind: type[T]) -> T | None:
    """JSON as a type; None where it is no such thing, as a line of which half is written."""
    try:
        return typed.convert(typed.parse(content), kind)
    except ValueError:
        return None


def _changed(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0
