"""Images to look at: uploads, synthetic samples and survey tiles, each ready for the network."""

import hashlib
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from demo import places
from demo.amplitudes import UNCHANGED, AmplitudeRange, LimitsChoice, find_range
from demo.limits import LARGEST_PIXELS
from unet import synthetic
from unet.card import Card
from unet.data.places import DEFAULT, DataError, labelled_place
from unet.data.tiles import doubts, find_tiles
from unet.files.images import ImageError, LimitsNeededError, read_amplitudes, read_image, read_mask
from unet.files.listing import ImageFile
from unet.image import DARK, Grey, Mask, Reading, grey
from unet.margin import margin


@dataclass(frozen=True)
class SeismicImage:
    """One image, ready for the network.

    Attributes:
        name: what to show; of an upload, the user's own words, so never markup.
        grey: (H, W) float32 in [0, 1].
        truth: (H, W) bool, True = salt, where it is known.
        note: where it comes from, in a few words.
        guessed: what of it, or of its truth, was guessed or left out, in plain sentences.
        amplitudes: the numbers of its file, where what is black and white can be chosen.
    """

    name: str
    grey: Grey
    truth: Mask | None = None
    note: str = ""
    guessed: tuple[str, ...] = ()
    amplitudes: AmplitudeRange | None = None

    @property
    def caption(self) -> str:
        """Its name, its size and where it comes from."""
        height, width = self.grey.shape
        return f"{self.name} · {height:,} × {width:,} pixels · {self.note}"

    @property
    def is_like_mask(self) -> bool:
        """Whether it has two values at most, as a mask has and no seismic image."""
        return bool(np.all((self.grey == self.grey.min()) | (self.grey == self.grey.max())))

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


# Sections no training has seen (it draws seeds from 0 upwards) and no evaluation has scored.
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


def open_sample(name: str) -> SeismicImage:
    """One of ``SAMPLES``: a synthetic section whose salt is known; an unknown name is a KeyError."""
    seed = SAMPLES[name]
    image, mask = synthetic.section(seed)
    return SeismicImage(name, grey(image), mask, f"synthetic section, seed {seed}, its salt is known exactly")


class SurveyTile(NamedTuple):
    """A labelled survey tile: its image, its mask, and whether the chosen weights were validated on it."""

    name: str
    image: ImageFile
    mask: ImageFile
    held_out: bool


def survey_tiles(card: Card, root: Path | None = None, count: int = 8) -> list[SurveyTile]:
    """A handful of real tiles, where the TGS data are there.

    Args:
        card: of the chosen weights; where it names validation tiles, only those are taken.
        root: the folder with the data; by default data/tgs-salt in ``places.ROOT``.
        count: how many at most, spread evenly over the ids.

    Returns:
        The tiles, sorted by id; an empty list where there are no data.

    Raises:
        DataError, ImageError: there are, and they cannot be used; a sentence says why.
    """
    root = root or places.ROOT / DEFAULT
    if not root.exists():
        return []
    found = find_tiles(labelled_place(root))
    images, masks = found.images, found.masks
    both = images.keys() & masks.keys()
    held_out = sorted(both & set(card.split.val if card.split else ()))
    ids = held_out or sorted(both)
    chosen = ids[:: max(1, len(ids) // count)][:count]
    return [SurveyTile(name, images[name], masks[name], bool(held_out)) for name in chosen]


def survey_stamp(root: Path | None = None) -> tuple[str, int] | None:
    """Changes when other survey tiles are there; None where there are none, or where nobody can say which."""
    try:
        place = labelled_place(root or places.ROOT / DEFAULT)
        return str(place), place.stat().st_mtime_ns
    except (DataError, OSError):
        return None


def open_tile(tile: SurveyTile) -> SeismicImage:
    """A survey tile with its label; raises ``ImageError`` where the archive is damaged."""
    note = "survey tile the network was validated on, not trained" if tile.held_out else "survey tile"
    image, mask = tile.image.read_image(), tile.mask.read_mask()
    return SeismicImage(tile.name, image.grey, mask.salt, note, (*image.notes, *mask.notes))


def open_upload(name: str, content: bytes, choice: LimitsChoice = UNCHANGED) -> SeismicImage:
    """A user's image.

    Args:
        name: the file's name; only shown, never trusted.
        content: the whole file, of any kind that ``unet.files.images`` reads.
        choice: the limits of amplitudes, or of an image far below its white; other images have none.

    Returns:
        The image, without a truth.

    Raises:
        ImageError: no image, or one the network cannot take; one sentence that names the file.
    """
    reading = None
    with suppress(LimitsNeededError):
        reading = read_image(content, name, LARGEST_PIXELS)
    if reading is not None and DARK not in reading.notes:
        return SeismicImage(name, reading.grey, note="your image", guessed=reading.notes)
    try:
        numbers = read_amplitudes(content, name, LARGEST_PIXELS)
        found = find_range(numbers, choice, needed=reading is None)
    except ValueError as error:
        if reading is not None:  # dark colours, or nothing in it to stretch
            return SeismicImage(name, reading.grey, note="your image", guessed=reading.notes)
        raise error if isinstance(error, ImageError) else ImageError(f"{name}: {error}") from None
    if reading is None or found.limits is not None:
        reading = read_image(content, name, LARGEST_PIXELS, found.limits)
        reading = Reading(reading.grey, (found.sentence, *reading.notes))
    return SeismicImage(name, reading.grey, note="your image", guessed=reading.notes, amplitudes=found)


def doubt(image: SeismicImage) -> str:
    """Why an upload may be no image but a mask, in a sentence that starts with its name; empty where it is none."""
    if not image.is_like_mask:
        return ""
    return f"{image.name}: expected an image, got no more than two values, as a mask has; drop a mask in its own place"


def with_truth(image: SeismicImage, name: str, content: bytes) -> SeismicImage:
    """An image with a user's ground-truth mask of it.

    Args:
        image: the image.
        name: the mask file's name.
        content: the whole file; every value but 0 is salt.

    Raises:
        ImageError: no image, another size than the image's, or nothing in it that is not salt though it has
            several values; one sentence that names the file.
    """
    mask = read_mask(content, name)
    shape = image.grey.shape
    if mask.salt.shape != shape:
        sizes = [" x ".join(f"{side:,}" for side in size) for size in (shape, mask.salt.shape)]
        raise ImageError(f"{name}: expected a mask of its image's size {sizes[0]}, got {sizes[1]}")
    try:
        notes = (*mask.notes, *(doubts(mask.salt, set(mask.values)) if mask.salt.any() else ()))
    except ValueError as error:
        raise ImageError(f"{name}: {error}") from None
    note = f"{image.note}, ground truth {name}"
    return replace(
        image, truth=mask.salt, note=note, guessed=(*image.guessed, *(f"ground truth: {note}" for note in notes))
    )
