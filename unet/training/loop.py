"""The training loop: options in, weights and a card out.

A run that was stopped and resumed ends with the weights of one that never stopped: ``unet.data`` draws an epoch from
its number alone, and everything else that changes is in the resume checkpoint.

Several processes divide every batch among them, and their gradients are averaged: a step is that of one process with
the whole batch, except that each process normalises with the batch statistics of its own share.  Only the first process
validates, on every tile once, and only it writes.
"""

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from lightning_fabric import Fabric
from msgspec.structs import asdict, replace
from numpy.typing import NDArray
from rich.console import Console
from torch import Tensor

from unet import checkpoint, snapshots
from unet.card import Card, Snapshot
from unet.data.augment import draw_variants
from unet.data.batches import Batch, Pool, batches, epoch_order, epoch_tiles, pool_count, synthetic_sections
from unet.data.dataset import TrainingSet
from unet.evaluation import evaluate_network, scores, validation_split
from unet.image import RULE, Padding
from unet.segmenter import Segmenter
from unet.training.config import TrainingConfig, learning_rate
from unet.training.distillation import CACHE, pseudo_label
from unet.training.errors import TrainingError
from unet.training.inputs import RunInputs, new_inputs, resumed_inputs
from unet.training.launch import is_lost_process, launch
from unet.training.losses import segmentation_loss
from unet.training.moving_average import MovingAverage
from unet.training.progress import Position, Reporter
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
    reporter = Reporter(console or Console(stderr=True), not fabric.is_global_zero, start.config.folder)
    for message in start.messages:
        reporter.say(message)
    if fabric.is_global_zero:
        with writing_to(config.folder), tempfile.TemporaryFile(dir=config.folder):
            # A folder that cannot be written is refused now, not after the first epoch.
            if start.state is not None and start.earlier is not None:
                snapshots.copy(start.earlier, config.weights, start.state.snapshots)
    try:
        fabric.seed_everything(start.config.seed, verbose=False)
        state, say = start.state, reporter.say
        inputs = (
            new_inputs(start.config, fabric.device, say)
            if state is None
            else resumed_inputs(state, config, fabric.device, say)
        )
        run = Run(inputs, state, fabric, reporter)
        with reporter.bar:
            if state is None:
                run.keep_snapshot()
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
SYNTHETIC_POOL = 3000  # synthetic sections beside other tiles: drawing new ones for ever would keep a GPU waiting
LOOK_EVERY = 50  # steps from one look at the loss to the next on other devices than a CPU, which a look makes wait


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
        self.fabric, self.reporter, self.model = fabric, reporter, inputs.model.to(fabric.device)
        if (split := self.dataset.split) is not None:
            reporter.say(f"{len(split.train)} tiles to train, {len(split.val)} to validate ({split.by})")
        self.labelled = None if self.dataset.train is None else self.dataset.train.to(fabric.device)
        self.pools = list(self._pools(inputs))

        self.average = MovingAverage(self.model, self.config.ema_decay)
        rate, weight_decay = self.config.learning_rate, self.config.weight_decay
        optimizer = torch.optim.AdamW(self.model.parameters(), rate, weight_decay=weight_decay, fused=True)
        if self.config.compile:
            self.model.compile()
        self.network, self.optimizer = fabric.setup(self.model, optimizer)
        self.history: list[HistoryEntry] = []  # only in the first process, which validates
        self.snapshots: list[Snapshot] = []  # only in the first process, which writes them
        self.epochs, self.seconds = 0, 0.0  # complete ones, and what they took
        if state is not None:
            self.model.load_state_dict(state.model)
            self.average.network.load_state_dict(state.moving_average)
            self.optimizer.load_state_dict(state.optimizer)
            self.history, self.epochs, self.seconds = list(state.history), state.epochs, state.history[-1].seconds
            self.snapshots = list(state.snapshots)

    def _pools(self, inputs: RunInputs) -> Iterator[Pool]:
        """The tiles that every epoch takes some of, beside all of the labelled ones: pseudo-labelled and synthetic."""
        if self.labelled is None:
            return
        config, fabric, shares = self.config, self.fabric, [self.config.synthetic_share]
        if (tiles := inputs.unlabelled) is not None:
            for note in tiles.notes:
                self.reporter.say(note)
            teachers, weights, cache = inputs.teachers, config.teacher_weight, config.folder / CACHE
            taught = pseudo_label(teachers, weights, tiles, cache, fabric, self.reporter.console)
            self.reporter.say(f"{len(tiles.ids)} tiles without labels, labelled by {len(teachers)} teacher(s)")
            shares.append(config.unlabelled_share)
            yield Pool(taught.to(fabric.device), config.unlabelled_share)
        labelled = self.labelled.images
        wanted = config.epochs * pool_count(len(labelled), shares, config.synthetic_share)
        if wanted:
            drawn = synthetic_sections(min(wanted, SYNTHETIC_POOL), 0, *labelled.shape[1:])
            yield Pool(drawn.to(fabric.device), config.synthetic_share)

    def epoch(self) -> None:
        """Trains for one epoch; when it is due, validates and writes the weights and everything to go on from."""
        config, fabric, number, began = self.config, self.fabric, self.epochs, time.monotonic()
        # Stochastic depth draws from this generator, and a resumed run must draw the same.
        torch.manual_seed(config.seed + number * fabric.world_size + fabric.global_rank)
        sections = config.sections_per_epoch
        labelled = self.labelled or synthetic_sections(sections, number * sections).to(fabric.device)
        tiles = epoch_tiles(labelled, self.pools, number)
        late = number >= config.lovasz_from * config.epochs
        lovasz = config.lovasz_share if late else 0.0
        processes = fabric.world_size, fabric.global_rank
        order = epoch_order(len(tiles.ids), config.seed, number, config.batch_size, *processes)
        pairs = self._batches(tiles, order, 1.0 if late else config.coarse)
        loss = self._learn(pairs, tiles, order, lovasz, began)
        self.epochs += 1
        self.keep_snapshot()
        due = self.epochs % config.validate_every == 0 or self.epochs == config.epochs
        if due and fabric.is_global_zero:
            self._validate(loss, lovasz, order.size * fabric.world_size / (time.monotonic() - began), began)
        self.seconds += time.monotonic() - began
        fabric.barrier()

    def _batches(self, tiles: TrainingSet, order: NDArray[np.int64], size: float) -> Iterator[Batch]:
        """The batches of ``order``, of tiles at ``size`` of their height and width."""
        config, fabric = self.config, self.fabric
        height, width = tiles.images.shape[1:]
        padding = Padding.to_multiple(round(size * height), round(size * width), self.model.config.stride)
        generator = np.random.default_rng([config.seed, self.epochs])
        processes = fabric.world_size, fabric.global_rank
        variants = draw_variants(order.shape, config.survey_share, (height, width), padding, generator, *processes)
        return batches(tiles, order, variants, padding)

    def _learn(
        self, pairs: Iterator[Batch], tiles: TrainingSet, order: NDArray[np.int64], lovasz: float, began: float
    ) -> float:
        """One pass over this process's batches.

        Args:
            pairs: the batches.
            tiles: of this epoch, for all processes.
            order: (steps, batch size) rows of ``tiles``, for this process.
            lovasz: see ``segmentation_loss``.
            began: the clock at the beginning of the epoch.

        Returns:
            The mean loss.
        """
        config, fabric, steps = self.config, self.fabric, len(order)
        every = 1 if fabric.device.type == "cpu" else LOOK_EVERY
        losses, unseen = [], list[Tensor]()
        self.network.train()
        for step, (x, target) in enumerate(pairs):
            for group in self.optimizer.param_groups:
                group["lr"] = learning_rate(config, (self.epochs + step / steps) / config.epochs)
            loss = segmentation_loss(self.network(x).float(), target, lovasz)
            self.optimizer.zero_grad()
            fabric.backward(loss)
            self.optimizer.step()
            self.average.update(self.model, self.epochs * steps + step)
            unseen.append(loss.detach())
            if len(unseen) == every or step == steps - 1:
                losses += torch.stack(unseen).tolist()
                unseen.clear()
                if not np.isfinite(losses).all():
                    bad = int(np.flatnonzero(~np.isfinite(losses))[0])
                    raise self._exploded(f"the loss is {losses[bad]}", bad, tiles, order)
                self._show(losses[-1], (step + 1) / steps, (step + 1) * x.shape[0] * fabric.world_size, began)
        # The last step has no loss after it; if it was too large, its weights must not be saved.
        if not all(value.isfinite().all() for value in self.average.network.state_dict().values()):
            raise self._exploded("the weights are no longer finite", steps - 1, tiles, order)
        return float(np.mean(losses))

    def _show(self, loss: float, fraction: float, tiles: int, began: float) -> None:
        """Shows where the run is, after a fraction of an epoch and so many tiles of it."""
        took, done, epochs = time.monotonic() - began, self.epochs + fraction, self.config.epochs
        position = Position(
            epoch=done,
            epochs=epochs,
            loss=loss,
            learning_rate=self.optimizer.param_groups[0]["lr"],
            tiles_per_second=tiles / took,
            seconds_left=(self.seconds + took) / done * (epochs - done),
        )
        self.reporter.show(position)

    def _exploded(self, problem: str, step: int, tiles: TrainingSet, order: NDArray[np.int64]) -> TrainingError:
        number, batch = self.epochs, ", ".join(tiles.ids[row] for row in order[step])
        written = number // self.config.validate_every * self.config.validate_every
        left = f"the weights of epoch {written} are in {self.config.folder}" if written else "no epoch was written"
        return TrainingError(
            f"{problem} in epoch {number + 1}, step {step + 1} (tiles {batch}); {left}; "
            "try a lower --learning-rate under another --name"
        )

    def keep_snapshot(self) -> None:
        """Writes a snapshot of the moving average, where one is wanted of the epochs that are complete."""
        config = self.config
        wanted = config.snapshots and self.epochs in snapshots.schedule(config.epochs)
        if not (wanted and self.fabric.is_global_zero):
            return
        try:
            with writing_to(config.folder):
                self.snapshots.append(snapshots.save(config.weights, self.average.network, self.epochs))
        except snapshots.SnapshotError as error:
            self.reporter.say(f"warning: no snapshot of epoch {self.epochs}: {error}")
        else:
            self.reporter.say(f"snapshot of epoch {self.epochs} in {snapshots.folder(config.weights)}")

    def _validate(self, loss: float, lovasz: float, speed: float, began: float) -> None:
        """Scores the moving average on the validation tiles, and writes it with the entry of its epoch."""
        network, number = Segmenter(self.average.network, _DRAFT), self.epochs
        found = scores(network, self.dataset.val, threshold=0.5)
        seconds = self.seconds + time.monotonic() - began
        rate = learning_rate(self.config, number / self.config.epochs)
        measured = {"tiles_per_second": speed, "seconds": seconds, "learning_rate": rate, "lovasz": lovasz}
        self.history.append(HistoryEntry(epoch=number, loss=loss, mAP=found.mAP, iou=found.iou, **measured))
        self._save(replace(_DRAFT, metrics={validation_split(self.dataset): asdict(found)}))
        left = seconds / number * (self.config.epochs - number)
        self.reporter.say(
            f"epoch {number}/{self.config.epochs}  loss {loss:.4f}  {speed:.1f} tiles/s  "
            f"mAP {found.mAP:.4f}  IoU {found.iou:.4f}  {left / 60:.0f} min left"
        )

    def finish(self) -> Path:
        """Evaluates the network and writes its final card."""
        if self.fabric.is_global_zero:
            card = evaluate_network(Segmenter(self.average.network, _DRAFT), self.dataset)
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
            moving_average=self.average.network.state_dict(),
            optimizer=self.optimizer.state_dict(),
            history=tuple(self.history),
            data_record=self.record,
            snapshots=tuple(self.snapshots),
        )
        with writing_to(self.config.folder):
            checkpoint.save(
                self.config.weights, self.average.network, with_provenance(card, state, self.fabric.world_size)
            )
            write_state(self.config.folder, state)
