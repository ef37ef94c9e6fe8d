"""What a run starts with: dataset, network and teachers, of a new run or as a resume checkpoint records them."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from msgspec import structs

from unet import checkpoint, pretrained
from unet.card import Card, Split
from unet.data import pairing
from unet.data.dataset import Dataset, load_dataset
from unet.data.places import DEFAULT, shown, unlabelled_place, unlabelled_root
from unet.data.tiles import Unlabelled, load_unlabelled
from unet.model import UNet
from unet.runtime import channels_last
from unet.training import data_record
from unet.training.config import TrainingConfig
from unet.training.data_record import DataRecord, Lineage, Parents
from unet.training.distillation import Teacher, check_teacher, load_teacher, reload_teachers
from unet.training.errors import TrainingError
from unet.training.resume import ResumeState


@dataclass(frozen=True)
class RunInputs:
    """What a run starts with.

    Attributes:
        config: its options, with the shape of the network it trains.
        dataset: what it learns from and is validated on.
        model: the network, with its initial weights where the run is new.
        teachers: none where it does not learn from pseudo-labels.
        unlabelled: the tiles for the teachers; None without.
        record: all of this, for a resume checkpoint.
    """

    config: TrainingConfig
    dataset: Dataset
    model: UNet
    teachers: list[Teacher]
    unlabelled: Unlabelled | None
    record: DataRecord


def new_inputs(config: TrainingConfig, device: torch.device, say: Callable[[str], None]) -> RunInputs:
    """Reads the data, builds the network and loads the teachers, which label on ``device``; raises as ``train``."""
    split = None if config.split is None else _read_split(config.split)
    dataset = load_dataset(config.data, config.val_share, config.seed, split, say, config.limits)
    model, start = _initial_model(config, dataset)
    teachers, unlabelled = [load_teacher(path, device) for path in config.teacher], None
    record = structs.replace(
        data_record.record_dataset(dataset),
        teachers=tuple(teacher.record for teacher in teachers),
        parents=Parents(
            started_from=None if start is None else Lineage.of(start),
            taught_by=tuple(Lineage.of(teacher.segmenter.card) for teacher in teachers),
        ),
    )
    if teachers:
        if dataset.split is None:
            raise TrainingError("expected tiles for the teachers to label, got none; name their folder with --data")
        for teacher in teachers:
            check_teacher(teacher, dataset.split)
        root = unlabelled_root(config.unlabelled, config.data or DEFAULT)
        place = unlabelled_place(root)
        say(f"reading {shown(place)}")
        # The folder may also hold tiles that validate, or that have labels of their own.
        unlabelled = load_unlabelled(root, dataset.split.left_out, [*dataset.split.val, *dataset.split.train])
        expected, got = (" x ".join(map(str, of.images.shape[1:])) for of in (dataset.val, unlabelled))
        if got != expected:
            raise TrainingError(f"{shown(place)}: expected tiles of {expected} as those with labels, got {got}")
        record = structs.replace(record, unlabelled=data_record.record_unlabelled(place, unlabelled))
    config = replace(config, model=model.config)  # weights to start from bring their own shape
    if (limits := dataset.val.limits) is not None:  # as found now, whatever is added to the data later
        config = replace(config, amplitude_limits=(limits.black, limits.white), clip_percentile=None)
    return RunInputs(config, dataset, model, teachers, unlabelled, record)


def resumed_inputs(
    state: ResumeState, given: TrainingConfig, device: torch.device, say: Callable[[str], None]
) -> RunInputs:
    """Reads again what a run began with, from where ``given`` says it is now; raises as ``train``."""
    dataset, record = data_record.reload_dataset(state.data_record, given.data, say, state.config.limits)
    teachers, unlabelled = [], None
    if record.unlabelled is not None:
        teachers = reload_teachers(record.teachers, given.teacher, device)
        place, unlabelled = data_record.reload_unlabelled(record.unlabelled, given.unlabelled)
        say(f"reading {shown(place)}")
        record = structs.replace(
            record,
            teachers=tuple(teacher.record for teacher in teachers),
            unlabelled=data_record.record_unlabelled(place, unlabelled),
        )
    return RunInputs(state.config, dataset, channels_last(UNet(state.config.model)), teachers, unlabelled, record)


def _read_split(path: Path) -> Split:
    """The split that a card lists."""
    split = checkpoint.read_card(path).split
    if split is None or not (split.train and split.val and split.by):
        raise TrainingError(f"{path}: expected a card that lists a split of tiles to repeat, got none")
    return split


def _initial_model(config: TrainingConfig, dataset: Dataset) -> tuple[UNet, Card | None]:
    """The network to train, and the card of the weights it starts from, if any."""
    if config.start_from is None:
        model = UNet(config.model)
        if config.model.encoder != "blocks":
            model.encoder.load_state_dict(pretrained.imagenet_state())
        return channels_last(model), None
    model, card = checkpoint.load(config.start_from)
    if seen := pairing.join(card.trained_on(), dataset.val.ids).possible():
        raise TrainingError(
            f"{config.start_from}: expected weights that have seen no tile that validates this run, got some that "
            f"learned from {len(seen)} of them; use the --split of their card"
        )
    return model.requires_grad_(True), card
