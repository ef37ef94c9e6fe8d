"""What a run learns from and is judged by: tiles, synthetic sections, and batches of both.

Everything random in an epoch is drawn from (seed, epoch, tile), never from what ran before it, so a run that was
stopped and resumed sees what one that never stopped sees, and a tile is augmented the same way whichever process of
several meets it.
"""

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import msgspec
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from unet.card import Split
from unet.data import pairing
from unet.data.augment import augment
from unet.data.places import DEFAULT, DataError, labelled_place, sections_file, shown
from unet.data.sections import read_sections, sections_said, split_tiles
from unet.data.tiles import Tiles, read_tiles
from unet.files.printable import printable
from unet.image import Padding
from unet.synthetic import sections

Images = NDArray[np.uint8]  # (N, H, W)
Targets = NDArray[np.uint8]  # (N, H, W), 0 = not salt, 255 = salt, between = a teacher's probability

SYNTHETIC = "synthetic"  # the source of a run that has no other
UNSEEN_SEED = 1_000_000_000  # synthetic sections from here on judge a network; training draws from 0 upwards
UNSEEN_COUNT = 200


@dataclass(frozen=True)
class TrainingSet:
    """Tiles to learn from: ``images`` and ``targets`` of equal length; of tiles without labels a teacher's targets."""

    ids: list[str]
    images: Images
    targets: Targets

    @classmethod
    def labelled(cls, tiles: Tiles) -> "TrainingSet":
        """Tiles whose masks are known."""
        return cls(tiles.ids, tiles.images, _targets(tiles.masks))


@dataclass(frozen=True)
class Dataset:
    """What a run learns from and is judged by.

    Attributes:
        train: None where everything is synthetic.
        val: the tiles that judge it.
        unseen: the synthetic sections that judge every network.
        split: None where everything is synthetic.
        source: the zip or the folder that was read; None where everything is synthetic.
        notes: what was left out, guessed or looks wrong in the data, in plain sentences.
    """

    train: TrainingSet | None
    val: Tiles
    unseen: Tiles
    split: Split | None
    source: Path | None = None
    notes: tuple[str, ...] = ()


def load_dataset(
    root: Path | None,
    val_share: float,
    seed: int,
    split: Split | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> Dataset:
    """Loads and splits the data.

    Args:
        root: as for ``load_tiles``; None takes data/tgs-salt if it is there, and otherwise everything is synthetic.
        val_share: the share of tiles to hold back.
        seed: of the split.
        split: one to repeat instead of drawing one; tiles it does not know are left out.
        say: called with a sentence for everything that somebody should know of it: what is read, what takes its
            place where it is not there, and the notes.

    Raises:
        DataError: ``root`` has no tiles, too few for both sides, none with salt or none without, not all that
            ``split`` names, or a ``sections.csv`` that names none of them.
        ImageError: a file that cannot be read.
    """
    if root is None and not DEFAULT.exists():
        say(f"no --data, and {DEFAULT.absolute()} is not there: learning from synthetic sections alone")
        return make_dataset(None, None)
    root = root or DEFAULT
    place = labelled_place(root)
    say(f"reading {shown(place)}")
    tiles = read_tiles(place)
    for note in tiles.notes:
        say(f"warning: {note}")
    if tiles.masks.all() or not tiles.masks.any():
        raise DataError(f"{shown(place)}: expected masks with salt and without to learn from; {tiles.notes[-1]}")
    notes = tiles.notes
    if split is None:
        split, more = _drawn(root, tiles.ids, val_share, seed, say)
        for note in more:
            say(f"warning: {note}")
        notes += more
    else:
        split = _repeated(place, split, tiles.ids)
    unused = len(tiles.ids) - len(split.train) - len(split.val)
    if unused:
        say(f"{unused:,} tiles that the split does not know are left out")
    if not split.val or not split.train:
        raise DataError(
            f"{shown(root)}: {len(tiles.ids)} tiles leave {len(split.train)} to train and {len(split.val)} to "
            "validate; give more tiles or another --val-share"
        )
    return make_dataset(tiles, split, place.absolute(), notes)


def make_dataset(
    tiles: Tiles | None, split: Split | None, source: Path | None = None, notes: tuple[str, ...] = ()
) -> Dataset:
    """The dataset for one split of some tiles; without tiles everything is synthetic."""
    unseen = unseen_sections()
    if tiles is None or split is None:
        return Dataset(None, unseen, unseen, None)
    return Dataset(
        TrainingSet.labelled(tiles.subset(split.train)), tiles.subset(split.val), unseen, split, source, notes
    )


def _drawn(
    root: Path, ids: list[str], val_share: float, seed: int, say: Callable[[str], None]
) -> tuple[Split, tuple[str, ...]]:
    """A split of its own, by the sections of ``root`` where they are known, and what is doubtful in it."""
    table, file = read_sections(root), sections_file(root)
    with warnings.catch_warnings(record=True) as caught:  # said as the other notes are, and kept with them
        warnings.simplefilter("always")
        split = split_tiles(ids, table, val_share, seed)
    if table is None or file is None:
        return split, tuple(str(warning.message) for warning in caught)
    found = split.sections
    if not found["tiles_in_one"]:
        first = f", such as {printable(next(iter(table)))}" if table else ""
        raise DataError(
            f"{shown(file)}: none of its {len(table):,} lines{first} names a tile, such as {printable(ids[0])}; "
            "expected the names of tiles in the column id"
        )
    say(sections_said(file, found)[0])
    notes = tuple(f"{shown(file)}: {note}" for note in found["notes"])
    return msgspec.structs.replace(split, sections={"file": shown(file), **found}), notes


def _repeated(place: Path, split: Split, ids: list[str]) -> Split:
    """The split with the names that its tiles have here."""
    wanted = [*split.train, *split.val]
    known = pairing.join(wanted, ids).known
    missing = sorted(set(wanted) - known.keys())
    if missing:
        raise DataError(
            f"{shown(place)}: {len(missing)} tiles of the split to repeat are not there, first {printable(missing[0])}"
        )
    if len(set(known.values())) < len(wanted):
        raise DataError(f"{shown(place)}: some tiles have two names in the split to repeat; expected one for each")
    return msgspec.structs.replace(
        split, train=tuple(known[name] for name in split.train), val=tuple(known[name] for name in split.val)
    )


def unseen_sections() -> Tiles:
    """The synthetic sections that judge every network: always the same, and none of them is ever trained on."""
    return Tiles([f"synthetic-{i}" for i in range(UNSEEN_COUNT)], *sections(UNSEEN_COUNT, UNSEEN_SEED))


def epoch_tiles(
    train: TrainingSet | None,
    taught: TrainingSet | None,
    epoch: int,
    synthetic_share: float,
    unlabelled_share: float,
    sections_per_epoch: int,
) -> TrainingSet:
    """The tiles of one epoch, none of them twice: every labelled one, the next a teacher labelled, synthetic sections.

    Args:
        train: the labelled tiles; None where everything is synthetic.
        taught: the tiles with a teacher's targets, of which every epoch takes the next ones in turn; None without.
        epoch: from 0; another epoch, other sections.
        synthetic_share: how much of the epoch is synthetic, 0 to below 1.
        unlabelled_share: how much of it comes from ``taught``, where that has so many; both shares together stay
            below 1.
        sections_per_epoch: how many sections where there are no tiles.
    """
    if train is None:
        return _synthetic(sections_per_epoch, epoch)
    if taught is None:
        unlabelled_share = 0.0
    whole = len(train.images) / (1 - synthetic_share - unlabelled_share)
    parts = [train]
    if taught is not None:
        count = min(round(whole * unlabelled_share), len(taught.images))
        rows = np.random.default_rng(0).permutation(len(taught.images))
        rows = rows.take(range(epoch * count, (epoch + 1) * count), mode="wrap")
        parts.append(TrainingSet([taught.ids[row] for row in rows], taught.images[rows], taught.targets[rows]))
    count = round(whole * synthetic_share)
    if count:
        parts.append(_synthetic(count, epoch, *train.images.shape[1:]))
    return TrainingSet(
        [name for part in parts for name in part.ids],
        np.concatenate([part.images for part in parts]),
        np.concatenate([part.targets for part in parts]),
    )


def _synthetic(count: int, epoch: int, *size: int) -> TrainingSet:
    """The synthetic sections of one epoch; the number in a name is what ``unet.synthetic`` makes it from."""
    images, masks = sections(count, epoch * count, *size)
    return TrainingSet([f"synthetic section {epoch * count + i}" for i in range(count)], images, _targets(masks))


def shrunk(tiles: TrainingSet, share: float) -> TrainingSet:
    """Tiles at ``share`` of their height and width, images and targets averaged over the area."""
    size = (round(tiles.images.shape[2] * share), round(tiles.images.shape[1] * share))
    images, targets = (
        np.stack([cv2.resize(image, size, interpolation=cv2.INTER_AREA) for image in part])
        for part in (tiles.images, tiles.targets)
    )
    return TrainingSet(tiles.ids, images, targets)


def _targets(masks: NDArray[np.bool_]) -> Targets:
    return masks.astype(np.uint8) * np.uint8(255)


def epoch_order(count: int, seed: int, epoch: int, batch_size: int, world_size: int, rank: int) -> NDArray[np.int64]:
    """Indices of this process's batches, (steps, batch_size).

    Every epoch is one shuffle of all tiles; what does not fill a batch on every process is left out, other tiles each
    time, and no tile comes twice.  A step's tiles on all processes together are those of one process with a batch as
    large as all of theirs.
    """
    order = np.random.default_rng([seed, epoch]).permutation(count)
    steps = count // (batch_size * world_size)
    if steps == 0:
        raise DataError(
            f"{count} tiles do not fill one batch of {batch_size} on {world_size} processes; lower --batch-size"
        )
    return order[: steps * world_size * batch_size].reshape(steps, world_size, batch_size)[:, rank]


def batches(
    images: Images, targets: Targets, order: NDArray[np.int64], stride: int, seed: int, epoch: int
) -> Iterator[tuple[Tensor, Tensor]]:
    """Augmented (N, 1, h, w) float32 inputs and targets in [0, 1], a pair per row of ``order``."""
    padding = Padding.to_multiple(images.shape[1], images.shape[2], stride)
    for indices in order:
        pairs = [augment(images[i], targets[i], padding, np.random.default_rng([seed, epoch, int(i)])) for i in indices]
        x, y = (torch.from_numpy(np.stack(side))[:, None] for side in zip(*pairs, strict=True))
        yield x.contiguous(memory_format=torch.channels_last), y
