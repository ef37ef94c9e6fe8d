"""Charts and tables in the style of all pages."""

from collections.abc import Iterator
from typing import Any, Literal

import plotly.graph_objects as go
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

MAP, IOU, OTHER, QUIET = "#d55e00", "#2b8cd0", "#e69f00", "#808890"  # told apart by the colour-blind, light and dark


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
    st.plotly_chart(figure, key=title, config={"displayModeBar": False})
    st.caption(line)


def table(rows: list[dict[str, object]], formats: dict[str, str], height: int | Literal["auto"] = "auto") -> None:
    """Numbers of which every column has its own format."""
    columns = {name: st.column_config.NumberColumn(format=text) for name, text in formats.items()}
    st.dataframe(rows, hide_index=True, height=height, column_config=columns)


def halves() -> Iterator[DeltaGenerator]:
    """The left and the right half of row after row: a view that is left out leaves no hole."""
    while True:
        yield from st.columns(2, gap="large")
