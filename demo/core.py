"""What both front ends need and neither draws: images, weights, findings, files to take away.

Nothing here knows Streamlit or Gradio, keeps anything between calls, or writes to disk.
"""

import hashlib
import io
import re
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path, PurePath
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from unet import metrics, render, synthetic
from unet.card import Card
from unet.checkpoint import CheckpointError, read_card
from unet.data.tiles import DEFAULT, DataError, doubts, find_tiles, labelled_place
from unet.files.images import ImageError, ImageFile, read_image, read_mask
from unet.image import Grey, grey
from unet.margin import margin
from unet.segmenter import Mask, Probability, shipped_weights

HERE = Path(__file__).parent
# In a checkout its own folders; of an installed app those where it was started.
ROOT = HERE.parent if (HERE.parent / "pyproject.toml").is_file() else Path.cwd()

MOST_FILES = 200  # uploaded at once
LARGEST_UPLOAD = 20  # MB an image
LARGEST_PIXELS = 4_000_000  # of one image: about ten seconds of work on two cores

PROBABILITY_NOTE = (
    "A pixel's probability is the network's own estimate that it is salt, learned from labelled tiles; "
    "the data give neither metres nor a survey position, so areas are in pixels."
)


# --- Images -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class SeismicImage:
    """One image, ready for the network.

    Attributes:
        name: what to show; of an upload, the visitor's own words, so never markup.
        stem: what files made of it are called.
        grey: (H, W) float32 in [0, 1].
        truth: (H, W) bool, True = salt, where it is known.
        note: where it comes from, in a few words.
        guessed: what of it, or of its truth, was guessed or left out, in plain sentences.
    """

    name: str
    stem: str
    grey: Grey
    truth: Mask | None = None
    note: str = ""
    guessed: tuple[str, ...] = ()

    @property
    def pixels(self) -> NDArray[np.uint8]:
        """The image as it is drawn: (H, W) uint8."""
        return np.rint(self.grey * 255).astype(np.uint8)

    @cached_property
    def margin(self) -> Mask:
        """What of it is no section: (H, W) bool."""
        return margin(self.grey)

    @cached_property
    def digest(self) -> str:
        """Names the content: two images with one digest are the same image."""
        return hashlib.sha256(repr(self.grey.shape).encode() + self.grey.tobytes()).hexdigest()


# Sections no training has seen (it draws seeds from 0 upwards) and no judge has scored.
SAMPLES = {
    "Salt stock": 2_000_000_014,
    "Salt sheet": 2_000_000_002,
    "Flank of a dome": 2_000_000_020,
    "Hanging keel": 2_000_000_010,
    "Tongue of salt": 2_000_000_013,
    "Small lens": 2_000_000_030,
    "Faulted beds, no salt": 2_000_000_033,
    "Folds, no salt": 2_000_000_034,
}


def sample(name: str) -> SeismicImage:
    """One of ``SAMPLES``: a synthetic section whose salt is known; an unknown name is a KeyError."""
    seed = SAMPLES[name]
    image, mask = synthetic.section(seed)
    stem = re.sub(r"\W+", "-", name.lower())
    return SeismicImage(name, stem, grey(image), mask, f"synthetic section, seed {seed}, its salt is known exactly")


class Tile(NamedTuple):
    """A labelled survey tile: its image, its mask, and whether the chosen weights were validated on it."""

    name: str
    image: ImageFile
    mask: ImageFile
    held_out: bool


def survey_tiles(card: Card, root: Path | None = None, count: int = 8) -> list[Tile]:
    """A handful of real tiles, where the TGS data are there.

    Args:
        card: of the chosen weights; where it names validation tiles, only those are taken.
        root: the folder with the data; by default data/tgs-salt in ``ROOT``.
        count: how many at most, spread evenly over the ids.

    Returns:
        The tiles, sorted by id; an empty list where there are no data.

    Raises:
        DataError, ImageError: there are, and they cannot be used; a sentence says why.
    """
    root = root or ROOT / DEFAULT
    if not root.exists():
        return []
    found = find_tiles(labelled_place(root))
    images, masks = found.images, found.masks
    both = images.keys() & masks.keys()
    held_out = sorted(both & set(card.split.val if card.split else ()))
    ids = held_out or sorted(both)
    chosen = ids[:: max(1, len(ids) // count)][:count]
    return [Tile(name, images[name], masks[name], bool(held_out)) for name in chosen]


def survey_stamp(root: Path | None = None) -> tuple[str, int] | None:
    """Changes when other survey tiles are there; None where there are none, or where nobody can say which."""
    try:
        place = labelled_place(root or ROOT / DEFAULT)
        return str(place), place.stat().st_mtime_ns
    except (DataError, OSError):
        return None


def open_tile(tile: Tile) -> SeismicImage:
    """A survey tile with its label; raises ``ImageError`` where the archive is damaged."""
    note = "survey tile the network was validated on, not trained" if tile.held_out else "survey tile"
    image, mask = tile.image.read_image(), tile.mask.read_mask()
    return SeismicImage(tile.name, tile.name, image.grey, mask.salt, note, (*image.notes, *mask.notes))


def open_upload(name: str, content: bytes) -> SeismicImage:
    """A visitor's image.

    Args:
        name: the file's name; only shown, never trusted.
        content: the whole file, of any kind that ``unet.files.images`` reads.

    Returns:
        The image, without a truth.

    Raises:
        ImageError: no image, or one the network cannot take; one sentence that names the file.
    """
    reading = read_image(content, name, LARGEST_PIXELS)
    return SeismicImage(name, PurePath(name).stem, reading.grey, note="your image", guessed=reading.notes)


def with_truth(opened: SeismicImage, name: str, content: bytes) -> SeismicImage:
    """An image with a visitor's ground-truth mask of it.

    Args:
        opened: the image.
        name: the mask file's name.
        content: the whole file; every value but 0 is salt.

    Raises:
        ImageError: no image, another size than the image's, or nothing in it that is not salt though it has
            several values; one sentence that names the file.
    """
    mask = read_mask(content, name)
    shape = opened.grey.shape
    if mask.salt.shape != shape:
        sizes = [" x ".join(f"{side:,}" for side in size) for size in (shape, mask.salt.shape)]
        raise ImageError(f"{name}: expected a mask of its image's size {sizes[0]}, got {sizes[1]}")
    try:
        notes = (*mask.notes, *(doubts(mask.salt, set(mask.values)) if mask.salt.any() else ()))
    except ValueError as error:
        raise ImageError(f"{name}: {error}") from None
    return replace(opened, truth=mask.salt, guessed=(*opened.guessed, *(f"ground truth: {note}" for note in notes)))


def stem(name: str) -> str:
    """What pairs an image with its mask: ``fault7.png`` and ``fault7.tif`` belong together."""
    return PurePath(name).stem


def markdown(name: str, sentence: str) -> str:
    r"""A sentence about a visitor's file as Markdown that shows exactly that, whatever the name is made of.

    Args:
        name: the file's name.
        sentence: starts with the name, as a ``ImageError`` does.

    Example:
        >>> markdown("a*b*.png", "a*b*.png: not a [image]")
        '`a*b*.png`: not a \\[image\\]'
    """
    reason = re.sub(r"[\\`*\[\]<>$~]|\b_|_\b", r"\\\g<0>", sentence.removeprefix(name))
    return literal(name) + reason


def literal(text: str) -> str:
    """A visitor's words as a Markdown code span, where nothing is a link, an image or a formula.

    Example:
        >>> literal("a_b.png"), literal("`x`")
        ('`a_b.png`', '`` `x` ``')
    """
    text = "".join(character if character.isprintable() else " " for character in text)
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", text)), default=0))
    return f"{fence}{text}{fence}" if fence == "`" and text.strip() else f"{fence} {text} {fence}"


# --- Weights ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Weights:
    """Weights to choose from: where they are and what their card says."""

    path: Path
    name: str
    card: Card

    @property
    def key(self) -> tuple[str, int, str]:
        """Changes whenever the files do, so that a cache does not serve old weights."""
        return str(self.path), self.path.stat().st_mtime_ns, self.card.sha256

    @property
    def label(self) -> str:
        """Name, size and headline score, for a list."""
        parts = [self.name]
        if self.card.parameters is not None:
            parts.append(f"{self.card.parameters / 1e6:.2f} M parameters")
        claim = self.card.claim
        if claim:
            parts.append(f"{claim.split} {claim.metric} {claim.value:.3f}")
        return " · ".join(parts)

    @property
    def claim(self) -> str:
        """The headline score with everything it depends on; empty where the card makes none."""
        claim = self.card.claim
        if not claim:
            return ""
        tta = ", averaged with the mirrored image" if claim.tta else ""
        return (
            f"{claim.metric} {claim.value:.3f} on {claim.count} {claim.split} tiles "
            f"at threshold {claim.threshold:.2f}{tta}"
        )


def find_weights(root: Path | None = None) -> list[Weights]:
    """All weights with a readable card: the shipped ones, those in weights/, those in runs/ newest first.

    Args:
        root: the folder that holds ``weights`` and ``runs``; by default ``ROOT``.
    """
    root, shipped = root or ROOT, shipped_weights()
    runs = sorted((root / "runs").rglob("*.safetensors"), key=lambda path: path.stat().st_mtime, reverse=True)
    found: dict[Path, Weights] = {}
    folders = (shipped.parent, root / "weights")
    kept = (path for folder in folders for path in sorted(folder.glob("*.safetensors")))
    for path in (shipped, *kept, *runs):
        if not path.is_file() or path.resolve() in found:
            continue
        try:
            card = read_card(path)
        except CheckpointError:
            continue  # a file of tensors that no card explains cannot be rebuilt
        name = path.stem
        if path.parent not in folders or any(weights.name == name for weights in found.values()):
            name = str(path.relative_to(root).with_suffix(""))
        found[path.resolve()] = Weights(path, name, card)
    return list(found.values())


# --- What a threshold makes of a probability ----------------------------------------------------------------


@dataclass(frozen=True)
class Finding:
    """What is salt at one threshold, and how good that is where the truth is known.

    Attributes:
        mask: (H, W) bool.
        pixels: how many are salt.
        share: of all pixels of the section, 0 to 1: a margin is none of it.
        highest: the highest probability anywhere.
        left_out: how many pixels are margin.
        iou, dice, competition: against the truth, 0 to 1; None where it is not known.
    """

    threshold: float
    mask: Mask
    pixels: int
    share: float
    highest: float
    left_out: int = 0
    iou: float | None = None
    dice: float | None = None
    competition: float | None = None

    @property
    def sentence(self) -> str:
        """The finding in words, the same that the viewer's read-out shows."""
        start = f"threshold {self.threshold:.2f} · salt {100 * self.share:.1f} %"
        if self.left_out:
            start += " without the margin"
        if not self.pixels:
            return f"{start} · nothing passes the threshold; highest probability {self.highest:.2f}"
        return f"{start} · {self.pixels:,} pixels"


def find(probability: Probability, threshold: float, truth: Mask | None = None, margin: Mask | None = None) -> Finding:
    """Applies a threshold, by the one rule of the project: salt is what lies above it.

    Args:
        probability: (H, W) float32 in [0, 1].
        threshold: in [0, 1].
        truth: (H, W) bool, to be scored against.
        margin: (H, W) bool, what of the image is no section; None where everything is.
    """
    mask = metrics.mask(probability, threshold)
    pixels = int(np.count_nonzero(mask))
    left_out = 0 if margin is None else int(np.count_nonzero(margin))
    share = pixels / max(1, mask.size - left_out)
    finding = Finding(threshold, mask, pixels, share, float(probability.max()), left_out)
    if truth is None:
        return finding
    counts = metrics.confusion(mask, truth)
    return replace(
        finding,
        iou=metrics.iou(counts),
        dice=metrics.dice(counts),
        competition=metrics.average_precision(mask, truth),
    )


# --- Files to take away -------------------------------------------------------------------------------------


def grey_png(opened: SeismicImage) -> bytes:
    """An 8-bit PNG of the image as it is drawn."""
    return png(opened.pixels)


def mask_png(mask: Mask) -> bytes:
    """An 8-bit PNG, 255 where there is salt."""
    return png(mask.astype(np.uint8) * np.uint8(255))


def probability_png(probability: Probability) -> bytes:
    """A 16-bit PNG, 65535 where the probability is 1."""
    return png(np.rint(probability.astype(np.float64) * 65535).astype(np.uint16))


def probability_npy(probability: Probability) -> bytes:
    """An NPY file of the float32 values themselves."""
    file = io.BytesIO()
    np.save(file, probability, allow_pickle=False)
    return file.getvalue()


def overlay_png(opened: SeismicImage, mask: Mask) -> bytes:
    """An RGB PNG of the image with the salt tinted."""
    return png(render.overlay(opened.pixels, mask))


def png(image: NDArray[np.uint8] | NDArray[np.uint16]) -> bytes:
    """(H, W) grey or (H, W, 3) RGB, uint8 or uint16, as a PNG."""
    # OpenCV writes blue first.
    written, content = cv2.imencode(".png", image[..., ::-1] if image.ndim == 3 else image)
    if not written:
        raise RuntimeError(f"OpenCV could not write a PNG of {image.dtype} {image.shape}")
    return content.tobytes()
