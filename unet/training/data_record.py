"""What a run learns from, as its checkpoint keeps it: ids, split, places and a digest of every tile.

A resumed run goes on with exactly that, wherever it lies by then, or with nothing.
"""

import hashlib
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from unet.card import Split
from unet.data.dataset import SYNTHETIC, Dataset, make_dataset
from unet.data.places import DataError, labelled_place, shown, unlabelled_place
from unet.data.tiles import Unlabelled, read_tiles, read_unlabelled

DataRecord = dict[str, Any]  # of plain values and tensors, which ``torch.load(weights_only=True)`` takes


def digests(*arrays: NDArray[np.generic]) -> Tensor:
    """The SHA-256 of each row of arrays of equal length together: (N, 32) uint8."""
    rows = [hashlib.sha256(b"".join(part.tobytes() for part in row)).digest() for row in zip(*arrays, strict=True)]
    return torch.from_numpy(np.frombuffer(b"".join(rows), np.uint8).reshape(-1, 32).copy())


def record_dataset(dataset: Dataset) -> DataRecord:
    """The labelled tiles: where they are, their split, and a digest of each, of those that train before the others."""
    if dataset.train is None or dataset.split is None:
        return {"source": SYNTHETIC}
    images, truths = (
        np.concatenate([train, val])
        for train, val in (
            (dataset.train.images, dataset.val.images),
            (dataset.train.targets > 0, dataset.val.masks),
        )
    )
    return {
        "source": str(dataset.source),
        "split": msgspec.to_builtins(dataset.split),
        "digests": digests(images, truths),
        "notes": list(dataset.notes),
    }


def record_unlabelled(place: Path, images: Unlabelled) -> DataRecord:
    """The tiles without labels: where they are, their ids, and a digest of each."""
    return {"source": str(place), "ids": images.ids, "digests": digests(images.images)}


def reload_dataset(kept: DataRecord, data: Path | None) -> tuple[Dataset, list[str]]:
    """What a run began with, from where it was or from ``data``, and what there is to say of it.

    Raises:
        DataError: it is not there any more, or not the same.
        ImageError: a file that cannot be read.
    """
    if kept["source"] == SYNTHETIC:
        if data is not None:
            raise DataError(
                f"this run learns from synthetic sections and cannot go on with {shown(data)}; "
                "begin another under another --name"
            )
        return make_dataset(None, None), ["learning from synthetic sections alone, as the run began"]
    place = _still_there(kept["source"], "data", None if data is None else labelled_place(data))
    split = msgspec.convert(kept["split"], Split)
    ids = [*split.train, *split.val]
    try:
        tiles = read_tiles(place, ids)
    except DataError as error:
        raise DataError(f"{error}; {_as_it_began('data')}") from None
    tiles = tiles.subset(ids)
    _refuse_changed(place, "data", ids, digests(tiles.images, tiles.masks), kept["digests"])
    said = [f"reading {shown(place)}", *tiles.notes]
    return make_dataset(tiles, split, place, tuple(kept["notes"])), said


def reload_unlabelled(kept: DataRecord, root: Path | None) -> tuple[Path, Unlabelled]:
    """The tiles without labels that a run began with, and where they are; raises as ``reload_dataset``."""
    place = _still_there(kept["source"], "unlabelled", None if root is None else unlabelled_place(root))
    try:
        images = read_unlabelled(place, kept["ids"])
    except DataError as error:
        raise DataError(f"{error}; {_as_it_began('unlabelled')}") from None
    _refuse_changed(place, "unlabelled", kept["ids"], digests(images.images), kept["digests"])
    return place, images


def _still_there(source: str, option: str, given: Path | None) -> Path:
    place = given or Path(source)
    if not place.exists():
        raise DataError(
            f"{shown(place)}: no such file or folder any more, and this run learns from it; {_as_it_began(option)}"
        )
    return place.absolute()


def _refuse_changed(place: Path, option: str, ids: list[str], found: Tensor, kept: Tensor) -> None:
    changed = [name for name, same in zip(ids, (found == kept).all(dim=1).tolist(), strict=True) if not same]
    if changed:
        raise DataError(
            f"{shown(place)}: {len(changed):,} of {len(ids):,} tiles are not what they were when this run began, "
            f"first {changed[0]}; {_as_it_began(option)}"
        )


def _as_it_began(option: str) -> str:
    return f"say with --{option} where those are that it began with, or begin another run under another --name"


def summary(kept: DataRecord) -> dict[str, Any]:
    """What a card says of it: the place, as short as it can be, how many tiles, and one digest of them all."""
    if kept["source"] == SYNTHETIC:
        return {"source": SYNTHETIC}
    return {
        "source": shown(Path(kept["source"])),
        "tiles": len(kept["digests"]),
        "sha256": hashlib.sha256(kept["digests"].numpy().tobytes()).hexdigest(),
        "notes": kept.get("notes", []),
    }
