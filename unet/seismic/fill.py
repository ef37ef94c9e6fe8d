"""What of a section was not recorded, and what stands there while the network looks at it.

Left as it is, a gap is an area without reflections, and that is what salt looks like.
"""

import numpy as np
from numpy.typing import NDArray

Section = NDArray[np.float32]  # (samples, traces): rows are time or depth, as in an image
Missing = NDArray[np.bool_]  # (samples, traces): True where there are no data

GAP = 12  # samples: a shorter run of zeros inside a trace is taken as recorded
GAP_8_BIT = 48  # the same where amplitudes have 8 bits, which round a quiet part to zeros
LARGEST_8_BIT = 255


def no_data(section: Section) -> Missing:
    """Where nothing was recorded.

    Args:
        section: (S, X) amplitudes; NaN is no data.

    Returns:
        (S, X) bool, True for NaN and infinity; traces of one value; zeros before the first and after the last other
        sample of a trace; and ``GAP`` samples or more that are zeros inside a trace, or of any one value at its ends.

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
    empty = ~finite | (section == 0)
    lowest = np.where(finite, section, np.inf).min(axis=0)
    highest = np.where(finite, section, -np.inf).max(axis=0)
    gap = GAP_8_BIT if _has_8_bits(section[finite]) else GAP
    ends = _start(section, empty, gap) | _start(section[::-1], empty[::-1], gap)[::-1]
    return np.asarray(~finite | ~(lowest < highest) | ends | _runs(empty, gap))


def filled(section: Section, missing: Missing) -> Section:
    """A section without gaps, for the network alone.

    A trace goes on above its first and below its last sample as its own mirror image, which has the layers' look and no
    edge.  A gap between traces becomes the mean of the mirror images of what lies on its two sides, weighted by
    nearness: of a single trace that is linear interpolation, and a wide gap stays as strong as what is around it.

    Args:
        section: (S, X) amplitudes.
        missing: (S, X) bool, as ``no_data`` gives it.

    Returns:
        (S, X) float32, finite; 0 where nothing at all was recorded.

    Example:
        >>> section = np.array([[1, 2, np.nan, 6]], np.float32)
        >>> filled(section, np.isnan(section))
        array([[1., 2., 4., 6.]], dtype=float32)
    """
    values, known = np.where(missing, np.float32(0), section).astype(np.float32), ~missing
    for trace in np.flatnonzero(known.any(axis=0) & missing.any(axis=0)):
        recorded = np.flatnonzero(known[:, trace])
        first, last = recorded[0], recorded[-1]
        rows = first + _reflected(np.arange(len(values)) - first, last - first + 1)
        values[:, trace], known[:, trace] = values[rows, trace], known[rows, trace]
    rows_known = np.asarray(known.any(axis=1))
    for row in np.flatnonzero(rows_known & ~known.all(axis=1)):
        _fill_line(values[row], known[row])
    if rows_known.any() and not rows_known.all():  # a gap in all traces
        _fill_line(values, rows_known)
    return values


def _has_8_bits(amplitudes: NDArray[np.float32]) -> bool:
    """Whether these are whole numbers of 8 bits."""
    return bool((np.abs(amplitudes) <= LARGEST_8_BIT).all() and (amplitudes == np.rint(amplitudes)).all())


def _start(section: Section, empty: Missing, gap: int) -> Missing:
    """What precedes the first recorded sample of every trace."""
    repeated = np.logical_and.accumulate(section == section[0], axis=0)
    return np.asarray(np.logical_and.accumulate(empty, axis=0) | (repeated & (repeated.sum(axis=0) >= gap)))


def _runs(empty: Missing, gap: int) -> Missing:
    """The runs of True down a column that are at least ``gap`` long."""
    height, width = empty.shape
    if height < gap:
        return np.zeros_like(empty)
    counts = np.vstack([np.zeros((1, width), np.int32), np.cumsum(empty, axis=0, dtype=np.int32)])
    starts = counts[gap:] - counts[:-gap] == gap  # so many from here on
    marks = np.zeros((height + 1, width), np.int32)
    marks[: len(starts)] += starts
    marks[gap:] -= starts
    return np.asarray(np.cumsum(marks[:height], axis=0) > 0)


def _reflected(places: NDArray[np.intp], length: int) -> NDArray[np.intp]:
    """Any places on a line as places from 0 to ``length``, mirrored at its ends again and again, end points twice."""
    along = places % (2 * length)
    return np.minimum(along, 2 * length - 1 - along)


def _fill_line(values: NDArray[np.float32], known: NDArray[np.bool_]) -> None:
    """Fills ``values[~known]`` from both sides, in place."""
    there, gaps = np.flatnonzero(known), np.flatnonzero(~known)
    after = np.searchsorted(there, gaps)
    before = after - 1
    left = gaps - there[np.maximum(before, 0)]  # distances, negative outside, where only one side is there
    right = there[np.minimum(after, len(there) - 1)] - gaps
    weight = np.where(left < 0, 1, np.where(right < 0, 0, left / np.maximum(1, left + right))).astype(np.float32)
    # Counted in what is known: the other gaps on the way are stepped over.
    near = values[there[_reflected(before - np.maximum(left, 1) + 1, len(there))]]
    far = values[there[_reflected(after + np.maximum(right, 1) - 1, len(there))]]
    weight = weight.reshape(-1, *[1] * (values.ndim - 1))
    values[gaps] = (1 - weight) * near + weight * far
