"""What the Gradio page and its endpoints are given, and the sentence where that cannot be used."""

import html
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import gradio as gr

from demo.explorer import RequestError, one_of
from demo.images import SAMPLES, SeismicImage, open_sample, open_upload, with_truth
from demo.process import give_memory_back
from demo.weights import Weights, find_weights, load_segmenter
from unet.files.images import ImageError
from unet.segmenter import Segmenter


@contextmanager
def sentences() -> Iterator[None]:
    """Turns an input that cannot be used into a sentence on the page, and hands memory back.

    Gradio renders the sentence as HTML, and a file's name may be made of that.
    """
    try:
        yield
    except (ImageError, RequestError) as error:
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


def choose_segmenter(label: str | None) -> Segmenter:
    """The network with a label, by default the first."""
    return load_segmenter(choose_weights(label).key)


def open_image(path: str | None, mask: str | None, sample: str | None) -> SeismicImage:
    """The uploaded image with its mask, if any; without an upload the sample."""
    if path is None:
        if sample not in SAMPLES:
            raise RequestError(f"expected an image, or one of the samples {', '.join(SAMPLES)}")
        return open_sample(sample)
    image = open_upload(Path(path).name, Path(path).read_bytes())
    return image if mask is None else with_truth(image, Path(mask).name, Path(mask).read_bytes())


def check_threshold(threshold: float | None, segmenter: Segmenter) -> float:
    """A threshold in [0, 1], by default the card's."""
    threshold = segmenter.threshold if threshold is None else threshold
    if not 0 <= threshold <= 1:
        raise RequestError(f"expected a threshold in [0, 1], got {threshold}")
    return threshold
