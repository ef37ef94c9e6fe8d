"""Gradio: the same core and the same viewer as the Streamlit app, and an endpoint for programs.

Start it with ``python demo/gradio_app.py``; GRADIO_SERVER_NAME and GRADIO_SERVER_PORT say where it listens.

    from gradio_client import Client, handle_file
    mask, report = Client("http://localhost:7860").predict(handle_file("section.png"), api_name="/predict")
"""

import html
import json
import sys
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np

# Run as a script, this folder is on the path; the package `demo` is found from the one above.
if (checkout := str(Path(__file__).resolve().parents[1])) not in sys.path:
    sys.path.append(checkout)

from demo import core, quality  # noqa: E402
from unet import Segmenter  # noqa: E402
from unet.files import PictureError  # noqa: E402
from unet.segmenter import Mask  # noqa: E402

# viewer.js is a module; gr.HTML runs a function body.  A blob's address is how the one imports the other.
LOAD_VIEWER = """
const source = new Blob([SOURCE], { type: "text/javascript" });
import(URL.createObjectURL(source)).then(({ view }) => {
  const draw = () => {
    if (!props.value) return;
    const threshold = (value) => trigger("release", { threshold: value });
    view(element.querySelector(".viewer-host"), props.value, { threshold });
  };
  watch("value", draw);
  draw();
});
""".replace("SOURCE", json.dumps(core.VIEWER_JS.read_text()))

PICTURES = [".png", ".jpg", ".jpeg", ".tif", ".tiff", ".npy"]
SCALES = ["Each map its own", "One for all"]

PANES = 4  # encoder, decoder, skip, up; the bottleneck needs one


@lru_cache(maxsize=4)
def load(key: tuple[str, int, str]) -> Segmenter:
    """One network for all visitors; it keeps nothing of a picture."""
    return Segmenter.load(key[0])


def choices() -> dict[str, core.Weights]:
    """Label -> weights, as they are on disk now."""
    return {weights.label: weights for weights in core.find_weights()}


def weights_of(label: str | None) -> core.Weights:
    """The weights behind a label, by default the first."""
    found = choices()
    if not found:
        raise gr.Error("No weights in weights/ or runs/; train some with python train.py", print_exception=False)
    weights = found.get(label) if label else next(iter(found.values()))
    if weights is None:
        raise gr.Error(f"No weights called {label}; there are {', '.join(found)}", print_exception=False)
    return weights


def segmenter_of(label: str | None) -> Segmenter:
    """The network behind a label, by default the first."""
    return load(weights_of(label).key)


def opened_from(path: str | None, mask: str | None, sample: str) -> core.Opened:
    """The uploaded picture with its mask, if any; otherwise the sample."""
    try:
        if path is None:
            return core.sample(sample)
        opened = core.open_upload(Path(path).name, Path(path).read_bytes())
        if mask is None:
            return opened
        truth = core.open_truth(Path(mask).name, Path(mask).read_bytes(), opened.grey.shape)
        return replace(opened, truth=truth)
    except PictureError as error:
        # Gradio renders what it shows as HTML, and a name may be made of it.
        raise gr.Error(html.escape(str(error)), print_exception=False) from None


def figures(finding: core.Finding) -> str:
    """The finding in words, with its scores where the truth is known."""
    if finding.iou is None:
        return finding.sentence
    return (
        f"{finding.sentence} · IoU {finding.iou:.3f} · Dice {finding.dice:.3f} · "
        f"competition score {finding.competition:.1f}"
    )


def show(
    path: str | None, mask: str | None, sample: str, label: str, level: str, scale: str, threshold: float
) -> list[Any]:
    """Everything the page shows of one picture: what the viewer needs, figures, and the maps of one level in panes."""
    opened, segmenter = opened_from(path, mask, sample), segmenter_of(label)
    probability = segmenter.probability(opened.grey)
    data = core.viewer_data(opened, probability, threshold, revision=0, chosen=segmenter.threshold)
    data["revision"] = f"{data['key']} {threshold}"  # a new picture or threshold places the handle anew
    trace = segmenter.trace(core.window(opened.grey))
    sites = next(found.sites for found in core.levels(segmenter.card) if found.name == level)
    sites = (sites[0], *reversed(sites[1:]))  # encoder beside decoder, then up beside the skip it meets
    panes = [gr.Image(visible=False) for _ in range(PANES)]
    for number, site in enumerate(sites):
        montage = core.montage(trace, site, shared=scale == SCALES[1])
        panes[number] = gr.Image(montage, label=f"{site}: {core.describe(trace, site)}", visible=True)
    return [data, figures(core.find(probability, threshold, opened.truth)), *panes]


def predict(picture: str, threshold: float | None = None, weights: str | None = None) -> tuple[Mask, dict[str, Any]]:
    """The mask of one picture, for programs.

    Args:
        picture: a PNG, JPEG, TIFF or NPY file.
        threshold: salt is where the probability lies above it, 0 to 1; by default the card's.
        weights: a label as the page lists them; by default the shipped ones.

    Returns:
        An image, 255 where there is salt, of the picture's size, and what was found:
        threshold, salt_share (0 to 1), salt_pixels, highest_probability.
    """
    opened, segmenter = opened_from(picture, None, ""), segmenter_of(weights)
    threshold = segmenter.threshold if threshold is None else threshold
    if not 0 <= threshold <= 1:
        raise gr.Error(f"expected a threshold in [0, 1], got {threshold}", print_exception=False)
    finding = core.find(segmenter.probability(opened.grey), threshold)
    report = {
        "threshold": finding.threshold,
        "salt_share": finding.share,
        "salt_pixels": finding.pixels,
        "highest_probability": finding.highest,
    }
    return finding.mask.astype(np.uint8) * np.uint8(255), report


def judge(label: str) -> str:
    """The headline of the report on some weights and what it means, or why there is none, as Markdown."""
    weights = weights_of(label)
    try:
        found = quality.read_evaluation(weights.path, weights.card)
    except quality.ReportError as error:
        name = quality.evaluation_path(weights.path).name
        return f"{core.markdown(name, str(error))}; {quality.how_to_evaluate(weights.path)}"
    if found is None:
        return f"Nobody has evaluated these weights yet; {quality.how_to_evaluate(weights.path)}"
    numbers = quality.headline(found, weights.card, weights.path.stat().st_size)
    line = " · ".join(f"{name} **{number}**" for name, number in numbers.items())
    return f"{line}\n\n{quality.meaning(found, weights.card)} The Streamlit app draws the whole report."


def card_threshold(label: str) -> float:
    """Where the handle starts."""
    return segmenter_of(label).threshold


def follow(event: gr.EventData) -> float:
    """The handle was let go in the browser."""
    return float(event.threshold)


def build() -> gr.Blocks:
    """The page."""
    labels = list(choices())
    levels = [level.name for level in core.levels(segmenter_of(None).card)]
    with gr.Blocks(title="Salt U-Net", analytics_enabled=False) as page:
        gr.Markdown("# Salt U-Net\nDrop a seismic picture in, or take an invented section whose salt is known.")
        with gr.Row():
            with gr.Column(scale=1, min_width=280):
                sample = gr.Dropdown(list(core.SAMPLES), label="Sample", value=next(iter(core.SAMPLES)))
                picture = gr.File(label="Your picture", file_types=PICTURES, height=140)
                mask = gr.File(label="Its ground-truth mask", file_types=PICTURES, height=140)
                weights = gr.Dropdown(labels, label="Weights", value=labels[0])
                threshold = gr.Number(label="Threshold", minimum=0, maximum=1, step=0.01)
                button = gr.Button("Mask of this picture", variant="primary")
            with gr.Column(scale=2, min_width=320):
                viewer = gr.HTML(
                    value=None, html_template='<div class="viewer-host"></div>', js_on_load=LOAD_VIEWER, container=False
                )
                words = gr.Textbox(label="At this threshold", interactive=False)
                gr.Markdown(core.PROBABILITY_NOTE)
        gr.Markdown(
            "## Inside the U-Net\nEvery tile is one channel. The skip is what crosses the U; beside it stands what "
            "comes up from below, and the decoder makes its maps of the two. A bright tile is a strong response, not "
            "a probability. A picture larger than 128 pixels a side is opened at its top left corner."
        )
        with gr.Row():
            level = gr.Radio(levels, label="Level", value=levels[0])
            scale = gr.Radio(SCALES, label="Scale", value=SCALES[0])
        panes = []
        for _ in range(PANES // 2):
            with gr.Row():
                panes += [gr.Image(format="png", interactive=False, min_width=300) for _ in range(2)]
        gr.Markdown("## How good is it?")
        judgement = gr.Markdown()
        with gr.Row():
            mask_image = gr.Image(label="Mask", format="png", image_mode="L", interactive=False)
            report = gr.JSON(label="What was found")

        inputs = [picture, mask, sample, weights, level, scale, threshold]
        shown = [viewer, words, *panes]
        fresh = [picture, mask, sample, weights]
        private: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden", "concurrency_id": "network"}
        # The page, a new picture and other weights start at the card's threshold.
        for begin in (page.load, *(component.change for component in fresh)):
            begin(card_threshold, weights, threshold, api_visibility="private").then(show, inputs, shown, **private)
        for begin in (page.load, weights.change):
            begin(judge, weights, judgement, api_visibility="private", show_progress="hidden")
        for component in (level, scale):
            component.change(show, inputs, shown, **private)
        viewer.release(follow, None, threshold, api_visibility="private").then(show, inputs, shown, **private)
        threshold.input(show, inputs, shown, trigger_mode="always_last", **private)
        button.click(
            predict, [picture, threshold, weights], [mask_image, report], api_name="predict", concurrency_id="network"
        )
    return page


if __name__ == "__main__":
    build().queue(max_size=64).launch(
        css_paths=core.VIEWER_CSS,
        max_file_size=f"{core.LARGEST_UPLOAD}mb",
        footer_links=["api"],
    )
