"""Hostile archives and folders: the right masks, one sentence for each file that cannot be used, nothing else."""

from pathlib import Path

import numpy as np
import pytest

from tests.robustness.checks import MANY, RUNS, check_masks, check_sentence, outcome, sentences, untouched
from tests.robustness.hostile_archives import INTACT, archives
from tests.robustness.hostile_files import EXPECTED, flipped, places, zipped
from unet.files.listing import find_images
from unet.segmenter import Segmenter


@pytest.mark.parametrize("run", RUNS)
@pytest.mark.parametrize(("make", "greys", "words"), [pytest.param(*row, id=name) for name, *row in archives()])
def test_predict_writes_the_right_masks_and_says_what_it_left(make, greys, words, run, weights, sandbox):
    path = make(sandbox)
    with untouched(sandbox.parent, sandbox / "out"):
        ended = run(["predict", path, "--out", "out", "--weights", weights])
    said = sentences(ended)
    assert len(said) == len(words), said
    for expected in words:
        assert any(expected in line for line in said), said
    usage = said and said[0].startswith("predict: ")
    assert ended.status == (2 if usage else 1 if said else 0)
    check_masks(sandbox / "out", greys, Segmenter.load(weights))


@pytest.mark.parametrize("count", MANY)
def test_what_is_found_in_a_damaged_zip_is_right_or_refused(count, sandbox):
    """A name may be damaged without a trace; the pixels have a checksum."""
    path = Path("a.zip")
    whole = zipped(path, INTACT).read_bytes()
    cut = [whole[:place] for place in places(len(whole), count)]
    for content in [*cut, *(flipped(whole, bit) for bit in places(8 * len(whole), count))]:
        path.write_bytes(content)
        found = outcome(lambda: find_images(path))
        for read in [found] if isinstance(found, str) else [outcome(file.read_image) for file in found]:
            if isinstance(read, str):
                check_sentence(read, "a.zip")
            else:
                assert np.array_equal(read.grey, EXPECTED)
