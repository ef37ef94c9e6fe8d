"""The TGS Salt Identification data in Kaggle's own layout, and a split of it that does not leak."""

import csv
import hashlib
import random
import warnings
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from unet.files import PictureFile, find_pictures, printable

DEFAULT = Path("data/tgs-salt")
LARGEST_PIXELS = 1_000_000_000  # of all tiles together: 24 times those of the challenge
LARGEST_SECTIONS = 100_000_000  # bytes of sections.csv: five million tiles


class DataError(ValueError):
    """Data that is not there or not as expected; the message says what to do."""


@dataclass(frozen=True)
class Tiles:
    """Labelled tiles of one size in memory.

    Attributes:
        ids: their names, without the suffix.
        images: (N, H, W) uint8.
        masks: (N, H, W) bool, True = salt.
    """

    ids: list[str]
    images: NDArray[np.uint8]
    masks: NDArray[np.bool_]

    def subset(self, ids: list[str]) -> "Tiles":
        """The tiles with these ids, in this order; a KeyError names one that is not there."""
        index = {name: row for row, name in enumerate(self.ids)}
        rows = [index[name] for name in ids]
        return Tiles(ids, self.images[rows], self.masks[rows])


def load_tiles(root: Path) -> Tiles:
    """All labelled tiles below ``root``.

    Args:
        root: the folder that holds ``train.zip`` or ``train/``, or itself a zip or folder with ``images/`` and
            ``masks/``.  Images are grey or RGB; masks 8-bit or 16-bit, any value but 0 is salt.

    Returns:
        The tiles, sorted by id.

    Raises:
        DataError: no tiles, an image without a mask, two of one name, or pictures of different sizes.
        PictureError: a file that cannot be read.
    """
    place = _place(root, "train")
    images, masks = _by_stem(place, "images"), _by_stem(place, "masks")
    if not images:
        raise DataError(
            f"{printable(root)}: expected train.zip, train/, or a folder or zip with images/ and masks/; "
            "found no pictures there"
        )
    missing = sorted(images.keys() - masks.keys())
    if missing:
        raise DataError(
            f"{printable(place)}: {len(missing)} images have no mask of the same name in masks/, "
            f"first {printable(missing[0])}"
        )
    ids = sorted(images)
    pictures = _read_all(images, ids)
    truths = np.empty(pictures.shape, np.bool_)
    size = truths.shape[1:]
    for row, name in enumerate(ids):
        truth = masks[name].read_salt()
        if truth.shape != size:
            raise DataError(
                f"{printable(name)}: expected a mask of {_size(size)} as its image, got {_size(truth.shape)}"
            )
        truths[row] = truth
    return Tiles(ids, pictures, truths)


def _read_all(files: dict[str, PictureFile], ids: list[str]) -> NDArray[np.uint8]:
    """Pictures of one size, (N, H, W) uint8; the first says what size that is."""
    first = files[ids[0]].read_grey()
    if len(ids) * first.size > LARGEST_PIXELS:
        raise DataError(
            f"{len(ids):,} pictures of {_size(first.shape)} as {printable(ids[0])} are more than {LARGEST_PIXELS:,} "
            "pixels in all; cut them into tiles, or take fewer"
        )
    pictures = np.empty((len(ids), *first.shape), np.uint8)
    for row, name in enumerate(ids):
        values = files[name].read_grey() if row else first
        if values.shape != first.shape:
            raise DataError(
                f"{printable(name)}: expected a picture of {_size(first.shape)} as {printable(ids[0])}, "
                f"got {_size(values.shape)}"
            )
        pictures[row] = np.rint(values * 255)
    return pictures


def _size(shape: tuple[int, ...]) -> str:
    return " x ".join(f"{side:,}" for side in shape)


def _by_stem(place: Path, folder: str | None) -> dict[str, PictureFile]:
    files: dict[str, PictureFile] = {}
    for file in find_pictures(place, folder):
        if file.stem in files:
            raise DataError(f"{file.name}: expected one file of each name, there is {files[file.stem].name} too")
        files[file.stem] = file
    return files


def _place(root: Path, name: str) -> Path:
    """Where tiles are: ``name``.zip or ``name``/ in ``root`` if one is there, and otherwise ``root`` itself."""
    try:
        for candidate in (root / f"{name}.zip", root / name, root):
            if candidate.exists():
                return candidate
    except OSError as error:  # a name that is too long, a folder that is closed
        raise DataError(f"{printable(root)}: cannot be opened ({error.strerror})") from None
    raise DataError(f"{printable(root)}: no such file or folder; see the README for how to get the data")


def load_unlabelled(root: Path, left_out: list[str]) -> tuple[list[str], NDArray[np.uint8]]:
    """Pictures without masks, for a teacher to look at.

    Args:
        root: a zip or a folder of pictures of one size, or the folder that holds ``test.zip`` or ``test/``.
        left_out: names of tiles not to read.

    Returns:
        Their names, sorted, and (N, H, W) uint8.

    Raises:
        DataError: no pictures, or pictures of different sizes.
        PictureError: a file that cannot be read.
    """
    place = _place(root, "test")
    files = _by_stem(place, None)
    ids = sorted(files.keys() - set(left_out))
    if not ids:
        raise DataError(f"{printable(place)}: expected a zip or a folder of pictures without labels; found none to use")
    return ids, _read_all(files, ids)


@dataclass(frozen=True)
class Split:
    """Ids of the training and the validation tiles, and how they were parted: ``section`` or ``tile``.

    ``left_out`` are tiles without labels in the sections of validation tiles: nothing may learn from them either.
    """

    train: list[str]
    val: list[str]
    by: str
    left_out: list[str] = field(default_factory=list)

    @property
    def sha256(self) -> str:
        """Of both lists in order: two splits with one hash are the same split."""
        text = "\n".join([*self.train, "", *self.val])
        return hashlib.sha256(text.encode()).hexdigest()


def split_tiles(ids: list[str], sections: dict[str, str] | None, val_share: float = 0.12, seed: int = 0) -> Split:
    """Parts tiles so that no seismic section stands on both sides.

    Args:
        ids: the tiles.
        sections: id -> section, as ``read_sections`` gives; a tile not in it is a section of its own.  None splits
            tile by tile and warns: neighbours on both sides make every score look better than it is.
        val_share: the share of tiles to hold back for validation, 0 to 1.
        seed: another seed, another split.

    Returns:
        Both sides sorted; the validation side has at least ``val_share`` of the tiles, and a section more at most.
    """
    if sections is None:
        warnings.warn(
            "no sections.csv: split by tile; neighbouring tiles may stand on both sides, and scores may be too good",
            stacklevel=2,
        )
    groups: dict[str, list[str]] = {}
    for name in sorted(ids):
        groups.setdefault("section " + sections[name] if sections and name in sections else name, []).append(name)
    order = sorted(groups)
    random.Random(seed).shuffle(order)
    val: list[str] = []
    for group in order:
        if len(val) >= val_share * len(ids):
            break
        val += groups[group]
    held, known = set(val), set(ids)
    train = [name for name in sorted(ids) if name not in held]
    if sections is None:
        return Split(train, sorted(val), "tile")
    judging = {sections[name] for name in val if name in sections}
    left_out = sorted(name for name, section in sections.items() if section in judging and name not in known)
    return Split(train, sorted(val), "section", left_out)


def read_sections(root: Path) -> dict[str, str] | None:
    """Id -> section from ``sections.csv`` (columns id, section) in ``root``; None where there is none.

    Raises:
        DataError: the file cannot be read, is no CSV in UTF-8, or has other columns or a line cut short.
    """
    path = root / "sections.csv"
    if not path.is_file():
        return None
    try:
        if path.stat().st_size > LARGEST_SECTIONS:
            raise DataError(f"{printable(path)}: larger than {LARGEST_SECTIONS:,} bytes")
        with path.open(newline="", encoding="utf-8-sig") as file:  # spreadsheets put a mark in front
            rows = csv.DictReader(file)
            names = rows.fieldnames or ()
            if not {"id", "section"} <= set(names):
                raise DataError(
                    f"{printable(path)}: expected the columns id and section, got {printable(', '.join(names)[:100])}"
                )
            sections = {row["id"]: row["section"] for row in rows}
    except OSError as error:
        raise DataError(f"{printable(path)}: cannot be read ({error.strerror})") from None
    except (UnicodeError, csv.Error) as error:
        raise DataError(f"{printable(path)}: not a CSV file in UTF-8 ({error})") from None
    if None in sections or None in sections.values():
        raise DataError(f"{printable(path)}: a line is cut short; expected an id and a section in each")
    return sections
