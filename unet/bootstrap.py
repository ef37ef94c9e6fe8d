"""How far a score would move on other tiles of the same kind: 95 % intervals by the bootstrap over seismic sections.

Tiles of one section resemble each other, so whole sections are drawn with replacement, not tiles: the cluster
bootstrap.  A tile whose section is not known is drawn on its own; where such tiles are neighbours after all, the
intervals are too narrow.  Nothing here says how a score would move on another survey.

References:
    Efron (1979), Bootstrap methods: another look at the jackknife, Annals of Statistics 7, 1-26.
    Field and Welsh (2007), Bootstrapping clustered data, J. R. Statist. Soc. B 69, 369-390.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from msgspec import Meta, Struct
from numpy.typing import NDArray

from unet.typed import Count

RESAMPLES = 2000
LEVEL = 0.95
SEED = 0
Signed = Annotated[float, Meta(ge=-1, le=1)]  # a score, or a difference of two


class Interval(Struct, frozen=True, kw_only=True):
    """The 95 % interval of a score, from ``low`` to ``high``, and how many sections or single tiles were drawn."""

    low: Signed
    high: Signed
    units: Count

    def contains(self, value: float) -> bool:
        """Whether a value lies in the interval, ends included."""
        return self.low <= value <= self.high


class Difference(Struct, frozen=True, kw_only=True):
    """How much higher one score is than another on the same tiles, and its interval."""

    value: Signed
    interval: Interval


@dataclass(frozen=True)
class Ratio:
    """A score of many tiles that is a sum over tiles divided by another: a mean, or an IoU over all pixels.

    Attributes:
        numerators, denominators: (N,) float64, one of each for a tile; a sum of denominators of 0 gives 1.0, as for
            the IoU of masks that are all empty.
    """

    numerators: NDArray[np.float64]
    denominators: NDArray[np.float64]

    def value(self) -> float:
        """The score of the tiles themselves."""
        return float(_divide(self.numerators.sum(keepdims=True), self.denominators.sum(keepdims=True))[0])


def units(ids: Sequence[str], sections: Mapping[str, str]) -> NDArray[np.intp]:
    """The number of each tile's unit, what is drawn as a whole: its section, or the tile itself.

    Args:
        ids: of the tiles.
        sections: tile -> section, of the tiles whose section is known.

    Returns:
        (N,) whole numbers from 0, without gaps.
    """
    numbers: dict[tuple[bool, str], int] = {}  # a section may have the name of a tile
    keys = [(name in sections, sections.get(name, name)) for name in ids]
    return np.array([numbers.setdefault(key, len(numbers)) for key in keys], dtype=np.intp)


def interval(score: Ratio, of_unit: NDArray[np.intp]) -> Interval:
    """The percentile interval of a score.

    Args:
        score: of N tiles.
        of_unit: (N,), from ``units``.

    Raises:
        ValueError: no tiles, or not one unit for each.
    """
    return _percentiles(_resampled(score, of_unit), of_unit)


def mean_intervals(
    values: NDArray[np.float64], of_unit: NDArray[np.intp]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The ends of the percentile intervals of many means over the same tiles: as ``interval``, at once.

    Args:
        values: (N, K) of N tiles.
        of_unit: (N,), from ``units``.

    Returns:
        (K,) the low ends and the high ends.
    """
    count = int(of_unit.max()) + 1
    sums = np.zeros((count, 1 + values.shape[1]))
    np.add.at(sums, of_unit, np.insert(values, 0, 1, axis=1))  # how many tiles a unit has, and their sums
    generator = np.random.default_rng(SEED)
    drawn = [np.bincount(generator.integers(count, size=count), minlength=count) for _ in range(RESAMPLES)]
    totals = np.array(drawn, np.float64) @ sums
    low, high = np.quantile(totals[:, 1:] / totals[:, :1], [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0)
    return low, high


def difference(a: Ratio, b: Ratio, of_unit: NDArray[np.intp]) -> Difference:
    """The score ``a`` minus the score ``b`` of the same tiles, both taken of the same draws: the paired bootstrap.

    What makes a tile hard for both networks falls out of the difference, so its interval is narrower than those of
    the two scores.  Arguments and errors are those of ``interval``.
    """
    found = _percentiles(_resampled(a, of_unit) - _resampled(b, of_unit), of_unit)
    return Difference(value=a.value() - b.value(), interval=found)


def _resampled(score: Ratio, of_unit: NDArray[np.intp]) -> NDArray[np.float64]:
    """The score of each resample, (RESAMPLES,); the same units are drawn for every score."""
    if not len(of_unit) or score.numerators.shape != of_unit.shape or score.denominators.shape != of_unit.shape:
        raise ValueError(
            f"expected one unit for each tile and at least one, got {len(of_unit)} for {len(score.numerators)} tiles"
        )
    count = int(of_unit.max()) + 1
    sums = np.stack([np.bincount(of_unit, part, count) for part in (score.numerators, score.denominators)], axis=1)
    generator = np.random.default_rng(SEED)  # one draw at a time: all at once would fill the memory for many tiles
    totals = np.array([sums[generator.integers(count, size=count)].sum(axis=0) for _ in range(RESAMPLES)])
    return _divide(totals[:, 0], totals[:, 1])


def _divide(numerators: NDArray[np.float64], denominators: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.divide(numerators, denominators, out=np.ones_like(numerators), where=denominators > 0)


def _percentiles(values: NDArray[np.float64], of_unit: NDArray[np.intp]) -> Interval:
    low, high = np.quantile(values, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(low=float(low), high=float(high), units=int(of_unit.max()) + 1)
