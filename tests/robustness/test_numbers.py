"""The numbers of the shipped weights, and that they stay.

The probabilities of both networks on sixteen synthetic sections are stored in tests/data, with the sections themselves:
another processor may draw a section's last grey otherwise, and that is not the networks' doing.  After new weights:
``python -c "from tests.robustness.test_numbers import STORED, store; store(STORED)"``.
"""

from pathlib import Path

import numpy as np
import pytest
import torch

from tests.robustness.checks import LONG
from unet import runtime
from unet.runtime import computes_bfloat16
from unet.segmenter import Segmenter, shipped_weights
from unet.synthetic import section, sections

STORED = Path(__file__).parents[1] / "data" / "probabilities.npz"
NAMES = ("salt-unet", "salt-unet-tiny")
COUNT = 16
LEVELS = 65535  # a stored probability is a whole number of these: half a step is 8e-6


def shipped(name: str, fast: bool = False) -> Segmenter:
    return Segmenter.load(shipped_weights().with_name(f"{name}.safetensors"), fast)


def store(path: Path) -> None:
    """Writes the probabilities of all shipped weights on sections 0 to 15."""
    arrays = {"images": sections(COUNT)[0]}
    for name, segmenter in ((name, shipped(name)) for name in NAMES):
        arrays[name] = np.rint(np.stack(segmenter.probabilities(list(arrays["images"]))) * LEVELS).astype(np.uint16)
        arrays[f"{name}.sha256"] = np.array(segmenter.card.sha256)
    np.savez_compressed(path, allow_pickle=False, **arrays)


def apart(one, other) -> float:
    """The largest difference of two probabilities of the same pixel."""
    return max(float(np.abs(a - b).max()) for a, b in zip(one, other, strict=True))


@pytest.fixture(scope="module")
def stored():
    with np.load(STORED, allow_pickle=False) as arrays:
        return dict(arrays)


@pytest.fixture(scope="module", params=NAMES)
def exact(request):
    return shipped(request.param)


def test_they_are_those_of_the_shipped_weights(exact, stored):
    name = exact.card.name
    assert exact.card.sha256 == stored[f"{name}.sha256"], "store them anew"
    for one in runtime.runtimes(exact.model).keys() - {runtime.BFLOAT16}:
        segmenter = Segmenter(exact.model, exact.card, runtime=one)
        assert apart(segmenter.probabilities(list(stored["images"])), stored[name] / LEVELS) <= 1e-4, one
    # Processors round a few greys otherwise.
    assert np.abs(sections(COUNT)[0].astype(int) - stored["images"]).max() <= 1
    assert 0.1 < (stored[name] > LEVELS / 2).mean() < 0.9  # they say something


@pytest.mark.parametrize("more", [0, pytest.param(200, marks=LONG)])
def test_batch_order_and_threads_do_not_matter(exact, stored, more):
    images = [*stored["images"][:6], *sections(more, first_seed=COUNT)[0], section(0, 230, 300)[0]]  # the last in tiles
    expected, threads = exact.probabilities(images), torch.get_num_threads()
    for size in (1, 5, 64):
        assert apart(exact.probabilities(images, batch_size=size), expected) <= 1e-5
    assert apart(exact.probabilities(images[::-1]), expected[::-1]) <= 1e-5
    try:
        for count in (1, 2, 3):
            torch.set_num_threads(count)
            assert apart(exact.probabilities(images), expected) <= 1e-5
    finally:
        torch.set_num_threads(threads)


@pytest.mark.skipif(not computes_bfloat16(), reason="this processor does not compute in bfloat16")
def test_the_fast_path_finds_the_same_salt(exact, stored):
    images = list(stored["images"])
    one, other = exact.probabilities(images), shipped(exact.card.name, fast=True).probabilities(images)
    assert 0 < apart(one, other) <= 0.06
    a, b = (np.stack(probabilities) > exact.threshold for probabilities in (one, other))
    assert (a & b).sum() / (a | b).sum() >= 0.99
