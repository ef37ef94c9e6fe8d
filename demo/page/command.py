"""What ``python -m unet export --html`` runs by its path: it makes an interactive page of image files."""
# ruff: noqa: E402

import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

# The package `demo` is found from the folder that holds it, before any other `demo`.
if "demo" not in sys.modules:
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from demo.images import SeismicImage, open_upload, with_truth
from demo.page import MOST_IMAGES, PageImage, PageNetwork, make_page, misfit
from demo.weights import Weights
from unet.files.images import ImageError
from unet.files.listing import ImageFile
from unet.files.printable import printable
from unet.segmenter import Segmenter

__all__ = ["MOST_IMAGES", "make_page_of_files"]


def make_page_of_files(
    files: Sequence[tuple[ImageFile, ImageFile | None]],
    segmenter: Segmenter,
    path: Path,
    threshold: float | None,
    advance: Callable[[], None],
) -> tuple[bytes, list[str]]:
    """The page, empty where there is no image to show, and a sentence for each that cannot be used.

    Args:
        files: images, each with its mask or None.
        segmenter: the network.
        path: of its weights.
        threshold: that the page starts with; None takes the card's.
        advance: called after each image.
    """
    problems: list[str] = []
    opened: list[PageImage] = []
    # Where a file lies is its owner's business: a page that is passed on says so only where two names are the same.
    names = Counter(str(image.inside) for image, _ in files)
    for image, mask in files:
        name = printable(str(image.inside)) if names[str(image.inside)] == 1 else image.name
        try:
            opened.append(PageImage(name, replace(_open(image, mask), name=name)))
        except ImageError as error:
            problems.append(str(error))
            advance()
    if not opened:
        return b"", problems
    weights = Weights(path, path.stem, segmenter.card)
    network = PageNetwork(weights, weights.key, segmenter)
    threshold = segmenter.threshold if threshold is None else threshold
    return make_page(opened, network, threshold, advance=advance), problems


def _open(file: ImageFile, mask: ImageFile | None) -> SeismicImage:
    """An image with its truth; raises ``ImageError`` where one of them cannot be used."""
    image = open_upload(file.name, file.load())
    if fault := misfit(file.name, image.grey.size):
        raise ImageError(fault)
    return image if mask is None else with_truth(image, printable(mask.inside.name), mask.load())
