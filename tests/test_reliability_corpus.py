"""The short form of ``python -m reliability.corpus``, and that its judges would notice a broken promise."""

import pickle
import warnings

import numpy as np
import pytest

from reliability import bad_input, corpus
from reliability.bad_input import GREY, DataInput, ImageInput, Scene, WeightsInput, encoded
from reliability.corpus import Tally


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    return bad_input.small_weights(tmp_path_factory.mktemp("weights"))


def test_every_promise_holds(weights):
    tally = Tally()
    corpus.check_here(tally, weights, cuts=2, flips=8, many=200, every=4)
    assert tally.broken == []
    assert min(count["right"] for count in tally.counts.values()) > 0
    assert min(count["sentence"] for count in tally.counts.values()) > 0


def test_a_process_keeps_the_promises_and_its_memory_is_measured(weights, tmp_path):
    tally = Tally()
    inputs = bad_input.images(tmp_path)
    said = []

    def run(words):
        said.append(corpus.in_its_own(words))
        return said[-1]

    corpus.check_predict_images(tally, "predict", weights, inputs, run)
    assert tally.broken == []
    assert 100 < said[0].megabytes < 1500  # what torch takes, and an image of 40 million pixels
    assert tally.counts["predict"].total() == len(inputs)


def test_a_pickle_would_leave_its_mark(tmp_path):
    """Otherwise it would prove nothing that no mark is found."""
    pickle.loads(bad_input.pickled(tmp_path / "mark"))
    assert (tmp_path / "mark").exists()


class TestAJudgeNotices:
    """What would be a broken promise is counted as one."""

    @pytest.mark.parametrize(
        ("given", "reason"),
        [
            (ImageInput("a.png", encoded(GREY), np.zeros((40, 48), np.float32)), "read as another image"),
            (ImageInput("a.png", encoded(GREY), refusal=""), "should have been refused"),
            (ImageInput("a.png", b"", np.zeros((40, 48), np.float32)), "refused, though it can be read"),
            (ImageInput("a.png", b"", refusal="too large"), "'too large' is not in"),
        ],
    )
    def test_images(self, tmp_path, given, reason):
        tally = Tally()
        corpus.check_images(tally, tmp_path, [given])
        assert len(tally.broken) == 4
        assert all(reason in sentence for sentence in tally.broken[:3])
        assert sum(count["broken"] for count in tally.counts.values()) == 4

    @pytest.mark.parametrize(
        ("greys", "words", "reason"),
        [
            ({}, (), "masks of"),
            ({"a": 1 - bad_input.EXPECTED}, (), "is another one"),
            ({"a": bad_input.EXPECTED}, ("damaged",), "exit status 0"),
        ],
    )
    def test_scenes(self, weights, greys, words, reason):
        def make(inside):
            (inside / "a.png").write_bytes(encoded(GREY))
            return [inside / "a.png"]

        tally = Tally()
        scene = Scene("an image", make, greys, words)
        corpus.check_scenes(tally, "predict", weights, [scene], corpus.in_this_process)
        assert reason in tally.broken[0]

    def test_weights_and_data(self, weights):
        tally = Tally()
        corpus.check_weights(tally, weights, [WeightsInput("good ones", lambda path: None, "damaged")])
        good = {"a.png": encoded(GREY)}
        mask = {"a.png": encoded((GREY > 128).astype(np.uint8))}
        other = DataInput("good ones", lambda inside: bad_input.data_set(inside / "d", good, mask), {"a": GREY < 5})
        corpus.check_data(tally, [other])
        corpus.check_evaluate(tally, "", weights, [other], corpus.in_this_process)
        assert [reason.split(": ")[1] for reason in tally.broken] == [
            "loaded, though they should have been refused", "another mask of a", tally.broken[2].split(": ")[1],
        ]  # fmt: skip
        assert "other scores than" in tally.broken[2]

    def test_what_is_touched_said_and_raised(self, tmp_path):
        (tmp_path / "file").write_bytes(b"old")
        before = corpus.snapshot(tmp_path)
        (tmp_path / "file").write_bytes(b"new")
        assert corpus.snapshot(tmp_path) != before
        for sentence in ("", "two\nlines", "\x1b[31mred", "long" * 1000):
            with pytest.raises(corpus.Broken):
                corpus.check_sentence(sentence)
        with pytest.raises(corpus.Broken, match="a warning: careful"), corpus.no_warnings():
            warnings.warn("careful", stacklevel=1)
        tally = Tally()
        assert not tally.check("a door", "an input", lambda: 1 / 0)
        assert "ZeroDivisionError" in tally.broken[0]
