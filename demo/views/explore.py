"""Page 1: the explorer, which asks the network through this page."""

import streamlit as st

from demo import bundle, core, explorer, give_memory_back, session
from unet import Segmenter
from unet.image import Grey
from unet.segmenter import Probability

state = st.session_state
viewer = st.components.v2.component("salt_viewer", js=bundle.script(), css=bundle.style())


@st.cache_data(max_entries=32, show_spinner="Looking for salt")
def find_probability(weights: tuple[str, int, str], digest: str, _segmenter: Segmenter, _grey: Grey) -> Probability:
    """Keyed by the weights and the image's content: a hit is always this very image."""
    return _segmenter.probability(_grey)


def take_question() -> None:
    """The browser needs the network; a last word from a page that was left is not heard."""
    if "viewer" in state:
        state.question = state.viewer["ask"]


def take_view() -> None:
    """The visitor let go of something: Python follows, and moves nothing."""
    if "viewer" in state:
        state.view = dict(state.viewer["view"])
        state.threshold = float(state.view.pop("threshold"))


@st.fragment
def explore() -> None:
    """The viewer; a question runs only this function, and its answer travels once, with this very run."""
    if session.asked(state) != state.asked:  # an upload came together with a question
        st.rerun()
    opened, segmenter = state.opened, state.segmenter
    probability = find_probability(state.weights, opened.digest, segmenter, opened.grey)
    key = explorer.key(opened, probability, segmenter)
    question = state.pop("question", None)
    answer = question and explorer.answer(question, opened, segmenter, key)
    wanted = question is not None and question.get("kind") == "image"
    message = explorer.message(
        opened,
        probability,
        segmenter,
        threshold=state.threshold,
        revision=state.revision,
        link=state.link,
        view=state.view,
        answer=answer,
        with_image=wanted or state.get("sent") != key,
    )
    state.sent = key
    viewer(key="viewer", data=explorer.pack(message), on_ask_change=take_question, on_view_change=take_view)
    give_memory_back()  # the answer is on its way


st.header("Explore")
# Streamlit fades what is being run anew; here everything stays right while the network is asked.
st.html('<style>[data-testid="stElementContainer"][data-stale="true"] { opacity: 1 !important; }</style>')
height, width = state.opened.grey.shape
st.text(f"{state.opened.name} · {height:,} × {width:,} pixels · {state.opened.note}")
explore()
st.caption(core.PROBABILITY_NOTE)
