"""Gradio: the same core and the same viewer as the Streamlit app, and endpoints for programs.

Start it with ``python -m unet demo --gradio``; GRADIO_SERVER_NAME and GRADIO_SERVER_PORT say where it listens.

    from gradio_client import Client, handle_file
    client = Client("http://localhost:7860")
    mask, report = client.predict(handle_file("section.png"), api_name="/predict")
    maps, report = client.predict(handle_file("section.png"), "skip1", api_name="/trace")
    mask, report = client.predict(handle_file("section.png"), ["skip1", "skip2"], "mean", api_name="/ablate")
    heat, report = client.predict(handle_file("section.png"), 40, 52, api_name="/explain_pixel")
"""

import base64
import html
import io
import json
import os
import sys
import tempfile
from collections.abc import Callable
from functools import lru_cache, wraps
from pathlib import Path
from typing import Any, NamedTuple

import gradio as gr
import numpy as np
from gradio.data_classes import ImageData
from gradio.processing_utils import save_file_to_cache
from gradio.utils import get_upload_folder
from numpy.typing import NDArray

# Run as a script, this folder is on the path; the package `demo` is found from the one above, before any other `demo`.
if "demo" not in sys.modules:
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from demo import bundle, core, explorer, give_memory_back, quality  # noqa: E402
from unet import Segmenter, explain, render  # noqa: E402
from unet.files.images import SUFFIXES, ImageError, quiet_decoders  # noqa: E402
from unet.image import Grey  # noqa: E402
from unet.segmenter import TILE, Mask, Probability  # noqa: E402

quiet_decoders()

# The viewer is a module; gr.HTML runs a function body.  A blob's address is how the one imports the other.  Of a style
# sheet given to launch() Gradio drops the container queries, so the viewer brings its own.
LOAD_VIEWER = """
const style = document.createElement("style");
style.textContent = styles;
document.head.append(style);
const source = new Blob([script], { type: "text/javascript" });
const callbacks = {
  ask: (request) => trigger("ask", request),
  settled: (state) => trigger("settled", { threshold: state.threshold }),
};
import(URL.createObjectURL(source)).then(({ view }) => {
  const receive = () => {
    if (props.value) view(element.querySelector(".viewer-host"), props.value, callbacks);
  };
  watch("value", receive);
  receive();
});
"""

# Gradio hides what overflows its page, and with that nothing in it can stay in sight; a phone has no margin to spare.
PAGE_STYLE = """
.gradio-container.gradio-container { overflow: clip; }
.gradio-container .html-container:has(.viewer-host) { padding: 0; }
@media (max-width: 640px) { .gradio-container .main.fillable { padding: 12px; } }
"""

HOUR, DAY = 3600, 86_400  # files of visitors are looked through every hour, and deleted after a day
LONGEST_NAME = 40  # characters of a name from outside that a sentence repeats


# --- What there is ------------------------------------------------------------------------------------------


class Prediction(NamedTuple):
    """A picture and what a network said of it; ``key`` names the two."""

    opened: core.SeismicImage
    probability: Probability
    key: str


@lru_cache(maxsize=4)
def load(key: tuple[str, int, str]) -> Segmenter:
    """One network for all visitors; it keeps nothing of a picture."""
    return Segmenter.load(key[0])


@lru_cache(maxsize=8)
def look(path: str | None, mask: str | None, sample: str | None, key: tuple[str, int, str]) -> Prediction:
    """A picture through a network, once for all questions about it: Gradio's paths have the content's hash in them."""
    opened, segmenter = opened_from(path, mask, sample), load(key)
    probability = segmenter.probability(opened.grey)
    return Prediction(opened, probability, explorer.key(opened, probability, segmenter))


def refusal(sentence: str) -> gr.Error:
    """What a visitor reads; Gradio renders it as HTML, and a file's name may be made of that."""
    return gr.Error(html.escape(sentence), print_exception=False)


def choices() -> dict[str, core.Weights]:
    """Label -> weights, as they are on disk now."""
    return {weights.label: weights for weights in core.find_weights()}


def weights_of(label: str | None) -> core.Weights:
    """The weights behind a label, by default the first."""
    found = choices()
    if not found:
        raise refusal("No weights in weights/ or runs/; train some with python train.py")
    weights = found.get(label) if label else next(iter(found.values()))
    if weights is None:
        raise refusal(f"No weights called {label}; there are {', '.join(found)}")
    return weights


def segmenter_of(label: str | None) -> Segmenter:
    """The network behind a label, by default the first."""
    return load(weights_of(label).key)


def opened_from(path: str | None, mask: str | None, sample: str | None) -> core.SeismicImage:
    """The uploaded picture with its mask, if any; otherwise the sample."""
    try:
        if path is None:
            if sample not in core.SAMPLES:
                raise refusal(f"expected a picture, or one of the samples {', '.join(core.SAMPLES)}")
            return core.sample(sample)
        opened = core.open_upload(Path(path).name, Path(path).read_bytes())
        if mask is None:
            return opened
        return core.with_truth(opened, Path(mask).name, Path(mask).read_bytes())
    except ImageError as error:
        raise refusal(str(error)) from None


def checked(threshold: float | None, segmenter: Segmenter) -> float:
    """A threshold in [0, 1], by default the card's."""
    threshold = segmenter.threshold if threshold is None else threshold
    if not 0 <= threshold <= 1:
        raise refusal(f"expected a threshold in [0, 1], got {threshold}")
    return threshold


def window(opened: core.SeismicImage, top: int | None, left: int | None) -> Grey:
    """The part of a picture that is opened up, at most 128 pixels a side."""
    height, width = opened.grey.shape
    lowest, rightmost = max(0, height - TILE), max(0, width - TILE)
    if top is None or left is None or not (0 <= top <= lowest and 0 <= left <= rightmost):
        raise refusal(
            f"expected a window inside {height} x {width} pixels, top 0 to {lowest} and left 0 to {rightmost}, "
            f"got top {top} and left {left}"
        )
    return explorer.window(opened.grey, top, left)


def thrifty(function: Callable[..., Any]) -> Callable[..., Any]:
    """Hands back what the network needed for an answer."""

    @wraps(function)
    def answer(*given: Any, **named: Any) -> Any:
        try:
            return function(*given, **named)
        finally:
            give_memory_back()

    return answer


# --- The page asks ------------------------------------------------------------------------------------------


@thrifty
def send(
    picture: str | None,
    mask: str | None,
    sample: str | None,
    label: str | None,
    threshold: float | None,
    revision: int,
    question: dict[str, Any] | None = None,
) -> str:
    """Everything the viewer is to know, packed: a picture, or the answer to a question about it."""
    weights = weights_of(label)
    segmenter = load(weights.key)
    opened, probability, key = look(picture, mask, sample, weights.key)
    answer = question and explorer.answer(question, opened, segmenter, key)
    message = explorer.message(
        opened,
        probability,
        segmenter,
        threshold=checked(threshold, segmenter),
        revision=revision,
        link={"sample": sample if picture is None else None, "weights": weights.name},
        answer=answer,
        with_image=question is None or question.get("kind") == "image",
    )
    return base64.b64encode(explorer.pack(message)).decode("ascii")


def take_question(
    picture: str | None,
    mask: str | None,
    sample: str | None,
    label: str | None,
    threshold: float | None,
    revision: int,
    event: gr.EventData,
) -> str:
    """The browser needs the network."""
    question = event._data if isinstance(event._data, dict) else {}
    return send(picture, mask, sample, label, threshold, revision, question)


def follow(event: gr.EventData) -> Any:
    """The visitor let go of the viewer's handle: Python follows, and moves nothing."""
    threshold = event._data.get("threshold") if isinstance(event._data, dict) else None
    return threshold if isinstance(threshold, int | float) and 0 <= threshold <= 1 else gr.skip()


def begin(request: gr.Request) -> tuple[str, str, float, int]:
    """What a link asks for: sample, weights' label, threshold; the rest of a link the viewer reads itself."""
    given = request.query_params
    sample, name, threshold = (given.get(key) for key in ("sample", "weights", "threshold"))
    if sample is not None and sample not in core.SAMPLES:
        gr.Warning(html.escape(f"There is no sample called {sample[:LONGEST_NAME]}; a link cannot carry an upload"))
    found = choices()
    label = next((label for label, weights in found.items() if weights.name == name), None)
    if name is not None and label is None:
        gr.Warning(html.escape(f"There are no weights called {name[:LONGEST_NAME]} here"))
    label = label or next(iter(found))
    chosen = segmenter_of(label).threshold
    try:
        wanted = chosen if threshold is None else float(threshold)
    except ValueError:
        wanted = -1.0
    if not 0 <= wanted <= 1:
        gr.Warning(html.escape(f"A link's threshold is a number from 0 to 1, this one says {threshold[:LONGEST_NAME]}"))
        wanted = chosen
    return sample if sample in core.SAMPLES else next(iter(core.SAMPLES)), label, wanted, 1


def card_threshold(label: str, revision: int) -> tuple[float, int]:
    """Other weights bring their threshold with them."""
    return segmenter_of(label).threshold, revision + 1


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


# --- Programs ask -------------------------------------------------------------------------------------------


@thrifty
def predict(
    picture: str | None, threshold: float | None = None, weights: str | None = None, sample: str | None = None
) -> tuple[NDArray[np.uint8], dict[str, Any]]:
    """The mask of one picture.

    Args:
        picture: a PNG, JPEG, TIFF, BMP, GIF, WebP, PNM or NPY file.
        threshold: salt is where the probability lies above it, 0 to 1; by default the card's.
        weights: a label as the page lists them; by default the shipped ones.
        sample: which synthetic section to take where there is no picture.

    Returns:
        An image, 255 where there is salt, of the picture's size, and what was found: threshold, salt_share (0 to 1,
        of the picture without its margin), salt_pixels, highest_probability, and guessed, sentences about what of the
        picture was guessed or left out.
    """
    chosen = weights_of(weights)
    found = look(picture, None, None if picture else sample, chosen.key)
    finding = core.find(found.probability, checked(threshold, load(chosen.key)), margin=found.opened.margin)
    report = {
        "threshold": finding.threshold,
        "salt_share": finding.share,
        "salt_pixels": finding.pixels,
        "highest_probability": finding.highest,
        "guessed": list(found.opened.guessed),
    }
    return mask_image(finding.mask), report


@thrifty
def trace(
    picture: str | None,
    site: str = "bottleneck",
    top: int = 0,
    left: int = 0,
    weights: str | None = None,
    sample: str | None = None,
) -> tuple[str, dict[str, Any]]:
    """What a place in the network computes for one picture.

    Args:
        picture: a PNG, JPEG, TIFF, BMP, GIF, WebP, PNM or NPY file.
        site: encoder1, ..., bottleneck, skip1, up1, decoder1, ..., logits.
        top: of a picture larger than 128 pixels a side, the first row of the window that is opened.
        left: the same for columns.
        weights: a label as the page lists them; by default the shipped ones.
        sample: which synthetic section to take where there is no picture.

    Returns:
        An NPY file of (C, h, w) float32 maps at 1/stride of the window's size, and what they are: site, channels,
        height, width, stride, window (top, left, height, width), lowest, highest, mean, and silent, how many
        channels are zero everywhere.
    """
    opened, segmenter = opened_from(picture, None, sample), segmenter_of(weights)
    part = window(opened, top, left)
    strides = {known.name: known.stride for known in segmenter.model.sites()}
    if site not in strides:
        raise refusal(f"expected one of {', '.join(strides)}, got {str(site)[:LONGEST_NAME]}")
    maps = segmenter.trace(part).crop(site)
    content = io.BytesIO()
    np.save(content, maps, allow_pickle=False)
    channels, height, width = maps.shape
    report = {
        "site": site,
        "channels": channels,
        "height": height,
        "width": width,
        "stride": strides[site],
        "window": [top, left, *part.shape],
        "lowest": float(maps.min()),
        "highest": float(maps.max()),
        "mean": float(maps.mean()),
        "silent": int(np.count_nonzero(~maps.any(axis=(1, 2)))),
    }
    return cached(content.getvalue(), f"{site}.npy"), report


@thrifty
def ablate(
    picture: str | None,
    cuts: list[str],
    fill: str = "zero",
    threshold: float | None = None,
    weights: str | None = None,
    top: int = 0,
    left: int = 0,
    sample: str | None = None,
) -> tuple[NDArray[np.uint8], dict[str, Any]]:
    """What the network says without some of its skips, or without the bottleneck.

    The network was trained with all of them: this shows what it relies on, not what one without them would learn.

    Args:
        picture: a PNG, JPEG, TIFF, BMP, GIF, WebP, PNM or NPY file.
        cuts: any of skip1, skip2, ... and bottleneck.
        fill: what stands in their place: zero, mean (of each channel), or a sample's name, which lends its own.
        threshold: salt is where the probability lies above it, 0 to 1; by default the card's.
        weights: a label as the page lists them; by default the shipped ones.
        top: of a picture larger than 128 pixels a side, the first row of the window that is opened.
        left: the same for columns.
        sample: which synthetic section to take where there is no picture.

    Returns:
        An image of the window, 255 where there is salt without those parts, and what changed: cuts, fill, threshold,
        window (top, left, height, width), salt_share and salt_pixels before and after, mean_change and
        largest_change of the probability.
    """
    opened, segmenter = opened_from(picture, None, sample), segmenter_of(weights)
    part, threshold = window(opened, top, left), checked(threshold, segmenter)
    known = explain.parts(segmenter)
    if unknown := [name for name in cuts or [] if name not in known]:
        raise refusal(f"expected cuts among {', '.join(known)}, got {str(unknown[0])[:LONGEST_NAME]}")
    if fill not in ("zero", "mean", *core.SAMPLES):
        raise refusal(f"expected zero, mean or one of {', '.join(core.SAMPLES)}, got {str(fill)[:LONGEST_NAME]}")
    instead = explain.replacements(
        segmenter, part, fill if fill in ("zero", "mean") else explorer.donor(fill, part.shape)
    )
    before = segmenter.trace(part).probability
    after = segmenter.trace(part, {name: instead[name] for name in cuts or []}).probability
    margin = explorer.window(opened.margin, top, left)
    before[margin] = after[margin] = 0
    findings = {when: core.find(p, threshold, margin=margin) for when, p in (("before", before), ("after", after))}
    change = np.abs(after - before)
    report = {
        "cuts": [name for name in known if name in (cuts or [])],
        "fill": fill,
        "threshold": threshold,
        "window": [top, left, *part.shape],
        "salt_share": {when: finding.share for when, finding in findings.items()},
        "salt_pixels": {when: finding.pixels for when, finding in findings.items()},
        "mean_change": float(change.mean(dtype=np.float64)),
        "largest_change": float(change.max()),
    }
    return mask_image(findings["after"].mask), report


@thrifty
def explain_pixel(
    picture: str | None,
    row: int,
    column: int,
    height: int = 1,
    width: int = 1,
    samples: int = explorer.MOST_SAMPLES,
    weights: str | None = None,
    top: int = 0,
    left: int = 0,
    sample: str | None = None,
) -> tuple[NDArray[np.uint8], dict[str, Any]]:
    """Which pixels the network's answer in a pixel or a box depends on.

    Args:
        picture: a PNG, JPEG, TIFF, BMP, GIF, WebP, PNM or NPY file.
        row: of the pixel, or the first one of the box, from 0 at the top.
        column: the same, from 0 at the left.
        height: of the box.
        width: of the box.
        samples: how many noisy copies are averaged (SmoothGrad), up to 16; 0 takes the picture's own gradient.
        weights: a label as the page lists them; by default the shipped ones.
        top: of a picture larger than 128 pixels a side, the first row of the window that is opened.
        left: the same for columns.
        sample: which synthetic section to take where there is no picture.

    Returns:
        An image of the window, from dark blue (no influence) to yellow (the most), and the numbers: sentence; boxes,
        the smallest rectangles (top, left, height, width) around the pixel that hold 50 and 90 % of the influence;
        receptive_field, how many pixels a side could have any at all; logit, probability, samples, window.
    """
    opened, segmenter = opened_from(picture, None, sample), segmenter_of(weights)
    part = window(opened, top, left)
    box = [row, column, height, width]
    question = {"key": "", "kind": "pixel", "window": [top, left], "box": box, "samples": samples}
    found = explorer.answer(question, opened, segmenter, "")
    if "error" in found:
        raise refusal(found["error"])
    influence = found["influence"]
    levels = np.rint(influence / (influence.max() or 1) * 255).astype(np.uint8)
    rows, columns = found["boxes"]["90"][2:]
    report = {
        "sentence": f"90 % of the influence comes from {rows} x {columns} pixels",
        "boxes": found["boxes"],
        "receptive_field": explain.receptive_field(segmenter.model.config),
        "logit": found["logit"],
        "probability": found["probability"],
        "samples": samples,
        "window": [top, left, *part.shape],
    }
    return render.SEQUENTIAL[levels], report


def mask_image(mask: Mask) -> NDArray[np.uint8]:
    """255 where there is salt."""
    return mask.astype(np.uint8) * np.uint8(255)


# --- The page -----------------------------------------------------------------------------------------------


def build() -> gr.Blocks:
    """The page."""
    found = choices()
    labels, sites = list(found), [site.name for site in segmenter_of(None).model.sites()]
    cuttable = sorted({site.name for weights in found.values() for site in weights.card.sites or ()})
    cuttable = [name for name in cuttable if name.startswith("skip")] + ["bottleneck"]
    sources = json.dumps([bundle.script(), bundle.style() + PAGE_STYLE])
    with gr.Blocks(title="Salt U-Net", analytics_enabled=False, delete_cache=(HOUR, DAY)) as page:
        gr.Markdown("# Salt U-Net\nDrop a seismic picture in, or take an synthetic section whose salt is known.")
        with gr.Row():
            with gr.Column(min_width=280):
                sample = gr.Dropdown(list(core.SAMPLES), label="Sample", value=next(iter(core.SAMPLES)))
                weights = gr.Dropdown(labels, label="Weights", value=labels[0])
            picture, mask = upload("Your picture"), upload("Its ground-truth mask")
        viewer = gr.HTML(
            value=None,
            html_template='<div class="viewer-host"></div>',
            js_on_load=f"const [script, styles] = {sources};{LOAD_VIEWER}",
            apply_default_css=False,
            container=False,
        )
        gr.Markdown(core.PROBABILITY_NOTE)
        gr.Markdown("## How good is it?")
        judgement = gr.Markdown()
        with gr.Accordion("Files to take away; the same for programs", open=False):
            gr.Markdown(
                "Every button is an endpoint as well: *Use via API* below shows how to call it. A picture larger than "
                "128 pixels a side is opened in a window from *Top* and *Left* on."
            )
            with gr.Row():
                threshold = gr.Number(label="Threshold", minimum=0, maximum=1, step=0.01)
                top = gr.Number(0, label="Top", precision=0, minimum=0)
                left = gr.Number(0, label="Left", precision=0, minimum=0)
            with gr.Tab("Mask"):
                predict_button = gr.Button("Mask of this picture", variant="primary")
                predicted = result("Mask")
            with gr.Tab("Maps"):
                site = gr.Dropdown(sites, value="bottleneck", label="Place in the network", allow_custom_value=True)
                trace_button = gr.Button("Maps of this place", variant="primary")
                with gr.Row():
                    traced = [gr.File(label="Maps", interactive=False), gr.JSON(label="What was found")]
            with gr.Tab("Cuts"):
                cuts = gr.CheckboxGroup(cuttable, label="Cut")
                fill = gr.Dropdown(["zero", "mean", *core.SAMPLES], value="zero", label="In their place")
                ablate_button = gr.Button("Mask without them", variant="primary")
                ablated = result("Mask without them")
            with gr.Tab("Pixel"):
                with gr.Row():
                    row, column = (gr.Number(50, label=label, precision=0, minimum=0) for label in ("Row", "Column"))
                    height, width = (gr.Number(1, label=label, precision=0, minimum=1) for label in ("Height", "Width"))
                    samples = gr.Number(
                        explorer.MOST_SAMPLES,
                        label="Noisy copies",
                        precision=0,
                        minimum=0,
                        maximum=explorer.MOST_SAMPLES,
                    )
                explain_button = gr.Button("What this pixel depends on", variant="primary")
                explained = result("Influence")

        revision = gr.State(0)  # raised whenever Python moves the viewer's handle
        seen = [picture, mask, sample, weights, threshold, revision]
        network: dict[str, Any] = {"concurrency_id": "network", "concurrency_limit": 2}
        private: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}

        # The page and other weights start at the card's threshold, or at a link's.
        page.load(begin, None, [sample, weights, threshold, revision], **private).then(
            send, seen, viewer, **private, **network
        )
        weights.input(card_threshold, [weights, revision], [threshold, revision], **private).then(
            send, seen, viewer, **private, **network
        )
        threshold.input(lambda count: count + 1, revision, revision, trigger_mode="always_last", **private).then(
            send, seen, viewer, **private, **network
        )
        # A sample takes the place of an upload, and an upload that of the sample.
        sample.input(lambda: (None, None), None, [picture, mask], **private).then(
            send, seen, viewer, **private, **network
        )
        picture.upload(lambda: None, None, sample, **private).then(send, seen, viewer, **private, **network)
        first = next(iter(core.SAMPLES))
        picture.clear(lambda: (first, None), None, [sample, mask], **private).then(
            send, seen, viewer, **private, **network
        )
        for changed in (mask.upload, mask.clear):
            changed(send, seen, viewer, trigger_mode="always_last", **private, **network)
        viewer.ask(take_question, seen, viewer, trigger_mode="multiple", **private, **network)
        viewer.settled(follow, None, threshold, trigger_mode="always_last", **private)
        for start in (page.load, weights.change):
            start(judge, weights, judgement, **private)

        predict_button.click(predict, [picture, threshold, weights, sample], predicted, api_name="predict", **network)
        trace_button.click(trace, [picture, site, top, left, weights, sample], traced, api_name="trace", **network)
        ablate_button.click(
            ablate, [picture, cuts, fill, threshold, weights, top, left, sample], ablated, api_name="ablate", **network
        )
        explain_button.click(
            explain_pixel,
            [picture, row, column, height, width, samples, weights, top, left, sample],
            explained,
            api_name="explain_pixel",
            **network,
        )
    return page


def upload(label: str) -> gr.File:
    """A place for a visitor's file; a listener gets its path in Gradio's cache, which Gradio has checked."""
    place = gr.File(label=label, file_types=list(SUFFIXES), height=150, min_width=200)
    # Its own way to that path leaves an empty temporary file behind at every question.
    place.preprocess = lambda payload: None if payload is None else payload.path
    return place


def sent(pixels: NDArray[np.uint8] | None) -> ImageData | None:
    """A picture on its way to the browser: (H, W) or (H, W, 3) uint8 as a PNG."""
    return None if pixels is None else ImageData(path=cached(core.png(pixels), "image.png"), orig_name="image.png")


def cached(content: bytes, name: str) -> str:
    """A file in Gradio's cache, named by its content, that comes there whole.

    Gradio's own way writes into the file that is there: of two equal masks at once, one visitor gets an empty one.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(content)
        return save_file_to_cache(path, get_upload_folder())


def result(label: str) -> list[gr.Image | gr.JSON]:
    """Where an endpoint's image and its numbers are shown, side by side."""
    with gr.Row():
        # Not Gradio's third button, which sends the picture to somebody else's server.
        buttons = ["download", "fullscreen"]
        image = gr.Image(label=label, format="png", interactive=False, buttons=buttons)
        image.postprocess = sent
        return [image, gr.JSON(label="What was found")]


if __name__ == "__main__":
    port = os.environ.get("GRADIO_SERVER_PORT", "7860")
    blocks = build().queue(max_size=64)
    try:  # of a named port Gradio takes that or none; otherwise it would silently listen on another
        blocks.launch(server_port=int(port), max_file_size=f"{core.LARGEST_UPLOAD}mb", footer_links=["api"])
    except OSError:
        sys.exit(f"expected port {port} to be free, got one that is taken; name another with GRADIO_SERVER_PORT")
