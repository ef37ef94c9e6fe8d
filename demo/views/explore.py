"""The page Explore: the viewer, which asks the network through this page."""

import streamlit as st

from demo import bundle, messages
from demo.amplitudes import CLIP_STEP, HIGHEST_CLIP, UNCHANGED, AmplitudeRange, LimitsChoice, histogram
from demo.cache import cached_probability, find_probability
from demo.detection import PROBABILITY_NOTE
from demo.explorer import respond
from demo.images import SeismicImage
from demo.markdown import literal
from demo.process import give_memory_back
from demo.state import PageState
from demo.surveys import SCALE_NOTE, SectionChoice, SurveySections
from unet.amplitude import CLIP

state: PageState = st.session_state.page
viewer_code = st.components.v2.component("salt_viewer_code", js=bundle.streamlit_code())
viewer = st.components.v2.component("salt_viewer", js=bundle.streamlit_place())


def take_request() -> None:
    """The browser needs the network; what a page sends while it is left is ignored."""
    if "viewer" in st.session_state:
        state.take_request(st.session_state.viewer["request"])


def take_view() -> None:
    """The user let go of something in the viewer."""
    if "viewer" in st.session_state:
        state.follow_viewer(st.session_state.viewer["view"])


def draw_limits(found: AmplitudeRange) -> None:
    """Where the user chooses which numbers of an upload are black and white; the image is then opened anew."""
    label, stretched = state.image_box.value, found.limits is not None
    stretch, clip, reverse = (f"{name} {label}" for name in ("stretch", "clip", "reverse"))
    # Not as the widgets' defaults: with another default a widget is another one, and loses the focus.
    for key, value in ((stretch, stretched), (clip, found.choice.clip or CLIP), (reverse, found.choice.reverse)):
        st.session_state.setdefault(key, value)

    def choose() -> None:
        chosen = LimitsChoice(st.session_state[clip], st.session_state[reverse])
        state.uploads.choose_limits(label, chosen if found.needed or st.session_state[stretch] else UNCHANGED)

    if not found.needed:
        st.toggle("Stretch what is used to black and white", key=stretch, on_change=choose)
    if not stretched:
        return
    drawing, controls = st.columns([1, 2], vertical_alignment="center")
    drawing.html(histogram(found))
    with controls:
        words = "Samples beyond each limit, in per cent"
        st.slider(words, 0.0, HIGHEST_CLIP, step=CLIP_STEP, key=clip, on_change=choose)
        st.toggle("Reverse polarity", key=reverse, on_change=choose)


def draw_sections(found: SurveySections) -> None:
    """Where the user chooses a section of a line or a cube, and its scale; the image is then opened anew."""
    label, choice = state.image_box.value, found.choice
    numbers, kind = found.numbers[choice.direction], choice.direction.capitalize()
    time_scales, trace_scales = found.time_scales, found.trace_scales
    direction, time, trace = (f"{name} {label}" for name in ("direction", "time scale", "trace scale"))
    number = f"number {choice.direction} {label}"  # a slider for each: they differ in length
    # As for the limits; what was chosen may not be there, as in another file of this name.
    values = {direction: choice.direction, number: choice.number, time: choice.scale[0], trace: choice.scale[1]}
    for key, value in values.items():
        if st.session_state.get(key) != value:
            st.session_state[key] = value

    def choose() -> None:
        chosen, now = st.session_state[direction], st.session_state.get
        scale = (now(time, choice.scale[0]), now(trace, choice.scale[1]))
        middle = chosen != choice.direction
        state.uploads.choose_section(
            label, SectionChoice(chosen, None if middle else now(number, choice.number), scale)
        )

    st.html("<style>@media (pointer: coarse) { .st-key-sections button { min-height: 44px; } }</style>")
    with st.container(horizontal=True, vertical_alignment="bottom", key="sections"):
        if len(found.numbers) > 1:
            options = list(found.numbers)
            st.segmented_control(
                "Section", options, key=direction, required=True, format_func=str.capitalize, on_change=choose
            )
        if len(numbers) > 1:
            st.select_slider(kind, numbers, key=number, format_func=found.label, on_change=choose, width=320)
        if time_scales:
            st.selectbox(
                "Scale along time", time_scales, key=time, format_func="{:g}".format, on_change=choose, width=130
            )
        st.selectbox(
            "Scale along traces", trace_scales, key=trace, format_func="{:g}".format, on_change=choose, width=130
        )
    st.caption(SCALE_NOTE)


@st.fragment
def explore(image: SeismicImage) -> None:
    """The viewer; a request runs only this function, and its response travels once, with this very run."""
    # An upload came together with a request, a request just when the page was drawn, or the lesson to another image.
    changed = state.has_changed_beside_page(st.session_state)
    if changed or state.may_be_incomplete() or state.wants_another_image():
        st.rerun()
    segmenter = state.segmenter
    probability = find_probability(image, segmenter, state.weights_key)
    key = messages.key(image, probability, segmenter)
    request, state.request = state.request, None
    response = None if request is None else respond(request, image, segmenter, key, state.weights_key)
    if response is not None:
        state.asked.note(request, response, image, state.weights_key)
    message = messages.make_message(
        image,
        probability,
        segmenter,
        state.weights_key,
        threshold=state.threshold,
        revision=state.revision,
        drawn=state.drawn,
        link=state.link,
        view=state.view,
        response=response,
        heard=state.heard,
        with_image=state.sent != key,
    )
    state.sent = key
    viewer(key="viewer", data=messages.pack(message), on_request_change=take_request, on_view_change=take_view)
    give_memory_back()


# Streamlit fades what is being run anew; here everything stays right while the network is asked.
st.html(
    '<style>[data-testid="stElementContainer"][data-stale="true"] { opacity: 1 !important; }'
    ".st-key-viewer-code { display: none; }</style>"
)
image, waiting = state.image, st.empty()
if image is None:
    st.error(f"No result. {state.fault}")
    st.caption("Choose another image, or open one, in the sidebar.")
else:
    shown = state.image_box.value, state.weights_key
    if cached_probability(image, state.weights_key) is None:
        with waiting.container():
            if shown != state.shown:  # until it is there, no result under its name
                # A style alone would outlast this place: Streamlit keeps it beside the page.
                st.html("<i hidden></i><style>.st-key-caption, .st-key-result { visibility: hidden; }</style>")
            with st.spinner(f"Looking for salt in {literal(image.name)}"):
                find_probability(image, state.segmenter, state.weights_key)
        waiting.empty()
    state.shown = shown
    st.container(key="caption").text(image.caption)
    if image.sections is not None:
        draw_sections(image.sections)
    if image.amplitudes is not None:
        draw_limits(image.amplitudes)
    viewer_code(key="viewer-code", data={"style": bundle.style()})
    with st.container(key="result"):
        explore(image)
    st.caption(PROBABILITY_NOTE)
