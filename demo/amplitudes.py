"""Where the numbers of an upload are drawn black and white: what can be chosen, and how it looks.

Nothing here knows Streamlit or Gradio.
"""

from dataclasses import dataclass
from operator import itemgetter
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from unet.amplitude import CLIP, Limits, percentile_limits

HIGHEST_CLIP, CLIP_STEP = 5.0, 0.1  # per cent at each end that the page offers
BINS = 80
SHOWN = 0.1  # per cent at each end that the histogram leaves out


class LimitsChoice(NamedTuple):
    """What a user chose for an upload.

    Attributes:
        clip: per cent of the samples at each end that become black or white; None takes the black and the white of
            the file's type, and ``CLIP`` where it has none.
        reverse: whether black and white change places, as polarity does.
    """

    clip: float | None = None
    reverse: bool = False


UNCHANGED = LimitsChoice()


@dataclass(frozen=True)
class AmplitudeRange:
    """The numbers of an upload and their limits.

    Attributes:
        needed: whether nothing can be drawn without limits: amplitudes, not an image far below its white.
        choice: what was chosen.
        limits: the numbers drawn black and white; None where those of the file's type are.
        counts: (``BINS``,) how many samples lie in each of equal bins from ``lowest`` to ``highest``.
        lowest, highest: where the histogram begins and ends; few samples lie beyond.
    """

    needed: bool
    choice: LimitsChoice
    limits: Limits | None
    counts: NDArray[np.int64]
    lowest: float
    highest: float

    @property
    def sentence(self) -> str:
        """The limits in words; empty without limits."""
        if self.limits is None:
            return ""
        taken = f"{self.limits.black:.4g} was taken as black and {self.limits.white:.4g} as white"
        polarity = "reversed" if self.choice.reverse else "as recorded"
        return f"{taken}, which leaves {self.choice.clip:g} % of the samples beyond each; polarity {polarity}"


def find_range(samples: NDArray[np.float64], choice: LimitsChoice, needed: bool) -> AmplitudeRange:
    """The limits that a choice gives for the numbers of an upload.

    Args:
        samples: (N,) as ``unet.amplitude.live`` gives them.
        choice: of the user.
        needed: whether they are amplitudes, without a black and a white of their own.

    Raises:
        ValueError: no two of their samples differ.
    """
    if choice.clip is None and needed:
        choice = choice._replace(clip=CLIP)
    limits = None
    if choice.clip is not None:
        limits, clip = _limits(samples, choice.clip)
        choice = choice._replace(clip=clip)
        limits = limits.reversed if choice.reverse else limits
    (lowest, highest), _ = _limits(samples, SHOWN)
    counts, _ = np.histogram(samples, BINS, (lowest, highest))
    return AmplitudeRange(needed, choice, limits, counts, lowest, highest)


def _limits(samples: NDArray[np.float64], clip: float) -> tuple[Limits, float]:
    """The limits, and what they leave out: nothing where so many samples are alike that no others are left."""
    try:
        return percentile_limits([samples], clip), clip
    except ValueError:
        return percentile_limits([samples], 0), 0.0


def histogram(found: AmplitudeRange) -> str:
    """The samples as bars in the colour of the text around them, with a line at each limit, as HTML without SVG.

    Streamlit takes SVG out of what a page may hold.
    """
    top = max(1, int(found.counts.max()))
    bars = "".join(
        f'<i style="flex: 1; height: {100 * count / top:.1f}%; background: currentColor"></i>'
        for count in found.counts.tolist()
    )
    marks, words, named = "", "Histogram of the amplitudes", []
    if found.limits is not None:
        for name, limit in sorted(found.limits._asdict().items(), key=itemgetter(1)):
            share = min(1.0, max(0.0, (limit - found.lowest) / (found.highest - found.lowest)))
            marks += f'<b style="position: absolute; left: {share:.1%}; height: 100%; border-left: 2px solid"></b>'
            named.append(f"{name} {limit:.4g}")
        words += f"; {', '.join(named)}"
    feet = "".join(f"<span>{name}</span>" for name in named)
    return (
        f'<div role="img" aria-label="{words}" style="max-width: 320px; font-size: 12px">'
        f'<div style="position: relative; height: 56px">{marks}'
        f'<div style="display: flex; align-items: end; height: 100%; opacity: 0.45">{bars}</div></div>'
        f'<div style="display: flex; justify-content: space-between">{feet}</div></div>'
    )
