"""Page 2: what the chosen picture becomes at every level, going down, crossing over and coming up."""

import streamlit as st

from demo import core
from unet import Segmenter
from unet.image import Grey
from unet.segmenter import TILE, Trace

state = st.session_state


@st.cache_data(max_entries=4, show_spinner=False)
def find_trace(
    weights: tuple[str, int, str], digest: str, top: int, left: int, _segmenter: Segmenter, _grey: Grey
) -> Trace:
    """Keyed by the weights, the picture's content and the window."""
    return _segmenter.trace(core.window(_grey, top, left))


def show(trace: Trace, site: str, shared: bool, title: str, line: str) -> None:
    """One site: its name, what it shows and does not, its maps."""
    st.subheader(title)
    st.markdown(line)
    st.image(core.rgb_png(core.montage(trace, site, shared)), width="stretch")
    st.caption(f"{site}: {core.describe(trace, site)}")


opened, segmenter = state.opened, state.segmenter

st.header("Inside the U-Net")
height, width = opened.grey.shape
st.text(f"{opened.name} · {height:,} × {width:,} pixels · {opened.note}")

levels = {level.name: level for level in core.levels(segmenter.card)}
left, right = st.columns(2, vertical_alignment="bottom")
name = left.segmented_control("Level", levels, default=next(iter(levels)), required=True, key="level")
scale = right.segmented_control(
    "Scale",
    ["Each map its own", "One for all"],
    default="Each map its own",
    required=True,
    key="scale",
    help="Its own brings out weak maps; one for all shows which maps are strong.",
)
shared = scale == "One for all"
level = levels[name]

top = left_edge = 0
if max(height, width) > TILE:
    st.markdown(f"A picture this large is opened through a window of {TILE} pixels a side; move it here.")
    rows, columns = st.columns(2)
    if height > TILE:
        top = rows.slider("First row of the window", 0, height - TILE, (height - TILE) // 2)
    if width > TILE:
        left_edge = columns.slider("First column of the window", 0, width - TILE, (width - TILE) // 2)

trace = find_trace(state.weights, opened.digest, top, left_edge, segmenter, opened.grey)
covers = "one pixel" if level.stride == 1 else f"{level.stride} × {level.stride} pixels"
st.caption(
    f"Every tile is one channel, from 0, row by row; each of its values stands for {covers} of the picture. "
    "Dark blue is 0 and yellow the largest value; where values can be negative, blue is negative, white 0, "
    "orange positive. A bright tile is a strong response, not a probability of salt."
)

if "bottleneck" in level.sites:
    left, right = st.columns(2, gap="large")
    with left:
        show(
            trace,
            "bottleneck",
            shared,
            "Bottleneck",
            "The smallest, deepest maps: what the network knows of the picture as a whole. "
            "Where exactly an edge runs is no longer in them.",
        )
else:
    encoder, skip, up, decoder = level.sites
    left, right = st.columns(2, gap="large")
    with left:
        show(
            trace,
            encoder,
            shared,
            "Encoder, going down",
            "What this level's convolutions respond to. It shows where a channel responds, not why.",
        )
    with right:
        show(
            trace,
            decoder,
            shared,
            "Decoder, coming up",
            "Made of the two below. Closer to the answer, but still features and no probabilities.",
        )
    left, right = st.columns(2, gap="large")
    with left:
        show(
            trace,
            skip,
            shared,
            "Skip, crossing over",
            "The encoder's maps as they are handed across. It shows what is on offer, not what is used.",
        )
    with right:
        show(
            trace,
            up,
            shared,
            "From below, before they meet",
            "What the level below knows, enlarged to this size; the smoothness is the enlargement's.",
        )
