"""Streamlit: the ways between pages, and what every page shares: a picture, weights, a threshold.

Start it with ``streamlit run demo/app.py``.  Pages find the shared things in ``st.session_state``: ``opened``
(core.Opened), ``segmenter``, ``weights`` (what caches are keyed by), ``threshold``, ``handle`` and ``revision``.
"""

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import streamlit as st

# `streamlit run` puts this folder on the path; the package `demo` is found from the one above.
if (checkout := str(Path(__file__).resolve().parents[1])) not in sys.path:
    sys.path.append(checkout)

from demo import core  # noqa: E402
from unet import Segmenter  # noqa: E402
from unet.checkpoint import CheckpointError  # noqa: E402
from unet.files import PictureError  # noqa: E402

state = st.session_state


@st.cache_resource(max_entries=4, show_spinner="Loading the weights")
def load_segmenter(key: tuple[str, int, str]) -> Segmenter:
    """One network for all visitors: it keeps nothing of a picture, so nobody sees another's."""
    return Segmenter.load(key[0])


@st.cache_resource(max_entries=4, show_spinner="Looking for survey tiles")
def survey_tiles(key: tuple[str, int, str], _weights: core.Weights) -> list[core.Tile]:
    """Real tiles the chosen weights were not trained on, where the data are there."""
    return core.survey_tiles(_weights.card)


@st.cache_data(max_entries=16, show_spinner=False)
def open_upload(name: str, content: bytes) -> core.Opened:
    """Decoded once, not at every click; keyed by name and content."""
    return core.open_upload(name, content)


def place_handle() -> None:
    """Tells the viewer that Python moved the threshold; see ``revision`` in core.viewer_data."""
    state.handle = state.threshold
    state.revision = state.get("revision", 0) + 1


def choose_weights() -> Segmenter:
    """The weights to work with; another choice brings its own threshold."""
    found = {weights.label: weights for weights in core.find_weights()}
    if not found:
        st.error("No weights in weights/ or runs/. Train some with `python train.py`, then reload this page.")
        st.stop()
    label = st.selectbox("Weights", found, key="weights_label", help="From weights/ and runs/; newest runs first.")
    weights = found[label]
    try:
        segmenter = load_segmenter(weights.key)
    except (CheckpointError, ValueError) as error:
        st.error(f"{weights.name}: {str(error).removeprefix(f'{weights.path}: ')}")
        st.stop()
    if weights.claim:
        st.caption(weights.claim)
    if state.get("weights") != weights.key:
        state.weights = weights.key
        state.threshold = segmenter.threshold
        place_handle()
    state.tiles = survey_tiles(weights.key, weights)
    return segmenter


def take_uploads(problems: list[str]) -> dict[str, Callable[[], core.Opened]]:
    """Label -> what opens it, of every uploaded picture that can be used; sentences about the others."""
    files = st.file_uploader(
        "Your pictures",
        type=["png", "jpg", "jpeg", "tif", "tiff", "npy"],
        accept_multiple_files=True,
        max_upload_size=core.LARGEST_UPLOAD,
        key="uploads",
        help=f"One or many, up to {core.MOST_FILES}; at least 16 x 16 pixels. They stay in this session.",
    )
    masks = st.file_uploader(
        "Their ground-truth masks, if you have them",
        type=["png", "tif", "tiff", "npy"],
        accept_multiple_files=True,
        max_upload_size=core.LARGEST_UPLOAD,
        key="masks",
        help="Named as their pictures (fault7.png beside fault7.jpg); every value but 0 is salt.",
    )
    if too_many := files[core.MOST_FILES :]:
        names = ", ".join(core.literal(file.name) for file in too_many)
        problems.append(f"More than {core.MOST_FILES} pictures; these were left out: {names}")
        files = files[: core.MOST_FILES]

    truths = {core.stem(file.name): file for file in masks}
    for stem in truths.keys() - {core.stem(file.name) for file in files}:
        name = truths[stem].name
        problems.append(core.markdown(name, f"{name}: a mask without its picture; drop {stem}.png as well"))

    # Each file is looked into once, when it arrives; what is kept of it is only whether it can be used.
    known = state.get("checked", {})
    state.checked = {file.file_id: known.get(file.file_id, None) or check(file.name, file.getvalue()) for file in files}
    choices: dict[str, Callable[[], core.Opened]] = {}
    for file in files:
        if sentence := state.checked[file.file_id]:
            problems.append(core.markdown(file.name, sentence))
            continue
        label = unique(file.name, choices)
        choices[label] = partial(with_truth, file, truths.get(core.stem(file.name)), problems)
        if file.file_id not in known:
            state.arrived = state.get("arrived") or label
    return choices
