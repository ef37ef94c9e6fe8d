"""Odd and damaged datasets: the right images, masks and scores, or one sentence."""

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.robustness.checks import RUNS, check_refusal, check_sentence, outcome, untouched
from tests.robustness.hostile_files import GREY, NOISE, SALT, encoded, npy, plant, zipped
from unet import metrics
from unet.data.sections import read_sections
from unet.data.tiles import load_tiles
from unet.segmenter import Segmenter

IMAGE, MASK = encoded(GREY), encoded(SALT)
BOTH = {"images/a.png": IMAGE, "images/b.png": IMAGE, "masks/a.png": MASK, "masks/b.png": MASK}
Make = Callable[[Path], Path]  # writes below a folder, and returns what to name on the command line


def files(files: dict[str, bytes | str | None]) -> Make:
    return lambda inside: plant(inside / "data", files)


def masked(content: bytes | str, name: str = "b.png") -> Make:
    return files({"images/a.png": IMAGE, "images/b.png": IMAGE, "masks/a.png": MASK, f"masks/{name}": content})


def sections(content: bytes | str | None) -> Make:
    return files({**BOTH, "sections.csv": content})


def archived(inside: Path) -> Path:
    return zipped(plant(inside, {"data": None}) / "data/train.zip", BOTH).parent


def linked_masks(inside: Path) -> Path:
    plant(inside, {"elsewhere/salt": MASK, "elsewhere/a.png": "salt"})
    return plant(inside / "data", {"images/a.png": IMAGE, "masks": "../elsewhere"})


def good() -> list[tuple[str, Make, dict[str, np.ndarray]]]:
    """What is odd, the dataset, and id -> the mask that must be read with the image ``GREY``."""
    salt = {"a": SALT, "b": SALT}
    shaded = np.where(GREY > 128, GREY, 0).astype(np.uint8)
    shades = {"masks/a.png": encoded(np.where(SALT, NOISE | 1, 0).astype(np.uint8)), "masks/b.png": encoded(shaded)}
    colour = {f"masks/{name}.png": encoded(np.dstack([shaded] * 3 + [NOISE])) for name in "ab"}
    kinds = {"masks/a.png": encoded(SALT.astype(np.uint16) * 65535), "masks/b.npy": npy(SALT)}
    kinds |= {"masks/c.tif": encoded(SALT.astype(np.uint8), "TIFF"), **{f"images/{name}.png": IMAGE for name in "abc"}}
    return [
        ("a folder", files(BOTH), salt),
        ("a zip in a folder", archived, salt),
        ("masks of 16 bits, as an array, as a TIFF", files(kinds), {**salt, "c": SALT}),
        ("masks with grey values", files({**BOTH, **shades}), {"a": SALT, "b": GREY > 128}),
        ("masks in colour, with alpha", files({**BOTH, **colour}), dict.fromkeys("ab", GREY > 128)),
        ("a mask too many", files({**BOTH, "masks/c.png": b""}), salt),
        ("masks behind links", linked_masks, {"a": SALT}),
        ("sections of a spreadsheet", sections(b"\xef\xbb\xbfid,section\r\na,1\r\n"), salt),
        ("a folder for sections", sections(None), salt),
        ("sections behind a link to itself", sections("sections.csv"), salt),
    ]


def bad() -> list[tuple[str, Make, str]]:
    """What is wrong, the dataset, and words of the sentence it is refused with."""
    columns = "expected the columns id and section"
    return [
        ("a mask missing", files({**BOTH, "images/c.png": IMAGE}), "got none for 1 of them"),
        ("no images", files({"images": None, "masks/a.png": MASK}), "got no images"),
        ("a single image", lambda inside: plant(inside, {"a.png": IMAGE}) / "a.png", "got no images"),
        ("control characters", files({"images/\x1b[31m\n.png": IMAGE}), "\\x1b[31m\\n"),
        ("a mask behind a link to nothing", masked("gone"), "b.png: cannot be read"),
        (
            "a mask of another size",
            masked(encoded(SALT.T.copy())),
            "expected a mask of 40 x 48 as its image, got 48 x 40",
        ),
        ("a mask of no bytes", masked(b""), "b.png: expected an image, got an empty file"),
        ("a mask cut short", masked(MASK[:-20]), "damaged or cut short"),
        ("a mask of NaN", masked(npy(np.where(SALT, 1, np.nan)), "b.npy"), "finite values"),
        ("a mask of many sections", masked(npy(np.zeros((40, 48, 9))), "b.npy"), "got (40, 48, 9)"),
        ("a mask that is a table", masked(npy(np.zeros((40, 48), "u1,u1")), "b.npy"), "got a table"),
        ("an image of another size", files({**BOTH, "images/b.png": encoded(GREY[:, 1:])}), "got 40 x 47"),
        ("an image of one row", files({**BOTH, "images/a.png": encoded(GREY[:1])}), "at least 16 x 16"),
        ("two files of one name", files({**BOTH, "images/b.npy": npy(GREY)}), "one file of each name"),
        ("nothing there", lambda inside: inside / "gone", "no such file or folder"),
        ("sections of other columns", sections(b"tile,line\n"), columns),
        ("sections in Latin-1", sections(b"id,section\na,s\xe9l\n"), "expected a CSV file in UTF-8"),
        ("sections with a line cut short", sections(b"id,section\na,1\nb\n"), "got one cut short"),
        ("sections with a field too long", sections(b"id,section\na," + b"1" * 200_000), "expected a CSV file"),
    ]


EVERY = pytest.mark.parametrize(("make", "expected"), [pytest.param(*row, id=name) for name, *row in [*good(), *bad()]])


@EVERY
def test_tiles_are_read_right_or_refused_in_a_sentence(make, expected, sandbox):
    root = make(sandbox)
    with untouched(sandbox.parent):
        found = outcome(lambda: (load_tiles(root), read_sections(root)))
    if isinstance(expected, str):
        check_sentence(found, expected)
    else:
        tiles, _ = found
        assert tiles.ids == sorted(expected)
        assert all(np.array_equal(image, GREY) for image in tiles.images)
        assert np.array_equal(tiles.masks, [expected[name] for name in tiles.ids])


@EVERY
@pytest.mark.parametrize("run", RUNS)
def test_evaluate_scores_the_right_masks_or_says_why_not(make, expected, run, weights, sandbox):
    root = make(sandbox)
    with untouched(sandbox.parent):
        ended = run(["evaluate", root, "--split", "all", "--weights", weights])
    if isinstance(expected, str):
        check_refusal(ended, "evaluate", expected)
        return
    assert ended.status == 0, ended.err
    assert not re.findall("^(?!read |warning: |data/sections.csv: ).+", ended.err, re.MULTILINE)
    segmenter, masks = Segmenter.load(weights), [expected[name] for name in sorted(expected)]
    scores = metrics.evaluate([segmenter.probability(GREY)] * len(masks), masks, segmenter.threshold)
    found = re.search(r"IoU per image\D*(\d\.\d{4})\D*(\d+) images", ended.out)
    assert found is not None, ended.out
    assert found.groups() == (f"{scores.iou_per_image:.4f}", str(len(masks)))
