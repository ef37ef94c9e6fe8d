"""What a run learns from, as its resume checkpoint keeps it: ids, split, places and a digest of every tile.

A resumed run goes on with exactly that, wherever it lies by then, or is refused.
"""

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import torch
from msgspec import Struct
from numpy.typing import NDArray
from torch import Tensor

from unet.amplitude import Limits
from unet.card import Card, Split
from unet.data.dataset import SYNTHETIC, Dataset, make_dataset
from unet.data.places import DataError, labelled_place, shown, unlabelled_place
from unet.data.tiles import Unlabelled, read_tiles, read_unlabelled


class Lineage(Struct, frozen=True, kw_only=True):
    """What a card records about other weights.

    Attributes:
        name: what their run was called.
        sha256: of their tensors.
        licence: what they may be used for; None where their card names no licence.
        training: how they were made, without the scores of every epoch.
    """

    name: str | None
    sha256: str
    licence: str | None
    training: dict[str, Any]

    @classmethod
    def of(cls, card: Card) -> "Lineage":
        """What the card of some weights passes on to cards of weights made from them."""
        training = {key: value for key, value in (card.training or {}).items() if key != "history"}
        return cls(name=card.name, sha256=card.sha256, licence=card.licence, training=training)


class Parents(Struct, frozen=True, kw_only=True):
    """The weights a run started from, None where it started from random ones, and those of its teachers."""

    started_from: Lineage | None = None
    taught_by: tuple[Lineage, ...] = ()


class UnlabelledRecord(Struct, frozen=True, kw_only=True):
    """Tiles without labels: the absolute path they were read from, their ids, and the digest of each, (N, 32) uint8."""

    source: str
    ids: tuple[str, ...]
    digests: Tensor


class TeacherRecord(Struct, frozen=True, kw_only=True):
    """The absolute path of a teacher's weights, and the SHA-256 of their tensors."""

    path: str
    sha256: str


class DataRecord(Struct, frozen=True, kw_only=True):
    """Everything a run learns from.

    Attributes:
        source: the absolute path of the labelled tiles, or ``SYNTHETIC``.
        split: None where everything is synthetic, and so is ``digests``.
        digests: (N, 32) uint8, of the tiles that train and then those that validate.
        notes: about the labelled tiles, as of ``Dataset``.
        unlabelled: None without teachers.
        teachers: in the order of the options.
        parents: the weights this run comes from.
    """

    source: str
    split: Split | None = None
    digests: Tensor | None = None
    notes: tuple[str, ...] = ()
    unlabelled: UnlabelledRecord | None = None
    teachers: tuple[TeacherRecord, ...] = ()
    parents: Parents = Parents()


def summarise(record: DataRecord | UnlabelledRecord) -> dict[str, Any]:
    """What a card says about tiles: the place as short as it can be, how many, one digest of all, and the notes."""
    if record.digests is None:
        return {"source": record.source}
    return {
        "source": shown(Path(record.source)),
        "tiles": len(record.digests),
        "sha256": hashlib.sha256(record.digests.numpy().tobytes()).hexdigest(),
        "notes": record.notes if isinstance(record, DataRecord) else (),
    }


def digests(*arrays: NDArray[np.generic]) -> Tensor:
    """The SHA-256 of each row of arrays of equal length together: (N, 32) uint8."""
    rows = [hashlib.sha256(b"".join(part.tobytes() for part in row)).digest() for row in zip(*arrays, strict=True)]
    return torch.from_numpy(np.frombuffer(b"".join(rows), np.uint8).reshape(-1, 32).copy())


def record_dataset(dataset: Dataset) -> DataRecord:
    """The record of a run that learns from labelled tiles, or from synthetic sections alone."""
    if dataset.train is None or dataset.split is None:
        return DataRecord(source=SYNTHETIC)
    images = np.concatenate([dataset.train.images.numpy(), dataset.val.images])
    masks = np.concatenate([dataset.train.targets.numpy() > 0, dataset.val.masks])
    return DataRecord(
        source=str(dataset.source), split=dataset.split, digests=digests(images, masks), notes=dataset.notes
    )


def record_unlabelled(place: Path, tiles: Unlabelled) -> UnlabelledRecord:
    """The record of tiles without labels that were read from ``place``."""
    return UnlabelledRecord(source=str(place.absolute()), ids=tuple(tiles.ids), digests=digests(tiles.images))


def reload_dataset(
    record: DataRecord, data: Path | None, say: Callable[[str], None], limits: Limits | float | None = None
) -> tuple[Dataset, DataRecord]:
    """Reads the labelled tiles of a run again, from where they were or from ``data``.

    Args:
        record: what the run began with.
        data: where the tiles are now; None if they are where they were.
        say: called with a sentence for everything that somebody should know about it.
        limits: of amplitudes, as for ``read_tiles``.

    Returns:
        The dataset, and the record with the place it was read from.

    Raises:
        DataError: the tiles are not there any more, or not the same.
        ImageError: a file that cannot be read.
    """
    if record.split is None or record.digests is None:
        if data is not None:
            raise DataError(
                f"expected to go on with synthetic sections, as the run began, got {shown(data)}; "
                "begin another run under another --name"
            )
        say("learning from synthetic sections alone, as the run began")
        return make_dataset(None, None), record
    place = _existing_place(record.source, "data", None if data is None else labelled_place(data))
    ids = [*record.split.train, *record.split.val]
    say(f"reading {shown(place)}")
    try:
        tiles = read_tiles(place, ids, limits)
    except DataError as error:
        raise DataError(f"{error}; {_remedy('data')}") from None
    tiles = tiles.subset(ids)
    _check_unchanged(place, "data", ids, digests(tiles.images, tiles.masks), record.digests)
    for note in tiles.notes:
        say(note)
    return make_dataset(tiles, record.split, place, record.notes), msgspec.structs.replace(record, source=str(place))


def reload_unlabelled(record: UnlabelledRecord, root: Path | None) -> tuple[Path, Unlabelled]:
    """Reads the tiles without labels again, and says where they are; raises as ``reload_dataset``."""
    place = _existing_place(record.source, "unlabelled", None if root is None else unlabelled_place(root))
    try:
        tiles = read_unlabelled(place, list(record.ids))
    except DataError as error:
        raise DataError(f"{error}; {_remedy('unlabelled')}") from None
    _check_unchanged(place, "unlabelled", record.ids, digests(tiles.images), record.digests)
    return place, tiles


def _existing_place(source: str, option: str, given: Path | None) -> Path:
    place = given or Path(source)
    if not place.exists():
        raise DataError(f"{shown(place)}: expected the tiles of this run, got no file or folder; {_remedy(option)}")
    return place.absolute()


def _check_unchanged(place: Path, option: str, ids: Sequence[str], found: Tensor, recorded: Tensor) -> None:
    changed = [name for name, same in zip(ids, (found == recorded).all(dim=1).tolist(), strict=True) if not same]
    if changed:
        raise DataError(
            f"{shown(place)}: expected the tiles as they were when this run began, got {len(changed):,} of "
            f"{len(ids):,} changed, first {changed[0]}; {_remedy(option)}"
        )


def _remedy(option: str) -> str:
    return f"say with --{option} where the tiles it began with are now, or begin another run under another --name"
