"""Which rule chooses a threshold that suits other tiles: ``python experiments/threshold.py WEIGHTS...`` prints a table.

A rule chooses on some validation tiles; what counts is how much mAP its choice loses on the others, compared with the
best threshold there.  Tiles are parted at random, by whole seismic sections, and by depth: another depth is the nearest
thing to another survey that these tiles have.
"""

import argparse
import csv
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from unet import Segmenter, bootstrap, metrics
from unet.data.sections import match_sections, read_sections
from unet.data.tiles import load_tiles
from unet.metrics import THRESHOLDS, ThresholdPoint
from unet.threshold import choose_threshold

DATA = Path("data/tgs-salt")
HALVES = 200  # random ones of the sections, each chosen on and scored on in turn
Curve = NDArray[np.float64]  # the mAP at each of THRESHOLDS


def highest(curve: Curve) -> int:
    """The highest point, the middle one among equals."""
    equals = np.flatnonzero(curve >= curve.max() - 1e-9)
    return int(equals[len(equals) // 2])


def widest(tolerance: float) -> Callable[[Curve], int]:
    """The middle of the widest unbroken range that is lower than the highest point by ``tolerance`` at most."""

    def choose(curve: Curve) -> int:
        edges = np.flatnonzero(np.diff(np.pad(curve >= curve.max() - tolerance - 1e-9, 1)))
        first, last = max(zip(edges[::2], edges[1::2] - 1, strict=True), key=lambda ends: ends[1] - ends[0])
        return int(first + last) // 2

    return choose


def surroundings(reach: int, of: Callable[[Curve], float]) -> Callable[[Curve], int]:
    """The point whose surroundings, ``reach`` hundredths to either side, are best by their mean or by their minimum."""
    return lambda curve: highest(np.array([of(curve[max(0, i - reach) : i + reach + 1]) for i in range(len(curve))]))


def shipped(curve: Curve) -> int:
    """What ``unet.threshold`` does."""
    scores = {"iou": 0.0, "precision": 0.0, "recall": 0.0}
    points = [ThresholdPoint(threshold=t, mAP=float(y), **scores) for t, y in zip(THRESHOLDS, curve, strict=True)]
    return THRESHOLDS.index(choose_threshold(points).threshold)


RULES: dict[str, Callable[[Curve], int]] = {
    "highest mAP": highest,
    "middle of the widest range within 0.003": widest(0.003),
    "middle of the widest range within 0.01": widest(0.01),
    **{f"highest mean within {r / 100:.2f}": surroundings(r, np.mean) for r in (5, 10)},
    "highest mean within 0.15, as shipped": shipped,
    **{f"highest mean within {r / 100:.2f}": surroundings(r, np.mean) for r in (20, 25)},
    "highest minimum within 0.15": surroundings(15, np.min),
    "always 0.50": lambda _: THRESHOLDS.index(0.5),
}


def score_curves(weights: Path) -> tuple[list[str], list[Curve]]:
    """Ids of the validation tiles; their scores without TTA and with it, each (tiles, thresholds)."""
    segmenter = Segmenter.load(weights)
    tiles = load_tiles(DATA).subset(segmenter.card.split.val)
    curves = []
    for tta in (False, True):
        pairs = zip(segmenter.probabilities(list(tiles.images), tta), tiles.masks, strict=True)
        curves.append(np.array([[point.mAP for point in metrics.sweep([p], [t])] for p, t in pairs]))
    return tiles.ids, curves


def parts(ids: list[str]) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    """How tiles are parted, and which ones choose the threshold for the rest."""
    units = bootstrap.units(ids, match_sections(ids, read_sections(DATA) or {}).of)
    generator = np.random.default_rng(0)
    for _ in range(HALVES):
        half = generator.permutation(units.max() + 1)[units] <= units.max() // 2
        yield from (("halves", half), ("halves", ~half))
    with (DATA / "depths.csv").open(newline="") as file:
        depths = {row["id"]: float(row["z"]) for row in csv.DictReader(file)}
    quarter = np.argsort(np.argsort([depths[name] for name in ids])) * 4 // len(ids)
    yield from (("depth", quarter == i) for i in range(4))


def main() -> None:
    """Prints how much mAP each rule loses on tiles that it did not choose on."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("weights", nargs="+", type=Path)
    losses: dict[str, dict[str, list[float]]] = {name: {"halves": [], "depth": []} for name in RULES}
    for path in parser.parse_args().weights:
        ids, curves = score_curves(path)
        for curve in curves:
            for kind, chosen_on in parts(ids):
                here, elsewhere = curve[chosen_on].mean(axis=0), curve[~chosen_on].mean(axis=0)
                for name, rule in RULES.items():
                    losses[name][kind].append(float(elsewhere.max() - elsewhere[rule(here)]))
    table = Table("Rule", "Halves: mean", "95 %", "worst", "Depths: mean", "worst")
    for name, found in losses.items():
        halves, depth = np.array(found["halves"]), np.array(found["depth"])
        values = (halves.mean(), np.quantile(halves, 0.95), halves.max(), depth.mean(), depth.max())
        table.add_row(name, *(f"{value:.4f}" for value in values))
    Console().print(table)


if __name__ == "__main__":
    main()
