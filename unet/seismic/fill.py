"""What of a section was not recorded, and what stands there while the network looks at it.

Left as it is, a gap is an area without reflections, and that is what salt looks like.
"""

import numpy as np
from numpy.typing import NDArray

Section = NDArray[np.float32]  # (samples, traces): rows are time or depth, as in an image

GAP = 12  # samples: a shorter run of one value inside a trace is taken as recorded


def no_data(section: Section) -> NDArray[np.bool_]:
    """Where nothing was recorded.

    Args:
        section: (S, X) amplitudes; NaN is no data.

    Returns:
        (S, X) bool: NaN and infinity, traces of one value, zeros before the first and after the last other sample of a
        trace, and runs of at least ``GAP`` zeros inside one.

    Example:
        >>> section = np.ones((4, 3), np.float32)
        >>> section[:2, 0], section[3, 1] = 0, np.nan
        >>> section[2, :2] = 5
        >>> no_data(section).astype(int)
        array([[1, 0, 1],
               [1, 0, 1],
               [0, 0, 1],
               [0, 1, 1]])
    """
    finite = np.isfinite(section)
    outside = ~finite | (section == 0)
    lowest = np.where(finite, section, np.inf).min(axis=0)
    highest = np.where(finite, section, -np.inf).max(axis=0)
    dead = ~(lowest < highest)
    ends = np.logical_and.accumulate(outside, axis=0) | np.logical_and.accumulate(outside[::-1], axis=0)[::-1]
    return ~finite | dead | ends | _long_runs(outside)


def filled(section: Section, missing: NDArray[np.bool_]) -> Section:
    """A section without gaps, for the network alone.

    A trace goes on above its first and below its last sample as its own mirror image, which has the layers' look and no
    edge.  Everything else is interpolated from trace to trace: of single missing traces that keeps more of the answer
    than the nearest trace does, and far more than grey or black.

    Args:
        section: (S, X) amplitudes.
        missing: (S, X) bool, as ``no_data`` gives it.

    Returns:
        (S, X) float32, finite; 0 where nothing at all was recorded.
    """
    values = np.where(missing, np.float32(0), section).astype(np.float32)
    if missing.all():
        return values
    known = ~missing
    for trace in np.flatnonzero(known.any(axis=0) & missing.any(axis=0)):
        recorded = np.flatnonzero(known[:, trace])
        first, last = int(recorded[0]), int(recorded[-1])
        rows = np.r_[0:first, last + 1 : len(values)]
        values[rows, trace] = values[_mirrored(rows, first, last), trace]
        known[rows, trace] = ~missing[_mirrored(rows, first, last), trace]
    traces = np.arange(values.shape[1])
    for row in np.flatnonzero(~known.all(axis=1)):
        there = known[row]
        if there.any():
            values[row, ~there] = np.interp(traces[~there], traces[there], values[row, there])
    return values


def _mirrored(rows: NDArray[np.int64], first: int, last: int) -> NDArray[np.int64]:
    """Which rows from ``first`` to ``last`` stand at these ones when the part is mirrored at both ends, again and again."""
    period = 2 * max(1, last - first)
    along = np.abs((rows - first) % period)
    return first + np.where(along > last - first, period - along, along)


def _long_runs(outside: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The runs of True down a column that are at least ``GAP`` long."""
    height, width = outside.shape
    if height < GAP:
        return np.zeros_like(outside)
    counts = np.vstack([np.zeros((1, width), np.int32), np.cumsum(outside, axis=0, dtype=np.int32)])
    full = counts[GAP:] - counts[:-GAP] == GAP  # a run of GAP starts here
    marks = np.zeros((height + 1, width), np.int32)
    marks[: len(full)] += full
    marks[GAP : GAP + len(full)] -= full
    return np.asarray(np.cumsum(marks[:height], axis=0) > 0)
