"""The TGS Salt Identification data in Kaggle's own layout, and a split of it that does not leak."""

import csv
import hashlib
import io
import random
import warnings
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from unet import pairing
from unet.files import FORMATS, PictureFile, find_left_out, find_pictures, printable

DEFAULT = Path("data/tgs-salt")
LARGEST_PIXELS = 1_000_000_000  # of all tiles together: 24 times those of the challenge
LARGEST_SECTIONS = 100_000_000  # bytes of sections.csv: five million tiles
MOST_LISTED = 6  # values or names in one sentence


class DataError(ValueError):
    """Data that is not there or not as expected; the message says what to do."""


@dataclass(frozen=True)
class Tiles:
    """Labelled tiles of one size in memory.

    Attributes:
        ids: their names, without the suffix.
        images: (N, H, W) uint8.
        masks: (N, H, W) bool, True = salt.
        notes: what was left out, guessed or looks wrong where they were read, in plain sentences.
    """

    ids: list[str]
    images: NDArray[np.uint8]
    masks: NDArray[np.bool_]
    notes: tuple[str, ...] = ()

    def subset(self, ids: list[str]) -> "Tiles":
        """The tiles with these ids, in this order; a KeyError names one that is not there."""
        index = {name: row for row, name in enumerate(self.ids)}
        rows = [index[name] for name in ids]
        return Tiles(ids, self.images[rows], self.masks[rows], self.notes)


@dataclass(frozen=True)
class Unlabelled:
    """Pictures without masks, of one size: their ``ids``, (N, H, W) uint8 ``images`` and ``notes`` as of ``Tiles``."""

    ids: list[str]
    images: NDArray[np.uint8]
    notes: tuple[str, ...] = ()


def labelled_place(root: Path) -> Path:
    """Where ``load_tiles`` reads: ``train.zip`` or ``train/`` in ``root``, and otherwise ``root`` itself.

    Raises:
        DataError: nothing is there, or both are, or one of them beside ``images/`` and ``masks/``.
    """
    place = _place(root, "train")
    if place != root and {"images", "masks"} <= _folders(root):
        raise DataError(
            f"{printable(root)}: expected one place with tiles, got {printable(place.name)} and images/ with masks/, "
            f"which may differ; name the first, as in --data {printable(place)}, or move it away to read the others"
        )
    return place


def load_tiles(root: Path) -> Tiles:
    """All labelled tiles below ``root``.

    Args:
        root: the folder that holds ``train.zip`` or ``train/``, or itself a zip or folder of images and masks: in
            ``images/`` and ``masks/``, of one survey or each of several, or ``x_mask.png`` beside ``x.png``.  Images
            are grey or RGB; of a mask any value but 0 is salt.

    Returns:
        The tiles, sorted by id, which is the name without the suffix in Unicode NFC, and the folder before it where
        two folders hold one name.

    Raises:
        DataError: no tiles, two places that could be meant, an image without a mask or with two, two of one name,
            pictures of different sizes, or masks in which nothing is 0.
        PictureError: a file that cannot be read.
    """
    return read_tiles(labelled_place(root))


def read_tiles(place: Path, only: Collection[str] | None = None) -> Tiles:
    """The labelled tiles of the zip or the folder itself; as ``load_tiles``, which looks for it.

    Args:
        place: as ``labelled_place`` finds it.
        only: the ids of those to read, by default all; a DataError says how many of them are not there.
    """
    found = find_tiles(place)
    ids = sorted(found.images if only is None else only)
    _refuse_missing(place, ids, found.images)
    missing = sorted(set(ids) - found.masks.keys())
    if missing:
        raise DataError(
            f"{printable(place)}: {len(missing):,} images have no mask of the same name in masks/ or beside them, "
            f"first {printable(missing[0])}"
        )
    pictures, guessed = _read_all(found.images, ids)
    truths, said = _read_masks(place, found.masks, ids, pictures.shape)
    return Tiles(ids, pictures, truths, (*_unused(len(found.images) - len(ids)), *found.notes, *guessed, *said))


@dataclass(frozen=True)
class TileFiles:
    """Files of tiles, not yet read: id -> image, id -> mask of those that have one, and ``notes`` as of ``Tiles``."""

    images: dict[str, PictureFile]
    masks: dict[str, PictureFile]
    notes: tuple[str, ...]


def find_tiles(place: Path) -> TileFiles:
    """The images and masks of a zip or a folder, by the rules of ``load_tiles``; raises as there."""
    images, masks = _images_and_masks(place)
    if not images or not (masks or images[0].inside.parent.name):
        raise DataError(
            f"{printable(place)}: expected train.zip, train/, or a folder or zip with images/ and masks/, or with "
            "x_mask.png beside x.png; found no pictures there"
        )
    found = pairing.pair([file.inside for file in images], [file.inside for file in masks])
    _refuse_ambiguous(place, [*found.twice, *found.ambiguous])
    names = pairing.names_of([file.inside for file in images])
    notes = []
    if found.unpaired:
        first = printable(min(str(masks[index].inside) for index in found.unpaired))
        notes.append(f"{len(found.unpaired):,} masks belong to no image and are left out, first {first}")
    if left_out := find_left_out(place):
        notes.append(f"{len(left_out):,} files are left out, first {left_out[0]}; expected {FORMATS}")
    mask_of = {names[image]: masks[mask] for image, mask in found.pairs if mask is not None}
    return TileFiles(dict(zip(names, images, strict=True)), mask_of, tuple(notes))


def _images_and_masks(place: Path) -> tuple[list[PictureFile], list[PictureFile]]:
    files, masks = find_pictures(place), find_pictures(place, "masks")
    beside = pairing.is_mask_beside([file.inside for file in files])
    return (
        [file for index, file in enumerate(files) if index not in beside],
        [*masks, *(files[index] for index in sorted(beside))],
    )


def _refuse_missing(place: Path, ids: list[str], there: Collection[str]) -> None:
    missing = sorted(set(ids) - set(there))
    if missing:
        raise DataError(
            f"{printable(place)}: {len(missing):,} of {len(ids):,} tiles are not there, first {printable(missing[0])}"
        )


def _unused(count: int) -> list[str]:
    return [f"{count:,} other tiles there are not used"] if count else []


def _refuse_ambiguous(place: Path, ambiguous: list[str]) -> None:
    if ambiguous:
        more = f" (and {len(ambiguous) - 1:,} more such)" if len(ambiguous) > 1 else ""
        raise DataError(f"{printable(place)}: {printable(ambiguous[0])}{more}")


def _read_all(files: dict[str, PictureFile], ids: list[str]) -> tuple[NDArray[np.uint8], list[str]]:
    """Pictures of one size, (N, H, W) uint8, the first says what size that is; and what of them was guessed."""
    guessed = _Guessed("pictures")
    first = guessed.of(files[ids[0]].read_picture(), ids[0]).grey
    if len(ids) * first.size > LARGEST_PIXELS:
        raise DataError(
            f"{len(ids):,} pictures of {_size(first.shape)} as {printable(ids[0])} are more than {LARGEST_PIXELS:,} "
            "pixels in all; cut them into tiles, or take fewer"
        )
    pictures = np.empty((len(ids), *first.shape), np.uint8)
    for row, name in enumerate(ids):
        values = guessed.of(files[name].read_picture(), name).grey if row else first
        if values.shape != first.shape:
            raise DataError(
                f"{printable(name)}: expected a picture of {_size(first.shape)} as {printable(ids[0])}, "
                f"got {_size(values.shape)}"
            )
        pictures[row] = np.rint(values * 255)
    return pictures, guessed.sentences()


def _read_masks(
    place: Path, files: dict[str, PictureFile], ids: list[str], shape: tuple[int, ...]
) -> tuple[NDArray[np.bool_], list[str]]:
    """Masks of one size, (N, H, W) bool, and what of them was guessed or looks wrong."""
    guessed = _Guessed("masks")
    truths = np.empty(shape, np.bool_)
    values: set[float | tuple[int, ...]] = set()
    for row, name in enumerate(ids):
        mask = guessed.of(files[name].read_mask(), name)
        if mask.salt.shape != shape[1:]:
            raise DataError(
                f"{printable(name)}: expected a mask of {_size(shape[1:])} as its image, got {_size(mask.salt.shape)}"
            )
        truths[row] = mask.salt
        values |= mask.values
    try:
        return truths, [*guessed.sentences(), *doubts(truths, values)]
    except DataError as error:
        raise DataError(f"{printable(place)}: {error}") from None


def doubts(truths: NDArray[np.bool_], values: set[float | tuple[int, ...]]) -> list[str]:
    """What looks wrong in masks taken together, in which every value but 0 is salt."""
    if truths.all():
        if len(values) > 1:
            raise DataError(
                f"no mask holds a pixel of value 0, they hold {_listed(values)}, so that everything would be salt; "
                "save 0 where there is no salt"
            )
        return [f"no mask holds a pixel without salt: all of them are {_listed(values)} throughout"]
    if not truths.any():
        return [f"no mask holds a pixel of salt: all of them are {_listed(values)} throughout"]
    if len(values) > 2:
        return [f"the masks hold more than two values, {_listed(values)}: every one but 0 counts as salt"]
    return []


def _listed(values: set[float | tuple[int, ...]]) -> str:
    """Numbers before colours, the lowest first, and not more than a reader takes in."""
    ordered = sorted(values, key=lambda value: value if isinstance(value, tuple) else (-1, value))
    words = [f"{value:g}" if not isinstance(value, tuple) else str(value) for value in ordered]
    if len(words) > MOST_LISTED:
        return f"{', '.join(words[:MOST_LISTED])} and others"
    return " and ".join([*([", ".join(words[:-1])] if words[1:] else []), *words[-1:]])


class _Noted(Protocol):
    @property
    def notes(self) -> tuple[str, ...]: ...


_AnyNoted = TypeVar("_AnyNoted", bound=_Noted)


class _Guessed:
    """What was guessed of many files, said once for all that share it."""

    def __init__(self, what: str) -> None:
        self.what = what
        self.names: dict[str, list[str]] = {}

    def of(self, read: _AnyNoted, name: str) -> _AnyNoted:
        """Remembers the notes of one file, and passes it on."""
        for note in read.notes:
            self.names.setdefault(note, []).append(name)
        return read

    def sentences(self) -> list[str]:
        """One for each note."""
        return [
            f"{len(names):,} {self.what}, first {printable(names[0])}: {printable(note)}"
            for note, names in self.names.items()
        ]


def shown(path: Path) -> str:
    """A path as a reader can use it and no longer than needed: from the current folder where it is below that."""
    whole, here = path.absolute(), Path.cwd()
    return printable(whole.relative_to(here).as_posix() if whole.is_relative_to(here) else whole)


def _size(shape: tuple[int, ...]) -> str:
    return " x ".join(f"{side:,}" for side in shape)


def _place(root: Path, name: str) -> Path:
    """Where tiles are: ``name``.zip or ``name``/ in ``root`` if one is there, and otherwise ``root`` itself."""
    try:
        found = [place for place in (root / f"{name}.zip", root / name) if place.exists()]
        if len(found) > 1:
            zipped, folder = (printable(place) for place in found)
            option = "--data" if name == "train" else "--unlabelled"
            raise DataError(
                f"{printable(root)}: expected one of {name}.zip and {name}/, got both, which may differ; "
                f"name the one to read, as in {option} {folder} or {option} {zipped}"
            )
        if found or root.exists():
            return (found or [root])[0]
    except OSError as error:  # a name that is too long, a folder that is closed
        raise DataError(f"{printable(root)}: cannot be opened ({error.strerror})") from None
    raise DataError(f"{printable(root)}: no such file or folder; see the README for how to get the data")


def _folders(root: Path) -> set[str]:
    """The names of the folders in a folder, in small letters."""
    return {path.name.casefold() for path in root.iterdir() if path.is_dir()} if root.is_dir() else set()


def unlabelled_place(root: Path) -> Path:
    """Where ``load_unlabelled`` reads: ``test.zip`` or ``test/`` in ``root``, and otherwise ``root`` itself.

    Raises:
        DataError: nothing is there, or both are.
    """
    return _place(root, "test")


def unlabelled_root(unlabelled: Path | None, data: Path) -> Path:
    """Where pictures without labels are looked for: as told, or in ``data``, or beside it where it is a place itself.

    Raises:
        DataError: as ``labelled_place`` and ``unlabelled_place``.
    """
    if unlabelled is not None:
        return unlabelled
    beside = data.absolute().parent
    if labelled_place(data) == data == unlabelled_place(data) and unlabelled_place(beside) != beside:
        return beside
    return data


def load_unlabelled(root: Path, left_out: Collection[str], labelled: Collection[str] = ()) -> Unlabelled:
    """Pictures without masks, for a teacher to look at.

    Args:
        root: a zip or a folder of pictures of one size, or the folder that holds ``test.zip`` or ``test/``.
        left_out: names of tiles not to read, as a table of sections has them.
        labelled: names of tiles not to read because they have labels, should the place hold those too.

    Returns:
        The pictures, sorted by name; their notes say how many were left out.

    Raises:
        DataError: no pictures, two places that could be meant, two of one name, or pictures of different sizes.
        PictureError: a file that cannot be read.
    """
    place = unlabelled_place(root)
    files = _unlabelled_files(place)
    # What a name may stand for is left out too: nothing that judges may teach.
    judging = pairing.join(left_out, files, table=True).possible()
    known = pairing.join(labelled, files).possible()
    notes = []
    if judging:
        notes.append(f"{len(judging):,} tiles without labels lie in sections that validate, and are left out")
    if known - judging:
        notes.append(f"{len(known - judging):,} of the pictures have labels, and are left out")
    ids = sorted(files.keys() - judging - known)
    if not ids:
        raise DataError(f"{printable(place)}: expected a zip or a folder of pictures without labels; found none to use")
    return _read_unlabelled(files, ids, notes)


def read_unlabelled(place: Path, ids: list[str]) -> Unlabelled:
    """The pictures with these names in the zip or the folder itself; a DataError says how many are not there."""
    files = _unlabelled_files(place)
    _refuse_missing(place, ids, files)
    return _read_unlabelled(files, ids, _unused(len(files) - len(ids)))


def _read_unlabelled(files: dict[str, PictureFile], ids: list[str], notes: list[str]) -> Unlabelled:
    images, guessed = _read_all(files, ids)
    return Unlabelled(ids, images, (*notes, *guessed))


def _unlabelled_files(place: Path) -> dict[str, PictureFile]:
    """The pictures of a place by name, without masks that lie beside them."""
    images, _ = _images_and_masks(place)
    paths = [file.inside for file in images]
    _refuse_ambiguous(place, pairing.pair(paths, []).twice)
    return dict(zip(pairing.names_of(paths), images, strict=True))


@dataclass(frozen=True)
class Split:
    """Ids of the training and the validation tiles, and how they were parted: ``section`` or ``tile``.

    ``left_out`` are tiles without labels in the sections of validation tiles: nothing may learn from them either.
    ``sections`` says what the sections came from: as ``Sections.summary`` has it, and ``file``.
    """

    train: list[str]
    val: list[str]
    by: str
    left_out: list[str] = field(default_factory=list)
    sections: dict[str, Any] = field(default_factory=dict)

    @property
    def sha256(self) -> str:
        """Of both lists in order: two splits with one hash are the same split."""
        text = "\n".join([*self.train, "", *self.val])
        return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True)
class Sections:
    """The seismic sections of some tiles, out of a table whose names may be written otherwise.

    Attributes:
        of: tile -> section, of the tiles whose section is known.
        others: name in the table -> section, of the lines that stand for none of the tiles.
        lines: how many names the table has.
        blank: how many of them have no section.
        ambiguous: how many may stand for several tiles, or for one that other lines put in another section; the
            section of those tiles is not known.
    """

    of: dict[str, str]
    others: dict[str, str]
    lines: int
    blank: int
    ambiguous: int

    def summary(self, tiles: int) -> dict[str, Any]:
        """What there is to say of them: numbers, and ``notes`` in plain sentences."""
        notes = []
        if self.blank:
            notes.append(f"{self.blank:,} lines have no section")
        if self.ambiguous:
            notes.append(f"{self.ambiguous:,} lines fit several tiles, or others contradict them: they are not used")
        if not self.of:
            notes.append("none of the lines names a tile")
        elif 2 * len(self.of) < tiles:
            notes.append(
                "fewer than half of the tiles lie in a known section; neighbours among the others may stand on both "
                "sides of a split, and scores may be too good"
            )
        used = self.lines - len(self.others) - self.blank - self.ambiguous
        return {"lines": self.lines, "lines_used": used, "tiles": tiles, "tiles_in_one": len(self.of), "notes": notes}


def sections_said(file: Path, summary: dict[str, Any]) -> list[str]:
    """A ``Sections.summary`` as lines to print; the first says how much of the table is used, the others warn."""
    return [
        f"{shown(file)}: {summary['lines_used']:,} of its {summary['lines']:,} lines name tiles, and "
        f"{summary['tiles_in_one']:,} of {summary['tiles']:,} tiles lie in a known section",
        *(f"warning: {shown(file)}: {note}" for note in summary["notes"]),
    ]


def match_sections(ids: Collection[str], table: dict[str, str]) -> Sections:
    """What a table, as ``read_sections`` gives it, says of tiles; names are compared as ``unet.pairing.join`` does."""
    joined = pairing.join((name for name, section in table.items() if section), ids, table=True)
    found: dict[str, set[str]] = {}
    for name, tile in joined.known.items():
        found.setdefault(tile, set()).add(table[name])
    clear = {tile for tile, sections in found.items() if len(sections) == 1}
    unclear = sum(tile not in clear for tile in joined.known.values())
    return Sections(
        {tile: table[name] for name, tile in joined.known.items() if tile in clear},
        {
            name: section
            for name, section in table.items()
            if section and name not in {*joined.known, *joined.ambiguous}
        },
        len(table),
        sum(not section for section in table.values()),
        len(joined.ambiguous) + unclear,
    )


def split_tiles(ids: list[str], sections: dict[str, str] | None, val_share: float = 0.12, seed: int = 0) -> Split:
    """Parts tiles so that no seismic section stands on both sides.

    Args:
        ids: the tiles.
        sections: name -> section, as ``read_sections`` gives; a tile that none of the names stands for is a section
            of its own.  None splits tile by tile and warns: neighbours on both sides make every score look better
            than it is.
        val_share: the share of tiles to hold back for validation, 0 to 1.
        seed: another seed, another split.

    Returns:
        Both sides sorted; the validation side has at least ``val_share`` of the tiles, and a section more at most.
        ``sections`` says how many of the names stand for a tile.
    """
    if sections is None:
        warnings.warn(
            "no sections.csv: split by tile; neighbouring tiles may stand on both sides, and scores may be too good",
            stacklevel=2,
        )
    matched = match_sections(ids, sections or {})
    groups: dict[str, list[str]] = {}
    for name in sorted(ids):
        groups.setdefault("section " + matched.of[name] if name in matched.of else name, []).append(name)
    order = sorted(groups)
    random.Random(seed).shuffle(order)
    val: list[str] = []
    for group in order:
        if len(val) >= val_share * len(ids):
            break
        val += groups[group]
    held = set(val)
    train = [name for name in sorted(ids) if name not in held]
    if sections is None:
        return Split(train, sorted(val), "tile")
    judging = {matched.of[name] for name in val if name in matched.of}
    left_out = sorted(name for name, section in matched.others.items() if section in judging)
    return Split(train, sorted(val), "section", left_out, matched.summary(len(ids)))


def sections_file(root: Path) -> Path | None:
    """The ``sections.csv`` in ``root``, or else beside the zip or folder that its labelled tiles are read from.

    Raises:
        DataError: two of them that are not the same, or they cannot be looked for.
    """
    beside = labelled_place(root).absolute().parent  # not resolved: a link keeps its own neighbours
    try:
        places = [root / "sections.csv"]
        if not (beside.exists() and root.exists() and beside.samefile(root)):
            places.append(beside / "sections.csv")
        found = [place for place in places if place.is_file()]
        if len(found) > 1 and _content(found[0]) != _content(found[1]):
            raise DataError(
                f"{printable(found[0])}: differs from {printable(found[1])}, which lies beside the tiles; keep one"
            )
    except OSError as error:
        raise DataError(f"{printable(root)}: cannot be opened ({error.strerror})") from None
    return found[0] if found else None


def read_sections(root: Path) -> dict[str, str] | None:
    """Name of a tile -> its section, from the ``sections_file`` of ``root``; None where there is none.

    The columns ``id`` and ``section`` stand anywhere in the first line, in capitals or not; commas, semicolons or tabs
    separate them.  Blanks around names are dropped.  A line may leave its section empty: then it is not known.

    Raises:
        DataError: the file cannot be read, is no CSV in UTF-8, has other columns or a line cut short, or puts a tile
            in two sections.
    """
    path = sections_file(root)
    if path is None:
        return None
    try:
        text = _content(path).decode("utf-8-sig")  # spreadsheets put a mark in front
        rows = csv.reader(io.StringIO(text, newline=""), delimiter=_separator(text))
        names = [name.strip().casefold() for name in next(rows, [])]
        if not {"id", "section"} <= set(names):
            raise DataError(
                f"{printable(path)}: expected the columns id and section, got {printable(', '.join(names)[:100])}"
            )
        of_id, of_section = names.index("id"), names.index("section")
        sections: dict[str, str] = {}
        for row in rows:
            if not any(cell.strip() for cell in row):  # spreadsheets leave such lines behind
                continue
            if len(row) <= max(of_id, of_section):
                raise DataError(f"{printable(path)}: a line is cut short; expected an id and a section in each")
            name, section = row[of_id].strip(), pairing.canonical(row[of_section].strip())
            if not name:
                raise DataError(f"{printable(path)}: line {rows.line_num:,} has no id; expected one in each")
            if section and sections.get(name, section) not in (section, ""):
                raise DataError(
                    f"{printable(path)}: {printable(name)} is in section {printable(sections[name])} and in section "
                    f"{printable(section)}; expected one, keep the right line"
                )
            sections[name] = section or sections.get(name, "")
    except OSError as error:
        raise DataError(f"{printable(path)}: cannot be read ({error.strerror})") from None
    except (UnicodeError, csv.Error) as error:
        raise DataError(f"{printable(path)}: not a CSV file in UTF-8 ({error})") from None
    return sections


def _content(path: Path) -> bytes:
    if path.stat().st_size > LARGEST_SECTIONS:
        raise DataError(f"{printable(path)}: larger than {LARGEST_SECTIONS:,} bytes")
    return path.read_bytes()


def _separator(text: str) -> str:
    """What stands between the columns: of commas, semicolons and tabs the one the first line has most of."""
    first = text.split("\n", 1)[0]
    return max(",;\t", key=first.count)
