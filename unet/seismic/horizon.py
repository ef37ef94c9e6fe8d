"""The top of salt: of every trace the shallowest salt of bodies that are large enough, with an interval.

Let r(D) be the highest probability of a trace down to the depth D, its running maximum.  If the samples of a trace
depended on each other as strongly as their probabilities allow, salt at a sample meaning salt at every more probable
one, r(D) would be the probability that the top lies at D or above.  They nearly do: measured on validation tiles, the
interval from r = 0.1 to r = 0.9 holds the true top less often than 80 %.  A temperature corrects that, as a card's own
corrects the probability of single pixels:

    P(top <= D) = sigmoid(logit(r(D)) / temperature)

Recalibrating a predictive distribution on held-out data is after Kuleshov, Fenner and Ermon (2018), Accurate
uncertainties for deep learning using calibrated regression, ICML.  ``experiments/horizon.md`` has the measurement.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unet.seismic.bodies import Bodies, BodyFinder
from unet.seismic.volume import Cube

# sha256 of weights -> what was measured for them, rounded to tenths.
MEASURED = {
    "e476a8fcfeef38e19c36b1cc0dcf4caa1cef683a2903fb3d8eefaae992eda9dc": 1.2,  # salt-unet
    "a8ed34003aa3ef2a939fc6748d5ce6ac58a06ca4dbfbc8ac4ffcf1463aefffff": 1.6,  # salt-unet-tiny
}
TEMPERATURE = 1.2  # of other weights: right for three of the four networks that were measured
NONE = -1  # where a trace has no top
Samples = NDArray[np.int32]  # positions of samples in a trace, or NONE

MEANING = (
    "P10 is where the probability that the top of salt lies there or above reaches 10 %, P90 where it reaches 90 %, as "
    "calibrated on tiles that the network had not learned from. They say how sure the network is of what it sees, and "
    "not how sure a geologist is: other interpretations, velocities, and how far this survey differs from those tiles "
    "are not in it."
)
ASSUMED = "Assumed: where a sample of a trace is salt, every more probable sample of the trace is salt too."


@dataclass(frozen=True)
class Horizon:
    """The top of salt of a survey.

    Attributes:
        percentiles: (P,) ascending, in per cent.
        tops: (P, I, X) the sample of each; NONE where the probability never gets so high in a body of the size.
        body: (I, X) the number of the shallowest body of the trace, 0 where it has none.
        known: (I, X) bool, where the trace has data.
        bodies: of the survey.
    """

    percentiles: tuple[float, ...]
    tops: Samples
    body: NDArray[np.int32]
    known: NDArray[np.bool_]
    bodies: Bodies


def threshold(percentile: float, temperature: float = TEMPERATURE) -> float:
    """The running maximum at which the probability that the top lies there or above reaches a percentile.

    Args:
        percentile: above 0 and below 100.
        temperature: see above; 1 takes the running maximum as it is.

    Example:
        >>> [round(threshold(percentile), 3) for percentile in (10, 50, 90)]
        [0.067, 0.5, 0.933]
    """
    share = percentile / 100
    return float(1 / (1 + ((1 - share) / share) ** temperature))


def tops(salt: NDArray[np.bool_]) -> Samples:
    """The first True along the last axis, NONE where there is none: (..., S) bool -> (...) int32.

    Example:
        >>> tops(np.array([[False, True, True], [False, False, False]]))
        array([ 1, -1], dtype=int32)
    """
    return np.where(salt.any(axis=-1), salt.argmax(axis=-1), NONE).astype(np.int32)


def find_horizon(
    blocks: Callable[[], Iterable[Cube]],
    percentiles: Sequence[float],
    smallest: int,
    body_threshold: float = 0.5,
    temperature: float = TEMPERATURE,
) -> Horizon:
    """Finds the top of salt and the bodies below it, with one block in memory at a time.

    At each percentile's threshold the survey has bodies of its own, and those of a higher threshold lie inside those of
    a lower one.  So a body counts where it is large enough at that threshold, and P10 is never below P50.

    Args:
        blocks: gives the survey's blocks of inlines in their order, each (I, X, S) with NaN where there are no data;
            called twice, for the bodies are only known when all blocks have passed by.
        percentiles: above 0 and below 100.
        smallest: samples that a body has at least.
        body_threshold: of ``Horizon.bodies`` and ``Horizon.body``.
        temperature: see ``threshold``.
    """
    percentiles = tuple(sorted(percentiles))
    levels = [threshold(percentile, temperature) for percentile in percentiles]
    finders = {level: BodyFinder(level) for level in (*levels, body_threshold)}
    for block in blocks():
        for finder in finders.values():
            finder.add(block)
    bodies = {level: finder.bodies(smallest) for level, finder in finders.items()}
    found: list[Samples] = []
    numbers: list[NDArray[np.int32]] = []
    known: list[NDArray[np.bool_]] = []
    for place, block in enumerate(blocks()):
        found.append(np.stack([tops(bodies[level].label(place, block) > 0) for level in levels]))
        labels = bodies[body_threshold].label(place, block)
        shallowest = np.maximum(tops(labels > 0), 0)
        numbers.append(np.take_along_axis(labels, shallowest[..., None], axis=-1)[..., 0])
        known.append(np.asarray(np.isfinite(block).any(axis=-1)))
    return Horizon(
        percentiles,
        np.concatenate(found, axis=1),
        np.concatenate(numbers),
        np.concatenate(known),
        bodies[body_threshold],
    )
