"""The training loop: options in, weights and a card out.

A run that was stopped and resumed ends with the weights of one that never stopped: ``unet.data`` draws an epoch from
its number alone, and everything else that changes is in the resume checkpoint.

Several processes divide every batch among them, and their gradients are averaged: a step is that of one process with
the whole batch, except that each process normalises with the batch statistics of its own share.  Only the first process
validates, on every tile once, and only it writes.
"""

import math
import tempfile
import time
from pathlib import Path
from typing import cast

import numpy as np
import torch
from lightning_fabric import Fabric
from msgspec.structs import asdict, replace
from numpy.typing import NDArray
from rich.console import Console
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from unet import checkpoint
from unet.card import Card
from unet.data.batches import batches, epoch_order, epoch_tiles, shrink
from unet.data.dataset import TrainingSet
from unet.evaluation import evaluate_network, scores, validation_split
from unet.image import RULE
from unet.model import UNet
from unet.segmenter import Segmenter
from unet.training.config import TrainingConfig, learning_rate
from unet.training.distillation import CACHE, pseudo_label
from unet.training.errors import TrainingError
from unet.training.inputs import RunInputs, new_inputs, resumed_inputs
from unet.training.launch import is_lost_process, launch
from unet.training.losses import segmentation_loss
from unet.training.progress import Reporter
from unet.training.provenance import with_provenance
from unet.training.resume import HistoryEntry, ResumeState, find_start, write_state, writing_to


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
        TeacherError: a teacher learned from tiles that validate this run, or is not the one the run began with.
    """
    start = find_start(config)
    fabric = launch(start.config)
    reporter = Reporter(console or Console(stderr=True), quiet=not fabric.is_global_zero)
    for message in start.messages:
        reporter.say(message)
    if fabric.is_global_zero:
        with writing_to(config.folder), tempfile.TemporaryFile(dir=config.folder):
            pass  # a folder that cannot be written is refused now, not after the first epoch
    try:
        fabric.seed_everything(start.config.seed, verbose=False)
        state, say = start.state, reporter.say
        inputs = new_inputs(start.config, say) if state is None else resumed_inputs(state, config, say)
        run = Run(inputs, state, fabric, reporter)
        with reporter.progress:
            while run.epochs < run.config.epochs:
                run.epoch()
        return run.finish()
    except RuntimeError as error:
        if fabric.world_size == 1 or not is_lost_process(error):
            raise
        raise TrainingError(
            f"another process of this run is gone; what it wrote to {config.folder} is whole: go on with --resume"
        ) from error


_DRAFT = Card(threshold=0.5, input=RULE)  # of weights that are not evaluated yet


class Run:
    """A training between two epochs.

    Args:
        inputs: what it starts with.
        state: what it goes on from; None for a new run.
        fabric: the processes that share the work.
        reporter: where progress is shown.
    """

    def __init__(self, inputs: RunInputs, state: ResumeState | None, fabric: Fabric, reporter: Reporter) -> None:
        self.config, self.dataset, self.record = inputs.config, inputs.dataset, inputs.record
        self.fabric, self.reporter, self.model = fabric, reporter, inputs.model
        if (split := self.dataset.split) is not None:
            reporter.say(f"{len(split.train)} tiles to train, {len(split.val)} to validate ({split.by})")
        self.pseudo_labelled: TrainingSet | None = None
        if (tiles := inputs.unlabelled) is not None:
            for note in tiles.notes:
                reporter.say(note)
            cache = self.config.folder / CACHE
            self.pseudo_labelled = pseudo_label(inputs.teachers, tiles, cache, fabric, reporter.console)
            reporter.say(f"{len(tiles.ids)} tiles without labels, labelled by {len(inputs.teachers)} teacher(s)")

        decay = get_ema_multi_avg_fn(self.config.ema_decay)  # type: ignore[no-untyped-call]
        self.average = AveragedModel(self.model, multi_avg_fn=decay, use_buffers=True).to(fabric.device)
        self.averaged = cast(UNet, self.average.module).eval()
        rate, weight_decay = self.config.learning_rate, self.config.weight_decay
        optimizer = torch.optim.AdamW(self.model.parameters(), rate, weight_decay=weight_decay, fused=True)
        self.network, self.optimizer = fabric.setup(self.model, optimizer)
        self.history: list[HistoryEntry] = []  # complete only in the first process, which validates
        if state is not None:
            self.model.load_state_dict(state.model)
            self.average.load_state_dict(state.average)
            self.optimizer.load_state_dict(state.optimizer)
            self.history = list(state.history)
        self.epochs = len(self.history)  # complete ones
        self.bar = reporter.progress.add_task("", total=self.config.epochs, completed=self.epochs)

    def epoch(self) -> None:
        """Trains for one epoch, validates, and writes the weights and everything to go on from."""
        config, fabric, number, began = self.config, self.fabric, self.epochs, time.monotonic()
        # Stochastic depth draws from this generator, and a resumed run must draw the same.
        torch.manual_seed(config.seed + number * fabric.world_size + fabric.global_rank)
        shares = config.synthetic_share, config.unlabelled_share
        tiles = epoch_tiles(self.dataset.train, self.pseudo_labelled, number, *shares, config.sections_per_epoch)
        lovasz = number >= config.lovasz_from * config.epochs
        if not lovasz:
            tiles = shrink(tiles, config.coarse)
        processes = fabric.world_size, fabric.global_rank
        order = epoch_order(len(tiles.ids), config.seed, number, config.batch_size, *processes)
        loss = self._learn(tiles, order, lovasz, began)
        if fabric.is_global_zero:
            self._validate(loss, order.size * fabric.world_size / (time.monotonic() - began), began)
        self.epochs += 1
        fabric.barrier()

    def _learn(self, tiles: TrainingSet, order: NDArray[np.int64], lovasz: bool, began: float) -> float:
        """One pass over this process's batches.

        Args:
            tiles: of this epoch, for all processes.
            order: (steps, batch size) rows of ``tiles``, for this process.
            lovasz: which loss to take; see ``segmentation_loss``.
            began: the clock at the beginning of the epoch.

        Returns:
            The mean loss.
        """
        config, fabric = self.config, self.fabric
        pairs = batches(tiles.images, tiles.targets, order, self.model.config.stride, config.seed, self.epochs)
        losses: list[float] = []
        self.network.train()
        for step, (x, target) in enumerate(map(fabric.to_device, pairs)):
            for group in self.optimizer.param_groups:
                group["lr"] = learning_rate(config, (self.epochs + step / len(order)) / config.epochs)
            loss = segmentation_loss(self.network(x).float(), target, lovasz)
            losses.append(loss.item())
            if not math.isfinite(losses[-1]):
                raise self._exploded(f"the loss is {losses[-1]}", step, tiles, order)
            self.optimizer.zero_grad()
            fabric.backward(loss)
            self.optimizer.step()
            self.average.update_parameters(self.model)
            speed = (step + 1) * x.shape[0] * fabric.world_size / (time.monotonic() - began)
            status = f"loss {losses[-1]:.4f}  {speed:.1f} tiles/s"
            self.reporter.progress.update(self.bar, completed=self.epochs + (step + 1) / len(order), description=status)
        # The last step has no loss after it; if it was too large, its weights must not be saved.
        if not all(value.isfinite().all() for value in self.average.state_dict().values()):
            raise self._exploded("the weights are no longer finite", len(order) - 1, tiles, order)
        return float(np.mean(losses))

    def _exploded(self, problem: str, step: int, tiles: TrainingSet, order: NDArray[np.int64]) -> TrainingError:
        number, batch = self.epochs, ", ".join(tiles.ids[row] for row in order[step])
        left = f"the weights of epoch {number} are in {self.config.folder}" if number else "no epoch was complete"
        return TrainingError(
            f"{problem} in epoch {number + 1}, step {step + 1} (tiles {batch}); {left}; "
            "try a lower --learning-rate under another --name"
        )

    def _validate(self, loss: float, speed: float, began: float) -> None:
        """Scores the moving average on the validation tiles, and writes it with the entry of its epoch."""
        number, found = self.epochs + 1, scores(Segmenter(self.averaged, _DRAFT), self.dataset.val, threshold=0.5)
        seconds = (self.history[-1].seconds if self.history else 0.0) + time.monotonic() - began
        result = {"loss": loss, "mAP": found.mAP, "iou": found.iou, "tiles_per_second": speed, "seconds": seconds}
        self.history.append(HistoryEntry(epoch=number, **result))
        self._save(replace(_DRAFT, metrics={validation_split(self.dataset): asdict(found)}))
        left = seconds / number * (self.config.epochs - number)
        self.reporter.say(
            f"epoch {number}/{self.config.epochs}  loss {loss:.4f}  {speed:.1f} tiles/s  "
            f"mAP {found.mAP:.4f}  IoU {found.iou:.4f}  {left / 60:.0f} min left"
        )

    def finish(self) -> Path:
        """Evaluates the network and writes its final card."""
        if self.fabric.is_global_zero:
            card = evaluate_network(Segmenter(self.averaged, _DRAFT), self.dataset)
            self._save(card)
            assert card.claim is not None  # every evaluation makes one
            self.reporter.say(
                f"{self.config.weights}: mAP {card.claim.value:.4f} on {card.claim.count} tiles of {card.claim.split} "
                f"(flip TTA, threshold {card.claim.threshold:.2f})"
            )
        return self.config.weights

    def _save(self, card: Card) -> None:
        """Writes the weights, their card, and everything to go on from."""
        state = ResumeState(
            config=self.config,
            model=self.model.state_dict(),
            average=self.average.state_dict(),
            optimizer=self.optimizer.state_dict(),
            history=tuple(self.history),
            data_record=self.record,
        )
        with writing_to(self.config.folder):
            checkpoint.save(self.config.weights, self.averaged, with_provenance(card, state, self.fabric.world_size))
            write_state(self.config.folder, state)
