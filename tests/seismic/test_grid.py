"""Grids, read back by small parsers that know the formats only: where every trace is, its value must stand."""

import numpy as np
import pytest

from unet.seismic.grid import GridError, cps3, find_grid, irap_classic

VALUES = np.where(np.eye(4, 6, dtype=bool), np.nan, 1000.0 + np.arange(24).reshape(4, 6) / 8)


def survey(rotation=0.0, side=1, inlines=4, crosslines=6, steps=(50.0, 25.0)):
    """Coordinates of a survey whose crosslines follow each other in a direction, and inlines to its left or right."""
    inline, crossline = np.mgrid[:inlines, :crosslines]
    places = np.exp(1j * np.radians(rotation)) * (steps[1] * crossline + side * steps[0] * 1j * inline)
    return np.stack([431_000 + places.real, 6_470_000 + places.imag], axis=-1)


def read_irap_classic(text):
    """(x + iy, value) of every node, as XTGeo's documentation of the header has it."""
    words = text.split()
    assert words[0] == "-996"
    rows, columns = int(words[1]), int(words[8])
    step_x, step_y, rotation, x, y = (float(words[place]) for place in (2, 3, 9, 10, 11))
    assert [float(word) for word in words[4:8]] == pytest.approx(
        [x, x + (columns - 1) * step_x, y, y + (rows - 1) * step_y]
    )
    assert words[12:19] == ["0"] * 7
    row, column = np.divmod(np.arange(rows * columns), columns)
    nodes = x + 1j * y + np.exp(1j * np.radians(rotation)) * (column * step_x + 1j * row * step_y)
    values = np.array(words[19:], float)
    return nodes, np.where(values == 9999900.0, np.nan, values)


def read_cps3(text):
    """(x + iy, value) of every node: columns from the west, each from the north."""
    lines = text.splitlines()
    fields = {line.split()[0]: line.split()[1:] for line in lines[:5]}
    undefined = float(fields["FSASCI"][-1])
    west, east, south, north, low, high = map(float, fields["FSLIMI"])
    rows, columns = map(int, fields["FSNROW"])
    step_x, step_y = map(float, fields["FSXINC"])
    assert (east - west, north - south) == pytest.approx(((columns - 1) * step_x, (rows - 1) * step_y))
    assert lines[5].startswith("->")
    values = np.array(" ".join(lines[6:]).split(), float)
    column, row = np.divmod(np.arange(rows * columns), rows)
    known = values[values != undefined]
    assert (known.min(), known.max()) == pytest.approx((low, high))
    return west + column * step_x + 1j * (north - row * step_y), np.where(values == undefined, np.nan, values)


def check(nodes, found, coordinates, values, away=1e-3):
    places = coordinates[..., 0] + 1j * coordinates[..., 1]
    assert len(nodes) == places.size
    for place, value in zip(places.ravel(), values.ravel(), strict=True):
        nearest = np.abs(nodes - place).argmin()
        assert abs(nodes[nearest] - place) < away
        np.testing.assert_allclose(found[nearest], value, atol=1e-4)


@pytest.mark.parametrize("side", [1, -1])
@pytest.mark.parametrize("rotation", [0, 33.3, 90, 180, 270, 300])
def test_irap_classic_has_every_value_at_its_trace(rotation, side):
    coordinates = survey(rotation, side)
    check(*read_irap_classic(irap_classic(find_grid(coordinates), VALUES)), coordinates, VALUES)


@pytest.mark.parametrize("side", [1, -1])
@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_cps3_has_every_value_at_its_trace(rotation, side):
    coordinates = survey(rotation, side)
    check(*read_cps3(cps3(find_grid(coordinates), VALUES, "top")), coordinates, VALUES)


def test_whole_metres_and_missing_traces_do_not_hide_a_grid():
    coordinates = survey(33.3)
    rounded = np.round(coordinates)
    rounded[0, :3] = rounded[2, 2] = np.nan
    check(*read_irap_classic(irap_classic(find_grid(rounded), VALUES)), coordinates, VALUES, away=1.5)


def test_a_cps3_grid_cannot_be_rotated():
    with pytest.raises(GridError, match=r"rotated by 33\.30 degrees; use Irap"):
        cps3(find_grid(survey(33.3)), VALUES, "top")


def bent():
    coordinates = survey()
    coordinates[3] += 30
    return coordinates


def skewed():
    coordinates = survey()
    coordinates[..., 0] += coordinates[..., 1] - 6_470_000
    return coordinates


@pytest.mark.parametrize(
    ("coordinates", "sentence"),
    [
        (None, "expected traces with coordinates"),
        (np.full((4, 6, 2), np.nan), "expected traces with coordinates"),
        (survey(inlines=1), "got traces on one line"),
        (np.full((4, 6, 2), 431_000.1), "or at one place"),
        (bent(), "expected traces at equal steps"),
        (skewed(), "expected traces at equal steps"),
    ],
    ids=["unknown", "all missing", "line", "one place", "bent", "skewed"],
)
def test_an_irregular_survey_is_refused(coordinates, sentence):
    with pytest.raises(GridError, match=sentence):
        find_grid(coordinates)
