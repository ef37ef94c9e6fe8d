"""A page to check a prediction by: sections and slices with the salt over them, amplitudes, and what was left out."""

import base64
import html
import io
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from unet.amplitude import Limits
from unet.render import Pixels, overlay
from unet.seismic.fill import no_data
from unet.seismic.store import Block
from unet.seismic.volume import Cube, Volume

WIDEST = 1000  # pixels of a picture
BINS = 80
PAPER = 255  # where there are no data

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 75rem; margin: 2rem auto; padding: 0 1rem }
body { color: #1a1a1a; background: #fff }
table { border-collapse: collapse } th, td { text-align: left; vertical-align: top; padding: .2rem 1.5rem .2rem 0 }
.pictures { display: grid; grid-template-columns: repeat(auto-fill, minmax(20rem, 1fr)); gap: 1rem }
figure { margin: 0 } figure img { width: 100%; height: 20rem; border: 1px solid #bbb } figcaption { color: #555 }
svg { max-width: 40rem; width: 100% } code { background: #f2f2f2; padding: .1rem .3rem }
"""


class QualityPage:
    """Collects what the page shows while the blocks of a survey pass by.

    Args:
        volume: what was predicted.
        limits: the amplitudes that are drawn black and white.
        threshold: salt is drawn where the probability is above it.

    Attributes:
        samples: how many have data, of the blocks so far.
        salt: how many of them are salt.
        without_data: traces of the grid that have none at all.
    """

    def __init__(self, volume: Volume, limits: Limits, threshold: float) -> None:
        inlines, crosslines, samples = volume.shape
        self._volume, self._limits, self._threshold = volume, limits, threshold
        self._inlines = _places(inlines)
        self._crosslines = [] if volume.is_line else _places(crosslines)
        self._slices = [] if volume.is_line else _places(samples)
        self._sections: list[tuple[str, Pixels]] = []
        size = (2, len(self._crosslines), samples, inlines)  # amplitudes and probability, as sections are drawn
        self._across = np.full(size, np.nan, np.float32)
        self._level = np.full((2, len(self._slices), inlines, crosslines), np.nan, np.float32)
        self._counts = np.zeros(BINS, np.int64)
        self._edges = np.linspace(*_wider(limits), BINS + 1)
        self.samples = self.salt = self.without_data = 0

    def add(self, block: Block, amplitudes: Cube, probability: Cube) -> None:
        """Takes a block of inlines: both (I, X, samples), NaN where there are no data."""
        part = slice(block.start, block.stop)
        known = np.isfinite(probability)
        self.samples += int(known.sum())
        self.salt += int((probability[known] > self._threshold).sum())
        self.without_data += int((~known.any(axis=-1)).sum())
        for values, across, level in zip((amplitudes, probability), self._across, self._level, strict=True):
            for target, place in zip(across, self._crosslines, strict=True):
                target[:, part] = values[:, place].T
            for target, place in zip(level, self._slices, strict=True):
                target[part] = values[:, :, place]
        for place in self._inlines:
            if block.start <= place < block.stop:
                section = amplitudes[place - block.start].T, probability[place - block.start].T
                self._sections.append((f"inline {self._volume.inlines[place]}", self._picture(*section)))
                found = section[0][~no_data(section[0])]
                self._counts += np.histogram(found, self._edges)[0]

    def html(self, facts: Sequence[tuple[str, str]], left_out: Sequence[str]) -> str:
        """The whole page, one file.

        Args:
            facts: names and values of what was done.
            left_out: a sentence for each thing.
        """
        volume = self._volume
        across = [
            (f"crossline {volume.crosslines[place]}", self._picture(*self._across[:, number]))
            for number, place in enumerate(self._crosslines)
        ]
        slices = [
            (self._level_name(place), self._picture(*self._level[:, number]))
            for number, place in enumerate(self._slices)
        ]
        rows = "".join(f"<tr><th>{html.escape(name)}<td>{html.escape(value)}" for name, value in facts)
        lost = "".join(f"<li>{html.escape(sentence)}" for sentence in left_out) or "<li>Nothing."
        sections = [
            (
                "The line" if volume.is_line else "Inlines",
                self._sections,
                "Time or depth downwards, traces to the right",
            ),
            ("Crosslines", across, "Time or depth downwards, inlines to the right"),
            ("Time slices", slices, "Inlines downwards, crosslines to the right"),
        ]
        pictures = "".join(
            f"<h2>{name}</h2><p>{axes}; salt is orange, no data white; stretched to one size.</p><div class=pictures>"
            + "".join(_figure(caption, image) for caption, image in found)
            + "</div>"
            for name, found, axes in sections
            if found
        )
        title = f"Salt in {html.escape(volume.path.name)}"
        return (
            f'<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content="width=device-width">'
            f"<title>{title}</title><style>{_STYLE}</style><h1>{title}</h1>"
            f"<table>{rows}</table><h2>Left out</h2><ul>{lost}</ul>{pictures}"
            f"<h2>Amplitudes</h2><p>Of the inlines above, logarithmic; the lines are the limits, drawn black and white."
            f"</p>{self._histogram()}</html>\n"
        )

    def _picture(self, amplitudes: NDArray[np.float32], probability: NDArray[np.float32]) -> Pixels:
        black, white = self._limits
        scaled = np.nan_to_num((amplitudes - np.float32(black)) / np.float32(white - black), posinf=1.0, neginf=0.0)
        grey = np.rint(np.clip(scaled, 0, 1) * 255).astype(np.uint8)
        grey[~np.isfinite(probability)] = PAPER
        picture = overlay(grey, np.nan_to_num(probability, nan=0.0) > self._threshold)
        height, width = picture.shape[:2]
        if max(height, width) > WIDEST:
            factor = WIDEST / max(height, width)
            size = max(1, round(width * factor)), max(1, round(height * factor))
            picture = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)
        return picture

    def _level_name(self, place: int) -> str:
        interval = self._volume.interval
        return f"sample {place} ({place * interval:g} ms)" if interval else f"sample {place}"

    def _histogram(self) -> str:
        """An SVG of bars, their height the logarithm of the count."""
        heights = np.log1p(self._counts) / np.log1p(max(1, int(self._counts.max())))
        bars = "".join(
            f'<rect x="{8 * place}" y="{160 - 150 * height:.1f}" width="7" height="{150 * height:.1f}" fill="#777"/>'
            for place, height in enumerate(heights)
        )
        low, high = float(self._edges[0]), float(self._edges[-1])
        marks = ""
        for limit in self._limits:
            x = 8 * BINS * (limit - low) / (high - low)
            marks += f'<path d="M{x:.1f} 0V165" stroke="#d55e00" stroke-width="2"/>'
            marks += f'<text x="{x:.1f}" y="182" text-anchor="middle" font-size="14">{limit:.6g}</text>'
        label = f"Histogram of the amplitudes with the limits {self._limits.black:.6g} and {self._limits.white:.6g}"
        return f'<svg viewBox="0 0 {8 * BINS} 190" role="img" aria-label="{label}">{bars}{marks}</svg>'


def _places(length: int) -> list[int]:
    """At a quarter, a half and three quarters."""
    return sorted({length * quarter // 4 for quarter in (1, 2, 3)})


def _wider(limits: Limits) -> tuple[float, float]:
    margin = 0.5 * (limits.white - limits.black)
    return limits.black - margin, limits.white + margin


def _figure(caption: str, picture: Pixels) -> str:
    Image.fromarray(picture).save(file := io.BytesIO(), "PNG")
    data = base64.b64encode(file.getvalue()).decode()
    name = html.escape(caption)
    source = f"data:image/png;base64,{data}"
    return f'<figure><img src="{source}" alt="{name} with the salt over it"><figcaption>{name}</figure>'
