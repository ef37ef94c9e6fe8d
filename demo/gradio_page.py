"""The Gradio page: the viewer, the evaluation of the weights, and a form for every endpoint."""

import json
from typing import Any

import gradio as gr

from demo import bundle, evaluation, explorer, gradio_endpoints, gradio_inputs, gradio_result, missing
from demo.amplitudes import CLIP_STEP, HIGHEST_CLIP
from demo.detection import PROBABILITY_NOTE
from demo.gradio_files import result, upload
from demo.gradio_result import FIRST_SAMPLE
from demo.images import SAMPLES
from demo.limits import LARGEST_UPLOAD
from demo.markdown import markdown
from demo.weights import WeightsError
from unet.amplitude import CLIP

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
  let shown = false;
  const receive = () => {
    if (props.value) view(element.querySelector(".viewer-host"), props.value, callbacks);
    // No result, no link to it; before the first one the address is a link that is still to be followed.
    else if (props.value === "" && shown) history.replaceState(history.state, "", location.pathname);
    shown ||= Boolean(props.value);
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

# --- What the page requests ----------------------------------------------------------------------------------


def open_link(request: gr.Request) -> tuple[str, str, float | None, int, str]:
    """A link's sample, label of weights, threshold, the first revision, and what of the link is not here.

    The rest of a link the viewer reads itself.
    """
    sample, name, threshold = (request.query_params.get(key) for key in ("sample", "weights", "threshold"))
    notices = []
    if sample is not None and sample not in SAMPLES:
        notices.append(missing.image(missing.LINK, sample[: explorer.LONGEST_WORD]))
    if "upload" in request.query_params:
        notices.append(missing.upload(request.query_params["upload"][: explorer.LONGEST_WORD]))
    found = gradio_inputs.list_weights()
    label = next((label for label, weights in found.items() if weights.name == name), None)
    if name is not None and label is None:
        notices.append(missing.weights(missing.LINK, name[: explorer.LONGEST_WORD]))
    label = label or next(iter(found))
    wanted = None
    try:
        segmenter = gradio_inputs.choose_segmenter(label)
        wanted = segmenter.threshold
        wanted = gradio_inputs.check_threshold(None if threshold is None else float(threshold), segmenter)
    except WeightsError:  # said instead of a result
        pass
    except ValueError:
        notices.append(missing.threshold(threshold[: explorer.LONGEST_WORD]))
    return (
        sample if sample in SAMPLES else FIRST_SAMPLE, label, wanted, 1,
        "".join(gradio_result.said(sentence, "alert") for sentence in notices),
    )  # fmt: skip


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
    sources = json.dumps([bundle.script(), bundle.style() + PAGE_STYLE + gradio_result.STYLE])
    # Every hour, users' files that are older than a day are deleted.
    with (page := gr.Blocks(title="Salt U-Net", analytics_enabled=False, delete_cache=(3600, 86_400))):
        gr.Markdown("# Salt U-Net\nDrop a seismic image in, or take a synthetic section whose salt is known.")
        with gr.Row():
            with gr.Column(min_width=280):
                sample = gr.Dropdown(list(SAMPLES), label="Sample", value=FIRST_SAMPLE)
                weights = gr.Dropdown(list(found), label="Weights", value=next(iter(found)))
            with gr.Column(scale=2):
                with gr.Row():
                    image, mask = upload("Your image"), upload("Its ground-truth mask")
                gr.Markdown(f"One image of up to {LARGEST_UPLOAD} MB and its mask. {missing.SESSION_NOTE}")
        notice, caption = (gr.HTML(apply_default_css=False, container=False) for _ in range(2))
        with gr.Column(visible=False) as limits_place:
            stretch = gr.Checkbox(label="Stretch what is used to black and white")
            with gr.Row() as stretched:
                with gr.Column(min_width=280):
                    drawing = gr.HTML(apply_default_css=False, container=False)
                with gr.Column(scale=2, min_width=280):
                    words = "Samples beyond each limit, in per cent"
                    share = gr.Slider(0, HIGHEST_CLIP, CLIP, step=CLIP_STEP, label=words)
                    reverse = gr.Checkbox(label="Reverse polarity")
        clip = gr.Number(visible=False)  # the share, or none where the file's own black and white are taken
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
        turns = gr.State(gradio_result.Turns())
        seen = [image, mask, sample, weights, threshold, revision, clip, reverse]
        network: dict[str, Any] = {"concurrency_id": "network", "concurrency_limit": 2}
        private: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
        limits, chosen = [limits_place, stretch, stretched, drawing], [clip, share, reverse]
        # Many at a time: what is asked for last has to be shown, however long what was asked for before it takes.
        shown: dict[str, Any] = {
            "fn": gradio_result.show, "inputs": [turns, *seen], "outputs": [caption, viewer, *limits],
            "trigger_mode": "multiple", **private, **network,
        }  # fmt: skip
        place = [caption, viewer, notice, *predicted, *traced, *ablated, *explained]

        # The page and other weights start at the card's threshold, or at a link's.
        page.load(open_link, None, [sample, weights, threshold, revision, notice], **private).then(**shown)
        for taken, function, given, moved in (
            (weights.input, gradio_result.take_weights, [image, sample, weights, revision], [threshold, revision]),
            (sample.input, gradio_result.take_sample, [sample], [image, mask, *chosen]),
            (image.upload, gradio_result.take_upload, [image, mask], [sample, mask, *chosen]),
            (image.clear, gradio_result.drop_upload, [], [sample, mask, *chosen]),
        ):
            waiting = taken(function, [turns, *given], [*moved, *place], trigger_mode="multiple", **private)
            waiting.then(**shown)
        raised = threshold.input(lambda number: number + 1, revision, revision, trigger_mode="always_last", **private)
        for changed in (raised.then, mask.upload, mask.clear, reverse.input):
            changed(**shown)
        for changed in (stretch.input, share.input):
            clipped = changed(
                lambda on, share: share if on else None, [stretch, share], clip, trigger_mode="always_last", **private
            )
            clipped.then(**shown)
        viewer.request(gradio_result.respond, seen, viewer, trigger_mode="multiple", **private, **network)
        viewer.settled(gradio_result.follow, None, threshold, trigger_mode="always_last", **private)
        for start in (page.load, weights.change):
            start(summarise_evaluation, weights, summary, **private)

        box = [row, column, height, width]
        for button, endpoint, inputs, outputs in (
            (predict_button, gradio_endpoints.predict, [threshold, weights, sample], predicted),
            (trace_button, gradio_endpoints.trace, [site, top, left, weights, sample], traced),
            (ablate_button, gradio_endpoints.ablate, [cuts, fill, threshold, weights, top, left, sample], ablated),
            (explain_button, gradio_endpoints.explain_pixel, [*box, samples, weights, top, left, sample], explained),
        ):
            button.click(endpoint, [image, *inputs, clip, reverse], outputs, api_name=endpoint.__name__, **network)
    return page
