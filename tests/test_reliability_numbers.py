import sys

import numpy as np
import pytest

from reliability import numbers
from unet.runtime import computes_bfloat16
from unet.synthetic import sections


@pytest.fixture(scope="module")
def stored():
    return numbers.stored()


@pytest.fixture(scope="module", params=numbers.NAMES)
def exact(request):
    return numbers.shipped(request.param)


@pytest.fixture(scope="module")
def name(exact):
    return exact.card.name


def test_the_stored_numbers_are_those_of_the_shipped_weights(exact, name, stored):
    assert exact.card.sha256 == stored.sha256[name], "store them anew: python -m reliability.numbers --write"
    assert numbers.drift(exact, stored.images, stored.probabilities[name]) <= 1e-4
    assert 0.1 < (stored.probabilities[name] > 0.5).mean() < 0.9  # they say something


def test_the_stored_sections_are_those_of_their_seeds(stored):
    drawn, _ = sections(numbers.COUNT)
    # Another processor rounds a grey in 80,000 to the next.
    assert np.abs(drawn.astype(int) - stored.images).max() <= 1


def test_batch_order_and_threads_do_not_matter(exact, stored):
    moved = numbers.spread(exact, [*stored.images[:6], numbers.larger(0)])
    assert len(moved) >= 6
    assert max(moved.values()) <= 1e-5, moved


@pytest.mark.skipif(not computes_bfloat16(), reason="this processor does not compute in bfloat16")
def test_the_fast_path_finds_the_same_salt(exact, name, stored):
    found = numbers.fast_path(exact, numbers.shipped(name, fast=True), list(stored.images))
    assert 0 < found.largest <= 0.03
    assert found.iou >= 0.99


def test_a_change_is_noticed(exact, name, stored, tmp_path, monkeypatch, capsys):
    """Other numbers, other weights: the command says which, and ends with 1."""
    moved = stored.probabilities[name].copy()
    moved[3, 50, 50] += 2e-4
    assert numbers.drift(exact, stored.images, moved) > 1e-4
    with np.load(numbers.STORED) as arrays:
        np.savez(tmp_path / "other.npz", **{**arrays, f"{name}.sha256": np.array("0" * 64)})
    other = numbers.stored(tmp_path / "other.npz")
    monkeypatch.setattr(numbers, "stored", lambda: other)
    monkeypatch.setattr(numbers, "NAMES", (name,))
    monkeypatch.setattr(sys, "argv", ["numbers", "--sections", "1"])
    assert numbers.main() == 1
    assert f"{name}: the stored numbers are those of other weights" in capsys.readouterr().out


def test_they_are_stored_as_they_were(stored, tmp_path):
    numbers.store(tmp_path / "anew.npz")
    anew = numbers.stored(tmp_path / "anew.npz")
    assert anew.sha256 == stored.sha256
    for name in numbers.NAMES:
        np.testing.assert_allclose(anew.probabilities[name], stored.probabilities[name], atol=1e-4)
