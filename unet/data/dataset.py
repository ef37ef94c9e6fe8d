"""The dataset of a run: labelled tiles split into training and validation, and synthetic sections."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from msgspec.structs import replace
from torch import Tensor

from unet.amplitude import Limits
from unet.card import Split
from unet.data import pairing
from unet.data.augment import augment, draw_variants
from unet.data.places import DEFAULT, DataError, labelled_place, shown
from unet.data.sections import describe, find_sections, read_sections, split_tiles
from unet.data.tiles import Tiles, read_tiles
from unet.files.printable import printable
from unet.image import MEAN, SPREAD, Padding
from unet.synthetic import sections

SYNTHETIC = "synthetic"  # the source of a run that has no other
UNSEEN_SEED = 1_000_000_000  # synthetic sections from here on evaluate a network; training draws from 0 upwards
UNSEEN_COUNT = 200

NEIGHBOURING_TILES = (
    "no sections.csv: split by tile; neighbouring tiles may stand on both sides, and scores may be too good"
)
NEIGHBOURING_LINES = (
    "no sections.csv: split by section; neighbouring lines of a survey may stand on both sides, and scores may be too "
    "good"
)


@dataclass(frozen=True)
class TrainingSet:
    """Tiles to train on.

    Attributes:
        ids: of the tiles.
        images: (N, H, W) uint8.
        targets: (N, H, W) uint8: 0 = not salt, 255 = salt, between = a teacher's probability.
    """

    ids: list[str]
    images: Tensor
    targets: Tensor

    @classmethod
    def labelled(cls, tiles: Tiles) -> "TrainingSet":
        """Tiles whose masks are known."""
        targets = tiles.masks.astype(np.uint8) * np.uint8(255)
        return cls(tiles.ids, torch.from_numpy(tiles.images), torch.from_numpy(targets))

    def to(self, device: torch.device) -> "TrainingSet":
        """The same on a device."""
        return TrainingSet(self.ids, self.images.to(device), self.targets.to(device))

    def take(self, rows: list[int]) -> "TrainingSet":
        """Some of the tiles, where they are."""
        index = torch.tensor(rows, device=self.images.device)
        return TrainingSet([self.ids[row] for row in rows], self.images[index], self.targets[index])

    @classmethod
    def join(cls, parts: Sequence["TrainingSet"]) -> "TrainingSet":
        """Tiles of equal size on one device, one set after the other."""
        return cls(
            [name for part in parts for name in part.ids],
            torch.cat([part.images for part in parts]),
            torch.cat([part.targets for part in parts]),
        )


@dataclass(frozen=True)
class Dataset:
    """What a run trains on and is evaluated on.

    Attributes:
        train: None where everything is synthetic.
        val: the validation tiles; synthetic sections where everything is synthetic.
        split: None where everything is synthetic.
        source: the ZIP or the folder that was read; None where everything is synthetic.
        notes: how the tiles were made, what was left out, guessed or looks wrong in the data, in plain sentences.
    """

    train: TrainingSet | None
    val: Tiles
    split: Split | None
    source: Path | None = None
    notes: tuple[str, ...] = ()


def load_dataset(
    root: Path | None,
    val_share: float,
    seed: int,
    split: Split | None = None,
    log: Callable[[str], None] = lambda _: None,
    limits: Limits | float | None = None,
) -> Dataset:
    """Loads and splits the data.

    Args:
        root: as for ``load_tiles``; None takes data/tgs-salt if it exists, and synthetic sections otherwise.
        val_share: the share of tiles to hold back.
        seed: of the split.
        split: one to repeat instead of drawing one; tiles it does not list are left out.
        log: called with a sentence for each thing a user should know: what is read, what replaces it where it is
            missing, and the notes.
        limits: as for ``read_tiles``.

    Raises:
        DataError: ``root`` has no tiles, too few for both sides, none with salt or none without, not all that
            ``split`` lists, or a ``sections.csv`` that names none of them.
        ImageError: a file that cannot be read.
    """
    if root is None and not DEFAULT.exists():
        log(f"no --data, and {DEFAULT.absolute()} is not there: learning from synthetic sections alone")
        return make_dataset(None, None)
    root = root or DEFAULT
    place = labelled_place(root)
    log(f"reading {shown(place)}")
    tiles = read_tiles(place, limits=limits)
    for sentence in tiles.made():
        log(sentence)
    for note in tiles.notes:
        log(f"warning: {note}")
    if tiles.masks.all() or not tiles.masks.any():
        raise DataError(
            f"{shown(place)}: expected masks with salt and without to learn from, got one kind: {tiles.notes[-1]}"
        )
    if split is None:
        split, notes = _draw_split(root, tiles, val_share, seed, log)
    else:
        split, notes = _repeat_split(place, split, tiles.ids), ()
    if (found := find_sections(root, tiles.ids, tiles.cut_from)).table is not None:
        known = found.of(tiles.ids)
        split = replace(split, val_sections={name: known[name] for name in split.val if name in known})
    unused = len(tiles.ids) - len(split.train) - len(split.val)
    if unused:
        log(f"{unused:,} tiles that the split does not know are left out")
    if not split.val or not split.train:
        raise DataError(
            f"{shown(root)}: expected tiles to train and to validate, got {len(split.train)} and {len(split.val)} of "
            f"{len(tiles.ids)}; give more tiles or another --val-share"
        )
    return make_dataset(tiles, split, place.absolute(), (*tiles.made(), *tiles.notes, *notes))


def make_dataset(
    tiles: Tiles | None, split: Split | None, source: Path | None = None, notes: tuple[str, ...] = ()
) -> Dataset:
    """The dataset for one split of some tiles; without tiles everything is synthetic."""
    if tiles is None or split is None:
        return Dataset(None, unseen_sections(), None)
    train = TrainingSet.labelled(tiles.subset(split.train))
    return Dataset(train, tiles.subset(split.val), split, source, notes)


def _draw_split(
    root: Path, tiles: Tiles, val_share: float, seed: int, log: Callable[[str], None]
) -> tuple[Split, tuple[str, ...]]:
    """A new split, by section where those are known, and notes on what is doubtful in it."""
    found = find_sections(root, tiles.ids, tiles.cut_from)
    split, table = split_tiles(tiles.ids, found.table, val_share, seed), found.summary
    if table is None:
        note = NEIGHBOURING_LINES if tiles.cut_from else NEIGHBOURING_TILES
        log(f"warning: {note}")
        return replace(split, sections=None), (note,)
    if not table.tiles_in_one:
        lines = read_sections(root) or {}
        first = f", such as {printable(next(iter(lines)))}" if lines else ""
        example = next(iter(tiles.cut_from.values()), tiles.ids[0])
        raise DataError(
            f"{table.file}: expected names of tiles, such as {printable(example)}, in the column id, got none in "
            f"{len(lines):,} lines{first}"
        )
    for sentence in describe(table):
        log(sentence)
    return replace(split, sections=table), tuple(f"{table.file}: {note}" for note in table.notes)


def _repeat_split(place: Path, split: Split, ids: list[str]) -> Split:
    """The split with the ids that its tiles have here."""
    wanted = [*split.train, *split.val]
    known = pairing.join(wanted, ids).known
    missing = sorted(set(wanted) - known.keys())
    if missing:
        raise DataError(
            f"{shown(place)}: expected the tiles of the split to repeat, got all but {len(missing)}, first "
            f"{printable(missing[0])}"
        )
    if len(set(known.values())) < len(wanted):
        raise DataError(f"{shown(place)}: expected one name for each tile in the split to repeat, got two for some")
    return replace(
        split,
        train=tuple(known[name] for name in split.train),
        val=tuple(known[name] for name in split.val),
        val_sections={known[name]: section for name, section in split.val_sections.items() if name in known},
    )


def unseen_sections() -> Tiles:
    """The synthetic sections that evaluate every network: always the same, and no network is trained on them."""
    return Tiles([f"synthetic-{i}" for i in range(UNSEEN_COUNT)], *sections(UNSEEN_COUNT, UNSEEN_SEED))


def hard_sections() -> Tiles:
    """The same sections as another survey each would have recorded them; see ``unet.data.survey``."""
    plain = unseen_sections()
    tiles = TrainingSet.labelled(plain)
    size = plain.images.shape[1:]
    padding, generator = Padding.to_multiple(size[0], size[1], 1), np.random.default_rng(UNSEEN_SEED)
    variants = draw_variants((1, len(plain.ids)), 1.0, size, padding, generator)
    x, target = augment(tiles.images, tiles.targets, padding, variants[0])
    images = np.rint(255 * (x[:, 0].numpy() * SPREAD + MEAN)).astype(np.uint8)
    return Tiles([f"{name}, hard" for name in plain.ids], images, target[:, 0].numpy() > 0.5)
