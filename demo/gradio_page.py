"""The Gradio page: the viewer, the evaluation of the weights, and a form for every endpoint."""

import json
from typing import Any

import gradio as gr

from demo import bundle, evaluation, gradio_endpoints, gradio_inputs, gradio_look, gradio_result, lesson, missing
from demo.amplitudes import CLIP_STEP, HIGHEST_CLIP
from demo.detection import PROBABILITY_NOTE
from demo.gradio_files import result, upload
from demo.gradio_result import FIRST_SAMPLE
from demo.images import SAMPLES
from demo.limits import LARGEST_UPLOAD
from demo.markdown import escaped, literal, markdown
from demo.surveys import DIRECTIONS, FIRST, SCALE_NOTE
from demo.viewer_requests import LONGEST_WORD, MOST_SAMPLES
from demo.weights import WeightsError
from demo.words import IMAGE_HELP, SENTENCE, TITLE, WEIGHTS_HELP
from unet.amplitude import CLIP
from unet.files.images import SUFFIXES
from unet.seismic import scales
from unet.seismic.volume import SEGY_SUFFIXES

# The viewer is a module; gr.HTML runs a function body.  A blob's address is how the one imports the other.
LOAD_VIEWER = """
const source = new Blob([script], { type: "text/javascript" });
let step = Number(new URLSearchParams(location.search).get("lesson")) || null; // of the lesson; its image is open
const callbacks = {
  request: (request) => trigger("request", request),
  settled: (state) => {
    trigger("settled", { threshold: state.threshold });
    if (state.lesson !== step) trigger("lesson", { step: state.lesson });
    step = state.lesson;
  },
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

# Where it would cover the page, the sidebar is closed at first.
CLOSE_SIDEBAR = """
() => {
  const isNarrow = matchMedia("(max-width: 768px)").matches;
  if (isNarrow) document.querySelector(".sidebar.open > .toggle-button")?.click();
}
"""

# --- What the page requests ----------------------------------------------------------------------------------


def open_link(request: gr.Request) -> tuple[Any, str, float | None, int, str]:
    """A link's image, label of weights, threshold, the first revision, and what of the link is not here.

    The rest of a link the viewer reads itself.
    """
    query = lesson.with_step(request.query_params)
    sample, name, threshold = (query.get(key) for key in ("sample", "weights", "threshold"))
    notices = []
    if "upload" in request.query_params:
        notices.append(missing.upload(request.query_params["upload"][:LONGEST_WORD]))
    found = gradio_inputs.list_weights()
    label = next((label for label, weights in found.items() if weights.name == name), None)
    if name is not None and label is None:
        notices.append(missing.weights(missing.LINK, name[:LONGEST_WORD]))
    other = request.query_params.get("other")
    if other is not None and all(weights.name != other for weights in found.values()):
        notices.append(missing.other_weights(other[:LONGEST_WORD]))
    label = label or next(iter(found))
    if sample is None or not (sample in SAMPLES or gradio_inputs.find_tile(sample, label)):
        if sample is not None:
            notices.append(missing.image(missing.LINK, sample[:LONGEST_WORD]))
        sample = gradio_inputs.list_images(label)[0]
    wanted = None
    try:
        segmenter = gradio_inputs.choose_segmenter(label)
        wanted = segmenter.threshold
        wanted = gradio_inputs.check_threshold(None if threshold is None else float(threshold), segmenter)
    except WeightsError:  # said instead of a result
        pass
    except ValueError:
        notices.append(missing.threshold(str(threshold)[:LONGEST_WORD]))
    return (
        gradio_result.offer_images(sample, label), label, wanted, 1,
        "".join(gradio_result.said(sentence, "alert") for sentence in notices),
    )  # fmt: skip


@gradio_inputs.sentences()
def describe_weights(label: str) -> str:
    """The claim of some weights, and why the survey tiles that are there cannot be used, as Markdown."""
    fault = gradio_inputs.find_tiles(label)[1]
    return "\n\n".join(
        filter(
            None, [escaped(gradio_inputs.choose_weights(label).claim), fault and f"No survey tiles: {literal(fault)}"]
        )
    )


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


def look() -> dict[str, Any]:
    """How the page looks, for ``launch``."""
    return {"theme": gradio_look.theme(), "head": gradio_look.head(bundle.style() + gradio_result.STYLE)}


def build() -> gr.Blocks:
    """The page with its listeners and endpoints, ready to be launched."""
    found = gradio_inputs.list_weights()
    sites = [site.name for site in gradio_inputs.choose_segmenter(None).model.sites()]
    cuttable = {site for weights in found.values() for site in weights.card.sites or () if site.name.startswith("skip")}
    # Every hour, users' files that are older than a day are deleted.
    with (page := gr.Blocks(title=TITLE, fill_width=True, analytics_enabled=False, delete_cache=(3600, 86_400))):
        with gr.Sidebar(width=280):
            sample = gr.Dropdown(list(SAMPLES), label="Image", info=IMAGE_HELP, value=FIRST_SAMPLE)
            image_button, image = upload("Your image", [*SUFFIXES, *SEGY_SUFFIXES])
            gr.Markdown(f"Up to {LARGEST_UPLOAD} MB. {missing.SESSION_NOTE}", elem_classes="caption")
            mask_button, mask = upload("Its ground-truth mask")
            gr.Markdown("Every value but 0 is salt.", elem_classes="caption")
            weights = gr.Dropdown(list(found), label="Weights", info=WEIGHTS_HELP, value=next(iter(found)))
            claim = gr.Markdown(elem_classes="caption")
        gr.HTML(
            f'<div class="brand"><h1>{TITLE}</h1><p>{SENTENCE}</p><h2 class="unseen">Explore</h2></div>',
            apply_default_css=False,
            container=False,
        )
        notice, caption = (gr.HTML(elem_classes="said", apply_default_css=False, container=False) for _ in range(2))
        directions = [(direction.capitalize(), direction) for direction in DIRECTIONS]
        with gr.Column(visible=False) as sections_place:
            with gr.Row(equal_height=True):
                direction = gr.Radio(directions, value=FIRST.direction, label="Section", min_width=280)
                line = gr.Slider(0, 1, 0, step=1, label="Number", min_width=280)
                scale_time = gr.Dropdown(list(scales.TIME), value=1.0, label="Scale along time", min_width=120)
                scale_trace = gr.Dropdown(list(scales.TRACE), value=1.0, label="Scale along traces", min_width=120)
            gr.Markdown(SCALE_NOTE, elem_classes="caption")
        number = gr.Number(visible=False)  # of the section, or none where the middle one is taken
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
        host, load = '<div class="viewer-host"></div>', f"const script = {json.dumps(bundle.script())};{LOAD_VIEWER}"
        viewer = gr.HTML(None, html_template=host, js_on_load=load, apply_default_css=False, container=False)
        gr.Markdown(PROBABILITY_NOTE)
        with gr.Accordion("Export: files to download, the same for programs", open=False):
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
                    traced = [
                        gr.File(label="Maps", interactive=False, min_width=280),
                        gr.JSON(label="What was found", min_width=280),
                    ]
            with gr.Tab("Cuts"):
                cuts = gr.CheckboxGroup([*sorted({site.name for site in cuttable}), "bottleneck"], label="Cut")
                fill = gr.Dropdown(["zero", "mean", *SAMPLES], value="zero", label="In their place")
                ablate_button = gr.Button("Mask without them", variant="primary")
                ablated = result("Mask without them")
            with gr.Tab("Pixel"):
                with gr.Row():
                    row, column = (gr.Number(50, label=label, precision=0, minimum=0) for label in ("Row", "Column"))
                    height, width = (gr.Number(1, label=label, precision=0, minimum=1) for label in ("Height", "Width"))
                    most = MOST_SAMPLES
                    samples = gr.Number(most, label="Noisy copies", precision=0, minimum=0, maximum=most)
                explain_button = gr.Button("What this pixel depends on", variant="primary")
                explained = result("Influence")
            with gr.Tab("Interactive page"):
                gr.Markdown(
                    "The explorer with this image in one HTML file of at most 3 MB, which needs neither server nor "
                    "network."
                )
                page_button = gr.Button("Interactive page (HTML)", variant="primary", elem_id="export-html")
                exported = gr.File(label="Interactive page", interactive=False)
        gr.Markdown("## Evaluation")
        summary = gr.Markdown()

        revision = gr.State(0)  # raised whenever Python moves the viewer's threshold
        turns = gr.State(gradio_result.Turns())
        seen = [
            image,
            mask,
            sample,
            weights,
            threshold,
            revision,
            clip,
            reverse,
            direction,
            number,
            scale_time,
            scale_trace,
        ]
        network: dict[str, Any] = {"concurrency_id": "network", "concurrency_limit": 2}
        private: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
        limits, chosen = [limits_place, stretch, stretched, drawing], [clip, share, reverse]
        sections = [sections_place, direction, line, scale_time, scale_trace]
        chosen += [direction, number, scale_time, scale_trace]
        # Many at a time: what is asked for last has to be shown, however long what was asked for before it takes.
        shown: dict[str, Any] = {
            "fn": gradio_result.show, "inputs": [turns, *seen], "outputs": [caption, viewer, *limits, *sections],
            "trigger_mode": "multiple", **private, **network,
        }  # fmt: skip
        place = [caption, viewer, notice, *predicted, *traced, *ablated, *explained, exported]

        # The page and other weights start at the card's threshold, or at a link's.
        page.load(open_link, None, [sample, weights, threshold, revision, notice], **private).then(**shown)
        for taken, function, given, moved in (
            (weights.input, gradio_result.take_weights, [sample, weights, revision], [threshold, revision, sample]),
            (sample.input, gradio_result.take_image, [image, sample, weights], [image, mask, sample, *chosen]),
            (
                image_button.upload,
                gradio_result.take_uploads,
                [image_button, mask, weights],
                [image, mask, sample, *chosen],
            ),
        ):
            waiting = taken(function, [turns, *given], [*moved, *place], trigger_mode="multiple", **private)
            waiting.then(**shown)
        moved = [image, mask, sample, *chosen, *place]
        viewer.lesson(gradio_result.take_step, [turns, image, weights], moved, trigger_mode="multiple", **private).then(
            **shown
        )
        raised = threshold.input(lambda number: number + 1, revision, revision, trigger_mode="always_last", **private)
        masked = mask_button.upload(lambda paths: paths[0], mask_button, mask, trigger_mode="always_last", **private)
        # The middle of another direction is first.
        turned = direction.input(lambda: None, None, number, trigger_mode="always_last", **private)
        slid = line.input(lambda number: number, line, number, trigger_mode="always_last", **private)
        scaled = scale_time.input, scale_trace.input
        for changed in (raised.then, masked.then, reverse.input, turned.then, slid.then, *scaled):
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
            start(describe_weights, weights, claim, **private)
        page.load(None, js=CLOSE_SIDEBAR)

        box = [row, column, height, width]
        for button, endpoint, inputs, outputs in (
            (predict_button, gradio_endpoints.predict, [threshold, weights, sample], predicted),
            (trace_button, gradio_endpoints.trace, [site, top, left, weights, sample], traced),
            (ablate_button, gradio_endpoints.ablate, [cuts, fill, threshold, weights, top, left, sample], ablated),
            (explain_button, gradio_endpoints.explain_pixel, [*box, samples, weights, top, left, sample], explained),
            (page_button, gradio_endpoints.interactive_page, [mask, threshold, weights, sample], exported),
        ):
            button.click(endpoint, [image, *inputs, *seen[-6:]], outputs, api_name=endpoint.__name__, **network)
    return page
