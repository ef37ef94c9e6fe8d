"""A horizon as a grid that interpreters' programs load: Irap classic (of RMS) and CPS-3, both text.

Neither has a published standard.  They are written as XTGeo reads Irap classic and as Petrel exports CPS-3.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]

SLIMMEST = 1e-3  # of a cell: its shorter side by its longer one
MOST_AWAY = 0.25  # of a grid's shorter step: a trace lies no further from its node; headers round to whole metres
IRAP_UNDEFINED, CPS3_UNDEFINED = 9999900.0, 1e30
IRAP_COLUMNS, CPS3_COLUMNS = 6, 5  # values on a line


class GridError(ValueError):
    """Traces that no grid of the kind goes through; the message says why."""


@dataclass(frozen=True)
class RegularGrid:
    """Nodes at equal steps along two axes at a right angle, the second 90 degrees anticlockwise of the first.

    Attributes:
        x, y: easting and northing of the first node.
        steps: along the first and along the second axis, above 0.
        rotation: of the first axis against the x axis, in degrees anticlockwise, from 0 to 360.
        shape: nodes along the first and along the second axis.
        inline_first: whether inlines follow each other along the first axis.
    """

    x: float
    y: float
    steps: tuple[float, float]
    rotation: float
    shape: tuple[int, int]
    inline_first: bool

    def oriented(self, values: Values) -> Values:
        """Values by (inline, crossline) -> by (first axis, second axis)."""
        return values if self.inline_first else values.T


def find_grid(coordinates: Values | None) -> RegularGrid:
    """The regular grid that the traces of a survey lie on.

    Args:
        coordinates: (I, X, 2) easting and northing, NaN where there is no trace; None where they are not known.

    Raises:
        GridError: there are no coordinates, a line only, or traces that lie away from every regular grid.
    """
    if coordinates is None or not np.isfinite(coordinates).any():
        raise GridError("expected traces with coordinates for a grid, got none in the headers")
    inlines, crosslines = np.nonzero(np.isfinite(coordinates).all(axis=-1))
    places = coordinates[inlines, crosslines] @ np.array([1, 1j])  # as complex numbers, turning is multiplying
    positions = np.stack([np.ones(len(places)), inlines, crosslines], axis=1)
    (_, along, across), _, rank, _ = np.linalg.lstsq(positions, places - places[0], rcond=None)
    area = (along.conjugate() * across).imag  # of a cell, negative where crosslines lie clockwise of inlines
    if rank < 3 or abs(area) <= SLIMMEST * max(abs(along), abs(across)) ** 2:
        raise GridError("expected several inlines and crosslines for a grid, got traces on one line or at one place")
    inline_first = bool(area > 0)
    first, second = (along, across) if inline_first else (across, along)
    numbers = (inlines, crosslines) if inline_first else (crosslines, inlines)
    shape = coordinates.shape[:2] if inline_first else coordinates.shape[1::-1]
    turn = first * shape[0] + second / 1j * shape[1]  # the longer side decides
    turn /= abs(turn)
    steps = abs(first), abs(second)
    grid = turn * (numbers[0] * steps[0] + 1j * numbers[1] * steps[1])
    start = (places - grid).mean()
    away = float(np.abs(places - grid - start).max())
    if away > MOST_AWAY * min(steps):
        raise GridError(
            f"expected traces at equal steps along two axes at a right angle for a grid, got one {away:,.1f} away from "
            f"its node, with steps of {steps[0]:,.1f} and {steps[1]:,.1f}; grid the CSV in another program"
        )
    rotation = round(math.degrees(math.atan2(turn.imag, turn.real)), 6) % 360
    return RegularGrid(start.real, start.imag, steps, rotation, shape, inline_first)


def irap_classic(grid: RegularGrid, values: Values) -> str:
    """The text of an Irap classic grid, which may be rotated.

    Args:
        grid: of the survey.
        values: (I, X), NaN where there are none.
    """
    nodes = grid.oriented(values)
    columns, rows = nodes.shape
    header = (
        f"-996 {rows} {grid.steps[0]:.6f} {grid.steps[1]:.6f}\n"
        # As if it were not rotated.
        f"{grid.x:.6f} {grid.x + (columns - 1) * grid.steps[0]:.6f} "
        f"{grid.y:.6f} {grid.y + (rows - 1) * grid.steps[1]:.6f}\n"
        f"{columns} {grid.rotation:.6f} {grid.x:.6f} {grid.y:.6f}\n"
        "0 0 0 0 0 0 0\n"
    )
    defined = np.where(np.isfinite(nodes), nodes, IRAP_UNDEFINED)
    return header + _lines(defined.T.ravel(), IRAP_COLUMNS, ".4f")  # the first axis runs fastest


def quarter_turns(grid: RegularGrid) -> int:
    """By how many times 90 degrees a grid is rotated that lies along x and y.

    Raises:
        GridError: it is rotated otherwise, by so much that traces would lie away from their nodes.
    """
    quarters = round(grid.rotation / 90)
    lean = math.radians(grid.rotation - 90 * quarters)
    longest = max(count * step for count, step in zip(grid.shape, grid.steps, strict=True))
    if abs(lean) * longest > MOST_AWAY * min(grid.steps):
        raise GridError(
            f"expected a survey along x and y for CPS-3, got one rotated by {grid.rotation:.2f} degrees; use Irap "
            "classic, which knows rotation"
        )
    return quarters


def cps3(grid: RegularGrid, values: Values, name: str) -> str:
    """The text of a CPS-3 grid, whose axes are x and y.

    Args:
        grid: of the survey.
        values: (I, X), NaN where there are none.
        name: of what is in it.

    Raises:
        GridError: the survey does not lie along x and y, see ``quarter_turns``.
    """
    quarters = quarter_turns(grid)
    sides = [(count - 1) * step for count, step in zip(grid.shape, grid.steps, strict=True)]
    nodes = np.rot90(grid.oriented(values), quarters)  # (columns from west to east, rows from south to north)
    width, height = sides if quarters % 2 == 0 else sides[::-1]
    step_x, step_y = grid.steps if quarters % 2 == 0 else grid.steps[::-1]
    far = 1j**quarters * complex(*sides)  # the corner opposite to the first node
    west, south = grid.x + min(far.real, 0.0), grid.y + min(far.imag, 0.0)
    known = nodes[np.isfinite(nodes)]
    lowest, highest = (known.min(), known.max()) if len(known) else (0.0, 0.0)
    header = (
        "FSASCI 0 1 COMPUTED 0 0.1E+31\n"
        "FSATTR 0 0\n"
        f"FSLIMI {west:.6f} {west + width:.6f} {south:.6f} {south + height:.6f} {lowest:.6f} {highest:.6f}\n"
        f"FSNROW {nodes.shape[1]} {nodes.shape[0]}\n"
        f"FSXINC {step_x:.6f} {step_y:.6f}\n"
        f"->{name}\n"
    )
    defined = np.where(np.isfinite(nodes), nodes, CPS3_UNDEFINED)
    return header + "".join(_lines(column[::-1], CPS3_COLUMNS, ".7E") for column in defined)  # from the north


def _lines(values: Values, columns: int, form: str) -> str:
    """Numbers as text, so many on a line."""
    words = [format(value, form) for value in values]
    return "".join(" ".join(words[start : start + columns]) + "\n" for start in range(0, len(words), columns))
