"""Charts and tables in the style of all pages."""

from collections.abc import Iterator
from typing import Any, Literal

import plotly.graph_objects as go
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

MAP, IOU, OTHER, QUIET = "#d55e00", "#2b8cd0", "#e69f00", "#808890"  # told apart by the colour-blind, light and dark
CONFIG = {"displayModeBar": False}


def laid_out(figure: go.Figure, height: int = 300, **layout: Any) -> go.Figure:
    """A figure in the style of all pages; the axes stand still under a finger that scrolls."""
    figure.update_layout(
        height=height, margin={"l": 0, "r": 8, "t": 8, "b": 0}, legend={"orientation": "h", "y": -0.28, "x": 0}
    )
    figure.update_xaxes(fixedrange=True)
    figure.update_yaxes(fixedrange=True)
    return figure.update_layout(**layout)


def chart(title: str, figure: go.Figure, line: str) -> None:
    """One view: its name, its figure, and what it shows and does not."""
    st.subheader(title)
    st.plotly_chart(figure, key=title, config=CONFIG)
    st.caption(line)


def live_chart(title: str, figure: go.Figure, line: str, at_once: bool) -> None:
    """A view like ``chart`` that changes without a flicker.

    Streamlit takes a figure away before it draws another in its place.  So a changed figure is first drawn out of
    sight, in one of two layers, and seen when the page runs the next time; the state of the session holds both layers.

    Args:
        title: its name.
        figure: what it shows from now on.
        line: what it shows and does not.
        at_once: to be seen in this run, because no other follows or because the user asked for it.
    """
    key = "live-" + title.lower().replace(" ", "-")
    layers, seen = st.session_state.get(key, ([figure, None], 0))
    if layers[1 - seen] is not None:  # drawn since the last run
        layers[seen], seen = None, 1 - seen
    if at_once:
        layers[seen] = figure
    elif layers[seen] != figure:
        layers[1 - seen] = figure
    st.session_state[key] = layers, seen
    st.subheader(title)
    st.html(
        f"<style>.st-key-{key} {{ display: grid; grid-template-columns: minmax(0, 1fr); }} "
        f".st-key-{key} > * {{ grid-area: 1 / 1; width: 100%; }} "
        f".st-key-{key}-{seen} {{ visibility: visible; }} .st-key-{key}-{1 - seen} {{ visibility: hidden; }}</style>"
    )
    with st.container(key=key):
        for number, layer in enumerate(layers):
            with st.container(key=f"{key}-{number}"):
                if layer is not None:
                    st.plotly_chart(layer, key=f"{title} {number}", config=CONFIG)
    st.caption(line)


def table(rows: list[dict[str, object]], formats: dict[str, str], height: int | Literal["auto"] = "auto") -> None:
    """Numbers of which every column has its own format; None is a number that says nothing, and a dash."""
    columns = {name: st.column_config.NumberColumn(format=text) for name, text in formats.items()}
    st.dataframe(rows, hide_index=True, height=height, column_config=columns, placeholder="–")


def halves() -> Iterator[DeltaGenerator]:
    """The left and the right half of row after row: a view that is left out leaves no hole."""
    while True:
        yield from st.columns(2, gap="large")
