"""The page Explore: the viewer, which asks the network through this page."""

import streamlit as st

from demo import bundle, messages
from demo.cache import find_probability
from demo.detection import PROBABILITY_NOTE
from demo.explorer import respond
from demo.process import give_memory_back
from demo.state import PageState

state: PageState = st.session_state.page
viewer = st.components.v2.component("salt_viewer", js=bundle.script(), css=bundle.style())


def take_request() -> None:
    """The browser needs the network; what a page sends while it is left is ignored."""
    if "viewer" in st.session_state:
        state.request = st.session_state.viewer["request"]


def take_view() -> None:
    """The user let go of something in the viewer."""
    if "viewer" in st.session_state:
        state.follow_viewer(st.session_state.viewer["view"])


@st.fragment
def explore() -> None:
    """The viewer; a request runs only this function, and its response travels once, with this very run."""
    if state.has_changed_beside_page(st.session_state):  # an upload came together with a request
        st.rerun()
    image, segmenter = state.image, state.segmenter
    with st.spinner("Looking for salt"):
        probability = find_probability(image, segmenter, state.weights_key)
    key = messages.key(image, probability, segmenter)
    request, state.request = state.request, None
    message = messages.make_message(
        image,
        probability,
        segmenter,
        threshold=state.threshold,
        revision=state.revision,
        link=state.link,
        view=state.view,
        response=None if request is None else respond(request, image, segmenter, key),
        with_image=state.sent != key,
    )
    state.sent = key
    viewer(key="viewer", data=messages.pack(message), on_request_change=take_request, on_view_change=take_view)
    give_memory_back()  # the response is on its way


st.header("Explore")
# Streamlit fades what is being run anew; here everything stays right while the network is asked.
st.html('<style>[data-testid="stElementContainer"][data-stale="true"] { opacity: 1 !important; }</style>')
height, width = state.image.grey.shape
st.text(f"{state.image.name} · {height:,} × {width:,} pixels · {state.image.note}")
explore()
st.caption(PROBABILITY_NOTE)
