"""Labelled and unlabelled tiles, in Kaggle's layout of the TGS Salt Identification data or one like it.

Labelled sections of any size are cut into tiles.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unet.amplitude import Limits
from unet.data import cutting, pairing
from unet.data.places import DataError, labelled_place, unlabelled_place
from unet.files.amplitudes import common_limits
from unet.files.images import FORMATS
from unet.files.listing import ImageFile, find_images, find_left_out
from unet.files.printable import printable
from unet.files.selection import IMAGES, is_in

LARGEST_PIXELS = 1_000_000_000  # of all tiles together: 24 times those of the challenge
MOST_LISTED = 6  # values or names in one sentence


@dataclass(frozen=True)
class Tiles:
    """Labelled tiles of one size in memory.

    Attributes:
        ids: their names, without the suffix.
        images: (N, H, W) uint8.
        masks: (N, H, W) bool, True = salt.
        notes: what was left out, guessed or looks wrong in their files, in plain sentences.
        cut_from: tile -> the section it was cut from; empty where the files are the tiles.
        limits: the amplitudes that are black and white in them; None for images.
    """

    ids: list[str]
    images: NDArray[np.uint8]
    masks: NDArray[np.bool_]
    notes: tuple[str, ...] = ()
    cut_from: Mapping[str, str] = field(default_factory=dict)
    limits: Limits | None = None

    def subset(self, ids: Sequence[str]) -> "Tiles":
        """The tiles with these ids, in this order; a ``KeyError`` names one that is missing."""
        index = {name: row for row, name in enumerate(self.ids)}
        rows = [index[name] for name in ids]
        cut_from = {name: self.cut_from[name] for name in ids if name in self.cut_from}
        return Tiles(list(ids), self.images[rows], self.masks[rows], self.notes, cut_from, self.limits)

    def made(self) -> list[str]:
        """How they were made of their files, in plain sentences; nothing of images that are tiles."""
        sentences = []
        if self.limits is not None:
            words = f"{self.limits.black:.6g} {self.limits.white:.6g}"
            sentences.append(
                f"{self.limits.black:.6g} is black and {self.limits.white:.6g} white; for other images of this survey "
                f"--amplitude-limits {words}"
            )
        if self.cut_from:
            sentences.append(
                f"{len(set(self.cut_from.values())):,} sections are cut into {len(self.ids):,} overlapping tiles of "
                f"{cutting.SIDE} x {cutting.SIDE}"
            )
        return sentences


@dataclass(frozen=True)
class Unlabelled:
    """Images without masks, of one size: their ``ids``, (N, H, W) uint8 ``images`` and ``notes`` as of ``Tiles``."""

    ids: list[str]
    images: NDArray[np.uint8]
    notes: tuple[str, ...] = ()


def load_tiles(root: Path) -> Tiles:
    """Reads all labelled tiles below ``root``.

    Args:
        root: the folder that holds ``train.zip`` or ``train/``, or itself a ZIP or folder of images and masks: in
            ``images/`` and ``masks/``, of one survey or each of several, or ``x_mask.png`` beside ``x.png``.  Images
            are grey or RGB; of a mask any value but 0 is salt.  Images that are larger than what goes through the
            network in one piece (``unet.tiling.TILE``) are sections, of any size: they are cut into tiles.

    Returns:
        The tiles, sorted by id, which is the name without the suffix in Unicode NFC, with the folder before it where
        two folders hold one name.  The tiles of a section follow one another, with their place behind its id:
        ``SECTION_rROW_cCOLUMN``.

    Raises:
        DataError: no tiles, two places that could be meant, an image without a mask or with two, two of one name,
            tiles of different sizes, a section smaller than a tile, or masks in which nothing is 0.
        ImageError: a file that cannot be read.
    """
    return read_tiles(labelled_place(root))


def read_tiles(place: Path, only: Collection[str] | None = None, limits: Limits | float | None = None) -> Tiles:
    """Reads the labelled tiles of a ZIP or a folder; raises as ``load_tiles``.

    Args:
        place: from ``labelled_place``.
        only: ids of the tiles to read, None for all; a ``DataError`` says how many of them are missing.
        limits: the amplitudes that become black and white, or the per cent of the samples of all images together that
            lie beyond each; None where the files are images.
    """
    found = find_tiles(place)
    names = sorted(found.images if only is None else only)
    ids = sorted({_file_of(name, found.images) for name in names})
    _check_present(place, ids, found.images)
    missing = sorted(set(ids) - found.masks.keys())
    if missing:
        raise DataError(
            f"{printable(place)}: expected a mask of the same name in masks/ or beside each image, got none for "
            f"{len(missing):,} of them, first {printable(missing[0])}"
        )
    if isinstance(limits, float | int):
        try:
            limits = common_limits(list(found.images.values()), limits)
        except ValueError as error:
            raise DataError(f"{printable(place)}: --clip-percentile: {error}") from None
    greys, image_notes = _read_greys(found.images, ids, limits)
    # A tile of a section is no file, and the sections of some tiles may all be small.
    if not found.images.keys() >= set(names) or cutting.are_sections(grey.shape for grey in greys):
        tile_names, cut_from = _name_tiles(ids, greys)
        arrange: Callable[[Sequence[NDArray[Any]]], NDArray[Any]] = cutting.cut
    else:
        _check_alike(ids, greys)
        tile_names, cut_from, arrange = ids, {}, np.stack
    salt, values, mask_notes = _read_masks(found.masks, ids, greys)
    images, masks = arrange(greys), arrange(salt)
    try:
        mask_notes += doubts(masks, values)
    except DataError as error:
        raise DataError(f"{printable(place)}: {error}") from None
    unused = _unused(len(found.images) - len(ids))
    tiles = Tiles(tile_names, images, masks, (*unused, *found.notes, *image_notes, *mask_notes), cut_from, limits)
    if only is None or not cut_from:
        return tiles
    _check_present(place, names, tile_names)
    return tiles.subset(names)


def _file_of(tile: str, files: Collection[str]) -> str:
    """The id of the image that holds a tile: its own, or that of the section it is cut from."""
    section = cutting.section_name(tile)
    return section if tile not in files and section in files else tile


def _name_tiles(ids: list[str], sections: Sequence[NDArray[np.uint8]]) -> tuple[list[str], dict[str, str]]:
    """The ids of the tiles of sections, and tile -> section."""
    cut_from: dict[str, str] = {}
    for name, section in zip(ids, sections, strict=True):
        try:
            places = cutting.places(*section.shape)
        except ValueError as error:
            raise DataError(f"{printable(name)}: {error}") from None
        cut_from |= dict.fromkeys(cutting.tile_names(name, places), name)
    return list(cut_from), cut_from


@dataclass(frozen=True)
class TileFiles:
    """Files of tiles, not read yet: id -> image, id -> mask where there is one, and ``notes`` as of ``Tiles``."""

    images: dict[str, ImageFile]
    masks: dict[str, ImageFile]
    notes: tuple[str, ...]


def find_tiles(place: Path) -> TileFiles:
    """Finds the images and masks of a ZIP or a folder, by the rules of ``load_tiles``; raises as that."""
    images, masks = _images_and_masks(place)
    if not images or not (masks or images[0].inside.parent.name):
        raise DataError(
            f"{printable(place)}: expected train.zip, train/, or a folder or zip with images/ and masks/, or with "
            "x_mask.png beside x.png, got no images"
        )
    found = pairing.pair([file.inside for file in images], [file.inside for file in masks])
    _check_unambiguous(place, [*found.twice, *found.ambiguous])
    names = pairing.names_of([file.inside for file in images])
    notes = []
    if found.unpaired:
        first = printable(min(str(masks[index].inside) for index in found.unpaired))
        notes.append(f"{len(found.unpaired):,} masks belong to no image and are left out, first {first}")
    if left_out := [file.name for file in find_left_out(place) if is_in(file.inside, IMAGES)]:
        notes.append(f"{len(left_out):,} files are left out, first {left_out[0]}; expected {FORMATS}")
    mask_of = {names[image]: masks[mask] for image, mask in found.pairs if mask is not None}
    return TileFiles(dict(zip(names, images, strict=True)), mask_of, tuple(notes))


def _images_and_masks(place: Path) -> tuple[list[ImageFile], list[ImageFile]]:
    files, masks = find_images(place), find_images(place, "masks")
    beside = pairing.masks_beside([file.inside for file in files])
    return (
        [file for index, file in enumerate(files) if index not in beside],
        [*masks, *(files[index] for index in sorted(beside))],
    )


def _check_present(place: Path, ids: list[str], present: Collection[str]) -> None:
    missing = sorted(set(ids) - set(present))
    if missing:
        raise DataError(
            f"{printable(place)}: expected {len(ids):,} tiles, got all but {len(missing):,}, first "
            f"{printable(missing[0])}"
        )


def _unused(count: int) -> list[str]:
    return [f"{count:,} other tiles there are not used"] if count else []


def _check_unambiguous(place: Path, ambiguous: list[str]) -> None:
    if ambiguous:
        more = f" (and {len(ambiguous) - 1:,} more such)" if len(ambiguous) > 1 else ""
        raise DataError(f"{printable(place)}: {printable(ambiguous[0])}{more}")


def _read_greys(
    files: dict[str, ImageFile], ids: list[str], limits: Limits | None = None
) -> tuple[list[NDArray[np.uint8]], list[str]]:
    """Images of any size, (H, W) uint8 each, and notes on them."""
    notes = _Notes("images")
    images: list[NDArray[np.uint8]] = []
    pixels = 0
    for name in ids:
        reading = files[name].read_image(limits)
        notes.add(reading.notes, name)
        if not images and len(ids) * reading.grey.size > LARGEST_PIXELS:  # before all of them are read
            raise DataError(
                f"expected at most {LARGEST_PIXELS:,} pixels in all, got {len(ids):,} images of "
                f"{_size(reading.grey.shape)} as {printable(name)}; take fewer"
            )
        pixels += _pixels(reading.grey.shape)
        if pixels > LARGEST_PIXELS:
            raise DataError(
                f"expected at most {LARGEST_PIXELS:,} pixels in all tiles, got more in the first {len(images) + 1:,} "
                f"of {len(ids):,} images; take fewer"
            )
        images.append(np.rint(reading.grey * 255).astype(np.uint8))
    return images, notes.sentences()


def _pixels(size: tuple[int, ...]) -> int:
    """Of an image, or of all the tiles that it is cut into."""
    if cutting.are_sections([size]) and min(size) >= cutting.SIDE:
        return len(cutting.places(*size)) * cutting.SIDE**2
    return size[0] * size[1]


def _check_alike(ids: list[str], images: Sequence[NDArray[np.uint8]]) -> None:
    """Raises ``DataError`` where an image has not the size of the first one."""
    for name, image in zip(ids, images, strict=True):
        if image.shape != images[0].shape:
            raise DataError(
                f"{printable(name)}: expected an image of {_size(images[0].shape)} as {printable(ids[0])}, "
                f"got {_size(image.shape)}"
            )


def _read_masks(
    files: dict[str, ImageFile], ids: list[str], images: Sequence[NDArray[np.uint8]]
) -> tuple[list[NDArray[np.bool_]], set[float | tuple[int, ...]], list[str]]:
    """Masks of the sizes of their images, (H, W) bool each, the values in their files, and notes on them."""
    notes = _Notes("masks")
    masks: list[NDArray[np.bool_]] = []
    values: set[float | tuple[int, ...]] = set()
    for name, image in zip(ids, images, strict=True):
        mask = files[name].read_mask()
        notes.add(mask.notes, name)
        if mask.salt.shape != image.shape:
            raise DataError(
                f"{printable(name)}: expected a mask of {_size(image.shape)} as its image, got {_size(mask.salt.shape)}"
            )
        masks.append(mask.salt)
        values |= mask.values
    return masks, values, notes.sentences()


def doubts(masks: NDArray[np.bool_], values: set[float | tuple[int, ...]]) -> list[str]:
    """Notes on what looks wrong in masks taken together.

    Args:
        masks: (..., H, W) bool, made by the rule that every value but 0 is salt.
        values: those in their files.

    Raises:
        DataError: everything would be salt though the masks hold several values.
    """
    if masks.all():
        if len(values) > 1:
            raise DataError(
                f"expected 0 in a mask, got {_listed(values)} alone, so that everything would be salt; "
                "save 0 where there is no salt"
            )
        return [f"no mask holds a pixel without salt: all of them are {_listed(values)} throughout"]
    if not masks.any():
        return [f"no mask holds a pixel of salt: all of them are {_listed(values)} throughout"]
    if len(values) > 2:
        return [f"the masks hold more than two values, {_listed(values)}: every one but 0 counts as salt"]
    return []


def _listed(values: set[float | tuple[int, ...]]) -> str:
    """At most ``MOST_LISTED`` values in words, numbers before colours, the lowest first."""
    ordered = sorted(values, key=lambda value: value if isinstance(value, tuple) else (-1, value))
    words = [f"{value:g}" if not isinstance(value, tuple) else str(value) for value in ordered]
    if len(words) > MOST_LISTED:
        return f"{', '.join(words[:MOST_LISTED])} and others"
    return " and ".join([*([", ".join(words[:-1])] if words[1:] else []), *words[-1:]])


@dataclass
class _Notes:
    """The notes on many files, each once with the number of files that share it."""

    what: str
    names: dict[str, list[str]] = field(default_factory=dict)

    def add(self, notes: Sequence[str], name: str) -> None:
        """Adds the notes on one file."""
        for note in notes:
            self.names.setdefault(note, []).append(name)

    def sentences(self) -> list[str]:
        """One for each note."""
        return [
            f"{len(names):,} {self.what}, first {printable(names[0])}: {printable(note)}"
            for note, names in self.names.items()
        ]


def _size(shape: tuple[int, ...]) -> str:
    return " x ".join(f"{side:,}" for side in shape)


def load_unlabelled(root: Path, left_out: Collection[str], labelled: Collection[str] = ()) -> Unlabelled:
    """Reads tiles without labels, for a teacher to make pseudo-labels of.

    Args:
        root: a ZIP or a folder of images of one size, or the folder that holds ``test.zip`` or ``test/``.
        left_out: names of tiles not to read, as a table of sections has them.
        labelled: ids of tiles not to read because they have labels.

    Returns:
        The images, sorted by id; their notes count those that were left out.

    Raises:
        DataError: no images, two places that could be meant, two of one name, or images of different sizes.
        ImageError: a file that cannot be read.
    """
    place = unlabelled_place(root)
    files = _unlabelled_files(place)
    # What a name may stand for is left out too: no tile that validates may be learned from.
    validating = pairing.join(left_out, files, table=True).possible()
    known = pairing.join(labelled, files).possible()
    notes = []
    if validating:
        notes.append(f"{len(validating):,} tiles without labels lie in sections that validate, and are left out")
    if known - validating:
        notes.append(f"{len(known - validating):,} of the images have labels, and are left out")
    ids = sorted(files.keys() - validating - known)
    if not ids:
        raise DataError(f"{printable(place)}: expected a zip or a folder of images without labels, got none to use")
    return _read_unlabelled(files, ids, notes)


def read_unlabelled(place: Path, ids: list[str]) -> Unlabelled:
    """Reads the images with these ids in a ZIP or a folder; a ``DataError`` says how many are missing."""
    files = _unlabelled_files(place)
    _check_present(place, ids, files)
    return _read_unlabelled(files, ids, _unused(len(files) - len(ids)))


def _read_unlabelled(files: dict[str, ImageFile], ids: list[str], notes: list[str]) -> Unlabelled:
    images, image_notes = _read_greys(files, ids)
    _check_alike(ids, images)
    return Unlabelled(ids, np.stack(images), (*notes, *image_notes))


def _unlabelled_files(place: Path) -> dict[str, ImageFile]:
    """The images of a place by id, without masks that lie beside them."""
    images, _ = _images_and_masks(place)
    paths = [file.inside for file in images]
    _check_unambiguous(place, pairing.pair(paths, []).twice)
    return dict(zip(pairing.names_of(paths), images, strict=True))
