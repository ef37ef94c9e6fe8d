import io
from functools import partial

import numpy as np
import pytest
from PIL import Image

from demo import cache, export
from demo.cache import ByteCache, find_probability
from demo.detection import detect
from demo.gallery import Gallery, ImageSource, thumbnail
from demo.images import SAMPLES, open_sample
from unet import Segmenter

KEY = ("weights", 0, "")


@pytest.fixture
def gallery(segmenter, monkeypatch):
    monkeypatch.setattr(cache, "CACHE", ByteCache(10**8))
    names = list(SAMPLES)[:3]
    return Gallery({n: ImageSource(("sample", n), partial(open_sample, n)) for n in names}, segmenter, KEY)


def test_a_row_says_what_the_detection_says(gallery, segmenter, monkeypatch):
    image = open_sample("Salt stock")
    probability = segmenter.probability(image.grey)
    threshold = float(np.median(probability))
    found = detect(probability, threshold, image.truth)

    assert gallery.cached_row("Salt stock", threshold) is None
    row = gallery.row("Salt stock", threshold)
    assert row[:4] == (found.share, found.highest, found.iou, found.competition)
    assert gallery.cached_row("Salt stock", threshold) is row
    assert gallery.cached_row("Salt stock", threshold + 0.1) is None

    # Another threshold and another page need no network.
    monkeypatch.setattr(Segmenter, "probability", lambda *_: pytest.fail("computed again"))
    assert gallery.row("Salt stock", threshold + 0.1).highest == row.highest
    assert not find_probability(image, segmenter, KEY).flags.writeable


def test_everything_of_every_image_is_exported(gallery, segmenter):
    names = list(gallery.sources)
    assert [one.name for one in gallery.exported()] == names
    found = [detect(segmenter.probability(image.grey), 0.35, image.truth) for image in map(open_sample, names)]
    rows = map(export.result, export.file_stems(names), names, found)
    assert export.gallery_csv(names, gallery.exported(), 0.35) == export.results_csv(rows)


def test_images_beyond_the_largest_total_are_left_out(segmenter):
    sizes = {"a": 15_000_000, "b": 5_000_000, "c": 1}
    sources = {name: ImageSource(name, lambda: pytest.fail("opened"), size) for name, size in sizes.items()}
    gallery = Gallery(sources, segmenter, KEY)

    assert (list(gallery.sources), gallery.left_out) == (["a", "b"], ["c"])


def test_a_thumbnail_is_small_and_light_and_shows_the_salt():
    mask = np.zeros((400, 300), bool)
    mask[:200] = True
    small = np.asarray(Image.open(io.BytesIO(thumbnail(np.full((400, 300), 100, np.uint8), mask))))

    assert small.shape == (112, 84, 3)
    assert np.abs(small[20, 40].astype(int) - np.array([158, 127, 55])).max() < 12
    assert np.abs(small[90, 40].astype(int) - 100).max() < 6
    noise = np.random.default_rng(0).integers(0, 256, (101, 101), np.uint8)  # nothing compresses worse
    assert 200 * len(thumbnail(noise, noise > 99)) * 4 / 3 < 2_000_000  # 200 images, as Base64
