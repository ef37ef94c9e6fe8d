"""Pictures of a section with the probability of salt over it, alone or many on one sheet."""

import io
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from unet import metrics
from unet.image import Grey
from unet.render import SALT, Pixels

TINT, FULL = 0.7, 0.8  # how much of the image is covered, and from which probability on
PAPER, INK, EDGE = 255, (26, 26, 26), (187, 187, 187)
WIDE, NARROW, HIGH, LOW = 280, 140, 220, 70  # pixels of a picture on a sheet
GAP, LINE, SIZE = 10, 17, 13  # between pictures; of a line of text and of its letters


@dataclass(frozen=True)
class Picture:
    """A picture on a sheet: (H, W, 3) pixels, a line of text below it, and whether it has a frame."""

    pixels: Pixels
    label: str
    framed: bool = False


def tinted(grey: Grey, probability: NDArray[np.float32], threshold: float, width: int = 1) -> Pixels:
    """A section tinted with the colour of salt, the more the more probable, and outlined where salt is predicted.

    Args:
        grey: (H, W) in [0, 1].
        probability: (H, W) in [0, 1]; NaN, no data, is white.
        threshold: salt is where the probability is above it.
        width: of the outline in pixels.

    Returns:
        (H, W, 3) uint8.
    """
    known = np.isfinite(probability)
    salt = np.where(known, probability, 0)
    opacity = TINT * np.minimum(salt / FULL, 1)[..., None]
    mixed = np.rint((1 - opacity) * 255 * grey[..., None] + opacity * np.array(SALT))
    pixels = np.ascontiguousarray(mixed, np.uint8)  # a section may be a transposed view, on which nothing can be drawn
    outlines, _ = cv2.findContours(metrics.mask(salt, threshold).astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    pixels = np.asarray(cv2.drawContours(pixels, outlines, -1, SALT, width), np.uint8)
    pixels[~known] = PAPER
    return pixels


def thumbnail_size(height: int, width: int) -> tuple[int, int]:
    """Rows and columns at which a section is drawn on a sheet: its own shape, but never a thread."""
    factor = min(WIDE / width, HIGH / height)
    return max(LOW, round(height * factor)), max(NARROW, round(width * factor))


def sheet(title: Sequence[str], rows: Sequence[Sequence[Picture]]) -> Image.Image:
    """Pictures of one size in rows, below lines of text.

    Args:
        title: lines, from the top.
        rows: of pictures; all have one size, and all rows one length.
    """
    font = ImageFont.load_default(SIZE)
    height, width = rows[0][0].pixels.shape[:2]
    across, down = width + GAP, height + LINE + GAP
    top = GAP + LINE * len(title) + GAP
    text_width = max(round(font.getlength(line)) for line in title)
    size = max(GAP + across * len(rows[0]), text_width + 2 * GAP), top + down * len(rows)
    image = Image.new("RGB", size, (PAPER,) * 3)
    draw = ImageDraw.Draw(image)
    for number, line in enumerate(title):
        draw.text((GAP, GAP + LINE * number), line, INK, font)
    for number, row in enumerate(rows):
        for place, picture in enumerate(row):
            left, upper = GAP + across * place, top + down * number
            image.paste(Image.fromarray(picture.pixels), (left, upper))
            box = (left - 1, upper - 1, left + width, upper + height)
            draw.rectangle(box, outline=INK if picture.framed else EDGE, width=1)
            if picture.framed:
                draw.rectangle((box[0] - 2, box[1] - 2, box[2] + 2, box[3] + 2), outline=INK, width=2)
            draw.text((left, upper + height + 3), picture.label, INK, font)
    return image


def png(image: Image.Image) -> bytes:
    """An image as a PNG file."""
    image.save(file := io.BytesIO(), "PNG", optimize=True)
    return file.getvalue()
