"""How often P10 to P90 holds the true top of salt: ``python experiments/horizon.py WEIGHTS...`` prints the tables.

Counted are the columns of the validation tiles in which the truth has salt that begins below the first row; where it
begins in the first row, the tile was cut inside the salt and the top is not in it.  A column whose probability never
reaches P90 has an interval without a lower end.
"""

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from unet import Segmenter, bootstrap
from unet.data.sections import match_sections, read_sections
from unet.data.tiles import load_tiles
from unet.metrics import mask
from unet.segmenter import shipped_weights
from unet.seismic.horizon import MEASURED, NONE, TEMPERATURE, threshold, tops

DATA = Path("data/tgs-salt")
TEMPERATURES = tuple(percent / 100 for percent in range(80, 201, 5))
PRINTED = (1.0, 1.1, 1.2, 1.3, 1.4, 1.6)
LEVELS = (5, 10, 25, 50, 75, 90, 95)
WANTED = 0.8
HALVES = 200  # random ones of the sections, each chosen on and scored on in turn


@dataclass(frozen=True)
class Columns:
    """The columns of the validation tiles.

    Attributes:
        probability: (N, H, W) of the tiles.
        top: (N, W) the true first row of salt, NONE without salt.
        units: (N,) the section of each tile.
        temperature: that the command takes for these weights.
    """

    probability: NDArray[np.float32]
    top: NDArray[np.int32]
    units: NDArray[np.intp]
    temperature: float

    @property
    def counted(self) -> NDArray[np.bool_]:
        """(N, W) whether a column has a top that is counted."""
        return self.top > 0

    def predicted(self, percentile: float, temperature: float) -> NDArray[np.int32]:
        """(N, W) the row of a percentile, the number of rows where it has none."""
        salt = mask(self.probability, threshold(percentile, temperature))
        rows = tops(salt.swapaxes(1, 2))
        return np.where(rows == NONE, salt.shape[1], rows).astype(np.int32)

    def held(self, temperature: float, low: float = 10, high: float = 90) -> NDArray[np.bool_]:
        """(N, W) whether the true top lies in the interval, ends included."""
        return (self.predicted(low, temperature) <= self.top) & (self.top <= self.predicted(high, temperature))


def load(weights: Path) -> list[Columns]:
    """Columns predicted without flip TTA and with it."""
    segmenter = Segmenter.load(weights)
    tiles = load_tiles(DATA).subset(segmenter.card.split.val)
    units = bootstrap.units(tiles.ids, match_sections(tiles.ids, read_sections(DATA) or {}).of)
    top = tops(tiles.masks.swapaxes(1, 2))
    temperature = MEASURED.get(segmenter.card.sha256 or "", TEMPERATURE)
    answers = (np.stack(segmenter.probabilities(list(tiles.images), tta)) for tta in (False, True))
    return [Columns(probability, top, units, temperature) for probability in answers]


def coverage(columns: Columns) -> Table:
    """What the interval holds at several temperatures."""
    names = ("temperature", "thresholds", "held", "95 %", "top above P10", "top below P90", "median rows", "no P90")
    table = Table(*names)
    counted = columns.counted
    for temperature in PRINTED:
        low, high = columns.predicted(10, temperature), columns.predicted(90, temperature)
        held = columns.held(temperature) & counted
        score = bootstrap.Ratio(held.sum(axis=1).astype(float), counted.sum(axis=1).astype(float))
        interval = bootstrap.interval(score, columns.units)
        ends = ", ".join(f"{threshold(percentile, temperature):.3f}" for percentile in (10, 90))
        shares = ((columns.top < low)[counted], (columns.top > high)[counted])
        table.add_row(
            f"{temperature:.2f}",
            ends,
            f"{score.value():.1%}",
            f"{interval.low:.1%} to {interval.high:.1%}",
            *(f"{share.mean():.1%}" for share in shares),
            f"{np.median((high - low)[counted]):.0f}",
            f"{(high == columns.probability.shape[1])[counted].mean():.1%}",
        )
    return table


def halves(columns: Columns) -> str:
    """The temperature chosen on half of the sections, and what its interval holds on the others."""
    counted = columns.counted
    tiles = np.nonzero(counted)[0]
    held = np.array([columns.held(temperature)[counted] for temperature in TEMPERATURES])
    generator, sections = np.random.default_rng(0), columns.units.max() + 1
    chosen, elsewhere, fixed = [], [], []
    for _ in range(HALVES):
        half = (generator.permutation(sections) <= sections // 2)[columns.units][tiles]
        for here in (half, ~half):
            best = int(np.abs(held[:, here].mean(axis=1) - WANTED).argmin())
            chosen.append(TEMPERATURES[best])
            elsewhere.append(held[best, ~here].mean())
            fixed.append(held[TEMPERATURES.index(columns.temperature), ~here].mean())
    return (
        f"chosen on half of the sections: {_range(chosen, '.2f')}; held on the other half: {_range(elsewhere, '.1%')}; "
        f"at {columns.temperature:g} always: {_range(fixed, '.1%')}"
    )


def _range(values: list[float], form: str) -> str:
    low, middle, high = (format(value, form) for value in np.quantile(values, (0.05, 0.5, 0.95)))
    return f"{middle} (5 to 95 % of halves: {low} to {high})"


def levels(columns: Columns) -> Table:
    """How often the true top is at a percentile or above it; of those exactly at it half."""
    table = Table("percentile", *map(str, LEVELS))
    for temperature in (1.0, columns.temperature):
        shares = []
        for percentile in LEVELS:
            predicted, top = (
                rows[columns.counted] for rows in (columns.predicted(percentile, temperature), columns.top)
            )
            shares.append(((top <= predicted).mean() + (top < predicted).mean()) / 2)
        table.add_row(f"temperature {temperature:g}", *(f"{share:.1%}" for share in shares))
    return table


def others(columns: Columns) -> str:
    """What is predicted where the truth has no salt, and how far P50 is away where it has."""
    without, height = columns.top == NONE, columns.probability.shape[1]
    found = [(columns.predicted(level, columns.temperature) < height)[without].mean() for level in (10, 50, 90)]
    middle, top = (rows[columns.counted] for rows in (columns.predicted(50, columns.temperature), columns.top))
    away = np.abs(middle - top)[middle < height]
    return (
        f"of {without.sum():,} columns without salt {found[0]:.1%} have P10, {found[1]:.1%} P50 and {found[2]:.1%} "
        f"P90; of {len(top):,} with a top {(middle == height).mean():.1%} have no P50, in the others it is "
        f"{np.median(away):.0f} rows away at the median and {np.quantile(away, 0.9):.0f} at most in 90 %"
    )


def main() -> None:
    """Prints the tables for every network."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("weights", nargs="*", type=Path, default=[shipped_weights()])
    console = Console(width=140)
    for path in parser.parse_args().weights:
        for name, columns in zip(("without flip TTA", "with flip TTA"), load(path), strict=True):
            counted = columns.counted
            sections = len(np.unique(columns.units[counted.any(axis=1)]))
            console.print(
                f"\n{path.stem}, {name}: {counted.sum():,} columns of {counted.size:,}, in "
                f"{counted.any(axis=1).sum():,} of {len(counted):,} tiles, of {sections:,} sections or single tiles"
            )
            for part in (coverage(columns), halves(columns), levels(columns), others(columns)):
                console.print(part)


if __name__ == "__main__":
    main()
