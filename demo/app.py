"""Streamlit: the ways between pages, and what every page shares: an image, weights, a threshold.

Start it with ``python -m unet demo``.  In ``st.session_state`` pages find what is shared:

    opened      the image
    choices     label -> ``session.ImageSource`` of every image there is; ``uploads_open`` has the labels of uploads
    image     the label of the one that is open; a page that sets it opens another
    weights_label  of the chosen weights; what is set is chosen
    segmenter   the network; ``weights`` is what caches are keyed by, ``weights_name`` what a link calls it
    threshold   of salt; it follows the viewer
    view        what of the explorer is open, or None; it follows the viewer as well
    revision    raised whenever Python moves the threshold or the view, and the viewer is to take them over
    link        what a link says: the ``sample`` (None for an upload, which cannot travel) and the ``weights``
    tiles       survey tiles
    asked       ``session.asked`` of this run; a fragment that finds another one reruns the app
"""

import gc
import hashlib
import sys
from collections.abc import Callable, Collection, Container
from dataclasses import asdict
from functools import partial
from pathlib import Path, PurePath, PurePosixPath
from typing import NamedTuple

import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

# `streamlit run` puts this folder on the path; the package `demo` is found from the one above, before any other `demo`.
if "demo" not in sys.modules:
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from demo import core, session  # noqa: E402
from unet import Segmenter  # noqa: E402
from unet.checkpoint import CheckpointError  # noqa: E402
from unet.data.pairing import is_mask_beside, pair  # noqa: E402
from unet.files.images import SUFFIXES, ImageError  # noqa: E402

IMAGES = [suffix.removeprefix(".") for suffix in SUFFIXES]
NAMED = 8  # files that one sentence names
EXPLORE = ""  # where the default page is found

state = st.session_state


class Upload(NamedTuple):
    """A file from a visitor, by itself or out of a ZIP; no two of a session have one ``identity``."""

    name: str
    suffix: str
    identity: str
    size: int
    content: Callable[[], bytes]


class UnpackedArchive(NamedTuple):
    """What came in a ZIP: its images with their masks, and sentences about what nobody sees."""

    pairs: list[tuple[Upload, Upload | None]]
    said: list[str]


class UploadCheck(NamedTuple):
    """What is remembered of a file that was looked into: names of its content and its size, or why it is no good."""

    digest: str = ""
    shape: tuple[int, ...] = ()
    fault: str = ""


@st.cache_resource(max_entries=4, show_spinner="Loading the weights")
def load_segmenter(key: tuple[str, int, str]) -> Segmenter:
    """One network for all visitors: it keeps nothing of an image, so nobody sees another's."""
    return Segmenter.load(key[0])


@st.cache_resource(show_spinner=False)
def spare_the_libraries() -> None:
    """Streamlit collects garbage after every run: it need not look through all of PyTorch, which takes 170 ms."""
    gc.collect()
    gc.freeze()


@st.cache_resource(max_entries=4, show_spinner="Looking for survey tiles")
def survey_tiles(
    key: tuple[str, int, str], stamp: tuple[str, int] | None, _weights: core.Weights
) -> tuple[list[core.Tile], str]:
    """Real tiles the chosen weights were not trained on, where the data are there, or why they cannot be used."""
    try:
        return core.survey_tiles(_weights.card), ""
    except ValueError as error:  # DataError or ImageError
        return [], str(error)


# --- What a link or a session asks for ----------------------------------------------------------------------


def begin() -> None:
    """The first run of a session: what the address asks for is kept until there is something to choose from."""
    state.view, state.revision, state.said = None, 0, []
    given = st.query_params
    if "sample" in given:
        state.wanted_image = given["sample"]
    if "weights" in given:
        state.wanted_weights = given["weights"], None
    if "threshold" in given:
        try:
            threshold = float(given["threshold"])
        except ValueError:
            threshold = -1.0
        if 0 <= threshold <= 1:
            state.wanted_threshold = threshold
        else:
            said = core.literal(given["threshold"][:40])
            say(f"The link asks for a threshold from 0 to 1, and says {said}; it was left out")


def reopen(found: session.State) -> None:
    """A session that has just arrived asks for its weights, threshold and view; its image is opened by name."""
    state.wanted_weights = found.weights, found.sha256
    state.wanted_threshold = found.threshold
    state.view = None if found.view is None else asdict(found.view)
    state.moved = True


def find_wanted(found: dict[str, core.Weights], name: str, sha256: str | None) -> str | None:
    """The label of the weights that a link or a session asks for, those of the same tensors first."""
    named = [label for label, weights in found.items() if weights.name == name]
    same = [label for label, weights in found.items() if weights.card.sha256 == sha256]
    if same:
        return next((label for label in same if label in named), same[0])
    shown = core.literal(name[: session.LONGEST_TEXT])
    if not named:
        say(f"There are no weights called {shown} here")
        return None
    if sha256 is not None:
        say(f"The weights called {shown} here are not those of the session")
    return named[0]


def say(sentence: str) -> None:
    """What could not be found stays on the page until the visitor chooses something else."""
    if sentence not in state.said:
        state.said.append(sentence)


def move_on() -> None:
    """The visitor chose something else: what could not be found before is history."""
    state.said = []


def choose(title: str, name: str, options: Collection[str], note: str) -> str:
    """A box to choose one of the options in; ``state[name]`` is what is chosen, by the visitor or by Python.

    Where Python chose, Streamlit gets another box: a question that left the browser before still says what the old one
    showed, which would otherwise count as the visitor's choice.
    """
    if state[name] != state.get(f"{name}_shown"):
        state[f"{name}_boxes"] = state.get(f"{name}_boxes", 0) + 1
    key, index = session.box(state, name), list(options).index(state[name])
    chosen = st.selectbox(title, options, index, key=key, on_change=move_on, help=note)
    state[name] = state[f"{name}_shown"] = chosen
    return chosen


# --- Weights ------------------------------------------------------------------------------------------------


def choose_weights() -> Segmenter:
    """The weights to work with; another choice brings its own threshold."""
    found = {weights.label: weights for weights in core.find_weights()}
    if not found:
        st.error("No weights in weights/ or runs/. Train some with `python train.py`, then reload this page.")
        st.stop()
    if wanted := state.get("wanted_weights"):
        state.weights_label = find_wanted(found, *wanted) or state.get("weights_label")
    if state.get("weights_label") not in found:  # the first run, or they are gone
        state.weights_label = next(iter(found))
    weights = found[choose("Weights", "weights_label", found, "From weights/ and runs/; newest runs first.")]
    try:
        segmenter = load_segmenter(weights.key)
    except (CheckpointError, ValueError) as error:
        st.error(f"{weights.name}: {str(error).removeprefix(f'{weights.path}: ')}")
        st.stop()
    if weights.claim:
        st.caption(weights.claim)
    state.weights, state.weights_name = weights.key, weights.name
    # A run that trains on writes its weights anew; that alone does not move the visitor's threshold.
    if state.get("brought") != (weights.path, segmenter.threshold):
        state.brought = (weights.path, segmenter.threshold)
        state.threshold = segmenter.threshold
        state.moved = True
    if "wanted_threshold" in state:
        state.threshold = state.pop("wanted_threshold")
        state.moved = True
    state.tiles, fault = survey_tiles(weights.key, core.survey_stamp(), weights)
    if fault:
        st.caption(f"No survey tiles: {core.literal(fault)}")
    return segmenter


# --- Images -----------------------------------------------------------------------------------------------


def take_uploads(problems: list[str]) -> dict[str, session.ImageSource]:
    """Label -> source of every uploaded image that can be used; sentences about the others."""
    files = st.file_uploader(
        "Your images",
        type=[*IMAGES, "zip"],
        accept_multiple_files=True,
        max_upload_size=session.LARGEST_ZIP,
        key="uploads",
        help=f"One or many, up to {core.MOST_FILES}, of {core.LARGEST_UPLOAD} MB each and at least 16 x 16 pixels; or "
        "a ZIP of images, or of a session you took away. They stay in this session.",
    )
    masks = st.file_uploader(
        "Their ground-truth masks",
        type=IMAGES,
        accept_multiple_files=True,
        max_upload_size=core.LARGEST_UPLOAD,
        key="masks",
        help="Named as their images (fault7.png or fault7_mask.png for fault7.jpg); every value but 0 is salt.",
    )
    pairs = with_truths(files, masks, problems)
    if too_many := pairs[core.MOST_FILES :]:
        names = ", ".join(core.literal(image.name) for image, _ in too_many[:NAMED])
        others = f" and {len(too_many) - NAMED} more" if len(too_many) > NAMED else ""
        problems.append(f"More than {core.MOST_FILES} images; these were left out: {names}{others}")

    # Each file is looked into once, when it arrives; what is kept of it is small.
    before, now = state.get("known", {}), {}
    choices: dict[str, session.ImageSource] = {}
    arrived: dict[str, str] = {}
    for image, truth in pairs[: core.MOST_FILES]:
        known = now[image.identity] = before.get(image.identity) or look_into(image)
        if known.fault:
            problems.append(core.markdown(image.name, known.fault))
            continue
        marked = UploadCheck()
        if truth is not None:
            both = f"{image.identity} {truth.identity}"
            marked = now[both] = before.get(both) or look_into_truth(image, truth)
            if marked.fault:
                problems.append(core.markdown(truth.name, marked.fault))
        label = unused(image.name, choices.keys() | core.SAMPLES.keys())
        choices[label] = session.ImageSource(
            key=(known.digest, marked.digest),
            open=partial(open_sent, image, truth if marked.digest else None),
            pixels=known.shape[0] * known.shape[1],
            original=image.content,
            suffix=image.suffix,
        )
        if image.identity not in before:
            arrived[image.identity] = label
    state.known = now
    if arrived:
        state.arrived = arrived.get(state.pop("wanted_upload", ""), next(iter(arrived.values())))
    return choices


def with_truths(
    files: list[UploadedFile], masks: list[UploadedFile], problems: list[str]
) -> list[tuple[Upload, Upload | None]]:
    """Every image that was sent, those inside ZIPs as well, with the mask that belongs to it."""
    alone = [file for file in files if not session.is_zip(file.name)]
    beside = is_mask_beside([PurePosixPath(file.name) for file in alone])
    images = [sent(file) for index, file in enumerate(alone) if index not in beside]
    truths = [*(sent(file) for file in masks), *(sent(alone[index]) for index in sorted(beside))]
    found = pair([PurePosixPath(one.name) for one in images], [PurePosixPath(one.name) for one in truths])
    pairs = [(images[index], None if mask is None else truths[mask]) for index, mask in found.pairs]
    problems += [core.literal(sentence) for sentence in found.ambiguous]
    for index in found.unpaired:
        name = truths[index].name
        sentence = f"{name}: a mask without its image; drop {core.stem(name)}.png as well"
        problems.append(core.markdown(name, sentence))

    before, now = state.get("unpacked", {}), {}
    for file in files:
        if session.is_zip(file.name):
            inside = now[file.file_id] = before[file.file_id] if file.file_id in before else unpack(file)
            pairs += inside.pairs
            problems += inside.said
    state.unpacked = now
    return pairs


def sent(file: UploadedFile) -> Upload:
    """A file that came by itself."""
    return Upload(file.name, PurePath(file.name).suffix.lower(), file.file_id, file.size, file.getvalue)


def unpack(file: UploadedFile) -> UnpackedArchive:
    """The images in a ZIP that has just arrived, with their masks, and what there is to say of the others.

    A session asks for what it was about; its samples are here already.
    """
    try:
        found = session.read(file.getvalue(), file.name)
    except session.SessionError as error:
        return UnpackedArchive([], [core.markdown(file.name, str(error))])
    pairs: list[tuple[Upload, Upload | None]] = []
    for number, kept in enumerate(found.images):
        if is_sample(kept):
            continue
        identity = f"{file.file_id}/{number}"
        image = Upload(kept.name, kept.suffix, identity, len(kept.image), partial(bytes, kept.image))
        truth = None
        if kept.truth is not None:
            name = f"{kept.name} (mask)"
            truth = Upload(name, kept.suffix, f"{identity} mask", len(kept.truth), partial(bytes, kept.truth))
        pairs.append((image, truth))
    if found.state is not None:
        reopen(found.state)
        wanted = [image.identity for image, _ in pairs if image.name == found.state.image]
        if wanted:
            state.wanted_upload = wanted[0]
        else:
            state.wanted_image = found.state.image
    return UnpackedArchive(pairs, [core.markdown(file.name, f"{file.name}: {sentence}") for sentence in found.left_out])


def is_sample(kept: session.ArchivedImage) -> bool:
    """Whether an image out of a ZIP is one of the samples, which are always there."""
    if kept.name not in core.SAMPLES:
        return False
    try:
        return core.open_upload(kept.name, kept.image).digest == core.sample(kept.name).digest
    except ImageError:  # said when it is opened
        return False


def look_into(image: Upload) -> UploadCheck:
    """What an image is called by its content, or why it cannot be used."""
    if image.size > core.LARGEST_UPLOAD * session.MEGABYTE:
        return UploadCheck(fault=f"{image.name}: larger than {core.LARGEST_UPLOAD} MB; cut it into smaller images")
    try:
        opened = core.open_upload(image.name, image.content())
    except ImageError as error:
        return UploadCheck(fault=str(error))
    return UploadCheck(opened.digest, opened.grey.shape)


def look_into_truth(image: Upload, mask: Upload) -> UploadCheck:
    """The same for the mask of an image."""
    try:
        truth = open_sent(image, mask).truth
    except ImageError as error:
        return UploadCheck(fault=str(error))
    assert truth is not None  # it came with a mask
    return UploadCheck(hashlib.sha256(truth.tobytes()).hexdigest(), truth.shape)


def open_sent(image: Upload, mask: Upload | None) -> core.SeismicImage:
    """An uploaded image with its mask; raises ``ImageError`` where one of them is no good."""
    opened = core.open_upload(image.name, image.content())
    return opened if mask is None else core.with_truth(opened, mask.name, mask.content())


def unused(label: str, taken: Container[str]) -> str:
    """A label of its own for every image: two files may have one name."""
    number, free = 1, label
    while free in taken:
        number += 1
        free = f"{label} ({number})"
    return free


def choose_image(uploads: dict[str, session.ImageSource]) -> core.SeismicImage:
    """The image to open: an upload as soon as it arrives, otherwise a sample or a survey tile."""
    choices = dict(uploads)
    for name in core.SAMPLES:
        choices[name] = session.ImageSource(key=("sample", name), open=partial(core.sample, name))
    stamp = core.survey_stamp()
    for tile in state.tiles:
        label = unused(f"Survey tile {tile.name}", choices)
        choices[label] = session.ImageSource(key=("tile", tile.name, stamp), open=partial(core.open_tile, tile))

    if "arrived" in state:
        state.image = state.arrived
    if "wanted_image" in state:
        wanted = state.wanted_image
        if wanted in choices:
            state.image = wanted
        else:
            shown = core.literal(wanted[: session.LONGEST_TEXT])
            say(f"There is no image called {shown} here; a link cannot carry an upload")
    if state.get("image") not in choices:  # the first run, or its file was taken back
        state.image = next(iter(choices))
    label = choose("Image", "image", choices, "Yours, then samples, then survey tiles.")
    if label in uploads:
        st.caption("A link cannot carry an upload: *Take it away* packs the session into a ZIP that opens it again.")

    state.choices, state.uploads_open = choices, list(uploads)
    state.link = {"sample": None if label in uploads else label, "weights": state.weights_name}
    # Not opened anew at every click.
    if state.get("opened_as") != (label, choices[label].key):
        try:
            state.opened = choices[label].open()
        except ImageError as error:  # a survey tile in a damaged archive
            st.error(core.literal(str(error)))
            st.stop()
        state.opened_as = label, choices[label].key
    return state.opened


# --- The page -----------------------------------------------------------------------------------------------

# An icon from a file: Streamlit would fetch an emoji or a symbol from the network.
st.set_page_config("Salt U-Net", page_icon=core.HERE / "viewer" / "icon.svg", layout="wide")
# Not in a folder named pages: next to its main script Streamlit would start those files by themselves.
page = st.navigation(
    [
        st.Page("views/explore.py", title="Explore", icon=":material/search:", default=True),
        st.Page("views/take_it_away.py", title="Take it away", icon=":material/download:"),
        st.Page("views/how_good_is_it.py", title="How good is it?", icon=":material/query_stats:"),
    ],
    position="top",
)
if "said" not in state:
    begin()

problems: list[str] = []
with st.sidebar:
    image_place, upload_place, weights_place = st.container(), st.container(), st.container()
    # What is uploaded may say which weights are wanted, and the weights which survey tiles there are.
    with upload_place:
        uploads = take_uploads(problems)
    with weights_place:
        state.segmenter = choose_weights()
    with image_place:
        choose_image(uploads)

problems += state.said
if problems:
    st.warning("\n".join(f"- {problem}" for problem in problems))

# A page that is opened anew builds a new viewer, which is to show what the one before it showed.
if state.pop("moved", False) or state.get("page") != page.url_path:
    state.page = page.url_path
    state.revision += 1

# The explorer keeps its address itself, because most of what it says never reaches Python.
if page.url_path != EXPLORE:
    address = {**state.link, "threshold": f"{state.threshold:.2f}"}
    address = {name: value for name, value in address.items() if value is not None}
    if st.query_params.to_dict() != address:
        st.query_params.from_dict(address)

state.asked = session.asked(state)
spare_the_libraries()
page.run()

# A run that was stopped half-way told the browser nothing, so these wishes last until one comes to its end.
for wish in ("arrived", "wanted_image", "wanted_weights"):
    state.pop(wish, None)
