"""Files that users give to Gradio and get from it: all of them in its cache, which forgets them after a day."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

import gradio as gr
import numpy as np
from gradio.data_classes import FileData, ImageData, ListFiles
from gradio.processing_utils import save_file_to_cache
from gradio.utils import get_upload_folder
from numpy.typing import NDArray

from demo.export import png
from unet.files.images import SUFFIXES


def upload(label: str, suffixes: Sequence[str] = SUFFIXES) -> tuple[gr.UploadButton, gr.File]:
    """Where a user gives files, and where the one that is open is kept for the endpoints.

    Of the button a listener gets a list of paths, of the file one path, in Gradio's cache, which Gradio has checked.
    The place that takes files is not the one that keeps one, because that takes none as long as it does: the viewer
    hands over whatever is dropped on the page.
    """
    button = gr.UploadButton(label, file_count="multiple", file_types=list(suffixes), size="md")
    button.preprocess = _paths  # type: ignore[method-assign, assignment]
    place = gr.File(label=label, file_types=list(suffixes), visible=False)
    # Its own way to that path leaves an empty temporary file behind at every request.
    place.preprocess = _path  # type: ignore[method-assign, assignment]
    return button, place


def result(label: str) -> list[gr.Image | gr.JSON]:
    """Where an endpoint's image and its numbers are shown, side by side."""
    with gr.Row():
        # Not Gradio's third button, which sends the image to somebody else's server.
        image = gr.Image(
            label=label, format="png", interactive=False, buttons=["download", "fullscreen"], min_width=280
        )
        image.postprocess = _send  # type: ignore[method-assign, assignment]
        return [image, gr.JSON(label="What was found", min_width=280)]


def cached(content: bytes, name: str) -> str:
    """The path of a file in Gradio's cache, named by its content, that comes there whole.

    Gradio's own way writes into the file that is there: of two equal masks at once, one user gets an empty one.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(content)
        return str(save_file_to_cache(path, get_upload_folder()))


def _paths(payload: ListFiles | None) -> list[str]:
    return [] if payload is None else [str(file.path) for file in payload]


def _path(payload: FileData | None) -> str | None:
    return None if payload is None else str(payload.path)


def _send(pixels: NDArray[np.uint8] | None) -> ImageData | None:
    """An image on its way to the browser: (H, W) or (H, W, 3) uint8 as a PNG."""
    return None if pixels is None else ImageData(path=cached(png(pixels), "image.png"), orig_name="image.png")
