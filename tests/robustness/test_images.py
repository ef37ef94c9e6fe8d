"""Hostile images: a right answer, or one sentence."""

from functools import partial
from pathlib import Path

import numpy as np
import pytest

from tests.robustness.checks import MANY, check_masks, check_sentence, outcome, run_process, sentences, untouched
from tests.robustness.hostile_files import npy, plant, zipped
from tests.robustness.hostile_images import INTACT, HostileImage, damaged, images
from unet.data.tiles import load_tiles
from unet.files.images import read_image
from unet.files.listing import find_images
from unet.segmenter import Segmenter


def from_bytes(given: HostileImage) -> np.ndarray:
    return read_image(given.content, given.name).grey


def listed(path: Path) -> np.ndarray:
    [file] = find_images(path)
    return file.read_image().grey


def from_folder(given: HostileImage) -> np.ndarray:
    return listed(plant(Path("folder"), {given.name: given.content}))


def from_zip(given: HostileImage) -> np.ndarray:
    return listed(zipped(Path("a.zip"), {given.name: given.content}))


def as_tile(given: HostileImage) -> np.ndarray:
    """As the only image of a dataset, with a mask that fits."""
    mask = npy(np.ones((40, 48) if given.grey is None else given.grey.shape, bool))
    entries = {f"images/{given.name}": given.content, f"masks/{Path(given.name).stem}.npy": mask}
    return (load_tiles(zipped(Path("tiles.zip"), entries)).images[0] / 255).astype(np.float32)


def check(given: HostileImage, door) -> None:
    name, _, right, refusal, off = given
    grey = outcome(lambda: door(given))
    if isinstance(grey, str):
        assert refusal is not None or right is None, grey
        check_sentence(grey, Path(name).stem, refusal or "")
        return
    assert right is not None or refusal is None, f"{name} was read"
    if right is None:  # no checksum shows whether it is as it was
        right, off = np.full(grey.shape, 0.5), 0.5
    assert (grey.shape, grey.dtype) == (right.shape, np.float32), name
    assert np.abs(grey - right).max() <= off + (0.5 / 255 if door is as_tile else 0) + 1e-6, name


@pytest.mark.parametrize("door", [from_bytes, from_folder, from_zip, as_tile])
@pytest.mark.parametrize("given", images(), ids=lambda given: given.name)
def test_an_image_is_read_right_or_refused_in_a_sentence(given, door, sandbox):
    with untouched(sandbox.parent, sandbox):
        check(given, door)


@pytest.mark.parametrize("door", [from_bytes, as_tile])
@pytest.mark.parametrize("count", MANY)
@pytest.mark.parametrize("name", INTACT)
def test_damage_is_seen_where_a_file_has_checksums(name, count, door, sandbox):
    for given in damaged(name, count):
        check(given, door)


def test_predict_names_what_it_refuses_and_masks_the_rest(weights, sandbox):
    """The real command: libtiff writes to the terminal past Python."""
    given = {f"{number:03}-{one.name}": one for number, one in enumerate(images())}  # no two of one stem
    plant(Path("images"), {name: one.content for name, one in given.items()})
    found = {name: outcome(partial(from_bytes, one)) for name, one in given.items()}
    with untouched(sandbox.parent, sandbox / "out"):
        ended = run_process(["predict", "images", "--out", "out", "--weights", weights])
    said = sentences(ended)
    assert ended.status == 1
    for name in (name for name, grey in found.items() if isinstance(grey, str)):
        assert sum(line.startswith(f"images/{name}: ") for line in said) == 1, (name, said)
    assert all("images/" in line for line in said)  # the rest are notes on images that were read
    greys = {Path(name).stem: grey for name, grey in found.items() if not isinstance(grey, str)}
    check_masks(Path("out"), greys, Segmenter.load(weights))
