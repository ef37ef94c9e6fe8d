"""What was found in images as files: PNG, NPY and the table of results.  Nothing is written to disk."""

import csv
import io
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from demo.detection import Detection, detect, disagreement
from demo.images import SeismicImage
from unet import render, rle
from unet.image import Mask, Probability

COLUMNS = (
    "id", "rle_mask", "name", "rows", "columns", "threshold", "salt_percent", "salt_pixels", "highest_probability",
    "iou", "dice", "mAP", "flip_tta", "other_weights", "disagreement_percent",
)  # fmt: skip


class OtherPrediction(NamedTuple):
    """What a second network says of an image: the name of its weights, and an (H, W) float32 probability."""

    weights: str
    probability: Probability


@dataclass(frozen=True)
class ExportedImage:
    """An image to export.

    Attributes:
        name: the one it was chosen by; no two of a session are alike.
        image: the image.
        probability: (H, W) float32 of it.
        original: the file it was uploaded as; None writes an 8-bit PNG.
        suffix: of that file.
        tta: whether the probabilities are averaged with those of the mirrored image.
        other: what a second network says of the image, in the same way; None where none is compared.
    """

    name: str
    image: SeismicImage
    probability: Probability
    original: bytes | None = None
    suffix: str = ".png"
    tta: bool = False
    other: OtherPrediction | None = None

    def detect(self, threshold: float) -> Detection:
        """What is salt at a threshold."""
        return detect(self.probability, threshold, self.image.truth, self.image.margin)

    def disagreement(self, found: Detection) -> float | None:
        """The share of the section, 0 to 1, that a detection in it and the second network call differently."""
        return None if self.other is None else disagreement(found, self.other.probability)


def grey_png(image: SeismicImage) -> bytes:
    """An 8-bit PNG of the image as it is drawn."""
    return png(image.pixels)


def mask_png(mask: Mask) -> bytes:
    """An 8-bit PNG, 255 where there is salt."""
    return png(mask.astype(np.uint8) * np.uint8(255))


def probability_png(probability: Probability) -> bytes:
    """A 16-bit PNG, 65535 where the probability is 1."""
    return png(np.rint(probability.astype(np.float64) * 65535).astype(np.uint16))


def probability_npy(probability: Probability) -> bytes:
    """An NPY file of the float32 values themselves."""
    return _npy(probability)


def grey_npy(image: SeismicImage) -> bytes:
    """An NPY file of the float32 grey, which opens as the same image."""
    return _npy(image.grey)


def _npy(array: NDArray[np.float32]) -> bytes:
    file = io.BytesIO()
    np.save(file, array, allow_pickle=False)
    return file.getvalue()


def overlay_png(image: SeismicImage, mask: Mask) -> bytes:
    """An RGB PNG of the image with the salt tinted."""
    return png(render.overlay(image.pixels, mask))


def png(pixels: NDArray[np.uint8] | NDArray[np.uint16]) -> bytes:
    """(H, W) grey or (H, W, 3) RGB, uint8 or uint16, as a PNG."""
    # OpenCV writes blue first.
    written, content = cv2.imencode(".png", pixels[..., ::-1] if pixels.ndim == 3 else pixels)
    if not written:
        raise RuntimeError(f"OpenCV could not write a PNG of {pixels.dtype} {pixels.shape}")
    return content.tobytes()


def file_stems(names: Sequence[str]) -> list[str]:
    """File names without a suffix, one for each name, that any disk takes and no two of which are alike.

    Example:
        >>> file_stems(["line 7.png", "line-7.tif", "../../etc/passwd", "Ölfeld.png", "con.png"])
        ['line-7', 'line-7-2', 'passwd', 'lfeld', 'image-con']
    """
    taken: set[str] = set()
    stems = []
    for name in names:
        stem = re.sub(r"[^A-Za-z0-9_]+", "-", PurePath(name).stem).strip("-")[:60]
        if not stem or re.fullmatch(r"con|prn|aux|nul|com\d|lpt\d", stem, re.IGNORECASE):  # devices on Windows
            stem = f"image-{stem}".strip("-")
        number, free = 1, stem
        while free.lower() in taken:
            number += 1
            free = f"{stem}-{number}"
        taken.add(free.lower())
        stems.append(free)
    return stems


def result(stem: str, one: ExportedImage, detection: Detection) -> dict[str, str | int]:
    """An image's row in the table of results; columns that need a truth or a second network are empty without one.

    Args:
        stem: what its files are called, and so its id.
        one: the image.
        detection: in it, at some threshold.
    """
    rows, columns = detection.mask.shape
    scores = {"iou": detection.iou, "dice": detection.dice, "mAP": detection.competition}
    differing = one.disagreement(detection)
    return {
        "id": stem,
        "rle_mask": rle.encode(detection.mask),
        "name": _as_text(one.name),
        "rows": rows,
        "columns": columns,
        "threshold": repr(detection.threshold),
        "salt_percent": f"{100 * detection.share:.4f}",
        "salt_pixels": detection.pixels,
        "highest_probability": f"{detection.highest:.6f}",
        **{column: "" if score is None else f"{score:.6f}" for column, score in scores.items()},
        "flip_tta": "yes" if one.tta else "no",
        "other_weights": "" if one.other is None else _as_text(one.other.weights),
        "disagreement_percent": "" if differing is None else f"{100 * differing:.4f}",
    }


def _as_text(name: str) -> str:
    """A name that no spreadsheet computes, even where it looks like a formula."""
    return f"'{name}" if name.startswith(("=", "+", "-", "@", "\t", "\r")) else name


def results_csv(rows: Iterable[dict[str, str | int]]) -> bytes:
    """The table of results: Kaggle's two columns, then what people ask for."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def gallery_csv(names: Sequence[str], images: Iterable[ExportedImage], threshold: float) -> bytes:
    """The table of results of images, in the order of ``names``."""
    stems = zip(file_stems(names), images, strict=True)
    return results_csv(result(stem, one, one.detect(threshold)) for stem, one in stems)
