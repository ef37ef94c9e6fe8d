"""Streamlit: the ways between pages, and what every page shares: a picture, weights, a threshold.

Start it with ``streamlit run demo/app.py``.  In ``st.session_state`` pages find what is shared: ``opened``,
``segmenter``, ``weights`` (what caches are keyed by), ``threshold``, and ``handle`` and ``revision`` for the
viewer.
"""

import sys
from collections.abc import Callable, Container
from dataclasses import replace
from functools import partial
from pathlib import Path

import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

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
    state.weights = weights.key
    # A run that trains on writes its weights anew; that alone does not move the visitor's threshold.
    if state.get("brought") != (weights.path, segmenter.threshold):
        state.brought = (weights.path, segmenter.threshold)
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
        "Their ground-truth masks",
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

    # Each file is looked into once, when it arrives; what is kept is only the sentence about it, or "".
    known = state.get("checked", {})
    state.checked = {f.file_id: known[f.file_id] if f.file_id in known else fault(f) for f in files}
    choices: dict[str, Callable[[], core.Opened]] = {}
    for file in files:
        if sentence := state.checked[file.file_id]:
            problems.append(core.markdown(file.name, sentence))
            continue
        label = unused(file.name, choices)
        choices[label] = partial(open_with_truth, file, truths.get(core.stem(file.name)), problems)
        if file.file_id not in known and "arrived" not in state:
            state.arrived = label
    return choices


def fault(file: UploadedFile) -> str:
    """Why a file cannot be used, or nothing."""
    try:
        open_upload(file.name, file.getvalue())
    except PictureError as error:
        return str(error)
    return ""


def open_with_truth(picture: UploadedFile, mask: UploadedFile | None, problems: list[str]) -> core.Opened:
    """An uploaded picture with its mask, if there is one that fits."""
    opened = open_upload(picture.name, picture.getvalue())
    if mask is None:
        return opened
    try:
        return replace(opened, truth=core.open_truth(mask.name, mask.getvalue(), opened.grey.shape))
    except PictureError as error:
        problems.append(core.markdown(mask.name, str(error)))
        return opened


def unused(label: str, taken: Container[str]) -> str:
    """A label of its own for every picture: two files may have one name."""
    number, free = 1, label
    while free in taken:
        number += 1
        free = f"{label} ({number})"
    return free


def choose_picture(problems: list[str]) -> core.Opened:
    """The picture to open: an upload as soon as it arrives, otherwise a sample or a survey tile."""
    choice_place, upload_place = st.container(), st.container()
    with upload_place:
        choices = take_uploads(problems)
    for name in core.SAMPLES:
        choices[unused(name, choices)] = partial(core.sample, name)
    for tile in state.tiles:
        choices[unused(f"Survey tile {tile.name}", choices)] = partial(core.open_tile, tile)

    if "picture" not in state:
        state.picture = st.query_params.get("picture")
    if "arrived" in state:
        state.picture = state.pop("arrived")
    if state.picture not in choices:  # its file was taken back, or the link is of another machine
        state.picture = next(iter(choices))
    with choice_place:
        label = st.selectbox("Picture", choices, key="picture", help="Yours, then samples, then survey tiles.")
    return choices[label]()


# An icon from a file: Streamlit would fetch an emoji or a symbol from the network.
st.set_page_config("Salt U-Net", page_icon=core.HERE / "viewer" / "icon.svg", layout="wide")
# Not in a folder named pages: next to its main script Streamlit would start those files by themselves.
page = st.navigation(
    [
        st.Page("views/find_the_salt.py", title="Find the salt", icon=":material/search:", default=True),
        st.Page("views/inside_the_unet.py", title="Inside the U-Net", icon=":material/account_tree:"),
        st.Page("views/how_good_is_it.py", title="How good is it?", icon=":material/query_stats:"),
    ],
    position="top",
)
problems: list[str] = []
with st.sidebar:
    picture_place = st.container()
    state.segmenter = choose_weights()
    with picture_place:
        state.opened = choose_picture(problems)
    st.number_input(
        "Threshold",
        0.0,
        1.0,
        step=0.01,
        format="%.2f",
        key="threshold",
        on_change=place_handle,
        help="The same as the slider under the picture. Salt is where the probability lies above it.",
    )

if problems:
    st.warning("\n".join(f"- {problem}" for problem in problems))

# A page that is opened anew builds a new viewer, which must be told where the handle stands.
if state.get("page") != page.url_path:
    state.page = page.url_path
    place_handle()

page.run()
