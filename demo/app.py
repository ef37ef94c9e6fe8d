"""Streamlit: the sidebar that every page shares, and the navigation.

Start it with ``python -m unet demo``.  Pages find what is shared in ``st.session_state.page``, a
``demo.state.PageState``.
"""
# ruff: noqa: E402

import gc
import sys
from pathlib import Path
from urllib.parse import urlencode

import streamlit as st

# `streamlit run` puts this folder on the path; the package `demo` is found from the one above, before any other `demo`.
if "demo" not in sys.modules:
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from demo import process, testids

process.prepare()  # before PyTorch is loaded

from demo.images import Survey, find_survey, survey_stamp
from demo.limits import LARGEST_UPLOAD, LARGEST_ZIP, MOST_FILES
from demo.markdown import literal
from demo.missing import SESSION_NOTE
from demo.places import HERE
from demo.state import PageState, SelectBox
from demo.surveys import COMMAND
from demo.weights import Weights, WeightsError, WeightsKey, find_weights, open_weights
from demo.words import IMAGE_HELP, SENTENCE, TITLE, WEIGHTS_HELP
from unet.files.images import SUFFIXES, quiet_decoders
from unet.seismic.volume import SEGY_SUFFIXES

quiet_decoders()

IMAGES = [suffix.removeprefix(".") for suffix in SUFFIXES]
SURVEYS = [suffix.removeprefix(".") for suffix in SEGY_SUFFIXES]
EXPLORE = ""  # the path of the default page
# What this is, on every page; below it the pages begin, with less air than Streamlit leaves for a header.
BRAND = f"""
<style>
  .stMainBlockContainer {{ padding: 4.2rem 1.5rem 1.5rem; max-width: 110rem; }}
  .stMain .stVerticalBlock {{ gap: 0.6rem; }}
  .brand {{ display: flex; flex-wrap: wrap; align-items: baseline; gap: 0 0.8rem; }}
  .brand h1 {{ margin: 0; padding: 0; font-size: 1.35rem; line-height: 1.3; }}
  .brand p {{ margin: 0; }}
  .unseen {{ position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }}
  [data-testid="stCaptionContainer"] {{ opacity: 0.8; }} /* Streamlit's 60 % are too pale to read */
  [data-testid="stCaptionContainer"] code {{ color: inherit; }}
  :is([data-testid="stMarkdownContainer"], [data-testid="stCaptionContainer"]) code {{ font-size: max(11px, 0.87em); }}
  .js-plotly-plot :is(.xtick, .ytick, .x2tick, .y2tick) text, .js-plotly-plot [class*="title"] {{
    fill: currentColor !important; fill-opacity: 0.8 !important; /* as pale otherwise */
  }}
  button[kind="primary"] {{ color: light-dark(#fff, #12171c); }} /* on the primary colour of either theme */
</style>
<div class="brand"><h1>{TITLE}</h1><p>{SENTENCE}</p></div>"""
# On a phone Streamlit puts the pages into the sidebar, two taps away: there they stand in its header, at any place of
# a page.  Its tools for a table would lie over the words above that.
PHONE = """
<style>
  .st-key-pages { display: none; }
  @media (max-width: 767px) {
    .st-key-pages {
      display: flex; flex-flow: row; justify-content: space-between; gap: 0; overflow-x: auto;
      position: fixed; z-index: 999990; inset: 0 3rem auto; width: auto; height: 3.75rem; align-items: center;
    }
    .st-key-pages > * { width: auto; }
    .st-key-pages a { min-height: 44px; padding: 0 0.35rem; }
    .st-key-pages a > span:first-child { display: none; } /* the icon */
    [data-testid="stSidebarNav"], [data-testid="stStatusWidget"] { display: none; }
  }
  @media (pointer: coarse) { [data-testid="stDataFrame"] { margin-top: 2.4rem; } }
</style>"""


@st.cache_resource(max_entries=4, show_spinner="Looking for survey tiles")
def load_survey(key: WeightsKey, stamp: tuple[str, int] | None, _weights: Weights) -> tuple[Survey, str]:
    """Real tiles, where the data are there, or why they cannot be used."""
    try:
        return find_survey(_weights.card), ""
    except ValueError as error:  # DataError or ImageError
        return Survey({}, []), str(error)


@st.cache_resource(show_spinner=False)
def spare_the_libraries() -> None:
    """Streamlit collects garbage after every run: it need not look through all of PyTorch, which takes 170 ms."""
    gc.collect()
    gc.freeze()


def draw_box(title: str, box: SelectBox, options: list[str], note: str) -> None:
    """A box to choose one of the options in."""
    box.renew()
    chosen = st.selectbox(title, options, options.index(box.value), key=box.key, on_change=state.choose, help=note)
    box.show(chosen)


def draw_uploads() -> None:
    """Where images and masks are dropped."""
    files = st.file_uploader(
        "Your images",
        type=[*IMAGES, *SURVEYS, "zip"],
        accept_multiple_files=True,
        max_upload_size=LARGEST_ZIP,
        key="uploads",
        help=f"One or many, up to {MOST_FILES}, of {LARGEST_UPLOAD} MB each and at least 16 x 16 pixels; or a ZIP of "
        "images, or of a session you exported; or SEG-Y lines and cubes, and arrays (inlines, crosslines, samples) in "
        f"NPY. They stay in this session. Larger surveys: `{COMMAND} FILE`.",
    )
    # In place of Streamlit's lines, which give the limit of a ZIP as that of every file, and a cut list of types.
    st.html('<style>[data-testid="stFileUploaderDropzoneInstructions"] { display: none; }</style>')
    st.caption(f"Images, SEG-Y and cubes of up to {LARGEST_UPLOAD} MB each, a ZIP of up to {LARGEST_ZIP} MB")
    masks = st.file_uploader(
        "Their ground-truth masks",
        type=IMAGES,
        accept_multiple_files=True,
        max_upload_size=LARGEST_UPLOAD,
        key="masks",
        help="Named as their images (fault7.png or fault7_mask.png for fault7.jpg); every value but 0 is salt.",
    )
    state.receive_uploads(files, masks)
    if state.uploads.twins:
        draw_twins(state.uploads.twins)


def draw_twins(names: list[str]) -> None:
    """Asks what two files of one name are, of which one is like a mask."""
    answers = {"the ground truth of the other": True, "an image by itself": False}

    def choose() -> None:
        state.uploads.join_twins = answers[st.session_state["twins"]]

    count = f"{literal(names[0])} came" if len(names) == 1 else f"{len(names)} names, first {literal(names[0])}, came"
    question = f"{count} twice. The file with no more than two values is"
    st.radio(question, list(answers), 0 if state.uploads.join_twins else 1, key="twins", on_change=choose)


def draw_weights() -> None:
    """Which weights to work with; raises ``WeightsError`` where they cannot be used."""
    found = {weights.label: weights for weights in find_weights()}
    if not found:
        raise WeightsError(
            "expected weights in weights/ or runs/, got none; run python train.py, then reload this page"
        )
    state.choose_weights(found)
    draw_box("Weights", state.weights_box, list(found), WEIGHTS_HELP)
    weights = found[state.weights_box.value]
    state.use_weights(weights, *open_weights(weights))
    if weights.claim:
        st.caption(weights.claim)


def draw_images(survey: Survey, stamp: object) -> None:
    """Which image to open."""
    state.choose_image(survey, stamp)
    draw_box("Image", state.image_box, list(state.sources), IMAGE_HELP)
    if state.link["sample"] is None:
        st.caption(f"{SESSION_NOTE} *Export* packs the session into a ZIP that opens it again.")
    state.open_image()


# An icon from a file: Streamlit would fetch an emoji or a symbol from the network.
st.set_page_config("Salt U-Net", page_icon=HERE / "viewer" / "icon.svg", layout="wide")
# Not in a folder named pages: next to its main script Streamlit would start those files by themselves.
pages = [
    st.Page("views/explore.py", title="Explore", icon=":material/search:", default=True),
    st.Page("views/export.py", title="Export", icon=":material/download:", url_path="take_it_away"),
    st.Page("views/evaluation.py", title="Evaluation", icon=":material/query_stats:", url_path="how_good_is_it"),
    st.Page("views/training.py", title="Training", icon=":material/monitoring:", url_path="training"),
]
page = st.navigation(pages, position="top")
if "page" not in st.session_state:
    st.session_state.page = PageState.from_link(st.query_params)
state: PageState = st.session_state.page

try:
    with st.sidebar:
        image_place, upload_place, weights_place = st.container(), st.container(), st.container()
        # What is uploaded may say which weights are wanted, and the weights which survey tiles there are.
        with upload_place:
            draw_uploads()
        with weights_place:
            draw_weights()
            stamp = survey_stamp()
            survey, fault = load_survey(state.weights_key, stamp, state.weights)
            if fault:
                st.caption(f"No survey tiles: {literal(fault)}")
        with image_place:
            draw_images(survey, stamp)
except WeightsError as error:  # said where a phone shows it too, which closes the sidebar
    st.error(f"No result. {literal(str(error))}")
    st.stop()
if problems := [one for one in state.uploads.problems + state.messages if one != state.fault]:
    st.warning("\n".join(f"- {problem}" for problem in problems))

# The explorer has no room for its name, which a screen reader looks for all the same.
name = f'<h2 class="unseen">{page.title}</h2>' if page.url_path == EXPLORE else ""
st.html(BRAND + name + PHONE + testids.SCRIPT, unsafe_allow_javascript=True)
with st.container(key="pages"):
    for one in pages:
        st.page_link(one)
state.show_page(page.url_path, st.session_state)
# The explorer writes its address itself, because most of what it says never reaches Python.
if page.url_path != EXPLORE or state.image is None:
    address = {**state.link, "threshold": f"{state.threshold:.2f}"}
    known = {name: value for name, value in address.items() if value is not None}
    if st.query_params.to_dict() != known:
        # Written by st.query_params it would be another step back.
        script = f"history.replaceState(history.state, '', '?{urlencode(known)}') // {page.url_path}"  # page by page
        st.sidebar.html(f"<script>{script}</script>", unsafe_allow_javascript=True)
spare_the_libraries()
page.run()
state.end_run()
