"""Limits worked out by hand, and grey between them."""

from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from tests.robustness.checks import check_sentence, outcome
from tests.test_properties import examples
from unet.amplitude import DEAD_SAMPLES, Limits, live, one_channel, percentile_limits, read
from unet.margin import margin

RAMP = np.arange(-50.0, 51.0)  # 101 samples: the percentile p is p - 50


@pytest.mark.parametrize(("percent", "limits"), [(0, (-50, 50)), (1, (-49, 49)), (2.5, (-47.5, 47.5)), (49, (-1, 1))])
def test_limits_leave_out_so_many_samples_at_each_end(percent, limits):
    assert percentile_limits([RAMP], percent) == limits
    assert percentile_limits([RAMP[60:], RAMP[:20], RAMP[20:60]], percent) == limits


@examples(60)
@given(
    st.lists(arrays.arrays(np.float64, st.integers(1, 30), elements=st.floats(-1e6, 1e6)), min_size=1, max_size=6),
    st.floats(0, 49),
    st.randoms(use_true_random=False),
)
def test_limits_are_the_same_in_any_order(samples, percent, random):
    with suppress(ValueError):  # all equal, in any order
        limits = percentile_limits(samples, percent)
        shuffled = [random.sample(list(one), len(one)) for one in samples]
        random.shuffle(shuffled)
        assert percentile_limits([np.array(one) for one in shuffled], percent) == limits


def test_dead_traces_and_dead_samples_decide_nothing():
    recorded = np.random.default_rng(0).normal(0, 1000, (40, 30))
    padded = np.hstack([np.zeros((40, 20)), recorded, np.full((40, 5), np.nan), np.full((40, 3), 9e9)])
    padded = np.vstack([padded, np.full((7, padded.shape[1]), np.nan)])
    np.testing.assert_array_equal(live(padded), recorded.T.ravel())
    assert len(live(recorded, most=100)) == 100  # every 12th of 1,200
    np.testing.assert_array_equal(live(recorded, most=500), recorded.T.ravel()[::3])
    np.testing.assert_array_equal(live(np.int16([[1, 5], [3, 5]])), [1, 3])


def test_dead_samples_become_amplitude_0_and_a_margin():
    amplitudes = np.random.default_rng(0).normal(0, 1000, (40, 30)).astype(np.float32)
    amplitudes[:, :6] = np.nan
    reading = read(amplitudes, Limits(-2000, 6000))
    np.testing.assert_array_equal(reading.grey[:, :6], np.float32(0.25))
    np.testing.assert_allclose(reading.grey[:, 6:], np.clip((amplitudes[:, 6:] + 2000) / 8000, 0, 1), atol=1e-6)
    assert reading.notes[0] == DEAD_SAMPLES
    assert margin(reading.grey)[:, :6].all()


@pytest.mark.parametrize("kind", [np.int8, np.int16, np.int64, np.uint32, np.float16, np.float32, np.float64])
def test_any_type_of_number_and_either_polarity(kind):
    amplitudes = np.arange(400).reshape(20, 20) % 101
    expected = np.clip(amplitudes / 80, 0, 1)
    np.testing.assert_allclose(read(amplitudes.astype(kind), Limits(0, 80)).grey, expected, atol=1e-6)
    np.testing.assert_allclose(read(amplitudes.astype(kind), Limits(0, 80).reversed).grey, 1 - expected, atol=1e-6)


def test_colours_that_are_alike_are_one_number():
    grey = np.arange(400, dtype=np.uint16).reshape(20, 20)
    for array in (grey, grey[..., None], np.dstack([grey] * 3), np.dstack([grey] * 3 + [grey[::-1]])):
        np.testing.assert_array_equal(one_channel(array), grey)


@examples(60)
@given(
    arrays.arrays(
        st.sampled_from([np.float64, np.float32, np.float16, np.int64, np.uint8]), st.just((17, 16)), fill=st.nothing()
    ),
    st.floats(0, 49.9),
)
def test_numbers_of_any_kind_become_grey_or_a_sentence(amplitudes, percent):
    values = outcome(lambda: read(amplitudes, percentile_limits([live(amplitudes)], percent)).grey)
    if isinstance(values, str):
        check_sentence(values, "expected ")
        return
    assert values.dtype == np.float32
    assert 0 <= values.min() <= values.max() <= 1


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: percentile_limits([RAMP], 50), "from 0 to 50, 50 left out, got 50"),
        (lambda: percentile_limits([RAMP], np.nan), "got nan"),
        (lambda: percentile_limits([live(np.zeros((20, 20)))], 1), "dead traces only; give limits"),
        (lambda: percentile_limits([live(np.full((20, 20), np.nan))], 1), "dead traces only"),
        (lambda: percentile_limits([], 1), "dead traces only"),
        (lambda: percentile_limits([live(np.eye(200))], 1), "got 0 to 0 without 1 % at each end"),
        (lambda: percentile_limits([np.array([-1.7e308, 1.7e308])], 0), "leave out less, or give limits"),
        (lambda: read(np.full((20, 20), np.inf), Limits(0, 1)), "got infinity"),
        (lambda: read(RAMP[:, None] * RAMP, Limits(1, 1)), "low < high"),
        (lambda: read(RAMP[:, None] * RAMP, Limits(0, np.nan)), "low < high"),
        (lambda: read(np.zeros((8, 20)), Limits(0, 1)), "at least 16 x 16"),
        (lambda: one_channel(np.arange(1200).reshape(20, 20, 3)), "got colours"),
        (lambda: one_channel(np.zeros((2, 20, 20))), r"of shape \(H, W\)"),
        (lambda: one_channel(np.zeros((20, 20), complex)), "real numbers"),
        (lambda: one_channel(np.zeros((20, 20), bool)), "real numbers"),
    ],
)
def test_what_has_no_limits_is_said(call, sentence):
    with pytest.raises(ValueError, match=sentence):
        call()
