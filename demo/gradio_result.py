"""What the Gradio page shows of the chosen image and weights: a caption and the viewer's message, or why there is none.

No result ever stands under a name that is not its own: while another one is computed there is none.
"""

import base64
import html
from pathlib import Path, PurePosixPath
from typing import Any

import gradio as gr

from demo import explorer, gradio_inputs, lesson, messages
from demo.amplitudes import AmplitudeRange, histogram
from demo.cache import find_probability
from demo.images import SAMPLES, SeismicImage
from demo.process import give_memory_back
from demo.surveys import FIRST, SurveySections
from demo.weights import open_weights
from unet.amplitude import CLIP
from unet.data import pairing
from unet.files.images import ImageError

FIRST_SAMPLE = next(iter(SAMPLES))
# What is chosen of another image: no share of samples, its slider, polarity; direction, number, scales.
NOTHING_CHOSEN = [None, CLIP, False, *FIRST[:2], *FIRST.scale]
RESULTS = 9  # parts of the page with what an endpoint found
WAITING = 3 + RESULTS  # parts that ``wait`` changes
# What the viewer is without a result: "waiting" leaves its place empty, "refused" takes that away.
STYLE = """
.gradio-container .waiting { visibility: hidden; }
.gradio-container .refused { display: none; }
.gradio-container .html-container [role="alert"] { border-left: 3px solid #d55e00; padding: 6px 12px; }
"""


class Turns:
    """Numbers what a user asked to see: where they asked for something else meanwhile, an answer comes too late.

    Attributes:
        latest: number of what was asked for last.
        shown: name of the image and label of the weights whose result is on the page, or None.
    """

    def __init__(self) -> None:
        self.latest = 0
        self.shown: tuple[str | None, str | None] | None = None

    def take(self) -> int:
        """The next number."""
        self.latest += 1
        return self.latest


def said(sentence: str, role: str = "status") -> str:
    """A sentence as HTML that shows exactly this sentence, whatever names are in it."""
    return f'<p role="{role}">{html.escape(sentence)}</p>' if sentence else ""


def wait(turns: Turns, name: str, notice: str = "") -> list[Any]:
    """Takes away what is shown until the result of ``name`` is there.

    Returns:
        What to put into the caption, the viewer, the notice, and the results of the endpoints.
    """
    turns.take()
    return [
        said(f"Looking for salt in {name} …"),
        gr.update(elem_classes="waiting"),
        said(notice, "alert"),
        *[None] * RESULTS,
    ]


def offer_images(name: str, label: str | None) -> Any:
    """The box with the images to choose from, ``name`` chosen: an upload's comes first, then those that are there."""
    listed = gradio_inputs.list_images(label)
    return gr.update(choices=listed if name in listed else [name, *listed], value=name)


def take_image(turns: Turns, path: str | None, name: str, label: str | None) -> list[Any]:
    """An image of the list takes the place of an upload.

    Returns:
        No upload, no mask, ``offer_images``, ``NOTHING_CHOSEN``, and ``wait``.
    """
    if turns.shown == (name, label):  # Gradio's list says so too when somebody only passes it by keyboard
        return [gr.skip()] * (3 + len(NOTHING_CHOSEN) + WAITING)
    if path is not None and name == Path(path).name:  # the upload itself: all stays as it is
        return [gr.skip()] * (3 + len(NOTHING_CHOSEN)) + wait(turns, name)
    return [None, None, offer_images(name, label), *NOTHING_CHOSEN, *wait(turns, name)]


def take_step(turns: Turns, path: str | None, label: str | None, event: gr.EventData) -> list[Any]:
    """A step of the lesson may be about another image than the open one, which ``take_image`` then opens."""
    step = event._data.get("step") if isinstance(event._data, dict) else None
    sample = lesson.sample_of(step)
    if sample is None:  # the lesson was closed
        return [gr.skip()] * (3 + len(NOTHING_CHOSEN) + WAITING)
    return take_image(turns, path, sample, label)


def take_uploads(turns: Turns, paths: list[str], mask: str | None, label: str | None) -> list[Any]:
    """An upload takes the place of what was chosen, alone or with its mask.

    Returns:
        The upload, the mask that came with it or ``mask`` if that is named alike, and all else as above.
    """
    path, own_mask, others = choose_pair(paths)
    name, notice = Path(path).name, ""
    if others:
        notice = f"expected one image and its mask, got {len(paths)} files; {name} is open, give the others one by one"
    if own_mask is None and mask is not None and not _are_named_alike(path, mask):
        notice = f"{Path(mask).name}: expected a mask named as {name}, got another; drop it again if it is its truth"
        mask = None
    return [path, own_mask or mask, offer_images(name, label), *NOTHING_CHOSEN, *wait(turns, name, notice)]


def choose_pair(paths: list[str]) -> tuple[str, str | None, list[str]]:
    """Of files that came at once an image, its mask where that is among them, and the others.

    The mask of ``x.png`` is ``x_mask.png``, or another file of its name that has no more than two values.
    """
    beside = pairing.masks_beside([PurePosixPath(Path(path).name) for path in paths])  # each is in a folder of its own
    named_masks = {paths[index] for index in beside}
    masks = [path for path in paths if len(paths) > 1 and (path in named_masks or _is_like_mask(path))]
    first = next((path for path in paths if path not in masks), paths[0])
    mask = next((path for path in masks if path != first and _are_named_alike(first, path)), None)
    return first, mask, [path for path in paths if path not in (first, mask)]


def _are_named_alike(image: str, mask: str) -> bool:
    return not pairing.pair([PurePosixPath(Path(image).name)], [PurePosixPath(Path(mask).name)]).unpaired


def _is_like_mask(path: str) -> bool:
    try:
        return gradio_inputs.open_image(path, None, None).is_like_mask
    except ImageError:
        return False


def take_weights(turns: Turns, name: str, label: str, revision: int) -> list[Any]:
    """Other weights bring their threshold and other survey tiles: that, the next revision, those, and ``wait``."""
    if turns.shown == (name, label):
        return [gr.skip()] * (3 + WAITING)
    try:
        threshold: Any = gradio_inputs.choose_segmenter(label).threshold
    except gradio_inputs.REFUSED:  # said instead of a result
        threshold = gr.skip()
    return [threshold, revision + 1, offer_images(name, label), *wait(turns, name)]


def offer_limits(found: AmplitudeRange | None) -> list[Any]:
    """What of an upload's limits can be chosen: updates of the place for that, its switch, the rest, the histogram."""
    if found is None:
        return [gr.update(visible=False), gr.skip(), gr.skip(), gr.skip()]
    stretched = found.limits is not None
    return [
        gr.update(visible=True),
        gr.update(visible=not found.needed, value=stretched),
        gr.update(visible=stretched),
        histogram(found),
    ]


def offer_sections(found: SurveySections | None, number: float | None = None) -> list[Any]:
    """What of a line or a cube can be chosen: updates of the place for that, direction, number and the two scales.

    Args:
        found: the sections, if it is one.
        number: that was asked for; its slider, which may be moving on, stays where it is.
    """
    if found is None:
        return [gr.update(visible=False), *[gr.skip()] * 4]
    choice, numbers = found.choice, found.numbers[found.choice.direction]
    slider = gr.update(visible=False)
    if len(numbers) > 1:
        unit = f", in{found.unit}" if found.unit and choice.direction == "time slice" else ""
        ends = {"minimum": numbers[0], "maximum": numbers[-1], "step": numbers[1] - numbers[0]}
        slider = {**gr.update(visible=True, label=f"{choice.direction.capitalize()}{unit}"), **ends}
        if number is None:
            slider["value"] = choice.number
    return [
        gr.update(visible=True),
        gr.update(visible=len(found.numbers) > 1, value=choice.direction),
        slider,
        gr.update(visible=choice.direction != "time slice", value=choice.scale[0]),
        gr.update(value=choice.scale[1]),
    ]


def show(turns: Turns, *inputs: Any) -> list[Any]:
    """What was asked for: a caption, the viewer's message, ``offer_limits`` and ``offer_sections``, or why not.

    Args:
        turns: of this user.
        inputs: as of ``open_message``.
    """
    turn = turns.take()
    turns.shown = None
    path, _, sample, label, *others = inputs
    try:
        caption, message, image = open_message(*inputs)
        offered = [*offer_limits(image.amplitudes), *offer_sections(image.sections, *others[5:6])]
        shown = [caption, gr.update(value=message, elem_classes=[]), *offered]
    except gradio_inputs.REFUSED as error:
        offered = [*offer_limits(None), *offer_sections(None)]
        shown = [said(f"No result. {error}", "alert"), gr.update(value="", elem_classes="refused"), *offered]
    finally:
        give_memory_back()
    if turn == turns.latest:
        turns.shown = Path(path).name if path else sample, label
    return shown if turn == turns.latest else [gr.skip()] * len(shown)


def open_message(
    path: str | None,
    mask: str | None,
    sample: str | None,
    label: str | None,
    threshold: float | None,
    revision: int,
    clip: float | None,
    reverse: bool,
    direction: str | None = None,
    number: float | None = None,
    scale_time: float | None = None,
    scale_trace: float | None = None,
    request: dict[str, Any] | None = None,
) -> tuple[str, str, SeismicImage]:
    """The caption of an image, a packed message for the viewer, and the image.

    The message holds the image, or the response to a request about it.

    Raises:
        ImageError, RequestError, WeightsError: something of it cannot be used.
    """
    weights = gradio_inputs.choose_weights(label)
    limits = gradio_inputs.choose_limits(clip, reverse)
    section = gradio_inputs.choose_section(direction, number, scale_time, scale_trace)
    image, fault = gradio_inputs.open_with_mask(path, mask, sample, label, limits, section)
    key, segmenter = open_weights(weights)
    probability = find_probability(image, segmenter, key)
    response = None
    if request is not None:
        shown = messages.key(image, probability, segmenter)
        response = explorer.respond(request, image, segmenter, shown, key)
    message = messages.make_message(
        image,
        probability,
        segmenter,
        key,
        threshold=gradio_inputs.check_threshold(threshold, segmenter),
        revision=revision,
        link={"sample": None if path else sample, "upload": Path(path).name if path else None, "weights": weights.name},
        response=response,
        with_image=request is None,
    )
    caption = said(image.caption) + said(fault, "alert")
    return caption, base64.b64encode(messages.pack(message)).decode("ascii"), image


@gradio_inputs.sentences()
def respond(event: gr.EventData, *seen: Any) -> str:
    """The viewer needs the network."""
    inputs = [*seen, event._data if isinstance(event._data, dict) else {}]
    return open_message(*inputs)[1]


def follow(event: gr.EventData) -> Any:
    """The user let go of the viewer's threshold: Python follows, and moves nothing."""
    threshold = event._data.get("threshold") if isinstance(event._data, dict) else None
    return threshold if isinstance(threshold, int | float) and 0 <= threshold <= 1 else gr.skip()
