"""The training loop: options in, weights and a card out, stopped and resumed at any moment.

A run that was stopped and resumed ends with the weights of one that never stopped: ``unet.data`` draws nothing from
what ran before, everything else that changes is in the run's checkpoint, and so is what tells whether the tiles and
the teachers are still those it began with (``unet.training.data_record``).

Several processes divide every batch among them, and their gradients are averaged: but for the batch norm, whose
statistics each process takes from its own share, a step is that of one process with the whole batch.  The first process
alone validates, on every tile once, and it alone writes.
"""

import hashlib
import io
import json
import logging
import math
import os
import signal
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import torch
from lightning_fabric import Fabric
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch import Tensor
from torch.nn import functional
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from unet import checkpoint, pretrained
from unet.card import Card, Split
from unet.checkpoint import write_atomically
from unet.data import pairing
from unet.data.dataset import Dataset, TrainingSet, batches, epoch_order, epoch_tiles, load_dataset, shrunk
from unet.data.places import DEFAULT, shown, unlabelled_place, unlabelled_root
from unet.data.tiles import load_unlabelled
from unet.evaluation import evaluate_network, scores, validation_split
from unet.files.images import printable
from unet.image import RULE
from unet.model import UNet, channels_last
from unet.segmenter import Segmenter, computes_bfloat16
from unet.training import data_record as record
from unet.training.config import TrainingConfig, differing, learning_rate
from unet.training.data_record import DataRecord
from unet.training.distillation import check_teacher, reload_teachers, taught
from unet.training.losses import symmetric_lovasz
from unet.training.provenance import lineage, with_origin

# What a run goes on from after an even and after an odd number of epochs: while one is written, the other stays.
CHECKPOINTS = ("resume-even.pt", "resume-odd.pt")
_STATE = {"config", "model", "average", "optimizer", "history"}  # and what is in each, besides what it learns from


class TrainingError(RuntimeError):
    """A run that cannot start or go on; the message says what to do."""


def train(config: TrainingConfig, console: Console | None = None) -> Path:
    """Runs or resumes a training.

    Args:
        config: the options.
        console: where progress is shown; by default standard error.

    Returns:
        The path of the weights; the card stands beside them.

    Raises:
        TrainingError: the run exists already and ``resume`` is not set, its checkpoints are damaged or of an earlier
            version, its folder cannot be written, the loss is not finite any more, or another process of the run is
            gone.
        DataError: the data is not there or not as expected, or not what the run began with.
        CheckpointError: the weights to start from, a teacher or a split's card cannot be read.
        TeacherError: a teacher learned from tiles that judge this run, or is not the one the run began with.
    """
    console = console or Console(stderr=True)
    given = config
    config, state, found = _start(given)
    fabric = launched(config)
    if fabric.is_global_zero:
        for line in found:
            console.print(line, markup=False, highlight=False, soft_wrap=True)
        with _writing(config.folder), tempfile.TemporaryFile(dir=config.folder):
            pass  # better refused now than after the first epoch
    try:
        run = Run(config, state, fabric, console, given)
        with run.progress:
            while len(run.history) < run.config.epochs:
                run.epoch()
        return run.finish()
    except RuntimeError as error:
        if fabric.world_size == 1 or not _is_of_the_connection(error):
            raise
        raise TrainingError(
            f"another process of this run is gone; what it wrote to {config.folder} is whole: go on with --resume"
        ) from error


class Run:
    """A training between two epochs: the network, its moving average, the optimizer, and what they learn from."""

    def __init__(
        self,
        config: TrainingConfig,
        state: dict[str, Any] | None,
        fabric: Fabric,
        console: Console,
        given: TrainingConfig | None = None,
    ) -> None:
        """``given`` are the options of this call: of a resumed run they say where its data and teachers are now."""
        given = given or config
        self.fabric, self.console = fabric, console
        fabric.seed_everything(config.seed, verbose=False)
        kept: DataRecord | None = None if state is None else state["data_record"]
        if kept is None:
            split = None if config.split is None else _read_split(config.split)
            self.dataset = load_dataset(config.data, config.val_share, config.seed, split, self.say)
            self.data_record = record.record_dataset(self.dataset)
        else:
            self.dataset, said = record.reload_dataset(kept, given.data)
            for line in said:
                self.say(line)
            source = {} if self.dataset.source is None else {"source": str(self.dataset.source)}
            self.data_record = kept | source
        if (split := self.dataset.split) is not None:
            self.say(f"{len(split.train)} tiles to train, {len(split.val)} to validate ({split.by})")

        if kept is None:
            self.model, before = _first_weights(config, self.dataset)
            config = replace(config, model=self.model.config)  # weights to start from bring their own shape
        else:
            self.model = channels_last(UNet(config.model))
        self.config = config
        self.taught, cards = self._ask_teachers(kept, given)
        if kept is None:
            self.data_record["parents"] = {
                "started_from": before and lineage(before), "taught_by": [lineage(card) for card in cards],
            }  # fmt: skip

        decay = get_ema_multi_avg_fn(config.ema_decay)  # type: ignore[no-untyped-call]
        self.average = AveragedModel(self.model, multi_avg_fn=decay, use_buffers=True).to(fabric.device)
        optimizer = torch.optim.AdamW(
            self.model.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay, fused=True
        )
        self.network, self.optimizer = fabric.setup(self.model, optimizer)
        self.history: list[dict[str, Any]] = []
        if state is not None:
            self.model.load_state_dict(state["model"])
            self.average.load_state_dict(state["average"])
            self.optimizer.load_state_dict(state["optimizer"])
            self.history = state["history"]

        columns = (
            TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[status]}"),
            TimeRemainingColumn(),
        )  # fmt: skip
        hidden = not (console.is_terminal and fabric.is_global_zero)
        self.progress = Progress(*columns, console=console, disable=hidden)
        self.bar = self.progress.add_task("training", total=config.epochs, completed=len(self.history), status="")

    def say(self, text: str) -> None:
        """One line, from the first process only."""
        if self.fabric.is_global_zero:
            self.console.print(printable(text), markup=False, highlight=False, soft_wrap=True)

    def _ask_teachers(self, kept: DataRecord | None, given: TrainingConfig) -> tuple[TrainingSet | None, list[Card]]:
        """The unlabelled tiles with the teachers' targets, if there are teachers, and the teachers' cards."""
        if not self.config.teacher:
            return None, []
        if (split := self.dataset.split) is None:
            raise TrainingError("a teacher needs tiles to look at, and there are none; name their folder with --data")
        if kept is None:
            teachers = [Segmenter.load(path, fast=True) for path in self.config.teacher]
            for path, teacher in zip(self.config.teacher, teachers, strict=True):
                check_teacher(path, teacher.card, split)
            root = unlabelled_root(self.config.unlabelled, self.config.data or DEFAULT)
            place = unlabelled_place(root)
            self.say(f"reading {shown(place)}")
            # Neither what judges nor what has labels of its own, should the folder hold those too.
            images = load_unlabelled(root, split.left_out, [*split.val, *split.train])
            self.data_record["unlabelled"] = record.record_unlabelled(place.absolute(), images)
        else:
            teachers, self.data_record["teachers"] = reload_teachers(kept["teachers"], given.teacher)
            place, images = record.reload_unlabelled(kept["unlabelled"], given.unlabelled)
            self.say(f"reading {shown(place)}")
            self.data_record["unlabelled"] = kept["unlabelled"] | {"source": str(place)}
        for note in images.notes:
            self.say(note)
        cache = self.config.folder / "taught.safetensors"
        pool = taught(teachers, images.ids, images.images, cache, self.fabric, self.console)
        self.say(f"{len(pool.ids)} tiles without labels, labelled by {len(teachers)} teacher(s)")
        cards = [teacher.card for teacher in teachers]
        if kept is None:
            self.data_record["teachers"] = [
                {"path": str(path.absolute()), "sha256": card.sha256}
                for path, card in zip(self.config.teacher, cards, strict=True)
            ]
        return pool, cards

    def epoch(self) -> None:
        """Learns for one epoch, validates, and keeps everything a later process needs to go on."""
        config, fabric, number = self.config, self.fabric, len(self.history)
        # Stochastic depth draws from it, and a resumed run must draw alike.
        torch.manual_seed(config.seed + number * fabric.world_size + fabric.global_rank)
        began = time.monotonic()
        fine = number >= config.lovasz_from * config.epochs
        tiles = epoch_tiles(
            self.dataset.train,
            self.taught,
            number,
            config.synthetic_share,
            config.unlabelled_share,
            config.sections_per_epoch,
        )
        if not fine:
            tiles = shrunk(tiles, config.coarse)
        order = epoch_order(
            len(tiles.ids), config.seed, number, config.batch_size, fabric.world_size, fabric.global_rank
        )
        loss = self._learn(tiles, order, fine, began)

        if fabric.is_global_zero:
            rate = order.size * fabric.world_size / (time.monotonic() - began)
            found = scores(self._segmenter(), self.dataset.val, threshold=0.5)
            seconds = (self.history[-1]["seconds"] if self.history else 0.0) + time.monotonic() - began
            entry = {"epoch": number + 1, "loss": loss, "mAP": found["mAP"], "iou": found["iou"]}
            self.history.append(entry | {"tiles_per_second": rate, "seconds": seconds})
            card = self._card(
                Card(threshold=0.5, input=RULE, metrics={validation_split(self.dataset): msgspec.to_builtins(found)})
            )
            with _writing(config.folder):
                checkpoint.save(_weights(config), self._average(), card)
                self._keep()
            left = seconds / (number + 1) * (config.epochs - number - 1)
            self.say(
                f"epoch {number + 1}/{config.epochs}  loss {loss:.4f}  {rate:.1f} tiles/s  "
                f"mAP {found['mAP']:.4f}  IoU {found['iou']:.4f}  {left / 60:.0f} min left"
            )
        else:
            self.history.append({})  # only its length matters on the other processes
        fabric.barrier()

    def finish(self) -> Path:
        """Judges the network and writes its final card."""
        path = _weights(self.config)
        if self.fabric.is_global_zero:
            card = self._card(evaluate_network(self._segmenter(), self.dataset))
            with _writing(self.config.folder):
                checkpoint.save(path, self._average(), card)
            assert card.claim is not None  # which an evaluation makes
            self.say(
                f"{path}: mAP {card.claim.value:.4f} on {card.claim.count} tiles of {card.claim.split} "
                f"(flip TTA, threshold {card.claim.threshold:.2f})"
            )
        return path

    def _learn(self, tiles: TrainingSet, order: NDArray[np.int64], fine: bool, began: float) -> float:
        """One pass over this process's batches; returns the mean loss."""
        config, fabric, number = self.config, self.fabric, len(self.history)
        stride = self.model.config.stride
        losses: list[float] = []
        self.network.train()
        for step, pair in enumerate(batches(tiles.images, tiles.targets, order, stride, config.seed, number)):
            done = number + step / len(order)
            for group in self.optimizer.param_groups:
                group["lr"] = learning_rate(config, done / config.epochs)
            x, target = fabric.to_device(pair)
            loss = loss_of(self.network(x).float(), target, fine)
            losses.append(loss.item())
            if not math.isfinite(losses[-1]):
                raise self._exploded(f"the loss is {losses[-1]}", step, tiles, order)
            self.optimizer.zero_grad()
            fabric.backward(loss)
            self.optimizer.step()
            self.average.update_parameters(self.model)
            rate = (step + 1) * x.shape[0] * fabric.world_size / (time.monotonic() - began)
            status = f"loss {losses[-1]:.4f}  {rate:.1f} tiles/s"
            self.progress.update(self.bar, completed=done + 1 / len(order), status=status)
        # A last step too large shows in no loss any more, but it must not reach the weights that are kept.
        if not all(value.isfinite().all() for value in self.average.state_dict().values()):
            raise self._exploded("the weights are no longer finite", len(order) - 1, tiles, order)
        return float(np.mean(losses))

    def _exploded(self, what: str, step: int, tiles: TrainingSet, order: NDArray[np.int64]) -> TrainingError:
        """What went wrong, where, and what is left."""
        number = len(self.history)
        batch = ", ".join(tiles.ids[row] for row in order[step])
        kept = f"the weights of epoch {number} are kept in {self.config.folder}" if number else "no epoch was complete"
        return TrainingError(
            f"{what} in epoch {number + 1}, step {step + 1} (tiles {batch}); {kept}; "
            "try a lower --learning-rate under another --name"
        )

    def _average(self) -> UNet:
        model = self.average.module
        assert isinstance(model, UNet)  # what it was made of
        return model.eval()

    def _segmenter(self) -> Segmenter:
        return Segmenter(self._average(), Card(threshold=0.5, input=RULE))

    def _card(self, card: Card) -> Card:
        """A card with where the weights come from."""
        precision = str(self.fabric._precision.precision)
        parents: dict[str, Any] = self.data_record["parents"]
        sources = {"data": record.summary(self.data_record)}
        if "unlabelled" in self.data_record:
            sources["unlabelled"] = record.summary(self.data_record["unlabelled"])
        return with_origin(
            card, self.config, self.dataset, self.history, self.fabric.world_size, precision, parents, sources
        )

    def _keep(self) -> None:
        """The metrics of the run's epochs, and everything it goes on from, each file whole or not at all.

        The checkpoint comes last: what is killed before it repeats its epoch and writes all of it again.  It begins
        with its SHA-256, so that a damaged one is never gone on from.
        """
        state = {
            "config": self.config.to_json(),
            "model": self.model.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "history": self.history,
            "data_record": self.data_record,
        }
        buffer = io.BytesIO()
        torch.save(state, buffer)
        content = buffer.getvalue()
        folder = self.config.folder
        lines = "".join(json.dumps(entry) + "\n" for entry in self.history)
        write_atomically(folder / "metrics.jsonl", lambda file: file.write(lines.encode()))
        path = folder / CHECKPOINTS[len(self.history) % 2]
        write_atomically(path, lambda file: file.write(hashlib.sha256(content).digest() + content))


def loss_of(logits: Tensor, target: Tensor, fine: bool) -> Tensor:
    """Cross-entropy with the targets as they are; later the symmetric Lovasz hinge, which needs them hard."""
    if fine:
        return symmetric_lovasz(logits, (target > 0.5).float())
    return functional.binary_cross_entropy_with_logits(logits, target)


def _start(config: TrainingConfig) -> tuple[TrainingConfig, dict[str, Any] | None, list[str]]:
    """The options to run with, the state to go on from if there is one, and what there is to say of it."""
    folder = config.folder
    paths = [path for name in CHECKPOINTS if (path := folder / name).exists()]
    if not config.resume:
        if paths or _weights(config).exists():
            raise TrainingError(f"{folder} holds a run already; pass --resume to go on, or another --name")
        return config, None, []
    if not paths:
        return replace(config, resume=False), None, [
            f"{folder} holds no complete checkpoint: starting from the beginning, with the options given now"
        ]  # fmt: skip
    states = {path.name: read_checkpoint(path) for path in paths}
    damaged = " and ".join(name for name, state in states.items() if state is None)
    whole = [(len(state["history"]), name) for name, state in states.items() if state is not None]
    again = f"begin again under another --name, or from the weights there with --start-from {_weights(config)}"
    if not whole:
        raise TrainingError(f"{folder}: {damaged} cannot be gone on from, damaged on disk; {again}")
    epochs, name = max(whole)
    state = states[name]
    assert state is not None  # the whole ones were chosen
    if "data_record" not in state:
        raise TrainingError(
            f"{folder}: {name} is of an earlier version, whose checkpoints do not keep what a run learns from, so "
            f"nobody can say whether the data is still the same; {again}"
        )
    warning = f"{damaged} is damaged on disk, {name} is whole; " if damaged else ""
    said = [f"{folder}: {warning}going on after epoch {epochs} with the run's own options"]
    own = replace(TrainingConfig.from_json(state["config"]), name=config.name)  # the folder may be a copy
    unused = differing(config, own)
    if unused:
        said.append(f"not used, because a resumed run keeps its own options: {', '.join(unused)}")
    return own, state, said


def read_checkpoint(path: Path) -> dict[str, Any] | None:
    """What ``Run`` wrote; None where it is damaged, or something else under that name."""
    try:
        content = path.read_bytes()
    except OSError:
        return None
    digest, content = content[:32], content[32:]
    if hashlib.sha256(content).digest() != digest:
        return None
    try:
        state = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except Exception:  # of what it refuses it raises many types, and all mean the same
        return None
    return state if isinstance(state, dict) and state.keys() >= _STATE else None


@contextmanager
def _writing(folder: Path) -> Iterator[None]:
    """Makes the folder, holds Ctrl-C and SIGTERM back until all is written, and says what the disk refused."""
    held: list[int] = []
    handlers: dict[signal.Signals, Any] = {}
    if threading.current_thread() is threading.main_thread():  # no other thread is ever interrupted
        for end in (signal.SIGINT, signal.SIGTERM):
            handlers[end] = signal.signal(end, lambda number, _: held.append(number))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        raise TrainingError(
            f"{folder} cannot be written ({error.strerror}); what it holds is whole: "
            "when that is mended, start again with --resume"
        ) from error
    finally:
        for end, handler in handlers.items():
            signal.signal(end, handler)
        for number in held[:1]:
            signal.raise_signal(number)


def _is_of_the_connection(error: RuntimeError) -> bool:
    """Whether it is about another process; gloo's errors have no class of their own."""
    return isinstance(error, torch.distributed.DistError) or "gloo" in str(error)


def _read_split(path: Path) -> Split:
    """The split a card lists."""
    split = checkpoint.read_card(path).split
    if split is None or not (split.train and split.val and split.by):
        raise TrainingError(f"{path}: this card lists no split of tiles to repeat")
    return split


def _first_weights(config: TrainingConfig, dataset: Dataset) -> tuple[UNet, Card | None]:
    """A network to train, and the card of the weights it starts from, if any."""
    if config.start_from is None:
        model = UNet(config.model)
        if config.model.encoder != "blocks":
            model.encoder.load_state_dict(pretrained.imagenet_state())
        return channels_last(model), None
    model, card = checkpoint.load(config.start_from)
    seen = pairing.join(card.trained_on(), dataset.val.ids).possible()
    if seen:
        raise TrainingError(
            f"{config.start_from} was trained on {len(seen)} of the tiles that would judge this run; "
            "use the --split of its card"
        )
    return model.requires_grad_(True), card


def launched(config: TrainingConfig) -> Fabric:
    """Devices, processes and precision; under torchrun the launcher's environment says how many there are."""
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)  # the card says all that it would tell
    precision: Any = config.precision
    if precision == "auto":
        pays = torch.cuda.is_bf16_supported() if torch.cuda.is_available() else computes_bfloat16()
        precision = "bf16-mixed" if pays else "32-true"
    world = int(os.environ.get("WORLD_SIZE", 1))
    local = int(os.environ.get("LOCAL_WORLD_SIZE", world))
    accelerator = "cuda" if torch.cuda.is_available() else "cpu"
    strategy = "ddp" if world > 1 else "auto"
    fabric = Fabric(
        accelerator=accelerator, strategy=strategy, devices=local, num_nodes=world // local, precision=precision
    )
    fabric.launch()
    return fabric


def _weights(config: TrainingConfig) -> Path:
    return config.folder / f"{config.name}.safetensors"
