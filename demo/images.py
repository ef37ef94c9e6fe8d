"""Images to look at: uploads, synthetic samples and survey tiles, each ready for the network."""

import hashlib
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from demo import places, snippets, surveys
from demo.amplitudes import UNCHANGED, AmplitudeRange, LimitsChoice, find_range
from demo.limits import LARGEST_PIXELS
from demo.surveys import FIRST, SectionChoice, SurveySections
from unet import synthetic
from unet.amplitude import live
from unet.card import Card, Split
from unet.data.places import DEFAULT, DataError, labelled_place
from unet.data.tiles import TileFiles, doubts, find_tiles
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
        missing: (H, W) bool, what was not recorded and is filled in ``grey``; None where everything was.
        sections: the sections of its file, where it is one of a line or a cube.
        code: the lines of Python that open it, see ``snippets``; empty where nobody knows.
    """

    name: str
    grey: Grey
    truth: Mask | None = None
    note: str = ""
    guessed: tuple[str, ...] = ()
    amplitudes: AmplitudeRange | None = None
    missing: Mask | None = None
    sections: SurveySections | None = None
    code: str = ""

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
        """The image as it is drawn: (H, W) uint8; white where nothing was recorded."""
        drawn = np.rint(self.grey * 255).astype(np.uint8)
        return drawn if self.missing is None else np.where(self.missing, np.uint8(255), drawn)

    @cached_property
    def margin(self) -> Mask:
        """What of it is no section: (H, W) bool."""
        found = margin(self.grey)
        return found if self.missing is None else found | self.missing

    @cached_property
    def digest(self) -> str:
        """Names the content: two images with one digest are the same image."""
        missing = b"" if self.missing is None else self.missing.tobytes()
        return hashlib.sha256(repr(self.grey.shape).encode() + self.grey.tobytes() + missing).hexdigest()


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


TILE = "Survey tile "  # stands before a tile's name, in lists and in links
FAIR_SHARE = 0.2, 0.6  # of a tile that is salt, for a first look at one
MOST_LOOKED_AT = 100  # tiles, until one has that
PART_NOTES = {
    "val": "survey tile the network was validated on, not trained on",
    "train": "survey tile the network was trained on",
    None: "survey tile",
}


def open_sample(name: str) -> SeismicImage:
    """One of ``SAMPLES``: a synthetic section whose salt is known; an unknown name is a KeyError."""
    seed = SAMPLES[name]
    image, mask = synthetic.section(seed)
    note = f"synthetic section, seed {seed}, its salt is known exactly"
    return SeismicImage(name, grey(image), mask, note, code=snippets.of_sample(seed))


class SurveyTile(NamedTuple):
    """A labelled survey tile: its image, its mask, and the part of the split of the chosen weights that it is in."""

    name: str
    image: ImageFile
    mask: ImageFile
    part: Literal["val", "train"] | None


class Survey(NamedTuple):
    """Labelled survey tiles: all of them by name, sorted, and the names of those that are offered to choose from."""

    tiles: dict[str, SurveyTile]
    offered: list[str]


def find_survey(card: Card, root: Path | None = None, count: int = 8) -> Survey:
    """Real tiles, where the TGS data are there.

    Args:
        card: of the chosen weights; where validation tiles of theirs are there, only those are offered.
        root: the folder with the data; by default data/tgs-salt in ``places.ROOT``.
        count: how many are offered at most: first one with a fair share of salt, if there is any, then others spread
            evenly over the names.

    Returns:
        The tiles; none where there are no data.

    Raises:
        DataError, ImageError: there are, and they cannot be used; a sentence says why.
    """
    found = find_labelled(root)
    if found is None:
        return Survey({}, [])
    split = card.split or Split()
    part_of: dict[str, Literal["val", "train"]] = {
        **dict.fromkeys(split.train, "train"),
        **dict.fromkeys(split.val, "val"),
    }
    names = sorted(found.images.keys() & found.masks.keys())
    tiles = {name: SurveyTile(name, found.images[name], found.masks[name], part_of.get(name)) for name in names}
    known = [name for name in names if tiles[name].part == "val"] or names
    first = next((name for name in known[:MOST_LOOKED_AT] if _has_fair_share(tiles[name])), None)
    spread = known[:: max(1, len(known) // count)]
    offered = spread if first is None else [first, *(name for name in spread if name != first)]
    return Survey(tiles, offered[:count])


def find_labelled(root: Path | None = None) -> TileFiles | None:
    """The files of the labelled survey tiles, None where there are no data; arguments and errors of ``find_survey``."""
    root = root or places.ROOT / DEFAULT
    if not root.exists():
        return None
    place = labelled_place(root)
    return _find_files(place, place.stat().st_mtime_ns)


@lru_cache(maxsize=1)
def _find_files(place: Path, changed: int) -> TileFiles:
    """The files of the tiles in a place that was last ``changed`` then: other weights need not look for them anew."""
    return find_tiles(place)


def _has_fair_share(tile: SurveyTile) -> bool:
    try:
        share = tile.mask.read_mask().salt.mean()
    except ImageError:  # which whoever opens the tile is told
        return False
    return bool(FAIR_SHARE[0] <= share <= FAIR_SHARE[1])


def survey_stamp(root: Path | None = None) -> tuple[str, int] | None:
    """Changes when other survey tiles are there; None where there are none, or where nobody can say which."""
    try:
        place = labelled_place(root or places.ROOT / DEFAULT)
        return str(place), place.stat().st_mtime_ns
    except (DataError, OSError):
        return None


def open_tile(tile: SurveyTile) -> SeismicImage:
    """A survey tile with its label; raises ``ImageError`` where the archive is damaged."""
    image, mask = tile.image.read_image(), tile.mask.read_mask()
    guessed = (*image.notes, *mask.notes)
    code = snippets.of_tile(tile.name)
    return SeismicImage(tile.name, image.grey, mask.salt, PART_NOTES[tile.part], guessed, code=code)


def open_upload(
    name: str, content: bytes, choice: LimitsChoice = UNCHANGED, section: SectionChoice = FIRST
) -> SeismicImage:
    """A user's image.

    Args:
        name: the file's name; only shown, never trusted.
        content: the whole file, of any kind that ``unet.files.images`` reads, SEG-Y, or an NPY of three dimensions.
        choice: the limits of amplitudes, or of an image far below its white; other images have none.
        section: of a line or a cube.

    Returns:
        The image, without a truth.

    Raises:
        ImageError: no image, or one the network cannot take; one sentence that names the file.
    """
    if surveys.is_survey(name, content):
        opened = surveys.open_section(name, content, choice, section)
        assert opened.amplitudes.limits is not None  # they are needed
        return SeismicImage(
            name, opened.grey, note=opened.note, guessed=opened.notes, amplitudes=opened.amplitudes,
            missing=opened.missing if opened.missing.any() else None, sections=opened.sections,
            code=snippets.of_section(name, opened.sections, opened.amplitudes.limits, opened.grey.shape),
        )  # fmt: skip
    reading = None
    with suppress(LimitsNeededError):
        reading = read_image(content, name, LARGEST_PIXELS)
    code = snippets.of_file(name)
    if reading is not None and DARK not in reading.notes:
        return SeismicImage(name, reading.grey, note="your image", guessed=reading.notes, code=code)
    try:
        numbers = read_amplitudes(content, name, LARGEST_PIXELS)
        found = find_range(live(numbers), choice, needed=reading is None)
    except ValueError as error:
        if reading is not None:  # dark colours, or nothing in it to stretch
            return SeismicImage(name, reading.grey, note="your image", guessed=reading.notes, code=code)
        raise error if isinstance(error, ImageError) else ImageError(f"{name}: {error}") from None
    if reading is None or found.limits is not None:
        reading = read_image(content, name, LARGEST_PIXELS, found.limits)
        reading = Reading(reading.grey, (found.sentence, *reading.notes))
        code = snippets.of_file(name, found.limits)
    return SeismicImage(name, reading.grey, note="your image", guessed=reading.notes, amplitudes=found, code=code)


def doubt(image: SeismicImage) -> str:
    """Why an upload may be no image but a mask, in a sentence that starts with its name; empty where it is none."""
    if image.sections is not None or not image.is_like_mask:  # of a survey one section may be empty
        return ""
    return f"{image.name}: expected an image, got no more than two values, as a mask has; drop a mask in its own place"


def with_truth(image: SeismicImage, name: str, content: bytes) -> SeismicImage:
    """An image with a user's ground-truth mask of it.

    Args:
        image: the image.
        name: the mask file's name.
        content: the whole file; every value but 0 is salt.

    Raises:
        ImageError: no image, another size than the image's, nothing in it that is not salt though it has several
            values, or one of a line or a cube; one sentence that names the file.
    """
    if image.sections is not None:
        raise ImageError(f"{name}: expected the mask of an image, got one of a line or a cube; drop an image")
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
        image, truth=mask.salt, note=note, guessed=(*image.guessed, *(f"ground truth: {note}" for note in notes)),
        code=f"{image.code}\n{snippets.of_mask(name)}",
    )  # fmt: skip
