"""The page Evaluation: the scores of the chosen weights on labelled tiles, how they learned, and what size costs."""

import base64
import html
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import plotly.graph_objects as go
import streamlit as st
from plotly.subplots import make_subplots

from demo import evaluation, predictions
from demo.charts import IOU, MAP, OTHER, QUIET, chart, halves, laid_out, table
from demo.images import SurveyTile, open_tile, survey_stamp
from demo.markdown import escaped, literal, markdown
from demo.state import PageState
from demo.weights import Weights, WeightsKey
from unet.card import CalibrationPoint
from unet.data.places import DEFAULT
from unet.files.images import ImageError
from unet.metrics import ThresholdPoint
from unet.report import COVERAGE, Group

state: PageState = st.session_state.page
# Buttons that are pictures with words below, as many in a row as there is room for.
WORST_STYLE = """<style>
  .st-key-worst-tiles { display: grid; grid-template-columns: repeat(auto-fill, minmax(6.8rem, 1fr)); gap: 0.6rem; }
  .st-key-worst-tiles > *, .st-key-worst-tiles button { width: 100%; height: 100%; }
  .st-key-worst-tiles button { align-items: start; padding: 0.4rem; }
  .st-key-worst-tiles button p { white-space: normal; overflow-wrap: anywhere; text-align: left; font-size: 0.8rem; }
  .st-key-worst-tiles button img { display: block; width: 100%; max-height: none; margin: 0 0 0.3rem; }
</style>"""


def add_scores(figure: go.Figure, x: Sequence[float], scores: list[tuple[float, float]], **style: Any) -> None:
    """The mAP and the IoU of some points, each in its colour."""
    for name, y, color in zip(("mAP", "IoU"), zip(*scores, strict=True), (MAP, IOU), strict=True):
        marker = {"color": color, "size": 9 if style["mode"] == "markers" else 4}
        figure.add_scatter(x=x, y=y, name=name, marker=marker, line={"width": 2.5}, **style)


def add_mark(figure: go.Figure, at: float, name: str, dash: str) -> None:
    """An upright line at a threshold."""
    line = {"color": QUIET, "width": 1.5, "dash": dash}
    figure.add_scatter(x=[at, at], y=[0, 1], name=f"{name} {at:.2f}", mode="lines", line=line, hoverinfo="skip")


def draw_groups(groups: list[Group]) -> go.Figure:
    """MAP and IoU of every group as bars, the first group on top."""
    figure = go.Figure()
    names = [f"{html.escape(group.name)}<br>{group.count:,} tiles" for group in groups]
    for name, key, color in (("mAP", "mAP", MAP), ("IoU", "iou", IOU)):
        figure.add_bar(
            y=names,
            x=[getattr(group, key) for group in groups],
            name=name,
            orientation="h",
            marker={"color": color},
            hovertemplate="%{x:.3f}",
        )
    return laid_out(
        figure,
        height=90 + 52 * len(groups),
        xaxis={"range": [0, 1.02], "dtick": 0.2},
        yaxis={"autorange": "reversed"},
        legend={"orientation": "h", "y": 1, "yanchor": "bottom", "x": 0},
    )


def draw_precision_recall(points: list[ThresholdPoint], chosen: float) -> go.Figure:
    """Precision against recall, with a mark at the card's threshold."""
    figure = go.Figure()
    card = min(points, key=lambda point: abs(point.threshold - chosen))
    ends = f"thresholds {points[0].threshold:.2f} to {points[-1].threshold:.2f}"
    for name, shown, mode in ((ends, points, "lines"), (f"card {card.threshold:.2f}", [card], "markers")):
        figure.add_scatter(
            x=[point.recall for point in shown],
            y=[point.precision for point in shown],
            customdata=[point.threshold for point in shown],
            name=name,
            mode=mode,
            line={"color": IOU, "width": 2.5},
            marker={"color": MAP, "size": 12, "symbol": "diamond"},
            hovertemplate="threshold %{customdata:.2f}: precision %{y:.3f}, recall %{x:.3f}<extra></extra>",
        )
    return laid_out(figure, xaxis={"title": "Recall"}, yaxis={"title": "Precision"})


def draw_thresholds(points: list[ThresholdPoint], threshold: float, chosen: float) -> go.Figure:
    """MAP and IoU against the threshold, with marks at the user's and the card's."""
    figure, scores = go.Figure(), [(point.mAP, point.iou) for point in points]
    hover = "threshold %{x:.2f}: %{y:.3f}"
    add_scores(figure, [point.threshold for point in points], scores, mode="lines", hovertemplate=hover)
    add_mark(figure, threshold, "now", "solid")
    add_mark(figure, chosen, "card", "dash")
    return laid_out(
        figure,
        xaxis={"title": "Threshold", "range": [0, 1], "dtick": 0.2},
        yaxis={"range": [0, 1.02], "tickformat": ".1f"},
    )


def draw_calibration(curve: list[CalibrationPoint], uncorrected: list[CalibrationPoint] | None) -> go.Figure:
    """The share of salt against the probability, and below it how many pixels each bin has."""
    figure = make_subplots(rows=2, shared_xaxes=True, row_heights=[0.74, 0.26], vertical_spacing=0.06)
    line = {"color": QUIET, "width": 1.5, "dash": "dash"}
    figure.add_scatter(x=[0, 1], y=[0, 1], name="perfect", mode="lines", line=line, hoverinfo="skip", row=1, col=1)
    curves = [("these weights", curve, IOU, "solid")]
    if uncorrected is not None:
        curves.append(("uncorrected", uncorrected, OTHER, "dot"))
    for name, bins, color, dash in curves:
        figure.add_scatter(
            x=[point.mean_probability for point in bins],
            y=[point.salt_fraction for point in bins],
            name=name,
            mode="lines+markers",
            line={"color": color, "width": 2.5, "dash": dash},
            hovertemplate="probability %{x:.2f}: %{y:.1%} salt",
            row=1,
            col=1,
        )
    figure.add_bar(
        x=[point.mean_probability for point in curve],
        y=[point.pixels for point in curve],
        width=0.04,
        marker={"color": QUIET},
        showlegend=False,
        hovertemplate="%{y:,} pixels<extra></extra>",
        row=2,
        col=1,
    )
    return laid_out(
        figure,
        height=380,
        legend={"orientation": "h", "y": -0.2, "x": 0},
        xaxis={"range": [0, 1]},
        xaxis2={"range": [0, 1], "dtick": 0.2, "title": "Probability of salt"},
        yaxis={"range": [0, 1.02], "tickformat": ".0%", "title": "Salt"},
        yaxis2={"type": "log", "title": "Pixels", "dtick": 1, "tickformat": "~s"},
    )


def draw_training(training: evaluation.Training) -> go.Figure:
    """MAP and IoU against the minutes of training."""
    figure, scores = go.Figure(), [(epoch.mAP, epoch.iou) for epoch in training.epochs]
    minutes = [(training.earlier + epoch.seconds) / 60 for epoch in training.epochs]
    add_scores(figure, minutes, scores, mode="lines+markers", hovertemplate="%{x:.1f} minutes: %{y:.3f}")
    return laid_out(
        figure,
        xaxis={"title": "Minutes of training", "rangemode": "tozero"},
        yaxis={"range": [0, 1], "tickformat": ".1f"},
    )


def draw_sizes(sizes: list[evaluation.Size], chosen: evaluation.Evaluation | None) -> go.Figure:
    """MAP and IoU against the number of parameters, the chosen weights as stars."""
    figure, scores = go.Figure(), [(size.mAP_tta, size.iou_tta) for size in sizes]
    names = [[html.escape(size.name), size.minutes] for size in sizes]
    hover = "%{customdata[0]}, %{x:,} parameters, %{customdata[1]:.0f} minutes: %{y:.3f}"
    parameters = [size.parameters for size in sizes]
    add_scores(figure, parameters, scores, mode="markers", customdata=names, hovertemplate=hover)
    if chosen is not None:
        tta = chosen.scores.tta
        figure.add_scatter(
            x=[chosen.parameters] * 2,
            y=[tta.mAP, tta.iou],
            name="chosen weights",
            mode="markers",
            marker={"color": [MAP, IOU], "size": 16, "symbol": "star"},
            hovertemplate="%{x:,} parameters: %{y:.3f}",
        )
    return laid_out(
        figure,
        xaxis={"title": "Parameters", "type": "log", "tickformat": "~s"},
        yaxis={"tickformat": ".2f"},
    )


def show_groups(title: str, groups: list[Group], line: str) -> None:
    """Bars, and the same and more as numbers."""
    chart(title, draw_groups(groups), line)
    names = {"name": "Group", "count": "Tiles", "mAP": "mAP", "iou": "IoU", "dice": "Dice"}
    rows = [{shown: getattr(group, key) for key, shown in names.items()} for group in groups]
    for row in rows:
        if row["Group"] == next(iter(COVERAGE)):
            row["IoU"] = row["Dice"] = None  # of tiles without salt they say nothing
    table(rows, {"mAP": "%.3f", "IoU": "%.3f", "Dice": "%.3f"})


@st.cache_resource(max_entries=4, show_spinner="Looking for salt in the worst tiles")
def draw_tiles(
    key: WeightsKey,
    stamp: object,
    names: tuple[str, ...],
    tta: bool,
    _weights: Weights,
    _tiles: Mapping[str, SurveyTile],
) -> dict[str, str]:
    """Name -> prediction and truth as the address of a PNG, of those tiles that are here and can be opened.

    Args:
        key: of the weights.
        stamp: of the survey tiles.
        names: of the tiles.
        tta: whether the prediction is with flip TTA.
        _weights: the weights.
        _tiles: every survey tile there is.
    """
    opened = []
    for name in names:
        with suppress(KeyError, ImageError):
            opened.append(open_tile(_tiles[name]))
    found = predictions.predict(_weights, opened, tta)
    return {one.name: f"data:image/png;base64,{base64.b64encode(one.picture).decode('ascii')}" for one in found}


def show_worst(found: evaluation.Evaluation) -> None:
    """Where the network fails: a tile that is here opens with a click, of all others there are the numbers."""
    st.subheader("Worst tiles")
    tta, names = segmenter.card.claims_tta, tuple(tile.id for tile in found.worst)
    pictures = draw_tiles(state.weights_key, survey_stamp(), names, tta, state.weights, state.tiles)
    line = "The worst first, by the mAP of the tile alone. It shows where the network fails, not why."
    if pictures:
        way = " and with flip TTA" if tta else ""
        st.caption(f"{line} {predictions.LEGEND} A click opens a tile with its truth, at this threshold{way}.")
        st.html(WORST_STYLE)
        with st.container(key="worst-tiles"):
            for tile in found.worst:
                if tile.id in pictures:
                    lines = [f"![]({pictures[tile.id]}) **{escaped(tile.id)}**", *evaluation.tile_scores(tile)]
                    st.button(
                        "  \n".join(lines),
                        key=f"worst {tile.id}",
                        on_click=state.open_worst_tile,
                        args=(tile.id, found.threshold, tta),
                    )
    elsewhere = [tile for tile in found.worst if tile.id not in pictures]
    if not elsewhere:
        return
    rows = [
        {
            "Tile": tile.id,
            "mAP": tile.score,
            "IoU": tile.iou,
            "Is salt": 100 * tile.salt_share,
            "Called salt": 100 * tile.predicted_share,
        }
        for tile in elsewhere
    ]
    table(rows, {"mAP": "%.1f", "IoU": "%.3f", "Is salt": "%.2f %%", "Called salt": "%.2f %%"}, height=380)
    st.caption(
        f"{'' if pictures else line} These tiles are not in {literal(str(DEFAULT))}. Once they are there (the README "
        "says how), a click opens each with its truth."
    )


def show_report(found: evaluation.Evaluation) -> None:
    """Every view of a report."""
    chosen, temperature = found.threshold, found.temperature
    of = evaluation.basis(found, segmenter.card)
    st.caption(f"{of}: all that follows, where nothing else is said.")
    with next(places):
        show_groups(
            "By how much of a tile is salt",
            found.coverage,
            "At the card's threshold; a sliver is up to 5 % salt, part up to 50 %, most up to 95 %. In tiles without "
            "salt, mAP is the share that stays empty, and IoU and Dice say nothing.",
        )
    if found.sections:
        with next(places):
            show_groups(
                "By seismic section",
                found.sections,
                "At the card's threshold. Of a tile in no known section, nobody knows whether a neighbour was "
                "trained on.",
            )
    with next(places):
        chart(
            "Precision and recall",
            draw_precision_recall(found.thresholds, chosen),
            "How much of what is called salt is salt, and how much of the salt is found, over all pixels. It says "
            "nothing of single tiles; the axes do not start at 0.",
        )
    with next(places):
        chart(
            "Scores against the threshold",
            draw_thresholds(found.thresholds, state.threshold, chosen),
            evaluation.threshold_choice(found, segmenter.card),
        )
    with next(places):
        corrected = f" Uncorrected is without the card's temperature {temperature:.2f}." if temperature != 1 else ""
        chart(
            "Calibration",
            draw_calibration(found.calibration, found.calibration_uncorrected if corrected else None),
            f"{of}: how many of the pixels given a probability are salt; on the dashed line, as many as it says. Below "
            f"are the pixels behind each point.{corrected} It does not say how that is on another survey.",
        )


if state.leaving:
    state.leaving = False
    st.switch_page("views/explore.py")

segmenter, weights = state.segmenter, state.weights.path
places = halves()

st.header("Evaluation")
st.text(state.weights_box.value)
found = None
try:
    found = evaluation.read_evaluation(weights, segmenter.card)
    if found is None:
        st.info(f"Nobody has evaluated these weights yet; {evaluation.how_to_evaluate(weights)}")
except evaluation.ReportError as error:
    name = evaluation.evaluation_path(weights).name
    st.warning(f"{markdown(name, str(error))}; {evaluation.how_to_evaluate(weights)}")

if found is not None:
    ranges = evaluation.intervals(found, segmenter.card)
    with st.container(horizontal=True):
        for label, value in evaluation.headline(found, segmenter.card, weights.stat().st_size).items():
            st.metric(label, value, ranges.get(label), delta_color="off", delta_arrow="off", width=152)
    st.markdown(evaluation.meaning(found, segmenter.card))
    show_worst(found)
    show_report(found)

try:
    training = evaluation.training_history(segmenter.card)
    if training.epochs:
        before = f" The weights it started from had {training.earlier / 60:.0f} minutes." if training.earlier else ""
        teachers = " The time its teachers took is not in it." if training.has_teachers else ""
        with next(places):
            chart(
                "Accuracy against training time",
                draw_training(training),
                "After every epoch, on tiles held back from it, at threshold 0.50 without flip TTA: not what the "
                f"finished weights score at the card's.{before}{teachers}",
            )
except evaluation.ReportError as error:
    name = weights.with_suffix(".json").name
    st.warning(markdown(name, f"{name}: {error}"))

try:
    sizes = evaluation.read_sizes()
    if sizes:
        comparable = found is not None and found.split == "val"
        with next(places):
            chart(
                "Accuracy against size",
                draw_sizes(sizes, found if comparable else None),
                "Networks of this project, on the validation tiles with flip TTA. Each was trained for its own time, "
                "said at its point, so a difference need not be the size's.",
            )
except evaluation.ReportError as error:
    st.warning(markdown("sizes.csv", str(error)))
