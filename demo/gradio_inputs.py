"""What the Gradio page and its endpoints are given, and the sentence where that cannot be used."""

import html
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

import gradio as gr

from demo.amplitudes import UNCHANGED, LimitsChoice
from demo.explorer import one_of
from demo.images import (
    SAMPLES,
    TILE,
    SeismicImage,
    Survey,
    SurveyTile,
    doubt,
    find_survey,
    open_sample,
    open_tile,
    open_upload,
    survey_stamp,
    with_truth,
)
from demo.process import give_memory_back
from demo.surveys import DIRECTIONS, FIRST, SectionChoice
from demo.viewer_requests import RequestError
from demo.weights import Weights, WeightsError, WeightsKey, find_weights, open_weights
from unet.checkpoint import read_card
from unet.files.images import ImageError
from unet.segmenter import Segmenter

REFUSED = (ImageError, RequestError, WeightsError)  # what a user gave cannot be used; the message is for them


@contextmanager
def sentences() -> Iterator[None]:
    """Turns an input that cannot be used into a sentence on the page, and hands memory back.

    Gradio renders the sentence as HTML, and a file's name may be made of that.
    """
    try:
        yield
    except REFUSED as error:
        raise gr.Error(html.escape(str(error)), print_exception=False) from None
    finally:
        give_memory_back()


def list_weights() -> dict[str, Weights]:
    """Label -> weights, as they are on disk now."""
    return {weights.label: weights for weights in find_weights()}


def choose_weights(label: str | None) -> Weights:
    """The weights with a label, by default the first."""
    found = list_weights()
    if not found:
        raise RequestError("expected weights in weights/ or runs/, got none; train some with python train.py")
    return found[one_of(label or next(iter(found)), found)]


def choose_network(label: str | None) -> tuple[WeightsKey, Segmenter]:
    """The key of the weights with a label, by default the first, and their network."""
    return open_weights(choose_weights(label))


def choose_segmenter(label: str | None) -> Segmenter:
    """The network with a label, by default the first."""
    return choose_network(label)[1]


def find_tiles(label: str | None) -> tuple[Survey, str]:
    """The survey tiles for the weights with a label, and why those that are there cannot be used, if so."""
    return _find_tiles(choose_weights(label).key, survey_stamp())


@lru_cache(maxsize=4)
def _find_tiles(key: WeightsKey, stamp: object) -> tuple[Survey, str]:
    """The same as long as the weights and the ``stamp`` of the tiles stay what they are."""
    try:
        return find_survey(read_card(Path(key[0]))), ""
    except ValueError as error:  # DataError or ImageError
        return Survey({}, []), str(error)


def list_images(label: str | None) -> list[str]:
    """The images to choose from beside an upload, as the Streamlit app lists them, for the weights with a label."""
    return [*(f"{TILE}{name}" for name in find_tiles(label)[0].offered), *SAMPLES]


def find_tile(name: str | None, label: str | None) -> SurveyTile | None:
    """The survey tile that a list or a link names so, if it is there."""
    if name is None or not name.startswith(TILE):
        return None
    return find_tiles(label)[0].tiles.get(name.removeprefix(TILE))


def open_image(
    path: str | None,
    name: str | None,
    label: str | None,
    choice: LimitsChoice = UNCHANGED,
    section: SectionChoice = FIRST,
) -> SeismicImage:
    """The uploaded image, without a truth, as it was chosen; without an upload a sample or a survey tile.

    Args:
        path: of the upload.
        name: of the sample or the survey tile.
        label: of the weights.
        choice: the limits.
        section: of a line or a cube.
    """
    if path is not None:
        return open_upload(Path(path).name, Path(path).read_bytes(), choice, section)
    if name in SAMPLES:
        return open_sample(name)
    if tile := find_tile(name, label):
        return open_tile(tile)
    raise RequestError(f"expected an image, or one of the samples {', '.join(SAMPLES)}")


def open_with_mask(
    path: str | None,
    mask: str | None,
    name: str | None,
    label: str | None,
    choice: LimitsChoice = UNCHANGED,
    section: SectionChoice = FIRST,
) -> tuple[SeismicImage, str]:
    """The same with the uploaded mask as its truth, and why one of them cannot be what it was given as, if so."""
    image = open_image(path, name, label, choice, section)
    if mask is None:
        return image, doubt(image) if path else ""
    if path is None:
        return image, f"{Path(mask).name}: expected the image of this mask, got none; drop that as well"
    try:
        return with_truth(image, Path(mask).name, Path(mask).read_bytes()), ""
    except ImageError as error:
        return image, str(error)


def choose_limits(clip: float | None, reverse: bool | None) -> LimitsChoice:
    """The limits of amplitudes, and of an image far below its white."""
    if clip is not None and not 0 <= clip < 50:
        raise RequestError(f"expected a percentage from 0 to 50, 50 left out, got {clip:g}")
    return LimitsChoice(clip, bool(reverse))


def choose_section(
    direction: str | None, number: float | None, scale_time: float | None, scale_trace: float | None
) -> SectionChoice:
    """The section of a line or a cube, and its scale."""
    wanted = one_of(direction or FIRST.direction, DIRECTIONS)
    (known,) = (one for one in DIRECTIONS if one == wanted)
    scale = (1.0 if scale_time is None else scale_time, 1.0 if scale_trace is None else scale_trace)
    return SectionChoice(known, number, scale)


def check_threshold(threshold: float | None, segmenter: Segmenter) -> float:
    """A threshold in [0, 1], by default the card's."""
    threshold = segmenter.threshold if threshold is None else threshold
    if not 0 <= threshold <= 1:
        raise RequestError(f"expected a threshold in [0, 1], got {threshold}")
    return threshold
