"""Predictions for another survey, one inline of Netherlands F3; experiments/f3.md has the results."""

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from rich.console import Console

from unet import Segmenter, metrics
from unet.checkpoint import CheckpointError
from unet.data.places import DEFAULT
from unet.data.tiles import load_tiles
from unet.files.images import ImageError, decode
from unet.image import Grey
from unet.render import Pixels
from unet.segmenter import Mask, shipped_weights
from unet.seismic.fill import Missing, Section, no_data
from unet.seismic.limits import volume_limits
from unet.seismic.scales import find_scale, periods, windows, written
from unet.seismic.section import Polarity, Scale, SectionSettings, images, predict_section, resize, scaled_size
from unet.seismic.sheet import FULL, tinted
from unet.seismic.volume import Volume, open_volume

SHAPE = (398, 887)
# Corners (row, column) of the core of the dome, drawn by eye on the section at its own scale: the body without layers,
# a few samples inside the strong reflector on its top.  On an inline about 39 lines away an interpreter marked salt
# at about this place, narrower and taller.
CORE = [(397, 422), (376, 442), (362, 466), (370, 480), (360, 530), (345, 562), (370, 584), (397, 594)]
RING = np.s_[290:, 370:670]  # the dome with the layers it bent, of which nobody here can say where salt ends
THRESHOLD = 0.5

WIDTH, GAP = 560, 6  # of a panel of the drawing, and between panels


@dataclass(frozen=True)
class Setting:
    """How amplitudes become an image, and how the network predicts it; see ``SectionSettings``.

    Attributes:
        clip: per cent of the samples that become black, and as many white.
        scales: time x trace.
        polarity: as it is, reversed, or both.
        tta: whether to average with the mirrored image.
    """

    clip: float = 0.5
    scales: tuple[Scale, ...] = ((1.0, 1.0),)
    polarity: Polarity = "normal"
    tta: bool = True

    def __str__(self) -> str:
        """The setting as cells of a table row."""
        scale = written(self.scales[0]) if len(self.scales) == 1 else f"mean of {len(self.scales)}"
        return f"{self.clip:g} | {scale} | {self.polarity} | {'yes' if self.tta else 'no'}"

    def of(self, volume: Volume) -> SectionSettings:
        """The setting with the limits of a survey."""
        return SectionSettings(volume_limits(volume, self.clip), self.scales, self.polarity, self.tta)


RIGHT = ((1.0, 0.25),)
NAIVE, CHOSEN = Setting(), Setting(scales=RIGHT)
AROUND = ((0.5, 0.125), (0.7, 0.18), (0.85, 0.2), (1.2, 0.3), (2.0, 0.5), (1.0, 0.18), (1.0, 0.35), (1.0, 0.5))
NEIGHBOURS = tuple((time, trace) for time in (0.85, 1.0, 1.2) for trace in (0.2, 0.25))
CLIPS = (0.1, 0.5, 1.0, 2.0, 5.0)
SETTINGS = [
    *(Setting(scales=scales, tta=tta) for tta in (True, False) for scales in (NAIVE.scales, RIGHT)),
    *(Setting(scales=(scale,), tta=tta) for tta in (True, False) for scale in AROUND),
    Setting(scales=NEIGHBOURS),
    *(Setting(clip, RIGHT) for clip in CLIPS if clip != CHOSEN.clip),
    *(Setting(scales=RIGHT, polarity=polarity) for polarity in ("reversed", "both")),
]


def regions(known: Mask) -> tuple[Mask, Mask]:
    """What the table counts, (398, 887) bool each: the core of the dome, and what was recorded far from it."""
    corners = np.array(CORE, np.int32)[:, ::-1]  # x before y
    core = cv2.fillPoly(np.zeros(SHAPE, np.uint8), [corners], 1).astype(bool)
    outside = known.copy()
    outside[RING] = False
    return core, outside


def row(probability: NDArray[np.float32], core: Mask, outside: Mask) -> str:
    """Table cells: mean probability in the core; share above ``THRESHOLD`` of the core and outside."""
    shares = [metrics.mask(probability[part], THRESHOLD).mean() for part in (core, outside)]
    return f"{probability[core].mean():.2f} | " + " | ".join(f"{share:.2%}" for share in shares)


def looks(section: Section, missing: Missing, volume: Volume) -> Iterator[tuple[str, NDArray[np.float32]]]:
    """What the spectra are taken of: names, and (N, 101, 101) windows of grey."""
    for setting in (*(Setting(clip) for clip in CLIPS), CHOSEN):
        image = next(images(section, missing, setting.of(volume)))
        scaled = resize(image, *scaled_size(section, setting.scales[0]))
        yield f"F3, {setting.clip:g} % clipped, {written(setting.scales[0])}", windows(scaled)
    if DEFAULT.exists():
        yield "training tiles", load_tiles(DEFAULT).images.astype(np.float32) / np.float32(255)


def read_labels(path: Path) -> Pixels:
    """The picture of an interpreter's labels without its white edge; raises ``ImageError`` where it cannot be read."""
    pixels = np.asarray(decode(path.read_bytes(), path.name).array[..., :3], np.uint8)
    coloured = (pixels != pixels[0, 0]).any(axis=2)
    rows, columns = np.flatnonzero(coloured.any(axis=1)), np.flatnonzero(coloured.any(axis=0))
    return pixels[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def drawing(panels: list[Pixels]) -> Image.Image:
    """Panels two by two, all stretched to one size."""
    height = round(WIDTH * SHAPE[0] / SHAPE[1])
    rows = -(-len(panels) // 2)
    canvas = Image.new("RGB", (2 * WIDTH + GAP, rows * (height + GAP) - GAP), (0, 0, 0))
    for place, pixels in enumerate(panels):
        cell = Image.fromarray(pixels).resize((WIDTH, height), Image.Resampling.LANCZOS)
        canvas.paste(cell, (place % 2 * (WIDTH + GAP), place // 2 * (height + GAP)))
    return canvas.quantize(palette=palette(), dither=Image.Dither.NONE)


def panel(grey: Grey, probability: NDArray[np.float32]) -> Pixels:
    """The section tinted by the probability, what is above ``THRESHOLD`` outlined: (H, W, 3) uint8."""
    return tinted(grey, probability, THRESHOLD, width=2)


def palette() -> Image.Image:
    """Steps of every grey with every tint, and the labels' colours; by frequency the rare orange would be lost."""
    levels = np.meshgrid(np.linspace(0, 1, 24, dtype=np.float32), np.linspace(0, FULL, 6, dtype=np.float32))
    grey, probability = (level.repeat(8, axis=0).repeat(8, axis=1) for level in levels)  # room for the outline
    tints = panel(grey, probability)
    tints[:8, :8], tints[:8, 8:16] = (255, 0, 0), (0, 0, 255)
    return Image.fromarray(tints).quantize(256)


def main() -> int:
    """Runs the command line; 0 all well, 1 a file is missing or damaged."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--weights", type=Path, nargs="+", default=[shipped_weights()], help="the first are drawn")
    parser.add_argument("--data", type=Path, default=Path("data/f3"), help="folder with inline_300.npy")
    parser.add_argument("--image", type=Path, default=Path("docs/f3.png"), help="where the drawing goes")
    arguments = parser.parse_args()
    say, fail = (Console(stderr=error, highlight=False, markup=False, soft_wrap=True) for error in (False, True))
    inline, labels = arguments.data / "inline_300.npy", arguments.data / "inline_339_labels.png"
    if not inline.is_file():
        fail.print(f"error: expected {inline}, got no such file; experiments/f3.md describes it")
        return 1
    try:
        segmenters = [(path.stem, Segmenter.load(path)) for path in arguments.weights]
        neighbours = [read_labels(labels)] if labels.is_file() else []
    except (CheckpointError, ImageError) as error:
        fail.print(f"error: {error}")
        return 1
    volume = open_volume(inline)
    section = volume.read(slice(None))[0].T
    if section.shape != SHAPE:
        fail.print(
            f"error: expected amplitudes of shape {SHAPE}, got {section.shape}; experiments/f3.md describes them"
        )
        return 1

    missing = no_data(section)
    say.print("image | mean grey | spread | within a window | period down | period along")
    say.print("|".join(["---"] * 6))
    for name, greys in looks(section, missing, volume):
        numbers = greys.mean(), greys.std(), greys.std(axis=(1, 2)).mean()
        down, along = periods(greys)
        say.print(f"{name} | {' | '.join(f'{number:.3f}' for number in numbers)} | {down:.1f} | {along:.1f}")

    say.print("\nweights | clip, % | scale | polarity | TTA | mean in the core | core | outside")
    say.print("|".join(["---"] * 8))
    parts = regions(~missing)
    grey = next(images(section, missing, NAIVE.of(volume)))
    drawn = [panel(grey, np.where(missing, np.float32(np.nan), np.float32(0)))]
    for index, (name, segmenter) in enumerate(segmenters):
        for setting in SETTINGS:
            probability = predict_section(segmenter, section, setting.of(volume))
            say.print(f"{name} | {setting} | {row(probability, *parts)}")
            if index == 0 and setting in (NAIVE, CHOSEN):
                drawn.append(panel(grey, probability))
    for name, segmenter in segmenters:
        scale, sentence = find_scale(segmenter, section, volume_limits(volume, CHOSEN.clip))
        say.print(f"\n{name}: {sentence}")
        automatic = Setting(scales=(scale,))
        say.print(f"{name} | {automatic} | {row(predict_section(segmenter, section, automatic.of(volume)), *parts)}")
    drawing([*drawn, *neighbours]).save(arguments.image, optimize=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
