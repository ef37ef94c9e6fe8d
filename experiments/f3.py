"""Predictions for another survey, one inline of Netherlands F3; experiments/f3.md has the results."""

import argparse
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from rich.console import Console

from unet import Segmenter, metrics, render
from unet.checkpoint import CheckpointError
from unet.data.places import DEFAULT
from unet.data.tiles import load_tiles
from unet.image import Grey, from_amplitude
from unet.segmenter import Mask, Probability, shipped_weights

Amplitudes = NDArray[np.float32]  # (H, W): rows are time samples, columns are traces

SHAPE = (398, 887)
# Corners (row, column) of the core of the dome, drawn by eye on the section at its own scale: the body without layers,
# a few samples inside the strong reflector on its top.  On an inline about 39 lines away an interpreter marked salt
# at about this place, narrower and taller.
CORE = [(397, 422), (376, 442), (362, 466), (370, 480), (360, 530), (345, 562), (370, 584), (397, 594)]
RING = np.s_[290:, 370:670]  # the dome with the layers it bent, of which nobody here can say where salt ends
THRESHOLD = 0.5

WINDOW = 101  # pixels a side, as the tiles of the competition
TINT, FULL = 0.7, 0.8  # how much of the image is covered, and from which probability on
WIDTH, GAP = 640, 6  # of the drawing, which would be 2.5 MB in full


@dataclass(frozen=True)
class Setting:
    """How amplitudes become an image, and how the network predicts it.

    Attributes:
        clip: per cent of the samples that become black, and as many white.
        down: factor by which the image is stretched along the traces.
        along: factor by which it is stretched from trace to trace.
        reverse: whether the amplitudes change sign.
        tta: whether to average with the mirrored image.
    """

    clip: float = 0.5
    down: float = 1.0
    along: float = 1.0
    reverse: bool = False
    tta: bool = True

    def __str__(self) -> str:
        """The setting as cells of a table row."""
        polarity = "reversed" if self.reverse else "as it is"
        return f"{self.clip:g} | {self.down:g} x {self.along:g} | {polarity} | {'yes' if self.tta else 'no'}"


NAIVE = Setting()
CHOSEN = Setting(along=0.25)
SCALES = [(0.5, 0.125), (2, 0.5), (0.85, 0.2), (1, 0.5), (2, 0.7)]
CLIPS = (0.1, 0.5, 1.0, 2.0, 5.0)
SETTINGS = [
    NAIVE,
    CHOSEN,
    *(Setting(down=down, along=along) for down, along in SCALES),
    *(replace(CHOSEN, clip=clip) for clip in CLIPS if clip != CHOSEN.clip),
    replace(CHOSEN, reverse=True),
    replace(CHOSEN, tta=False),
]


def recorded(amplitudes: Amplitudes) -> Mask:
    """(H, W) bool: False in the zeros at the top of a trace, where nothing was recorded."""
    return np.logical_or.accumulate(amplitudes != 0, axis=0)


def regions(known: Mask) -> tuple[Mask, Mask, Mask]:
    """What the table counts, (398, 887) bool each: the core of the dome, what was recorded far from it, the gaps."""
    corners = np.array(CORE, np.int32)[:, ::-1]  # x before y
    core = cv2.fillPoly(np.zeros(SHAPE, np.uint8), [corners], 1).astype(bool)
    outside = known.copy()
    outside[RING] = False
    return core, outside, ~known


def image(amplitudes: Amplitudes, setting: Setting) -> Grey:
    """The grey image a setting makes of (H, W) amplitudes: (H * down, W * along) float32 in [0, 1]."""
    amplitudes = -amplitudes if setting.reverse else amplitudes
    low, high = np.percentile(amplitudes[recorded(amplitudes)], [setting.clip, 100 - setting.clip])
    height, width = amplitudes.shape
    grey = from_amplitude(amplitudes, float(low), float(high))
    return resize(grey, round(height * setting.down), round(width * setting.along))


def resize(values: Grey, height: int, width: int) -> Grey:
    """Resizes one axis after the other, by averaging where it shrinks, because sampling would alias."""
    for size in ((values.shape[1], height), (width, height)):
        shrinks = size[0] * size[1] < values.size
        method = cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
        values = np.asarray(cv2.resize(values, size, interpolation=method), np.float32)
    return np.clip(values, 0.0, 1.0)  # cubic interpolation overshoots


def predict(segmenter: Segmenter, amplitudes: Amplitudes, setting: Setting) -> Probability:
    """The network's probability at the size of the amplitudes: (H, W) float32 in [0, 1]."""
    return resize(segmenter.probability(image(amplitudes, setting), setting.tta), *amplitudes.shape)


def row(probability: Probability, core: Mask, outside: Mask, gaps: Mask) -> str:
    """Table cells: mean probability in the core; share above ``THRESHOLD`` of the core, outside and of the gaps."""
    shares = [metrics.mask(probability[part], THRESHOLD).mean() for part in (core, outside, gaps)]
    return f"{probability[core].mean():.2f} | " + " | ".join(f"{share:.2%}" for share in shares)


def cut(values: Grey) -> NDArray[np.float32]:
    """Windows of a tile's size, half overlapping: (N, 101, 101)."""
    views = np.lib.stride_tricks.sliding_window_view(values, (WINDOW, WINDOW))
    return views[:: WINDOW // 2, :: WINDOW // 2].reshape(-1, WINDOW, WINDOW)


def periods(windows: NDArray[np.float32]) -> tuple[float, float]:
    """Pixels per cycle down and along (N, H, W) windows, at the mean frequency weighted by energy."""
    found = []
    for lines in (windows.swapaxes(1, 2), windows):
        tapered = (lines - lines.mean(axis=2, keepdims=True)) * np.hanning(lines.shape[2])
        energy = np.square(np.abs(np.fft.rfft(tapered, axis=2))).sum(axis=(0, 1))
        found.append(float(energy.sum() / (energy * np.fft.rfftfreq(lines.shape[2])).sum()))
    return found[0], found[1]


def panel(grey: Grey, probability: Probability) -> NDArray[np.uint8]:
    """The image tinted by the probability, what is above ``THRESHOLD`` outlined: (H, W, 3) uint8."""
    opacity = TINT * np.minimum(probability / FULL, 1)[..., None]
    tinted = np.rint((1 - opacity) * 255 * grey[..., None] + opacity * np.array(render.SALT)).astype(np.uint8)
    predicted = metrics.mask(probability, THRESHOLD).astype(np.uint8)
    outlines, _ = cv2.findContours(predicted, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    return np.asarray(cv2.drawContours(tinted, outlines, -1, render.SALT, 2), np.uint8)


def palette() -> Image.Image:
    """Steps of every grey with every tint; a palette chosen by frequency would lose the rare orange."""
    levels = np.meshgrid(np.linspace(0, 1, 24, dtype=np.float32), np.linspace(0, FULL, 6, dtype=np.float32))
    grey, probability = (level.repeat(8, axis=0).repeat(8, axis=1) for level in levels)  # room for the outline
    return Image.fromarray(panel(grey, probability)).quantize(256)


def main() -> int:
    """Runs the command line; 0 all well, 1 a file is missing or damaged."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--weights", type=Path, nargs="+", default=[shipped_weights()], help="the first are drawn")
    parser.add_argument("--data", type=Path, default=Path("data/f3"), help="folder with inline_300.npy")
    parser.add_argument("--image", type=Path, default=Path("docs/f3.png"), help="where the drawing goes")
    arguments = parser.parse_args()
    say, fail = (Console(stderr=error, highlight=False, markup=False, soft_wrap=True) for error in (False, True))
    inline = arguments.data / "inline_300.npy"
    if not inline.is_file():
        fail.print(f"error: expected {inline}, got no such file; experiments/f3.md describes it")
        return 1
    try:
        segmenters = [(path.stem, Segmenter.load(path)) for path in arguments.weights]
    except CheckpointError as error:
        fail.print(f"error: {error}")
        return 1
    amplitudes = np.load(inline, allow_pickle=False)
    if amplitudes.shape != SHAPE:
        fail.print(
            f"error: expected amplitudes of shape {SHAPE}, got {amplitudes.shape}; experiments/f3.md describes them"
        )
        return 1

    say.print("image | mean grey | spread | within a window | period down | period along")
    say.print("|".join(["---"] * 6))
    images = {
        f"F3, {made.clip:g} % clipped, {made.down:g} x {made.along:g}": cut(image(amplitudes, made))
        for made in (*(Setting(clip) for clip in CLIPS), CHOSEN)
    }
    if DEFAULT.exists():
        images["training tiles"] = load_tiles(DEFAULT).images.astype(np.float32) / np.float32(255)
    for name, windows in images.items():
        numbers = windows.mean(), windows.std(), windows.std(axis=(1, 2)).mean()
        down, along = periods(windows)
        say.print(f"{name} | {' | '.join(f'{number:.3f}' for number in numbers)} | {down:.1f} | {along:.1f}")

    say.print("\nweights | clip, % | scale | polarity | TTA | mean in the core | core | outside | gaps")
    say.print("|".join(["---"] * 9))
    parts = regions(recorded(amplitudes))
    grey = image(amplitudes, NAIVE)
    drawn = [panel(grey, np.zeros_like(grey))]
    for index, (name, segmenter) in enumerate(segmenters):
        for setting in SETTINGS:
            probability = predict(segmenter, amplitudes, setting)
            say.print(f"{name} | {setting} | {row(probability, *parts)}")
            if index == 0 and setting in (NAIVE, CHOSEN):
                drawn.append(panel(grey, probability))
    sheet = Image.fromarray(np.vstack([np.pad(part, ((0, GAP), (0, 0), (0, 0))) for part in drawn])[:-GAP])
    small = sheet.resize((WIDTH, round(WIDTH * sheet.height / sheet.width)), Image.Resampling.LANCZOS)
    small.quantize(palette=palette(), dither=Image.Dither.NONE).save(arguments.image, optimize=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
