"""The Gradio page: the viewer, the evaluation of the weights, and a form for every endpoint."""

import base64
import html
import json
from typing import Any

import gradio as gr

from demo import bundle, evaluation, explorer, gradio_endpoints, gradio_inputs, messages
from demo.cache import find_probability
from demo.detection import PROBABILITY_NOTE
from demo.gradio_files import result, upload
from demo.images import SAMPLES
from demo.markdown import markdown
from demo.weights import load_segmenter

# The viewer is a module; gr.HTML runs a function body.  A blob's address is how the one imports the other.  Of a style
# sheet given to launch() Gradio drops the container queries, so the viewer brings its own.
LOAD_VIEWER = """
document.head.append(Object.assign(document.createElement("style"), { textContent: styles }));
const source = new Blob([script], { type: "text/javascript" });
const callbacks = {
  request: (request) => trigger("request", request),
  settled: (state) => trigger("settled", { threshold: state.threshold }),
};
import(URL.createObjectURL(source)).then(({ view }) => {
  const receive = () => props.value && view(element.querySelector(".viewer-host"), props.value, callbacks);
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

FIRST_SAMPLE = next(iter(SAMPLES))

# --- What the page requests ----------------------------------------------------------------------------------


@gradio_inputs.sentences()
def show(
    path: str | None,
    mask: str | None,
    sample: str | None,
    label: str | None,
    threshold: float | None,
    revision: int,
    request: dict[str, Any] | None = None,
) -> str:
    """A packed message for the viewer: an image, or the response to a request about it."""
    weights = gradio_inputs.choose_weights(label)
    image, segmenter = gradio_inputs.open_image(path, mask, sample), load_segmenter(weights.key)
    probability = find_probability(image, segmenter, weights.key)
    response = None
    if request is not None:
        response = explorer.respond(request, image, segmenter, messages.key(image, probability, segmenter))
    message = messages.make_message(
        image,
        probability,
        segmenter,
        threshold=gradio_inputs.check_threshold(threshold, segmenter),
        revision=revision,
        link={"sample": sample if path is None else None, "weights": weights.name},
        response=response,
        with_image=request is None,
    )
    return base64.b64encode(messages.pack(message)).decode("ascii")


def respond(event: gr.EventData, *seen: Any) -> str:
    """The viewer needs the network."""
    return show(*seen, event._data if isinstance(event._data, dict) else {})  # type: ignore[call-arg]


def follow(event: gr.EventData) -> Any:
    """The user let go of the viewer's threshold: Python follows, and moves nothing."""
    threshold = event._data.get("threshold") if isinstance(event._data, dict) else None
    return threshold if isinstance(threshold, int | float) and 0 <= threshold <= 1 else gr.skip()


def open_link(request: gr.Request) -> tuple[str, str, float, int]:
    """A link's sample, label of weights, threshold, and the first revision; the rest of it the viewer reads itself."""
    sample, name, threshold = (request.query_params.get(key) for key in ("sample", "weights", "threshold"))
    if sample is not None and sample not in SAMPLES:
        _warn(f"There is no sample called {sample[: explorer.LONGEST_WORD]}; a link cannot carry an upload")
    found = gradio_inputs.list_weights()
    label = next((label for label, weights in found.items() if weights.name == name), None)
    if name is not None and label is None:
        _warn(f"There are no weights called {name[: explorer.LONGEST_WORD]} here")
    label = label or next(iter(found))
    segmenter = gradio_inputs.choose_segmenter(label)
    try:
        wanted = gradio_inputs.check_threshold(None if threshold is None else float(threshold), segmenter)
    except ValueError:
        _warn(f"A link's threshold is a number from 0 to 1, this one says {threshold[: explorer.LONGEST_WORD]}")
        wanted = segmenter.threshold
    return sample if sample in SAMPLES else FIRST_SAMPLE, label, wanted, 1


def _warn(sentence: str) -> None:
    gr.Warning(html.escape(sentence))


@gradio_inputs.sentences()
def card_threshold(label: str, revision: int) -> tuple[float, int]:
    """Other weights bring their threshold with them."""
    return gradio_inputs.choose_segmenter(label).threshold, revision + 1


@gradio_inputs.sentences()
def summarise_evaluation(label: str) -> str:
    """The headline of the evaluation of some weights and what it means, or why there is none, as Markdown."""
    weights = gradio_inputs.choose_weights(label)
    try:
        found = evaluation.read_evaluation(weights.path, weights.card)
    except evaluation.ReportError as error:
        name = evaluation.evaluation_path(weights.path).name
        return f"{markdown(name, str(error))}; {evaluation.how_to_evaluate(weights.path)}"
    if found is None:
        return f"Nobody has evaluated these weights yet; {evaluation.how_to_evaluate(weights.path)}"
    numbers = evaluation.headline(found, weights.card, weights.path.stat().st_size).items()
    ranges = evaluation.intervals(found, weights.card)
    line = " · ".join(
        f"{name} **{number}**" + (f" ({ranges[name]})" if name in ranges else "") for name, number in numbers
    )
    return f"{line}\n\n{evaluation.meaning(found, weights.card)} The Streamlit app draws the whole report."


# --- The page -----------------------------------------------------------------------------------------------


def build() -> gr.Blocks:
    """The page with its listeners and endpoints, ready to be launched."""
    found = gradio_inputs.list_weights()
    sites = [site.name for site in gradio_inputs.choose_segmenter(None).model.sites()]
    cuttable = {site for weights in found.values() for site in weights.card.sites or () if site.name.startswith("skip")}
    sources = json.dumps([bundle.script(), bundle.style() + PAGE_STYLE])
    # Every hour, users' files that are older than a day are deleted.
    with (page := gr.Blocks(title="Salt U-Net", analytics_enabled=False, delete_cache=(3600, 86_400))):
        gr.Markdown("# Salt U-Net\nDrop a seismic image in, or take a synthetic section whose salt is known.")
        with gr.Row():
            with gr.Column(min_width=280):
                sample = gr.Dropdown(list(SAMPLES), label="Sample", value=FIRST_SAMPLE)
                weights = gr.Dropdown(list(found), label="Weights", value=next(iter(found)))
            image, mask = upload("Your image"), upload("Its ground-truth mask")
        host, load = '<div class="viewer-host"></div>', f"const [script, styles] = {sources};{LOAD_VIEWER}"
        viewer = gr.HTML(None, html_template=host, js_on_load=load, apply_default_css=False, container=False)
        gr.Markdown(PROBABILITY_NOTE)
        gr.Markdown("## Evaluation")
        summary = gr.Markdown()
        with gr.Accordion("Files to download; the same for programs", open=False):
            gr.Markdown(
                "Every button is an endpoint as well: *Use via API* below shows how to call it. An image larger than "
                "128 pixels a side is opened in a window from *Top* and *Left* on."
            )
            with gr.Row():
                threshold = gr.Number(label="Threshold", minimum=0, maximum=1, step=0.01)
                top, left = (gr.Number(0, label=label, precision=0, minimum=0) for label in ("Top", "Left"))
            with gr.Tab("Mask"):
                predict_button = gr.Button("Mask of this image", variant="primary")
                predicted = result("Mask")
            with gr.Tab("Maps"):
                site = gr.Dropdown(sites, value="bottleneck", label="Place in the network", allow_custom_value=True)
                trace_button = gr.Button("Maps of this place", variant="primary")
                with gr.Row():
                    traced = [gr.File(label="Maps", interactive=False), gr.JSON(label="What was found")]
            with gr.Tab("Cuts"):
                cuts = gr.CheckboxGroup([*sorted({site.name for site in cuttable}), "bottleneck"], label="Cut")
                fill = gr.Dropdown(["zero", "mean", *SAMPLES], value="zero", label="In their place")
                ablate_button = gr.Button("Mask without them", variant="primary")
                ablated = result("Mask without them")
            with gr.Tab("Pixel"):
                with gr.Row():
                    row, column = (gr.Number(50, label=label, precision=0, minimum=0) for label in ("Row", "Column"))
                    height, width = (gr.Number(1, label=label, precision=0, minimum=1) for label in ("Height", "Width"))
                    most = explorer.MOST_SAMPLES
                    samples = gr.Number(most, label="Noisy copies", precision=0, minimum=0, maximum=most)
                explain_button = gr.Button("What this pixel depends on", variant="primary")
                explained = result("Influence")

        revision = gr.State(0)  # raised whenever Python moves the viewer's threshold
        seen = [image, mask, sample, weights, threshold, revision]
        network: dict[str, Any] = {"concurrency_id": "network", "concurrency_limit": 2}
        private: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
        shown: dict[str, Any] = {"inputs": seen, "outputs": viewer, **private, **network}

        # The page and other weights start at the card's threshold, or at a link's.
        page.load(open_link, None, [sample, weights, threshold, revision], **private).then(show, **shown)
        weights.input(card_threshold, [weights, revision], [threshold, revision], **private).then(show, **shown)
        raised = threshold.input(lambda number: number + 1, revision, revision, trigger_mode="always_last", **private)
        raised.then(show, **shown)
        # A sample takes the place of an upload, and an upload that of the sample.
        sample.input(lambda: (None, None), None, [image, mask], **private).then(show, **shown)
        image.upload(lambda: None, None, sample, **private).then(show, **shown)
        image.clear(lambda: (FIRST_SAMPLE, None), None, [sample, mask], **private).then(show, **shown)
        for changed in (mask.upload, mask.clear):
            changed(show, trigger_mode="always_last", **shown)
        viewer.request(respond, trigger_mode="multiple", **shown)
        viewer.settled(follow, None, threshold, trigger_mode="always_last", **private)
        for start in (page.load, weights.change):
            start(summarise_evaluation, weights, summary, **private)

        box = [row, column, height, width]
        for button, endpoint, inputs, outputs in (
            (predict_button, gradio_endpoints.predict, [threshold, weights, sample], predicted),
            (trace_button, gradio_endpoints.trace, [site, top, left, weights, sample], traced),
            (ablate_button, gradio_endpoints.ablate, [cuts, fill, threshold, weights, top, left, sample], ablated),
            (explain_button, gradio_endpoints.explain_pixel, [*box, samples, weights, top, left, sample], explained),
        ):
            button.click(endpoint, [image, *inputs], outputs, api_name=endpoint.__name__, **network)
    return page
