"""Many users at once, in short: ``python -m reliability.load`` does the same for minutes."""

import asyncio

import numpy as np
import pytest
from playwright.sync_api import Error, sync_playwright

from reliability import load
from reliability.browser import CHROMIUM, SWITCHES


@pytest.fixture(scope="module")
def gradio():
    with load.served("gradio") as server:
        yield server


@pytest.fixture(scope="module")
def streamlit():
    with sync_playwright() as playwright:
        try:
            playwright.chromium.launch(executable_path=CHROMIUM, args=SWITCHES).close()
        except Error:
            pytest.skip("no Chromium: apt-get install chromium, or playwright install chromium")
    with load.served("streamlit") as server:
        yield server


def test_programs_at_once_get_what_one_gets_alone(gradio):
    report = load.gradio_load(gradio, users=4, seconds=0.1, images=1)
    assert report.tally.different == report.tally.errors == []
    assert report.tally.answers >= 4
    assert set(report.tally.times) <= {"/predict", "/trace", "/ablate", "/explain_pixel"}
    assert 100 < report.warm <= report.highest


def test_no_prediction_is_lost_or_mixed_up(gradio):
    found = load.gradio_predictions(gradio, count=24, users=4)
    assert found.held, found.lines()
    assert len(found.times) == 24
    assert found.alike == 0


def test_gradio_refuses_what_is_too_large(gradio):
    attempts = load.gradio_door(gradio)
    assert [attempt.line() for attempt in attempts if not attempt.held] == []
    assert "status 413" in attempts[0].said


@pytest.mark.browser
def test_streamlit_refuses_what_is_too_large(streamlit):
    attempts = asyncio.run(load.streamlit_door(streamlit))
    assert [attempt.line() for attempt in attempts if not attempt.held] == []
    assert ["413" in attempt.said for attempt in attempts] == [False, False, False, True, True]


def test_an_answer_that_differs_is_counted():
    tally = load.Tally()
    tally.add("/predict", 0.5, "right", "right", "user 1")
    tally.add("/predict", 1.5, "wrong", "right", "user 2")
    assert tally.different == ["user 2, /predict: wrong instead of right"]
    report = load.Report("gradio", 2, 60, tally, 100, 120, 150)
    assert not report.held
    assert "of which 1 differed" in report.lines()[1]
    assert "+20.0 %" in report.lines()[-1]
    tally.different.clear()
    assert not report.held  # memory alone breaks a promise as well
    assert load.Report("gradio", 2, 60, tally, 100, 109, 150).held


def test_an_answer_to_another_image_is_no_answer():
    mask = np.eye(4, dtype=bool)
    edge = np.zeros((4, 4), bool)
    edge[0, 1] = True
    right = load.Found(mask, 0.9, edge)
    beside, other = mask.copy(), mask.copy()
    beside[0, 1] = other[2, 3] = True
    assert right.fits(load.Found(beside, 0.9))
    assert not right.fits(load.Found(other, 0.9))
    assert not right.fits(load.Found(mask, 0.91))
    assert not right.fits(load.Found(mask[:3], 0.9))
