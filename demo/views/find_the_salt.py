"""Page 1: the viewer, what the threshold gives, how that depends on the threshold, and files to take away."""

from functools import partial

import plotly.graph_objects as go
import streamlit as st

from demo import core
from unet import Segmenter
from unet.image import Grey
from unet.segmenter import Mask, Probability

Key = tuple[str, int, str]
state = st.session_state
viewer = st.components.v2.component("salt_viewer", js=core.VIEWER_JS.read_text(), css=core.VIEWER_CSS.read_text())


@st.cache_data(max_entries=32, show_spinner="Looking for salt")
def find_probability(weights: tuple[str, int, str], digest: str, _segmenter: Segmenter, _grey: Grey) -> Probability:
    """Keyed by the weights and the picture's content: a hit is always this very picture."""
    return _segmenter.probability(_grey)


@st.cache_data(max_entries=32, show_spinner=False)
def find_curves(
    weights: tuple[str, int, str],
    digest: str,
    truth: bytes | None,
    _probability: Probability,
    _truth: Mask | None,
) -> core.Curves:
    """Keyed as the probability, and by the truth's own bytes."""
    return core.curves(_probability, _truth)


def take_threshold() -> None:
    """The handle was let go in the browser: Python follows, and does not move it."""
    state.threshold = float(state.viewer["threshold"])


def draw_curves(curves: core.Curves, threshold: float, chosen: float) -> go.Figure:
    """Area, or with a truth the scores, against the threshold."""
    figure = go.Figure()
    lines = (
        [("Salt area", curves.area, "#e69f00")]
        if curves.iou is None
        else [("IoU", curves.iou, "#2b8cd0"), ("Competition score", curves.competition, "#d55e00")]
    )
    for name, values, color in lines:
        figure.add_scatter(
            x=curves.thresholds,
            y=values,
            name=name,
            mode="lines",
            line={"color": color, "width": 2.5, "shape": "hv" if name == "Competition score" else "linear"},
            hovertemplate="threshold %{x:.2f}: %{y:.1%}" if curves.iou is None else "threshold %{x:.2f}: %{y:.2f}",
        )
    marks = [(threshold, "now", "solid"), (chosen, "card", "dash")]
    if curves.best is not None:
        marks.append((curves.best, "best here (hindsight)", "dot"))
    for at, text, dash in marks:
        figure.add_scatter(
            x=[at, at],
            y=[0, 1],
            name=f"{text} {at:.2f}",
            mode="lines",
            line={"color": "#808890", "width": 1.5, "dash": dash},
            hoverinfo="skip",
        )
    figure.update_layout(
        height=300,
        margin={"l": 0, "r": 0, "t": 8, "b": 0},
        legend={"orientation": "h", "y": -0.28, "x": 0},
        xaxis={"title": "Threshold", "range": [0, 1], "dtick": 0.2, "fixedrange": True},
        yaxis={"range": [0, 1.02], "tickformat": ".0%" if curves.iou is None else ".1f", "fixedrange": True},
    )
    return figure


opened, segmenter = state.opened, state.segmenter
probability = find_probability(state.weights, opened.digest, segmenter, opened.grey)
finding = core.find(probability, state.threshold, opened.truth)

st.header("Find the salt")
height, width = probability.shape
st.text(f"{opened.name} · {height:,} × {width:,} pixels · {opened.note}")
left, right = st.columns([11, 9], gap="large")

with left:
    viewer(
        key="viewer",
        data=core.viewer_data(opened, probability, state.handle, state.revision, segmenter.threshold),
        on_threshold_change=take_threshold,
    )

with right:
    if not finding.pixels:
        st.info(f"Nothing passes the threshold; highest probability {finding.highest:.2f}.")
    figures = {
        "Salt area": f"{100 * finding.share:.1f} %",
        "Salt pixels": f"{finding.pixels:,}",
        "Highest probability": f"{finding.highest:.2f}",
    }
    if finding.iou is not None:
        figures |= {
            "IoU": f"{finding.iou:.3f}",
            "Dice": f"{finding.dice:.3f}",
            "Competition score": f"{finding.competition:.1f}",
        }
    with st.container(horizontal=True):
        for label, value in figures.items():
            st.metric(label, value, width=118)

    truth_bytes = None if opened.truth is None else opened.truth.tobytes()
    curves = find_curves(state.weights, opened.digest, truth_bytes, probability, opened.truth)
    st.plotly_chart(draw_curves(curves, state.threshold, segmenter.threshold), config={"displayModeBar": False})
    if curves.best is None:
        st.caption("Where the curve is flat, the threshold hardly matters. It does not say what is right.")
    else:
        st.caption(
            "The best threshold for one picture is hindsight: it takes the truth to know it. "
            "The card's was chosen once, on many pictures."
        )

    st.subheader("Take away")
    files = [
        ("Mask (PNG)", f"{opened.stem}-mask.png", partial(core.mask_png, finding.mask)),
        ("Overlay (PNG)", f"{opened.stem}-overlay.png", partial(core.overlay_png, opened, finding.mask)),
        (
            "Probability (16-bit PNG)",
            f"{opened.stem}-probability.png",
            partial(core.probability_png, probability),
        ),
        ("Probability (NPY)", f"{opened.stem}-probability.npy", partial(core.probability_npy, probability)),
    ]
    with st.container(horizontal=True):
        for label, name, content in files:
            # A function: the file is made when it is asked for, not at every click.
            st.download_button(label, content, name, on_click="ignore", icon=":material/download:")
    st.caption(core.PROBABILITY_NOTE)
