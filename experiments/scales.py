"""How far the scale chosen without labels is from the best one, on tiles stretched by known factors; see f3.md."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from unet import Segmenter, metrics
from unet.checkpoint import CheckpointError
from unet.data.places import DEFAULT, DataError
from unet.data.tiles import Tiles, load_tiles
from unet.segmenter import shipped_weights
from unet.seismic.scales import POSSIBLE, PROBABLE, SCALES, Answer, explained, written
from unet.seismic.section import Scale, resize, scaled_size

STRETCHES = ((1.0, 1.0), (1.0, 4.0), (2.0, 1.0), (0.6, 1.0), (0.6, 3.0), (1.5, 0.7))
TILES = 48  # of the validation split, half of which hold salt
SUBSETS, SIZES = 40, (6, 12, 24)
NAIVE = SCALES.index((1.0, 1.0))

Counts = NDArray[np.float64]  # (scales, tiles, 6): above the threshold, POSSIBLE and PROBABLE, sum; hits and union


def count(segmenter: Segmenter, tiles: Tiles, stretch: Scale) -> Counts:
    """What the network says of stretched tiles at every scale."""
    images = [resize(tile / np.float32(255), *scaled_size(tile, stretch)) for tile in tiles.images]
    counts = np.empty((len(SCALES), len(images), 6))
    for index, scale in enumerate(SCALES):
        answers = segmenter.probabilities([resize(image, *scaled_size(image, scale)) for image in images])
        for place, (answer, truth) in enumerate(zip(answers, tiles.masks, strict=True)):
            probability = resize(answer, *truth.shape)
            mask = metrics.mask(probability, segmenter.threshold)
            above = [(probability > least).sum() for least in (POSSIBLE, PROBABLE)]
            counts[index, place] = mask.sum(), *above, probability.sum(), (mask & truth).sum(), (mask | truth).sum()
    return counts


def choose(counts: Counts, pixels: int) -> int:
    """The index of the scale that ``unet.seismic.scales`` chooses by the answers for these tiles together."""
    shares = counts[..., :4].sum(axis=1) / pixels
    answers = [Answer(scale, (np.nan, np.nan), *share) for scale, share in zip(SCALES, shares.tolist(), strict=True)]
    return SCALES.index(explained(answers)[0])


def ious(counts: Counts) -> NDArray[np.float64]:
    """Of all tiles together, at every scale."""
    hits, union = counts[..., 4].sum(axis=1), counts[..., 5].sum(axis=1)
    return np.asarray(hits / np.maximum(1, union))


def lost(counts: Counts, tiles: Sequence[int], pixels: int) -> tuple[float, float]:
    """The IoU that the chosen scale loses against the best one, and that 1 x 1 loses, on some of the tiles."""
    part = counts[:, tiles]
    found = ious(part)
    return float(found.max() - found[choose(part, pixels * len(tiles))]), float(found.max() - found[NAIVE])


def main() -> int:
    """Runs the command line; 0 all well, 1 a file is missing or damaged."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--weights", type=Path, default=shipped_weights())
    parser.add_argument("--data", type=Path, default=DEFAULT, help="the tiles of the competition")
    arguments = parser.parse_args()
    say, fail = (Console(stderr=error, highlight=False, markup=False, soft_wrap=True) for error in (False, True))
    try:
        segmenter = Segmenter.load(arguments.weights)
        everything = load_tiles(arguments.data)
    except (CheckpointError, DataError) as error:
        fail.print(f"error: {error}")
        return 1
    random = np.random.default_rng(0)
    split = segmenter.card.split
    with_salt = {name: bool(mask.any()) for name, mask in zip(everything.ids, everything.masks, strict=True)}
    groups = [[name for name in split.val if with_salt[name] is salt] for salt in (True, False)] if split else []
    tiles = everything.subset([str(name) for group in groups for name in random.permutation(group)[: TILES // 2]])
    pixels = tiles.masks[0].size
    salt = np.flatnonzero(tiles.masks.any(axis=(1, 2)))
    none = np.flatnonzero(~tiles.masks.any(axis=(1, 2)))

    say.print("stretched by | best | IoU | 1 x 1 | chosen | IoU | without salt: chosen | called salt")
    say.print("|".join(["---"] * 8))
    losses: dict[int, list[tuple[float, float]]] = {size: [] for size in SIZES}
    for stretch in STRETCHES:
        counts = count(segmenter, tiles, stretch)
        found, chosen = ious(counts), choose(counts, pixels * len(tiles.ids))
        false = choose(counts[:, none], pixels * len(none))
        share = counts[false][none, 0].sum() / (pixels * len(none))
        say.print(
            f"{written(stretch)} | {written(SCALES[found.argmax()])} | {found.max():.3f} | {found[NAIVE]:.3f} | "
            f"{written(SCALES[chosen])} | {found[chosen]:.3f} | {written(SCALES[false])} | {share:.2%}"
        )
        for size in SIZES:
            for _ in range(SUBSETS):
                some = [*random.permutation(salt)[: size // 2], *random.permutation(none)[: size // 2]]
                losses[size].append(lost(counts, some, pixels))
    say.print("\ntiles | lost, mean | 90 % | most | by 1 x 1, mean | most")
    say.print("|".join(["---"] * 6))
    for size, pairs in losses.items():
        by_choice, by_none = np.array(pairs).T
        numbers = by_choice.mean(), np.percentile(by_choice, 90), by_choice.max(), by_none.mean(), by_none.max()
        say.print(f"{size} | {' | '.join(f'{number:.3f}' for number in numbers)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
