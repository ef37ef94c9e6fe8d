"""The page Training: the runs in ``runs/``, followed while they learn."""

import html
import time
from collections.abc import Sequence
from dataclasses import replace

import plotly.graph_objects as go
import streamlit as st

from demo import predictions, runs
from demo.charts import IOU, MAP, OTHER, QUIET, halves, laid_out, live_chart
from demo.images import SeismicImage, find_survey, open_tile, survey_stamp
from demo.markdown import escaped, literal
from demo.runs import Run
from demo.state import PageState
from demo.weights import Weights
from unet.card import Card
from unet.checkpoint import CheckpointError, read_card

EVERY = 2.0  # seconds, as often as a run says where it is
COLORS = (IOU, MAP, "#009e73", OTHER, "#cc79a7")  # of the runs that are compared, in this order
TILES = 4  # from the survey, among the images with predictions

state: PageState = st.session_state.page


@st.cache_resource(max_entries=4, show_spinner=False)
def load_images(
    stamp: tuple[str, int] | None, validation: tuple[str, ...], _card: Card
) -> tuple[list[SeismicImage], str]:
    """The images with predictions, and why there are no survey tiles among them where they cannot be used.

    Args:
        stamp: of the survey tiles.
        validation: the ids of the card's validation tiles, of which some are taken.
        _card: of a run.
    """
    try:
        survey = find_survey(_card, count=TILES)
        tiles = [open_tile(survey.tiles[name]) for name in survey.offered]
        tiles = [replace(tile, name=f"Survey tile {tile.name}") for tile in tiles]
    except ValueError as error:  # DataError or ImageError
        return predictions.fixed_images([]), f"No survey tiles: {literal(str(error))}"
    return predictions.fixed_images(tiles), ""


def draw_history(chosen: Sequence[Run], name: str, digits: str, marked: bool = False) -> go.Figure | None:
    """A measure of the runs over their epochs; None where none of them wrote it down.

    Args:
        chosen: the runs.
        name: of the field of ``runs.Epoch``.
        digits: the format of a value.
        marked: whether a line shows where the loss changes.
    """
    figure = go.Figure()
    for run, color in zip(chosen, COLORS, strict=False):
        points = [(entry.epoch, value) for entry in run.history if (value := getattr(entry, name)) is not None]
        if points:
            x, y = zip(*points, strict=True)
            figure.add_scatter(
                x=x,
                y=y,
                name=html.escape(run.name),
                mode="lines+markers",
                line={"color": color, "width": 2.5},
                marker={"size": 4},
                showlegend=len(chosen) > 1,
                hovertemplate=f"epoch %{{x}}: %{{y:{digits}}}",
            )
    if not figure.data:
        return None
    changes = {run.loss_change for run in chosen if marked and run.loss_change is not None}
    for number, change in enumerate(sorted(changes)):
        mark = {"color": QUIET, "width": 1.5, "dash": "dash"}
        figure.add_vline(change, line=mark)
        if number == 0:  # the word once: those of other runs would lie over it
            figure.add_annotation(
                x=change, y=1, yref="y domain", text="Lovász hinge", showarrow=False, xanchor="right", yanchor="top"
            )
    return laid_out(figure, xaxis={"title": "Epoch", "rangemode": "tozero"}, yaxis={"rangemode": "tozero"})


def show_list(found: Sequence[Run]) -> None:
    """Every run in a row: a table of text, whose words wrap where there is little room."""
    rows = []
    for run in found:
        position = [run.state, f"epoch {run.position}", f"{run.time_left} left" if run.time_left else ""]
        last, best = ("" if score is None else f"{score:.3f}" for score in (run.last, run.best))
        words = ", ".join(filter(None, position))
        rows.append({"Run": escaped(run.name), "State": words, "Last mAP": last, "Best mAP": best})
    st.table(rows, border="horizontal", hide_index=True)


def choose(found: Sequence[Run]) -> list[Run]:
    """The runs to compare: at first those that learn, or else the newest; afterwards as the user has it."""
    by_name = {run.name: run for run in found}
    first = [run.name for run in found if run.state == "learning"] or [found[0].name]
    remembered = [name for name in st.session_state.get("compared_runs", first) if name in by_name]
    names = st.pills(
        "Compare",
        list(by_name),
        selection_mode="multi",
        default=remembered,
        format_func=literal,
        key="compare",
    )
    st.session_state.compared_runs = names  # the pills themselves forget when another page is opened
    chosen = [by_name[name] for name in names if name in by_name]
    if len(chosen) > len(COLORS):
        st.caption(f"{len(COLORS)} runs at most are shown, those that were chosen first.")
    return chosen[: len(COLORS)]


def show_position(run: Run) -> None:
    """Where a run is that does not rest, and how to go on with one that was stopped."""
    if run.state == "learning" and run.progress is not None:
        at = run.progress
        st.progress(
            min(1.0, run.epoch / max(1, at.epochs)),
            f"{literal(run.name)}: epoch {run.position}, {run.time_left} left, loss {at.loss:.3f}, "
            f"{at.tiles_per_second:.0f} tiles per second",
        )
    elif run.state == "stopped":
        st.info(f"{literal(run.name)} stopped at epoch {run.position}; go on with {literal(run.resume_command)}")


def show_charts(chosen: Sequence[Run], polling: bool) -> None:
    """What was measured in every epoch.

    Args:
        chosen: the runs.
        polling: whether the page runs again by itself.
    """
    names = [run.name for run in chosen]
    at_once = not polling or st.session_state.get("charted_runs") != names
    st.session_state.charted_runs = names
    where = "On the validation tiles of each run, at threshold 0.50 without flip TTA"
    views = (
        ("Loss", "loss", ".4f", "The mean over an epoch. A line marks where the Lovász hinge joins it: values on its "
         "two sides cannot be compared."),
        ("mAP", "mAP", ".3f", f"{where}: the mean over tiles and over IoU 0.50 to 0.95, as in the competition."),
        ("IoU", "iou", ".3f", f"{where}, over all their pixels."),
        ("Learning rate", "learning_rate", ".2e", "AdamW's, at the end of the epoch."),
        ("Tiles per second", "tiles_per_second", ".0f", "That were learned from, on the machine of the run."),
    )  # fmt: skip
    places = halves()
    for title, name, digits, line in views:
        figure = draw_history(chosen, name, digits, marked=name == "loss")
        if figure is not None:
            with next(places):
                live_chart(title, figure, line, at_once)


def show_predictions(run: Run) -> None:
    """What the newest weights of a run find; they are asked once, and what they found stays while new ones are written.

    The state of the session holds what is shown of every run: the key of its weights, a line and a picture.
    """
    shown = st.session_state.setdefault("run_predictions", {})
    try:
        card = read_card(run.weights)
        weights = Weights(run.weights, run.name, card)
        key = weights.key
        if run.name not in shown or shown[run.name][0] != key:
            images, fault = load_images(survey_stamp(), card.split.val if card.split else (), card)
            made = predictions.as_html(predictions.predict(weights, images))
            epoch = (card.training or {}).get("epochs", "?")
            line = f"{literal(run.name)} after epoch {epoch}, threshold {card.threshold:.2f}. {fault}"
            shown[run.name] = key, line, made
    except (CheckpointError, OSError) as error:
        if run.name not in shown:
            if run.weights.exists():
                st.caption(f"{literal(run.name)}: {literal(str(error).removeprefix(f'{run.weights}: '))}")
            return
    _, line, made = shown[run.name]
    st.markdown(line)
    st.html(made)


def follow(polling: bool) -> None:
    """The runs as they are now.

    Args:
        polling: whether this runs again by itself.
    """
    if state.has_changed_beside_page(st.session_state):  # in the same moment as this ran by itself
        st.rerun()
    found = runs.find_runs(time.time())
    if polling != any(run.state == "learning" for run in found):
        st.rerun()
    if not found:
        st.info(
            "There are no runs in `runs/` yet. Start one in a terminal with `python train.py --name my-run`, in the "
            "folder where this app was started: after its first epoch it is here, with scores and predictions."
        )
    else:
        show_list(found)
        chosen = choose(found)
        for run in chosen:
            show_position(run)
        show_charts(chosen, polling)
        if any(run.weights.exists() for run in chosen):
            st.subheader("Predictions")
            st.caption(f"Of the newest weights, on images that stay the same. {predictions.LEGEND}")
            for run in chosen:
                show_predictions(run)
    if not polling:
        st.button("Look again", help="Nothing is learning, so this page does not look by itself.")


st.header("Training")
# Streamlit fades what is being run anew, and says that it runs: here both would flicker every two seconds.
st.html(
    '<style>[data-testid="stElementContainer"][data-stale="true"] { opacity: 1 !important; } '
    '[data-testid="stStatusWidget"] { display: none; }</style>'
)
st.session_state.pop("charted_runs", None)  # of a run of the page before this one
learning = any(run.state == "learning" for run in runs.find_runs(time.time()))
st.fragment(follow, run_every=EVERY if learning else None)(learning)
