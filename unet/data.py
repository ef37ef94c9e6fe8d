"""The TGS Salt Identification data in Kaggle's own layout, and a split of it that does not leak."""

import csv
import hashlib
import random
import warnings
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from unet.files import PictureFile, find_pictures
from unet.image import salt

DEFAULT = Path("data/tgs-salt")


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
    place = _training_place(root)
    images, masks = _by_stem(place, "images"), _by_stem(place, "masks")
    if not images:
        raise DataError(
            f"{root}: expected train.zip, train/, or a folder or zip with images/ and masks/; found no pictures there"
        )
    missing = sorted(images.keys() - masks.keys())
    if missing:
        raise DataError(f"{place}: {len(missing)} images have no mask of the same name in masks/, first {missing[0]}")
    ids = sorted(images)
    pictures = [np.rint(images[name].read_grey() * 255).astype(np.uint8) for name in ids]
    truths = [salt(masks[name].read()) for name in ids]
    size = pictures[0].shape
    for name, picture, truth in zip(ids, pictures, truths, strict=True):
        if picture.shape != size or truth.shape != size:
            raise DataError(
                f"{name}: expected image and mask of {size[0]} x {size[1]} as {ids[0]}, "
                f"got {picture.shape[0]} x {picture.shape[1]} and {truth.shape[0]} x {truth.shape[1]}"
            )
    return Tiles(ids, np.stack(pictures), np.stack(truths))


def _by_stem(place: Path, folder: str | None) -> dict[str, PictureFile]:
    files: dict[str, PictureFile] = {}
    for file in find_pictures(place, folder):
        if file.stem in files:
            raise DataError(f"{file.name}: expected one file of each name, there is {files[file.stem].name} too")
        files[file.stem] = file
    return files


def _training_place(root: Path) -> Path:
    if not root.exists():
        raise DataError(f"{root}: no such file or folder; see the README for how to get the data")
    for candidate in (root / "train.zip", root / "train"):
        if candidate.exists():
            return candidate
    return root


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
    place = next((place for place in (root / "test.zip", root / "test") if place.exists()), root)
    files = _by_stem(place, None)
    ids = sorted(files.keys() - set(left_out))
    if not ids:
        raise DataError(f"{place}: expected a zip or a folder of pictures without labels; found none to use")
    pictures = [np.rint(files[name].read_grey() * 255).astype(np.uint8) for name in ids]
    for name, picture in zip(ids, pictures, strict=True):
        if picture.shape != pictures[0].shape:
            raise DataError(f"{name}: expected a picture of {pictures[0].shape} as {ids[0]}, got {picture.shape}")
    return ids, np.stack(pictures)


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
    """Id -> section from ``sections.csv`` (columns id, section) in ``root``; None where there is none."""
    path = root / "sections.csv"
    if not path.is_file():
        return None
    with path.open(newline="", encoding="utf-8") as file:
        rows = csv.DictReader(file)
        if not {"id", "section"} <= set(rows.fieldnames or ()):
            raise DataError(f"{path}: expected the columns id and section, got {rows.fieldnames}")
        return {row["id"]: row["section"] for row in rows}
