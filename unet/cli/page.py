"""``python -m unet export --html``: images with the explorer as one HTML file, made by the app's own code."""

import os
import runpy
from collections.abc import Sequence
from pathlib import Path

from unet.cli.checks import check_replaceable, check_writable, load_segmenter
from unet.cli.console import progress_bar, say
from unet.cli.demo import app
from unet.cli.inputs import find_inputs
from unet.cli.options import UsageError
from unet.files.atomic import write_atomically
from unet.segmenter import shipped_weights

_HEAD = 400  # bytes, in which a page says what made it
_GENERATOR = b'<meta name="generator" content="salt-unet">'


def write_page(
    file: Path, inputs: Sequence[Path], weights: Path | None, threshold: float | None, overwrite: bool
) -> int:
    """Writes the page.

    Args:
        file: the file to write.
        inputs: images, and folders and ZIPs of them.
        weights: of the network; None takes the shipped ones.
        threshold: that the page starts with, between 0 and 1; None takes the card's.
        overwrite: whether a file that this did not write is replaced.

    Returns:
        The exit status: 1 where an image could not be used.

    Raises:
        UsageError: before anything is written, what the options ask for cannot be done.
        OSError: the file cannot be written.
    """
    if threshold is not None and not 0 < threshold < 1:
        raise UsageError(f"expected --threshold to be between 0 and 1, got {threshold:g}")
    found = find_inputs(inputs, labelled=True)
    command = runpy.run_path(str(app() / "page" / "command.py"))
    most = command["MOST_IMAGES"]
    if len(found.images) > most:
        raise UsageError(f"expected at most {most} images for a page, got {len(found.images):,}; name fewer")
    weights = weights or shipped_weights()
    check_writable(file)
    read = [image.path for image in (*found.images, *found.masks) if image is not None and image.path]
    used = [*inputs, weights, weights.with_suffix(".json"), *read]
    if os.path.realpath(file) in map(os.path.realpath, used):
        raise UsageError(f"{file}: expected a name for the page, got that of an image or the weights; choose another")
    if not overwrite and file.exists() and not _is_ours(file):
        check_replaceable([file])
    segmenter = load_segmenter(weights)
    for problem in found.problems:
        say(problem)
    files = list(zip(found.images, found.masks, strict=True))
    named = set(map(os.path.realpath, inputs))
    for image, mask in files:  # an image that was named, with a mask that was not
        alone = image.path and os.path.realpath(image.path) in named
        if alone and mask and mask.path and os.path.realpath(mask.path) not in named:
            say(f"{image.name}: its truth is {mask.name}")
    with progress_bar() as bar:
        task = bar.add_task("export", total=len(files))
        make_page = command["make_page_of_files"]
        content, problems = make_page(files, segmenter, weights, threshold, lambda: bar.advance(task))
    for problem in problems:
        say(problem)
    if content:
        write_atomically(file, content)
        count = len(files) - len(problems)
        say(f"{file}: {count} image{'s' * (count != 1)}, {len(content) / 1e6:.1f} MB; open it in a browser")
    return 1 if problems or found.problems or found.left_out or not content else 0


def _is_ours(file: Path) -> bool:
    """Whether a page by this program is there."""
    with file.open("rb") as opened:
        return _GENERATOR in opened.read(_HEAD)
