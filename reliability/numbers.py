"""The numbers of the shipped weights, and that they stay: ``python -m reliability.numbers``.

The probabilities of both networks on sixteen synthetic sections are stored in tests/data, with the sections themselves:
another processor may draw a section's last grey otherwise, and that is not the networks' doing.
"""

import io
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

import numpy as np
import torch
import tyro
from numpy.typing import NDArray
from rich.console import Console

from unet import tiling
from unet.files.atomic import write_atomically
from unet.image import Image
from unet.runtime import computes_bfloat16
from unet.segmenter import Probability, Segmenter, shipped_weights
from unet.synthetic import section, sections

NAMES = ("salt-unet", "salt-unet-tiny")
STORED = Path(__file__).parents[1] / "tests" / "data" / "probabilities.npz"
COUNT = 16
LEVELS = 65535  # a stored probability is a whole number of these: half a step is 8e-6

NEAR_STORED = 1e-4  # float32, on any processor
NEAR_ITSELF = 1e-5  # the same images in other batches, orders and numbers of threads
NEAR_EXACT = 0.03  # the fast path, beside float32
SAME_MASK = 0.99  # IoU of the fast path's masks with those of float32, over all pixels


@dataclass
class Options:
    """Compares the shipped weights with their stored probabilities, with themselves and with their fast path."""

    write: bool = False
    """Store the probabilities anew, after new weights, and compare nothing."""

    sections: int = 200
    """Further synthetic sections for what needs no stored numbers."""


@dataclass(frozen=True)
class Stored:
    """What stands in tests/data.

    Attributes:
        images: (16, 101, 101) uint8.
        probabilities: name of the weights -> (16, 101, 101) float32.
        sha256: name of the weights -> of their tensors.
    """

    images: NDArray[np.uint8]
    probabilities: Mapping[str, NDArray[np.float32]]
    sha256: Mapping[str, str]


@dataclass(frozen=True)
class Fast:
    """The fast path beside float32.

    Attributes:
        largest: the largest difference of two probabilities.
        iou: of the masks at the card's threshold, over all pixels of all images.
        lowest: the IoU of the one image where it is lowest; 1 where neither mask has salt.
    """

    largest: float
    iou: float
    lowest: float


def shipped(name: str, fast: bool = False) -> Segmenter:
    """Weights of the project by their name."""
    return Segmenter.load(shipped_weights().with_name(f"{name}.safetensors"), fast)


def store(path: Path = STORED) -> None:
    """Writes the probabilities of all shipped weights on sections 0 to 15."""
    images, _ = sections(COUNT)
    arrays: dict[str, NDArray[np.generic]] = {"images": images}
    for name in NAMES:
        segmenter = shipped(name)
        probability = np.stack(segmenter.probabilities(list(images)))
        arrays[name] = np.rint(probability * LEVELS).astype(np.uint16)
        arrays[f"{name}.sha256"] = np.array(segmenter.card.sha256)
    path.parent.mkdir(parents=True, exist_ok=True)
    content = io.BytesIO()
    np.savez_compressed(content, allow_pickle=False, **arrays)
    write_atomically(path, content.getbuffer())


def stored(path: Path = STORED) -> Stored:
    """Reads what ``store`` wrote."""
    with np.load(path, allow_pickle=False) as arrays:
        return Stored(
            arrays["images"],
            {name: (arrays[name] / LEVELS).astype(np.float32) for name in NAMES},
            {name: str(arrays[f"{name}.sha256"]) for name in NAMES},
        )


def apart(one: Sequence[Probability], other: Sequence[Probability]) -> float:
    """The largest difference of two probabilities of the same pixel."""
    return max(float(np.abs(a - b).max()) for a, b in zip(one, other, strict=True))


def drift(segmenter: Segmenter, images: NDArray[np.uint8], expected: NDArray[np.float32]) -> float:
    """How far the probabilities of stored images are from the stored ones."""
    return apart(segmenter.probabilities(list(images)), list(expected))


def spread(segmenter: Segmenter, images: Sequence[Image], threads: Sequence[int] = (1, 2)) -> dict[str, float]:
    """How far probabilities move with what should not matter: batch size, order of images and of tiles, threads.

    Args:
        segmenter: any.
        images: (H, W) uint8; those above 128 pixels a side are cut into tiles.
        threads: numbers of threads to compare with the usual one.

    Returns:
        What was changed -> the largest difference of a probability.
    """
    images = list(images)
    expected = segmenter.probabilities(images)
    moved = {
        f"{size} at once": apart(segmenter.probabilities(images, batch_size=size), expected) for size in (1, 5, 64)
    }
    order = np.random.default_rng(0).permutation(len(images))
    shuffled = segmenter.probabilities([images[i] for i in order])
    moved["images in another order"] = apart(shuffled, [expected[i] for i in order])
    with _tiles_backwards():
        moved["tiles in another order"] = apart(segmenter.probabilities(images), expected)
    usual = torch.get_num_threads()
    try:
        for count in sorted({*threads} - {usual}):
            torch.set_num_threads(count)
            moved[f"{count} instead of {usual} threads"] = apart(segmenter.probabilities(images), expected)
    finally:
        torch.set_num_threads(usual)
    return moved


@contextmanager
def _tiles_backwards() -> Iterator[None]:
    """Large images go through the network from their last tile to their first."""
    forwards = tiling.windows
    with patch.object(tiling, "windows", lambda height, width: forwards(height, width)[::-1]):
        yield


def fast_path(exact: Segmenter, fast: Segmenter, images: Sequence[Image]) -> Fast:
    """Compares the two on the same images, at the card's threshold."""
    one, other = exact.probabilities(images), fast.probabilities(images)
    shared = np.zeros((len(images), 2))  # pixels of both masks, pixels of either
    for counts, p, q in zip(shared, one, other, strict=True):
        a, b = p > np.float32(exact.threshold), q > np.float32(exact.threshold)
        counts[:] = (a & b).sum(), (a | b).sum()
    both, either = shared.T
    each = np.divide(both, either, out=np.ones_like(both), where=either > 0)
    return Fast(apart(one, other), float(both.sum() / max(either.sum(), 1)), float(each.min()))


def larger(seed: int) -> NDArray[np.uint8]:
    """A synthetic section that goes through the network as twelve tiles."""
    return section(seed, 230, 300)[0]


def main() -> int:
    """Prints what was compared; 0 if every promise held, 1 if not."""
    options = tyro.cli(Options)
    console = Console(highlight=False, markup=False, soft_wrap=True)
    if options.write:
        store()
        console.print(f"{STORED.stat().st_size:,} bytes written")
        return 0
    held = [_compared(name, options, console) for name in NAMES]
    console.print("Every promise held." if all(held) else "NOT every promise held.")
    return 0 if all(held) else 1


def _compared(name: str, options: Options, console: Console) -> bool:
    kept, exact = stored(), shipped(name)
    if exact.card.sha256 != kept.sha256[name]:
        console.print(f"{name}: the stored numbers are those of other weights; python -m reliability.numbers --write")
        return False
    console.print(f"{name}: largest difference of a probability")
    far = drift(exact, kept.images, kept.probabilities[name])
    held = [far <= NEAR_STORED]
    console.print(f"  {far:.1e} from the stored ones of {len(kept.images)} sections, {NEAR_STORED:.0e} allowed")

    images: list[Image] = [*kept.images, *sections(options.sections, first_seed=COUNT)[0], larger(0), larger(1)]
    for what, far in spread(exact, images, threads=(1, 2, 3)).items():
        held.append(far <= NEAR_ITSELF)
        console.print(f"  {far:.1e} with {what}, {len(images)} sections, {NEAR_ITSELF:.0e} allowed")

    if not computes_bfloat16():
        console.print("  fast path: not compared, this processor does not compute in bfloat16")
        return all(held)
    fast = shipped(name, fast=True)
    found = fast_path(exact, fast, list(kept.images))
    held += [found.largest <= NEAR_EXACT, found.iou >= SAME_MASK]
    console.print(
        f"  {found.largest:.4f} on the fast path, {len(kept.images)} sections, {NEAR_EXACT} allowed; "
        f"IoU of the masks {found.iou:.4f} over all pixels, {SAME_MASK} asked, "
        f"{found.lowest:.4f} in the section where it is lowest"
    )
    found = fast_path(exact, fast, images)
    console.print(
        f"  {found.largest:.4f} on the fast path, {len(images)} sections, measured and not promised; IoU of the "
        f"masks {found.iou:.4f}, {found.lowest:.4f} where it is lowest"
    )
    return all(held)


if __name__ == "__main__":
    sys.exit(main())
