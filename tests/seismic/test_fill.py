import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from unet.seismic.fill import GAP, GAP_8_BIT, filled, no_data


@pytest.fixture
def section() -> np.ndarray:
    """(120, 40) layers without a zero, which rise along the line."""
    rows, traces = np.mgrid[:120, :40].astype(np.float32)
    return np.sin((rows + 0.3 * traces) / 2.3).astype(np.float32) + np.float32(0.001)


def test_everything_recorded_stays(section):
    assert not no_data(section).any()
    np.testing.assert_array_equal(filled(section, no_data(section)), section)


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (np.s_[:, 7], 0),
        (np.s_[:, 7], 3.5),
        (np.s_[:, 7], np.nan),
        (np.s_[:30, 5:12], 0),
        (np.s_[:1, 5:12], 0),
        (np.s_[100:, :], 0),
        (np.s_[:GAP, 3], -999.25),
        (np.s_[-GAP:, 3], 1e30),
        (np.s_[50 : 50 + GAP, 20:22], 0),
        (np.s_[50, 20], np.nan),
        (np.s_[50, 20], -np.inf),
    ],
    ids=["dead", "constant", "NaN", "mute", "short mute", "padding", "top", "bottom", "gap", "NaN inside", "infinity"],
)
def test_no_data_is_what_was_not_recorded(section, place, value):
    section[place] = value
    expected = np.zeros(section.shape, bool)
    expected[place] = True
    np.testing.assert_array_equal(no_data(section), expected)


def test_dead_with_some_nan(section):
    section[:, 7], section[::2, 7] = 0, np.nan
    np.testing.assert_array_equal(np.flatnonzero(no_data(section).all(axis=0)), [7])


def test_a_short_run_of_zeros_or_a_clipped_peak_is_recorded(section):
    section[50 : 50 + GAP - 1, 20] = 0
    section[70:100, 10] = 1  # clipped, and inside
    section[: GAP - 1, 3] = 0.5
    assert not no_data(section).any()


def test_eight_bits_round_a_quiet_part_to_zeros(section):
    whole = np.rint(section * 100)
    whole[whole == 0] = 1
    whole[20:60, 8] = 0
    assert not no_data(whole).any()
    whole[20 : 20 + GAP_8_BIT, 9] = 0
    assert no_data(whole).sum() == no_data(whole)[20 : 20 + GAP_8_BIT, 9].sum() == GAP_8_BIT
    assert no_data(whole * 1000)[20:60, 8].all()  # as many zeros are no rounding where numbers are larger


def test_a_mute_goes_on_as_the_mirror_image_of_the_trace(section):
    muted = section.copy()
    muted[:30] = 0
    muted[110:] = 0
    result = filled(muted, no_data(muted))
    np.testing.assert_array_equal(result[30:110], section[30:110])
    np.testing.assert_array_equal(result[:30], section[59:29:-1])
    np.testing.assert_array_equal(result[110:], section[109:99:-1])


def test_a_short_trace_is_mirrored_again_and_again():
    section = np.zeros((10, 1), np.float32)
    section[4:7, 0] = 1, 2, 3
    assert filled(section, no_data(section))[:, 0].tolist() == [3, 3, 2, 1, 1, 2, 3, 3, 2, 1]


def test_a_missing_trace_is_interpolated(section):
    holed = section.copy()
    holed[:, [0, 20, 39]] = np.nan
    result = filled(holed, no_data(holed))
    np.testing.assert_allclose(result[:, 20], (section[:, 19] + section[:, 21]) / 2, atol=1e-6)
    np.testing.assert_array_equal(result[:, [0, 39]], section[:, [1, 38]])


def test_a_wide_gap_stays_as_strong_as_its_surroundings():
    section = np.random.default_rng(0).normal(size=(200, 90)).astype(np.float32)
    holed = section.copy()
    holed[:, 30:60] = 0
    result = filled(holed, no_data(holed))
    np.testing.assert_allclose(result[:, 30], 30 / 31 * section[:, 29] + 1 / 31 * section[:, 89], atol=1e-6)
    assert result[:, 30:60].std(axis=0).min() > 0.6  # linear interpolation gives two traces everywhere
    assert len(np.unique(result.round(5), axis=1).T) == 90


def test_a_gap_in_all_traces_and_one_live_trace(section):
    section[40:60] = 0
    result = filled(section, no_data(section))
    assert result[40:60].std() > 0.3
    np.testing.assert_allclose(result[40], 20 / 21 * section[39] + 1 / 21 * section[79], atol=1e-6)
    alone = np.zeros_like(section)
    alone[:, 12] = section[:, 12]
    assert no_data(alone).sum() == no_data(alone[:, [12]]).sum() + 39 * 120
    result = filled(alone, no_data(alone))
    assert (result == result[:, [12]]).all()
    assert result[:, 12].std() > 0.3


@pytest.mark.parametrize("value", [0, np.nan, 7])
def test_nothing_recorded(value):
    section = np.full((20, 30), value, np.float32)
    assert no_data(section).all()
    np.testing.assert_array_equal(filled(section, no_data(section)), 0)


@settings(max_examples=60, deadline=None)
@given(
    arrays.arrays(np.float32, st.tuples(st.integers(1, 20), st.integers(1, 8)), elements=st.floats(-9, 9, width=32)),
    st.data(),
)
def test_fills_every_hole_and_keeps_the_rest(section, data):
    missing = data.draw(arrays.arrays(np.bool_, section.shape))
    result = filled(np.where(missing, np.float32(np.nan), section), missing)
    np.testing.assert_array_equal(result[~missing], section[~missing])
    recorded = section[~missing] if not missing.all() else np.zeros(1)
    assert np.isfinite(result).all()
    assert recorded.min() - 1e-5 <= result.min()
    assert result.max() <= recorded.max() + 1e-5
    again = no_data(section)
    assert again.shape == section.shape
    assert again[~np.isfinite(section)].all()
