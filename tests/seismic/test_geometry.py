"""The traces of a file are put where they belong, in whatever order they come and whichever are missing."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.robustness.checks import check_sentence
from tests.seismic.segy_files import amplitudes, grid, segy, written_by_segyio
from unet.seismic.geometry import find_geometry
from unet.seismic.segy import SegyError, SegyFile
from unet.seismic.volume import SegyOptions, open_volume

INLINES, CROSSLINES = [100, 101, 102, 103], [7, 9, 11, 13, 15]
EVERY, SOME = grid(INLINES, CROSSLINES)


@pytest.fixture
def opened(tmp_path):
    def make(headers, traces=None, **options) -> SegyFile:
        count = len(next(iter(headers.values())))
        (tmp_path / "a.sgy").write_bytes(segy(amplitudes(count, 20) if traces is None else traces, headers, **options))
        return SegyFile.open(tmp_path / "a.sgy")

    return make


@st.composite
def surveys(draw):
    """Axes, and a part of their places in any order, such that all of both axes is used."""
    inlines, crosslines = (
        start + step * np.arange(draw(st.integers(2, 7)))
        for start, step in draw(st.tuples(*2 * [st.tuples(st.integers(-50, 5000), st.integers(1, 9))]))
    )
    cells = np.array(draw(st.permutations(range(len(inlines) * len(crosslines)))))
    cells = cells[: draw(st.integers(-(-len(cells) * 2 // 5), len(cells)))]
    return inlines, crosslines, np.stack([cells // len(crosslines), cells % len(crosslines)], axis=1)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    survey=surveys(),
    places=st.sampled_from([(189, 193), (9, 21)]),
    kind=st.sampled_from([(1, ">"), (5, "<"), (3, ">")]),
)
def test_any_traces_in_any_order_give_the_cube(survey, places, kind, tmp_path):
    inlines, crosslines, cells = survey
    cube = amplitudes(len(inlines) * len(crosslines), 17, seed=1).reshape(len(inlines), len(crosslines), 17)
    headers = {places[0]: inlines[cells[:, 0]], places[1]: crosslines[cells[:, 1]]}
    path = tmp_path / "a.sgy"
    path.write_bytes(segy(cube[tuple(cells.T)], headers, format=kind[0], order=kind[1]))
    volume = open_volume(path, SegyOptions(*places))
    there = np.zeros(cube.shape[:2], bool)
    there[tuple(cells.T)] = True
    expected = np.where(there[..., None], cube, np.nan)
    # Lines at the edges of which all is missing are not known, nor is the step where only others are there.
    rows, columns = (np.isin(axis, own) for axis, own in ((inlines, volume.inlines), (crosslines, volume.crosslines)))
    expected = expected[rows][:, columns]
    assert not there[~rows].any()
    assert not there[:, ~columns].any()
    np.testing.assert_array_equal(volume.read(slice(None)), expected)
    np.testing.assert_array_equal(volume.present, there[rows][:, columns])
    np.testing.assert_array_equal(volume.read(slice(1, 2), slice(1, 3)), expected[1:2, 1:3])


@pytest.mark.parametrize("sorting", ["inline", "crossline"])
def test_segyio_writes_and_this_reads(sorting, tmp_path):
    cube = amplitudes(12, 20).reshape(3, 4, 20)
    written_by_segyio(tmp_path / "a.sgy", cube, 1, "big", sorting)
    volume = open_volume(tmp_path / "a.sgy")
    np.testing.assert_array_equal(volume.read(slice(None)), cube)
    np.testing.assert_array_equal(volume.inlines, [11, 12, 13])
    np.testing.assert_array_equal(volume.crosslines, [101, 103, 105, 107])
    assert volume.notes == ()


@pytest.mark.parametrize("places", [(9, 21), (17, 13), (73, 77)])
def test_a_grid_in_other_usual_bytes_is_recognised_and_said(places, opened):
    geometry = find_geometry(opened({places[0]: EVERY, places[1]: SOME}))
    assert geometry.bytes == places
    assert f"in bytes {places[0]} and {places[1]}" in geometry.notes[0]
    np.testing.assert_array_equal(geometry.index, np.arange(20).reshape(4, 5))


def test_bytes_that_the_user_names_are_taken(opened):
    file = opened({189: EVERY, 193: SOME, 5: SOME, 25: EVERY, 33: np.arange(20), 37: np.arange(20)})
    np.testing.assert_array_equal(find_geometry(file, 5, 25).index, np.arange(20).reshape(4, 5).T)
    for pair, words in (
        ((189, 189), "up to 5 at one place"),
        ((33, 37), "numbers that make no grid"),
        ((45, 49), "up to 20 at one place"),
        ((189, None), "together, got one"),
        ((0, 193), "from 1 to 237, got 0 and 193"),
        ((189, 238), "from 1 to 237, got 189 and 238"),
    ):
        with pytest.raises(SegyError) as caught:
            find_geometry(file, *pair)
        check_sentence(str(caught.value), "expected", words)


def test_a_line_that_is_missing_as_a_whole_stays_a_gap(opened):
    used = ~np.isin(EVERY, [102]) & ~np.isin(SOME, [9, 11])
    geometry = find_geometry(opened({189: EVERY[used], 193: SOME[used]}))
    np.testing.assert_array_equal(geometry.inlines, [100, 101, 102, 103])
    np.testing.assert_array_equal(geometry.crosslines, [7, 9, 11, 13, 15])
    np.testing.assert_array_equal(geometry.index[:2], [[0, -1, -1, 1, 2], [3, -1, -1, 4, 5]])
    np.testing.assert_array_equal(geometry.index[2], -1)
    assert geometry.notes == ("11 of 20 places of the grid have no trace",)


def test_a_number_far_off_makes_no_huge_grid(opened):
    inlines = EVERY.copy()
    inlines[15:] = 2_000_000_000
    geometry = find_geometry(opened({189: inlines, 193: SOME}))
    np.testing.assert_array_equal(geometry.inlines, [100, 101, 102, 2_000_000_000])
    scattered = np.random.default_rng(0).integers(-(2**31), 2**31 - 1, (2, 20))
    assert find_geometry(opened({189: scattered[0], 193: scattered[1]})).bytes is None


# Headers of 20 traces; the numbers of the line's traces, and where they came from.
LINES = {
    "no numbers at all": ({1: np.arange(20)}, np.arange(1, 21), "their order"),
    "ensembles": ({21: 500 + 2 * np.arange(20)}, 500 + 2 * np.arange(20), "bytes 21 to 24"),
    "ensembles that count down": ({21: 500 - np.arange(20)}, np.arange(1, 21), "their order"),
    "one crossline": ({189: 30 + np.arange(20), 193: np.full(20, 7)}, 30 + np.arange(20), "bytes 189 to 192"),
    "a shot number": ({9: np.full(20, 3), 21: np.arange(20)}, np.arange(20), "bytes 21 to 24"),
    "one number in both": ({189: np.arange(20), 193: np.arange(20)}, np.arange(20), "bytes 189 to 192"),
    "offsets of a stack": ({21: np.arange(20), 37: np.arange(20) % 7}, np.arange(20), "bytes 21 to 24"),
}


@pytest.mark.parametrize(("headers", "numbers", "named"), LINES.values(), ids=LINES)
def test_what_makes_no_grid_is_a_line(headers, numbers, named, opened):
    geometry = find_geometry(opened(headers))
    assert geometry.bytes is None
    np.testing.assert_array_equal(geometry.crosslines, numbers)
    np.testing.assert_array_equal(geometry.index, [np.arange(20)])
    assert "2-D line of 20 traces" in geometry.notes[0]
    assert named in geometry.notes[0]


def test_one_inline_of_a_cube_keeps_its_numbers(opened):
    geometry = find_geometry(opened({189: np.full(20, 300), 193: np.arange(320, 300, -1)}))
    np.testing.assert_array_equal(geometry.inlines, [300])
    np.testing.assert_array_equal(geometry.crosslines, np.arange(301, 321))
    np.testing.assert_array_equal(geometry.index, [np.arange(19, -1, -1)])


FOLDS = np.tile([0, 1], 20)  # of 40 traces
GATHERS = {
    "of a cube": ({189: np.repeat(EVERY, 2), 193: np.repeat(SOME, 2)}, "got up to 2 at one place"),
    "of a cube in bytes 9 and 21": ({9: np.repeat(EVERY, 2), 21: np.repeat(SOME, 2), 37: FOLDS}, "several offsets"),
    "of an inline": ({193: np.repeat(np.arange(20), 2), 37: FOLDS}, "several offsets"),
    "of a crossline": ({189: np.repeat(np.arange(20), 2), 37: FOLDS}, "several offsets"),
    "of a line": ({21: np.repeat(np.arange(20), 2), 37: FOLDS}, "several offsets"),
    "shots of a line": (
        {9: np.repeat(np.arange(8), 5), 13: np.tile(np.arange(5), 8), 17: np.repeat(np.arange(8), 5),
         21: np.add.outer(np.arange(8), np.arange(5)).ravel(), 37: np.tile(25 * np.arange(5), 8)},
        "several offsets",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("headers", "words"), GATHERS.values(), ids=GATHERS)
def test_gathers_are_refused(headers, words, opened):
    with pytest.raises(SegyError) as caught:
        find_geometry(opened(headers))
    check_sentence(str(caught.value), "expected one trace for every inline and crossline", words, "stack gathers first")


def test_gathers_at_bytes_that_the_user_names(opened):
    with pytest.raises(SegyError, match="bytes 5 and 25, got up to 2 at one place; stack gathers first"):
        find_geometry(opened({5: np.repeat(EVERY, 2), 25: np.repeat(SOME, 2)}), 5, 25)


def test_traces_of_several_lengths_are_refused(opened):
    lengths = np.full(20, 20)
    lengths[13] = 15
    with pytest.raises(SegyError) as caught:
        find_geometry(opened({189: EVERY, 193: SOME}, short=[(115, lengths)]))
    byte = 3600 + 13 * (240 + 80) + 115
    check_sentence(str(caught.value), f"expected 20 samples in every trace, got 15 in trace 13 (byte {byte:,})")
    for numbers in (np.full(20, 15), np.where(lengths == 15, 0, 20)):  # not kept up to date; left out
        file = opened({189: EVERY, 193: SOME}, short=[(115, numbers)])
        assert find_geometry(file).index.shape == (4, 5)


@pytest.mark.parametrize(("scalar", "factor"), [(0, 1), (1, 1), (-100, 0.01), (10, 10)])
@pytest.mark.parametrize(("x", "y"), [(181, 185), (73, 77)])
def test_coordinates_of_every_place(x, y, scalar, factor, opened):
    used = np.arange(20) != 6
    east, north = 430_000 + 25 * SOME, -6_000_000 + 50 * EVERY
    headers = {189: EVERY[used], 193: SOME[used], x: east[used], y: north[used]}
    geometry = find_geometry(opened(headers, short=[(71, np.full(19, scalar))]))
    expected = np.stack([east, north], axis=-1) * float(factor)
    expected[6] = np.nan
    np.testing.assert_allclose(geometry.coordinates, expected.reshape(4, 5, 2), rtol=1e-12)
    assert find_geometry(opened({189: EVERY, 193: SOME})).coordinates is None
